//! A network with its weights: fit, predict, explain, keep, and hand on in other forms.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use matgrad::data::{Column, Encoder, Table, Values};
use matgrad::expr::graph::NodeId;
use matgrad::expr::matrix::Matrix;
use matgrad::run::real::Real as Number;
use matgrad::{Costs, Evaluator, FitOptions, Link, Method, Network, Precision, Predictor, explain};
use matgrad_codegen::{Language, Real, Style, inference};
use numpy::{Element, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::arrays::{Array, Data, Given, Reading, array, evaluate, numbers};
use crate::error;
use crate::network::{spelling, variable};

/// Training and validation loss of an epoch.
type Losses = (f64, Option<f64>);

/// Rows that a prediction does at once.
pub const BLOCK: usize = 256;

/// A network with its weights, and what was learnt from a table.
#[pyclass(module = "matgrad._matgrad")]
pub struct Model(matgrad::Model);

/// Every number of a batch.
#[pyclass(frozen, module = "matgrad._matgrad")]
pub struct Explanation(explain::Explanation);

/// The precision of this many bits.
pub fn precision(double: bool) -> Precision {
    if double { Precision::F64 } else { Precision::F32 }
}

/// Reads a page; `output` names what it predicts where that is not for the loss to say.
pub fn network(source: &str, output: Option<&str>) -> PyResult<Network> {
    let mut network = Network::parse("network", source).map_err(error)?;
    if let Some(name) = output {
        let found = network.equations.graph.find(name);
        network.output = found.ok_or_else(|| error(format!("the page names no value {name}")))?;
        network.link = Link::Identity;
    }
    Ok(network)
}

/// Weights by name as the nodes of a network.
pub fn weights_of(
    network: &Network,
    weights: &Bound<'_, PyDict>,
) -> PyResult<Vec<(NodeId, Matrix)>> {
    let mut found = Vec::new();
    for (name, value) in weights {
        let (name, value): (String, Array) = (name.extract()?, value.extract()?);
        let (node, value) = (variable(&network.equations, &name)?, value.matrix());
        let graph = &network.equations.graph;
        let shape = graph.shape(node);
        let fits = |dim: matgrad::expr::dim::Dim, n: usize| dim.number() == Some(n as u64);
        if !fits(shape.rows, value.rows) || !fits(shape.cols, value.cols) {
            return Err(error(format!(
                "{name} is {}, the array is {}×{}",
                graph.symbols.shape(shape),
                value.rows,
                value.cols
            )));
        }
        found.push((node, value));
    }
    Ok(found)
}

/// Weights by name.
pub fn weights_to<'py>(
    py: Python<'py>,
    network: &Network,
    weights: Vec<(NodeId, Matrix)>,
) -> PyResult<Bound<'py, PyDict>> {
    let named = PyDict::new(py);
    for (node, value) in weights {
        named.set_item(spelling(&network.equations, node), array(py, value)?)?;
    }
    Ok(named)
}

/// The network's outputs; contiguous rows are read where they lie.
fn outputs<T: Number + Element>(
    py: Python<'_>,
    model: &matgrad::Model,
    rows: &PyReadonlyArray2<'_, T>,
) -> PyResult<Matrix> {
    let network = &model.network;
    let predictor = Predictor::<T>::new(network, &model.weights, BLOCK).map_err(error)?;
    let (count, given) = (rows.shape()[0], rows.shape()[1]);
    let (wanted, cols) = predictor.widths();
    if given != wanted {
        return Err(error(format!("X has {given} columns, the network takes {wanted}")));
    }
    let (numbers, mut found) = (numbers(rows), vec![T::from_f64(0.0); count * cols]);
    py.detach(|| predictor.session().run(&numbers, &mut found)).map_err(error)?;
    let data = found.into_iter().map(|number| number.to_f64()).collect();
    Ok(Matrix::new(count, cols, data))
}

/// A column of a table: numbers (NaN is missing), or words.
#[derive(FromPyObject)]
enum Cells {
    Numbers(Vec<f64>),
    Words(Vec<Option<String>>),
}

fn table(columns: Vec<(String, Cells)>) -> PyResult<Table> {
    let mut rows = None;
    let mut read = Vec::new();
    for (name, cells) in columns {
        let values = match cells {
            Cells::Numbers(numbers) => Values::Numbers(numbers.into()),
            Cells::Words(words) => {
                let mut levels: Vec<String> = words.iter().flatten().cloned().collect();
                levels.sort();
                levels.dedup();
                let code = |word: &String| levels.binary_search(word).ok();
                let codes = words.iter().map(|word| word.as_ref().and_then(code)).collect();
                Values::Categories { levels, codes }
            }
        };
        let count = values.len();
        if *rows.get_or_insert(count) != count {
            return Err(error(format!("column {name} has {count} rows, those before it differ")));
        }
        read.push(Column { name, values });
    }
    let rows = rows.unwrap_or(0);
    let lines = (1..=rows).map(|line| line as f64).collect();
    Ok(Table { file: "the table".into(), columns: read, rows, named: true, lines: Some(lines) })
}

#[pymethods]
impl Model {
    /// A network with drawn weights.
    #[new]
    #[pyo3(signature = (source, seed, double, output = None))]
    fn new(source: &str, seed: u64, double: bool, output: Option<&str>) -> PyResult<Model> {
        let network = network(source, output)?;
        let weights = network.initial(seed).map_err(error)?;
        let (inputs, outputs) = (network.columns(network.input), network.columns(network.target));
        let classes = matches!(network.link, Link::Softmax) && outputs > 1;
        let encoder = Encoder::plain(inputs, outputs, classes).map_err(error)?;
        let (costs, precision) = (Costs::default(), precision(double));
        Ok(Model(matgrad::Model {
            network,
            weights,
            encoder,
            costs,
            seed,
            precision,
            training: None,
        }))
    }

    /// Reads a model file.
    #[staticmethod]
    fn load(path: PathBuf) -> PyResult<Model> {
        matgrad::Model::load(&path).map(Model).map_err(error)
    }

    /// Reads an ONNX graph.
    #[staticmethod]
    #[pyo3(signature = (bytes, loss = None))]
    fn from_onnx(bytes: &[u8], loss: Option<&str>) -> PyResult<Model> {
        matgrad_onnx::import(bytes, None, loss).map(Model).map_err(error)
    }

    /// Writes the model file.
    fn save(&self, path: PathBuf) -> PyResult<()> {
        self.0.save(&path).map_err(error)
    }

    /// Whether its numbers are of 64 bits.
    #[getter]
    fn double(&self) -> bool {
        self.0.precision == Precision::F64
    }

    /// The page.
    #[getter]
    fn source(&self) -> &str {
        &self.0.network.source
    }

    /// The weights by name.
    fn weights<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        weights_to(py, &self.0.network, self.0.weights.clone())
    }

    /// Other weights, by name.
    fn set_weights(&mut self, weights: &Bound<'_, PyDict>) -> PyResult<()> {
        for (node, value) in weights_of(&self.0.network, weights)? {
            let place = self.0.weights.iter_mut().find(|(n, _)| *n == node);
            let (_, place) = place.ok_or_else(|| error("inputs and targets are no weights"))?;
            *place = value;
        }
        self.0.training = None;
        Ok(())
    }

    /// The matrix X that the equations take, of the columns of a table.
    fn encode<'py>(
        &self,
        py: Python<'py>,
        columns: Vec<(String, Cells)>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let table = table(columns)?;
        let rows: Vec<usize> = (0..table.rows).collect();
        let matrix = self.0.encoder.inputs(&table, &rows).map_err(error)?;
        Ok(array(py, Matrix::new(matrix.rows, matrix.cols, matrix.data))?.into_any())
    }

    /// Names of the classes in the order of the outputs; none for numbers.
    #[getter]
    fn labels(&self) -> Vec<String> {
        self.0.encoder.labels().to_vec()
    }

    /// Outputs for rows of X; `linked` makes probabilities of them where the loss says so.
    fn predict<'py>(
        &self,
        py: Python<'py>,
        inputs: Array<'_>,
        linked: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut found = match &inputs {
            Array::F32(rows) => outputs(py, &self.0, rows)?,
            Array::F64(rows) => outputs(py, &self.0, rows)?,
        };
        if linked {
            self.0.network.link.apply(&mut found);
        }
        Ok(array(py, found)?.into_any())
    }

    /// Trains; `as_given` leaves the rows' weights unscaled; `each(number, training loss,
    /// validation loss, weights)` after each epoch says whether to stop. The two losses of each
    /// epoch, and what ended them before their number was reached: `interrupted` by Ctrl-C (the
    /// weights are those of the last epoch then), more than so many `evaluations` of the
    /// objective, or `rest`, a search whose last epoch found no step to take.
    #[expect(clippy::too_many_arguments, reason = "they are the arguments of the Python method")]
    #[pyo3(signature = (inputs, targets, weights, validation, method, settings, epochs, batch, seed, threads, each, evaluations = None, as_given = false))]
    fn fit(
        &mut self,
        py: Python<'_>,
        inputs: Given<'_>,
        targets: Array<'_>,
        weights: Option<Array<'_>>,
        validation: Option<(Array<'_>, Array<'_>)>,
        method: &str,
        settings: HashMap<String, f64>,
        epochs: usize,
        batch: Option<usize>,
        seed: u64,
        threads: usize,
        each: Option<Py<PyAny>>,
        evaluations: Option<usize>,
        as_given: bool,
    ) -> PyResult<(Vec<Losses>, Option<&'static str>)> {
        let options = FitOptions {
            settings: settings.into_iter().collect(),
            epochs,
            batch,
            seed,
            threads,
            precision: self.0.precision,
            max_evaluations: evaluations,
            ..FitOptions::new(Method::named(method).map_err(error)?)
        };
        // A search reads its rows once, as they are.
        let batches = matches!(options.method, Method::Rule(_)).then_some(options.precision);
        let held = Data::hold(inputs, targets, None)?;
        let readings = held.read(py)?;
        let [inputs, targets] = [0, 1].map(|k| Arc::new(readings[k].rows(held.rows, batches)));
        let weights = weights.map(|weights| weights.matrix());
        let validation = validation.map(|(inputs, targets)| (inputs.matrix(), targets.matrix()));
        let model = &mut self.0;
        let (found, losses, ended) = py.detach(|| {
            let held = validation.as_ref().map(|(inputs, targets)| (inputs, targets));
            let network = &model.network;
            let start = network.fit_rows(&model.weights, (inputs, targets), held, &options);
            let mut fit = start.map_err(error)?;
            if let Some(weights) = &weights {
                fit = match as_given {
                    true => fit.weighted_as_given(weights, None),
                    false => fit.weighted(weights, None),
                }
                .map_err(error)?;
            }
            let (mut losses, mut ended) = (Vec::new(), None);
            while let Some(epoch) = fit.next() {
                let epoch = epoch.map_err(error)?;
                losses.push((epoch.train_loss, epoch.validation_loss));
                let asked = Python::attach(|py| {
                    py.check_signals()?;
                    let Some(each) = &each else { return Ok(false) };
                    let weights = weights_to(py, network, fit.weights().map_err(error)?)?;
                    let told = (epoch.number, epoch.train_loss, epoch.validation_loss, weights);
                    each.call1(py, told)?.is_truthy(py)
                });
                match asked {
                    Ok(false) => {}
                    Ok(true) => break,
                    Err(e) if Python::attach(|py| e.is_instance_of::<PyKeyboardInterrupt>(py)) => {
                        ended = Some("interrupted");
                        break;
                    }
                    Err(e) => return Err(e),
                }
            }
            if let Some(done) = fit.evaluations().filter(|_| fit.place().done) {
                let spent = evaluations.is_some_and(|most| done > most);
                ended = ended.or(Some(if spent { "evaluations" } else { "rest" }));
            }
            Ok::<_, PyErr>((fit.weights().map_err(error)?, losses, ended))
        })?;
        (model.weights, model.training, model.seed) = (found, None, seed);
        Ok((losses, ended))
    }

    /// The loss L of these rows, in 64 bits.
    fn loss(
        &self,
        py: Python<'_>,
        inputs: Given<'_>,
        targets: Array<'_>,
        weights: Option<Array<'_>>,
    ) -> PyResult<f64> {
        let data = Data::hold(inputs, targets, weights)?;
        let readings = data.read(py)?;
        let views: Vec<_> = readings.iter().map(Reading::view).collect();
        let rows: Vec<usize> = (0..data.rows).collect();
        let Model(model) = self;
        let done = py.detach(|| {
            let mut evaluator = Evaluator::new(&model.network, rows.len(), Precision::F64)?;
            evaluator.weights(model.weights.iter().map(|(node, m)| (*node, m.data.as_slice())))?;
            evaluate(&mut evaluator, &views, &rows)
        });
        Ok(done.map_err(error)?.0)
    }

    /// Every number of these rows: forward, backward, and a step of descent at this rate.
    fn explain(
        &self,
        py: Python<'_>,
        inputs: Array<'_>,
        targets: Array<'_>,
        rate: f64,
        entries: Vec<String>,
    ) -> PyResult<Explanation> {
        let (x, y) = (inputs.matrix(), targets.matrix());
        let (network, weights) = (&self.0.network, &self.0.weights);
        let said = py.detach(|| explain::explain(network, weights, &x, &y, rate, &entries, 6));
        said.map(Explanation).map_err(error)
    }

    /// The ONNX graph.
    fn onnx<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let graph = matgrad_onnx::export(&self.0).map_err(error)?;
        Ok(PyBytes::new(py, &matgrad_onnx::export::bytes(&graph)))
    }

    /// The forward pass in C99 for up to so many rows: the files, by name.
    fn c(&self, name: &str, rows: usize) -> PyResult<HashMap<String, String>> {
        let real = if self.double() { Real::F64 } else { Real::F32 };
        let notes = matgrad_codegen::columns(&self.0.encoder);
        let style = Style { language: Language::C, name, real, notes: &notes };
        let source = inference(&self.0.network, &self.0.weights, rows, &style).map_err(error)?;
        Ok(source.files.into_iter().collect())
    }
}

#[pymethods]
impl Explanation {
    /// As text, with so many digits after the point.
    fn text(&self, digits: usize) -> String {
        self.0.to_text(digits)
    }

    /// As a page of HTML.
    fn html(&self, digits: usize) -> String {
        self.0.to_html(digits)
    }

    /// As a LaTeX document.
    fn latex(&self, digits: usize) -> String {
        self.0.to_latex(digits)
    }

    /// As JSON.
    fn json(&self) -> String {
        self.0.to_json().to_string()
    }
}

//! Training of a page with inputs X, row weights S and targets Y: the epochs that the estimators
//! ask for, and the output of the trained page.

use std::collections::HashMap;

use matgrad::data::Random;
use matgrad::expr::dim::Symbol;
use matgrad::expr::elaborate::Equations;
use matgrad::expr::graph::NodeId;
use matgrad::expr::matrix::Matrix;
use matgrad::{
    Around, Engine, FitOptions, Method, Network, Precision, Rows, TrainingStep, UpdateRule,
};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{Array, array};
use crate::error;
use crate::network::{page, spelling, variable};

/// The rows of a variable.
struct Data {
    node: NodeId,
    rows: Rows,
}

/// Weights and the state of an update rule, with data to train on.
#[pyclass(module = "matgrad._matgrad")]
pub struct Trainer {
    equations: Equations,
    step: TrainingStep,
    data: Vec<Data>,
    row_weights: Vec<f64>,
    double: bool,
    evaluator: Option<Forward>,
}

fn batch(equations: &Equations) -> PyResult<Symbol> {
    let input = variable(equations, "X")?;
    let rows = equations.graph.shape(input).rows.as_symbol();
    rows.ok_or_else(|| error("X has a fixed number of rows; write `input X : B×columns`"))
}

fn precision(double: bool) -> Precision {
    if double { Precision::F64 } else { Precision::F32 }
}

fn write_weights(
    engine: &mut Engine,
    equations: &Equations,
    weights: &Bound<'_, PyDict>,
) -> PyResult<()> {
    for (name, value) in weights {
        let (name, value): (String, Array) = (name.extract()?, value.extract()?);
        engine.write(variable(equations, &name)?, &value.matrix().data).map_err(error)?;
    }
    Ok(())
}

fn write_rows(engine: &mut Engine, data: &[Data], rows: &[usize]) -> PyResult<()> {
    engine.set_rows(rows.len()).map_err(error)?;
    for part in data {
        engine.gather(part.node, &part.rows, rows).map_err(error)?;
    }
    Ok(())
}

#[pymethods]
impl Trainer {
    #[new]
    fn new(
        source: &str,
        weights: &Bound<'_, PyDict>,
        rule: &str,
        settings: HashMap<String, f64>,
        rows: usize,
        double: bool,
        threads: usize,
    ) -> PyResult<Trainer> {
        let equations = page("network", source)?;
        let rule = if rule.contains("optimizer") {
            UpdateRule::parse("rule", rule)
        } else {
            UpdateRule::named(rule)
        };
        let rule = rule.map_err(error)?;
        let objective = equations.objective.ok_or_else(|| error("the page has no objective"))?;
        let settings: Vec<(String, f64)> = settings.into_iter().collect();
        let rows = (batch(&equations)?, rows.max(1));
        let mut step = TrainingStep::compile(
            &equations,
            objective,
            &rule,
            &settings,
            rows,
            precision(double),
            Around::default(),
        )
        .map_err(error)?;
        step.set_threads(threads);
        write_weights(&mut step.engine, &equations, weights)?;
        Ok(Trainer {
            equations,
            step,
            data: Vec::new(),
            row_weights: Vec::new(),
            double,
            evaluator: None,
        })
    }

    /// The rows to train on: inputs, targets, and a weight for each row.
    fn data(&mut self, inputs: Array<'_>, targets: Array<'_>, weights: Array<'_>) -> PyResult<()> {
        self.row_weights = weights.matrix().data;
        self.data = rows_of(&self.equations, &self.step.engine, &inputs, &targets, &weights)?;
        Ok(())
    }

    /// One epoch in batches of `size` rows, shuffled by `seed` if there is one; the mean of the
    /// objective over the rows, each before its update.
    #[pyo3(signature = (size, seed))]
    fn epoch(&mut self, py: Python<'_>, size: usize, seed: Option<u64>) -> PyResult<f64> {
        py.detach(|| {
            let mut order: Vec<usize> = (0..self.row_weights.len()).collect();
            if let Some(seed) = seed.filter(|_| size < order.len()) {
                Random::seed(seed).shuffle(&mut order);
            }
            let (mut sum, mut total) = (0.0, 0.0);
            for rows in order.chunks(size.max(1)) {
                // A batch of rows that weigh nothing has no mean, and nothing to learn from.
                if rows.iter().all(|&row| self.row_weights[row] == 0.0) {
                    continue;
                }
                write_rows(&mut self.step.engine, &self.data, rows)?;
                sum += self.step.run().map_err(error)? * rows.len() as f64;
                total += rows.len() as f64;
            }
            Ok(sum / total)
        })
    }

    /// The weights by name.
    fn weights<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let weights = PyDict::new(py);
        for node in self.equations.parameters() {
            let shape = self.equations.graph.shape(node);
            let size = |dim: matgrad::expr::dim::Dim| {
                dim.number()
                    .map(|n| n as usize)
                    .ok_or_else(|| error("a parameter needs whole numbers for rows and columns"))
            };
            let data = self.step.engine.read(node).map_err(error)?;
            let value = Matrix::new(size(shape.rows)?, size(shape.cols)?, data);
            weights.set_item(spelling(&self.equations, node), array(py, value)?)?;
        }
        Ok(weights)
    }

    /// Changes a hyperparameter of the rule.
    fn set(&mut self, name: &str, value: f64) -> PyResult<()> {
        self.step.set(if name == "lr" { "η" } else { name }, value).map_err(error)
    }

    /// The state of the update rule, for `restore`.
    fn state(&self) -> PyResult<(usize, Vec<Vec<f64>>)> {
        self.step.state().map_err(error)
    }

    /// Goes on from a state.
    fn restore(&mut self, state: (usize, Vec<Vec<f64>>)) -> PyResult<()> {
        self.step.restore(state.0, &state.1).map_err(error)
    }

    /// The loss L and the output Z on other rows, with the present weights.
    fn evaluate<'py>(
        &mut self,
        py: Python<'py>,
        inputs: Array<'_>,
        targets: Array<'_>,
        weights: Array<'_>,
    ) -> PyResult<(f64, Bound<'py, PyAny>)> {
        let engine = &self.step.engine;
        let data = rows_of(&self.equations, engine, &inputs, &targets, &weights)?;
        let count = inputs.shape().0;
        if self.evaluator.as_ref().is_none_or(|forward| forward.capacity != count) {
            self.evaluator = Some(Forward::new(&self.equations, count, self.double, true)?);
        }
        let forward = self.evaluator.as_mut().expect("it was made just now");
        for node in self.equations.parameters() {
            let values = self.step.engine.read(node).map_err(error)?;
            forward.engine.write(node, &values).map_err(error)?;
        }
        let (value, loss) = py.detach(|| forward.run(&data, count))?;
        Ok((loss, array(py, value)?.into_any()))
    }
}

fn rows_of(
    equations: &Equations,
    engine: &Engine,
    inputs: &Array<'_>,
    targets: &Array<'_>,
    weights: &Array<'_>,
) -> PyResult<Vec<Data>> {
    let mut data = Vec::new();
    for (name, array) in [("X", inputs), ("Y", targets), ("S", weights)] {
        let node = variable(equations, name)?;
        let (rows, _) = array.shape();
        if rows != inputs.shape().0 {
            return Err(error(format!("{name} has {rows} rows, X has {}", inputs.shape().0)));
        }
        data.push(Data { node, rows: engine.rows(&array.matrix()) });
    }
    Ok(data)
}

/// The page without its gradients.
struct Forward {
    engine: Engine,
    output: NodeId,
    loss: Option<NodeId>,
    cols: usize,
    capacity: usize,
}

impl Forward {
    fn new(equations: &Equations, capacity: usize, double: bool, loss: bool) -> PyResult<Forward> {
        let graph = &equations.graph;
        let named = |name: &str| {
            graph.find(name).ok_or_else(|| error(format!("the page names no value {name}")))
        };
        let output = named("Z")?;
        let loss = if loss { Some(named("L")?) } else { None };
        let outputs: Vec<NodeId> = [output].into_iter().chain(loss).collect();
        let rows = Some((batch(equations)?, capacity.max(1)));
        let engine = Engine::new(graph, &outputs, &[], &HashMap::new(), rows, precision(double))
            .map_err(error)?;
        let cols = graph.shape(output).cols.number().unwrap_or(1) as usize;
        Ok(Forward { engine, output, loss, cols, capacity })
    }

    fn run(&mut self, data: &[Data], rows: usize) -> PyResult<(Matrix, f64)> {
        let (mut values, mut sum) = (Vec::with_capacity(rows * self.cols), 0.0);
        let order: Vec<usize> = (0..rows).collect();
        for rows in order.chunks(self.capacity.max(1)) {
            write_rows(&mut self.engine, data, rows)?;
            self.engine.step();
            values.extend(self.engine.read(self.output).map_err(error)?);
            if let Some(loss) = self.loss {
                sum += self.engine.read(loss).map_err(error)?[0] * rows.len() as f64;
            }
        }
        Ok((Matrix::new(rows, self.cols, values), sum / rows as f64))
    }
}

/// The output Z of a page for rows of X.
#[pyfunction]
pub fn output<'py>(
    py: Python<'py>,
    source: &str,
    weights: &Bound<'py, PyDict>,
    inputs: Array<'_>,
    double: bool,
    threads: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let equations = page("network", source)?;
    let rows = inputs.shape().0;
    let mut forward = Forward::new(&equations, rows.min(1024), double, false)?;
    forward.engine.set_threads(threads);
    write_weights(&mut forward.engine, &equations, weights)?;
    let node = variable(&equations, "X")?;
    let data = [Data { node, rows: forward.engine.rows(&inputs.matrix()) }];
    let (value, _) = py.detach(|| forward.run(&data, rows))?;
    Ok(array(py, value)?.into_any())
}

/// Lowers the objective of a page with one input X and one target Y by a solver that searches, on
/// all rows at once: the weights, and the objective before each iteration.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are the arguments of the Python function")]
pub fn search<'py>(
    py: Python<'py>,
    source: &str,
    weights: &Bound<'py, PyDict>,
    solver: &str,
    inputs: Array<'_>,
    targets: Array<'_>,
    iterations: usize,
    tolerance: f64,
) -> PyResult<(Bound<'py, PyDict>, Vec<f64>)> {
    let network = Network::parse("network", source).map_err(error)?;
    let mut start = Vec::new();
    for (name, value) in weights {
        let (name, value): (String, Array) = (name.extract()?, value.extract()?);
        start.push((variable(&network.equations, &name)?, value.matrix()));
    }
    let options = FitOptions {
        settings: vec![("tolerance".into(), tolerance)],
        epochs: iterations,
        precision: Precision::F64,
        ..FitOptions::new(Method::named(solver).map_err(error)?)
    };
    let data = (inputs.matrix(), targets.matrix());
    let (found, losses) = py.detach(|| {
        let mut fit = network.fit(&start, (&data.0, &data.1), None, &options).map_err(error)?;
        let mut losses = Vec::new();
        for epoch in fit.by_ref() {
            losses.push(epoch.map_err(error)?.train_loss);
            // Ctrl-C is seen between two iterations.
            Python::attach(|py| py.check_signals())?;
        }
        Ok::<_, PyErr>((fit.weights().map_err(error)?, losses))
    })?;
    let weights = PyDict::new(py);
    for (node, value) in found {
        weights.set_item(spelling(&network.equations, node), array(py, value)?)?;
    }
    Ok((weights, losses))
}

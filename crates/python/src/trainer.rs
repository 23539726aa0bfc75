//! Epochs of a network with inputs X, targets Y and, where it has them, row weights: what the
//! estimators, which decide after each epoch, ask for.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use matgrad::data::Random;
use matgrad::expr::graph::NodeId;
use matgrad::{Around, Batch, Evaluator, Kept, Network, Precision, TrainingStep, UpdateRule};
use numpy::{IntoPyArray, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{Array, Data, Given, Reading, View, array, evaluate};
use crate::error;
use crate::model::{network, precision, weights_of, weights_to};

/// Steps between two looks at the clock inside an epoch, and time between two looks for Ctrl-C.
const STEPS_A_LOOK: usize = 8;
const A_LOOK: Duration = Duration::from_millis(50);

/// Weights and the state of an update rule, with data to train on.
#[pyclass(module = "matgrad._matgrad")]
pub struct Trainer {
    network: Network,
    step: TrainingStep,
    /// Read where they lie, in each epoch.
    data: Option<Data>,
    /// Those of them that an epoch takes, in order.
    rows: Vec<usize>,
    row_weights: Option<Vec<f64>>,
    /// Whether the batch in place is all rows, so that the next one is too.
    whole: bool,
    precision: Precision,
    evaluator: Option<Evaluator>,
}

/// Steps done, and the numbers of an update rule, an array of either precision each.
type State<'py> = (usize, Vec<Bound<'py, PyAny>>);

/// Puts these rows in their place.
fn place(
    step: &mut TrainingStep,
    views: &[(NodeId, View<'_>)],
    rows: &[usize],
) -> Result<(), matgrad::Error> {
    step.engine.set_rows(rows.len())?;
    views.iter().try_for_each(|(node, view)| view.write(&mut step.engine, *node, rows))
}

/// Numbers of rows, of which there are so many.
fn numbered(rows: &PyReadonlyArray1<'_, i64>, count: usize) -> PyResult<Vec<usize>> {
    let row = |&row: &i64| usize::try_from(row).ok().filter(|&row| row < count);
    let rows: Option<Vec<usize>> = rows.as_array().iter().map(row).collect();
    rows.ok_or_else(|| error(format!("a row is asked for that X, of {count}, lacks")))
}

fn no_data() -> PyErr {
    error("there are no rows; hand them over by `data` first")
}

#[pymethods]
impl Trainer {
    #[new]
    #[expect(clippy::too_many_arguments, reason = "they are the arguments of the Python class")]
    fn new(
        source: &str,
        weights: &Bound<'_, PyDict>,
        rule: &str,
        settings: HashMap<String, f64>,
        rows: usize,
        double: bool,
        threads: usize,
        seed: u64,
    ) -> PyResult<Trainer> {
        let network = network(source, Some("Z"))?;
        let rule = if rule.contains("optimizer") {
            UpdateRule::parse("rule", rule)
        } else {
            UpdateRule::named(rule)
        };
        let rule = rule.map_err(error)?;
        let settings: Vec<(String, f64)> = settings.into_iter().collect();
        let precision = precision(double);
        let mut step = TrainingStep::compile(
            &network.equations,
            network.objective,
            &rule,
            &settings,
            Batch { symbol: network.batch, rows: rows.max(1), fixed: &[] },
            precision,
            Around::default(),
        )
        .map_err(error)?;
        step.seed = seed;
        step.set_threads(threads);
        for (node, value) in network.initial(0).map_err(error)? {
            step.engine.write(node, &value.data).map_err(error)?;
        }
        let mut trainer = Trainer {
            network,
            step,
            data: None,
            rows: Vec::new(),
            row_weights: None,
            whole: false,
            precision,
            evaluator: None,
        };
        trainer.begin(weights)?;
        Ok(trainer)
    }

    /// Other weights to begin with.
    fn begin(&mut self, weights: &Bound<'_, PyDict>) -> PyResult<()> {
        for (node, value) in weights_of(&self.network, weights)? {
            self.step.engine.write(node, &value.data).map_err(error)?;
        }
        Ok(())
    }

    /// Lets the rows go.
    fn release(&mut self) {
        self.data = None;
    }

    /// The rows to train on: inputs, targets, and a weight for each row if the page takes them; of
    /// all these, the rows with the numbers `only`.
    #[pyo3(signature = (inputs, targets, weights = None, only = None))]
    fn data(
        &mut self,
        inputs: Given<'_>,
        targets: Array<'_>,
        weights: Option<Array<'_>>,
        only: Option<PyReadonlyArray1<'_, i64>>,
    ) -> PyResult<()> {
        self.row_weights = weights.as_ref().map(|weights| weights.matrix().data);
        let data = Data::hold(inputs, targets, weights)?;
        self.rows = match only {
            Some(only) => numbered(&only, data.rows)?,
            None => (0..data.rows).collect(),
        };
        self.data = Some(data);
        self.whole = false;
        Ok(())
    }

    /// One epoch in batches of `size` rows, shuffled by `seed` if there is one; the mean of the
    /// objective over the rows, each before its update.
    #[pyo3(signature = (size, seed))]
    fn epoch(&mut self, py: Python<'_>, size: usize, seed: Option<u64>) -> PyResult<f64> {
        let Trainer { network, step, data, rows: all, row_weights, whole, .. } = self;
        let readings = data.as_ref().ok_or_else(no_data)?.read(py)?;
        let nodes = network.row_inputs().into_iter();
        let views: Vec<_> = nodes.zip(readings.iter().map(Reading::view)).collect();
        py.detach(|| {
            let mut order = all.clone();
            if let Some(seed) = seed.filter(|_| size < all.len()) {
                Random::seed(seed).shuffle(&mut order);
            }
            let (mut sum, mut total, mut looked) = (0.0, 0.0, Instant::now());
            for (number, rows) in order.chunks(size.max(1)).enumerate() {
                // A batch of rows that weigh nothing has no mean, and nothing to learn from.
                let weighs = |w: &Vec<f64>| rows.iter().any(|&row| w[row] != 0.0);
                if !row_weights.as_ref().is_none_or(weighs) {
                    continue;
                }
                if !*whole {
                    place(step, &views, rows).map_err(error)?;
                    *whole = rows.len() == all.len();
                }
                sum += step.run().map_err(error)? * rows.len() as f64;
                total += rows.len() as f64;
                if number % STEPS_A_LOOK == STEPS_A_LOOK - 1 && looked.elapsed() > A_LOOK {
                    Python::attach(|py| py.check_signals())?;
                    looked = Instant::now();
                }
            }
            Ok(sum / total)
        })
    }

    /// The weights by name.
    fn weights<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let mut weights = self.network.initial(0).map_err(error)?;
        weights.retain(|(node, _)| self.network.equations.learnt().contains(node));
        for (node, value) in &mut weights {
            value.data = self.step.engine.read(*node).map_err(error)?;
        }
        weights_to(py, &self.network, weights)
    }

    /// Changes a hyperparameter of the rule.
    fn set(&mut self, name: &str, value: f64) -> PyResult<()> {
        self.step.set(if name == "lr" { "η" } else { name }, value).map_err(error)
    }

    /// The state of the update rule, for `restore`: the steps done, and its numbers.
    fn state<'py>(&self, py: Python<'py>) -> PyResult<State<'py>> {
        let (steps, states) = self.step.state().map_err(error)?;
        let arrays = states.into_iter().map(|state| match state {
            Kept::F32(numbers) => numbers.into_pyarray(py).into_any(),
            Kept::F64(numbers) => numbers.into_pyarray(py).into_any(),
        });
        Ok((steps, arrays.collect()))
    }

    /// Goes on from a state.
    fn restore(&mut self, state: State<'_>) -> PyResult<()> {
        let (steps, states) = state;
        let kept = states.iter().map(|state| {
            if let Ok(numbers) = state.extract::<PyReadonlyArray1<'_, f32>>() {
                return Ok(Kept::F32(numbers.as_array().to_vec()));
            }
            let numbers: PyReadonlyArray1<'_, f64> = state.extract()?;
            Ok(Kept::F64(numbers.as_array().to_vec()))
        });
        self.step.restore(steps, &kept.collect::<PyResult<Vec<Kept>>>()?).map_err(error)
    }

    /// The loss L and the output Z of these rows of the data, with the present weights.
    fn evaluate<'py>(
        &mut self,
        py: Python<'py>,
        rows: PyReadonlyArray1<'_, i64>,
    ) -> PyResult<(f64, Bound<'py, PyAny>)> {
        let data = self.data.as_ref().ok_or_else(no_data)?;
        let rows = numbered(&rows, data.rows)?;
        let evaluator = match &mut self.evaluator {
            Some(evaluator) => evaluator,
            none => {
                let made = Evaluator::new(&self.network, rows.len(), self.precision);
                let evaluator = none.insert(made.map_err(error)?);
                let constants = self.network.initial(0).map_err(error)?;
                let constants = constants.iter().map(|(node, m)| (*node, m.data.as_slice()));
                evaluator.weights(constants).map_err(error)?;
                evaluator
            }
        };
        for node in self.network.equations.learnt() {
            let values = self.step.engine.read(node).map_err(error)?;
            evaluator.weights([(node, values.as_slice())].into_iter()).map_err(error)?;
        }
        let readings = data.read(py)?;
        let views: Vec<_> = readings.iter().map(Reading::view).collect();
        let done = py.detach(|| evaluate(evaluator, &views, &rows));
        let (loss, output) = done.map_err(error)?;
        Ok((loss, array(py, output)?.into_any()))
    }
}

//! Epochs of a network with inputs X, targets Y and, where it has them, row weights: what the
//! estimators, which decide after each epoch, ask for.

use std::collections::HashMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use matgrad::data::Random;
use matgrad::expr::graph::NodeId;
use matgrad::expr::matrix::Matrix;
use matgrad::{Around, Batch, Evaluator, Kept, Network, Precision, TrainingStep, UpdateRule};
use numpy::{IntoPyArray, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{Array, Given, Held, View, array};
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
    data: Vec<(NodeId, Held)>,
    /// Those of them that an epoch takes, in order.
    rows: Vec<usize>,
    row_weights: Option<Vec<f64>>,
    /// Whether the batch in place is all rows, so that the next one is too.
    whole: bool,
    /// Memory of a batch that is not in the program's precision.
    buffer: Vec<f64>,
    precision: Precision,
    evaluator: Option<(usize, Evaluator)>,
}

/// Steps done, and the numbers of an update rule, an array of either precision each.
type State<'py> = (usize, Vec<Bound<'py, PyAny>>);

/// Puts these rows in their place.
fn place(
    step: &mut TrainingStep,
    views: &[(NodeId, View<'_>)],
    rows: &[usize],
    buffer: &mut Vec<f64>,
) -> Result<(), matgrad::Error> {
    step.engine.set_rows(rows.len())?;
    views.iter().try_for_each(|(node, view)| view.write(&mut step.engine, *node, rows, buffer))
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
        let constants = network.initial(0).map_err(error)?;
        for (node, value) in constants.into_iter().chain(weights_of(&network, weights)?) {
            step.engine.write(node, &value.data).map_err(error)?;
        }
        Ok(Trainer {
            network,
            step,
            data: Vec::new(),
            rows: Vec::new(),
            row_weights: None,
            whole: false,
            buffer: Vec::new(),
            precision,
            evaluator: None,
        })
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
        let parts = [
            (self.network.input, Some(inputs)),
            (self.network.target, Some(Given::Dense(targets))),
            (self.network.row_weights.unwrap_or(self.network.input), weights.map(Given::Dense)),
        ];
        self.data.clear();
        let mut count = 0;
        for (node, given) in parts.into_iter().filter_map(|(node, given)| Some((node, given?))) {
            let (held, rows) = given.hold()?;
            if self.data.is_empty() {
                count = rows;
            } else if rows != count {
                return Err(error(format!("targets or weights have {rows} rows, X has {count}")));
            }
            self.data.push((node, held));
        }
        self.rows = match only {
            Some(only) => {
                let row = |&row: &i64| usize::try_from(row).ok().filter(|&row| row < count);
                let rows: Option<Vec<usize>> = only.as_array().iter().map(row).collect();
                rows.ok_or_else(|| error(format!("a row is asked for that X, of {count}, lacks")))?
            }
            None => (0..count).collect(),
        };
        self.whole = false;
        Ok(())
    }

    /// One epoch in batches of `size` rows, shuffled by `seed` if there is one; the mean of the
    /// objective over the rows, each before its update.
    #[pyo3(signature = (size, seed))]
    fn epoch(&mut self, py: Python<'_>, size: usize, seed: Option<u64>) -> PyResult<f64> {
        let Trainer { step, data, rows: all, row_weights, whole, buffer, .. } = self;
        let readings = data.iter().map(|(node, held)| Ok((*node, held.read(py)?)));
        let readings: Vec<_> = readings.collect::<PyResult<_>>()?;
        let views: Vec<_> = readings.iter().map(|(node, rows)| (*node, rows.view())).collect();
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
                    place(step, &views, rows, buffer).map_err(error)?;
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

    /// The loss L and the output Z on other rows, with the present weights.
    #[pyo3(signature = (inputs, targets, weights = None))]
    fn evaluate<'py>(
        &mut self,
        py: Python<'py>,
        inputs: Array<'_>,
        targets: Array<'_>,
        weights: Option<Array<'_>>,
    ) -> PyResult<(f64, Bound<'py, PyAny>)> {
        let count = inputs.shape().0;
        if self.evaluator.as_ref().is_none_or(|(capacity, _)| *capacity != count) {
            let mut evaluator =
                Evaluator::new(&self.network, count, self.precision).map_err(error)?;
            let constants = self.network.initial(0).map_err(error)?;
            let constants = constants.iter().map(|(node, m)| (*node, m.data.as_slice()));
            evaluator.weights(constants).map_err(error)?;
            self.evaluator = Some((count, evaluator));
        }
        let (_, evaluator) = self.evaluator.as_mut().expect("it was made just now");
        for node in self.network.equations.learnt() {
            let values = self.step.engine.read(node).map_err(error)?;
            evaluator.weights([(node, values.as_slice())].into_iter()).map_err(error)?;
        }
        let (inputs, targets) = (inputs.matrix(), targets.matrix());
        let weights = weights.map(|weights| weights.matrix());
        let done = py.detach(|| match &weights {
            // The page's mean is that of the rows at hand, by their weights.
            Some(weights) if inputs.rows > evaluator.capacity() => {
                let part = |of: &Matrix, rows: Range<usize>| {
                    let data = of.data[rows.start * of.cols..rows.end * of.cols].to_vec();
                    Matrix::new(rows.len(), of.cols, data)
                };
                let (mut output, mut loss, mut total) = (Vec::new(), 0.0, 0.0);
                for first in (0..inputs.rows).step_by(evaluator.capacity()) {
                    let rows = first..inputs.rows.min(first + evaluator.capacity());
                    let [x, y, s] = [&inputs, &targets, weights].map(|of| part(of, rows.clone()));
                    let weight: f64 = s.data.iter().sum();
                    let (found, mean) = evaluator.run_weighted(&x, Some(&y), Some(&s))?;
                    output.extend(found.data);
                    // Rows that weigh nothing have no mean.
                    loss += if weight > 0.0 { mean * weight } else { 0.0 };
                    total += weight;
                }
                let cols = output.len() / inputs.rows;
                Ok((Matrix::new(inputs.rows, cols, output), loss / total))
            }
            Some(_) | None => evaluator.run_weighted(&inputs, Some(&targets), weights.as_ref()),
        });
        let (value, loss) = done.map_err(error)?;
        Ok((loss, array(py, value)?.into_any()))
    }
}

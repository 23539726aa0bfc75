//! Outputs of a network whose weights are given at each call: what an estimator predicts by, which
//! keeps its weights as arrays that anyone may change.

use std::sync::{Mutex, PoisonError};

use matgrad::expr::graph::NodeId;
use matgrad::expr::matrix::Matrix;
use matgrad::run::real::Real;
use matgrad::{Network, Session};
use numpy::{Element, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{array, numbers};
use crate::error;
use crate::model::{BLOCK, network};
use crate::network::variable;

/// A page that is planned once; threads call it side by side.
#[pyclass(frozen, module = "matgrad._matgrad")]
pub struct Predictor {
    network: Network,
    sessions: Sessions,
}

enum Sessions {
    F32(Idle<f32>),
    F64(Idle<f64>),
}

/// Sessions that no thread has at the moment.
struct Idle<T: Real> {
    predictor: matgrad::Predictor<T>,
    idle: Mutex<Vec<Session<T>>>,
}

#[pymethods]
impl Predictor {
    #[new]
    fn new(source: &str, double: bool, output: &str) -> PyResult<Predictor> {
        let network = network(source, Some(output))?;
        let sessions = match double {
            true => Sessions::F64(Idle::new(&network)?),
            false => Sessions::F32(Idle::new(&network)?),
        };
        Ok(Predictor { network, sessions })
    }

    /// The outputs of these rows with these weights, all of the precision that was asked for.
    fn predict<'py>(
        &self,
        py: Python<'py>,
        weights: &Bound<'py, PyDict>,
        rows: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let found = match &self.sessions {
            Sessions::F32(idle) => idle.run(py, &self.network, weights, rows)?,
            Sessions::F64(idle) => idle.run(py, &self.network, weights, rows)?,
        };
        Ok(array(py, found)?.into_any())
    }
}

impl<T: Real + Element> Idle<T> {
    fn new(network: &Network) -> PyResult<Idle<T>> {
        let predictor = matgrad::Predictor::without_weights(network, BLOCK).map_err(error)?;
        Ok(Idle { predictor, idle: Mutex::default() })
    }

    fn run(
        &self,
        py: Python<'_>,
        network: &Network,
        weights: &Bound<'_, PyDict>,
        rows: &Bound<'_, PyAny>,
    ) -> PyResult<Matrix> {
        let rows: PyReadonlyArray2<'_, T> = rows.extract()?;
        let (count, found) = (rows.shape()[0], rows.shape()[1]);
        let (wanted, cols) = self.predictor.widths();
        if found != wanted {
            return Err(error(format!("X has {found} columns, the network takes {wanted}")));
        }
        let mut arrays: Vec<(NodeId, PyReadonlyArray2<'_, T>)> = Vec::new();
        for (name, value) in weights {
            let node = variable(&network.equations, &name.extract::<String>()?)?;
            arrays.push((node, value.extract()?));
        }
        let weights: Vec<_> = arrays.iter().map(|(node, value)| (*node, numbers(value))).collect();
        let rows = numbers(&rows);
        let mut outputs = vec![T::from_f64(0.0); count * cols];
        py.detach(|| {
            let lock = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let mut session = lock().pop().unwrap_or_else(|| self.predictor.session());
            for (node, values) in &weights {
                session.set_weights(*node, values)?;
            }
            session.run(&rows, &mut outputs)?;
            lock().push(session);
            Ok(())
        })
        .map_err(|e: matgrad::Error| error(e))?;
        let data = outputs.into_iter().map(|number| number.to_f64()).collect();
        Ok(Matrix::new(count, cols, data))
    }
}

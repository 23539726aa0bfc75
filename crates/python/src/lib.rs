//! matgrad for Python: the extension module `matgrad._matgrad`, thin over the crate `matgrad`.
//!
//! Arrays come in as NumPy arrays of either precision and are read in place; long work runs
//! without the interpreter's lock.

mod arrays;
mod model;
mod network;
mod predictor;
mod random;
mod trainer;

use std::collections::HashMap;
use std::ffi::OsString;

use matgrad::Layers;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

pyo3::create_exception!(
    _matgrad,
    Error,
    PyValueError,
    "Equations, data or settings that do not fit."
);

/// Any error of the crate as the Python one, with the same text.
pub(crate) fn error(message: impl std::fmt::Display) -> PyErr {
    Error::new_err(message.to_string())
}

/// Names of the functions that a page may call.
#[pyfunction]
fn functions() -> Vec<String> {
    matgrad::library::standard().names.iter().cloned().collect()
}

/// The settings of a rule or solver with these; says which is not one.
#[pyfunction]
fn settings(method: &str, given: HashMap<String, f64>) -> PyResult<Vec<(String, f64)>> {
    let given: Vec<(String, f64)> = given.into_iter().collect();
    matgrad::Method::named(method).and_then(|method| method.settings(&given)).map_err(error)
}

/// The page of a network of dense layers.
#[pyfunction]
fn layers(
    inputs: usize,
    outputs: usize,
    hidden: Vec<usize>,
    activation: &str,
    loss: &str,
    dropout: f64,
    weight_decay: f64,
) -> String {
    let start = matgrad::Network::layers(inputs, outputs).activation(activation).loss(loss);
    let add = |layers: Layers, &units: &usize| match dropout > 0.0 {
        true => layers.dense(units).dropout(dropout),
        false => layers.dense(units),
    };
    hidden.iter().fold(start, add).weight_decay(weight_decay).equations()
}

/// The command line: what these arguments ask, after the program's name; the exit code.
#[pyfunction]
fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    let arguments = std::iter::once("matgrad".into()).chain(arguments);
    py.detach(|| matgrad_cli::main(arguments))
}

#[pymodule]
fn _matgrad(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("Error", module.py().get_type::<Error>())?;
    module.add_class::<network::Network>()?;
    module.add_class::<predictor::Predictor>()?;
    module.add_class::<random::RandomState>()?;
    module.add_class::<trainer::Trainer>()?;
    module.add_function(wrap_pyfunction!(functions, module)?)?;
    module.add_function(wrap_pyfunction!(main, module)?)?;
    module.add_function(wrap_pyfunction!(settings, module)?)?;
    module.add_function(wrap_pyfunction!(layers, module)?)?;
    module.add_class::<model::Model>()?;
    module.add_class::<model::Explanation>()
}

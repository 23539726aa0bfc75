//! matgrad for Python: the extension module `matgrad._matgrad`, thin over the crate `matgrad`.
//!
//! Arrays come in as NumPy arrays of either precision and are read in place; long work runs
//! without the interpreter's lock.

mod arrays;
mod network;
mod trainer;

use std::ffi::OsString;

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
    module.add_class::<trainer::Trainer>()?;
    module.add_function(wrap_pyfunction!(functions, module)?)?;
    module.add_function(wrap_pyfunction!(main, module)?)?;
    module.add_function(wrap_pyfunction!(trainer::search, module)?)?;
    module.add_function(wrap_pyfunction!(trainer::output, module)?)
}

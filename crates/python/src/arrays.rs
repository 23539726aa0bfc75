//! NumPy arrays to matrices and back.

use matgrad::expr::matrix::Matrix;
use numpy::{IntoPyArray, PyArray2, PyArrayMethods, PyReadonlyArray2};
use pyo3::prelude::*;

use crate::error;

/// A two-dimensional array of either precision, in any memory order.
#[derive(FromPyObject)]
pub enum Array<'py> {
    /// 32 bits.
    F32(PyReadonlyArray2<'py, f32>),
    /// 64 bits.
    F64(PyReadonlyArray2<'py, f64>),
}

impl Array<'_> {
    /// (rows, columns)
    pub fn shape(&self) -> (usize, usize) {
        let shape = match self {
            Array::F32(array) => array.as_array().dim(),
            Array::F64(array) => array.as_array().dim(),
        };
        (shape.0, shape.1)
    }

    /// The numbers row by row in 64 bits.
    pub fn matrix(&self) -> Matrix {
        let (rows, cols) = self.shape();
        let data = match self {
            Array::F32(array) => array.as_array().iter().map(|&x| f64::from(x)).collect(),
            Array::F64(array) => array.as_array().iter().copied().collect(),
        };
        Matrix::new(rows, cols, data)
    }
}

/// A new NumPy array.
pub fn array<'py>(py: Python<'py>, matrix: Matrix) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let (rows, cols) = (matrix.rows, matrix.cols);
    matrix.data.into_pyarray(py).reshape([rows, cols]).map_err(error)
}

//! NumPy arrays to matrices and back.

use matgrad::expr::matrix::Matrix;
use matgrad::{Engine, Rows};
use numpy::{IntoPyArray, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
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

/// Rows that batches are taken from.
pub enum Source {
    /// All their numbers.
    Dense(Rows),
    /// Those that are not 0.
    Sparse(Sparse),
}

/// Compressed rows: of row i, entries `starts[i]..starts[i + 1]` are its columns and numbers.
pub struct Sparse {
    cols: usize,
    starts: Vec<usize>,
    columns: Vec<usize>,
    numbers: Vec<f64>,
}

impl Sparse {
    /// These rows with their zeros.
    pub fn dense(&self, rows: &[usize], out: &mut Vec<f64>) {
        out.clear();
        out.resize(rows.len() * self.cols, 0.0);
        for (row, to) in rows.iter().zip(out.chunks_mut(self.cols.max(1))) {
            for entry in self.starts[*row]..self.starts[row + 1] {
                to[self.columns[entry]] += self.numbers[entry];
            }
        }
    }
}

/// What rows may come as: an array, or (columns, starts, columns of entries, entries).
#[derive(FromPyObject)]
pub enum Given<'py> {
    /// An array.
    Dense(Array<'py>),
    /// Compressed rows, as SciPy's `csr_array` has them.
    Sparse(
        usize,
        PyReadonlyArray1<'py, i64>,
        PyReadonlyArray1<'py, i64>,
        PyReadonlyArray1<'py, f64>,
    ),
}

impl Given<'_> {
    /// Rows in the precision of an engine, and how many.
    ///
    /// # Errors
    /// Compressed rows that point outside.
    pub fn source(&self, engine: &Engine) -> PyResult<(Source, usize)> {
        match self {
            Given::Dense(array) => {
                let rows = match (array, engine) {
                    (Array::F32(array), Engine::F32(_)) => {
                        let array = array.as_array();
                        Rows::single(array.ncols(), array.iter().copied().collect())
                    }
                    (Array::F32(_) | Array::F64(_), Engine::F32(_) | Engine::F64(_)) => {
                        engine.rows(&array.matrix())
                    }
                };
                Ok((Source::Dense(rows), array.shape().0))
            }
            Given::Sparse(cols, starts, columns, numbers) => {
                let whole = |array: &PyReadonlyArray1<'_, i64>| -> PyResult<Vec<usize>> {
                    let numbers = array.as_array().iter().map(|&i| usize::try_from(i)).collect();
                    Result::map_err(numbers, error)
                };
                let (starts, columns) = (whole(starts)?, whole(columns)?);
                let numbers: Vec<f64> = numbers.as_array().iter().copied().collect();
                let ascending = starts.windows(2).all(|pair| pair[0] <= pair[1]);
                if !ascending
                    || starts.last() != Some(&numbers.len())
                    || columns.len() != numbers.len()
                    || columns.iter().any(|column| column >= cols)
                {
                    return Err(error("these compressed rows point outside of themselves"));
                }
                let rows = starts.len() - 1;
                Ok((Source::Sparse(Sparse { cols: *cols, starts, columns, numbers }), rows))
            }
        }
    }
}

/// A new NumPy array.
pub fn array<'py>(py: Python<'py>, matrix: Matrix) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let (rows, cols) = (matrix.rows, matrix.cols);
    matrix.data.into_pyarray(py).reshape([rows, cols]).map_err(error)
}

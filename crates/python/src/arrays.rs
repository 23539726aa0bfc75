//! NumPy arrays to matrices and back.

use matgrad::expr::graph::NodeId;
use matgrad::expr::matrix::Matrix;
use matgrad::run::machine::Machine;
use matgrad::run::real::Real;
use matgrad::{Engine, Error};
use numpy::ndarray::ArrayView2;
use numpy::{
    IntoPyArray, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArrayMethods,
};
use pyo3::prelude::*;

use crate::error;

/// A two-dimensional array of either precision, in any memory order, read where it lies.
#[derive(FromPyObject)]
pub enum Array<'py> {
    /// 64 bits; first, since it is the common one and a try that fails costs.
    F64(PyReadonlyArray2<'py, f64>),
    /// 32 bits.
    F32(PyReadonlyArray2<'py, f32>),
}

impl Array<'_> {
    /// (rows, columns)
    pub fn shape(&self) -> (usize, usize) {
        let shape = match self {
            Array::F32(array) => array.shape(),
            Array::F64(array) => array.shape(),
        };
        (shape[0], shape[1])
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

    /// Its numbers, without a copy.
    pub fn view(&self) -> View<'_> {
        match self {
            Array::F32(array) => View::F32(array.as_array()),
            Array::F64(array) => View::F64(array.as_array()),
        }
    }
}

/// An array that is held between calls.
pub enum Held {
    /// 64 bits.
    F64(Py<PyArray2<f64>>),
    /// 32 bits.
    F32(Py<PyArray2<f32>>),
    /// Compressed rows.
    Sparse(Sparse),
}

impl Held {
    /// The rows, to be read.
    ///
    /// # Errors
    /// An array that something else is writing to.
    pub fn read<'a>(&'a self, py: Python<'a>) -> PyResult<Reading<'a>> {
        Ok(match self {
            Held::F64(array) => {
                Reading::Array(Array::F64(array.bind(py).try_readonly().map_err(error)?))
            }
            Held::F32(array) => {
                Reading::Array(Array::F32(array.bind(py).try_readonly().map_err(error)?))
            }
            Held::Sparse(sparse) => Reading::Sparse(sparse),
        })
    }
}

/// Rows that nothing writes to while they are read.
pub enum Reading<'a> {
    /// Of an array.
    Array(Array<'a>),
    /// Compressed.
    Sparse(&'a Sparse),
}

impl Reading<'_> {
    /// Their numbers, without a copy.
    pub fn view(&self) -> View<'_> {
        match self {
            Reading::Array(array) => array.view(),
            Reading::Sparse(sparse) => View::Sparse(sparse),
        }
    }
}

/// Numbers that batches are taken from, where they lie.
pub enum View<'a> {
    /// 64 bits.
    F64(ArrayView2<'a, f64>),
    /// 32 bits.
    F32(ArrayView2<'a, f32>),
    /// Compressed rows.
    Sparse(&'a Sparse),
}

impl View<'_> {
    /// Writes these rows into a variable of a program, which has a memory of its own; one that the
    /// program does not use is passed over.
    ///
    /// # Errors
    /// The wrong number of numbers.
    pub fn write(
        &self,
        engine: &mut Engine,
        to: NodeId,
        rows: &[usize],
        buffer: &mut Vec<f64>,
    ) -> Result<(), Error> {
        match (engine, self) {
            (Engine::F64(machine), View::F64(from)) => gather(machine, to, from, rows),
            (Engine::F32(machine), View::F32(from)) => gather(machine, to, from, rows),
            (engine, View::F64(from)) => {
                buffer.clear();
                buffer.extend(rows.iter().flat_map(|&row| from.row(row).into_iter().copied()));
                engine.write(to, buffer)
            }
            (engine, View::F32(from)) => {
                let number = |&x: &f32| f64::from(x);
                buffer.clear();
                buffer.extend(rows.iter().flat_map(|&row| from.row(row).into_iter().map(number)));
                engine.write(to, buffer)
            }
            (engine, View::Sparse(from)) => {
                from.dense(rows, buffer);
                engine.write(to, buffer)
            }
        }
    }
}

fn gather<T: Real>(
    machine: &mut Machine<T>,
    to: NodeId,
    from: &ArrayView2<'_, T>,
    rows: &[usize],
) -> Result<(), Error> {
    let Some(slot) = machine.program().variable(to).copied() else { return Ok(()) };
    if let Some(numbers) = from.as_slice() {
        let written = machine.write_rows_from(to, numbers, from.ncols(), rows);
        return written.map_err(|e| Error::Run(e.to_string()));
    }
    let place = machine.slice_mut(&slot);
    if place.len() != rows.len() * from.ncols() {
        let (given, wanted) = (rows.len() * from.ncols(), place.len());
        return Err(Error::Run(format!("{given} numbers are given, {wanted} are wanted")));
    }
    for (to, &row) in place.chunks_mut(from.ncols().max(1)).zip(rows) {
        to.iter_mut().zip(from.row(row)).for_each(|(to, &from)| *to = from);
    }
    Ok(())
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
    fn dense(&self, rows: &[usize], out: &mut Vec<f64>) {
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
    /// Holds the rows, and says how many they are.
    ///
    /// # Errors
    /// Compressed rows that point outside.
    pub fn hold(&self) -> PyResult<(Held, usize)> {
        match self {
            Given::Dense(array) => {
                let held = match array {
                    Array::F32(array) => Held::F32((**array).clone().unbind()),
                    Array::F64(array) => Held::F64((**array).clone().unbind()),
                };
                Ok((held, array.shape().0))
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
                Ok((Held::Sparse(Sparse { cols: *cols, starts, columns, numbers }), rows))
            }
        }
    }
}

/// A new NumPy array.
pub fn array<'py>(py: Python<'py>, matrix: Matrix) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let (rows, cols) = (matrix.rows, matrix.cols);
    matrix.data.into_pyarray(py).reshape([rows, cols]).map_err(error)
}

//! NumPy arrays to matrices and back.

use std::borrow::Cow;
use std::convert::Infallible;

use matgrad::expr::graph::NodeId;
use matgrad::expr::matrix::Matrix;
use matgrad::run::machine::Machine;
use matgrad::run::real::Real;
use matgrad::{Engine, Error, Evaluator, Precision, Rows, Sparse};
use numpy::ndarray::{ArrayView1, ArrayView2};
use numpy::{
    Element, IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
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

    /// That of its numbers.
    fn precision(&self) -> Precision {
        match self {
            Array::F32(_) => Precision::F32,
            Array::F64(_) => Precision::F64,
        }
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

    /// Its rows for a fit: where they lie, if row by row and in the precision of the fit.
    pub fn rows(&self, precision: Precision) -> Rows<'_> {
        let cols = self.shape().1;
        match (self, precision) {
            (Array::F64(array), Precision::F64) => match array.as_array().to_slice() {
                Some(numbers) => Rows::double_lent(cols, numbers),
                None => Rows::double(cols, array.as_array().iter().copied().collect()),
            },
            (Array::F32(array), Precision::F64) => {
                Rows::double(cols, array.as_array().iter().map(|&x| f64::from(x)).collect())
            }
            (Array::F64(array), Precision::F32) => {
                Rows::single(cols, array.as_array().iter().map(|&x| x as f32).collect())
            }
            (Array::F32(array), Precision::F32) => match array.as_array().to_slice() {
                Some(numbers) => Rows::single_lent(cols, numbers),
                None => Rows::single(cols, array.as_array().iter().copied().collect()),
            },
        }
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
    /// Columns, 64 bits.
    Columns64(Blocks<Py<PyArray1<f64>>>),
    /// Columns, 32 bits.
    Columns32(Blocks<Py<PyArray1<f32>>>),
    /// Compressed rows.
    Sparse(Sparse),
}

/// A table by columns in blocks of rows one below the other, as Arrow has them.
pub struct Blocks<C> {
    /// The first row of each block.
    starts: Vec<usize>,
    columns: Vec<Vec<C>>,
}

impl<C> Blocks<C> {
    fn map<'a, D, E>(&'a self, of: impl Fn(&'a C) -> Result<D, E>) -> Result<Blocks<D>, E> {
        let columns = self.columns.iter().map(|block| block.iter().map(&of).collect());
        Ok(Blocks { starts: self.starts.clone(), columns: columns.collect::<Result<_, E>>()? })
    }

    /// The columns that have this row, and which of theirs it is.
    fn at(&self, row: usize) -> (&[C], usize) {
        let block = self.starts.partition_point(|&start| start <= row) - 1;
        (&self.columns[block], row - self.starts[block])
    }
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
            Held::Columns64(held) => {
                Reading::Columns64(held.map(|c| c.bind(py).try_readonly().map_err(error))?)
            }
            Held::Columns32(held) => {
                Reading::Columns32(held.map(|c| c.bind(py).try_readonly().map_err(error))?)
            }
            Held::Sparse(sparse) => Reading::Sparse(sparse),
        })
    }
}

/// Rows that nothing writes to while they are read.
pub enum Reading<'a> {
    /// Of an array.
    Array(Array<'a>),
    /// Of columns, 64 bits.
    Columns64(Blocks<PyReadonlyArray1<'a, f64>>),
    /// Of columns, 32 bits.
    Columns32(Blocks<PyReadonlyArray1<'a, f32>>),
    /// Compressed.
    Sparse(&'a Sparse),
}

impl Reading<'_> {
    /// Their numbers, without a copy.
    pub fn view(&self) -> View<'_> {
        match self {
            Reading::Array(array) => array.view(),
            Reading::Columns64(columns) => View::Columns64(viewed(columns)),
            Reading::Columns32(columns) => View::Columns32(viewed(columns)),
            Reading::Sparse(sparse) => View::Sparse(sparse),
        }
    }

    /// These `count` rows for a fit: where they lie, if row by row, and in this precision if there
    /// is one.
    pub fn rows(&self, count: usize, precision: Option<Precision>) -> Rows<'_> {
        match self {
            Reading::Array(array) => array.rows(precision.unwrap_or(array.precision())),
            Reading::Sparse(sparse) => Rows::sparse(sparse),
            Reading::Columns64(_) | Reading::Columns32(_) => {
                let all: Vec<usize> = (0..count).collect();
                let dense = self.view().matrix(&all);
                Rows::double(dense.cols, dense.data)
            }
        }
    }
}

fn viewed<'a, T: Element>(
    columns: &'a Blocks<PyReadonlyArray1<'_, T>>,
) -> Blocks<ArrayView1<'a, T>> {
    let Ok(views) = columns.map(|column| Ok::<_, Infallible>(column.as_array()));
    views
}

/// The numbers row by row: where they lie, if that is how they do.
pub fn numbers<'a, T: Element + Copy>(array: &'a PyReadonlyArray2<'_, T>) -> Cow<'a, [T]> {
    match array.as_array().to_slice() {
        Some(numbers) => Cow::Borrowed(numbers),
        None => Cow::Owned(array.as_array().iter().copied().collect()),
    }
}

/// Numbers that batches are taken from, where they lie.
pub enum View<'a> {
    /// 64 bits.
    F64(ArrayView2<'a, f64>),
    /// 32 bits.
    F32(ArrayView2<'a, f32>),
    /// Columns, 64 bits.
    Columns64(Blocks<ArrayView1<'a, f64>>),
    /// Columns, 32 bits.
    Columns32(Blocks<ArrayView1<'a, f32>>),
    /// Compressed rows.
    Sparse(&'a Sparse),
}

impl View<'_> {
    fn cols(&self) -> usize {
        match self {
            View::F64(from) => from.ncols(),
            View::F32(from) => from.ncols(),
            View::Columns64(from) => from.columns.first().map_or(0, Vec::len),
            View::Columns32(from) => from.columns.first().map_or(0, Vec::len),
            View::Sparse(from) => from.cols(),
        }
    }

    fn row<T: Real>(&self, row: usize, to: &mut [T]) {
        fn fill<T>(to: &mut [T], from: impl Iterator<Item = T>) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = from);
        }
        match self {
            View::F64(from) => fill(to, from.row(row).iter().map(|&x| T::from_f64(x))),
            View::F32(from) => fill(to, from.row(row).iter().map(|&x| T::from_f64(x.into()))),
            View::Columns64(from) => {
                let (columns, row) = from.at(row);
                fill(to, columns.iter().map(|c| T::from_f64(c[row])));
            }
            View::Columns32(from) => {
                let (columns, row) = from.at(row);
                fill(to, columns.iter().map(|c| T::from_f64(c[row].into())));
            }
            View::Sparse(from) => from.write(row, to),
        }
    }

    /// Writes these rows into a variable of a program, where it has them; one that the program does
    /// not use is passed over.
    ///
    /// # Errors
    /// The wrong number of numbers.
    pub fn write(&self, engine: &mut Engine, to: NodeId, rows: &[usize]) -> Result<(), Error> {
        match (engine, self) {
            (Engine::F64(machine), View::F64(from)) if from.is_standard_layout() => {
                gather(machine, to, from, rows)
            }
            (Engine::F32(machine), View::F32(from)) if from.is_standard_layout() => {
                gather(machine, to, from, rows)
            }
            (Engine::F64(machine), from) => from.place(machine, to, rows),
            (Engine::F32(machine), from) => from.place(machine, to, rows),
        }
    }

    fn place<T: Real>(
        &self,
        machine: &mut Machine<T>,
        to: NodeId,
        rows: &[usize],
    ) -> Result<(), Error> {
        let Some(slot) = machine.program().variable(to).copied() else { return Ok(()) };
        let (place, cols) = (machine.slice_mut(&slot), self.cols());
        if place.len() != rows.len() * cols {
            let (given, wanted) = (rows.len() * cols, place.len());
            return Err(Error::Run(format!("{given} numbers are given, {wanted} are wanted")));
        }
        for (to, &row) in place.chunks_mut(cols.max(1)).zip(rows) {
            self.row(row, to);
        }
        Ok(())
    }

    /// These rows in 64 bits.
    pub fn matrix(&self, rows: &[usize]) -> Matrix {
        let mut data = vec![0.0; rows.len() * self.cols()];
        for (to, &row) in data.chunks_mut(self.cols().max(1)).zip(rows) {
            self.row(row, to);
        }
        Matrix::new(rows.len(), self.cols(), data)
    }
}

fn gather<T: Real>(
    machine: &mut Machine<T>,
    to: NodeId,
    from: &ArrayView2<'_, T>,
    rows: &[usize],
) -> Result<(), Error> {
    if machine.program().variable(to).is_none() {
        return Ok(());
    }
    let numbers = from.as_slice().unwrap_or_default();
    let written = machine.write_rows_from(to, numbers, from.ncols(), rows);
    written.map_err(|e| Error::Run(e.to_string()))
}

/// Rows of inputs, of targets, and a weight for each where there are weights.
pub struct Data {
    parts: Vec<Held>,
    /// How many.
    pub rows: usize,
}

impl Data {
    /// Holds them.
    ///
    /// # Errors
    /// Rows that are not as many.
    pub fn hold(
        inputs: Given<'_>,
        targets: Array<'_>,
        weights: Option<Array<'_>>,
    ) -> PyResult<Data> {
        let (first, rows) = inputs.hold()?;
        let mut parts = vec![first];
        for given in [Some(targets), weights].into_iter().flatten() {
            let (held, count) = Given::Dense(given).hold()?;
            if count != rows {
                return Err(error(format!("targets or weights have {count} rows, X has {rows}")));
            }
            parts.push(held);
        }
        Ok(Data { parts, rows })
    }

    /// All of them, to be read.
    ///
    /// # Errors
    /// An array that something else is writing to.
    pub fn read<'a>(&'a self, py: Python<'a>) -> PyResult<Vec<Reading<'a>>> {
        self.parts.iter().map(|part| part.read(py)).collect()
    }
}

/// The loss L and the output Z of these rows, as many at once as the evaluator takes.
///
/// # Errors
/// Those of [`Evaluator::run`].
pub fn evaluate(
    evaluator: &mut Evaluator,
    views: &[View<'_>],
    rows: &[usize],
) -> Result<(f64, Matrix), Error> {
    let (mut output, mut loss, mut total) = (Vec::new(), 0.0, 0.0);
    for rows in rows.chunks(evaluator.capacity()) {
        let parts: Vec<Matrix> = views.iter().map(|view| view.matrix(rows)).collect();
        let (found, mean) = evaluator.run_weighted(&parts[0], parts.get(1), parts.get(2))?;
        output.extend(found.data);
        // The page's mean is that of the rows at hand, by their weights; those of none have none.
        let weight = parts.get(2).map_or(rows.len() as f64, |weights| weights.data.iter().sum());
        loss += if weight == 0.0 { 0.0 } else { mean * weight };
        total += weight;
    }
    let cols = output.len() / rows.len().max(1);
    Ok((loss / total, Matrix::new(rows.len(), cols, output)))
}

/// What rows may come as: an array, (columns, starts, columns of entries, entries), or a list of
/// blocks of rows, each a list of its columns.
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
    /// Columns, 64 bits.
    Columns64(Vec<Vec<PyReadonlyArray1<'py, f64>>>),
    /// Columns, 32 bits.
    Columns32(Vec<Vec<PyReadonlyArray1<'py, f32>>>),
}

/// Holds columns, and says how many rows they are.
fn hold<T: Element>(
    blocks: &[Vec<PyReadonlyArray1<'_, T>>],
) -> PyResult<(Blocks<Py<PyArray1<T>>>, usize)> {
    let (mut held, mut rows) = (Blocks { starts: vec![], columns: vec![] }, 0);
    for block in blocks {
        let count = block.first().map_or(0, |column| column.len());
        if block.len() != blocks[0].len() || block.iter().any(|column| column.len() != count) {
            return Err(error("the columns of this table differ in length"));
        }
        held.starts.push(rows);
        held.columns.push(block.iter().map(|column| (**column).clone().unbind()).collect());
        rows += count;
    }
    Ok((held, rows))
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
            Given::Columns64(columns) => hold(columns).map(|(c, rows)| (Held::Columns64(c), rows)),
            Given::Columns32(columns) => hold(columns).map(|(c, rows)| (Held::Columns32(c), rows)),
            Given::Sparse(cols, starts, columns, numbers) => {
                let whole = |array: &PyReadonlyArray1<'_, i64>| -> PyResult<Vec<usize>> {
                    let numbers = array.as_array().iter().map(|&i| usize::try_from(i)).collect();
                    Result::map_err(numbers, error)
                };
                let numbers = numbers.as_array().iter().copied().collect();
                let sparse = Sparse::new(*cols, whole(starts)?, whole(columns)?, numbers);
                let sparse = sparse.map_err(error)?;
                let rows = sparse.len();
                Ok((Held::Sparse(sparse), rows))
            }
        }
    }
}

/// A new NumPy array.
pub fn array<'py>(py: Python<'py>, matrix: Matrix) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let (rows, cols) = (matrix.rows, matrix.cols);
    matrix.data.into_pyarray(py).reshape([rows, cols]).map_err(error)
}

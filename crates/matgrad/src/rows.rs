//! Rows to take batches from, in the precision of a program, in memory or in a file.

use std::ops::{Deref, Range};

use matgrad_data::{Growing, Memory, Store};
use matgrad_expr::matrix::Matrix;

use crate::{Error, Precision, Sparse};

/// Rows of a matrix in the precision of a program, so that batches are gathered without rounding
/// them again; their own, or lent to them.
pub struct Rows<'a> {
    cols: usize,
    pub(crate) numbers: Numbers<'a>,
}

pub(crate) enum Numbers<'a> {
    F32(Held<'a, f32>),
    F64(Held<'a, f64>),
    Sparse(&'a Sparse),
}

/// Generic, as numbers are of 32 or 64 bits.
pub(crate) enum Held<'a, T> {
    Own(Store<T>),
    Lent(&'a [T]),
}

impl<T> Held<'_, T> {
    /// Numbers whose rows are read in any order.
    fn scattered(numbers: Store<T>) -> Self {
        numbers.will_be_scattered();
        Held::Own(numbers)
    }

    fn will_need(&self, values: Range<usize>) {
        match self {
            Held::Own(numbers) => numbers.will_need(values),
            // They are in memory.
            Held::Lent(_) => {}
        }
    }
}

impl<T> Deref for Held<'_, T>
where
    Store<T>: Deref<Target = [T]>,
{
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Held::Own(numbers) => numbers,
            Held::Lent(numbers) => numbers,
        }
    }
}

/// Numbers of which a checksum is taken at a time.
const PART: usize = 1 << 16;

impl Rows<'static> {
    /// Rows of `cols` numbers in single precision.
    pub fn single(cols: usize, numbers: Vec<f32>) -> Rows<'static> {
        Rows { cols, numbers: Numbers::F32(Held::Own(numbers.into())) }
    }

    /// Rows of `cols` numbers in double precision.
    pub fn double(cols: usize, numbers: Vec<f64>) -> Rows<'static> {
        Rows { cols, numbers: Numbers::F64(Held::Own(numbers.into())) }
    }

    /// The rows of a matrix.
    pub fn of(matrix: &Matrix, precision: Precision) -> Rows<'static> {
        let data = &matrix.data;
        match precision {
            Precision::F32 => Rows::single(matrix.cols, data.iter().map(|&x| x as f32).collect()),
            Precision::F64 => Rows::double(matrix.cols, data.clone()),
        }
    }
}

impl<'a> Rows<'a> {
    /// Rows of `cols` numbers in single precision, where they lie.
    pub fn single_lent(cols: usize, numbers: &'a [f32]) -> Rows<'a> {
        Rows { cols, numbers: Numbers::F32(Held::Lent(numbers)) }
    }

    /// Rows of `cols` numbers in double precision, where they lie.
    pub fn double_lent(cols: usize, numbers: &'a [f64]) -> Rows<'a> {
        Rows { cols, numbers: Numbers::F64(Held::Lent(numbers)) }
    }

    /// Compressed rows, where they lie; a program has them with their zeros.
    pub fn sparse(rows: &'a Sparse) -> Rows<'a> {
        Rows { cols: rows.cols(), numbers: Numbers::Sparse(rows) }
    }

    /// How many.
    pub fn len(&self) -> usize {
        let numbers = match &self.numbers {
            Numbers::F32(numbers) => numbers.len(),
            Numbers::F64(numbers) => numbers.len(),
            Numbers::Sparse(rows) => return rows.len(),
        };
        numbers.checked_div(self.cols).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers of a row.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All numbers, row by row; none where they are of 64 bits or compressed.
    pub fn as_f32(&self) -> &[f32] {
        match &self.numbers {
            Numbers::F32(numbers) => numbers,
            Numbers::F64(_) | Numbers::Sparse(_) => &[],
        }
    }

    /// The numbers of one row.
    ///
    /// # Panics
    /// Where there is no such row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = f64> {
        let part = row * self.cols..(row + 1) * self.cols;
        let mut dense = Vec::new();
        let (single, double) = match &self.numbers {
            Numbers::F32(numbers) => (&numbers[part], &[][..]),
            Numbers::F64(numbers) => (&[][..], &numbers[part]),
            Numbers::Sparse(rows) => {
                dense.resize(self.cols, 0.0);
                rows.write(row, &mut dense);
                (&[][..], &[][..])
            }
        };
        single.iter().map(|&x| f64::from(x)).chain(double.iter().copied()).chain(dense)
    }

    /// CRC-32 of all numbers, by which rows are known again.
    pub fn crc32(&self) -> u32 {
        let mut crc = flate2::Crc::new();
        let mut bytes = Vec::new();
        let rows: Vec<usize> = (0..self.len()).step_by((PART / self.cols.max(1)).max(1)).collect();
        for (k, &from) in rows.iter().enumerate() {
            let to = rows.get(k + 1).copied().unwrap_or(self.len());
            self.will_need(from..to);
            let part = from * self.cols..to * self.cols;
            bytes.clear();
            match &self.numbers {
                Numbers::F32(all) => bytes.extend(all[part].iter().flat_map(|x| x.to_le_bytes())),
                Numbers::F64(all) => bytes.extend(all[part].iter().flat_map(|x| x.to_le_bytes())),
                Numbers::Sparse(_) => {
                    bytes.extend((from..to).flat_map(|i| self.row(i)).flat_map(f64::to_le_bytes));
                }
            }
            crc.update(&bytes);
        }
        crc.sum()
    }

    /// Has these rows read into memory soon, where they are in a file.
    pub(crate) fn will_need(&self, rows: Range<usize>) {
        let values = rows.start * self.cols..rows.end * self.cols;
        match &self.numbers {
            Numbers::F32(numbers) => numbers.will_need(values),
            Numbers::F64(numbers) => numbers.will_need(values),
            // They are in memory.
            Numbers::Sparse(_) => {}
        }
    }

    /// Some of the rows as a matrix.
    ///
    /// # Panics
    /// Where there is no such row.
    pub fn select(&self, rows: impl ExactSizeIterator<Item = usize>) -> Matrix {
        let count = rows.len();
        Matrix::new(count, self.cols, rows.flat_map(|row| self.row(row)).collect())
    }
}

/// Rows to be, a part after the other; past the limit of the memory they go to a file.
pub struct GrowingRows {
    cols: usize,
    numbers: GrowingNumbers,
}

enum GrowingNumbers {
    F32(Growing<f32>),
    F64(Growing<f64>),
}

impl GrowingRows {
    /// Rows of `cols` numbers.
    pub fn new(cols: usize, precision: Precision, memory: &Memory) -> GrowingRows {
        let numbers = match precision {
            Precision::F32 => GrowingNumbers::F32(Growing::new(memory)),
            Precision::F64 => GrowingNumbers::F64(Growing::new(memory)),
        };
        GrowingRows { cols, numbers }
    }

    /// Adds rows of a matrix that has as many columns.
    ///
    /// # Errors
    /// A file that cannot be made or has no room.
    pub fn extend(&mut self, matrix: &Matrix) -> Result<(), Error> {
        debug_assert_eq!(self.cols, matrix.cols, "rows are of one length");
        let single = || matrix.data.iter().map(|&x| x as f32).collect::<Vec<_>>();
        Ok(match &mut self.numbers {
            GrowingNumbers::F32(numbers) => numbers.extend(&single()),
            GrowingNumbers::F64(numbers) => numbers.extend(&matrix.data),
        }?)
    }

    /// All of them.
    ///
    /// # Errors
    /// Those of [`GrowingRows::extend`].
    pub fn finish(self) -> Result<Rows<'static>, Error> {
        let numbers = match self.numbers {
            GrowingNumbers::F32(numbers) => Numbers::F32(Held::scattered(numbers.finish()?)),
            GrowingNumbers::F64(numbers) => Numbers::F64(Held::scattered(numbers.finish()?)),
        };
        Ok(Rows { cols: self.cols, numbers })
    }
}

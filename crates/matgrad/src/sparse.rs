//! Compressed rows: the entries that are not 0.

use matgrad_run::real::Real;

use crate::Error;

/// Compressed rows: of row i, entries `starts[i]..starts[i + 1]` are its columns and numbers.
pub struct Sparse {
    cols: usize,
    starts: Vec<usize>,
    columns: Vec<usize>,
    numbers: Vec<f64>,
}

impl Sparse {
    /// Rows of `cols` numbers.
    ///
    /// # Errors
    /// Starts or columns that point outside.
    pub fn new(
        cols: usize,
        starts: Vec<usize>,
        columns: Vec<usize>,
        numbers: Vec<f64>,
    ) -> Result<Sparse, Error> {
        let ascending = starts.windows(2).all(|pair| pair[0] <= pair[1]);
        if !ascending
            || starts.last() != Some(&numbers.len())
            || columns.len() != numbers.len()
            || columns.iter().any(|&column| column >= cols)
        {
            return Err(Error::Input("these compressed rows point outside of themselves".into()));
        }
        Ok(Sparse { cols, starts, columns, numbers })
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Numbers of a row, those that are 0 among them.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Writes a row with its zeros; entries of the same column add up.
    ///
    /// Generic, as numbers are of 32 or 64 bits.
    ///
    /// # Panics
    /// Where there is no such row.
    pub fn write<T: Real>(&self, row: usize, to: &mut [T]) {
        to.fill(T::ZERO);
        for entry in self.starts[row]..self.starts[row + 1] {
            to[self.columns[entry]] += T::from_f64(self.numbers[entry]);
        }
    }
}

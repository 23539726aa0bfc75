//! The plain matrix that tables become: row-major `f64`.

use crate::Error;

/// A rows × cols matrix; element (i, j) is `data[i * cols + j]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// The number of rows.
    pub rows: usize,
    /// The number of columns.
    pub cols: usize,
    /// The rows × cols values, row after row.
    pub data: Vec<f64>,
}

impl Matrix {
    /// A matrix of the given values, row after row.
    ///
    /// # Errors
    /// [`Error::Shape`] when `data` does not hold rows × cols values.
    pub fn new(rows: usize, cols: usize, data: Vec<f64>) -> Result<Matrix, Error> {
        if rows.checked_mul(cols) != Some(data.len()) {
            return Err(Error::Shape { rows, cols, found: data.len() });
        }
        Ok(Matrix { rows, cols, data })
    }

    /// A rows × cols matrix of zeros.
    pub fn zeros(rows: usize, cols: usize) -> Matrix {
        Matrix { rows, cols, data: vec![0.0; rows * cols] }
    }

    /// Row `i`, a slice of `cols` values. Like slicing, it panics when `i` is not below `rows`.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// Row `i`, to be changed. Like slicing, it panics when `i` is not below `rows`.
    pub fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// Column `j`, top to bottom: `rows` values. It panics when `j` is not below `cols`.
    pub fn column(&self, j: usize) -> Vec<f64> {
        assert!(j < self.cols, "column {j} of a matrix with {} columns", self.cols);
        (0..self.rows).map(|i| self.data[i * self.cols + j]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn rows_and_columns() {
        let matrix = Matrix::new(2, 3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        assert_eq!(matrix.row(1), [4.0, 5.0, 6.0]);
        assert_eq!(matrix.column(1), [2.0, 5.0]);
        assert_eq!(Matrix::zeros(2, 1).data, [0.0, 0.0]);
    }

    #[test]
    fn wrong_length() {
        let error = Matrix::new(2, 3, vec![1.0]).unwrap_err();
        expect!["a matrix of 2×3 has no place for 1 values; give one for each element"]
            .assert_eq(&error.to_string());
    }
}

//! A plain f64 matrix, row by row: what values are in the meaning of a graph.

/// Rows × cols numbers, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// Entries, row by row; `rows * cols` of them.
    pub data: Vec<f64>,
}

impl Matrix {
    /// From entries row by row.
    ///
    /// # Panics
    /// When there are not `rows * cols` of them.
    pub fn new(rows: usize, cols: usize, data: Vec<f64>) -> Matrix {
        assert_eq!(data.len(), rows * cols, "a {rows}×{cols} matrix has rows × cols entries");
        Matrix { rows, cols, data }
    }

    /// Every entry from its row and column.
    pub fn from_fn(rows: usize, cols: usize, entry: impl Fn(usize, usize) -> f64) -> Matrix {
        let data = (0..rows).flat_map(|i| (0..cols).map(move |j| (i, j)));
        Matrix { rows, cols, data: data.map(|(i, j)| entry(i, j)).collect() }
    }

    /// All entries the same.
    pub fn filled(rows: usize, cols: usize, value: f64) -> Matrix {
        Matrix { rows, cols, data: vec![value; rows * cols] }
    }

    /// 1×1.
    pub fn scalar(value: f64) -> Matrix {
        Matrix::filled(1, 1, value)
    }

    /// Entry of row `i`, column `j`, both from 0.
    pub fn at(&self, i: usize, j: usize) -> f64 {
        self.data[i * self.cols + j]
    }

    /// A row.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.data[i * self.cols..(i + 1) * self.cols]
    }

    /// The rows with these numbers, in this order.
    pub fn select_rows(&self, rows: &[usize]) -> Matrix {
        let data = rows.iter().flat_map(|&i| self.row(i).iter().copied()).collect();
        Matrix { rows: rows.len(), cols: self.cols, data }
    }

    /// √Σ entries²; NaN where an entry is.
    pub fn norm(&self) -> f64 {
        if self.data.iter().any(|x| x.is_nan()) {
            return f64::NAN;
        }
        let largest = self.data.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        if largest == 0.0 || !largest.is_finite() {
            return largest;
        }
        largest * self.data.iter().map(|x| (x / largest).powi(2)).sum::<f64>().sqrt()
    }
}

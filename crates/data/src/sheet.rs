//! The cells of a table, in memory or in a file.
//!
//! They stand in blocks of rows, and in a block column by column: a column can be gone through, and
//! so can some rows, without the whole of the file.

use crate::Error;
use crate::store::{Growing, Memory, Store};
use std::sync::Arc;

/// Cells to be: rows are added at the end.
pub(crate) struct Growth {
    cells: Growing<f64>,
    /// The rows of the block under way.
    block: Vec<f64>,
    rows: usize,
    cols: usize,
    /// A block has 2^shift rows.
    shift: u32,
}

/// All cells of a table.
pub(crate) struct Sheet {
    cells: Store<f64>,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    shift: u32,
}

/// Rows of a block of a table with so many columns: so many as are gone through at once, column by
/// column, for in a block the columns stand one behind the other.
pub(crate) fn height(cols: usize) -> usize {
    const NUMBERS: usize = 1 << 18;
    1 << (NUMBERS / cols.max(1)).clamp(64, 4096).ilog2()
}

impl Growth {
    pub(crate) fn new(cols: usize, memory: &Memory) -> Growth {
        let shift = height(cols).ilog2();
        Growth { cells: Growing::new(memory), block: Vec::new(), rows: 0, cols, shift }
    }

    /// Adds a row of `cols` numbers.
    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = f64>) -> Result<(), Error> {
        self.block.extend(row);
        self.rows += 1;
        debug_assert_eq!(self.block.len() % self.cols.max(1), 0, "rows are of one length");
        if self.rows.is_multiple_of(1 << self.shift) { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Error> {
        let mut turned = Vec::with_capacity(self.block.len());
        for col in 0..self.cols {
            turned.extend(self.block.chunks_exact(self.cols).map(|row| row[col]));
        }
        self.block.clear();
        self.cells.extend(&turned)
    }

    pub(crate) fn finish(mut self) -> Result<Sheet, Error> {
        self.flush()?;
        let Growth { cells, rows, cols, shift, .. } = self;
        Ok(Sheet { cells: cells.finish()?, rows, cols, shift })
    }
}

impl Sheet {
    fn place(&self, row: usize, col: usize) -> usize {
        let first = row >> self.shift << self.shift;
        let height = (1 << self.shift).min(self.rows - first);
        first * self.cols + col * height + row - first
    }

    /// What a column has from a row on to the end of its block; nothing past the last row.
    fn piece(&self, row: usize, col: usize) -> &[f64] {
        let end = ((row >> self.shift) + 1) << self.shift;
        let length = end.min(self.rows).saturating_sub(row);
        if length == 0 { &[] } else { &self.cells[self.place(row, col)..][..length] }
    }

    pub(crate) fn get(&self, row: usize, col: usize) -> f64 {
        self.cells[self.place(row, col)]
    }

    pub(crate) fn set(&mut self, row: usize, col: usize, value: f64) {
        let place = self.place(row, col);
        self.cells[place] = value;
    }
}

/// A column: one number for each row, `NaN` where there is none. It is shared, not copied.
#[derive(Clone)]
pub struct Cells {
    sheet: Arc<Sheet>,
    column: usize,
    /// Rows of the sheet before the first one.
    from: usize,
}

impl Cells {
    pub(crate) fn new(sheet: &Arc<Sheet>, column: usize, from: usize) -> Cells {
        Cells { sheet: Arc::clone(sheet), column, from }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.sheet.rows - self.from
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of a row; `None` past the last one.
    pub fn get(&self, row: usize) -> Option<f64> {
        (row < self.len()).then(|| self.sheet.get(self.from + row, self.column))
    }

    /// Those of some rows, in this order; `NaN` past the last one.
    pub(crate) fn gather(&self, rows: &[usize]) -> Vec<f64> {
        let mut found = Vec::with_capacity(rows.len());
        // Mostly all rows, or most of them, in their order: pieces of a column are copied.
        for run in rows.chunk_by(|a, b| a + 1 == *b) {
            let (mut row, end) = (self.from + run[0], self.from + run[0] + run.len());
            while row < end {
                let piece = self.sheet.piece(row, self.column);
                let length = piece.len().min(end - row);
                found.extend_from_slice(&piece[..length]);
                if length == 0 {
                    found.resize(found.len() + end - row, f64::NAN);
                    break;
                }
                row += length;
            }
        }
        found
    }

    /// All of them, from the first row on.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = f64> + Clone {
        (self.from..self.sheet.rows).map(|row| self.sheet.get(row, self.column))
    }
}

impl From<Vec<f64>> for Cells {
    fn from(values: Vec<f64>) -> Cells {
        let (rows, cells) = (values.len(), values.into());
        Cells::new(&Arc::new(Sheet { cells, rows, cols: 1, shift: usize::BITS - 1 }), 0, 0)
    }
}

impl FromIterator<f64> for Cells {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Cells {
        values.into_iter().collect::<Vec<f64>>().into()
    }
}

impl PartialEq for Cells {
    fn eq(&self, other: &Cells) -> bool {
        self.iter().eq(other.iter())
    }
}

impl std::fmt::Debug for Cells {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A column of words, each by its number in a list; `None` where there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Codes(pub(crate) Cells);

impl Codes {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The code of a row; `None` where it has none, and past the last one.
    pub fn get(&self, row: usize) -> Option<usize> {
        code(self.0.get(row)?)
    }

    /// All of them, from the first row on.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<usize>> + Clone {
        self.0.iter().map(code)
    }
}

impl FromIterator<Option<usize>> for Codes {
    fn from_iter<I: IntoIterator<Item = Option<usize>>>(codes: I) -> Codes {
        Codes(codes.into_iter().map(|code| code.map_or(f64::NAN, |code| code as f64)).collect())
    }
}

fn code(cell: f64) -> Option<usize> {
    (!cell.is_nan()).then_some(cell as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks that are full and one that is not, in memory and in a file.
    #[test]
    fn cells_are_where_they_were_put() {
        for (rows, cols, most) in [(3, 2, u64::MAX), (8192, 3, 0), (9000, 3, 0), (70, 5000, 0)] {
            let memory = Memory { most, ..Memory::default() };
            let mut growth = Growth::new(cols, &memory);
            for i in 0..rows {
                growth.push((0..cols).map(|j| (i * cols + j) as f64)).unwrap();
            }
            let mut sheet = growth.finish().unwrap();
            assert_eq!((sheet.rows, sheet.cols, sheet.cells.len()), (rows, cols, rows * cols));
            sheet.set(rows - 1, 0, -1.0);
            let sheet = Arc::new(sheet);
            for j in 0..cols {
                let expected = (2..rows).map(|i| match (i, j) {
                    (i, 0) if i == rows - 1 => -1.0,
                    _ => (i * cols + j) as f64,
                });
                let cells = Cells::new(&sheet, j, 2);
                assert!(cells.iter().eq(expected), "{rows}×{cols}, column {j}");
                assert_eq!((cells.len(), cells.get(rows - 2)), (rows - 2, None));
                let some: Vec<usize> = (0..cells.len()).rev().chain([0, rows]).step_by(3).collect();
                let gathered = cells.gather(&some);
                let expected = some.iter().map(|&row| cells.get(row).unwrap_or(f64::NAN).to_bits());
                assert!(gathered.iter().map(|x| x.to_bits()).eq(expected));
            }
        }
    }
}

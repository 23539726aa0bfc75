//! Sizes that may depend on the number of rows, and the places in the arena that they describe.

use std::fmt;

/// A size: `coefficient · rowsᵖᵒʷᵉʳ`, where `rows` is the number of rows of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Extent {
    /// The number in front.
    pub coefficient: usize,
    /// How often the number of rows is a factor.
    pub power: u32,
}

impl Extent {
    /// Nothing.
    pub const ZERO: Extent = Extent::of(0);
    /// One.
    pub const ONE: Extent = Extent::of(1);

    /// A plain number.
    pub const fn of(coefficient: usize) -> Extent {
        Extent { coefficient, power: 0 }
    }

    /// Its value for a number of rows.
    pub fn at(self, rows: usize) -> usize {
        match self.power {
            0 => self.coefficient,
            1 => self.coefficient * rows,
            power => self.coefficient * rows.pow(power),
        }
    }

    /// Its value, or `None` where it does not fit a `usize`.
    pub fn checked_at(self, rows: usize) -> Option<usize> {
        rows.checked_pow(self.power)?.checked_mul(self.coefficient)
    }

    /// The product, or `None` where it overflows.
    pub fn times(self, other: Extent) -> Option<Extent> {
        let coefficient = self.coefficient.checked_mul(other.coefficient)?;
        let power = if coefficient == 0 { 0 } else { self.power + other.power };
        Some(Extent { coefficient, power })
    }

    /// The sum, where it is a monomial again.
    pub fn plus(self, other: Extent) -> Option<Extent> {
        if self.coefficient == 0 {
            return Some(other);
        }
        if other.coefficient == 0 {
            return Some(self);
        }
        let coefficient = self.coefficient.checked_add(other.coefficient)?;
        (self.power == other.power).then_some(Extent { coefficient, power: self.power })
    }
}

impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.power == 0 || self.coefficient != 1 {
            write!(f, "{}", self.coefficient)?;
        }
        if self.power > 0 && self.coefficient != 1 {
            f.write_str("·")?;
        }
        match self.power {
            0 => Ok(()),
            1 => f.write_str("rows"),
            power => write!(f, "rows^{power}"),
        }
    }
}

/// A matrix in the arena: row-major, its row stride is its number of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Where its first entry is, counted in numbers.
    pub offset: usize,
    /// Number of rows.
    pub rows: Extent,
    /// Number of columns.
    pub cols: Extent,
}

impl Slot {
    /// Number of entries for a number of rows of the batch.
    pub fn len(&self, rows: usize) -> usize {
        self.rows.at(rows) * self.cols.at(rows)
    }

    /// Whether it has no entries.
    pub fn is_empty(&self, rows: usize) -> bool {
        self.len(rows) == 0
    }

    /// All of it.
    pub fn view(&self) -> View {
        View {
            offset: self.offset,
            start: Extent::ZERO,
            rows: self.rows,
            cols: self.cols,
            row_stride: self.cols,
            col_stride: Extent::ONE,
        }
    }
}

/// A way to look at entries of the arena as a matrix: transposed, repeated, or a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Where the matrix it looks at begins.
    pub offset: usize,
    /// Where the first entry is, from there.
    pub start: Extent,
    /// Number of rows.
    pub rows: Extent,
    /// Number of columns.
    pub cols: Extent,
    /// From an entry to the one below; 0 where a row is repeated.
    pub row_stride: Extent,
    /// From an entry to the one beside it; 0 where a column is repeated.
    pub col_stride: Extent,
}

impl View {
    /// The matrix that it is, for a view of all of it.
    pub(crate) fn slot(self) -> Slot {
        Slot { offset: self.offset, rows: self.rows, cols: self.cols }
    }

    /// Rows as columns.
    pub fn transposed(self) -> View {
        View {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    /// A number, row or column repeated.
    pub fn spread(self, rows: Extent, cols: Extent) -> View {
        let row_stride = if self.rows == rows { self.row_stride } else { Extent::ZERO };
        let col_stride = if self.cols == cols { self.col_stride } else { Extent::ZERO };
        View { rows, cols, row_stride, col_stride, ..self }
    }

    /// `length` rows from row `start`; `None` where that is no monomial.
    pub fn part_rows(self, start: Extent, length: Extent) -> Option<View> {
        let start = self.start.plus(start.times(self.row_stride)?)?;
        Some(View { start, rows: length, ..self })
    }

    /// `length` columns from column `start`; `None` where that is no monomial.
    pub fn part_cols(self, start: Extent, length: Extent) -> Option<View> {
        let start = self.start.plus(start.times(self.col_stride)?)?;
        Some(View { start, cols: length, ..self })
    }

    /// The same entries, row by row, in another shape; only where they lie one after the other.
    pub fn reshaped(self, rows: Extent, cols: Extent) -> Option<View> {
        self.is_contiguous().then_some(View {
            rows,
            cols,
            row_stride: cols,
            col_stride: Extent::ONE,
            ..self
        })
    }

    /// Whether its entries lie one after the other, row by row.
    pub fn is_contiguous(&self) -> bool {
        (self.cols == Extent::ONE || self.col_stride == Extent::ONE)
            && (self.rows == Extent::ONE || self.row_stride == self.cols)
    }

    /// Whether entries lie column by column.
    pub fn is_by_columns(&self) -> bool {
        !self.is_contiguous() && self.transposed().is_contiguous()
    }

    /// Whether all its entries are one number.
    pub fn is_scalar(&self) -> bool {
        (self.cols == Extent::ONE || self.col_stride == Extent::ZERO)
            && (self.rows == Extent::ONE || self.row_stride == Extent::ZERO)
    }
}

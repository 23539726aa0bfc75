//! Sums and largest entries, each in one fixed order: the same bits on every run.
//!
//! Entries are added in blocks in the machine's numbers, and the sums of blocks in f64, so that
//! the error does not grow with the number of rows.

use std::ops::Range;

use matgrad_plan::instruction::Reduction;

use crate::matrix::Matrix;
use crate::real::Real;
use crate::simd::{Vector, Work};

/// Entries of a row that are added in the machine's numbers.
const BLOCK: usize = 512;
/// Rows that are added in the machine's numbers.
const ROWS: usize = 64;
/// Vectors whose columns are added at once.
const STRIPE: usize = 4;

/// A reduction, or some of its results.
pub struct Reduce<T> {
    pub reduction: Reduction,
    pub arena: *mut T,
    pub a: Matrix,
    pub to: Matrix,
    /// Which results.
    pub results: Range<usize>,
}

impl<T: Real> Work<T> for Reduce<T> {
    /// # Safety
    /// The matrices are inside the arena, and the results do not overlap the operand.
    #[inline(always)]
    unsafe fn run<V: Vector<Number = T>>(&self) {
        let &Reduce { reduction, arena, a, to, ref results } = self;
        let results = results.clone();
        // SAFETY: as the caller says.
        unsafe {
            let line = |at: usize, length: usize, stride: usize| Line {
                start: arena.add(at).cast_const(),
                length,
                stride,
            };
            // Rows that lie across are the columns of the transposed.
            let across = a.row_stride == 1 && a.col_stride != 1;
            let (reduction, a) = match reduction {
                Reduction::Sum if across => (Reduction::Sum, a.transposed()),
                Reduction::RowSum if across => (Reduction::ColSum, a.transposed()),
                Reduction::ColSum if across => (Reduction::RowSum, a.transposed()),
                Reduction::Sum | Reduction::RowSum | Reduction::ColSum | Reduction::RowMax => {
                    (reduction, a)
                }
            };
            let row = |i: usize| line(a.at(i, 0), a.cols, a.col_stride);
            match reduction {
                Reduction::Sum => {
                    let sum = if a.col_stride == 1 && a.row_stride == a.cols {
                        line(a.offset, a.rows * a.cols, 1).sum::<V>()
                    } else {
                        (0..a.rows).map(|i| row(i).sum::<V>()).sum()
                    };
                    *arena.add(to.offset) = T::from_f64(sum);
                }
                Reduction::RowSum => {
                    for i in results {
                        *arena.add(to.offset + i) = T::from_f64(row(i).sum::<V>());
                    }
                }
                Reduction::RowMax if across => {
                    for first in results.clone().step_by(V::LANES) {
                        let lanes = V::LANES.min(results.end - first);
                        let row = arena.add(a.at(first, 0)).cast_const();
                        let to = arena.add(to.offset + first);
                        let largest = if lanes == V::LANES {
                            largest_across::<V, true>(row, a.cols, a.col_stride, lanes)
                        } else {
                            largest_across::<V, false>(row, a.cols, a.col_stride, lanes)
                        };
                        largest.store_part(to, lanes);
                    }
                }
                Reduction::RowMax => {
                    for i in results {
                        *arena.add(to.offset + i) = row(i).largest::<V>();
                    }
                }
                Reduction::ColSum if a.col_stride == 1 => {
                    column_sums::<V>(arena, &a, results, to.offset);
                }
                Reduction::ColSum => {
                    for j in results {
                        let column = line(a.at(0, j), a.rows, a.row_stride);
                        *arena.add(to.offset + j) = T::from_f64(column.sum::<V>());
                    }
                }
            }
        }
    }
}

/// Entries, each a stride from the one before.
struct Line<T> {
    start: *const T,
    length: usize,
    stride: usize,
}

impl<T: Real> Line<T> {
    #[inline(always)]
    unsafe fn sum<V: Vector<Number = T>>(&self) -> f64 {
        let mut total = 0.0;
        for first in (0..self.length).step_by(BLOCK) {
            let length = BLOCK.min(self.length - first);
            // SAFETY: the caller says that the entries are there.
            total += unsafe {
                let start = self.start.add(first * self.stride);
                if self.stride != 1 || length <= V::LANES {
                    let entries = (0..length).map(|i| *start.add(i * self.stride));
                    entries.fold(T::ZERO, |sum, x| sum + x).to_f64()
                } else {
                    let whole = length - length % V::LANES;
                    let mut sum = V::splat(T::ZERO);
                    for i in (0..whole).step_by(V::LANES) {
                        sum = sum.add(V::load(start.add(i)));
                    }
                    if whole < length {
                        sum = sum.add(V::load_part(start.add(whole), length - whole));
                    }
                    sum.sum().to_f64()
                }
            };
        }
        total
    }

    /// A NaN is not hidden: it is not equal to itself, and stays.
    #[inline(always)]
    unsafe fn largest<V: Vector<Number = T>>(&self) -> T {
        let larger_one = |m: T, x: T| if m > x || m.partial_cmp(&m).is_none() { m } else { x };
        // SAFETY: the caller says that the entries are there.
        unsafe {
            if self.stride != 1 || self.length <= 2 * V::LANES {
                let entries = (0..self.length).map(|i| *self.start.add(i * self.stride));
                return entries.fold(T::NEG_INFINITY, larger_one);
            }
            let mut most = V::load(self.start);
            for i in (V::LANES..self.length).step_by(V::LANES) {
                // The last vector begins early: an entry may be seen twice.
                let x = V::load(self.start.add(i.min(self.length - V::LANES)));
                most = larger(most, x);
            }
            most.lanes().into_iter().take(V::LANES).fold(T::NEG_INFINITY, larger_one)
        }
    }
}

/// The larger of each two; NaN where one is.
#[inline(always)]
pub(crate) fn larger<V: Vector>(a: V, b: V) -> V {
    a.if_greater_equal(a, a.max(b), a)
}

/// The smaller of each two; NaN where one is.
#[inline(always)]
pub(crate) fn smaller<V: Vector>(a: V, b: V) -> V {
    a.if_greater_equal(a, a.min(b), a)
}

/// A vector of which so many lanes are there, or `ALL`.
#[inline(always)]
unsafe fn some<V: Vector, const ALL: bool>(from: *const V::Number, lanes: usize) -> V {
    // SAFETY: as the caller says.
    unsafe { if ALL { V::load(from) } else { V::load_part(from, lanes) } }
}

/// The largest entries of a vector of rows that lie across, or of fewer where they are not `ALL`
/// there.
#[inline(always)]
unsafe fn largest_across<V: Vector, const ALL: bool>(
    mut from: *const V::Number,
    cols: usize,
    stride: usize,
    lanes: usize,
) -> V {
    let mut most = V::splat(V::Number::NEG_INFINITY);
    for _ in 0..cols {
        // SAFETY: as the caller says.
        let x = unsafe { some::<V, ALL>(from, lanes) };
        most = larger(most, x);
        from = from.wrapping_add(stride);
    }
    most
}

/// The sums of these columns, whose entries lie beside each other.
#[inline(always)]
unsafe fn column_sums<V: Vector>(
    arena: *mut V::Number,
    a: &Matrix,
    results: Range<usize>,
    to: usize,
) {
    let whole = if results.len() == a.cols { whole_rows(a, V::LANES) } else { 0 };
    // SAFETY: as the caller says.
    unsafe {
        match whole {
            3 => return narrow::<V, 3>(arena, a, to),
            4 => return narrow::<V, 4>(arena, a, to),
            5 => return narrow::<V, 5>(arena, a, to),
            _ => {}
        }
        let mut col = results.start;
        while col < results.end {
            let width = (STRIPE * V::LANES).min(results.end - col);
            if width == STRIPE * V::LANES {
                columns::<V, STRIPE, true>(arena, a, col, width, to);
            } else if width > V::LANES {
                columns::<V, STRIPE, false>(arena, a, col, width, to);
            } else {
                columns::<V, 1, false>(arena, a, col, width, to);
            }
            col += width;
        }
    }
}

/// How many vectors hold whole rows, of rows that lie one behind the other, are shorter than a vector
/// and enough to make this worth while; else 0.
#[inline(always)]
fn whole_rows(a: &Matrix, lanes: usize) -> usize {
    let is_short = (1..lanes).contains(&a.cols) && a.rows >= 8 * lanes;
    if a.row_stride != a.cols || !is_short {
        return 0;
    }
    [4, 3, 5].into_iter().find(|vectors| (vectors * lanes).is_multiple_of(a.cols)).unwrap_or(0)
}

/// The sums of columns of which `N` vectors hold whole rows.
#[inline(always)]
unsafe fn narrow<V: Vector, const N: usize>(arena: *mut V::Number, a: &Matrix, to: usize) {
    let size = N * V::LANES;
    let groups = a.rows * a.cols / size;
    let (mut sums, mut all) = ([[0.0f64; 16]; N], [0.0f64; 16]);
    // SAFETY: the rows are inside a; the results have an entry for each column.
    unsafe {
        for first in (0..groups).step_by(ROWS) {
            let from = arena.add(a.offset + first * size).cast_const();
            let block = added::<V, N, true>(from, ROWS.min(groups - first), size, size);
            gather(&mut sums, block);
        }
        for (at, sum) in sums.iter().flat_map(|sums| &sums[..V::LANES]).enumerate() {
            all[at % a.cols] += sum;
        }
        for i in groups * size / a.cols..a.rows {
            for (j, sum) in all.iter_mut().enumerate().take(a.cols) {
                *sum += (*arena.add(a.at(i, j))).to_f64();
            }
        }
        for (j, &sum) in all.iter().enumerate().take(a.cols) {
            *arena.add(to + j) = V::Number::from_f64(sum);
        }
    }
}

/// The sums of some rows, in the machine's numbers: of `N` vectors of columns, or of `width` columns
/// where they are not `ALL` there.
#[inline(always)]
unsafe fn added<V: Vector, const N: usize, const ALL: bool>(
    mut row: *const V::Number,
    rows: usize,
    stride: usize,
    width: usize,
) -> [V; N] {
    let mut block = [V::splat(V::Number::ZERO); N];
    for _ in 0..rows {
        for (v, sum) in block.iter_mut().enumerate() {
            let lanes = V::LANES.min(width.saturating_sub(v * V::LANES));
            // SAFETY: as the caller says; of a vector beyond the columns nothing is read.
            *sum = sum.add(unsafe { some::<V, ALL>(row.wrapping_add(v * V::LANES), lanes) });
        }
        row = row.wrapping_add(stride);
    }
    block
}

/// Adds a block's sums to those of all.
#[inline(always)]
fn gather<V: Vector, const N: usize>(sums: &mut [[f64; 16]; N], block: [V; N]) {
    for (sums, block) in sums.iter_mut().zip(block) {
        for (sum, x) in sums.iter_mut().zip(block.lanes()) {
            *sum += x.to_f64();
        }
    }
}

/// The sums of `N` vectors of columns, or of fewer where they are not `ALL` there.
#[inline(always)]
unsafe fn columns<V: Vector, const N: usize, const ALL: bool>(
    arena: *mut V::Number,
    a: &Matrix,
    col: usize,
    width: usize,
    to: usize,
) {
    let lanes = |v: usize| {
        if ALL { V::LANES } else { V::LANES.min(width.saturating_sub(v * V::LANES)) }
    };
    let mut sums = [[0.0f64; 16]; N];
    for top in (0..a.rows).step_by(ROWS) {
        let row = arena.wrapping_add(a.at(top, col)).cast_const();
        // SAFETY: the columns are inside a.
        let block = unsafe { added::<V, N, ALL>(row, ROWS.min(a.rows - top), a.row_stride, width) };
        // The sums of the only block are those of all, and need not go through f64.
        if a.rows <= ROWS {
            for (v, block) in block.into_iter().enumerate() {
                let to = arena.wrapping_add(to + col + v * V::LANES);
                // SAFETY: the results have an entry for each column.
                unsafe { block.store_part(to, lanes(v)) };
            }
            return;
        }
        gather(&mut sums, block);
    }
    for (v, sums) in sums.iter().enumerate() {
        for (j, &sum) in sums.iter().enumerate().take(lanes(v)) {
            // SAFETY: the results have an entry for each column.
            unsafe { *arena.add(to + col + v * V::LANES + j) = V::Number::from_f64(sum) };
        }
    }
}

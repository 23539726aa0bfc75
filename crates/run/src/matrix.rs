//! Views with their numbers filled in, and the instructions that only move entries.

use std::ops::Range;

use matgrad_plan::extent::{Slot, View};

use crate::real::Real;

/// A view for one number of rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Matrix {
    pub offset: usize,
    pub rows: usize,
    pub cols: usize,
    pub row_stride: usize,
    pub col_stride: usize,
}

impl Matrix {
    #[inline(always)]
    pub fn of(view: &View, rows: usize) -> Matrix {
        Matrix {
            offset: view.offset + view.start.at(rows),
            rows: view.rows.at(rows),
            cols: view.cols.at(rows),
            row_stride: view.row_stride.at(rows),
            col_stride: view.col_stride.at(rows),
        }
    }

    #[inline(always)]
    pub fn slot(slot: &Slot, rows: usize) -> Matrix {
        let (offset, cols) = (slot.offset, slot.cols.at(rows));
        Matrix { offset, rows: slot.rows.at(rows), cols, row_stride: cols, col_stride: 1 }
    }

    /// Some of its rows and columns.
    pub fn part(&self, rows: Range<usize>, cols: Range<usize>) -> Matrix {
        let offset = self.at(rows.start, cols.start);
        Matrix { offset, rows: rows.len(), cols: cols.len(), ..*self }
    }

    pub fn transposed(&self) -> Matrix {
        let &Matrix { offset, rows, cols, row_stride, col_stride } = self;
        let (row_stride, col_stride) = (col_stride, row_stride);
        Matrix { offset, rows: cols, cols: rows, row_stride, col_stride }
    }

    #[inline(always)]
    pub fn at(&self, i: usize, j: usize) -> usize {
        self.offset + i * self.row_stride + j * self.col_stride
    }
}

/// to ← a, of one shape.
pub(crate) fn copy<T: Real>(arena: &mut [T], a: Matrix, to: Matrix) {
    // Along the entries that are written one after the other.
    let across = to.row_stride == 1 && to.col_stride != 1;
    let (a, to) = if across { (a.transposed(), to.transposed()) } else { (a, to) };
    for i in 0..if a.cols == 0 { 0 } else { a.rows } {
        let (from, into) = (a.at(i, 0), to.at(i, 0));
        if a.col_stride == 1 && to.col_stride == 1 {
            arena.copy_within(from..from + a.cols, into);
        } else {
            assert!(from + (a.cols - 1) * a.col_stride < arena.len());
            assert!(into + (a.cols - 1) * to.col_stride < arena.len());
            let start = arena.as_mut_ptr();
            for j in 0..a.cols {
                // SAFETY: the last of these entries is in the arena, as was made sure.
                unsafe {
                    *start.add(into + j * to.col_stride) = *start.add(from + j * a.col_stride)
                };
            }
        }
    }
}

pub(crate) fn zero<T: Real>(arena: &mut [T], to: Matrix) {
    arena[to.offset..to.offset + to.rows * to.cols].fill(T::ZERO);
}

pub(crate) fn eye<T: Real>(arena: &mut [T], to: Matrix) {
    zero(arena, to);
    for i in 0..to.rows {
        arena[to.at(i, i)] = T::ONE;
    }
}

pub(crate) fn diag<T: Real>(arena: &mut [T], a: Matrix, to: Matrix) {
    zero(arena, to);
    for i in 0..to.rows {
        arena[to.at(i, i)] = arena[a.at(i, 0)];
    }
}

pub(crate) fn diagonal<T: Real>(arena: &mut [T], a: Matrix, to: Matrix) {
    for i in 0..to.rows {
        arena[to.at(i, 0)] = arena[a.at(i, i)];
    }
}

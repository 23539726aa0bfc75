//! Inverse and determinant by Gaussian elimination with row pivots.

use crate::matrix::{Matrix, copy, eye};
use crate::real::Real;

/// to ← a⁻¹; `work` is room for a copy of a. A singular matrix gives infinities and NaNs.
pub(crate) fn inverse<T: Real>(arena: &mut [T], a: Matrix, work: Matrix, to: Matrix) {
    copy(arena, a, work);
    eye(arena, to);
    let n = a.rows;
    for k in 0..n {
        let pivot = pivot(arena, work, k);
        for m in [work, to] {
            swap_rows(arena, m, k, pivot);
        }
        let p = arena[work.at(k, k)];
        for m in [work, to] {
            for j in 0..n {
                arena[m.at(k, j)] = arena[m.at(k, j)] / p;
            }
        }
        for i in (0..n).filter(|&i| i != k) {
            let factor = arena[work.at(i, k)];
            for m in [work, to] {
                subtract(arena, m, i, k, factor, 0);
            }
        }
    }
}

/// to ← det a, or log |det a|; `work` is room for a copy of a.
pub(crate) fn determinant<T: Real>(
    arena: &mut [T],
    a: Matrix,
    work: Matrix,
    logarithm: bool,
    to: Matrix,
) {
    copy(arena, a, work);
    let n = a.rows;
    let (mut determinant, mut log) = (T::ONE, T::ZERO);
    for k in 0..n {
        let pivot = pivot(arena, work, k);
        if pivot != k {
            determinant = -determinant;
            swap_rows(arena, work, k, pivot);
        }
        let p = arena[work.at(k, k)];
        determinant = determinant * p;
        log += p.abs().ln();
        if p == T::ZERO {
            break;
        }
        for i in k + 1..n {
            let factor = arena[work.at(i, k)] / p;
            subtract(arena, work, i, k, factor, k);
        }
    }
    arena[to.offset] = if logarithm { log } else { determinant };
}

/// The row from k down with the largest entry in column k.
fn pivot<T: Real>(arena: &[T], m: Matrix, k: usize) -> usize {
    let mut best = k;
    for i in k + 1..m.rows {
        if arena[m.at(i, k)].abs() > arena[m.at(best, k)].abs() {
            best = i;
        }
    }
    best
}

fn swap_rows<T: Real>(arena: &mut [T], m: Matrix, i: usize, k: usize) {
    if i != k {
        for j in 0..m.cols {
            arena.swap(m.at(i, j), m.at(k, j));
        }
    }
}

/// Row i minus a multiple of row k, from column `first` on.
fn subtract<T: Real>(arena: &mut [T], m: Matrix, i: usize, k: usize, factor: T, first: usize) {
    for j in first..m.cols {
        arena[m.at(i, j)] = arena[m.at(i, j)] - factor * arena[m.at(k, j)];
    }
}

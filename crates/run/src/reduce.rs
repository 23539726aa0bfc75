//! Sums and largest entries, each in one fixed order: the same bits on every run.
//!
//! Entries are added in blocks in the machine's numbers, and the sums of blocks in f64, so that
//! the error does not grow with the number of rows.

use matgrad_plan::instruction::Reduction;

use crate::matrix::Matrix;
use crate::real::Real;

/// Entries of a block of a sum.
const BLOCK: usize = 128;
/// Sums that run beside each other in a block.
const LANES: usize = 8;
/// Columns whose sums are kept at once.
const STRIPE: usize = 64;
/// Rows that are added in the machine's numbers.
const ROWS: usize = 32;

pub(crate) fn reduce<T: Real>(arena: &mut [T], reduction: Reduction, a: Matrix, to: Matrix) {
    match reduction {
        Reduction::Sum => {
            let sum = if a.col_stride == 1 && a.row_stride == a.cols {
                sum_of(&arena[a.offset..a.offset + a.rows * a.cols])
            } else {
                (0..a.rows).map(|i| row_sum(arena, a, i)).sum()
            };
            arena[to.offset] = T::from_f64(sum);
        }
        Reduction::RowSum => {
            for i in 0..a.rows {
                arena[to.offset + i] = T::from_f64(row_sum(arena, a, i));
            }
        }
        Reduction::ColSum => column_sums(arena, a, to),
        Reduction::RowMax => {
            for i in 0..a.rows {
                let row = (0..a.cols).map(|j| arena[a.at(i, j)]);
                // A NaN is not hidden: it is not less than anything, and stays.
                let largest = row.fold(T::NEG_INFINITY, |m, x| {
                    if m > x || m.partial_cmp(&m).is_none() { m } else { x }
                });
                arena[to.offset + i] = largest;
            }
        }
    }
}

fn row_sum<T: Real>(arena: &[T], a: Matrix, i: usize) -> f64 {
    if a.cols == 0 {
        return 0.0;
    }
    let start = a.at(i, 0);
    if a.col_stride == 1 {
        return sum_of(&arena[start..start + a.cols]);
    }
    (0..a.cols).map(|j| arena[start + j * a.col_stride].to_f64()).sum()
}

fn sum_of<T: Real>(entries: &[T]) -> f64 {
    let block = |block: &[T]| {
        let mut lanes = [T::ZERO; LANES];
        let chunks = block.chunks_exact(LANES);
        let rest = chunks.remainder();
        for chunk in chunks {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane += x;
            }
        }
        for (lane, &x) in lanes.iter_mut().zip(rest) {
            *lane += x;
        }
        lanes.iter().map(|lane| lane.to_f64()).sum::<f64>()
    };
    entries.chunks(BLOCK).map(block).sum()
}

fn column_sums<T: Real>(arena: &mut [T], a: Matrix, to: Matrix) {
    for first in (0..a.cols).step_by(STRIPE) {
        let width = STRIPE.min(a.cols - first);
        let mut sums = [0.0f64; STRIPE];
        for start in (0..a.rows).step_by(ROWS) {
            let mut block = [T::ZERO; STRIPE];
            for i in start..a.rows.min(start + ROWS) {
                let at = a.at(i, first);
                if a.col_stride == 1 {
                    for (sum, &x) in block.iter_mut().zip(&arena[at..at + width]) {
                        *sum += x;
                    }
                } else {
                    for (j, sum) in block[..width].iter_mut().enumerate() {
                        *sum += arena[at + j * a.col_stride];
                    }
                }
            }
            for (sum, x) in sums[..width].iter_mut().zip(block) {
                *sum += x.to_f64();
            }
        }
        for (to, sum) in arena[to.offset + first..][..width].iter_mut().zip(sums) {
            *to = T::from_f64(sum);
        }
    }
}

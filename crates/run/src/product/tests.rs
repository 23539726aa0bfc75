//! Every instruction set against sums in f64, over shapes around the sizes of blocks.

use super::{Product, scratch};
use crate::matrix::Matrix;
use crate::real::{Real, Task};
use crate::simd::Isa;

fn check<T: Real>(m: usize, n: usize, k: usize, tolerance: f64) {
    let matrix =
        |offset, rows, cols| Matrix { offset, rows, cols, row_stride: cols, col_stride: 1 };
    let entry = |i: usize| ((i * 7919) % 101) as f64 / 50.5 - 1.0;
    let numbers: Vec<T> = (0..m * k + k * n + m * n).map(|i| T::from_f64(entry(i))).collect();
    let mut pack = vec![T::ZERO; scratch::<T>(m, n, k, None)];
    for (flip_a, flip_b) in [(false, false), (true, false), (false, true), (true, true)] {
        let a = if flip_a { matrix(0, k, m).transposed() } else { matrix(0, m, k) };
        let b = if flip_b { matrix(m * k, n, k).transposed() } else { matrix(m * k, k, n) };
        let to = matrix(m * k + k * n, m, n);
        for isa in Isa::available() {
            let mut arena = numbers.clone();
            let mut multiply = |parts| {
                for part in 0..parts {
                    let (arena, pack) = (arena.as_mut_ptr(), pack.as_mut_ptr());
                    let then = None;
                    let (a_from, b_from) = (arena.cast_const(), arena.cast_const());
                    let work = Product { arena, a, a_from, b, b_from, to, then, pack, part, parts };
                    // SAFETY: the three matrices lie one after the other in the arena.
                    unsafe { T::run(isa, &Task::Product(work)) };
                }
                arena.clone()
            };
            let arena = multiply(1);
            for parts in [2, 3, 4] {
                assert_eq!(multiply(parts), arena, "{isa:?} {m}×{k}×{n} in {parts} parts");
            }
            for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                let terms =
                    (0..k).map(|p| numbers[a.at(i, p)].to_f64() * numbers[b.at(p, j)].to_f64());
                let (wanted, found) = (terms.sum::<f64>(), arena[to.at(i, j)].to_f64());
                let close = (found - wanted).abs() < tolerance;
                assert!(close, "{isa:?} {m}×{k}×{n} {i},{j}: {found} {wanted}");
            }
        }
    }
}

#[test]
fn with_all_vector_instructions() {
    for m in [0, 1, 3, 7, 13, 25, 100] {
        for (n, k) in [(1, 1), (17, 3), (2, 300), (1, 37), (90, 40), (8, 257), (3, 2), (4, 0)] {
            check::<f64>(m, n, k, 1e-12);
            check::<f32>(m, n, k, 1e-4);
        }
    }
    check::<f32>(30, 1100, 520, 1e-3);
}

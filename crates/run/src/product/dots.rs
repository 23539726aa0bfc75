//! Few columns: sums that run along the rows of a and the columns of b.

use std::array::from_fn;

use super::Product;
use super::block::{even, opaque};
use crate::real::Real;
use crate::simd::{Vector, Work};

/// Rows of a block of sums at most.
const ROWS: usize = 4;

impl<T: Real> Product<'_, T> {
    /// Blocks of up to four rows and four columns.
    #[inline(always)]
    pub(super) unsafe fn dots<V: Vector<Number = T>>(&self) {
        // As many sums as the registers have room for.
        let most = match V::ROWS {
            12.. => 4,
            6.. => 3,
            _ => 1,
        };
        let mut rows = 0..self.a.rows;
        while !rows.is_empty() {
            let high = even(rows.len(), ROWS);
            let mut cols = 0..self.b.cols;
            while !cols.is_empty() {
                let wide = even(cols.len(), most);
                let (row, col) = (rows.start, cols.start);
                // SAFETY: as for the product; so many rows and columns are left.
                unsafe {
                    match high {
                        4 => self.dots_of::<V, 4>(row, col, wide),
                        3 => self.dots_of::<V, 3>(row, col, wide),
                        2 => self.dots_of::<V, 2>(row, col, wide),
                        _ => self.dots_of::<V, 1>(row, col, wide),
                    }
                }
                cols.start += wide;
            }
            rows.start += high;
        }
    }

    #[inline(always)]
    unsafe fn dots_of<V: Vector<Number = T>, const M: usize>(
        &self,
        row: usize,
        col: usize,
        wide: usize,
    ) {
        let product = self;
        // SAFETY: as the caller says.
        unsafe {
            match wide {
                4 => V::apart(&Dots::<T, M, 4> { product, row, col }),
                3 => V::apart(&Dots::<T, M, 3> { product, row, col }),
                2 => V::apart(&Dots::<T, M, 2> { product, row, col }),
                _ => V::apart(&Dots::<T, M, 1> { product, row, col }),
            }
        }
    }
}

/// `M` rows times `N` columns, from a row and a column on. (Many of them in one function would be
/// more than the compiler inlines.)
struct Dots<'a, T, const M: usize, const N: usize> {
    product: &'a Product<'a, T>,
    row: usize,
    col: usize,
}

impl<T: Real, const M: usize, const N: usize> Work<T> for Dots<'_, T, M, N> {
    /// # Safety
    /// As for the product; so many rows and columns are there.
    #[inline(always)]
    unsafe fn run<V: Vector<Number = T>>(&self) {
        let &Dots { product: &Product { arena, a, a_from, b, b_from, to, .. }, row, col } = self;
        let k = a.cols;
        let mut sums = [[V::splat(T::ZERO); N]; M];
        let whole = k - k % V::LANES;
        // SAFETY: `M` rows, `N` columns and `k` terms are inside a and b.
        unsafe {
            let x: [_; M] = from_fn(|i| opaque(a_from.add(a.at(row + i, 0))));
            let y: [_; N] = from_fn(|j| opaque(b_from.add(b.at(0, col + j))));
            let mut p = 0;
            while p < whole {
                let line: [V; N] = from_fn(|j| V::load(y[j].add(p)));
                for (sums, x) in sums.iter_mut().zip(x) {
                    add_products(sums, V::load(x.add(p)), line);
                }
                p += V::LANES;
            }
            if whole < k {
                // No closure: one with parts of vectors is not inlined.
                let mut line = [V::splat(T::ZERO); N];
                for (line, y) in line.iter_mut().zip(y) {
                    *line = V::load_part(y.add(whole), k - whole);
                }
                for (sums, x) in sums.iter_mut().zip(x) {
                    add_products(sums, V::load_part(x.add(whole), k - whole), line);
                }
            }
            let totals = totals(sums);
            let first = arena.add(to.at(row, col));
            for (i, totals) in totals.chunks_exact(N).take(M).enumerate() {
                for (j, &total) in totals.iter().enumerate() {
                    *first.add(i * to.row_stride + j * to.col_stride) = total;
                }
            }
        }
    }
}

#[inline(always)]
fn add_products<V: Vector, const N: usize>(sums: &mut [V; N], x: V, line: [V; N]) {
    for (sum, y) in sums.iter_mut().zip(line) {
        *sum = x.mul_add(y, *sum);
    }
}

/// The sum of the lanes of each vector, in their order.
#[inline(always)]
fn totals<V: Vector, const M: usize, const N: usize>(sums: [[V; N]; M]) -> [V::Number; 16] {
    let mut totals = [V::Number::ZERO; 16];
    if M * N == 1 {
        totals[0] = sums[0][0].sum();
        return totals;
    }
    for (some, totals) in totals.chunks_exact_mut(V::LANES).enumerate() {
        if some * V::LANES < M * N {
            // As many as there are lanes at once: lanes become vectors.
            let mut square = [V::splat(V::Number::ZERO); 16];
            let these = sums.as_flattened().iter().skip(some * V::LANES);
            for (line, &sum) in square.iter_mut().zip(these.take(V::LANES)) {
                *line = sum;
            }
            let zero = V::splat(V::Number::ZERO);
            let all = V::transpose(square).into_iter().take(V::LANES).fold(zero, V::add);
            totals.copy_from_slice(&all.lanes()[..V::LANES]);
        }
    }
    totals
}

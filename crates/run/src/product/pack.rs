//! Blocks of the operands, laid out as the register blocks read them.

use super::{GROUP, Product};
use crate::real::Real;
use crate::simd::Vector;

impl<T: Real> Product<'_, T> {
    /// Columns of b in panels of one or two vectors, each panel term by term, filled up with zeros.
    #[inline(always)]
    pub(crate) unsafe fn pack_columns<V: Vector<Number = T>>(
        &self,
        across: usize,
        first: usize,
        depth: usize,
        first_col: usize,
        cols: usize,
        pack: *mut T,
    ) {
        for col in (0..cols).step_by(V::LANES) {
            let width = V::LANES.min(cols - col);
            let (panel, beside) = (col / across * across, col % across);
            // SAFETY: terms and columns are inside b; the scratch memory has room.
            unsafe {
                let from = self.b_from.add(self.b.at(first, first_col + col));
                let to = pack.add(panel * depth + beside);
                if self.b.col_stride == 1 {
                    for p in 0..depth {
                        let line = V::load_part(from.add(p * self.b.row_stride), width);
                        line.store(to.add(p * across));
                    }
                } else if self.b.row_stride == 1 {
                    transpose::<V>(from, self.b.col_stride, width, to, across, depth);
                } else {
                    for (p, j) in (0..depth).flat_map(|p| (0..V::LANES).map(move |j| (p, j))) {
                        let at = p * self.b.row_stride + j * self.b.col_stride;
                        *to.add(p * across + j) = if j < width { *from.add(at) } else { T::ZERO };
                    }
                }
                if col + V::LANES >= cols && beside + V::LANES < across {
                    // The second vector of the last panel.
                    for p in 0..depth {
                        V::splat(T::ZERO).store(to.add(p * across + V::LANES));
                    }
                }
            }
        }
    }

    /// Rows of a in groups of GROUP, each group term by term; missing rows repeat the last one.
    #[inline(always)]
    pub(super) unsafe fn pack_rows(
        &self,
        first: usize,
        depth: usize,
        top: usize,
        height: usize,
        pack: *mut T,
    ) {
        for row in (0..height).step_by(GROUP) {
            let rows = GROUP.min(height - row);
            // SAFETY: rows and terms are inside a; the scratch memory has room.
            unsafe {
                let from = self.a_from.add(self.a.at(top + row, first));
                let to = pack.add(row * depth);
                for p in 0..depth {
                    let (from, to) = (from.add(p * self.a.col_stride), to.add(p * GROUP));
                    if self.a.row_stride == 1 && rows == GROUP {
                        std::ptr::copy_nonoverlapping(from, to, GROUP);
                    } else {
                        for i in 0..GROUP {
                            *to.add(i) = *from.add(i.min(rows - 1) * self.a.row_stride);
                        }
                    }
                }
            }
        }
    }
}

/// Entries of `width` columns, `stride` apart, side by side for each of so many terms; zeros behind
/// the last column.
///
/// # Safety
/// The entries are there, and room for a vector a term.
#[inline(always)]
unsafe fn transpose<V: Vector>(
    from: *const V::Number,
    stride: usize,
    width: usize,
    to: *mut V::Number,
    across: usize,
    terms: usize,
) {
    for term in (0..terms).step_by(V::LANES) {
        let lanes = V::LANES.min(terms - term);
        let mut square = [V::splat(V::Number::ZERO); 16];
        // SAFETY: as the caller says.
        unsafe {
            for (j, line) in square.iter_mut().enumerate().take(V::LANES) {
                if j < width {
                    *line = V::load_part(from.add(term + j * stride), lanes);
                }
            }
            for (p, line) in V::transpose(square).into_iter().enumerate().take(V::LANES) {
                if p < lanes {
                    line.store(to.add((term + p) * across));
                }
            }
        }
    }
}

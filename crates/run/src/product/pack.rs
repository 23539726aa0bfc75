//! Blocks of the operands, laid out as the register blocks read them.

use super::{Product, ROWS};
use crate::real::Real;

/// Numbers of a line of the cache.
const LINE: usize = 16;

impl<T: Real> Product<'_, T> {
    /// Columns of b in panels, each panel term by term, filled up with zeros.
    #[inline(always)]
    pub(super) unsafe fn pack_columns(
        &self,
        across: usize,
        first: usize,
        depth: usize,
        first_col: usize,
        cols: usize,
        pack: *mut T,
    ) {
        for col in (0..cols).step_by(across) {
            let width = across.min(cols - col);
            // SAFETY: terms and columns are inside b; the scratch memory has room.
            unsafe {
                let from = self.arena.add(self.b.at(first, first_col + col)).cast_const();
                let to = pack.add(col * depth);
                if self.b.col_stride == 1 {
                    for p in 0..depth {
                        let (from, to) = (from.add(p * self.b.row_stride), to.add(p * across));
                        std::ptr::copy_nonoverlapping(from, to, width);
                        to.add(width).write_bytes(0, across - width);
                    }
                    continue;
                }
                // A line of each column at a time: columns may be so far apart that their lines
                // drive each other out of the cache.
                for term in (0..depth).step_by(LINE) {
                    let terms = term..depth.min(term + LINE);
                    for j in 0..across {
                        for p in terms.clone() {
                            let at =
                                from.wrapping_add(p * self.b.row_stride + j * self.b.col_stride);
                            *to.add(p * across + j) = if j < width { *at } else { T::ZERO };
                        }
                    }
                }
            }
        }
    }

    /// Rows of a in groups of ROWS, each group term by term; missing rows repeat the last one.
    #[inline(always)]
    pub(super) unsafe fn pack_rows(
        &self,
        first: usize,
        depth: usize,
        top: usize,
        height: usize,
        pack: *mut T,
    ) {
        for row in (0..height).step_by(ROWS) {
            let rows = ROWS.min(height - row);
            // SAFETY: rows and terms are inside a; the scratch memory has room.
            unsafe {
                let from = self.arena.add(self.a.at(top + row, first)).cast_const();
                let to = pack.add(row * depth);
                for p in 0..depth {
                    let (from, to) = (from.add(p * self.a.col_stride), to.add(p * ROWS));
                    if self.a.row_stride == 1 && rows == ROWS {
                        std::ptr::copy_nonoverlapping(from, to, ROWS);
                    } else {
                        for i in 0..ROWS {
                            *to.add(i) = *from.add(i.min(rows - 1) * self.a.row_stride);
                        }
                    }
                }
            }
        }
    }
}

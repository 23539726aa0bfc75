//! Matrix products over strided views, without memory of its own: blocks of b are packed into
//! scratch memory that the machine brings along.
//!
//! Each entry is one sum from the first to the last term, in blocks of [`DEPTH`] terms, whatever
//! the shape: the same bits each time. (The well-known GEMM crates allocate at every call, which
//! a step must not.)

use crate::matrix::Matrix;
use crate::real::Real;

/// Rows of a register block.
pub(crate) const ROWS: usize = 6;
/// Columns of a register block.
pub(crate) const COLS: usize = 16;
/// Terms that are added in registers.
const DEPTH: usize = 256;
/// Columns of b that are packed at once.
const WIDTH: usize = 1024;
/// Rows of a that are packed at once.
const HEIGHT: usize = 16 * ROWS;

/// Numbers of scratch memory that a product of this shape needs.
pub(crate) fn scratch(m: usize, n: usize, k: usize) -> usize {
    let across = m.max(n).min(WIDTH).next_multiple_of(COLS);
    k.min(DEPTH) * (across + HEIGHT)
}

/// to ← a b.
///
/// # Safety
/// The matrices are inside the arena, `to` is row-major and overlaps neither operand, `pack` has
/// [`scratch`] numbers, and `wide` is said only where the processor has AVX2 and FMA.
pub(crate) unsafe fn product<T: Real>(
    arena: *mut T,
    a: Matrix,
    b: Matrix,
    to: Matrix,
    pack: &mut [T],
    wide: bool,
) {
    let padded =
        |rows: usize, cols: usize| rows.next_multiple_of(ROWS) * cols.next_multiple_of(COLS);
    // The transposed product where it fills the register blocks better.
    let (a, b, to) = if padded(b.cols, a.rows) < padded(a.rows, b.cols) {
        (transposed(b), transposed(a), transposed(to))
    } else {
        (a, b, to)
    };
    let (m, n, k) = (a.rows, b.cols, a.cols);
    if k == 0 {
        for i in 0..m {
            for j in 0..n {
                // SAFETY: `to` is inside the arena.
                unsafe { *arena.add(to.at(i, j)) = T::ZERO };
            }
        }
        return;
    }
    for first_col in (0..n).step_by(WIDTH) {
        let cols = WIDTH.min(n - first_col);
        for first in (0..k).step_by(DEPTH) {
            let depth = DEPTH.min(k - first);
            let (pack_b, pack_a) = pack.split_at_mut(depth * cols.next_multiple_of(COLS));
            // SAFETY: as the caller says.
            unsafe {
                pack_columns(arena, b, first, depth, first_col, cols, pack_b);
                let block = Block { arena, a, to, first, depth, first_col, cols, wide };
                block.multiply(pack_b, pack_a);
            }
        }
    }
}

fn transposed(m: Matrix) -> Matrix {
    Matrix {
        offset: m.offset,
        rows: m.cols,
        cols: m.rows,
        row_stride: m.col_stride,
        col_stride: m.row_stride,
    }
}

/// Columns of b in groups of COLS, each group term by term, filled up with zeros.
unsafe fn pack_columns<T: Real>(
    arena: *const T,
    b: Matrix,
    first: usize,
    depth: usize,
    first_col: usize,
    cols: usize,
    pack: &mut [T],
) {
    for (group, panel) in pack.chunks_exact_mut(depth * COLS).enumerate() {
        let col = first_col + group * COLS;
        let width = COLS.min(first_col + cols - col);
        for (p, line) in panel.chunks_exact_mut(COLS).enumerate() {
            // SAFETY: terms `first .. first + depth` and columns up to `cols` are inside b.
            unsafe {
                let start = arena.add(b.at(first + p, col));
                if b.col_stride == 1 && width == COLS {
                    line.copy_from_slice(std::slice::from_raw_parts(start, COLS));
                } else {
                    for (j, entry) in line[..width].iter_mut().enumerate() {
                        *entry = *start.add(j * b.col_stride);
                    }
                    line[width..].fill(T::ZERO);
                }
            }
        }
    }
}

/// All rows times some columns, over some terms.
struct Block<T> {
    arena: *mut T,
    a: Matrix,
    to: Matrix,
    first: usize,
    depth: usize,
    first_col: usize,
    cols: usize,
    wide: bool,
}

impl<T: Real> Block<T> {
    /// SAFETY of the caller: as for [`product`], with the packed columns in `pack_b`.
    unsafe fn multiply(&self, pack_b: &[T], pack_a: &mut [T]) {
        let (m, depth) = (self.a.rows, self.depth);
        // Packing pays when rows are used often.
        let packed = self.cols > 4 * COLS && self.a.col_stride != 1;
        for top in (0..m).step_by(HEIGHT) {
            let height = HEIGHT.min(m - top);
            if packed {
                // SAFETY: these rows are inside a.
                unsafe { self.pack_rows(top, height, pack_a) };
            }
            for (group, panel) in pack_b.chunks_exact(depth * COLS).enumerate() {
                let col = self.first_col + group * COLS;
                let width = COLS.min(self.first_col + self.cols - col);
                for row in (top..top + height).step_by(ROWS) {
                    let rows = ROWS.min(top + height - row);
                    let mut offsets = [0; ROWS];
                    let (start, stride) = if packed {
                        for (i, offset) in offsets.iter_mut().enumerate() {
                            *offset = (row - top) * depth + i;
                        }
                        (pack_a.as_ptr(), ROWS)
                    } else {
                        for (i, offset) in offsets.iter_mut().enumerate() {
                            // Missing rows repeat the last one; their sums are not kept.
                            *offset = self.a.at(row + i.min(rows - 1), self.first);
                        }
                        (self.arena.cast_const(), self.a.col_stride)
                    };
                    let mut sums = [T::ZERO; ROWS * COLS];
                    // SAFETY: the offsets and `depth` terms from there are inside a, or inside
                    // its packed rows.
                    unsafe {
                        let b = panel.as_ptr();
                        T::block(self.wide, depth, start, &offsets, stride, b, &mut sums);
                        self.keep(row, rows, col, width, &sums);
                    }
                }
            }
        }
    }

    /// Rows in groups of ROWS, each group term by term, filled up with zeros.
    unsafe fn pack_rows(&self, top: usize, height: usize, pack: &mut [T]) {
        for (group, panel) in pack.chunks_exact_mut(self.depth * ROWS).enumerate() {
            let row = top + group * ROWS;
            if row >= top + height {
                break;
            }
            let rows = ROWS.min(top + height - row);
            for (p, line) in panel.chunks_exact_mut(ROWS).enumerate() {
                for (i, entry) in line.iter_mut().enumerate() {
                    let at = self.a.at(row + i.min(rows - 1), self.first + p);
                    // SAFETY: row and term are inside a.
                    *entry = unsafe { *self.arena.add(at) };
                }
            }
        }
    }

    /// Writes sums, or adds them to those of the terms before.
    unsafe fn keep(
        &self,
        row: usize,
        rows: usize,
        col: usize,
        width: usize,
        sums: &[T; ROWS * COLS],
    ) {
        for (i, sums) in sums.chunks_exact(COLS).enumerate().take(rows) {
            for (j, &sum) in sums.iter().enumerate().take(width) {
                // SAFETY: row + i and col + j are inside `to`.
                unsafe {
                    let to = self.arena.add(self.to.at(row + i, col + j));
                    *to = if self.first == 0 { sum } else { *to + sum };
                }
            }
        }
    }
}

/// The same for every processor.
#[inline(always)]
unsafe fn block_anywhere<T: Real>(
    k: usize,
    a: *const T,
    offsets: &[usize; ROWS],
    stride: usize,
    b: *const T,
    sums: &mut [T; ROWS * COLS],
) {
    for p in 0..k {
        for (i, sums) in sums.chunks_exact_mut(COLS).enumerate() {
            // SAFETY: the caller says that these entries exist.
            let (x, line) = unsafe {
                (*a.add(offsets[i] + p * stride), std::slice::from_raw_parts(b.add(p * COLS), COLS))
            };
            for (sum, &y) in sums.iter_mut().zip(line) {
                *sum += x * y;
            }
        }
    }
}

/// See [`Real::block`].
///
/// # Safety
/// As there.
pub(crate) unsafe fn block_f32(
    wide: bool,
    k: usize,
    a: *const f32,
    offsets: &[usize; ROWS],
    stride: usize,
    b: *const f32,
    sums: &mut [f32; ROWS * COLS],
) {
    #[cfg(target_arch = "x86_64")]
    if wide {
        // SAFETY: as the caller says.
        return unsafe { crate::product::avx2::block_f32(k, a, offsets, stride, b, sums) };
    }
    let _ = wide;
    // SAFETY: as the caller says.
    unsafe { block_anywhere(k, a, offsets, stride, b, sums) }
}

/// See [`Real::block`].
///
/// # Safety
/// As there.
pub(crate) unsafe fn block_f64(
    wide: bool,
    k: usize,
    a: *const f64,
    offsets: &[usize; ROWS],
    stride: usize,
    b: *const f64,
    sums: &mut [f64; ROWS * COLS],
) {
    #[cfg(target_arch = "x86_64")]
    if wide {
        // SAFETY: as the caller says.
        return unsafe { crate::product::avx2::block_f64(k, a, offsets, stride, b, sums) };
    }
    let _ = wide;
    // SAFETY: as the caller says.
    unsafe { block_anywhere(k, a, offsets, stride, b, sums) }
}

#[cfg(target_arch = "x86_64")]
mod avx2;

#[cfg(test)]
mod tests {
    use super::{product, scratch};
    use crate::matrix::Matrix;
    use crate::real::Real;

    fn check<T: Real>(m: usize, n: usize, k: usize, tolerance: f64) {
        let matrix =
            |offset, rows, cols| Matrix { offset, rows, cols, row_stride: cols, col_stride: 1 };
        let (a, b) = (matrix(0, m, k), matrix(m * k, k, n));
        let to = matrix(m * k + k * n, m, n);
        let entry = |i: usize| ((i * 7919) % 101) as f64 / 50.5 - 1.0;
        let filled: Vec<T> = (0..to.offset + m * n).map(|i| T::from_f64(entry(i))).collect();
        let mut pack = vec![T::ZERO; scratch(m, n, k)];
        for wide in [false, crate::machine::has_wide()] {
            let mut arena = filled.clone();
            // SAFETY: the three matrices lie one after the other in the arena.
            unsafe { product(arena.as_mut_ptr(), a, b, to, &mut pack, wide) };
            for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                let terms =
                    (0..k).map(|p| filled[a.at(i, p)].to_f64() * filled[b.at(p, j)].to_f64());
                let wanted: f64 = terms.sum();
                let found = arena[to.at(i, j)].to_f64();
                assert!(
                    (found - wanted).abs() < tolerance,
                    "{m}×{k}×{n} {i},{j}: {found} {wanted}"
                );
            }
        }
    }

    #[test]
    fn with_and_without_vector_instructions() {
        for (m, n, k) in [(1, 1, 1), (7, 17, 3), (13, 2, 300), (100, 90, 40), (0, 3, 2), (3, 4, 0)]
        {
            check::<f64>(m, n, k, 1e-12);
            check::<f32>(m, n, k, 1e-4);
        }
        check::<f32>(3, 1100, 20, 1e-4);
    }
}

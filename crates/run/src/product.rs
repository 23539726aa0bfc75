//! Matrix products over strided views, without memory of their own: blocks of b, and of a where its
//! strides ask for it, are packed into scratch memory that the machine brings along.
//!
//! A register block is up to [`Vector::ROWS`] rows of two vectors. Each entry is one sum from the
//! first to the last term, in blocks of [`DEPTH`] terms, whatever the other dimensions are and
//! whoever computes it: the same bits each time. Only where the result has few columns and terms
//! lie one after the other in both operands, sums run along the vectors. (The well-known GEMM
//! crates allocate at every call, which a step must not.)

use self::block::{GROUP, LINE, Line, Place, Rows, WHOLE, every, keep};
use crate::execute::share;
use crate::link::Tile;
use crate::matrix::Matrix;
use crate::real::{Real, Task};
use crate::simd::{Isa, Vector, Work};
use crate::tile::Entries;

/// Terms that are added in registers.
const DEPTH: usize = 256;
/// Columns of b that are packed at once.
const WIDTH: usize = 512;
/// Rows of a that are packed at once.
const HEIGHT: usize = 96;
/// Columns of a packed panel at most: two vectors of sixteen.
pub(crate) const PANEL: usize = 32;
/// A matrix b of so many bytes stays in the first cache, and is read where it is.
const NEAR: usize = 28 << 10;

/// Columns whose sums run along the vectors, at most.
const DOTS: usize = 8;
/// A matrix a of so few numbers is not worth the setting up of blocks.
const FEW: usize = 64;

/// Numbers of scratch memory that a product of this shape needs, and the work on it.
pub(crate) fn scratch<T: Real>(m: usize, n: usize, k: usize, then: Option<&Tile<T>>) -> usize {
    let (down, across) = largest_block(m, n);
    // A block that has all terms is worked on where it is.
    let block = if k <= DEPTH { down * across } else { 0 };
    k.min(DEPTH) * (across + down) + then.map_or(0, |tile| tile.room() + block)
}

/// Rows and columns that are packed at once at most.
fn largest_block(m: usize, n: usize) -> (usize, usize) {
    let longer = m.max(n);
    (longer.min(HEIGHT).next_multiple_of(GROUP), longer.min(WIDTH).next_multiple_of(PANEL))
}

/// Element-wise work on the result of a product.
pub struct Then<'a, T> {
    pub tile: &'a Tile<T>,
    pub isa: Isa,
    /// Where the whole result begins.
    pub start: usize,
}

impl<T> Clone for Then<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Then<'_, T> {}

/// to ← a b, or a part of it: some rows and columns of the result; then the work on these.
#[derive(Clone, Copy)]
pub struct Product<'a, T> {
    pub arena: *mut T,
    pub a: Matrix,
    /// From where the offset of a counts: the arena, or what stands for it.
    pub a_from: *const T,
    pub b: Matrix,
    pub b_from: *const T,
    /// Row by row, or column by column.
    pub to: Matrix,
    pub then: Option<Then<'a, T>>,
    /// [`scratch`] numbers: registers and a block of the result for the work, packed operands.
    pub pack: *mut T,
    /// Which part, of how many.
    pub part: usize,
    pub parts: usize,
}

impl<T: Real> Work<T> for Product<'_, T> {
    /// # Safety
    /// The operands are there, `to` is inside the arena and overlaps neither, and `pack` is as said.
    #[inline(always)]
    unsafe fn run<V: Vector<Number = T>>(&self) {
        let product = if transposing_pays::<V>(&self.a, &self.b, &self.to) {
            let (a, b) = (self.b.transposed(), self.a.transposed());
            let (a_from, b_from) = (self.b_from, self.a_from);
            Product { a, a_from, b, b_from, to: self.to.transposed(), ..*self }
        } else {
            *self
        };
        // How is decided for the whole: a part has the same bits.
        let (a, b) = (&product.a, &product.b);
        let (m, n, k) = (a.rows, b.cols, a.cols);
        let dots = a.col_stride == 1 && b.row_stride == 1;
        let dots = dots && (n == 1 || (n <= DOTS && b.col_stride != 1 && k >= 2 * V::LANES));
        let product = product.restricted(2 * V::LANES);
        if product.to.rows * product.to.cols == 0 {
            return;
        }
        // SAFETY: as the caller says.
        unsafe {
            if dots {
                product.dots::<V>();
            } else if k == 0 {
                product.zero();
            } else if n <= V::LANES && m * k <= FEW {
                product.few::<V>();
            } else if V::Half::LANES < V::LANES && n <= V::Half::LANES {
                return product.blocks::<V::Half, false>();
            } else {
                return product.blocks::<V, true>();
            }
            product.finish();
        }
    }
}

/// Whether to compute (bᵀ aᵀ)ᵀ: where that fills the vectors better and aᵀ lies row by row, where
/// the one row of a stands before columns that lie one after the other, or where both a and the
/// result lie column by column.
#[inline(always)]
fn transposing_pays<V: Vector>(a: &Matrix, b: &Matrix, to: &Matrix) -> bool {
    let vectors = |m: usize, n: usize| m * n.div_ceil(V::Half::LANES);
    let along = a.row_stride == 1 && a.col_stride != 1;
    let better = 4 * vectors(b.cols, a.rows) < 3 * vectors(a.rows, b.cols);
    let by_columns = along && to.row_stride == 1 && to.col_stride != 1;
    // Else b would have to be packed, column by column.
    let few = b.row_stride == 1 && b.col_stride != 1 && b.cols <= PANEL / 2;
    by_columns
        || (along && (better || few))
        || (a.rows == 1 && b.row_stride == 1 && b.col_stride != 1)
}

impl<T: Real> Product<'_, T> {
    /// The rows and columns of this part: of the ways to cut the result into so many pieces the one
    /// whose pieces are smallest.
    #[inline(always)]
    fn restricted(self, across: usize) -> Self {
        if self.parts == 1 {
            return self;
        }
        let (m, n) = (self.a.rows, self.b.cols);
        let size = |down: usize| {
            let rows = m.div_ceil(down).next_multiple_of(GROUP);
            rows * n.div_ceil(self.parts / down).next_multiple_of(across)
        };
        // Work upon whole rows is done in long runs.
        let rows = self.then.is_some() && self.to.col_stride == 1 && m >= 2 * GROUP * self.parts;
        let even = (1..=self.parts).min_by_key(|&down| size(down)).unwrap_or(1);
        let down = if rows { self.parts } else { even };
        let beside = self.parts / down;
        let rows = share(m, GROUP, self.part / beside, down);
        let cols = share(n, across, self.part % beside, beside);
        // Parts that are left over have no rows.
        let a = self.a.part(rows.clone(), 0..self.a.cols);
        let b = self.b.part(0..self.b.rows, cols.clone());
        let to = self.to.part(rows, cols);
        Product { a, b, to, ..self }
    }

    /// The work on all of this part, which is in its place.
    unsafe fn finish(&self) {
        let along = if self.to.col_stride == 1 { self.to } else { self.to.transposed() };
        let from = self.arena.wrapping_add(along.offset).cast_const();
        // SAFETY: as for the product.
        unsafe { self.work(along, from, along.row_stride) }
    }

    /// The work on some rows and columns of the result, which are at `from`.
    unsafe fn work(&self, part: Matrix, from: *const T, stride: usize) {
        let Some(Then { tile, isa, start }) = self.then else { return };
        let whole = part.row_stride == part.cols && stride == part.cols;
        let (runs, length) =
            if whole { (1, part.rows * part.cols) } else { (part.rows, part.cols) };
        for i in 0..runs {
            let first = part.at(i, 0) - start;
            let (entries, product) = (first..first + length, from.wrapping_add(i * stride));
            let (arena, registers) = (self.arena, self.pack);
            let work = Entries { tile, entries, arena, registers, product };
            // SAFETY: the tile is of the shape of the result; the scratch memory begins with its
            // registers, and nothing else is there now.
            unsafe { T::run(isa, &Task::Entries(work)) }
        }
    }

    unsafe fn zero(&self) {
        for (i, j) in (0..self.to.rows).flat_map(|i| (0..self.to.cols).map(move |j| (i, j))) {
            // SAFETY: `to` is inside the arena.
            unsafe { *self.arena.add(self.to.at(i, j)) = T::ZERO };
        }
    }

    /// One vector a row of the result; each entry alone where those of b's rows lie apart.
    #[inline(always)]
    unsafe fn few<V: Vector<Number = T>>(&self) {
        let (a, b, to) = (&self.a, &self.b, &self.to);
        if b.col_stride != 1 {
            // A vector gathered number by number through memory would wait for each of them.
            for (i, j) in (0..a.rows).flat_map(|i| (0..b.cols).map(move |j| (i, j))) {
                let mut sum = V::splat(T::ZERO);
                // SAFETY: the matrices are inside the arena.
                unsafe {
                    for p in 0..a.cols {
                        let y = V::splat(*self.b_from.add(b.at(p, j)));
                        sum = V::splat(*self.a_from.add(a.at(i, p))).mul_add(y, sum);
                    }
                    sum.store_part(self.arena.add(to.at(i, j)), 1);
                }
            }
            return;
        }
        for i in 0..a.rows {
            let mut sum = V::splat(T::ZERO);
            // SAFETY: the matrices are inside the arena.
            unsafe {
                for p in 0..a.cols {
                    let line = self.b_from.add(b.at(p, 0));
                    let y = V::load_part(line, b.cols);
                    sum = V::splat(*self.a_from.add(a.at(i, p))).mul_add(y, sum);
                }
                keep(sum, self.arena.add(to.at(i, 0)), to.col_stride, b.cols, false);
            }
        }
    }

    /// Register blocks, of two vectors a row where `WIDE`.
    #[inline(always)]
    unsafe fn blocks<V: Vector<Number = T>, const WIDE: bool>(&self) {
        let (a, b) = (&self.a, &self.b);
        let (m, n, k) = (a.rows, b.cols, a.cols);
        let across = 2 * V::LANES;
        let near =
            b.col_stride == 1 && (n <= across || k * n <= NEAR / size_of::<T>() || m < 2 * GROUP);
        // Rows beside each other are read in place where that is a few times, or a few of them.
        let in_place = a.row_stride == 1 && (n <= 4 * across || m <= GROUP);
        let pack_rows = a.col_stride != 1 && !in_place;
        let depth = k.div_ceil(k.div_ceil(DEPTH));
        // Work is done on each block; where one block has all terms, it need not go to its place.
        let then = self.then.filter(|_| self.to.col_stride == 1);
        let block = self.pack.wrapping_add(then.map_or(0, |then| then.tile.room()));
        let at_hand = then.is_some() && depth == k;
        let (down, across_all) = largest_block(m, n);
        let pack = block.wrapping_add(if at_hand { down * across_all } else { 0 });
        for first in (0..k).step_by(depth) {
            let depth = depth.min(k - first);
            for first_col in (0..n).step_by(WIDTH) {
                let cols = WIDTH.min(n - first_col);
                let rows_pack = pack.wrapping_add(depth * cols.next_multiple_of(across));
                for top in (0..m).step_by(HEIGHT) {
                    let height = HEIGHT.min(m - top);
                    // SAFETY: rows, columns and terms are inside the matrices; the scratch memory
                    // has room for the columns and behind them for the rows.
                    unsafe {
                        if !near && top == 0 {
                            self.pack_columns::<V>(across, first, depth, first_col, cols, pack);
                        }
                        if pack_rows {
                            self.pack_rows(first, depth, top, height, rows_pack);
                        }
                        let (panels, b_stride) = if near {
                            let at = b.at(first, first_col);
                            (self.b_from.add(at), b.row_stride)
                        } else {
                            (pack.cast_const(), across)
                        };
                        let (to, row_stride) = if at_hand {
                            (block, cols)
                        } else {
                            (self.arena.add(self.to.at(top, first_col)), self.to.row_stride)
                        };
                        let place = Place {
                            depth,
                            runs: WHOLE,
                            a: self.a_from.add(self.a.at(top, first)),
                            a_stride: 0,
                            pointers: every(0),
                            b: panels,
                            b_stride,
                            to,
                            row_stride,
                            col_stride: self.to.col_stride,
                            cols,
                            apart: if near { 1 } else { depth },
                            add: first > 0,
                        };
                        let rows = pack_rows.then_some(rows_pack.cast_const());
                        self.stripe::<V, WIDE>(place, near, height, rows);
                        if then.is_some() && first + depth == k {
                            let part = self.to.part(top..top + height, first_col..first_col + cols);
                            let there = self.arena.add(part.offset);
                            let (from, stride) =
                                if at_hand { (block, cols) } else { (there, part.row_stride) };
                            self.work(part, from.cast_const(), stride);
                        }
                    }
                }
            }
        }
        if then.is_none() {
            // SAFETY: as for the product.
            unsafe { self.finish() }
        }
    }

    /// Some rows times all panels, which lie one behind the other where they are packed.
    #[inline(always)]
    unsafe fn stripe<V: Vector<Number = T>, const WIDE: bool>(
        &self,
        mut place: Place<T>,
        near: bool,
        height: usize,
        packed: Option<*const T>,
    ) {
        let across = 2 * V::LANES;
        // SAFETY: as for the product; so many rows and columns are there.
        unsafe {
            if self.a.rows == 1 && near && place.cols >= LINE * V::LANES {
                let line = place.first(place.cols - place.cols % (LINE * V::LANES));
                V::apart(&Line(Place { a_stride: self.a.col_stride, ..line }));
            }
            // Panels that the first cache holds; the last one may be of one vector.
            let each = (NEAR / size_of::<T>() / place.depth / across * across).max(across);
            while WIDE && place.cols > V::LANES {
                let rest = place.cols % across;
                let narrow = if rest > V::LANES { 0 } else { rest };
                let wide = place.first(each.min(place.cols - narrow));
                self.panels::<V, 2>(wide, height, packed);
            }
            if place.cols > 0 {
                self.panels::<V, 1>(place, height, packed);
            }
        }
    }

    /// Some rows times panels of `N` vectors.
    #[inline(always)]
    unsafe fn panels<V: Vector<Number = T>, const N: usize>(
        &self,
        mut place: Place<T>,
        rows: usize,
        packed: Option<*const T>,
    ) {
        let along = self.a.col_stride == 1 && packed.is_none();
        if let Some(packed) = packed {
            (place.a, place.a_stride, place.pointers) = (packed, GROUP, every(3));
        } else if along {
            (place.a_stride, place.pointers) = (self.a.row_stride, every(3 * self.a.row_stride));
        } else {
            (place.a_stride, place.pointers) = (self.a.col_stride, every(3));
        }
        let packed = packed.is_some();
        // SAFETY: as for the product; so many rows are there.
        unsafe {
            if along {
                V::apart(&Rows::<T, N, true> { place, rows, packed });
            } else {
                V::apart(&Rows::<T, N, false> { place, rows, packed });
            }
        }
    }
}

pub(crate) mod block;
mod dots;
mod pack;
#[cfg(test)]
mod tests;

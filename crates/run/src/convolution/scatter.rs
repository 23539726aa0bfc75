//! The gradients of a convolution, place by place: what is zero at a place is left out.
//!
//! The gradient of pictures of which the largest entries are kept is zero but for one entry of each
//! window; behind a `relu` there are more zeros. What a place of the window sees is cut into pieces
//! of a vector, and what each channel of the result has to do with them lies in the same order: all
//! of it stays in the fastest memory, or this is not done.

use std::ops::Range;

use matgrad_plan::convolution::Kind;

use super::{Convolution, Convolve};
use crate::picture::vectors as parts;
use crate::real::Real;
use crate::simd::{Vector, Work};

/// Pieces at most.
const PIECES: usize = 40;
/// Pieces whose sums are in registers, many or few of them.
const MANY: usize = 10;
const FEW: usize = 5;
/// From one place that is looked at to the next, to see how much of a gradient is zero.
const SEEN: usize = 7;
/// Bytes of what belongs to the pieces, for all channels of the result, at most.
const BYTES: usize = 24 << 10;

/// Entries of a window that lie beside each other, no more than a vector.
#[derive(Clone, Copy, Default)]
struct Piece {
    /// Where it begins in a padded picture, for the first place.
    at: usize,
    /// Its first row of the unfolded pictures.
    row: usize,
    /// How many entries; none, if it only makes the number of pieces whole.
    lanes: usize,
}

/// The pieces of some rows, in groups of the same size.
pub(super) struct Pieces {
    all: [Piece; PIECES],
    count: usize,
    group: usize,
}

impl Pieces {
    fn groups(&self) -> impl Iterator<Item = &[Piece]> {
        self.all[..self.count].chunks_exact(self.group)
    }
}

/// Numbers of scratch memory for what belongs to the pieces.
pub(super) fn room<T>() -> usize {
    BYTES / size_of::<T>()
}

impl<T: Real> Convolution<T> {
    /// Columns of the gradient: channels of the result.
    fn deltas(&self) -> usize {
        if self.kind == Kind::Pictures { self.a.cols } else { self.b.cols }
    }

    /// The pieces of some rows of the unfolded pictures, of whole runs; if runs fill their vectors,
    /// and what belongs to all pieces is not too large.
    pub(super) fn pieces<V: Vector<Number = T>>(&self, rows: Range<usize>) -> Option<Pieces> {
        let each = self.run.div_ceil(V::LANES);
        let whole = self.runs.len() * each;
        let group = if whole.div_ceil(whole.div_ceil(MANY)) > FEW { MANY } else { FEW };
        let vectors = whole.next_multiple_of(group);
        let fits = vectors <= PIECES && vectors * V::LANES * self.deltas() <= room::<T>();
        let along = self.kind == Kind::Kernel || self.b.row_stride == 1;
        if !fits || !along || !self.is_near() || 4 * self.run < 3 * each * V::LANES {
            return None;
        }
        let mut pieces = Pieces { all: [Piece::default(); PIECES], count: 0, group };
        for row in rows.step_by(self.run) {
            for within in (0..self.run).step_by(V::LANES) {
                let (at, row) = (self.runs[row / self.run] + within, row + within);
                let lanes = V::LANES.min(self.run - within);
                pieces.all[pieces.count] = Piece { at, row, lanes };
                pieces.count += 1;
            }
        }
        let last = Piece { lanes: 0, ..pieces.all[pieces.count.saturating_sub(1)] };
        let count = pieces.count.next_multiple_of(group);
        pieces.all[pieces.count..count].fill(last);
        Some(Pieces { count, ..pieces })
    }
}

/// What the work on the places of a picture goes by.
struct Places<'a, T> {
    of: &'a Convolution<T>,
    pieces: &'a [Piece],
    /// The gradient at the first place, and from place to place.
    delta: *const T,
    stride: usize,
    /// The picture, with what is around it and a vector behind it.
    picture: *mut T,
    /// For each channel of the result the vectors of all pieces.
    vectors: *mut T,
}

/// The kernel's gradient: what a place sees, times each entry of the gradient there, is added to the
/// vectors.
struct Kernel<'a, T, const N: usize>(&'a Places<'a, T>);

impl<T: Real, const N: usize> Work<T> for Kernel<'_, T, N> {
    /// # Safety
    /// There are `N` pieces; pictures, vectors and gradient are there.
    #[inline(always)]
    unsafe fn run<V: Vector<Number = T>>(&self) {
        let &Places { of, pieces, mut delta, stride, picture, vectors } = self.0;
        let at: [usize; N] = std::array::from_fn(|i| pieces[i].at);
        for line in &of.lines {
            let mut from = picture.wrapping_add(*line).cast_const();
            for _ in 0..of.wide {
                for (first, lanes) in parts::<V>(of.deltas()) {
                    // SAFETY: as the caller says.
                    unsafe {
                        let mut bits = V::load_part(delta.add(first), lanes).nonzero();
                        let mut seen = [V::splat(T::ZERO); N];
                        if bits != 0 {
                            for (seen, at) in seen.iter_mut().zip(at) {
                                *seen = V::load(from.add(at));
                            }
                        }
                        while bits != 0 {
                            let channel = first + bits.trailing_zeros() as usize;
                            bits &= bits - 1;
                            let (y, mut to) = (
                                V::splat(*delta.add(channel)),
                                vectors.add(channel * N * V::LANES),
                            );
                            for seen in seen {
                                seen.mul_add(y, V::load(to)).store(to);
                                to = to.wrapping_add(V::LANES);
                            }
                        }
                    }
                }
                delta = delta.wrapping_add(stride);
                from = from.wrapping_add(of.step);
            }
        }
    }
}

/// The pictures' gradient: the vectors, times the entries of the gradient at a place, are added to what
/// that place sees.
struct Pictures<'a, T, const N: usize>(&'a Places<'a, T>);

impl<T: Real, const N: usize> Work<T> for Pictures<'_, T, N> {
    /// # Safety
    /// There are `N` pieces; pictures, vectors and gradient are there.
    #[inline(always)]
    unsafe fn run<V: Vector<Number = T>>(&self) {
        let &Places { of, pieces, mut delta, stride, picture, vectors } = self.0;
        let at: [usize; N] = std::array::from_fn(|i| pieces[i].at);
        for line in &of.lines {
            let mut to = picture.wrapping_add(*line);
            for _ in 0..of.wide {
                let (mut sums, mut any) = ([V::splat(T::ZERO); N], 0);
                // SAFETY: as the caller says.
                unsafe {
                    for (first, lanes) in parts::<V>(of.deltas()) {
                        let mut bits = V::load_part(delta.add(first), lanes).nonzero();
                        any |= bits;
                        while bits != 0 {
                            let channel = first + bits.trailing_zeros() as usize;
                            bits &= bits - 1;
                            let y = V::splat(*delta.add(channel));
                            let mut from = vectors.add(channel * N * V::LANES).cast_const();
                            for sum in &mut sums {
                                *sum = V::load(from).mul_add(y, *sum);
                                from = from.wrapping_add(V::LANES);
                            }
                        }
                    }
                    if any != 0 {
                        for (sum, at) in sums.into_iter().zip(at) {
                            V::load(to.add(at)).add(sum).store(to.add(at));
                        }
                    }
                }
                delta = delta.wrapping_add(stride);
                to = to.wrapping_add(of.step);
            }
        }
    }
}

/// Rows as columns: of a matrix of this size, whose rows begin `next` apart, and those of the other one
/// `to_next`.
#[inline(always)]
unsafe fn turn<V: Vector>(
    from: *const V::Number,
    next: usize,
    to: *mut V::Number,
    to_next: usize,
    [rows, cols]: [usize; 2],
) {
    for (first, height) in parts::<V>(rows) {
        for (start, width) in parts::<V>(cols) {
            let mut square = [V::splat(V::Number::ZERO); 16];
            // SAFETY: the caller says that both matrices are there.
            unsafe {
                for (i, row) in square.iter_mut().enumerate().take(height) {
                    *row = V::load_part(from.add((first + i) * next + start), width);
                }
                for (i, row) in V::transpose(square).into_iter().enumerate().take(width) {
                    row.store_part(to.add((start + i) * to_next + first), height);
                }
            }
        }
    }
}

/// Runs work for the size of a group of pieces.
macro_rules! grouped {
    ($v:ident, $work:ident, $places:expr) => {{
        let places = $places;
        if places.pieces.len() == FEW {
            $v::alone(&$work::<_, FEW>(&places));
        } else {
            $v::alone(&$work::<_, MANY>(&places));
        }
    }};
}

impl<T: Real> Convolve<'_, T> {
    /// Whether so much of the gradient is zero that leaving it out pays.
    ///
    /// # Safety
    /// The gradient, b, is there.
    #[inline(always)]
    pub(super) unsafe fn is_sparse<V: Vector<Number = T>>(&self) -> bool {
        let (b, places) = (self.of.b, self.of.lines.len() * self.of.wide);
        let rows = self.images.start * places..self.images.end * places;
        let (mut entries, mut count) = (0, 0);
        // Some places tell enough, of lines of any length.
        for row in rows.step_by(SEEN) {
            entries += b.cols;
            let from = self.arena.wrapping_add(b.at(row, 0));
            for (first, lanes) in parts::<V>(b.cols) {
                // SAFETY: as the caller says.
                let bits = unsafe { V::load_part(from.add(first), lanes) }.nonzero();
                count += bits.count_ones() as usize;
            }
        }
        5 * count <= 2 * entries
    }

    /// Some rows of the kernel's gradient, of the pieces that they are cut into.
    ///
    /// # Safety
    /// Pictures and gradient are there, and the scratch memory is.
    #[inline(always)]
    pub(super) unsafe fn kernel_by_places<V: Vector<Number = T>>(&self, pieces: &Pieces) {
        let (of, vectors) = (self.of, self.room(3));
        let places = of.lines.len() * of.wide;
        let each = of.deltas() * pieces.group * V::LANES;
        // SAFETY: as the caller says; there is room for the vectors.
        unsafe {
            std::slice::from_raw_parts_mut(vectors, pieces.groups().count() * each).fill(T::ZERO);
            for image in self.images.clone() {
                let picture = self.copied(image);
                let delta = self.arena.add(of.b.at(image * places, 0)).cast_const();
                for (number, pieces) in pieces.groups().enumerate() {
                    let (stride, vectors) = (of.b.row_stride, vectors.add(number * each));
                    grouped!(V, Kernel, Places { of, pieces, delta, stride, picture, vectors });
                }
            }
            for (number, pieces) in pieces.groups().enumerate() {
                for (i, piece) in pieces.iter().enumerate() {
                    let from = vectors.add(number * each + i * V::LANES).cast_const();
                    let to = self.sums().add(piece.row * of.deltas());
                    let (next, sizes) = (pieces.len() * V::LANES, [of.deltas(), piece.lanes]);
                    turn::<V>(from, next, to, of.deltas(), sizes);
                }
            }
        }
    }

    /// The kernel, for the pieces.
    #[inline(always)]
    unsafe fn vectors<V: Vector<Number = T>>(&self, pieces: &Pieces) -> *mut T {
        let (b, vectors, deltas) = (self.of.b, self.room(3), self.of.deltas());
        let (next, each) = (pieces.group * V::LANES, deltas * pieces.group * V::LANES);
        // SAFETY: there is room for the vectors, and the kernel has these entries.
        unsafe {
            std::slice::from_raw_parts_mut(vectors, pieces.groups().count() * each).fill(T::ZERO);
            for (number, pieces) in pieces.groups().enumerate() {
                for (i, piece) in pieces.iter().enumerate() {
                    let from = self.arena.add(b.at(0, piece.row)).cast_const();
                    let to = vectors.add(number * each + i * V::LANES);
                    turn::<V>(from, b.col_stride, to, next, [piece.lanes, deltas]);
                }
            }
        }
        vectors
    }

    /// The gradient of some pictures.
    ///
    /// # Safety
    /// Kernel and gradient are there, and the scratch memory is.
    #[inline(always)]
    pub(super) unsafe fn pictures_by_places<V: Vector<Number = T>>(&self, pieces: &Pieces) {
        let (of, picture) = (self.of, self.room(1));
        let (places, size) = (of.lines.len() * of.wide, of.window.columns());
        let each = of.deltas() * pieces.group * V::LANES;
        // SAFETY: as the caller says.
        unsafe {
            let vectors = self.vectors::<V>(pieces);
            for image in self.images.clone() {
                self.clear();
                let delta = self.arena.add(of.a.at(image * places, 0)).cast_const();
                for (number, pieces) in pieces.groups().enumerate() {
                    let (stride, vectors) = (of.a.row_stride, vectors.add(number * each));
                    grouped!(V, Pictures, Places { of, pieces, delta, stride, picture, vectors });
                }
                let to = match of.then {
                    Some(_) => self.room(4),
                    None => self.arena.add(of.to.offset + image * size),
                };
                for (first, padded, length) in of.inside() {
                    std::ptr::copy_nonoverlapping(picture.add(padded), to.add(first), length);
                }
                self.finish(image * size..(image + 1) * size, to);
            }
        }
    }
}

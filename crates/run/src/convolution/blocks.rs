//! Convolutions by the register block of products, which reads pictures where they are.

use std::ops::Range;

use super::Convolve;
use super::beside::Beside;
use crate::matrix::Matrix;
use crate::product::Product;
use crate::product::block::{Lines, PAIR, Pair, Place, Rows, WHOLE, every};
use crate::real::Real;
use crate::simd::Vector;

impl<T: Real> Convolve<'_, T> {
    /// b as the blocks read it, where panels begin to be apart, and from term to term: in place
    /// where that is one panel.
    unsafe fn packed<V: Vector<Number = T>>(&self) -> (*const T, usize, usize) {
        let (b, across) = (self.of.b, 2 * V::LANES);
        if b.col_stride == 1 && b.cols <= across {
            return (self.arena.wrapping_add(b.offset), 0, b.row_stride);
        }
        let (arena, pack) = (self.arena, self.room(3));
        let (a_from, b_from) = (arena.cast_const(), arena.cast_const());
        let (a, to, then) = (Matrix::default(), Matrix::default(), None);
        let product = Product { arena, a, a_from, b, b_from, to, then, pack, part: 0, parts: 1 };
        // SAFETY: there is room for all columns of b.
        unsafe { product.pack_columns::<V>(across, 0, b.rows, 0, b.cols, pack) };
        (pack, b.rows, across)
    }

    #[inline(always)]
    pub(super) unsafe fn forward<V: Vector<Number = T>, const BESIDE: bool>(&self) {
        let of = self.of;
        let (n, places) = (of.b.cols, of.lines.len() * of.wide);
        // SAFETY: pictures, lines and columns are inside the matrices.
        unsafe {
            let (b, apart, b_stride) = if BESIDE {
                (self.arena.add(of.b.offset).cast_const(), 0, 0)
            } else {
                self.packed::<V>()
            };
            for image in self.images.clone() {
                let picture = self.picture(image);
                for top in (0..of.lines.len()).step_by(of.together()) {
                    let lines = &of.lines[top..of.lines.len().min(top + of.together())];
                    let first = (image * places + top * of.wide) * n;
                    let to = match of.then {
                        Some(_) => self.room(2),
                        None => self.arena.add(of.to.offset + first),
                    };
                    if BESIDE {
                        V::alone(&Beside { of, lines, picture, b, to });
                    } else {
                        self.lines::<V>(lines, picture, (b, apart, b_stride), to);
                    }
                    self.finish(first..first + lines.len() * of.wide * n, to);
                }
            }
        }
    }

    /// Some lines of places of a picture, a vector or two of channels of all of them after the other.
    #[inline(always)]
    unsafe fn lines<V: Vector<Number = T>>(
        &self,
        lines: &[usize],
        picture: *const T,
        (b, apart, b_stride): (*const T, usize, usize),
        to: *mut T,
    ) {
        let of = self.of;
        let (n, across) = (of.b.cols, 2 * V::LANES);
        for col in (0..n).step_by(across) {
            let mut place = Place {
                depth: of.run,
                runs: &of.runs,
                a: picture,
                a_stride: of.step,
                pointers: every(3 * of.step),
                b: b.wrapping_add(col * apart),
                b_stride,
                to: to.wrapping_add(col),
                row_stride: n,
                col_stride: 1,
                cols: across.min(n - col),
                apart: 0,
                add: false,
            };
            // Short lines together, so that there are sums enough for the processor.
            let some = Lines::<T>::together::<V>(of.wide).filter(|_| place.cols <= V::LANES);
            let mut lines = lines;
            while let Some(line) = lines.first() {
                place.a = picture.wrapping_add(*line);
                let some = some.filter(|some| *some <= lines.len());
                // SAFETY: the lines and columns are inside the matrices.
                unsafe {
                    if let Some(next) = some.and_then(|_| lines.get(1)) {
                        V::apart(&Lines::of(place, of.wide, next - line));
                    } else {
                        all::<V, true>(place, of.wide);
                    }
                }
                let done = some.unwrap_or(1);
                place.to = place.to.wrapping_add(done * of.wide * n);
                lines = &lines[done..];
            }
        }
    }

    #[inline(always)]
    pub(super) unsafe fn kernel_by_blocks<V: Vector<Number = T>>(&self, rows: Range<usize>) {
        let of = self.of;
        let (n, places) = (of.b.cols, of.lines.len() * of.wide);
        // SAFETY: pictures, rows and columns are inside the matrices.
        unsafe {
            for image in self.images.clone() {
                let picture = self.picture(image);
                let delta = of.b.at(image * places, 0);
                let mut row = rows.start;
                while row < rows.end {
                    let (number, within) = (row / of.run, row % of.run);
                    let run = of.runs[number];
                    // Short runs in pairs, so that there are sums enough for the processor.
                    let pair = within == 0
                        && row + 2 * of.run <= rows.end
                        && n <= V::LANES
                        && PAIR.contains(&of.run)
                        && V::TALL >= 2 * PAIR.end();
                    let some = if pair { 2 } else { 1 } * of.run - within;
                    for col in (0..n).step_by(2 * V::LANES) {
                        let mut place = Place {
                            depth: of.wide,
                            runs: &of.lines,
                            a: picture.add(run + within),
                            a_stride: of.step,
                            pointers: every(3),
                            b: self.arena.add(delta + col),
                            b_stride: of.b.row_stride,
                            to: self.sums().add(row * n + col),
                            row_stride: n,
                            col_stride: 1,
                            cols: (2 * V::LANES).min(n - col),
                            apart: 0,
                            add: image > self.images.start,
                        };
                        if pair {
                            place.pointers = every(of.runs[number + 1] - run);
                            V::apart(&Pair { place, run: of.run });
                        } else {
                            all::<V, false>(place, some.min(rows.end - row));
                        }
                    }
                    row += some;
                }
            }
            if self.images.is_empty() {
                let first = self.sums().add(rows.start * n);
                std::slice::from_raw_parts_mut(first, rows.len() * n).fill(T::ZERO);
            }
        }
    }

    #[inline(always)]
    pub(super) unsafe fn pictures<V: Vector<Number = T>>(&self) {
        let of = self.of;
        let Some(folding) = &of.folding else { return };
        let (n, places) = (of.b.cols, of.lines.len() * of.wide);
        let (high, size) = (of.window.picture[0] as usize, of.window.columns());
        let (unfolded, sums) = (self.room(2), self.room(5));
        // SAFETY: pictures, lines and columns are inside the matrices; so many lines are held.
        unsafe {
            let (b, apart, b_stride) = self.packed::<V>();
            for image in self.images.clone() {
                let to = match of.then {
                    Some(_) => self.room(4),
                    None => self.arena.add(of.to.offset + image * size),
                };
                let mut line = 0;
                for row in 0..high {
                    while line < folding.lines(row) {
                        let a = of.a.at(image * places + line * of.wide, 0);
                        let to = unfolded.add(line % folding.held * of.wide * n);
                        let place = Place {
                            depth: of.a.cols,
                            runs: WHOLE,
                            a: self.arena.add(a),
                            a_stride: of.a.row_stride,
                            pointers: every(3 * of.a.row_stride),
                            b,
                            b_stride,
                            to,
                            row_stride: n,
                            col_stride: 1,
                            cols: n,
                            apart,
                            add: false,
                        };
                        all::<V, true>(place, of.wide);
                        line += 1;
                    }
                    folding.row::<V, true>(row, unfolded, sums, to);
                }
                self.finish(image * size..(image + 1) * size, to);
            }
        }
    }
}

/// So many rows of all columns: panels of two vectors, the last one of one where that holds what is
/// left.
#[inline(always)]
unsafe fn all<V: Vector, const ALONG: bool>(mut place: Place<V::Number>, rows: usize) {
    let (packed, rest) = (false, place.cols % (2 * V::LANES));
    // SAFETY: as the caller says, so many rows are there.
    unsafe {
        if place.cols > V::LANES {
            let wide = place.first(place.cols - if rest > V::LANES { 0 } else { rest });
            V::apart(&Rows::<_, 2, ALONG> { place: wide, rows, packed });
        }
        if place.cols > 0 {
            V::apart(&Rows::<_, 1, ALONG> { place, rows, packed });
        }
    }
}

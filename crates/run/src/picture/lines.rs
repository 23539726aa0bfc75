//! Pooling by twos of pictures with not many channels: lines of pixels, whatever pixel an entry is of.
//!
//! A vector holds entries of a line beside each other. What belongs to the other pixel of a place is
//! as many entries before or behind as there are channels; what becomes of a line belongs to every
//! second pixel, and is brought together or put back by a mask.

use matgrad_expr::window::Window;

use super::{clear, gated};
use crate::real::Real;
use crate::simd::Vector;

/// Vectors of a line at most.
const MOST: usize = 32;
/// Channels at most: with more of them it takes less to go place by place.
const CHANNELS: usize = 32;

/// Some entries of a line that lie beside each other, no more than a vector.
#[derive(Clone, Copy, Default)]
struct Piece {
    at: usize,
    lanes: usize,
    /// The lanes that are of the first pixel of a place, and of the second one.
    first: Lanes,
    second: Lanes,
}

/// Some lanes of a piece, how many, and how many of their kind are before the piece.
#[derive(Clone, Copy, Default)]
struct Lanes {
    mask: u32,
    count: usize,
    before: usize,
}

/// How the lines of a picture are pooled.
pub(super) struct Lines {
    pieces: [Piece; MOST],
    count: usize,
    channels: usize,
    /// Lines of places.
    high: usize,
    /// Entries of a line of the picture, and of a pooled one.
    line: usize,
    pooled: usize,
    /// Entries of the picture.
    size: usize,
}

impl Lines {
    /// If places are two by two pixels that no other place has.
    pub fn of<V: Vector>(w: &Window) -> Option<Lines> {
        let twos =
            w.size == [2; 2] && w.stride == [2; 2] && w.dilation == [1; 2] && w.pad == [0; 4];
        let ([high, wide], channels) = (w.output()?.map(|n| n as usize), w.channels());
        let pooled = wide * channels;
        if !V::PERMUTES || !twos || channels > CHANNELS || 2 * pooled > MOST * V::LANES {
            return None;
        }
        // Bits for the first pixel of each place from the beginning of one on.
        let places = (0..64).step_by(2 * channels);
        let bits = places.fold(0, |bits, place| bits | ((1_u64 << channels) - 1) << place);
        let (mut pieces, mut count, mut before) = ([Piece::default(); MOST], 0, 0);
        for at in (0..2 * pooled).step_by(V::LANES) {
            let lanes = V::LANES.min(2 * pooled - at);
            let all = (1 << lanes) - 1;
            let mask = (bits >> (at % (2 * channels))) as u32 & all;
            let first = Lanes { mask, count: mask.count_ones() as usize, before };
            let (mask, rest) = (all & !mask, lanes - first.count);
            let second = Lanes { mask, count: rest, before: at - before };
            pieces[count] = Piece { at, lanes, first, second };
            (count, before) = (count + 1, before + first.count);
        }
        let line = w.picture[1] as usize * channels;
        Some(Lines { pieces, count, channels, high, line, pooled, size: w.columns() })
    }

    /// The largest entry of each place; not, if one is infinite or no number.
    #[inline(always)]
    pub unsafe fn maxpool<V: Vector>(&self, x: *const V::Number, to: *mut V::Number) -> bool {
        let zero = V::splat(V::Number::ZERO);
        let mut wrong = zero;
        for row in 0..self.high {
            let (x, to) = (x.wrapping_add(2 * row * self.line), to.wrapping_add(row * self.pooled));
            for &Piece { at, lanes, first, .. } in &self.pieces[..self.count] {
                let x = x.wrapping_add(at);
                let below = x.wrapping_add(self.line);
                // SAFETY: the entries of the mask are in both lines, and so are those behind them.
                unsafe {
                    let (upper, lower) = (V::load_part(x, lanes), V::load_part(below, lanes));
                    let right = zero.load_where(x.wrapping_add(self.channels), first.mask);
                    let corner = zero.load_where(below.wrapping_add(self.channels), first.mask);
                    let most = upper.max(lower).max(right.max(corner));
                    wrong = not_finite(wrong, upper, lower);
                    let to = to.wrapping_add(first.before);
                    most.compress(first.mask).store_part(to, first.count);
                }
            }
        }
        wrong.nonzero() == 0
    }

    /// Each entry of a goes to where the first of the largest ones of x is, and zeros to elsewhere;
    /// not, if one of x is infinite or no number.
    #[inline(always)]
    pub unsafe fn unpool<V: Vector>(
        &self,
        gate: bool,
        a: *const V::Number,
        x: *const V::Number,
        to: *mut V::Number,
    ) -> bool {
        let (zero, none) = (V::splat(V::Number::ZERO), V::splat(V::Number::NEG_INFINITY));
        // Places are of all lines, or the last ones stay as they are.
        if 4 * self.high * self.pooled < self.size {
            // SAFETY: there is room for the picture.
            unsafe { clear(self.size, to) };
        }
        let mut wrong = zero;
        for row in 0..self.high {
            let start = 2 * row * self.line;
            let (x, to) = (x.wrapping_add(start), to.wrapping_add(start));
            let a = a.wrapping_add(row * self.pooled);
            for &Piece { at, lanes, first, second } in &self.pieces[..self.count] {
                let (x, to) = (x.wrapping_add(at), to.wrapping_add(at));
                let below = x.wrapping_add(self.line);
                // SAFETY: the entries of the masks are in both lines, and so are those of the other
                // pixel of each place; as many of the pooled line belong to them.
                unsafe {
                    let (upper, lower) = (V::load_part(x, lanes), V::load_part(below, lanes));
                    // Of the pixel before, where it is of the same place; and of the other pixel.
                    let left = none.load_where(x.wrapping_sub(self.channels), second.mask);
                    let left_below =
                        none.load_where(below.wrapping_sub(self.channels), second.mask);
                    let other = left.load_where(x.wrapping_add(self.channels), first.mask);
                    let other_below =
                        left_below.load_where(below.wrapping_add(self.channels), first.mask);
                    let above = upper.max(other);
                    let most = above.max(lower.max(other_below));
                    wrong = not_finite(wrong, upper, lower);

                    let given = gated(gate, most, put(a, second, put(a, first, zero)));
                    let here = upper.if_greater_equal(most, given, zero);
                    left.if_greater_equal(most, zero, here).store_part(to, lanes);
                    let rest = above.if_greater_equal(most, zero, given);
                    let here = lower.if_greater_equal(most, rest, zero);
                    let here = left_below.if_greater_equal(most, zero, here);
                    here.store_part(to.wrapping_add(self.line), lanes);
                }
            }
        }
        wrong.nonzero() == 0
    }
}

/// Pooled entries in the lanes that they belong to.
#[inline(always)]
unsafe fn put<V: Vector>(a: *const V::Number, lanes: Lanes, rest: V) -> V {
    // SAFETY: the caller says that they are there.
    let part = unsafe { V::load_part(a.wrapping_add(lanes.before), lanes.count) };
    part.expand(lanes.mask, rest)
}

/// No longer zero where one of two entries is infinite or no number, or their sum is.
#[inline(always)]
fn not_finite<V: Vector>(wrong: V, a: V, b: V) -> V {
    let sum = a.add(b);
    wrong.add(sum.sub(sum))
}

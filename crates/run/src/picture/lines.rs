//! Pooling by twos of pictures with few channels: lines of pixels, whatever pixel an entry is of.
//!
//! A vector holds entries of a line beside each other. What belongs to the other pixel of a place is
//! as many entries before or behind as there are channels; what becomes of a line belongs to every
//! second pixel, and is brought together or put back by a mask.

use matgrad_expr::window::Window;

use super::clear;
use crate::real::Real;
use crate::simd::Vector;

/// Whether places are two by two pixels that no other place has, and less than a vector each.
#[inline(always)]
pub(super) fn pays<V: Vector>(w: &Window) -> bool {
    let twos = w.size == [2; 2] && w.stride == [2; 2] && w.dilation == [1; 2] && w.pad == [0; 4];
    V::COMPRESS && twos && w.channels() < V::LANES
}

/// The vectors of a line: which lanes are of the first pixel of a place and which of the second,
/// and how many entries of first pixels and of second ones are before.
struct Pieces {
    channels: usize,
    /// Entries of a line that are in a place.
    length: usize,
    lanes: usize,
    at: usize,
    first: usize,
}

/// A vector of a line.
struct Piece {
    at: usize,
    lanes: usize,
    /// Lanes and pooled entries before, of the first pixels and of the second ones.
    first: (u32, usize),
    second: (u32, usize),
}

impl Iterator for Pieces {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        let &mut Pieces { channels, length, at, first, .. } = self;
        let lanes = self.lanes.min(length.saturating_sub(at));
        // Bits for the first pixel of each place from the beginning of one on.
        let places = (0..64).step_by(2 * channels);
        let bits = places.fold(0, |bits, place| bits | ((1_u64 << channels) - 1) << place);
        let all = (1 << lanes) - 1;
        let mask = (bits >> (at % (2 * channels))) as u32 & all;
        let second = all & !mask;
        self.at += lanes;
        self.first += mask.count_ones() as usize;
        let piece = Piece { at, lanes, first: (mask, first), second: (second, at - first) };
        (lanes > 0).then_some(piece)
    }
}

/// The vectors of a line, how many lines of places there are, and the entries of a line of pixels.
fn pieces<V: Vector>(w: &Window) -> (Pieces, usize, usize) {
    let [high, wide] = w.output().unwrap_or([0; 2]).map(|n| n as usize);
    let (channels, line) = (w.channels(), w.picture[1] as usize * w.channels());
    let length = 2 * wide * channels;
    (Pieces { channels, length, lanes: V::LANES, at: 0, first: 0 }, high, line)
}

/// The largest entry of each place; not, if one is infinite or no number.
#[inline(always)]
pub(super) unsafe fn maxpool<V: Vector>(
    w: &Window,
    x: *const V::Number,
    to: *mut V::Number,
) -> bool {
    let ((pieces, high, line), channels) = (pieces::<V>(w), w.channels());
    let (zero, pooled) = (V::splat(V::Number::ZERO), pieces.length / 2);
    let mut wrong = zero;
    for Piece { at, lanes, first: (mask, before), .. } in pieces {
        let (mut x, mut to) = (x.wrapping_add(at), to.wrapping_add(before));
        for _ in 0..high {
            let below = x.wrapping_add(line);
            // SAFETY: the entries of the mask are in both lines, and so are those behind them.
            unsafe {
                let (upper, lower) = (V::load_part(x, lanes), V::load_part(below, lanes));
                let right = zero.load_where(x.wrapping_add(channels), mask);
                let corner = zero.load_where(below.wrapping_add(channels), mask);
                let most = upper.max(lower).max(right.max(corner));
                wrong = not_finite(wrong, upper, lower);
                most.compress(mask).store_part(to, mask.count_ones() as usize);
            }
            (x, to) = (x.wrapping_add(2 * line), to.wrapping_add(pooled));
        }
    }
    wrong.nonzero() == 0
}

/// Each entry of a goes to where the first of the largest ones of x is, and zeros to elsewhere; not,
/// if one of x is infinite or no number.
#[inline(always)]
pub(super) unsafe fn unpool<V: Vector>(
    w: &Window,
    a: *const V::Number,
    x: *const V::Number,
    to: *mut V::Number,
) -> bool {
    let ((pieces, high, line), channels) = (pieces::<V>(w), w.channels());
    let (zero, pooled) = (V::splat(V::Number::ZERO), pieces.length / 2);
    let none = V::splat(V::Number::NEG_INFINITY);
    // Places are of all lines, or the last ones stay as they are.
    if !w.picture[..2].iter().all(|side| side.is_multiple_of(2)) {
        // SAFETY: there is room for the picture.
        unsafe { clear(w, to) };
    }
    let mut wrong = zero;
    for Piece { at, lanes, first, second } in pieces {
        let (mut a, mut x, mut to) = (a, x.wrapping_add(at), to.wrapping_add(at));
        for _ in 0..high {
            let below = x.wrapping_add(line);
            // SAFETY: the entries of the masks are in both lines, and so are those of the other pixel
            // of each place; as many of the pooled line belong to them.
            unsafe {
                let (upper, lower) = (V::load_part(x, lanes), V::load_part(below, lanes));
                // Of the pixel before, where it is of the same place; and of the other pixel.
                let left = none.load_where(x.wrapping_sub(channels), second.0);
                let left_below = none.load_where(below.wrapping_sub(channels), second.0);
                let other = left.load_where(x.wrapping_add(channels), first.0);
                let other_below = left_below.load_where(below.wrapping_add(channels), first.0);
                let above = upper.max(other);
                let most = above.max(lower.max(other_below));
                wrong = not_finite(wrong, upper, lower);

                let given = put(a, second, put(a, first, zero));
                let here = upper.if_greater_equal(most, given, zero);
                left.if_greater_equal(most, zero, here).store_part(to, lanes);
                let rest = above.if_greater_equal(most, zero, given);
                let here = lower.if_greater_equal(most, rest, zero);
                let here = left_below.if_greater_equal(most, zero, here);
                here.store_part(to.wrapping_add(line), lanes);
            }
            a = a.wrapping_add(pooled);
            (x, to) = (x.wrapping_add(2 * line), to.wrapping_add(2 * line));
        }
    }
    wrong.nonzero() == 0
}

/// Pooled entries, from the one on that belongs to the first lane of a mask, in its lanes.
#[inline(always)]
unsafe fn put<V: Vector>(a: *const V::Number, (mask, before): (u32, usize), rest: V) -> V {
    // SAFETY: the caller says that they are there.
    let part = unsafe { V::load_part(a.wrapping_add(before), mask.count_ones() as usize) };
    part.expand(mask, rest)
}

/// No longer zero where one of two entries is infinite or no number, or their sum is.
#[inline(always)]
fn not_finite<V: Vector>(wrong: V, a: V, b: V) -> V {
    let sum = a.add(b);
    wrong.add(sum.sub(sum))
}

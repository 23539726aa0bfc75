//! Folding: each entry of a picture is the sum of what the places of a window say of it.
//!
//! A pixel gathers its sum and is written once. (Runs that are added to the picture one after the
//! other overlap: each would wait for what the one before has written.)

use matgrad_expr::window::Window;

use crate::picture::vectors;
use crate::real::Real;
use crate::simd::Vector;

/// The places of a window that see one row or column of a picture, along one axis.
struct Meeting {
    /// The first place, how many, and from one to the next.
    first: usize,
    count: usize,
    step: usize,
    /// Which entry of the window sees it at the first place, and how many entries before that one
    /// at the next place.
    tap: usize,
    less: usize,
}

impl Meeting {
    #[inline(always)]
    fn of(w: &Window, places: usize, axis: usize, at: usize) -> Meeting {
        let [stride, dilation, taps] =
            [w.stride[axis], w.dilation[axis], w.size[axis]].map(|n| n as usize);
        let over = |n: usize| if stride == 1 { n } else { n / stride };
        let moved = at + w.pad[axis] as usize;
        let reach = (taps - 1) * dilation;
        let end = places.min(over(moved) + 1);
        let mut first = over(moved.saturating_sub(reach) + stride - 1);
        if dilation == 1 {
            let (count, tap) = (end.saturating_sub(first), moved.saturating_sub(first * stride));
            return Meeting { first, count, step: 1, tap, less: stride };
        }
        // Every so many places an entry of the window falls on the pixel.
        let step = dilation / divisor(dilation, stride);
        while first < end && !(moved - first * stride).is_multiple_of(dilation) {
            first += 1;
        }
        let count = end.saturating_sub(first).div_ceil(step);
        let tap = moved.saturating_sub(first * stride) / dilation;
        Meeting { first, count, step, tap, less: stride * step / dilation }
    }
}

/// The greatest common divisor.
fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// How many lines of `high` have been seen when a row of the picture is folded.
pub(crate) fn lines(w: &Window, high: usize, row: usize) -> usize {
    high.min((row + w.pad[0] as usize) / w.stride[0] as usize + 1)
}

/// Lines of places, of `high`, that a row of the picture needs at once; a power of two.
pub(crate) fn held(w: &Window, high: usize) -> usize {
    let reach = (w.size[0] - 1) * w.dilation[0] + 1;
    high.min(reach.div_ceil(w.stride[0]) as usize).next_power_of_two()
}

/// One row of a picture, from unfolded lines of `places` (down and to the right) of which `held`
/// are kept, a power of two: line l has the place l mod `held`.
///
/// # Safety
/// The lines that see the row and room for the picture are there; behind the lines a vector can be
/// read, if `BEYOND`.
#[inline(always)]
pub(crate) unsafe fn fold_row<V: Vector, const BEYOND: bool>(
    w: &Window,
    [high, wide]: [usize; 2],
    row: usize,
    unfolded: *const V::Number,
    held: usize,
    picture: *mut V::Number,
) {
    let [width, channels] = [w.picture[1] as usize, w.channels()];
    let (columns, taps) = (w.taps() * channels, w.size[1] as usize);
    let group = channels / w.groups as usize;
    let down = Meeting::of(w, high, 0, row);
    for x in 0..width {
        let across = Meeting::of(w, wide, 1, x);
        let jump = (across.step * columns).wrapping_sub(across.less * group);
        for channel in (0..channels).step_by(group) {
            let first = across.first * columns + w.column(across.tap, channel);
            for (some, lanes) in vectors::<V>(group) {
                let mut sum = V::splat(V::Number::ZERO);
                let (mut line, mut tap) = (down.first, down.tap);
                for _ in 0..down.count {
                    let place = (line & (held - 1)) * wide * columns + tap * taps * group;
                    let mut from = unfolded.wrapping_add(place + first + some);
                    // Sums of lines, so that they need not wait for each other.
                    let mut part = V::splat(V::Number::ZERO);
                    for _ in 0..across.count {
                        // Lanes that are no channels of this pixel are not written.
                        // SAFETY: this place sees the pixel, and its line is kept.
                        part = part.add(unsafe {
                            if BEYOND { V::load(from) } else { V::load_part(from, lanes) }
                        });
                        from = from.wrapping_add(jump);
                    }
                    sum = sum.add(part);
                    line += down.step;
                    tap = tap.wrapping_sub(down.less);
                }
                let to = picture.wrapping_add((row * width + x) * channels + channel + some);
                // SAFETY: the pixel is inside the picture.
                unsafe { sum.store_part(to, lanes) };
            }
        }
    }
}

//! Places beside each other in a vector, for pictures of one channel and kernels of a few.
//!
//! What the places of a line read of such a picture lies one after the other, so that a vector holds
//! an entry of many windows. Each channel of the result has its own sums; they change places with
//! the pixels in registers when all are there.

use super::Convolution;
use crate::real::Real;
use crate::simd::{Vector, Work};

/// Channels of the result at most.
const CHANNELS: usize = 8;
/// Vectors of places at once.
const VECTORS: usize = 2;

impl<T: Real> Convolution<T> {
    /// Whether that takes less than two thirds of the products with vectors of channels.
    pub(super) fn is_beside<V: Vector<Number = T>>(&self) -> bool {
        let (n, wide) = (self.b.cols, self.wide);
        let vectors = wide.div_ceil(VECTORS * V::LANES) * VECTORS;
        let few = n <= CHANNELS && 3 * n.next_multiple_of(2) * vectors <= 2 * wide;
        self.step == 1 && wide >= V::LANES && few
    }
}

/// Some lines of places of a picture.
pub(super) struct Beside<'a, T> {
    pub of: &'a Convolution<T>,
    pub lines: &'a [usize],
    pub picture: *const T,
    /// The kernel.
    pub b: *const T,
    pub to: *mut T,
}

impl<T: Real> Work<T> for Beside<'_, T> {
    /// # Safety
    /// The lines are inside the picture, which is whole; there is room for them; and it
    /// [is so](Convolution::is_beside).
    #[inline(always)]
    unsafe fn run<V: Vector<Number = T>>(&self) {
        // SAFETY: as the caller says.
        unsafe {
            match self.of.b.cols {
                7.. => self.all::<V, 8, 8>(),
                5.. => self.all::<V, 6, 8>(),
                3.. => self.all::<V, 4, 4>(),
                _ => self.all::<V, 2, 2>(),
            }
        }
    }
}

impl<T: Real> Beside<'_, T> {
    /// Up to `M` channels, `P` with those that are not there.
    #[inline(always)]
    unsafe fn all<V: Vector<Number = T>, const M: usize, const P: usize>(&self) {
        let of = self.of;
        let (n, mut to) = (of.b.cols, self.to);
        // Instead of a channel that is not there the last one.
        let channels: [usize; M] = std::array::from_fn(|c| c.min(n - 1) * of.b.col_stride);
        for line in self.lines {
            for place in (0..of.wide).step_by(VECTORS * V::LANES) {
                // The last vectors begin early: some places are seen twice.
                let starts: [usize; VECTORS] =
                    std::array::from_fn(|v| (place + v * V::LANES).min(of.wide - V::LANES));
                let mut sums = [[V::splat(T::ZERO); VECTORS]; M];
                let mut kernel = self.b;
                for run in &of.runs {
                    let first = self.picture.wrapping_add(line + run);
                    let mut from = starts.map(|start| first.wrapping_add(start));
                    for _ in 0..of.run {
                        for (v, from) in from.iter_mut().enumerate() {
                            // SAFETY: so many places of the window are inside the picture.
                            let x = unsafe { V::load(*from) };
                            for (sums, channel) in sums.iter_mut().zip(channels) {
                                // SAFETY: the kernel has this row and column.
                                let y = V::splat(unsafe { *kernel.wrapping_add(channel) });
                                sums[v] = x.mul_add(y, sums[v]);
                            }
                            *from = from.wrapping_add(1);
                        }
                        kernel = kernel.wrapping_add(of.b.row_stride);
                    }
                }
                for (v, start) in starts.into_iter().enumerate() {
                    let mut some = [V::splat(T::ZERO); P];
                    for (some, sums) in some.iter_mut().zip(&sums) {
                        *some = sums[v];
                    }
                    // SAFETY: there is room for the line.
                    unsafe { put::<V, P>(some, to.add(start * n), n, start + V::LANES == of.wide) };
                }
            }
            to = to.wrapping_add(of.wide * n);
        }
    }
}

/// Writes the first `n` of `P` channels of a vector of places, place by place. What is too much comes
/// to lie under the next place, unless these are the `last` ones.
#[inline(always)]
unsafe fn put<V: Vector, const P: usize>(
    mut sums: [V; P],
    to: *mut V::Number,
    n: usize,
    last: bool,
) {
    // Numbers go by the bits of channel and place; with each turn the highest one of the channel
    // becomes the lowest one of all.
    let mut turns = P;
    while turns > 1 {
        let before = sums;
        for c in 0..P / 2 {
            (sums[2 * c], sums[2 * c + 1]) = before[c].interleave(before[c + P / 2]);
        }
        turns /= 2;
    }
    let mut numbers = [V::Number::ZERO; CHANNELS * 16];
    let from = numbers.as_mut_ptr();
    // SAFETY: `P` numbers of up to sixteen places; there is room for `n` of each.
    unsafe {
        for (i, sums) in sums.into_iter().enumerate() {
            sums.store(from.add(i * V::LANES));
        }
        let whole = V::LANES - usize::from(last);
        for place in 0..whole {
            from.add(place * P).cast_const().copy_to_nonoverlapping(to.add(place * n), P);
        }
        for place in whole..V::LANES {
            from.add(place * P).cast_const().copy_to_nonoverlapping(to.add(place * n), n);
        }
    }
}

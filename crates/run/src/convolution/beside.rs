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
        let (wide, half) = (self.of.wide, V::Half::LANES);
        let size = wide * self.of.b.cols;
        // What is over of two lines is one vector.
        let pairs = 2 * half == V::LANES && (V::LANES + 1..=V::LANES + half).contains(&wide);
        let mut to = self.to;
        for lines in self.lines.chunks(if pairs { 2 } else { 1 }) {
            // SAFETY: as for `run`.
            unsafe {
                if let &[upper, lower] = lines {
                    let over = wide - half;
                    let places = [[0, half], [wide, wide + half], [over, wide + over]];
                    let pixels = [[upper, upper + half], [lower, lower + half]];
                    let pixels = [pixels[0], pixels[1], [upper + over, lower + over]];
                    self.some::<V, 3, M, P>(pixels, places, to);
                } else if let &[line] = lines {
                    for place in (0..wide).step_by(VECTORS * V::LANES) {
                        // The last vectors begin early: some places are seen twice.
                        let places = std::array::from_fn(|v| {
                            let start = (place + v * V::LANES).min(wide - V::LANES);
                            [start, start + V::LANES / 2]
                        });
                        let pixels = places.map(|halves| halves.map(|place| line + place));
                        self.some::<V, VECTORS, M, P>(pixels, places, to);
                    }
                }
            }
            to = to.wrapping_add(lines.len() * size);
        }
    }

    /// Vectors of places, of which the two halves lie anywhere: where the first window of each is
    /// in the picture, and which place it is.
    #[inline(always)]
    unsafe fn some<V: Vector<Number = T>, const W: usize, const M: usize, const P: usize>(
        &self,
        pixels: [[usize; 2]; W],
        places: [[usize; 2]; W],
        to: *mut T,
    ) {
        let of = self.of;
        let n = of.b.cols;
        // Instead of a channel that is not there the last one.
        let channels: [usize; M] = std::array::from_fn(|c| c.min(n - 1) * of.b.col_stride);
        let from = pixels.map(|halves| halves.map(|at| self.picture.wrapping_add(at)));
        let (mut sums, mut kernel) = ([[V::splat(T::ZERO); W]; M], self.b);
        // One loop: the sums of two, one in the other, would not stay in registers.
        for &tap in &of.taps {
            let mut pixels = [V::splat(T::ZERO); W];
            for (v, (x, from)) in pixels.iter_mut().zip(from).enumerate() {
                let from = from.map(|from| from.wrapping_add(tap));
                // SAFETY: so many places of the window are inside the picture.
                *x = unsafe {
                    if v < 2 { V::load(from[0]) } else { V::load_halves(from[0], from[1]) }
                };
            }
            for (sums, channel) in sums.iter_mut().zip(channels) {
                // SAFETY: the kernel has this row and column.
                let y = V::splat(unsafe { *kernel.wrapping_add(channel) });
                for (sum, x) in sums.iter_mut().zip(pixels) {
                    *sum = x.mul_add(y, *sum);
                }
            }
            kernel = kernel.wrapping_add(of.b.row_stride);
        }
        let to = places.map(|halves| halves.map(|place| to.wrapping_add(place * n)));
        // SAFETY: there is room for the lines. (No loop, which would keep the sums in memory.)
        unsafe {
            put::<V, P>(column(&sums, 0), to[0], n);
            put::<V, P>(column(&sums, 1), to[1], n);
            if W == 3 {
                put::<V, P>(column(&sums, 2), to[2], n);
            }
        }
    }
}

/// The sums of a vector of places, and zeros for channels that are not there.
#[inline(always)]
fn column<V: Vector, const W: usize, const M: usize, const P: usize>(
    sums: &[[V; W]; M],
    v: usize,
) -> [V; P] {
    let mut some = [V::splat(V::Number::ZERO); P];
    for (some, sums) in some.iter_mut().zip(sums) {
        *some = sums[v];
    }
    some
}

/// Writes the first `n` of `P` channels of a vector of places, place by place, each half of them to
/// where it begins.
#[inline(always)]
unsafe fn put<V: Vector, const P: usize>(mut sums: [V; P], to: [*mut V::Number; 2], n: usize) {
    if n == 6 && P > 6 && V::PERMUTES {
        // SAFETY: as the caller says.
        return unsafe { put_six([sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]], to) };
    }
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
    // SAFETY: `P` numbers of each place; there is room for `n` of them.
    unsafe {
        if n == P {
            for (i, sums) in sums.into_iter().enumerate() {
                sums.store(to[2 * i / P].add(i % (P / 2) * V::LANES));
            }
            return;
        }
        let mut numbers = [V::Number::ZERO; CHANNELS * 16];
        let from = numbers.as_mut_ptr();
        for (i, sums) in sums.into_iter().enumerate() {
            sums.store(from.add(i * V::LANES));
        }
        let mut from = from.cast_const();
        for to in to {
            // What is too much comes to lie under the next place, but for the last one.
            for place in 0..V::LANES / 2 - 1 {
                from.copy_to_nonoverlapping(to.add(place * n), P);
                from = from.add(P);
            }
            let to = to.add((V::LANES / 2 - 1) * n);
            for channel in 0..n {
                *to.add(channel) = *from.add(channel);
            }
            from = from.add(P);
        }
    }
}

/// Six channels, which are in turns with one other each before all of them are.
#[inline(always)]
unsafe fn put_six<V: Vector>(sums: [V; 6], to: [*mut V::Number; 2]) {
    let [a, b, c, d, e, f] = sums;
    let (a, b, c) = (a.interleave(b), c.interleave(d), e.interleave(f));
    for (third, [first, second]) in Six::<V>::INDEX.iter().enumerate() {
        // SAFETY: the caller says that there is room for three vectors of each half.
        unsafe {
            a.0.pick(b.0, first).pick(c.0, second).store(to[0].add(third * V::LANES));
            a.1.pick(b.1, first).pick(c.1, second).store(to[1].add(third * V::LANES));
        }
    }
}

struct Six<V>(V);

impl<V: Vector> Six<V> {
    /// What [`Vector::pick`] goes by for each third of the entries of half a vector of places: of two
    /// pairs of channels, and of these with the last one.
    const INDEX: [[[u32; 16]; 2]; 3] = {
        let (mut index, mut entry) = ([[[0; 16]; 2]; 3], 0);
        while entry < 3 * V::LANES {
            let (place, channel, lane) = (entry / 6, entry % 6, entry % V::LANES);
            let (pair, number) = (channel / 2, 2 * place + channel % 2);
            let [first, second] = &mut index[entry / V::LANES];
            first[lane] = (number + if pair == 1 { V::LANES } else { 0 }) as u32;
            second[lane] = if pair == 2 { V::LANES + number } else { lane } as u32;
            entry += 1;
        }
        index
    };
}

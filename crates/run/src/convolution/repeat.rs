//! The gradient of a kernel of a few channels, for pictures of one channel.
//!
//! A vector of the gradient at the places of a line holds all channels of some places. Each pixel is
//! repeated for every channel, so that a vector of pixels belongs to it lane by lane. What a lane
//! stands for changes from vector to vector, until it begins anew: there are so many sets of sums.

use std::ops::Range;

use super::{Convolution, Convolve};
use crate::product::PANEL;
use crate::real::Real;
use crate::simd::{Vector, Work};

/// Channels of the result at most.
const CHANNELS: usize = 8;
/// Rows and columns of a kernel for which there are registers.
const SIZES: [usize; 2] = [5, 3];

/// Vectors after which the lanes stand for the same channels again.
fn sets<V: Vector>(n: usize) -> usize {
    (1..n).find(|sets| (sets * V::LANES).is_multiple_of(n)).unwrap_or(n)
}

impl<T: Real> Convolution<T> {
    /// Whether pixels are repeated.
    pub(super) fn is_repeated<V: Vector<Number = T>>(&self) -> bool {
        let (w, n) = (&self.window, self.b.cols);
        let next = w.channels() == 1 && w.stride == [1; 2] && w.dilation == [1; 2];
        let few = n <= CHANNELS && n < V::LANES && self.wide * n >= V::LANES;
        next && few && SIZES.contains(&self.run) && self.b.row_stride == n
    }

    /// Numbers of scratch memory: the repeated pixels and a vector more; a line of zeros and a vector
    /// more; the sums.
    pub(super) fn repeated(&self) -> [usize; 3] {
        if self.window.channels() > 1 || self.b.cols > CHANNELS {
            return [0; 3];
        }
        let ([high, wide], n) = (self.padded(), self.b.cols);
        [high * wide * n + PANEL, self.wide * n + PANEL, self.columns() * n * PANEL]
    }
}

/// What the sums of one picture go by.
struct Sums<'a, T, const N: usize, const M: usize> {
    of: &'a Convolution<T>,
    /// The first of the kernel's `N` rows of `M` columns.
    first: usize,
    /// The gradient at the places of the picture.
    delta: *const T,
    /// Zeros, as many as a line of it has.
    zeros: *const T,
    /// The pixels.
    pixels: *const T,
    /// A vector for each entry of the kernel, and so on for each set.
    sums: *mut T,
}

impl<T: Real, const N: usize, const M: usize> Work<T> for Sums<'_, T, N, M> {
    /// # Safety
    /// What it says is there, and a vector can be read behind the pixels and the zeros.
    #[inline(always)]
    unsafe fn run<V: Vector<Number = T>>(&self) {
        let &Sums { of, first, delta, zeros, pixels, sums } = self;
        let (n, high) = (of.b.cols, of.lines.len());
        let (line, next, sets) = (of.wide * n, of.padded()[1] * n, sets::<V>(n));
        for set in 0..sets {
            let place = sums.wrapping_add((set * of.runs.len() + first) * M * V::LANES);
            let mut sums = [[V::splat(T::ZERO); M]; N];
            // SAFETY: the sums are there.
            unsafe {
                for (i, sums) in sums.iter_mut().enumerate() {
                    for (j, sum) in sums.iter_mut().enumerate() {
                        *sum = V::load(place.add((i * M + j) * V::LANES));
                    }
                }
            }
            // A row of pixels is seen by as many lines of places, or by less at the ends.
            for row in 0..high + N - 1 {
                let mut lines = [zeros; N];
                for (i, line_of) in lines.iter_mut().enumerate() {
                    if i <= row && row - i < high {
                        *line_of = delta.wrapping_add((row - i) * line);
                    }
                }
                let pixels = pixels.wrapping_add((first + row) * next);
                for at in (set * V::LANES..line).step_by(sets * V::LANES) {
                    let mut deltas = [V::splat(T::ZERO); N];
                    // SAFETY: the lines of the gradient and the pixels are there.
                    unsafe {
                        for (delta, line_of) in deltas.iter_mut().zip(lines) {
                            let from = line_of.wrapping_add(at);
                            *delta = if at + V::LANES <= line {
                                V::load(from)
                            } else {
                                V::load_part(from, line - at)
                            };
                        }
                        for j in 0..M {
                            let x = V::load(pixels.add(at + j * n));
                            for (sums, delta) in sums.iter_mut().zip(deltas) {
                                sums[j] = x.mul_add(delta, sums[j]);
                            }
                        }
                    }
                }
            }
            // SAFETY: the sums are there.
            unsafe {
                for (i, sums) in sums.into_iter().enumerate() {
                    for (j, sum) in sums.into_iter().enumerate() {
                        sum.store(place.add((i * M + j) * V::LANES));
                    }
                }
            }
        }
    }
}

/// Runs the sums of some rows of a kernel of so many columns.
macro_rules! summed {
    ($v:ident, $n:literal, $m:literal, $of:ident, $first:ident, $from:expr) => {{
        let [delta, zeros, pixels] = $from.map(<*mut T>::cast_const);
        let sums = zeros.wrapping_add($of.repeated()[1]).cast_mut();
        let work: Sums<'_, T, $n, $m> = Sums { of: $of, first: $first, delta, zeros, pixels, sums };
        $v::alone(&work);
        $n
    }};
}

/// Of each set of lanes, the pixel that a lane belongs to.
fn index<V: Vector>(n: usize) -> [[u32; 16]; CHANNELS] {
    let (mut index, mut pixel, mut channel) = ([[0; 16]; CHANNELS], 0, 0);
    for set in index.iter_mut().take(sets::<V>(n)) {
        for lane in &mut set[..V::LANES] {
            *lane = pixel;
            channel += 1;
            if channel == n {
                (pixel, channel) = (pixel + 1, 0);
            }
        }
    }
    index
}

impl<T: Real> Convolve<'_, T> {
    /// Some rows of the kernel's gradient.
    ///
    /// # Safety
    /// Pictures and gradient are there, and the scratch memory is.
    #[inline(always)]
    pub(super) unsafe fn kernel_repeated<V: Vector<Number = T>>(&self, rows: Range<usize>) {
        let (of, n) = (self.of, self.of.b.cols);
        let rooms = of.repeated();
        let pixels = self.room(2);
        let index = index::<V>(n);
        // SAFETY: as the caller says.
        unsafe {
            let zeros = pixels.add(rooms[0]);
            let read = rooms[1] + sets::<V>(n) * of.columns() * V::LANES;
            std::slice::from_raw_parts_mut(zeros, read).fill(T::ZERO);
            std::slice::from_raw_parts_mut(zeros.sub(PANEL), PANEL).fill(T::ZERO);
            for image in self.images.clone() {
                self.repeat::<V>(self.picture(image), &index, pixels);
                let delta = self.arena.add(of.b.at(image * of.lines.len() * of.wide, 0));
                let from = [delta, zeros, pixels];
                let (mut first, last) = (rows.start / of.run, rows.end / of.run);
                while first < last {
                    // As many rows as there are registers for.
                    let left = (last - first).min((2 * V::ROWS + 1) / of.run);
                    first += match (left, of.run) {
                        (5.., 5) => summed!(V, 5, 5, of, first, from),
                        (2.., 5) => summed!(V, 2, 5, of, first, from),
                        (_, 5) => summed!(V, 1, 5, of, first, from),
                        (3.., _) => summed!(V, 3, 3, of, first, from),
                        _ => summed!(V, 1, 3, of, first, from),
                    };
                }
            }
            let sums = zeros.add(rooms[1]);
            let to = self.sums();
            std::slice::from_raw_parts_mut(to.add(rows.start * n), rows.len() * n).fill(T::ZERO);
            for set in 0..sets::<V>(n) {
                for row in rows.clone() {
                    let from = sums.add((set * of.columns() + row) * V::LANES);
                    for lane in 0..V::LANES {
                        *to.add(row * n + (set * V::LANES + lane) % n) += *from.add(lane);
                    }
                }
            }
        }
    }

    /// Each pixel of a picture as often as the result has channels, by the index of each set of lanes.
    #[inline(always)]
    unsafe fn repeat<V: Vector<Number = T>>(
        &self,
        picture: *const T,
        index: &[[u32; 16]; CHANNELS],
        to: *mut T,
    ) {
        let ([high, wide], n) = (self.of.padded(), self.of.b.cols);
        let (pixels, sets) = (high * wide, sets::<V>(n));
        if V::PERMUTES {
            // No more than a vector of them.
            let each = sets * V::LANES / n;
            for pixel in (0..pixels).step_by(each) {
                // SAFETY: these pixels are there, and there is room for a vector more.
                unsafe {
                    let x = V::load_part(picture.add(pixel), each.min(pixels - pixel));
                    for (set, index) in index.iter().enumerate().take(sets) {
                        let at = pixel * n + set * V::LANES;
                        if at < pixels * n {
                            x.pick(x, index).store(to.add(at));
                        }
                    }
                }
            }
            return;
        }
        for pixel in 0..pixels {
            // SAFETY: there is room for a vector more. What is too much of it comes to lie under the
            // next pixel.
            unsafe {
                let (x, to) = (*picture.add(pixel), to.add(pixel * n));
                if n <= V::Half::LANES {
                    V::Half::splat(x).store(to)
                } else {
                    V::splat(x).store(to)
                }
            }
        }
    }
}

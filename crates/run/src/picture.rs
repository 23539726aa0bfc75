//! Unfolding and pooling of pictures.

use std::ops::Range;

use matgrad_expr::window::Window;
use matgrad_plan::picture::{Picture, PictureWork};

use crate::fold::fold_row;
use crate::link::Tile;
use crate::matrix::Matrix;
use crate::real::{Real, Task};
use crate::reduce::larger;
use crate::simd::{Isa, Vector, Work};
use crate::tile::Entries;

/// An op on pictures with its places, for one number of rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub work: PictureWork,
    pub window: Window,
    /// How many pictures.
    pub images: usize,
    /// Where the operands and the result begin.
    pub a: usize,
    pub b: usize,
    pub to: usize,
}

impl Place {
    pub fn of(picture: &Picture, rows: usize) -> Place {
        let (w, to) = (picture.window, Matrix::slot(&picture.to, rows));
        let a = Matrix::of(&picture.a, rows);
        let size = |m: Matrix| m.rows * m.cols;
        let images = match picture.work {
            PictureWork::Unfold | PictureWork::MaxPool | PictureWork::Pick => size(a),
            PictureWork::Fold | PictureWork::Unpool => size(to),
        } / w.columns().max(1);
        // Works with one operand do not look at the other.
        let b = picture.b.map_or(a.offset, |b| Matrix::of(&b, rows).offset);
        Place { work: picture.work, window: w, images, a: a.offset, b, to: to.offset }
    }
}

impl Place {
    /// Entries of what becomes of a picture.
    fn size(&self) -> usize {
        let w = &self.window;
        let (picture, pooled) = (w.columns(), w.places() * w.channels());
        match self.work {
            PictureWork::Unfold => pooled * w.taps(),
            PictureWork::Fold | PictureWork::Unpool => picture,
            PictureWork::MaxPool | PictureWork::Pick => pooled,
        }
    }

    /// Numbers of scratch memory where there is work: its registers, and what becomes of a picture.
    pub fn scratch<T: Real>(&self, work: &Tile<T>) -> usize {
        work.room() + self.size()
    }
}

/// Some pictures of an op on them, and work on what becomes of each.
pub struct Pictures<'a, T> {
    pub(crate) place: &'a Place,
    pub(crate) then: Option<&'a Tile<T>>,
    pub(crate) isa: Isa,
    pub(crate) images: Range<usize>,
    pub(crate) arena: *mut T,
    /// [`Place::scratch`] numbers.
    pub(crate) scratch: *mut T,
}

impl<T: Real> Work<T> for Pictures<'_, T> {
    /// # Safety
    /// The pictures are inside the arena, the result overlaps no operand, and the scratch memory is
    /// as said.
    #[inline(always)]
    unsafe fn run<V: Vector<Number = T>>(&self) {
        let Place { work, window: w, a, b, .. } = self.place;
        let (picture, pooled) = (w.columns(), w.places() * w.channels());
        let (unfolded, size) = (pooled * w.taps(), self.place.size());
        for image in self.images.clone() {
            // SAFETY: as the caller says: so many numbers belong to each picture.
            unsafe {
                let of =
                    |start: &usize, size: usize| self.arena.add(start + image * size).cast_const();
                let to = self.result(image * size);
                match work {
                    PictureWork::Unfold => unfold::<V>(w, of(a, picture), to, unfolded),
                    PictureWork::Fold => {
                        let output = w.output().unwrap_or([0; 2]).map(|n| n as usize);
                        for row in 0..w.picture[0] as usize {
                            let (from, held) = (of(a, unfolded), output[0].next_power_of_two());
                            fold_row::<V, false>(w, output, row, from, held, to);
                        }
                    }
                    PictureWork::MaxPool => maxpool::<V>(w, of(a, picture), to),
                    PictureWork::Unpool => unpool::<V>(w, of(a, pooled), of(b, picture), to),
                    PictureWork::Pick => pick::<V>(w, of(a, picture), of(b, picture), to),
                }
                self.finish(image * size..(image + 1) * size, to);
            }
        }
    }
}

impl<T: Real> Pictures<'_, T> {
    /// Where what becomes of a picture is put: into scratch memory, if work on it follows.
    fn result(&self, first: usize) -> *mut T {
        match self.then {
            Some(tile) => self.scratch.wrapping_add(tile.room()),
            None => self.arena.wrapping_add(self.place.to + first),
        }
    }

    /// Work on some entries of the result, which are at `product`.
    unsafe fn finish(&self, entries: Range<usize>, product: *const T) {
        if let Some(tile) = self.then {
            let (arena, registers) = (self.arena, self.scratch);
            let work = Entries { tile, entries, arena, registers, product };
            // SAFETY: the tile is of the size of the result; the scratch memory begins with its
            // registers.
            unsafe { T::run(self.isa, &Task::Entries(work)) }
        }
    }
}

/// Where an entry of the window is on one side of the picture, if it is inside.
#[inline(always)]
fn inside(w: &Window, axis: usize, place: usize, tap: usize) -> Option<usize> {
    let moved = place * w.stride[axis] as usize + tap * w.dilation[axis] as usize;
    let at = moved.checked_sub(w.pad[axis] as usize)?;
    (at < w.picture[axis] as usize).then_some(at)
}

/// Each place of the window, by row and column.
#[inline(always)]
fn places(w: &Window) -> impl Iterator<Item = [usize; 2]> {
    let [rows, cols] = w.output().unwrap_or([0; 2]).map(|n| n as usize);
    (0..rows).flat_map(move |row| (0..cols).map(move |col| [row, col]))
}

/// Whole vectors of so many entries, then what is left: the first entry and how many.
#[inline(always)]
pub(crate) fn vectors<V: Vector>(length: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..length).step_by(V::LANES).map(move |at| (at, V::LANES.min(length - at)))
}

/// Copies the runs of entries that lie beside each other in a picture and in its unfolding. (A
/// function for a run: a closure of this size is not inlined, and has no vector instructions.)
#[inline(always)]
unsafe fn runs<V: Vector>(w: &Window, picture: *const V::Number, unfolded: *mut V::Number) {
    let (width, channels) = (w.picture[1] as usize, w.channels());
    let [high, wide] = w.size.map(|n| n as usize);
    let row = w.taps() * channels;
    let whole = w.groups == 1 && w.dilation[1] == 1;
    for (place, [down, right]) in places(w).enumerate() {
        for i in 0..high {
            let Some(y) = inside(w, 0, down, i) else { continue };
            if whole {
                // A row of the window is one run, but for what is outside of the picture.
                let start = right * w.stride[1] as usize;
                let left = w.pad[1] as usize;
                let first = left.saturating_sub(start);
                let last = wide.min((width + left).saturating_sub(start));
                if first < last {
                    let column = place * row + (i * wide + first) * channels;
                    let entry = (y * width + start + first - left) * channels;
                    let length = (last - first) * channels;
                    // SAFETY: the run is inside the picture and its unfolding.
                    unsafe { run::<V>(picture.add(entry), unfolded.add(column), length) }
                }
                continue;
            }
            for j in 0..wide {
                let Some(x) = inside(w, 1, right, j) else { continue };
                let group = channels / w.groups as usize;
                for channel in (0..channels).step_by(group) {
                    let column = place * row + w.column(i * wide + j, channel);
                    let entry = (y * width + x) * channels + channel;
                    // SAFETY: the run is inside the picture and its unfolding.
                    unsafe { run::<V>(picture.add(entry), unfolded.add(column), group) }
                }
            }
        }
    }
}

/// One run.
#[inline(always)]
unsafe fn run<V: Vector>(from: *const V::Number, to: *mut V::Number, length: usize) {
    for (i, lanes) in vectors::<V>(length) {
        // SAFETY: the caller says that the run is there.
        unsafe { V::load_part(from.add(i), lanes).store_part(to.add(i), lanes) }
    }
}

#[inline(always)]
unsafe fn unfold<V: Vector>(w: &Window, a: *const V::Number, to: *mut V::Number, unfolded: usize) {
    // SAFETY: the picture, which is only read, and room for its unfolding are there.
    unsafe {
        if w.pad != [0; 4] {
            std::slice::from_raw_parts_mut(to, unfolded).fill(V::Number::ZERO);
        }
        runs::<V>(w, a, to);
    }
}

/// The pixels at a place of the window: where the first one is, how many down and to the right, and
/// from one to the next, in entries of the picture.
struct Pixels {
    first: usize,
    size: [usize; 2],
    step: [usize; 2],
}

impl Pixels {
    #[inline(always)]
    fn of(w: &Window, place: [usize; 2]) -> Pixels {
        let mut pixels = Pixels { first: 0, size: [0; 2], step: [0; 2] };
        for (axis, &place) in place.iter().enumerate() {
            let [length, pad, step, taps, stride] =
                [w.picture[axis], w.pad[axis], w.dilation[axis], w.size[axis], w.stride[axis]]
                    .map(|n| n as usize);
            let start = place * stride;
            let inside = start >= pad && start + (taps - 1) * step < length + pad;
            let (pixel, count) = if inside {
                (start - pad, taps)
            } else {
                let first = pad.saturating_sub(start).div_ceil(step);
                let last = (length + pad).saturating_sub(start).div_ceil(step).min(taps);
                ((start + first * step).saturating_sub(pad), last.saturating_sub(first))
            };
            let beside = w.channels() * if axis == 0 { w.picture[1] as usize } else { 1 };
            pixels.first += pixel * beside;
            pixels.size[axis] = count;
            pixels.step[axis] = step * beside;
        }
        pixels
    }

    /// Each of them.
    #[inline(always)]
    fn each(&self) -> Each {
        let &Pixels { first, size: [high, wide], step } = self;
        let down = step[0].wrapping_sub(wide * step[1]);
        Each { at: first, left: high * wide, col: wide, wide, right: step[1], down }
    }
}

/// Goes through pixels. (Iterators that are put together are not taken apart here.)
struct Each {
    at: usize,
    left: usize,
    /// Pixels of this row that are left.
    col: usize,
    wide: usize,
    right: usize,
    /// From behind the last pixel of a row to the next row.
    down: usize,
}

impl Iterator for Each {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let at = self.at;
        self.at = at + self.right;
        self.col -= 1;
        if self.col == 0 {
            (self.at, self.col) = (self.at.wrapping_add(self.down), self.wide);
        }
        Some(at)
    }
}

#[inline(always)]
unsafe fn maxpool<V: Vector>(w: &Window, a: *const V::Number, to: *mut V::Number) {
    let channels = w.channels();
    for (number, place) in places(w).enumerate() {
        let pixels = Pixels::of(w, place);
        for (channel, lanes) in vectors::<V>(channels) {
            let mut most = V::splat(V::Number::NEG_INFINITY);
            for pixel in pixels.each() {
                // SAFETY: the pixel is inside the picture.
                most = larger(most, unsafe { V::load_part(a.add(pixel + channel), lanes) });
            }
            // SAFETY: the place is inside the pooled picture.
            unsafe { most.store_part(to.add(number * channels + channel), lanes) };
        }
    }
}

/// For some channels which of the pixels is the first largest one, counted; a NaN is larger than
/// all.
#[inline(always)]
unsafe fn largest<V: Vector>(pixels: &Pixels, x: *const V::Number, lanes: usize) -> V {
    let mut best = V::splat(V::Number::NEG_INFINITY);
    let (mut which, mut this) = (V::splat(V::Number::ZERO), V::splat(V::Number::ZERO));
    for pixel in pixels.each() {
        // SAFETY: the pixel is inside the picture.
        let x = unsafe { V::load_part(x.add(pixel), lanes) };
        // What is not equal to itself is a NaN, and stays.
        let kept = best.if_greater_equal(x, which, this);
        which = best.if_greater_equal(best, kept, which);
        best = larger(best, x);
        this = this.add(V::splat(V::Number::ONE));
    }
    which
}

/// `yes` where two numbers are the same, else `no`.
#[inline(always)]
fn if_equal<V: Vector>(a: V, b: V, yes: V, no: V) -> V {
    a.if_greater_equal(b, b.if_greater_equal(a, yes, no), no)
}

/// Each entry of a is added to where the largest one of x is.
#[inline(always)]
unsafe fn unpool<V: Vector>(
    w: &Window,
    a: *const V::Number,
    x: *const V::Number,
    to: *mut V::Number,
) {
    let channels = w.channels();
    // What is written need not be read again, which would have to wait for it.
    let apart = (0..2).all(|axis| w.stride[axis] > (w.size[axis] - 1) * w.dilation[axis]);
    // SAFETY: places and pixels are inside the pictures.
    unsafe {
        std::slice::from_raw_parts_mut(to, w.columns()).fill(V::Number::ZERO);
        for (number, place) in places(w).enumerate() {
            let pixels = Pixels::of(w, place);
            for (channel, lanes) in vectors::<V>(channels) {
                let which = largest::<V>(&pixels, x.add(channel), lanes);
                let a = V::load_part(a.add(number * channels + channel), lanes);
                let zero = V::splat(V::Number::ZERO);
                let mut this = zero;
                for pixel in pixels.each() {
                    let to = to.add(pixel + channel);
                    let old = if apart { zero } else { V::load_part(to, lanes) };
                    if_equal(which, this, old.add(a), old).store_part(to, lanes);
                    this = this.add(V::splat(V::Number::ONE));
                }
            }
        }
    }
}

/// The entries of a where the largest ones of x are.
#[inline(always)]
unsafe fn pick<V: Vector>(
    w: &Window,
    a: *const V::Number,
    x: *const V::Number,
    to: *mut V::Number,
) {
    let channels = w.channels();
    // SAFETY: places and pixels are inside the pictures.
    unsafe {
        for (number, place) in places(w).enumerate() {
            let pixels = Pixels::of(w, place);
            for (channel, lanes) in vectors::<V>(channels) {
                let which = largest::<V>(&pixels, x.add(channel), lanes);
                let mut picked = V::splat(V::Number::ZERO);
                let mut this = picked;
                for pixel in pixels.each() {
                    let a = V::load_part(a.add(pixel + channel), lanes);
                    picked = if_equal(which, this, a, picked);
                    this = this.add(V::splat(V::Number::ONE));
                }
                picked.store_part(to.add(number * channels + channel), lanes);
            }
        }
    }
}

//! Unfolding and pooling of pictures.

mod lines;

use std::ops::Range;

use matgrad_expr::window::Window;
use matgrad_plan::picture::{Picture, PictureWork};

use self::lines::Lines;
use crate::fold::Folding;
use crate::link::Tile;
use crate::matrix::Matrix;
use crate::real::{Real, Task};
use crate::reduce::larger;
use crate::simd::{Isa, Vector, Work};
use crate::tile::Entries;

/// An op on pictures with its places, for one number of rows.
#[derive(Debug)]
pub(crate) struct Place {
    pub work: PictureWork,
    pub window: Window,
    /// How many pictures.
    pub images: usize,
    /// Where the operands and the result begin.
    pub a: usize,
    pub b: usize,
    pub to: usize,
    /// Whether only what belongs to positive entries of b is kept: all of the work on the result.
    pub gated: bool,
    /// Each row and each column of places.
    sides: [Vec<Side>; 2],
    folding: Option<Folding>,
}

impl Place {
    pub fn of(picture: &Picture) -> Place {
        let (work, window) = (picture.work, picture.window);
        let output = window.output().unwrap_or([0; 2]).map(|n| n as usize);
        let side = |axis: usize| (0..output[axis]).map(|at| Side::of(&window, axis, at)).collect();
        let folding = (work == PictureWork::Fold).then(|| Folding::whole(&window));
        let sides = [side(0), side(1)];
        Place { work, window, images: 0, a: 0, b: 0, to: 0, gated: false, sides, folding }
    }

    /// Fills in the numbers; with what the work on the result [goes by](Tile::gate), if it is that.
    pub fn link(&mut self, picture: &Picture, rows: usize, gate: Option<(usize, usize)>) {
        let (a, to) = (Matrix::of(&picture.a, rows), Matrix::slot(&picture.to, rows));
        let size = |m: Matrix| m.rows * m.cols;
        self.images = match picture.work {
            PictureWork::Unfold | PictureWork::MaxPool | PictureWork::Pick => size(a),
            PictureWork::Fold | PictureWork::Unpool => size(to),
        } / self.window.columns().max(1);
        // Works with one operand do not look at the other.
        self.b = picture.b.map_or(a.offset, |b| Matrix::of(&b, rows).offset);
        (self.a, self.to) = (a.offset, to.offset);
        // What is given something is the largest entry of a place. None is overwritten meanwhile.
        let is_it = |x, to| self.work == PictureWork::Unpool && x == self.b && to != x;
        let gate = gate.filter(|&(x, to)| is_it(x, to));
        self.gated = gate.is_some();
        self.to = gate.map_or(self.to, |(_, to)| to);
    }

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

    /// Numbers of scratch memory: where there is work its registers and what becomes of a picture;
    /// sums of folding.
    pub fn scratch<T: Real>(&self, work: Option<&Tile<T>>) -> usize {
        let fold = self.folding.as_ref().map_or(0, Folding::room);
        work.map_or(0, |work| work.room() + self.size()) + fold
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
        // SAFETY: as the caller says.
        unsafe {
            if self.place.window.size == [2; 2] { self.each::<V, 2>() } else { self.each::<V, 0>() }
        }
    }
}

impl<T: Real> Pictures<'_, T> {
    /// Each of the pictures, with a window of `N` × `N`, or any.
    #[inline(always)]
    unsafe fn each<V: Vector<Number = T>, const N: usize>(&self) {
        let place = self.place;
        let Place { work, window: w, a, b, .. } = place;
        let (picture, pooled) = (w.columns(), w.places() * w.channels());
        let (unfolded, size) = (pooled * w.taps(), self.place.size());
        let lines = Lines::of::<V>(w);
        for image in self.images.clone() {
            // SAFETY: as the caller says: so many numbers belong to each picture.
            unsafe {
                let of =
                    |start: &usize, size: usize| self.arena.add(start + image * size).cast_const();
                let to = self.result(image * size);
                match work {
                    PictureWork::Unfold => unfold::<V>(w, of(a, picture), to, unfolded),
                    PictureWork::Fold => {
                        let work = self.then.map_or(0, |work| work.room() + size);
                        let (from, sums) = (of(a, unfolded), self.scratch.add(work));
                        if let Some(folding) = &place.folding {
                            for row in 0..w.picture[0] as usize {
                                folding.row::<V, false>(row, from, sums, to);
                            }
                        }
                    }
                    PictureWork::MaxPool => {
                        let x = of(a, picture);
                        match &lines {
                            Some(lines) if lines.maxpool::<V>(x, to) => {}
                            Some(_) | None => maxpool::<V, N>(place, x, to),
                        }
                    }
                    PictureWork::Unpool => {
                        let (a, x) = (of(a, pooled), of(b, picture));
                        match &lines {
                            Some(lines) if lines.unpool::<V>(place.gated, a, x, to) => {}
                            Some(_) | None => unpool::<V, N>(place, a, x, to),
                        }
                    }
                    PictureWork::Pick => pick::<V, N>(place, of(a, picture), of(b, picture), to),
                }
                self.finish(image * size..(image + 1) * size, to);
            }
        }
    }

    /// The work that is still to be done then.
    fn then(&self) -> Option<&Tile<T>> {
        self.then.filter(|_| !self.place.gated)
    }

    /// Where what becomes of a picture is put: into scratch memory, if work on it follows.
    fn result(&self, first: usize) -> *mut T {
        match self.then() {
            Some(tile) => self.scratch.wrapping_add(tile.room()),
            None => self.arena.wrapping_add(self.place.to + first),
        }
    }

    /// Work on some entries of the result, which are at `product`.
    unsafe fn finish(&self, entries: Range<usize>, product: *const T) {
        if let Some(tile) = self.then() {
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

/// Where a place of the window is on one side of the picture: its first entry inside, how many, and
/// from one to the next, in entries of the picture.
#[derive(Clone, Copy, Debug)]
struct Side {
    first: usize,
    count: usize,
    step: usize,
}

impl Side {
    fn of(w: &Window, axis: usize, place: usize) -> Side {
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
        Side { first: pixel * beside, count, step: step * beside }
    }
}

/// Each place of a window, with the number of its first channel and vectors of channels: their
/// first and how many. (No iterators and closures: these are not taken apart here.)
macro_rules! each_place {
    ($v:ident, $place:expr, |$pixels:ident, $at:ident, $channel:ident, $lanes:ident| $work:block) => {
        let (channels, mut $at) = ($place.window.channels(), 0);
        for &down in &$place.sides[0] {
            for &right in &$place.sides[1] {
                let $pixels = [down, right];
                for ($channel, $lanes) in vectors::<$v>(channels) $work
                $at += channels;
            }
        }
    };
}

/// Each pixel of a place; of `N` × `N` of them as many lines of code.
macro_rules! each_pixel {
    ($n:ident, $pixels:expr, |$pixel:ident| $work:block) => {
        let [down, right] = $pixels;
        let first = down.first + right.first;
        if $n > 0 && down.count == $n && right.count == $n {
            for i in 0..$n {
                for j in 0..$n {
                    let $pixel = first + i * down.step + j * right.step;
                    $work
                }
            }
        } else {
            for i in 0..down.count {
                let mut $pixel = first + i * down.step;
                for _ in 0..right.count {
                    $work
                    $pixel += right.step;
                }
            }
        }
    };
}

#[inline(always)]
unsafe fn maxpool<V: Vector, const N: usize>(
    place: &Place,
    a: *const V::Number,
    to: *mut V::Number,
) {
    each_place!(V, place, |pixels, at, channel, lanes| {
        // SAFETY: the pixels are inside the picture, the place inside the pooled one.
        unsafe {
            let most = match square::<V, N>(pixels, a.add(channel), lanes) {
                Some((_, pixels)) => largest_of(pixels),
                None => largest::<V, N>(pixels, a.add(channel), lanes),
            };
            most.store_part(to.add(at + channel), lanes);
        }
    });
}

/// The pixels of a place of 2 × 2 of them, and where they are; `None` where there are others, or one is
/// infinite or no number.
#[inline(always)]
unsafe fn square<V: Vector, const N: usize>(
    [down, right]: [Side; 2],
    x: *const V::Number,
    lanes: usize,
) -> Option<([usize; 4], [V; 4])> {
    if N != 2 || down.count != 2 || right.count != 2 {
        return None;
    }
    let first = down.first + right.first;
    let below = first + down.step;
    let at = [first, first + right.step, below, below + right.step];
    let mut pixels = [V::splat(V::Number::ZERO); 4];
    for (pixel, at) in pixels.iter_mut().zip(at) {
        // SAFETY: the pixel is inside the picture.
        *pixel = unsafe { V::load_part(x.add(at), lanes) };
    }
    let sum = pixels[0].add(pixels[1]).add(pixels[2].add(pixels[3]));
    (sum.sub(sum).nonzero() == 0).then_some((at, pixels))
}

/// The largest of four numbers.
#[inline(always)]
fn largest_of<V: Vector>([a, b, c, d]: [V; 4]) -> V {
    a.max(b).max(c.max(d))
}

/// The largest pixel for some channels; a NaN is larger than all.
#[inline(always)]
unsafe fn largest<V: Vector, const N: usize>(
    pixels: [Side; 2],
    x: *const V::Number,
    lanes: usize,
) -> V {
    let mut most = V::splat(V::Number::NEG_INFINITY);
    each_pixel!(N, pixels, |pixel| {
        // SAFETY: the pixel is inside the picture.
        most = larger(most, unsafe { V::load_part(x.add(pixel), lanes) });
    });
    most
}

/// `yes` where a pixel is the largest one or a NaN, else `no`.
#[inline(always)]
fn if_largest<V: Vector>(x: V, most: V, yes: V, no: V) -> V {
    x.if_greater_equal(x, x.if_greater_equal(most, yes, no), yes)
}

/// What is given to the largest entries.
#[inline(always)]
fn gated<V: Vector>(gate: bool, most: V, given: V) -> V {
    let [zero, one] = [V::Number::ZERO, V::Number::ONE].map(V::splat);
    if gate { most.if_greater(zero, one, zero).mul(given) } else { given }
}

/// Zeros for a picture.
#[inline(always)]
unsafe fn clear<T: Real>(size: usize, to: *mut T) {
    // SAFETY: the caller says that there is room.
    unsafe { std::slice::from_raw_parts_mut(to, size).fill(T::ZERO) };
}

/// Each entry of a is added to where the first of the largest ones of x is.
#[inline(always)]
unsafe fn unpool<V: Vector, const N: usize>(
    place: &Place,
    a: *const V::Number,
    x: *const V::Number,
    to: *mut V::Number,
) {
    let (w, gate, zero) = (&place.window, place.gated, V::splat(V::Number::ZERO));
    // What is written need not be read again, which would have to wait for it.
    let apart = (0..2).all(|axis| w.stride[axis] > (w.size[axis] - 1) * w.dilation[axis]);
    // SAFETY: there is room for the picture.
    unsafe { clear(w.columns(), to) };
    each_place!(V, place, |pixels, at, channel, lanes| {
        // SAFETY: places and pixels are inside the pictures.
        unsafe {
            // What has not been given away.
            let mut left = V::load_part(a.add(at + channel), lanes);
            let square = square::<V, N>(pixels, x.add(channel), lanes);
            if let Some((at, pixels)) = square.filter(|_| apart) {
                let (most, to) = (largest_of(pixels), to.add(channel));
                left = gated(gate, most, left);
                for (x, at) in pixels.into_iter().zip(at).take(3) {
                    x.if_greater_equal(most, left, zero).store_part(to.add(at), lanes);
                    left = x.if_greater_equal(most, zero, left);
                }
                // One of them is the largest.
                left.store_part(to.add(at[3]), lanes);
                continue;
            }
            let most = largest::<V, N>(pixels, x.add(channel), lanes);
            left = gated(gate, most, left);
            each_pixel!(N, pixels, |pixel| {
                let (x, to) =
                    (V::load_part(x.add(pixel + channel), lanes), to.add(pixel + channel));
                let given = if_largest(x, most, left, zero);
                left = if_largest(x, most, zero, left);
                let old = if apart { zero } else { V::load_part(to, lanes) };
                old.add(given).store_part(to, lanes);
            });
        }
    });
}

/// The entries of a where the first of the largest ones of x are.
#[inline(always)]
unsafe fn pick<V: Vector, const N: usize>(
    place: &Place,
    a: *const V::Number,
    x: *const V::Number,
    to: *mut V::Number,
) {
    let zero = V::splat(V::Number::ZERO);
    each_place!(V, place, |pixels, at, channel, lanes| {
        // SAFETY: places and pixels are inside the pictures.
        unsafe {
            let most = largest::<V, N>(pixels, x.add(channel), lanes);
            let (mut picked, mut first) = (zero, V::splat(V::Number::ONE));
            each_pixel!(N, pixels, |pixel| {
                let a = V::load_part(a.add(pixel + channel), lanes);
                let x = V::load_part(x.add(pixel + channel), lanes);
                picked = if_largest(x, most, first.if_greater(zero, a, picked), picked);
                first = if_largest(x, most, zero, first);
            });
            picked.store_part(to.add(at + channel), lanes);
        }
    });
}

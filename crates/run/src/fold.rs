//! Folding: each entry of a picture is the sum of what the places of a window say of it.
//!
//! A pixel gathers its sum and is written in its turn. (Runs that are added to the picture one after
//! the other overlap: each would wait for what the one before has written.)

use matgrad_expr::window::Window;

use crate::picture::vectors;
use crate::product::PANEL;
use crate::real::Real;
use crate::simd::Vector;

/// The places of a window that see one row or column of a picture, along one axis.
#[derive(Debug)]
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

/// What folding pictures goes by, found once for all of them.
#[derive(Debug)]
pub(crate) struct Folding {
    window: Window,
    /// Lines of places, and places of a line.
    high: usize,
    wide: usize,
    /// How many of the lines are kept, a power of two: line l has the place l mod `held`.
    pub held: usize,
    /// For each row and each column of the picture.
    down: Vec<Meeting>,
    across: Vec<Meeting>,
}

impl Folding {
    pub fn of(w: &Window) -> Folding {
        let [high, wide] = w.output().unwrap_or([0; 2]).map(|n| n as usize);
        // Lines that a row of the picture needs at once.
        let reach = (w.size[0] - 1) * w.dilation[0] + 1;
        let held = high.min(reach.div_ceil(w.stride[0]) as usize).next_power_of_two();
        let meetings = |axis: usize, places: usize| {
            (0..w.picture[axis] as usize).map(|at| Meeting::of(w, places, axis, at)).collect()
        };
        Folding { window: *w, high, wide, held, down: meetings(0, high), across: meetings(1, wide) }
    }

    /// The same where all lines are there.
    pub fn whole(w: &Window) -> Folding {
        let folding = Folding::of(w);
        Folding { held: folding.high.next_power_of_two(), ..folding }
    }

    /// How many lines have been seen when a row of the picture is folded.
    pub fn lines(&self, row: usize) -> usize {
        let w = &self.window;
        self.high.min((row + w.pad[0] as usize) / w.stride[0] as usize + 1)
    }

    /// Numbers of scratch memory: the sums of a row for each place, and a vector more, since whole
    /// ones are read.
    pub fn room(&self) -> usize {
        self.wide * self.window.size[1] as usize * self.window.channels() + PANEL
    }

    /// One row of a picture, from the lines of places that are kept. What these say is added up for
    /// each place, in `sums`; then each pixel gathers from the places that see it.
    ///
    /// # Safety
    /// The lines that see the row, [`Folding::room`] for sums and room for the picture are there;
    /// behind the lines a vector can be read, if `BEYOND`.
    #[inline(always)]
    pub unsafe fn row<V: Vector, const BEYOND: bool>(
        &self,
        row: usize,
        unfolded: *const V::Number,
        sums: *mut V::Number,
        picture: *mut V::Number,
    ) {
        let w = &self.window;
        let group = w.channels() / w.groups as usize;
        let (count, mut done) = (self.down[row].count, 0);
        // SAFETY: as the caller says.
        unsafe {
            loop {
                done += match count - done {
                    0 => self.add::<V, BEYOND, 0>(row, done, unfolded, sums),
                    1 => self.add::<V, BEYOND, 1>(row, done, unfolded, sums),
                    2 => self.add::<V, BEYOND, 2>(row, done, unfolded, sums),
                    3 => self.add::<V, BEYOND, 3>(row, done, unfolded, sums),
                    4 => self.add::<V, BEYOND, 4>(row, done, unfolded, sums),
                    _ => self.add::<V, BEYOND, 5>(row, done, unfolded, sums),
                };
                if done == count {
                    break;
                }
            }
        }
        // SAFETY: as the caller says.
        unsafe {
            if group <= V::Half::LANES {
                self.gather::<V::Half>(row, group, sums, picture);
            } else {
                self.gather::<V>(row, group, sums, picture);
            }
        }
    }

    /// Adds what `N` of the lines that see a row say, behind the first so many, to the sums of each
    /// place; gives `N`.
    #[inline(always)]
    unsafe fn add<V: Vector, const BEYOND: bool, const N: usize>(
        &self,
        row: usize,
        done: usize,
        unfolded: *const V::Number,
        sums: *mut V::Number,
    ) -> usize {
        let w = &self.window;
        let (columns, group) = (w.taps() * w.channels(), w.channels() / w.groups as usize);
        // Entries of a window's row in a group lie beside each other.
        let run = w.size[1] as usize * group;
        let &Meeting { first, step, tap, less, .. } = &self.down[row];
        let mut from: [*const V::Number; N] = std::array::from_fn(|i| {
            let (line, tap) = (first + (done + i) * step, tap.wrapping_sub((done + i) * less));
            let line = (line & (self.held - 1)) * self.wide * columns;
            unfolded.wrapping_add(line).wrapping_add(tap * run)
        });
        let next = run * w.size[0] as usize;
        let mut to = sums;
        for _ in 0..self.wide * w.groups as usize {
            for (some, lanes) in vectors::<V>(run) {
                // SAFETY: the lines are kept, and lanes behind the run are not looked at; the next run
                // comes to lie over what is too much of the first sums, or the vector more.
                unsafe {
                    let to = to.add(some);
                    let mut sum = if done > 0 { V::load(to) } else { V::splat(V::Number::ZERO) };
                    for from in from {
                        let from = from.add(some);
                        let x = if BEYOND { V::load(from) } else { V::load_part(from, lanes) };
                        sum = sum.add(x);
                    }
                    if done > 0 { sum.store_part(to, lanes) } else { sum.store(to) }
                }
            }
            for from in &mut from {
                *from = from.wrapping_add(next);
            }
            to = to.wrapping_add(run);
        }
        N
    }

    /// Each pixel of a row is the sum of what the places of a line that see it say.
    #[inline(always)]
    unsafe fn gather<V: Vector>(
        &self,
        row: usize,
        group: usize,
        sums: *const V::Number,
        picture: *mut V::Number,
    ) {
        let w = &self.window;
        let (channels, taps) = (w.channels(), w.size[1] as usize);
        let mut at = row * self.across.len() * channels;
        for &Meeting { first, count, step, tap, less } in &self.across {
            let jump = (step * taps * channels).wrapping_sub(less * group);
            for channel in (0..channels).step_by(group) {
                let first = (first * channels + channel) * taps + tap * group;
                for (some, lanes) in vectors::<V>(group) {
                    let mut sum = V::splat(V::Number::ZERO);
                    let mut from = sums.wrapping_add(first + some);
                    for _ in 0..count {
                        // SAFETY: this place sees the pixel; a vector more can be read.
                        sum = sum.add(unsafe { V::load(from) });
                        from = from.wrapping_add(jump);
                    }
                    // SAFETY: the pixel is inside the picture. What is too much comes to lie under
                    // the next one.
                    unsafe {
                        let to = picture.add(at + channel + some);
                        if at + channel + some + V::LANES <= w.columns() {
                            sum.store(to);
                        } else {
                            sum.store_part(to, lanes);
                        }
                    }
                }
            }
            at += channels;
        }
    }
}

//! Products with unfolded pictures, which are read where they are.
//!
//! What a place of the window sees is a few runs of entries of the picture, and the places of one
//! line of the result are equally far apart: such a matrix goes into the register block as it is.
//! Only padded pictures are copied, one at a time, into scratch memory with zeros around them.
//! Each entry is one sum over runs, lines and pictures in their order, whoever computes it. That is
//! `blocks`; where it would fill few lanes, or most of a gradient is zero, there are other ways:
//! `beside` forward, `repeat` for the kernel's gradient, `scatter` for that and the pictures'.

mod beside;
mod blocks;
mod repeat;
mod scatter;

use std::ops::Range;

use matgrad_expr::window::Window;
use matgrad_plan::convolution as plan;
use matgrad_plan::convolution::Kind;

use crate::execute::share;
use crate::fold::Folding;
use crate::link::Tile;
use crate::matrix::Matrix;
use crate::product::PANEL;
use crate::real::{Real, Task};
use crate::simd::{Isa, Vector, Work};
use crate::tile::Entries;

/// Numbers of the result that work is done on at once, at least; whole lines of places.
const TOGETHER: usize = 2048;

/// A convolution for one number of rows.
pub(crate) struct Convolution<T> {
    pub kind: Kind,
    /// The window.
    window: Window,
    /// How many pictures.
    pub images: usize,
    pub a: Matrix,
    pub b: Matrix,
    pub to: Matrix,
    pub then: Option<Tile<T>>,
    /// Entries of a run.
    run: usize,
    /// Where the runs of the first place begin in a padded picture.
    runs: Vec<usize>,
    /// Where their entries are, of pictures of one channel.
    taps: Vec<usize>,
    /// Where the lines of places begin there.
    lines: Vec<usize>,
    /// Places of a line.
    wide: usize,
    /// From place to place.
    step: usize,
    folding: Option<Folding>,
    /// Where each room of the scratch memory begins, and where the last one ends.
    rooms: [usize; 7],
}

impl<T> Default for Convolution<T> {
    fn default() -> Self {
        let none = Matrix::default();
        Convolution {
            kind: Kind::Forward,
            window: Window::ONE,
            images: 0,
            a: none,
            b: none,
            to: none,
            then: None,
            run: 0,
            runs: Vec::new(),
            taps: Vec::new(),
            lines: Vec::new(),
            wide: 0,
            step: 0,
            folding: None,
            rooms: [0; 7],
        }
    }
}

impl<T: Real> Convolution<T> {
    /// Fills in the numbers; the memory is used again.
    pub fn link(&mut self, convolution: &plan::Convolution, rows: usize) {
        let &plan::Convolution { kind, window, group, ref a, ref b, ref to, ref then } =
            convolution;
        let of = |view| Matrix::of(view, rows);
        (self.kind, self.window) = (kind, window);
        (self.a, self.b, self.to) = (of(a), of(b), of(to));
        let mut tile = self.then.take().unwrap_or_default();
        self.then = then.as_ref().map(|then| {
            tile.link(then, rows);
            tile
        });
        let pictures = if kind == Kind::Pictures { self.to } else { self.a };
        self.images = pictures.rows * pictures.cols / window.columns().max(1);

        let [high, wide] = window.output().unwrap_or([0; 2]).map(|n| n as usize);
        let [size, stride, dilation] =
            [window.size, window.stride, window.dilation].map(|of| of.map(|n| n as usize));
        let (channels, groups) = (window.channels(), window.groups as usize);
        let line = self.padded()[1] * channels;
        // Entries beside each other are one run, if the window leaves out none.
        let whole = groups == 1 && dilation[1] == 1;
        let across = if whole { 1 } else { size[1] };
        self.run = convolution.columns() / (size[0] * across).max(1);
        self.runs.clear();
        self.runs.extend((0..size[0]).flat_map(|i| {
            let first = group * (channels / groups) + i * dilation[0] * line;
            (0..across).map(move |j| first + j * dilation[1] * channels)
        }));
        self.taps.clear();
        if channels == 1 {
            self.taps.extend(self.runs.iter().flat_map(|run| *run..run + self.run));
        }
        self.lines.clear();
        self.lines.extend((0..high).map(|i| i * stride[0] * line));
        self.wide = wide;
        self.step = stride[1] * channels;
        // It hangs on no number of rows.
        if kind == Kind::Pictures && self.folding.is_none() {
            self.folding = Some(Folding::of(&window));
        }
        let mut end = 0;
        for (room, size) in self.sizes().into_iter().enumerate() {
            end += size;
            self.rooms[room + 1] = end;
        }
    }

    /// Height and width of a picture with what is around it.
    fn padded(&self) -> [usize; 2] {
        let Window { picture, pad, .. } = self.window;
        [0, 1].map(|axis| (picture[axis] + pad[axis] + pad[axis + 2]) as usize)
    }

    /// Columns of the unfolded pictures.
    fn columns(&self) -> usize {
        self.run * self.runs.len()
    }

    /// Lines of places that are worked on together.
    fn together(&self) -> usize {
        TOGETHER.div_ceil((self.wide * self.b.cols).max(1)).min(self.lines.len()).max(1)
    }

    /// Numbers of scratch memory: registers; a padded picture; a part of the product; packed
    /// columns; a folded picture; sums of folding.
    fn sizes(&self) -> [usize; 6] {
        let work = self.then.as_ref();
        let registers = work.map_or(0, Tile::room);
        let [high, wide] = self.padded();
        // A vector more, since pieces of a place are read and written whole.
        let padded = match self.kind {
            Kind::Forward if self.window.pad == [0; 4] => 0,
            Kind::Pictures if !self.is_near() => 0,
            Kind::Forward | Kind::Kernel | Kind::Pictures => {
                high * wide * self.window.channels() + PANEL
            }
        };
        let (k, n) = (self.b.rows, self.b.cols);
        let (result, folded, sums) = match &self.folding {
            // A vector more, since folding reads whole ones.
            Some(folding) => (
                folding.held * self.wide * self.columns() + PANEL,
                work.map_or(0, |_| self.window.columns()),
                folding.room(),
            ),
            None if self.kind == Kind::Forward && work.is_some() => {
                (self.together() * self.wide * n, 0, 0)
            }
            None if self.kind == Kind::Kernel => (self.repeated().iter().sum(), 0, 0),
            None => (0, 0, 0),
        };
        let packed = match self.kind {
            Kind::Kernel => scatter::room::<T>(),
            Kind::Forward => k * n.next_multiple_of(PANEL),
            Kind::Pictures => scatter::room::<T>().max(k * n.next_multiple_of(PANEL)),
        };
        [registers, padded, result, packed, folded, sums].map(|size| size.next_multiple_of(16))
    }

    pub fn scratch(&self) -> usize {
        self.rooms[6]
    }

    /// Whether what is around a picture is not much more than the picture.
    fn is_near(&self) -> bool {
        let [high, wide] = self.padded();
        high * wide * self.window.channels() <= 4 * self.window.columns()
    }

    /// The parts of a picture that lie together in the padded one too: where each begins in both, and
    /// its length.
    fn inside(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let Window { picture: [high, wide, _], pad: [above, left, _, right], .. } = self.window;
        let (channels, padded) = (self.window.channels(), self.padded()[1]);
        // All of it, or row by row.
        let rows = if left + right == 0 { high } else { 1 } as usize;
        let side = wide as usize * channels;
        let first = (above as usize * padded + left as usize) * channels;
        (0..high as usize)
            .step_by(rows)
            .map(move |row| (row * side, first + row * padded * channels, rows * side))
    }
}

/// A part of a convolution.
pub struct Convolve<'a, T> {
    pub(crate) of: &'a Convolution<T>,
    pub(crate) isa: Isa,
    pub(crate) arena: *mut T,
    /// [`Convolution::scratch`] numbers.
    pub(crate) scratch: *mut T,
    /// Of these pictures. A [`Kind::Kernel`] is a sum over them,
    pub(crate) images: Range<usize>,
    /// of which this part of the rows is wanted,
    pub(crate) part: usize,
    pub(crate) parts: usize,
    /// and it goes here, where there is more to be added to it and nothing else to be done yet.
    pub(crate) sums: Option<*mut T>,
}

impl<T: Real> Work<T> for Convolve<'_, T> {
    /// # Safety
    /// The matrices are inside the arena, the result overlaps neither operand, and the scratch
    /// memory is as said.
    #[inline(always)]
    unsafe fn run<V: Vector<Number = T>>(&self) {
        // SAFETY: as the caller says.
        unsafe {
            if self.of.kind != Kind::Pictures && self.of.window.pad != [0; 4] {
                self.clear();
            }
            match self.of.kind {
                Kind::Forward if self.of.is_beside::<V>() => self.forward::<V, true>(),
                Kind::Forward if self.is_narrow::<V>() => self.forward::<V::Half, false>(),
                Kind::Forward => self.forward::<V, false>(),
                Kind::Kernel => self.kernel::<V>(),
                Kind::Pictures => match self.of.pieces::<V>(0..self.of.columns()) {
                    Some(pieces) => self.pictures_by_places::<V>(&pieces),
                    None => self.pictures::<V>(),
                },
            }
        }
    }
}

impl<T: Real> Convolve<'_, T> {
    /// Where a room of the scratch memory begins.
    fn room(&self, number: usize) -> *mut T {
        self.scratch.wrapping_add(self.of.rooms[number])
    }

    /// Zeros for a padded picture.
    unsafe fn clear(&self) {
        let room = self.of.rooms[2] - self.of.rooms[1];
        // SAFETY: the room is there.
        unsafe { std::slice::from_raw_parts_mut(self.room(1), room).fill(T::ZERO) }
    }

    /// A picture, with zeros around it.
    unsafe fn picture(&self, image: usize) -> *const T {
        if self.of.window.pad == [0; 4] {
            return self.arena.wrapping_add(self.of.a.offset + image * self.of.window.columns());
        }
        // SAFETY: as the caller says.
        unsafe { self.copied(image) }
    }

    /// The same in the scratch memory, where the zeros are already.
    unsafe fn copied(&self, image: usize) -> *mut T {
        let (of, padded) = (self.of, self.room(1));
        let picture = self.arena.wrapping_add(of.a.offset + image * of.window.columns());
        for (from, to, length) in of.inside() {
            // SAFETY: the part is inside the picture and inside the room.
            unsafe {
                std::ptr::copy_nonoverlapping(picture.add(from), padded.add(to), length);
            }
        }
        padded
    }

    /// Work on some entries of the result, which are at `from`.
    unsafe fn finish(&self, entries: Range<usize>, from: *const T) {
        if let Some(tile) = &self.of.then {
            let (arena, registers) = (self.arena, self.scratch);
            let work = Entries { tile, entries, arena, registers, product: from };
            // SAFETY: the tile is of the shape of the result; its registers are the first room.
            unsafe { T::run(self.isa, &Task::Entries(work)) }
        }
    }

    /// Whether half a vector holds the channels of the result.
    fn is_narrow<V: Vector<Number = T>>(&self) -> bool {
        V::Half::LANES < V::LANES && self.of.to.cols <= V::Half::LANES
    }

    /// Where the entries of the kernel's gradient belong, row by row.
    fn sums(&self) -> *mut T {
        self.sums.unwrap_or(self.arena.wrapping_add(self.of.to.offset))
    }

    /// A part of the kernel's gradient, in the way that suits. That hangs on no number of parts.
    #[inline(always)]
    unsafe fn kernel<V: Vector<Number = T>>(&self) {
        let (of, n) = (self.of, self.of.b.cols);
        let some = |grain| share(of.columns(), grain, self.part, self.parts);
        let whole = some(of.run);
        // SAFETY: as the caller says.
        unsafe {
            let rows = if of.is_repeated::<V>() {
                self.kernel_repeated::<V>(whole.clone());
                whole
            } else if of.pieces::<V>(0..of.columns()).is_some() && self.is_sparse::<V>() {
                if let Some(pieces) = of.pieces::<V>(whole.clone()) {
                    self.kernel_by_places::<V>(&pieces);
                }
                whole
            } else if self.is_narrow::<V>() {
                self.kernel_by_blocks::<V::Half>(some(1));
                some(1)
            } else {
                self.kernel_by_blocks::<V>(some(1));
                some(1)
            };
            if self.sums.is_none() {
                self.finish(rows.start * n..rows.end * n, self.sums().add(rows.start * n));
            }
        }
    }
}

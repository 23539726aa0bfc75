//! Instructions as they are done: each by one thread or in parts, or those of a band for some rows.

use std::ops::Range;
use std::sync::Mutex;

use matgrad_plan::convolution::Kind;
use matgrad_plan::extent::Slot;
use matgrad_plan::instruction::Instruction;

use crate::band::Band;
use crate::convolution::Convolve;
use crate::link::Linked;
use crate::matrix::{self, Matrix};
use crate::picture::Pictures;
use crate::pool::Pool;
use crate::product::{Product, Then};
use crate::real::{Real, Task};
use crate::reduce::Reduce;
use crate::simd::Isa;
use crate::square;
use crate::tile::Entries;

/// What the threads of a step share.
pub(crate) struct Shared<T> {
    pub arena: *mut T,
    pub arena_len: usize,
    /// Of all threads.
    pub scratch: *mut T,
    /// Of each thread.
    pub scratch_len: usize,
    pub rows: usize,
    pub isa: Isa,
    /// A part of the arena, and where its numbers are instead.
    pub lent: Option<(Range<usize>, *const T)>,
}

// SAFETY: the threads of an instruction write to different places, and read what none writes.
unsafe impl<T: Real> Sync for Shared<T> {}

impl<T: Real> Shared<T> {
    /// From where the offset of a factor counts.
    fn from(&self, factor: &Matrix) -> *const T {
        match &self.lent {
            Some((part, numbers)) if part.contains(&factor.offset) => {
                numbers.wrapping_sub(part.start)
            }
            Some(_) | None => self.arena,
        }
    }

    /// Does a part of an instruction.
    ///
    /// # Safety
    /// The arena is that of the program, and no two threads have the same part. What has no
    /// sizes of its own here has one part.
    #[inline(always)]
    pub unsafe fn execute(
        &self,
        linked: &Linked<T>,
        instruction: &Instruction,
        part: usize,
        parts: usize,
    ) {
        let scratch = self.scratch.wrapping_add(part * self.scratch_len);
        let arena = self.arena;
        // SAFETY: as the caller says; the scratch memory is large enough for each instruction.
        unsafe {
            match linked {
                Linked::Product { a, b, to, then } => {
                    let (isa, start) = (self.isa, to.offset);
                    let then = then.as_ref().map(|tile| Then { tile, isa, start });
                    let (a, b, to) = (*a, *b, *to);
                    let (a_from, b_from, pack) = (self.from(&a), self.from(&b), scratch);
                    let work = Product { arena, a, a_from, b, b_from, to, then, pack, part, parts };
                    T::run(self.isa, &Task::Product(work));
                }
                Linked::Tile(tile) => {
                    let entries = share(tile.entries, 64, part, parts);
                    let product = std::ptr::null();
                    let work = Entries { tile, entries, arena, registers: scratch, product };
                    T::run(self.isa, &Task::Entries(work));
                }
                Linked::Reduce { reduction, a, to, .. } => {
                    let results = share(to.rows * to.cols, 16, part, parts);
                    let (reduction, a, to) = (*reduction, *a, *to);
                    let entries = results.clone();
                    let work = Reduce { reduction, arena, a, to, results };
                    T::run(self.isa, &Task::Reduce(work));
                    self.finish(linked, entries, scratch);
                }
                Linked::Convolution(of) => {
                    let images = match of.kind {
                        Kind::Forward | Kind::Pictures => share(of.images, 1, part, parts),
                        Kind::Kernel => 0..of.images,
                    };
                    let (isa, sums) = (self.isa, None);
                    let work = Convolve { of, isa, arena, scratch, images, part, parts, sums };
                    T::run(self.isa, &Task::Convolve(work));
                }
                Linked::Picture(place, then) => {
                    let images = share(place.images, 1, part, parts);
                    let (then, isa) = (then.as_ref(), self.isa);
                    let work = Pictures { place, then, isa, images, arena, scratch };
                    T::run(self.isa, &Task::Pictures(work));
                }
                Linked::Other => self.execute_alone(instruction),
            }
        }
    }

    /// Does the instructions of a band.
    ///
    /// # Safety
    /// As for [`Shared::execute`] of each of them.
    pub unsafe fn execute_band(
        &self,
        band: &Band,
        all: &[(Linked<T>, usize)],
        threads: usize,
        pool: &mut Pool,
        after: &mut (impl FnMut(usize) + Send),
    ) {
        let after = Mutex::new(after);
        let tell = |number| {
            if let Ok(mut after) = after.lock() {
                after(number);
            }
        };
        let some = |thread: usize| {
            for part in share(band.parts(), 1, thread, threads) {
                let mut sums = band.sums.iter();
                for number in band.instructions.clone() {
                    let sum = sums.as_slice().first().filter(|sum| sum.number == number);
                    let sum = sum.and_then(|_| sums.next()).map(|sum| band.at(sum, part));
                    // SAFETY: as the caller says, and the parts are those of different rows.
                    unsafe { self.execute_rows(&all[number].0, band.rows(part), sum, thread) };
                    if thread == 0 {
                        tell(number);
                    }
                }
            }
        };
        if threads == 1 {
            some(0);
        } else {
            pool.run(&|thread| {
                if thread < threads {
                    some(thread);
                }
            });
        }
        for sum in &band.sums {
            // SAFETY: as the caller says; the sums are in the arena, behind what is the program's.
            unsafe {
                let slice = |at| std::slice::from_raw_parts(self.arena.add(at), sum.length);
                let to = std::slice::from_raw_parts_mut(self.arena.add(sum.to), sum.length);
                to.copy_from_slice(slice(sum.first));
                for part in 1..band.parts() {
                    for (to, x) in to.iter_mut().zip(slice(band.at(sum, part))) {
                        *to += *x;
                    }
                }
                self.finish(&all[sum.number].0, 0..sum.length, self.scratch);
            }
            tell(sum.number);
        }
    }

    /// Does an instruction of a band for some rows; a sum is put there.
    ///
    /// # Safety
    /// As for [`Shared::execute`], and the plan says that it is one of a band.
    unsafe fn execute_rows(
        &self,
        linked: &Linked<T>,
        rows: Range<usize>,
        sum: Option<usize>,
        thread: usize,
    ) {
        let (isa, arena) = (self.isa, self.arena);
        let scratch = self.scratch.wrapping_add(thread * self.scratch_len);
        // SAFETY: as the caller says; the scratch memory is large enough for each instruction.
        unsafe {
            match linked {
                Linked::Convolution(of) => {
                    let (images, sums) = (rows, sum.map(|sum| arena.wrapping_add(sum)));
                    let (part, parts) = (0, 1);
                    let work = Convolve { of, isa, arena, scratch, images, part, parts, sums };
                    T::run(isa, &Task::Convolve(work));
                }
                Linked::Picture(place, then) => {
                    let (then, images) = (then.as_ref(), rows);
                    let work = Pictures { place, then, isa, images, arena, scratch };
                    T::run(isa, &Task::Pictures(work));
                }
                Linked::Reduce { reduction, a, to, .. } => {
                    let each = a.rows / self.rows;
                    let a = a.part(rows.start * each..rows.end * each, 0..a.cols);
                    let to = Matrix { offset: sum.unwrap_or(to.offset), ..*to };
                    let (reduction, results) = (*reduction, 0..to.cols);
                    T::run(isa, &Task::Reduce(Reduce { reduction, arena, a, to, results }));
                }
                Linked::Tile(tile) => {
                    let each = tile.entries / self.rows;
                    let (entries, registers) = (rows.start * each..rows.end * each, scratch);
                    let product = std::ptr::null();
                    let work = Entries { tile, entries, arena, registers, product };
                    T::run(isa, &Task::Entries(work));
                }
                Linked::Product { .. } | Linked::Other => {}
            }
        }
    }

    /// The work behind a sum, on some entries of it.
    ///
    /// # Safety
    /// As for [`Shared::execute`]; the sum is there.
    unsafe fn finish(&self, linked: &Linked<T>, entries: Range<usize>, registers: *mut T) {
        let (to, then) = match linked {
            Linked::Reduce { to, then, .. } => (to, then),
            Linked::Convolution(of) => (&of.to, &of.then),
            Linked::Product { .. } | Linked::Tile(_) | Linked::Picture(..) | Linked::Other => {
                return;
            }
        };
        if let Some(tile) = then {
            let arena = self.arena;
            let product = arena.wrapping_add(to.offset + entries.start).cast_const();
            let work = Entries { tile, entries, arena, registers, product };
            // SAFETY: as the caller says.
            unsafe { T::run(self.isa, &Task::Entries(work)) };
        }
    }

    /// Does an instruction that is never shared.
    ///
    /// # Safety
    /// The arena is that of the program, and nothing else is in it.
    unsafe fn execute_alone(&self, instruction: &Instruction) {
        let rows = self.rows;
        let slot = |slot: &Slot| Matrix::slot(slot, rows);
        // SAFETY: as the caller says.
        let all = unsafe { std::slice::from_raw_parts_mut(self.arena, self.arena_len) };
        match instruction {
            Instruction::Product { .. }
            | Instruction::Tile(_)
            | Instruction::Reduce { .. }
            | Instruction::Convolution(_)
            | Instruction::Picture(_) => {}
            Instruction::Copy { a, to } => {
                matrix::copy(all, Matrix::of(a, rows), Matrix::of(to, rows));
            }
            Instruction::Zero { to } => matrix::zero(all, slot(to)),
            Instruction::Eye { to } => matrix::eye(all, slot(to)),
            Instruction::Size { extent, to } => {
                all[to.offset] = T::from_f64(extent.at(rows) as f64);
            }
            Instruction::Diag { a, to } => matrix::diag(all, Matrix::of(a, rows), slot(to)),
            Instruction::Diagonal { a, to } => {
                matrix::diagonal(all, Matrix::of(a, rows), slot(to));
            }
            Instruction::Inverse { a, work, to } => {
                square::inverse(all, Matrix::of(a, rows), slot(work), slot(to));
            }
            Instruction::Determinant { a, work, logarithm, to } => {
                let (a, work) = (Matrix::of(a, rows), slot(work));
                square::determinant(all, a, work, *logarithm, slot(to));
            }
        }
    }
}

/// A part of so many things, a multiple of `grain` of them but for the last one.
#[inline]
pub(crate) fn share(total: usize, grain: usize, part: usize, parts: usize) -> Range<usize> {
    // As it is for most instructions, which need no division to find it.
    if parts == 1 {
        return 0..total;
    }
    let each = total.div_ceil(parts).next_multiple_of(grain);
    (part * each).min(total)..((part + 1) * each).min(total)
}

//! The machine: a program, its arena, and the step.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use matgrad_expr::graph::NodeId;
use matgrad_plan::extent::Slot;
use matgrad_plan::program::Program;

use crate::denormal::Flushed;
use crate::execute::{Shared, share};
use crate::link::Links;
use crate::pool::Pool;
use crate::real::Real;
use crate::simd::{Isa, fetch};
use crate::trial::Trial;

/// Numbers of rows before they are copied that the beginning of a row is asked for: rows of a batch
/// lie anywhere, and each would have to be waited for.
const AHEAD: usize = 2048;
/// Bytes of the beginning. The processor sees by itself that what is behind it will be read, and
/// brings it sooner than if it were asked for.
const BEGINNING: usize = 256;

/// Numbers that are copied by more than one thread, at least.
const SHARED: usize = 1 << 14;

/// Where threads write, each to a place of its own.
struct Apart<T>(*mut T);

// SAFETY: whoever makes one sees to it that the places are apart.
unsafe impl<T: Real> Sync for Apart<T> {}

/// What a machine refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// A node that has no place in the arena.
    #[error("node {0} is neither a variable that the program needs nor one of its outputs")]
    Unknown(u32),
    /// A matrix of another size.
    #[error("{rows}×{cols} is {} numbers, but {found} were given", rows * cols)]
    Length {
        /// Rows of the matrix.
        rows: usize,
        /// Columns of the matrix.
        cols: usize,
        /// How many numbers there were.
        found: usize,
    },
    /// A number of rows that the program was not made for.
    #[error("{found} rows do not fit: the program was made for {capacity}")]
    Rows {
        /// How many were asked for.
        found: usize,
        /// The most there may be.
        capacity: usize,
    },
    /// A row outside a matrix.
    #[error("row {row} (from 0) of a matrix of {rows} rows")]
    NoRow {
        /// The row asked for.
        row: usize,
        /// How many there are.
        rows: usize,
    },
}

/// Sixteen numbers at an address that vector instructions like.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line<T>([T; 16]);

/// Runs a program.
///
/// Generic over the number type, since the arena is lent as slices of it: a run-time choice would
/// make every reader of a result match on the type.
pub struct Machine<T: Real> {
    program: Arc<Program>,
    arena: Vec<Line<T>>,
    /// Registers of tiles or packed parts of products, for each thread.
    scratch: Vec<Line<T>>,
    isa: Isa,
    pool: Pool,
    /// Of steps with all rows.
    trial: Trial,
    /// Whether what is done once for many steps has been done.
    fresh: bool,
    /// The instructions for the present number of rows.
    links: Links<T>,
    /// Those for another number: the last batch of an epoch is shorter, the next one is not.
    aside: Links<T>,
    /// The variable that [`Machine::step_with`] was last called for, and whether it is read by
    /// products alone.
    factor: Option<(NodeId, bool)>,
}

impl<T: Real> Machine<T> {
    /// Brings the arena, all zeros but the constants; the batch has all its rows. Runs in the
    /// thread that calls, with the best instructions that the processor has.
    pub fn new(program: Arc<Program>) -> Machine<T> {
        let line = Line([T::ZERO; 16]);
        let mut machine = Machine {
            arena: Vec::new(),
            scratch: Vec::new(),
            isa: Isa::available().pop().unwrap_or(Isa::Portable),
            pool: Pool::new(1),
            trial: Trial::new(program.flops()),
            fresh: false,
            links: Links::new(&program),
            aside: Links::new(&program),
            factor: None,
            program: Arc::clone(&program),
        };
        machine.scratch.resize(machine.links.scratch().div_ceil(16), line);
        let sums = machine.links.sums().div_ceil(16);
        machine.arena = vec![line; program.arena_len().div_ceil(16) + sums];
        for (slot, values) in program.constants() {
            for (to, &value) in machine.slice_mut(slot).iter_mut().zip(values) {
                *to = T::from_f64(value);
            }
        }
        machine
    }

    /// Steps use up to so many threads, the caller's among them, where that pays; whether it does in
    /// a short step is found by trying, in the first ones. They wait between steps, awake for some
    /// 50 µs, and change no bit of a result.
    pub fn set_threads(&mut self, threads: usize) {
        let each = self.scratch.len() / self.pool.threads();
        self.pool = Pool::new(threads);
        self.trial = Trial::new(self.program.flops());
        self.scratch.resize(each * self.pool.threads(), Line([T::ZERO; 16]));
        for links in [&mut self.links, &mut self.aside] {
            links.link(&self.program, links.rows, self.pool.threads());
        }
        self.fresh = false;
    }

    /// Steps use these instructions; [`Isa::Portable`] where the processor has them not.
    pub fn set_isa(&mut self, isa: Isa) {
        self.isa = if isa.is_here() { isa } else { Isa::Portable };
        self.fresh = false;
    }

    /// The program.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// The present number of rows of the batch.
    pub fn rows(&self) -> usize {
        self.links.rows
    }

    /// Gives the batch another number of rows. What the matrices with such a dimension held is
    /// lost, if it is another one.
    ///
    /// # Errors
    /// [`RunError::Rows`] where the program was not made for so many (or has a slice beyond them).
    pub fn set_rows(&mut self, rows: usize) -> Result<(), RunError> {
        if !self.program.allows_rows(rows) {
            return Err(RunError::Rows { found: rows, capacity: self.program.capacity() });
        }
        if rows != self.rows() {
            std::mem::swap(&mut self.links, &mut self.aside);
            self.fresh = false;
        }
        if rows != self.rows() {
            self.links.link(&self.program, rows, self.pool.threads());
        }
        Ok(())
    }

    /// Gives a variable its entries, row by row.
    ///
    /// # Errors
    /// [`RunError::Unknown`] or [`RunError::Length`].
    pub fn write(&mut self, variable: NodeId, values: &[f64]) -> Result<(), RunError> {
        let slot = self.variable(variable)?;
        self.check_length(&slot, values.len())?;
        for (to, &value) in self.slice_mut(&slot).iter_mut().zip(values) {
            *to = T::from_f64(value);
        }
        Ok(())
    }

    /// Gives a variable some rows of a matrix of `cols` columns, in this order. Allocates nothing.
    ///
    /// # Errors
    /// [`RunError::Unknown`], [`RunError::Length`] or [`RunError::NoRow`].
    pub fn write_rows_from(
        &mut self,
        variable: NodeId,
        matrix: &[T],
        cols: usize,
        rows: &[usize],
    ) -> Result<(), RunError> {
        let slot = self.variable(variable)?;
        let values = rows.len() * cols;
        self.check_length(&slot, values)?;
        let available = matrix.len().checked_div(cols).unwrap_or(usize::MAX);
        if let Some(&row) = rows.iter().find(|&&row| row >= available) {
            return Err(RunError::NoRow { row, rows: available });
        }
        let shared = self.trial.threads && values >= SHARED;
        let threads = if shared { self.pool.threads() } else { 1 };
        let to = Apart(self.slice_mut(&slot).as_mut_ptr());
        let ahead = (AHEAD / cols.max(1)).clamp(1, 16);
        let of = |row: usize| &matrix[row * cols..(row + 1) * cols];
        let copy = |part| {
            let to = &to;
            for number in share(rows.len(), 1, part, threads) {
                if let Some(&row) = rows.get(number + ahead) {
                    fetch(&of(row)[..cols.min(BEGINNING / size_of::<T>())]);
                }
                let from = of(rows[number]);
                // SAFETY: the variable has so many rows, and no other thread has this one.
                unsafe { to.0.add(number * cols).copy_from_nonoverlapping(from.as_ptr(), cols) };
            }
        };
        if threads == 1 {
            copy(0)
        } else {
            self.pool.run(&copy)
        }
        Ok(())
    }

    /// The entries of a slot of this machine's program, for the present number of rows.
    ///
    /// # Panics
    /// When the slot is of another program and beyond this arena.
    pub fn slice(&self, slot: &Slot) -> &[T] {
        &self.numbers()[slot.offset..slot.offset + slot.len(self.rows())]
    }

    /// The same, to be changed.
    ///
    /// # Panics
    /// When the slot is of another program and beyond this arena.
    pub fn slice_mut(&mut self, slot: &Slot) -> &mut [T] {
        let length = slot.len(self.rows());
        self.fresh &= !self.program.is_fixed(slot.offset);
        &mut numbers_mut(&mut self.arena)[slot.offset..slot.offset + length]
    }

    /// The entries of an output, or of a variable that is none, row by row.
    ///
    /// # Errors
    /// [`RunError::Unknown`].
    pub fn read(&self, node: NodeId) -> Result<Vec<f64>, RunError> {
        let slot = self.program.output(node).or_else(|| self.program.variable(node));
        let slot = slot.ok_or(RunError::Unknown(node.0))?;
        Ok(self.slice(slot).iter().map(|x| x.to_f64()).collect())
    }

    /// Runs the program once. Allocates nothing; the same arena gives the same bits, whatever the
    /// number of threads. Denormal numbers are zero.
    pub fn step(&mut self) {
        self.step_observed(|_| ());
    }

    /// The same with these entries of a variable, row by row: where nothing but products reads them,
    /// they are read where they lie, and the variable in the arena stays as it is.
    ///
    /// # Errors
    /// [`RunError::Unknown`] or [`RunError::Length`].
    pub fn step_with(&mut self, variable: NodeId, entries: &[T]) -> Result<(), RunError> {
        let slot = self.variable(variable)?;
        self.check_length(&slot, entries.len())?;
        let place = slot.offset..slot.offset + slot.len(self.program.capacity());
        if self.factor.is_none_or(|(known, _)| known != variable) {
            let is_fixed = self.program.is_fixed(slot.offset);
            self.factor = Some((variable, !is_fixed && self.program.is_factor(&place)));
        }
        if self.factor == Some((variable, true)) {
            self.run(Some((place, entries)), |_| ());
        } else {
            self.slice_mut(&slot).copy_from_slice(entries);
            self.step();
        }
        Ok(())
    }

    /// The same as a step, calls `after` behind each instruction with its number, or behind each part of
    /// it. What is done once for many steps is left out where that has been done.
    pub fn step_observed(&mut self, after: impl FnMut(usize) + Send) {
        self.run(None, after);
    }

    /// A step; what would be in a part of the arena is somewhere else.
    fn run(&mut self, lent: Option<(Range<usize>, &[T])>, mut after: impl FnMut(usize) + Send) {
        let _flushed = Flushed::new();
        let scratch_len = self.scratch.len() / self.pool.threads() * 16;
        let shared = Shared {
            arena: numbers_mut(&mut self.arena).as_mut_ptr(),
            arena_len: self.arena.len() * 16,
            scratch: numbers_mut(&mut self.scratch).as_mut_ptr(),
            scratch_len,
            rows: self.rows(),
            isa: self.isa,
            lent: lent.map(|(place, entries)| (place, entries.as_ptr())),
        };
        let is_full = self.rows() == self.program.capacity();
        let is_tried = self.links.is_shared && is_full && self.trial.is_under_way();
        let most = if self.trial.threads { usize::MAX } else { 1 };
        let done = if std::mem::replace(&mut self.fresh, true) { self.program.once() } else { 0 };
        let all = &self.links.all;
        let mut bands = self.links.bands.iter().skip_while(|band| band.instructions.start < done);
        let (mut band, mut number) = (bands.next(), done);
        while number < all.len() {
            if let Some(of) = band.filter(|band| band.instructions.start == number) {
                let threads = most.min(of.threads);
                // SAFETY: as below; the plan vouches for it that rows hang on no other ones.
                unsafe { shared.execute_band(of, all, threads, &mut self.pool, &mut after) };
                (band, number) = (bands.next(), of.instructions.end);
                continue;
            }
            let (linked, threads) = &all[number];
            let threads = most.min(*threads);
            let instruction = &self.program.instructions()[number];
            // SAFETY: the program vouches for its places in an arena of this length and for
            // operands apart from results; there is scratch memory for each thread, and the parts
            // of an instruction write to different places.
            unsafe {
                if threads == 1 {
                    shared.execute(linked, instruction, 0, 1);
                } else {
                    self.pool.run(&|thread| {
                        if thread < threads {
                            shared.execute(linked, instruction, thread, threads);
                        }
                    });
                }
            }
            after(number);
            number += 1;
        }
        if is_tried {
            self.trial.ended(Instant::now());
        }
    }

    fn variable(&self, variable: NodeId) -> Result<Slot, RunError> {
        self.program.variable(variable).copied().ok_or(RunError::Unknown(variable.0))
    }

    fn check_length(&self, slot: &Slot, found: usize) -> Result<(), RunError> {
        let (rows, cols) = (slot.rows.at(self.rows()), slot.cols.at(self.rows()));
        if rows * cols == found { Ok(()) } else { Err(RunError::Length { rows, cols, found }) }
    }

    fn numbers(&self) -> &[T] {
        // SAFETY: a line is sixteen numbers and nothing else.
        unsafe { std::slice::from_raw_parts(self.arena.as_ptr().cast(), self.arena.len() * 16) }
    }
}

fn numbers_mut<T: Real>(lines: &mut [Line<T>]) -> &mut [T] {
    // SAFETY: a line is sixteen numbers and nothing else.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * 16) }
}

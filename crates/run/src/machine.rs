//! The machine: a program, its arena, and the step.

use std::sync::Arc;

use matgrad_expr::graph::NodeId;
use matgrad_plan::extent::Slot;
use matgrad_plan::instruction::Instruction;
use matgrad_plan::program::Program;

use crate::matrix::{self, Matrix};
use crate::picture;
use crate::product::{product, scratch};
use crate::real::Real;
use crate::reduce::reduce;
use crate::square;
use crate::tile;

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
    registers: Vec<Line<T>>,
    pack: Vec<T>,
    rows: usize,
    wide: bool,
}

impl<T: Real> Machine<T> {
    /// Brings the arena, all zeros but the constants; the batch has all its rows.
    pub fn new(program: Arc<Program>) -> Machine<T> {
        let rows = program.capacity();
        let (mut registers, mut pack) = (0, 0);
        for instruction in program.instructions() {
            if let Instruction::Tile(tile) = instruction {
                registers = registers.max(tile.registers);
            }
            if let Instruction::Product { a, b, .. } = instruction {
                let (m, n, k) = (a.rows.at(rows), b.cols.at(rows), a.cols.at(rows));
                pack = pack.max(scratch(m, n, k));
            }
        }
        let line = Line([T::ZERO; 16]);
        let mut machine = Machine {
            arena: vec![line; program.arena_len().div_ceil(16)],
            registers: vec![line; registers * tile::BLOCK / 16],
            pack: vec![T::ZERO; pack],
            rows,
            wide: has_wide(),
            program: Arc::clone(&program),
        };
        for (slot, values) in program.constants() {
            for (to, &value) in machine.slice_mut(slot).iter_mut().zip(values) {
                *to = T::from_f64(value);
            }
        }
        machine
    }

    /// The program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The present number of rows of the batch.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Gives the batch another number of rows. What the matrices with such a dimension held is
    /// lost.
    ///
    /// # Errors
    /// [`RunError::Rows`] where the program was not made for so many (or has a slice beyond them).
    pub fn set_rows(&mut self, rows: usize) -> Result<(), RunError> {
        if !self.program.allows_rows(rows) {
            return Err(RunError::Rows { found: rows, capacity: self.program.capacity() });
        }
        self.rows = rows;
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
        self.check_length(&slot, rows.len() * cols)?;
        let available = matrix.len().checked_div(cols).unwrap_or(usize::MAX);
        if let Some(&row) = rows.iter().find(|&&row| row >= available) {
            return Err(RunError::NoRow { row, rows: available });
        }
        if cols > 0 {
            for (to, &row) in self.slice_mut(&slot).chunks_exact_mut(cols).zip(rows) {
                to.copy_from_slice(&matrix[row * cols..(row + 1) * cols]);
            }
        }
        Ok(())
    }

    /// The entries of a slot of this machine's program, for the present number of rows.
    ///
    /// # Panics
    /// When the slot is of another program and beyond this arena.
    pub fn slice(&self, slot: &Slot) -> &[T] {
        &self.numbers()[slot.offset..slot.offset + slot.len(self.rows)]
    }

    /// The same, to be changed.
    ///
    /// # Panics
    /// When the slot is of another program and beyond this arena.
    pub fn slice_mut(&mut self, slot: &Slot) -> &mut [T] {
        let length = slot.len(self.rows);
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

    /// Runs the program once. Allocates nothing; the same arena gives the same bits.
    pub fn step(&mut self) {
        let rows = self.rows;
        let slot = |slot: &Slot| Matrix::slot(slot, rows);
        for instruction in self.program.instructions() {
            let arena = numbers_mut(&mut self.arena);
            match instruction {
                Instruction::Product { a, b, to } => {
                    let (a, b) = (Matrix::of(a, rows), Matrix::of(b, rows));
                    let (arena, pack) = (arena.as_mut_ptr(), self.pack.as_mut_slice());
                    // SAFETY: the program vouches for its places in an arena of this length and
                    // for operands apart from results; `new` made the scratch memory large enough
                    // and asked the processor.
                    unsafe { product(arena, a, b, slot(to), pack, self.wide) };
                }
                Instruction::Tile(tile) => {
                    let (arena, registers) =
                        (arena.as_mut_ptr(), numbers_mut(&mut self.registers).as_mut_ptr());
                    // SAFETY: as for products; `new` made the registers.
                    unsafe { tile::run(tile, arena, registers, rows, self.wide) };
                }
                Instruction::Reduce { reduction, a, to } => {
                    reduce(arena, *reduction, Matrix::of(a, rows), slot(to));
                }
                Instruction::Picture(work) => picture::run(arena, work, rows),
                Instruction::Copy { a, to } => {
                    matrix::copy(arena, Matrix::of(a, rows), Matrix::of(to, rows));
                }
                Instruction::Zero { to } => matrix::zero(arena, slot(to)),
                Instruction::Eye { to } => matrix::eye(arena, slot(to)),
                Instruction::Size { extent, to } => {
                    arena[to.offset] = T::from_f64(extent.at(rows) as f64);
                }
                Instruction::Diag { a, to } => matrix::diag(arena, Matrix::of(a, rows), slot(to)),
                Instruction::Diagonal { a, to } => {
                    matrix::diagonal(arena, Matrix::of(a, rows), slot(to));
                }
                Instruction::Inverse { a, work, to } => {
                    square::inverse(arena, Matrix::of(a, rows), slot(work), slot(to));
                }
                Instruction::Determinant { a, work, logarithm, to } => {
                    let (a, work) = (Matrix::of(a, rows), slot(work));
                    square::determinant(arena, a, work, *logarithm, slot(to));
                }
            }
        }
    }

    fn variable(&self, variable: NodeId) -> Result<Slot, RunError> {
        self.program.variable(variable).copied().ok_or(RunError::Unknown(variable.0))
    }

    fn check_length(&self, slot: &Slot, found: usize) -> Result<(), RunError> {
        let (rows, cols) = (slot.rows.at(self.rows), slot.cols.at(self.rows));
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

/// Whether the processor has AVX2 and FMA.
pub(crate) fn has_wide() -> bool {
    #[cfg(target_arch = "x86_64")]
    let wide = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    let wide = false;
    wide
}

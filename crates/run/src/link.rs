//! The instructions for one number of rows: every size and place is a number, so that a step has
//! nothing left to work out. Linking anew, for another number of rows, reuses the memory.

use matgrad_plan::instruction as plan;
use matgrad_plan::instruction::{Instruction, Map, Reduction, Zip};
use matgrad_plan::program::Program;

use crate::band::Band;
use crate::convolution::Convolution;
use crate::matrix::Matrix;
use crate::picture::Place;
use crate::product::scratch;
use crate::real::Real;
use crate::tile;

/// Rows of so many entries are worked on one by one: what is repeated along or across them is then
/// read where it is.
const LONG: usize = 128;

/// All instructions for one number of rows.
pub(crate) struct Links<T> {
    pub rows: usize,
    /// Each with how many threads take part in it.
    pub all: Vec<(Linked<T>, usize)>,
    /// Those that some rows go through after the others.
    pub bands: Vec<Band>,
    /// Whether there is one for more than one thread.
    pub is_shared: bool,
}

impl<T: Real> Links<T> {
    /// For all rows and one thread.
    pub fn new(program: &Program) -> Links<T> {
        let all = program.instructions().iter().map(|_| (Linked::Other, 1)).collect();
        let mut links = Links { rows: 0, all, bands: Vec::new(), is_shared: false };
        links.link(program, program.capacity(), 1);
        links
    }

    /// Fills in what depends on the number of rows, and which instructions are worth how many of so
    /// many threads.
    pub fn link(&mut self, program: &Program, rows: usize, most: usize) {
        self.rows = rows;
        let instructions = program.instructions().iter().zip(program.costs(rows));
        for ((linked, threads), (instruction, cost)) in self.all.iter_mut().zip(instructions) {
            linked.link(instruction, rows);
            *threads = cost.threads.min(most);
        }
        self.bands = Band::all(program, rows, &self.all);
        self.is_shared = self.all.iter().any(|(_, threads)| *threads > 1);
    }

    /// Numbers of the arena behind those of the program.
    pub fn sums(&self) -> usize {
        self.bands.iter().map(Band::room).max().unwrap_or(0)
    }

    /// Numbers of scratch memory that a thread needs at most.
    pub fn scratch(&self) -> usize {
        self.all.iter().map(|(linked, _)| linked.scratch()).max().unwrap_or(0)
    }
}

/// An instruction.
pub(crate) enum Linked<T> {
    Product {
        a: Matrix,
        b: Matrix,
        to: Matrix,
        then: Option<Tile<T>>,
    },
    Tile(Tile<T>),
    Reduce {
        reduction: Reduction,
        a: Matrix,
        to: Matrix,
        then: Option<Tile<T>>,
    },
    Convolution(Convolution<T>),
    Picture(Place, Option<Tile<T>>),
    /// What is rare enough to be worked out at every step.
    Other,
}

/// Element-wise work.
#[derive(Debug)]
pub struct Tile<T> {
    pub(crate) registers: usize,
    /// Entries of a register.
    pub(crate) block: usize,
    /// Entries of a block: whole rows, where what is the same in each of them stays in a register.
    pub(crate) step: usize,
    /// All entries.
    pub(crate) entries: usize,
    /// Entries of a row.
    pub(crate) cols: usize,
    /// Entries that a block is a part of.
    pub(crate) line: usize,
    pub(crate) operations: Vec<Operation<T>>,
    /// Registers, and where the entries of all blocks begin.
    pub(crate) stores: Vec<(usize, usize)>,
    /// What the registers hold that need not be loaded.
    known: Vec<Option<Operand<T>>>,
}

/// One operation on a block.
#[derive(Debug)]
pub(crate) struct Operation<T> {
    pub function: Function<T>,
    pub to: Target,
}

/// What an operation does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Function<T> {
    Load(Matrix),
    Map(Map, Operand<T>),
    Zip(Zip, Operand<T>, Operand<T>),
    /// a b + c, or c - a b where this is true.
    Sum(Operand<T>, Operand<T>, Operand<T>, bool),
    /// a + b, or this number if that is larger.
    Least(Operand<T>, Operand<T>, T),
    /// b where a is larger than this number, else zero.
    Where(Operand<T>, T, Operand<T>),
}

/// Where an operation finds an operand.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operand<T> {
    Register(usize),
    /// Entries one after the other, from there.
    Entries(usize),
    /// Entries of a row, from there, and from row to row.
    Row(usize, usize),
    /// One number for each row, from there, and from row to row.
    Each(usize, usize),
    /// One number of the arena.
    Scalar(usize),
    /// What the product, or its like, gave.
    Result,
    Number(T),
}

/// Where an operation puts its result.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    Register(usize),
    /// The entries of all blocks begin there.
    Entries(usize),
}

impl<T: Real> Linked<T> {
    /// Fills in the numbers of an instruction, always the same one for the same `self`.
    pub fn link(&mut self, instruction: &Instruction, rows: usize) {
        let of = |view| Matrix::of(view, rows);
        // The memory of its tile is used again.
        let mut kept = match self {
            Linked::Product { then: Some(tile), .. }
            | Linked::Reduce { then: Some(tile), .. }
            | Linked::Picture(_, Some(tile))
            | Linked::Tile(tile) => std::mem::take(tile),
            Linked::Product { .. }
            | Linked::Reduce { .. }
            | Linked::Convolution(_)
            | Linked::Picture(..)
            | Linked::Other => Tile::default(),
        };
        let mut tile = |work| {
            kept.link(work, rows);
            std::mem::take(&mut kept)
        };
        *self = match instruction {
            Instruction::Product { a, b, to, then } => {
                let then = then.as_ref().map(tile);
                Linked::Product { a: of(a), b: of(b), to: of(to), then }
            }
            Instruction::Convolution(work) => {
                let mut kept = Convolution::default();
                if let Linked::Convolution(convolution) = self {
                    std::mem::swap(&mut kept, convolution);
                }
                kept.link(work, rows);
                Linked::Convolution(kept)
            }
            Instruction::Tile(work) => Linked::Tile(tile(work)),
            Instruction::Reduce { reduction, a, to, then } => {
                let (reduction, to) = (*reduction, Matrix::slot(to, rows));
                let then = then.as_ref().map(tile);
                Linked::Reduce { reduction, a: of(a), to, then }
            }
            Instruction::Picture(picture) => {
                let then = picture.then.as_ref().map(tile);
                let before = std::mem::replace(self, Linked::Other);
                let known = if let Linked::Picture(place, _) = before { Some(place) } else { None };
                let mut place = known.unwrap_or_else(|| Place::of(picture));
                place.link(picture, rows, then.as_ref().and_then(Tile::gate));
                Linked::Picture(place, then)
            }
            Instruction::Copy { .. }
            | Instruction::Zero { .. }
            | Instruction::Eye { .. }
            | Instruction::Size { .. }
            | Instruction::Diag { .. }
            | Instruction::Diagonal { .. }
            | Instruction::Inverse { .. }
            | Instruction::Determinant { .. } => Linked::Other,
        };
    }

    /// Numbers of scratch memory that a thread needs; the most with all rows.
    pub fn scratch(&self) -> usize {
        match self {
            Linked::Product { a, b, then, .. } => scratch(a.rows, b.cols, a.cols, then.as_ref()),
            Linked::Tile(tile) | Linked::Reduce { then: Some(tile), .. } => tile.room(),
            Linked::Picture(place, then) => place.scratch(then.as_ref()),
            Linked::Convolution(convolution) => convolution.scratch(),
            Linked::Reduce { .. } | Linked::Other => 0,
        }
    }
}

impl<T> Default for Tile<T> {
    fn default() -> Self {
        Tile {
            registers: 0,
            block: 0,
            step: 0,
            entries: 0,
            cols: 0,
            line: 0,
            operations: Vec::new(),
            stores: Vec::new(),
            known: Vec::new(),
        }
    }
}

impl<T: Real> Tile<T> {
    /// Numbers of all registers.
    pub(crate) fn room(&self) -> usize {
        self.registers * self.block
    }

    pub(crate) fn link(&mut self, tile: &plan::Tile, rows: usize) {
        self.registers = tile.registers;
        self.block = tile::block::<T>(tile.registers);
        self.cols = tile.cols.at(rows);
        self.entries = tile.rows.at(rows) * self.cols;
        self.line = self.entries;
        self.known.clear();
        self.known.resize(tile.registers, None);
        self.operations.clear();
        for operation in &tile.operations {
            let to = match operation.to {
                plan::Target::Register(register) => Target::Register(register),
                plan::Target::Memory(slot) => Target::Entries(slot.offset),
            };
            let loaded = match operation.function {
                plan::Function::Load(view) => self.repeated(Matrix::of(&view, rows)),
                plan::Function::Map(..) | plan::Function::Zip(..) => None,
            };
            if let Target::Register(register) = to {
                self.known[register] = loaded;
            }
            if loaded.is_some() {
                self.line = self.cols;
                continue;
            }
            let function = match operation.function {
                plan::Function::Load(view) => Function::Load(Matrix::of(&view, rows)),
                plan::Function::Map(map, a) => Function::Map(map, self.operand(a, rows)),
                plan::Function::Zip(zip, a, b) => {
                    Function::Zip(zip, self.operand(a, rows), self.operand(b, rows))
                }
            };
            self.operations.push(Operation { function, to });
        }
        self.stores.clear();
        self.stores.extend(tile.stores.iter().map(|(register, slot)| (*register, slot.offset)));
        self.fuse();
        self.step = self.block;
        if self.operations.iter().any(|operation| self.stays(operation)) {
            // Rows shorter than `LONG`, of which a block holds several.
            let row = self.cols.max(1);
            let few = (1..=16).map(|rows| rows * row).take_while(|&n| n <= self.block);
            let whole = few.into_iter().find(|n| n.is_multiple_of(16)).unwrap_or(row);
            self.step -= self.block % whole;
        }
    }

    /// Whether this brings a row together that is the same everywhere, into a register that nothing
    /// else is put into.
    pub(crate) fn stays(&self, operation: &Operation<T>) -> bool {
        let (Function::Load(view), Target::Register(register)) =
            (&operation.function, operation.to)
        else {
            return false;
        };
        let writers = self.operations.iter().filter(|other| other.writes(register)).count();
        view.row_stride == 0 && view.col_stride == 1 && writers == 1
    }

    /// A view that can be read where it is, row by row.
    fn repeated(&self, view: Matrix) -> Option<Operand<T>> {
        match view.col_stride {
            _ if self.cols < LONG => None,
            0 => Some(Operand::Each(view.offset, view.row_stride)),
            1 => Some(Operand::Row(view.offset, view.row_stride)),
            _ => None,
        }
    }

    fn operand(&self, source: plan::Source, rows: usize) -> Operand<T> {
        match source {
            plan::Source::Register(register) => {
                self.known[register].unwrap_or(Operand::Register(register))
            }
            plan::Source::Memory(view) => Operand::Entries(view.offset + view.start.at(rows)),
            plan::Source::Scalar(view) => Operand::Scalar(view.offset + view.start.at(rows)),
            plan::Source::Result(_) => Operand::Result,
            plan::Source::Number(number) => Operand::Number(T::from_f64(number)),
            plan::Source::Size(size) => Operand::Number(T::from_f64(size.at(rows) as f64)),
        }
    }
}

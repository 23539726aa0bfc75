//! Bands: some rows of the batch go through a few instructions, then the next ones.
//!
//! What the rows are cut into hangs on the program alone, and the sums over all rows are those over
//! each of these parts, added up in their order: any number of threads gives the same bits.

use std::ops::Range;

use matgrad_plan::convolution::Kind;
use matgrad_plan::instruction::Reduction;
use matgrad_plan::program::Program;

use crate::link::Linked;
use crate::matrix::Matrix;
use crate::real::Real;

/// Bytes that the instructions use for the rows of a part: the second cache has room for them.
const BYTES: usize = 1 << 19;
/// Parts that there are at least, so that threads have their share of them.
const PARTS: usize = 4;

/// A sum over all rows, for one number of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum {
    /// The instruction.
    pub number: usize,
    /// Where the sum over the first part begins in the arena.
    pub first: usize,
    /// Where the sum belongs.
    pub to: usize,
    /// How many numbers it is.
    pub length: usize,
}

/// A band for one number of rows.
pub(crate) struct Band {
    pub instructions: Range<usize>,
    /// All rows, and those of a part.
    rows: usize,
    each: usize,
    pub sums: Vec<Sum>,
    /// Numbers of all sums over one part.
    next: usize,
    pub threads: usize,
}

impl Band {
    /// The bands for so many rows, where the instructions see these: what each of them is for them,
    /// and how many threads are worth while.
    pub fn all<T: Real>(
        program: &Program,
        rows: usize,
        linked: &[(Linked<T>, usize)],
    ) -> Vec<Band> {
        let see = |instructions: &Range<usize>| {
            let mut all = linked[instructions.clone()].iter();
            rows > 0 && all.all(|(linked, _)| linked.sees(rows))
        };
        let bands = program.bands().iter().filter(|instructions| see(instructions));
        bands.map(|instructions| Band::of(program, rows, linked, instructions.clone())).collect()
    }

    fn of<T: Real>(
        program: &Program,
        rows: usize,
        linked: &[(Linked<T>, usize)],
        instructions: Range<usize>,
    ) -> Band {
        let (mut sums, mut next) = (Vec::new(), 0);
        for number in instructions.clone() {
            let Some(to) = linked[number].0.sum() else { continue };
            let (first, length) =
                (program.arena_len().next_multiple_of(16) + next, to.rows * to.cols);
            sums.push(Sum { number, first, to: to.offset, length });
            next += length.next_multiple_of(16);
        }
        let numbers = program.costs(rows).skip(instructions.start).take(instructions.len());
        let bytes = numbers.map(|cost| cost.numbers as usize * size_of::<T>()).sum::<usize>();
        let each = (BYTES / (bytes / rows).max(1)).clamp(1, rows.div_ceil(PARTS));
        let each = rows.div_ceil(rows.div_ceil(each));
        let threads = linked[instructions.clone()].iter().map(|(_, threads)| *threads).max();
        Band { instructions, rows, each, sums, next, threads: threads.unwrap_or(1) }
    }

    /// How many parts there are.
    pub fn parts(&self) -> usize {
        self.rows.div_ceil(self.each)
    }

    /// The rows of a part.
    pub fn rows(&self, part: usize) -> Range<usize> {
        part * self.each..((part + 1) * self.each).min(self.rows)
    }

    /// Where the sum over a part is.
    pub fn at(&self, sum: &Sum, part: usize) -> usize {
        sum.first + part * self.next
    }

    /// Numbers of all sums over all parts, for this number of rows and any smaller one.
    pub fn room(&self) -> usize {
        self.next * self.parts().max(PARTS)
    }
}

impl<T> Linked<T> {
    /// Whether the rows of the batch are what it goes by, if it is in a band.
    fn sees(&self, rows: usize) -> bool {
        match self {
            Linked::Convolution(of) => of.images == rows,
            Linked::Picture(place, _) => place.images == rows,
            Linked::Reduce { reduction, a, .. } => {
                *reduction == Reduction::ColSum && a.rows.is_multiple_of(rows)
            }
            Linked::Tile(tile) => tile.entries.is_multiple_of(rows),
            Linked::Product { .. } | Linked::Other => false,
        }
    }

    /// Where a sum over all rows belongs, if this is one.
    fn sum(&self) -> Option<Matrix> {
        match self {
            Linked::Convolution(of) => (of.kind == Kind::Kernel).then_some(of.to),
            Linked::Reduce { to, .. } => Some(*to),
            Linked::Product { .. } | Linked::Tile(_) | Linked::Picture(..) | Linked::Other => None,
        }
    }
}

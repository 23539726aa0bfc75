//! What an instruction costs, and how many threads it is worth.

use crate::convolution::Convolution;
use crate::extent::{Slot, View};
use crate::instruction::{Function, Instruction, Source, Target, Tile};
use crate::program::Program;

/// Operations of a product that take a thread longer than to be called.
const PRODUCT: u64 = 1 << 18;
/// The same for numbers that are read, written or worked on one by one.
const NUMBERS: u64 = 1 << 16;

/// The work of one instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Floating-point operations; a function counts as one.
    pub flops: u64,
    /// Numbers read and written, each once for each operand and result.
    pub numbers: u64,
    /// The most threads that pay.
    pub threads: usize,
}

impl Program {
    /// The work of each instruction with so many rows.
    pub fn costs(&self, rows: usize) -> impl Iterator<Item = Cost> {
        self.instructions.iter().map(move |instruction| cost(instruction, rows))
    }

    /// Floating-point operations of a step with all rows; a function counts as one.
    pub fn flops(&self) -> u64 {
        self.costs(self.capacity).map(|cost| cost.flops).sum()
    }
}

fn cost(instruction: &Instruction, rows: usize) -> Cost {
    let view = |v: &View| (v.rows.at(rows) * v.cols.at(rows)) as u64;
    let slot = |s: &Slot| s.len(rows) as u64;
    let alone = |flops, numbers| Cost { flops, numbers, threads: 1 };
    let shared = |flops, numbers, parts: u64| {
        let threads = usize::try_from(parts).unwrap_or(usize::MAX).max(1);
        Cost { flops, numbers, threads }
    };
    match instruction {
        Instruction::Product { a, b, to, then } => {
            let flops = 2 * view(to) * a.cols.at(rows) as u64;
            let numbers = view(a) + view(b) + view(to);
            let parts = (flops / PRODUCT).max(numbers / NUMBERS);
            let (more, others) = after(then, rows);
            shared(flops + more, numbers + others, parts.max(more / NUMBERS))
        }
        Instruction::Convolution(convolution) => {
            let Convolution { a, b, to, then, .. } = convolution;
            let flops = 2 * convolution.products(rows);
            let (more, others) = after(then, rows);
            let numbers = view(a) + view(b) + view(to);
            shared(flops + more, numbers + others, (flops / PRODUCT).max(more / NUMBERS))
        }
        Instruction::Tile(tile) => {
            let (flops, numbers) = element_wise(tile, rows);
            shared(flops, numbers, flops / NUMBERS)
        }
        Instruction::Reduce { a, to, then, .. } => {
            let (more, others) = after(then, rows);
            let parts = (view(a).max(more) / NUMBERS).min(slot(to));
            shared(view(a) + more, view(a) + slot(to) + others, parts)
        }
        Instruction::Inverse { a, to, .. } => {
            alone(2 * (a.rows.at(rows) as u64).pow(3), view(a) + slot(to))
        }
        Instruction::Determinant { a, .. } => {
            alone(2 * (a.rows.at(rows) as u64).pow(3) / 3, view(a))
        }
        Instruction::Picture(picture) => {
            let (flops, others) = after(&picture.then, rows);
            let numbers = view(&picture.a) + slot(&picture.to);
            shared(flops, numbers + others, numbers.max(flops) / NUMBERS)
        }
        Instruction::Copy { a, to } => alone(0, view(a) + view(to)),
        Instruction::Diag { a, to } | Instruction::Diagonal { a, to } => {
            alone(0, view(a) + slot(to))
        }
        Instruction::Zero { to } | Instruction::Eye { to } | Instruction::Size { to, .. } => {
            alone(0, slot(to))
        }
    }
}

/// The element-wise work behind a product or its like.
fn after(then: &Option<Tile>, rows: usize) -> (u64, u64) {
    then.as_ref().map_or((0, 0), |tile| element_wise(tile, rows))
}

/// Operations, and numbers read and written.
fn element_wise(tile: &Tile, rows: usize) -> (u64, u64) {
    let entries = (tile.rows.at(rows) * tile.cols.at(rows)) as u64;
    (entries * tile.operations.len() as u64, entries * operands(tile))
}

/// Matrices of its shape that a tile reads and writes.
fn operands(tile: &Tile) -> u64 {
    let memory = |source: &Source| u64::from(matches!(source, Source::Memory(_)));
    let each = tile.operations.iter().map(|operation| {
        let written = u64::from(matches!(operation.to, Target::Memory(_)));
        written
            + match &operation.function {
                Function::Load(_) => 1,
                Function::Map(_, a) => memory(a),
                Function::Zip(_, a, b) => memory(a) + memory(b),
            }
    });
    each.sum::<u64>() + tile.stores.len() as u64
}

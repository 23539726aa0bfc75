//! A program as people read it: one instruction a line.

use std::fmt;

use crate::cost::Cost;
use crate::extent::Slot;
use crate::instruction::{Instruction, Reduction, Tile};
use crate::program::Program;

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<(&str, String)> = self
            .equations
            .iter()
            .zip(self.instructions.iter().zip(self.costs(self.capacity)))
            .map(|(equation, (instruction, cost))| {
                (equation.as_str(), format!("{instruction}; {cost}"))
            })
            .collect();
        let width = lines.iter().map(|(e, _)| e.chars().count()).filter(|&n| n <= 60).max();
        let width = width.unwrap_or(0);
        for (number, (equation, instruction)) in lines.iter().enumerate() {
            let how = if number < self.once {
                "once: "
            } else if self.bands.iter().any(|band| band.contains(&number)) {
                "in bands: "
            } else {
                ""
            };
            writeln!(f, "{equation:width$}  {how}{instruction}")?;
        }
        let rows =
            if self.has_rows { format!(" for {} rows", self.capacity) } else { String::new() };
        let (count, arena, flops) = (self.instructions.len(), self.arena_len, self.flops());
        writeln!(f, "{count} instructions, {arena} numbers, {flops} operations a step{rows}")
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cost { flops, numbers, threads } = self;
        write!(f, "{flops} operations, {} bytes", 4 * numbers)?;
        if *threads > 1 { write!(f, ", up to {threads} threads") } else { Ok(()) }
    }
}

/// The element-wise work behind a product or its like, or where that is kept.
fn after(f: &mut fmt::Formatter<'_>, then: &Option<Tile>, offset: usize) -> fmt::Result {
    match then {
        Some(tile) => write!(f, ", then {} ops", tile.operations.len()),
        None => write!(f, " @{offset}"),
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slot = |s: &Slot| format!("{}×{} @{}", s.rows, s.cols, s.offset);
        match self {
            Instruction::Product { a, b, to, then } => {
                write!(f, "gemm {}×{}×{}", a.rows, a.cols, b.cols)?;
                after(f, then, to.offset)
            }
            Instruction::Convolution(convolution) => {
                let (name, columns) = (convolution.name(), convolution.columns());
                let (a, b) = (&convolution.a, &convolution.b);
                write!(f, "{name} {}×{}, {columns}×{}", a.rows, a.cols, b.cols)?;
                after(f, &convolution.then, convolution.to.offset)
            }
            Instruction::Tile(tile) => {
                let (ops, registers) = (tile.operations.len(), tile.registers);
                write!(f, "tile {}×{}, {ops} ops, {registers} registers", tile.rows, tile.cols)
            }
            Instruction::Reduce { reduction, a, to, then } => {
                let name = match reduction {
                    Reduction::Sum => "sum",
                    Reduction::RowSum => "rowsum",
                    Reduction::ColSum => "colsum",
                    Reduction::RowMax => "rowmax",
                };
                write!(f, "{name} {}×{}", a.rows, a.cols)?;
                after(f, then, to.offset)
            }
            Instruction::Picture(picture) => {
                write!(f, "{} {}", picture.work.name(), slot(&picture.to))?;
                match &picture.then {
                    Some(tile) => write!(f, ", then {} ops", tile.operations.len()),
                    None => Ok(()),
                }
            }
            Instruction::Copy { to, .. } => {
                write!(f, "copy {}×{} @{}", to.rows, to.cols, to.offset)
            }
            Instruction::Zero { to } => write!(f, "zero {}", slot(to)),
            Instruction::Eye { to } => write!(f, "eye {}", slot(to)),
            Instruction::Size { extent, to } => write!(f, "size {extent} @{}", to.offset),
            Instruction::Diag { to, .. } => write!(f, "diag {}", slot(to)),
            Instruction::Diagonal { to, .. } => write!(f, "diagonal {}", slot(to)),
            Instruction::Inverse { to, .. } => write!(f, "inverse {}", slot(to)),
            Instruction::Determinant { a, logarithm, to, .. } => {
                let name = if *logarithm { "logdet" } else { "det" };
                write!(f, "{name} {}×{} @{}", a.rows, a.cols, to.offset)
            }
        }
    }
}

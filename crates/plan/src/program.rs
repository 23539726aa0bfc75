//! A straight-line program over one arena.

use std::collections::BTreeMap;
use std::ops::Range;

use matgrad_expr::graph::NodeId;

use crate::extent::{Extent, Slot};
use crate::instruction::Instruction;

/// What one step does, and where in the arena everything is. Made by [`crate::plan::plan`] only,
/// which vouches that every place is inside the arena.
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) instructions: Vec<Instruction>,
    /// How many of them, at the beginning, do what is done once for many steps.
    pub(crate) once: usize,
    /// Instructions that pictures go through a few at a time.
    pub(crate) bands: Vec<Range<usize>>,
    /// Where the variables are whose entries those read.
    pub(crate) fixed: Vec<usize>,
    /// One equation an instruction, for people.
    pub(crate) equations: Vec<String>,
    pub(crate) variables: BTreeMap<NodeId, Slot>,
    pub(crate) outputs: BTreeMap<NodeId, Slot>,
    pub(crate) constants: Vec<(Slot, Vec<f64>)>,
    pub(crate) ranges: Vec<Inside>,
    pub(crate) arena_len: usize,
    pub(crate) capacity: usize,
    pub(crate) has_rows: bool,
}

/// A part that must lie inside a matrix: start + length ≤ total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inside {
    pub start: Extent,
    pub length: Extent,
    pub total: Extent,
}

impl Inside {
    pub fn holds(&self, rows: usize) -> bool {
        let end = self.start.checked_at(rows).zip(self.length.checked_at(rows));
        end.and_then(|(s, l)| s.checked_add(l)).is_some_and(|end| end <= self.total.at(rows))
    }
}

impl Program {
    /// Where a variable is; `None` for one that nothing needs.
    pub fn variable(&self, variable: NodeId) -> Option<&Slot> {
        self.variables.get(&variable)
    }

    /// All variables with their places, in the order of the nodes.
    pub fn variables(&self) -> impl Iterator<Item = (NodeId, &Slot)> {
        self.variables.iter().map(|(&id, slot)| (id, slot))
    }

    /// Where an output is.
    pub fn output(&self, node: NodeId) -> Option<&Slot> {
        self.outputs.get(&node)
    }

    /// Numbers in the arena.
    pub fn arena_len(&self) -> usize {
        self.arena_len
    }

    /// The largest number of rows of the batch (1 for a program without a batch).
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// What is done, in this order.
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// How many instructions, at the beginning, need not be done again before the number of rows
    /// changes or something is written where [`Program::is_fixed`].
    pub fn once(&self) -> usize {
        self.once
    }

    /// Instructions next to each other that may be done for some rows of the batch after the other: for
    /// these, each of them in its turn. Those that add something up over all rows, [`Kind::Kernel`] and
    /// [`Reduction::ColSum`], do their work on the sum when all rows are done.
    ///
    /// [`Kind::Kernel`]: crate::convolution::Kind::Kernel
    /// [`Reduction::ColSum`]: crate::instruction::Reduction::ColSum
    pub fn bands(&self) -> &[Range<usize>] {
        &self.bands
    }

    /// Whether a variable that many steps share begins there.
    pub fn is_fixed(&self, offset: usize) -> bool {
        self.fixed.contains(&offset)
    }

    /// Whether matrix products alone read what is in this part of the arena, and nothing writes there:
    /// then the numbers may as well lie elsewhere.
    pub fn is_factor(&self, part: &Range<usize>) -> bool {
        let output = self.outputs.values().any(|slot| part.contains(&slot.offset));
        let elsewhere = self.instructions.iter().all(|instruction| {
            let mut touched = 0;
            let count = &mut |offset: &mut usize, _| touched += usize::from(part.contains(offset));
            instruction.clone().offsets(count);
            let mut factors = 0;
            if let Instruction::Product { a, b, .. } = instruction {
                factors = [a, b].iter().filter(|view| part.contains(&view.offset)).count();
            }
            touched == factors
        });
        elsewhere && !output
    }

    /// What each instruction computes, as an equation for people.
    pub fn equations(&self) -> &[String] {
        &self.equations
    }

    /// Numbers to be put into the arena once, before the first step.
    pub fn constants(&self) -> impl Iterator<Item = (&Slot, &[f64])> {
        self.constants.iter().map(|(slot, values)| (slot, values.as_slice()))
    }

    /// Whether a step may run with this number of rows: at most the capacity, and enough for each
    /// slice with fixed ends. Without a batch only the capacity itself is allowed.
    pub fn allows_rows(&self, rows: usize) -> bool {
        (rows == self.capacity || (self.has_rows && rows < self.capacity))
            && self.ranges.iter().all(|range| range.holds(rows))
    }
}

//! Element-wise nodes of one shape that feed each other form one unit, as long as no unit waits
//! for itself.

use matgrad_expr::graph::NodeId;

use crate::extent::Extent;
use crate::values::{Values, Work};

/// The most nodes of one element-wise unit, so that its registers stay in the first cache.
const LARGEST_TILE: usize = 64;

impl Values<'_> {
    /// Puts an element-wise node into the unit of an operand, or into one of its own.
    pub fn join_tile(&mut self, id: NodeId, rows: Extent, cols: Extent) {
        let operands = self.sources(id);
        let outside: Vec<NodeId> =
            operands.iter().copied().filter(|&o| self.immediate(o).is_none()).collect();
        let fixed = self.is_fixed(id);
        let mut joined: Option<usize> = None;
        for &operand in &outside {
            let Some(tile) = self.tile(operand) else { continue };
            if self.units[tile].fixed != fixed {
                continue;
            }
            match joined {
                None => {
                    let others = outside.iter().filter(|&&o| self.tile(o) != Some(tile));
                    let others: Vec<NodeId> = others.copied().collect();
                    let needs = self.needs(&others);
                    let waits = needs.iter().any(|&need| self.reaches(need, tile));
                    if !waits && self.units[tile].nodes.len() < LARGEST_TILE {
                        self.units[tile].nodes.push(id);
                        self.units[tile].needs.extend(needs);
                        joined = Some(tile);
                    }
                }
                Some(first) if first != tile => self.merge(first, tile),
                Some(_) => {}
            }
        }
        let tile = joined.unwrap_or_else(|| {
            let needs = self.needs(&outside);
            self.add_unit(Work::Tile, vec![id], needs)
        });
        let view = self.add_result(rows, cols);
        self.regions[view.offset].fixed = fixed;
        self.set_view(id, view);
        self.tiles[id.0 as usize] = Some(tile);
        self.makers[id.0 as usize] = Some(tile);
    }

    /// Makes two element-wise units one, unless a third one stands between them.
    fn merge(&mut self, a: usize, b: usize) {
        let through = |from: usize, to: usize| {
            self.units[from].needs.iter().any(|&n| n != to && n != from && self.reaches(n, to))
        };
        let total = self.units[a].nodes.len() + self.units[b].nodes.len();
        if total > LARGEST_TILE || through(a, b) || through(b, a) {
            return;
        }
        let nodes = std::mem::take(&mut self.units[b].nodes);
        let needs = std::mem::take(&mut self.units[b].needs);
        // b's nodes may be operands of a's, and the other way round.
        self.units[a].nodes.extend(nodes);
        self.units[a].nodes.sort_unstable();
        self.units[a].needs.extend(needs);
        for place in self.tiles.iter_mut().chain(&mut self.makers) {
            if *place == Some(b) {
                *place = Some(a);
            }
        }
        for (i, unit) in self.units.iter_mut().enumerate() {
            for need in &mut unit.needs {
                if *need == b {
                    *need = a;
                }
            }
            unit.needs.retain(|&need| need != i);
        }
    }

    /// Whether a unit is, or waits for, another.
    fn reaches(&self, from: usize, to: usize) -> bool {
        let mut seen = vec![false; self.units.len()];
        let mut stack = vec![from];
        while let Some(unit) = stack.pop() {
            if unit == to {
                return true;
            }
            if !std::mem::replace(&mut seen[unit], true) {
                stack.extend(&self.units[unit].needs);
            }
        }
        false
    }
}

//! What is kept in memory: what is read outside of its unit, outputs, and new values of variables.

use matgrad_expr::graph::NodeId;
use matgrad_expr::op::Op;

use crate::extent::{Extent, Slot};
use crate::values::{Update, Values, Work};

impl Values<'_> {
    pub fn find_stored(&mut self, order: &[NodeId]) {
        let graph = self.request.graph;
        for &id in order.iter().filter(|&&id| !matches!(graph.get(id).op, Op::Call(_))) {
            if self.is_again(id) {
                continue;
            }
            for operand in self.sources(id) {
                if self.tile(operand).is_some() && self.tile(operand) != self.tile(id) {
                    self.needed[operand.0 as usize] = true;
                }
            }
        }
        for &id in self.request.outputs {
            let id = self.resolve(id);
            self.needed[id.0 as usize] = true;
        }
        self.stored.clone_from(&self.needed);
        for &(_, value) in self.request.updates {
            let value = self.resolve(value);
            self.stored[value.0 as usize] = true;
        }
    }

    /// A slot that holds the value of a node and nothing else, unless it is a variable's.
    fn own_slot(&mut self, id: NodeId, variable_too: bool) -> (Slot, Option<usize>) {
        let view = self.view(id);
        let region = &self.regions[view.offset];
        let whole = view.is_contiguous()
            && view.start == Extent::ZERO
            && view.rows.times(view.cols) == region.rows.times(region.cols);
        let maker = self.makers[id.0 as usize];
        if whole && (!region.variable || variable_too) {
            return (view.slot(), maker);
        }
        let slot = self.add_region(view.rows, view.cols);
        let work = Work::Copy { view, to: slot.view() };
        let unit = self.add_unit(work, Vec::new(), maker.into_iter().collect());
        (slot, Some(unit))
    }

    pub fn place_outputs(&mut self) {
        for &id in self.request.outputs {
            let node = self.resolve(id);
            let updated = self
                .request
                .updates
                .iter()
                .any(|&(variable, _)| self.view(variable).offset == self.view(node).offset);
            let (slot, unit) = self.own_slot(node, !updated);
            self.regions[slot.offset].permanent = true;
            self.outputs.push((id, slot));
            self.output_units.extend(unit);
        }
    }

    pub fn place_updates(&mut self) {
        for &(variable, value) in self.request.updates {
            let value = self.resolve(value);
            if value == variable {
                continue;
            }
            let (from, unit) = self.own_slot(value, false);
            let to = self.view(variable).offset;
            let variable = self.regions[to].slot(to);
            self.updates.push(Update { variable, value, from, unit });
        }
    }
}

//! What is done once for many steps: whatever follows from variables that stay, and from numbers.

use matgrad_expr::graph::NodeId;
use matgrad_expr::op::Op;

use crate::extent::Slot;
use crate::values::Values;

impl Values<'_> {
    /// Whether a node follows from what many steps share, and from nothing else.
    pub fn is_fixed(&self, id: NodeId) -> bool {
        let fixed = |o: NodeId| self.regions[self.view(o).offset].fixed;
        self.sources(id).into_iter().all(|o| self.immediate(o).is_some() || fixed(o))
    }

    /// The places of the variables that many steps share.
    pub fn fixed_places(&self) -> impl Iterator<Item = Slot> {
        let variables = self.variables.iter().map(|&(_, slot)| slot);
        variables.filter(|slot| self.regions[slot.offset].fixed)
    }

    /// Whether a product reads a variable from the left that had better lie column by column, as
    /// its result does.
    pub fn feeds_narrow(&self, variable: NodeId) -> bool {
        let graph = self.request.graph;
        self.order.iter().any(|&id| {
            let node = graph.get(id);
            node.op == Op::MatMul
                && self.operands(id)[0] == variable
                && self.shape(node.shape, id).is_ok_and(|(rows, cols)| self.is_narrow(rows, cols))
        })
    }
}

//! What is computed again by each unit that reads it, rather than kept: cheap functions of one value
//! that is in memory anyway, such as the mask of a ReLU or 1 - a.

use std::collections::HashMap;

use matgrad_expr::graph::NodeId;
use matgrad_expr::op::Op;

use crate::values::Values;

/// Whether an op costs no more than to read its result from memory.
fn is_cheap(op: Op) -> bool {
    let sign = matches!(op, Op::Neg | Op::Abs | Op::Sign | Op::Greater | Op::GreaterEqual);
    sign || matches!(op, Op::Add | Op::Mul | Op::Max | Op::Min)
}

impl Values<'_> {
    /// Finds the nodes that are computed again.
    pub fn find_again(&mut self, order: &[NodeId]) {
        let graph = self.request.graph;
        let mut users: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
        for &id in order.iter().filter(|&&id| !matches!(graph.get(id).op, Op::Call(_))) {
            for operand in self.operands(id) {
                users.entry(operand).or_default().push(id);
            }
        }
        let asked = self.request.updates.iter().map(|&(_, value)| value);
        let asked: Vec<NodeId> =
            asked.chain(self.request.outputs.iter().copied()).map(|id| self.resolve(id)).collect();
        let elementwise = |id: NodeId| graph.get(id).op.is_elementwise();
        for &id in order {
            let used = users.get(&id).map_or(&[][..], |users| users);
            let here = |user: &NodeId| elementwise(*user) && graph.shape(*user) == graph.shape(id);
            if !is_cheap(graph.get(id).op)
                || used.is_empty()
                || !used.iter().all(here)
                || asked.contains(&id)
            {
                continue;
            }
            let operands = self.operands(id);
            let mut of = operands.into_iter().filter(|&o| self.immediate(o).is_none());
            let (Some(one), None) = (of.next(), of.next()) else { continue };
            // Something reads it from memory.
            let kept = elementwise(one)
                && users.get(&one).is_some_and(|users| users.iter().any(|&u| !elementwise(u)));
            let same = graph.shape(one) == graph.shape(id);
            self.again[id.0 as usize] = same && (kept || self.again[one.0 as usize]);
        }
    }

    /// Whether a node is computed by each unit that reads it.
    pub fn is_again(&self, id: NodeId) -> bool {
        self.again[id.0 as usize]
    }

    /// What a node reads: its operands, and what those follow from that are computed again.
    pub fn sources(&self, id: NodeId) -> Vec<NodeId> {
        let mut sources = Vec::new();
        for operand in self.operands(id) {
            if self.is_again(operand) {
                sources.extend(self.sources(operand));
            } else {
                sources.push(operand);
            }
        }
        sources
    }

    /// Where the larger one of two values is at hand, whether the first one is larger is seen from
    /// it: max(a, b) > b, which is in memory more often than a.
    pub fn find_largest(&mut self, order: &[NodeId]) {
        let graph = self.request.graph;
        let mut largest = HashMap::new();
        // Only a value that comes before can stand for another one.
        for &id in order {
            if graph.get(id).op == Op::Max {
                largest.insert(self.operands(id), id);
            } else if graph.get(id).op == Op::Greater {
                let operands = self.operands(id);
                if let Some(&max) = largest.get(&operands) {
                    self.instead.insert(id, vec![max, operands[1]]);
                }
            }
        }
    }
}

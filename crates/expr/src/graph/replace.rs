//! Nodes with others in the place of some below them.

use std::collections::HashMap;

use super::{Graph, NodeId};
use crate::op::Op;

impl Graph {
    /// The same op (or call) on other operands, of the same shapes.
    pub fn with_operands(&mut self, id: NodeId, operands: &[NodeId]) -> NodeId {
        let node = *self.get(id);
        if node.operands[..] == *operands {
            return id;
        }
        if let (Op::Call(function), Some(body)) = (node.op, self.body(id)) {
            let mut map: HashMap<NodeId, NodeId> =
                node.operands.iter().copied().zip(operands.iter().copied()).collect();
            let body = self.replace(body, &mut map);
            return self.call(function, operands, body);
        }
        self.node(node.op, operands).expect("operands of the same shapes fit as those before")
    }

    /// A node with others in the place of some below it; the map grows by all that is made.
    pub fn replace(&mut self, root: NodeId, map: &mut HashMap<NodeId, NodeId>) -> NodeId {
        for id in self.reachable(&[root], false) {
            if !map.contains_key(&id) {
                let operands = self.get(id).operands;
                let new: Vec<NodeId> = operands.iter().map(|o| map[o]).collect();
                let result = self.with_operands(id, &new);
                map.insert(id, result);
            }
        }
        map[&root]
    }
}

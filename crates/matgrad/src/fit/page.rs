//! The variables of a page beside those that a program learns.

use matgrad_expr::graph::NodeId;
use matgrad_expr::matrix::Matrix;

use crate::Kept;

/// The variables of a page with rows and columns; what they hold where they are not learnt.
pub(super) struct Page {
    shapes: Vec<(NodeId, (usize, usize))>,
    learnt: Vec<NodeId>,
    pub fixed: Vec<(NodeId, Matrix)>,
}

impl Page {
    pub fn of(variables: &[(NodeId, Matrix)], learnt: Vec<NodeId>) -> Page {
        let fixed = variables.iter().filter(|(node, _)| !learnt.contains(node));
        let fixed = fixed.cloned().collect();
        let shapes = variables.iter().map(|(node, m)| (*node, (m.rows, m.cols))).collect();
        Page { shapes, learnt, fixed }
    }

    /// All of them, with these values of those that are learnt.
    pub fn with(&self, values: &[Kept]) -> Vec<(NodeId, Matrix)> {
        let matrix = |&(node, (rows, cols)): &(NodeId, (usize, usize))| {
            let value = self.learnt.iter().position(|&p| p == node).and_then(|k| values.get(k));
            let fixed = || self.fixed.iter().find(|(n, _)| *n == node).map(|(_, m)| m.clone());
            let matrix = value.map(|value| Matrix::new(rows, cols, value.to_f64())).or_else(fixed);
            matrix.map(|matrix| (node, matrix))
        };
        self.shapes.iter().filter_map(matrix).collect()
    }
}

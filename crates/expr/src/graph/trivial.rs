//! Nodes that need not be: what an op gives that is a number, an operand or something shorter.

use super::decimal::exact;
use super::{Graph, NodeId, ShapeError};
use crate::dim::{Dim, Shape};
use crate::op::{Axis, Meaning, Op};

impl Graph {
    /// Operations that do nothing, and arithmetic on numbers.
    pub(super) fn trivial(
        &mut self,
        op: Op,
        operands: &[NodeId],
        shape: Shape,
    ) -> Result<Option<NodeId>, ShapeError> {
        if let Some(number) = self.number_of(op, operands) {
            let number = self.number(number);
            return self.spread(number, shape).map(Some);
        }
        if let Some(terms) = self.spread_terms(op, operands) {
            let sum = self.node(op, &terms)?;
            return self.spread(sum, shape).map(Some);
        }
        match (op, operands) {
            (Op::Eye(Dim::ONE), _) => Ok(Some(self.number(1.0))),
            (Op::MatMul, &[a, b]) => self.trivial_product(a, b, shape),
            (_, &[a]) => self.trivial_of(op, a),
            (_, &[a, b]) => self.trivial_pair(op, [a, b], shape),
            _ => Ok(None),
        }
    }

    /// What an element-wise op makes of numbers, if that is a number as exact as they are: 1/3 and
    /// exp(2) stay as they are written.
    fn number_of(&self, op: Op, operands: &[NodeId]) -> Option<f64> {
        if !op.is_elementwise() {
            return None;
        }
        let numbers: Option<Vec<f64>> = operands.iter().map(|&o| self.number_at(o)).collect();
        let numbers = numbers?;
        let value = match op.def().meaning {
            _ if matches!(op, Op::Add | Op::Mul | Op::Div | Op::Pow | Op::Sqrt) => {
                exact(op, &numbers)?
            }
            Meaning::Map(f) => {
                let chosen = matches!(op, Op::Neg | Op::Abs | Op::Sign);
                let from = if op == Op::Log { 1.0 } else { 0.0 };
                (chosen || numbers[0] == from).then(|| f(numbers[0]))?
            }
            Meaning::Zip(f) => f(numbers[0], numbers[1]),
            Meaning::Leaf | Meaning::Matrix(_) => return None,
        };
        value.is_finite().then_some(value)
    }

    /// The 1×1 values whose spreadings are added: c 𝟏 - 𝟏 is (c - 1) 𝟏.
    fn spread_terms(&self, op: Op, operands: &[NodeId]) -> Option<Vec<NodeId>> {
        let inner = |&id: &NodeId| {
            let node = self.get(id);
            let spread = matches!(node.op, Op::Spread(_)) && self.name(id).is_none();
            let inner = node.operands.first().copied().filter(|_| spread)?;
            self.shape(inner).is_scalar().then_some(inner)
        };
        operands.iter().map(inner).collect::<Option<_>>().filter(|_| op == Op::Add)
    }

    /// An op of one operand that does nothing, or nothing after the op before it.
    fn trivial_of(&mut self, op: Op, operand: NodeId) -> Result<Option<NodeId>, ShapeError> {
        let (s, inner) = (self.shape(operand), *self.get(operand));
        let nothing = match op {
            Op::Spread(to) | Op::Reshape(to) => s == to,
            Op::Transpose => s.is_scalar() || matches!(inner.op, Op::Eye(_)),
            Op::Sum(Axis::All) => s.is_scalar(),
            Op::Sum(Axis::Rows) => s.cols == Dim::ONE,
            Op::Sum(Axis::Cols) => s.rows == Dim::ONE,
            Op::Slice(axis, start, length) => {
                start == Dim::of(0) && length == if axis == Axis::Rows { s.rows } else { s.cols }
            }
            Op::Sign | Op::Abs => inner.op == op,
            _ => false,
        };
        if nothing {
            return Ok(Some(operand));
        }
        let Some(&below) = inner.operands.first() else { return Ok(None) };
        let number = self.shape(below).is_scalar();
        Ok(match (op, inner.op) {
            (Op::Transpose, Op::Transpose) | (Op::Neg, Op::Neg) | (Op::Inv, Op::Inv) => Some(below),
            (Op::Transpose, Op::Spread(to)) if number => Some(self.spread(below, to.transposed())?),
            (Op::Reshape(to), Op::Spread(_)) if number => Some(self.spread(below, to)?),
            (Op::Spread(to), Op::Spread(_)) => Some(self.spread(below, to)?),
            (Op::Reshape(_), Op::Reshape(_)) | (Op::Sum(Axis::All), Op::Sum(_)) => {
                Some(self.node(op, &[below])?)
            }
            _ => None,
        })
    }

    /// An op of two operands, one of which is 0, 1 or -1, or both of which are dimensions.
    fn trivial_pair(
        &mut self,
        op: Op,
        [a, b]: [NodeId; 2],
        shape: Shape,
    ) -> Result<Option<NodeId>, ShapeError> {
        let beside = |graph: &Graph, number: f64| match [a, b].map(|o| graph.number_at(o)) {
            [Some(n), _] if n == number => Some(b),
            [_, Some(n)] if n == number => Some(a),
            _ => None,
        };
        match op {
            Op::Div if self.number_at(b) == Some(1.0) => return Ok(Some(a)),
            Op::Div => return self.cancelled([a, b], shape),
            Op::Add => match beside(self, 0.0) {
                Some(other) => return Ok(Some(other)),
                None => return self.one_summand([a, b], shape),
            },
            Op::Mul => {}
            _ => return Ok(None),
        }
        if let Some(other) = beside(self, 1.0) {
            return Ok(Some(other));
        }
        if beside(self, 0.0).is_some() {
            let zero = self.number(0.0);
            return self.spread(zero, shape).map(Some);
        }
        if let Some(other) = beside(self, -1.0) {
            return self.node(Op::Neg, &[other]).map(Some);
        }
        let symbolic = |d: Dim| d.number().is_none();
        match [a, b].map(|o| self.size_of(o)) {
            [Some(a), Some(b)] if shape.is_scalar() && (symbolic(a) || symbolic(b)) => {
                Ok(a.times(b).map(|d| self.size(d)))
            }
            _ => self.one_factor([a, b], shape),
        }
    }

    /// A product with ones is a sum or a spreading, one with the inverse nothing.
    fn trivial_product(
        &mut self,
        a: NodeId,
        b: NodeId,
        shape: Shape,
    ) -> Result<Option<NodeId>, ShapeError> {
        let (m, n) = (self.shape(a), self.shape(b));
        let [left, right] = [a, b].map(|id| self.number_at(id) == Some(1.0));
        let [first, last] = [a, b].map(|id| matches!(self.get(id).op, Op::Eye(_)));
        Ok(if left && m.rows == Dim::ONE {
            Some(self.node(Op::Sum(Axis::Cols), &[b])?)
        } else if right && n.cols == Dim::ONE {
            Some(self.node(Op::Sum(Axis::Rows), &[a])?)
        } else if (left && m.cols == Dim::ONE) || first {
            Some(self.spread(b, shape)?)
        } else if (right && n.rows == Dim::ONE) || last {
            Some(self.spread(a, shape)?)
        } else {
            let ((x, x_turned, x_inverse), (y, y_turned, y_inverse)) =
                (self.upright(a), self.upright(b));
            let cancel = x == y && x_turned == y_turned && x_inverse != y_inverse;
            if cancel { Some(self.node(Op::Eye(shape.rows), &[])?) } else { None }
        })
    }

    /// What is below transposes and inverses, and whether it is transposed and inverted.
    fn upright(&self, mut id: NodeId) -> (NodeId, bool, bool) {
        let (mut turned, mut inverse) = (false, false);
        loop {
            match self.get(id).op {
                Op::Transpose => turned = !turned,
                Op::Inv => inverse = !inverse,
                _ => return (id, turned, inverse),
            }
            id = self.get(id).operands[0];
        }
    }
}

//! Numbers in front of products meet in one: 2 (3 A) is 6 A, and 4 A / (2 B) is 2 A / B; so do those
//! that are added.

use super::decimal::exact;
use super::{Graph, NodeId, ShapeError};
use crate::dim::{Dim, Shape};
use crate::op::Op;

/// A number, and what it is in front of.
type Factor = Option<(f64, Option<NodeId>)>;

impl Graph {
    /// The product of these, if a number in front of one meets another, or comes out of a product
    /// of 1×1 values.
    pub(super) fn one_factor(
        &mut self,
        [a, b]: [NodeId; 2],
        shape: Shape,
    ) -> Result<Option<NodeId>, ShapeError> {
        let scalar = shape.is_scalar();
        match [self.factor(a), self.factor(b)] {
            [Some((n, None)), Some((m, rest))] | [Some((m, rest)), Some((n, None))] => {
                exact(Op::Mul, &[n, m]).map(|both| self.scaled(both, rest)).transpose()
            }
            [Some((n, Some(x))), Some((m, Some(y)))]
                if let (true, Some(both)) = (scalar, exact(Op::Mul, &[n, m])) =>
            {
                let rest = self.node(Op::Mul, &[x, y])?;
                self.scaled(both, Some(rest)).map(Some)
            }
            [Some((n, Some(x))), _] if scalar => {
                let rest = self.node(Op::Mul, &[x, b])?;
                self.scaled(n, Some(rest)).map(Some)
            }
            [None, Some((n, Some(x)))] if scalar => {
                let rest = self.node(Op::Mul, &[a, x])?;
                self.scaled(n, Some(rest)).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The sum of these, if one is a number and the other has a number for a term: c - 1 - 1 is c - 2.
    pub(super) fn one_summand(
        &mut self,
        [a, b]: [NodeId; 2],
        shape: Shape,
    ) -> Result<Option<NodeId>, ShapeError> {
        for (sum, number) in [(a, b), (b, a)] {
            let own = |graph: &Graph, id| graph.number_at(id).filter(|_| !graph.named(id));
            let inner = *self.get(sum);
            let Some(n) = own(self, number).filter(|_| inner.op == Op::Add && !self.named(sum))
            else {
                continue;
            };
            let mut terms = [inner.operands[0], inner.operands[1]];
            let both = |graph: &Graph, id| exact(Op::Add, &[own(graph, id)?, n]);
            let Some((i, both)) = (0..2).find_map(|i| Some((i, both(self, terms[i])?))) else {
                continue;
            };
            let both = self.number(both);
            terms[i] = self.spread(both, shape)?;
            return self.node(Op::Add, &terms).map(Some);
        }
        Ok(None)
    }

    /// The quotient of these, if the numbers in front of them cancel.
    pub(super) fn cancelled(
        &mut self,
        [a, b]: [NodeId; 2],
        shape: Shape,
    ) -> Result<Option<NodeId>, ShapeError> {
        let (Some((n, x)), Some((m, y))) = (self.deep_factor(a)?, self.deep_factor(b)?) else {
            return Ok(None);
        };
        let (n, m) = match (n / m, m / n) {
            _ if n == 1.0 || m == 1.0 => return Ok(None),
            (whole, _) if whole.fract() == 0.0 => (whole, 1.0),
            (_, whole) if whole.fract() == 0.0 => (1.0, whole),
            _ => return Ok(None),
        };
        let (top, bottom) = (self.scaled(n, x)?, self.scaled(m, y)?);
        let (top, bottom) = (self.spread(top, shape)?, self.spread(bottom, shape)?);
        self.node(Op::Div, &[top, bottom]).map(Some)
    }

    fn scaled(&mut self, number: f64, rest: Option<NodeId>) -> Result<NodeId, ShapeError> {
        let number = self.number(number);
        rest.map_or(Ok(number), |rest| self.elementwise(Op::Mul, &[number, rest]))
    }

    /// A number, or the one in front of a product or a dimension; none of them with a name.
    fn factor(&mut self, id: NodeId) -> Factor {
        let number = |id| self.number_at(id).filter(|n| *n != 0.0 && !self.named(id));
        if let Some(n) = number(id) {
            return Some((n, None));
        }
        let node = *self.get(id);
        match node.op {
            _ if self.named(id) => None,
            Op::Size(dim) if dim.coefficient() > 1 => {
                let n = dim.coefficient();
                let rest = dim.over(Dim::of(n)).map(|rest| self.size(rest))?;
                Some((n as f64, Some(rest)))
            }
            Op::Mul => {
                let (a, b) = (node.operands[0], node.operands[1]);
                number(a).map(|n| (n, Some(b))).or_else(|| number(b).map(|n| (n, Some(a))))
            }
            _ => None,
        }
    }

    /// The same, where the number may stand in a 1×1 factor, as in (2 c) A.
    fn deep_factor(&mut self, id: NodeId) -> Result<Factor, ShapeError> {
        let (found, node) = (self.factor(id), *self.get(id));
        if found.is_some() || self.named(id) {
            return Ok(found);
        }
        if let Op::Spread(to) = node.op
            && let Some((n, Some(rest))) = self.factor(node.operands[0])
        {
            return Ok(Some((n, Some(self.spread(rest, to)?))));
        }
        let operands = node.operands;
        for i in 0..if node.op == Op::Mul { 2 } else { 0 } {
            if let Op::Spread(_) = self.get(operands[i]).op
                && let Some((n, Some(rest))) = self.deep_factor(operands[i])?
            {
                return Ok(Some((n, Some(self.node(Op::Mul, &[rest, operands[1 - i]])?))));
            }
        }
        Ok(None)
    }

    /// Whether a value, or what is spread in it, has a name.
    fn named(&self, id: NodeId) -> bool {
        let spread = matches!(self.get(id).op, Op::Spread(_));
        self.name(id).is_some() || spread && self.named(self.get(id).operands[0])
    }
}

//! What stands around an update rule: gradients clipped before it, weights shrunk after it.

use matgrad_expr::graph::{Graph, NodeId, ShapeError};
use matgrad_expr::op::{Axis, Op};

/// What is done to large gradients before the update rule sees them.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum Clip {
    /// Nothing.
    #[default]
    None,
    /// No entry is above this, or below its negative.
    Value(f64),
    /// All together are scaled so that their Frobenius norm is at most this (Pascanu et al. 2013).
    Norm(f64),
}

/// What a step does around its update rule, with any rule.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Around {
    /// Of the gradients.
    pub clip: Clip,
    /// λ of W ← W − η λ W, apart from the gradient and its rule (Loshchilov & Hutter 2019); all
    /// parameters but single rows, which are biases.
    pub decay: f64,
    /// The largest norm of a column of weights, which are those into one unit (Srebro et al. 2005);
    /// all parameters but single rows.
    pub max_norm: Option<f64>,
}

impl Around {
    /// The gradients as the rule sees them.
    pub(crate) fn before(
        &self,
        graph: &mut Graph,
        gradients: Vec<NodeId>,
    ) -> Result<Vec<NodeId>, ShapeError> {
        match self.clip {
            Clip::None => Ok(gradients),
            Clip::Value(bound) => {
                let (high, low) = (graph.number(bound), graph.number(-bound));
                let clip = |gradient: NodeId| {
                    let below = graph.elementwise(Op::Min, &[gradient, high])?;
                    graph.elementwise(Op::Max, &[below, low])
                };
                gradients.into_iter().map(clip).collect()
            }
            Clip::Norm(bound) => {
                let mut sum = graph.number(0.0);
                for &gradient in &gradients {
                    let total = squares(graph, gradient, Axis::All)?;
                    sum = graph.elementwise(Op::Add, &[sum, total])?;
                }
                let scale = to_norm(graph, sum, bound)?;
                let clip = |gradient: NodeId| graph.elementwise(Op::Mul, &[scale, gradient]);
                gradients.into_iter().map(clip).collect()
            }
        }
    }

    /// The weights after the rule made `new` of `old`; `rate` is η.
    pub(crate) fn after(
        &self,
        graph: &mut Graph,
        (old, new): (NodeId, NodeId),
        rate: Option<NodeId>,
    ) -> Result<NodeId, ShapeError> {
        let mut new = new;
        if graph.shape(old).rows.number() == Some(1) {
            return Ok(new);
        }
        if let Some(rate) = rate.filter(|_| self.decay > 0.0) {
            let share = graph.number(-self.decay);
            let share = graph.elementwise(Op::Mul, &[share, rate])?;
            let decay = graph.elementwise(Op::Mul, &[share, old])?;
            new = graph.elementwise(Op::Add, &[new, decay])?;
        }
        if let Some(bound) = self.max_norm {
            let sums = squares(graph, new, Axis::Cols)?;
            let scale = to_norm(graph, sums, bound)?;
            new = graph.elementwise(Op::Mul, &[scale, new])?;
        }
        Ok(new)
    }
}

fn squares(graph: &mut Graph, of: NodeId, axis: Axis) -> Result<NodeId, ShapeError> {
    let squares = graph.elementwise(Op::Mul, &[of, of])?;
    graph.node(Op::Sum(axis), &[squares])
}

/// bound / max(norm, bound): 1 where nothing is to be done.
fn to_norm(graph: &mut Graph, squares: NodeId, bound: f64) -> Result<NodeId, ShapeError> {
    let (norm, bound) = (graph.node(Op::Sqrt, &[squares])?, graph.number(bound));
    let most = graph.elementwise(Op::Max, &[norm, bound])?;
    graph.elementwise(Op::Div, &[bound, most])
}

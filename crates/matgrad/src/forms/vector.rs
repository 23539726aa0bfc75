//! Vec form: each gradient as the transposed Jacobian of the next layer times that layer's
//! gradient, `vec(∂W) = (I ⊗ X)ᵀ vec(∂Z)`; vec stacks columns.

use std::collections::{HashMap, HashSet};
use std::fmt;

use matgrad_calculus::Gradients;
use matgrad_expr::graph::{Graph, NodeId};
use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::{Bindings, evaluate};
use matgrad_expr::print::unicode;

use super::block::{Block, block, multiply};
use super::jacobian::column;
use super::typeset::{Document, Part};

/// A derivation in vec form.
#[derive(Clone, Debug)]
pub struct VectorForm {
    graph: Graph,
    equations: Vec<Equation>,
}

#[derive(Clone, Debug)]
struct Equation {
    of: NodeId,
    gradient: NodeId,
    /// (a value whose gradient is used, its Jacobian); none where the objective is next.
    sources: Vec<(NodeId, NodeId, Block)>,
}

/// Writes a derivation in vec form. Where the objective itself is next, or an op on the way has
/// no block form, the gradient stands as the vec of its matrix form.
pub fn form(gradients: &Gradients) -> VectorForm {
    let graph = &gradients.graph;
    let stops: HashSet<NodeId> = gradients.gradients.iter().map(|&(of, _)| of).collect();
    let equations = gradients.gradients.iter().map(|&(of, gradient)| {
        let mut sources = Vec::new();
        let mut whole = true;
        let direct = block(graph, gradients.objective, of, &stops);
        whole &= direct.is_ok_and(|b| b.is_zero()) || gradients.objective == of;
        for &(value, above) in &gradients.gradients {
            let fixed: HashSet<NodeId> = stops.iter().copied().filter(|s| *s != of).collect();
            if value == of || graph.variable(value).is_some() {
                continue;
            }
            match block(graph, value, of, &fixed) {
                Ok(block) if block.is_zero() => {}
                Ok(block) => sources.push((value, above, block)),
                Err(_) => whole = false,
            }
        }
        if !whole {
            sources.clear();
        }
        Equation { of, gradient, sources }
    });
    VectorForm { equations: equations.collect(), graph: graph.clone() }
}

impl VectorForm {
    /// vec of each gradient that is made of others by Jacobians, from theirs.
    ///
    /// # Errors
    /// A variable without a value.
    pub fn evaluate(&self, at: &Bindings) -> Result<HashMap<NodeId, Vec<f64>>, String> {
        let mut found = HashMap::new();
        for equation in self.equations.iter().filter(|e| !e.sources.is_empty()) {
            let mut sum: Vec<f64> = Vec::new();
            for (_, above, block) in &equation.sources {
                let values = evaluate(&self.graph, &[*above], at)?;
                let above = column(&values[above]);
                let row = Matrix::new(1, above.len(), above);
                let product = match block.evaluate(at)? {
                    Some(jacobian) => multiply(&row, &jacobian),
                    None => row,
                };
                sum.resize(product.data.len(), 0.0);
                sum.iter_mut().zip(&product.data).for_each(|(a, b)| *a += b);
            }
            found.insert(equation.gradient, sum);
        }
        Ok(found)
    }
}

impl VectorForm {
    /// A gradient a line.
    pub fn document(&self) -> Document {
        let name = |id: NodeId| self.graph.name(id).map_or("?", |n| n.text.as_str());
        let line = |e: &Equation| {
            let terms = e
                .sources
                .iter()
                .map(|(value, _, block)| format!("{} vec(∂{})", block.show(true), name(*value)));
            let right = match e.sources.is_empty() {
                true => format!("vec({})", unicode(&self.graph, e.gradient)),
                false => terms.collect::<Vec<_>>().join(" + "),
            };
            Part::Formula(format!("vec(∂{}) = {right}", name(e.of)), String::new())
        };
        Document(self.equations.iter().map(line).collect())
    }
}

impl fmt::Display for VectorForm {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.document().fmt(f)
    }
}

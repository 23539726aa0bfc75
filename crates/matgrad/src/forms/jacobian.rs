//! Jacobians in numbers, without ever forming one to multiply by: each row is a backward pass.
//!
//! The Hessian is the Jacobian of a gradient, and its product with `V` the backward pass that
//! starts from the gradient: the derived graph is derived again.
//!
//! ```
//! use matgrad::{calculus::derive, expr::elaborate::read, forms::jacobian, library::standard};
//! let page = "input X : B×n\nparam w : n×1\nminimize sum((X w) .^ 2) / 2\n";
//! let page = read("page", page, standard()).unwrap();
//! let w = page.parameters()[0];
//! let derived = derive(&page.graph, page.objective.unwrap(), &[w]).unwrap();
//! let (graph, gradient) = jacobian::second(&derived, w).unwrap();
//! let product = jacobian::pullback(&graph, gradient, w, "V").unwrap();
//! assert!(product.to_string().contains("Xᵀ (X V)"), "{product}");
//! ```

use std::collections::BTreeMap;
use std::fmt;

use matgrad_calculus::{Gradients, derive};
use matgrad_expr::dim::Symbol;
use matgrad_expr::graph::{Graph, Initial, Kind, NodeId};
use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::{Bindings, evaluate};
use matgrad_expr::op::{Axis, Op};
use matgrad_expr::print::unicode;
use matgrad_expr::syntax::{Name, ascii, canonical};

/// The derivative of Σ S ⊙ OUT by IN: Jᵀ vec(S), in the shape of IN.
#[derive(Clone, Debug)]
pub struct Pullback {
    /// The derivation of the sum.
    pub derived: Gradients,
    /// S, a variable of the shape of OUT.
    pub seed: NodeId,
    /// The product.
    pub product: NodeId,
}

/// Derives Σ S ⊙ OUT by IN; S gets this name, with a number where the page has it already.
///
/// # Errors
/// An adjoint that does not fit.
pub fn pullback(
    graph: &Graph,
    output: NodeId,
    input: NodeId,
    seed: &str,
) -> Result<Pullback, String> {
    let mut graph = graph.clone();
    let free = |text: &String| graph.find(text).is_none() && graph.symbols.find(text).is_none();
    let numbered = (1..).map(|number| canonical(&format!("{seed}{number}")));
    let text = [seed.to_string()].into_iter().chain(numbered).find(free);
    let text = text.expect("there are more numbers than names");
    let name = Name { spelling: ascii(&text), text, span: Default::default() };
    let shape = graph.shape(output);
    let seed = graph.add_variable(name, Kind::Given, shape, Initial::None);
    let objective = graph
        .node(Op::Mul, &[seed, output])
        .and_then(|product| graph.node(Op::Sum(Axis::All), &[product]))
        .map_err(|e| format!("{e:?}"))?;
    let derived = derive(&graph, objective, &[input])?;
    let product = derived.of(input).ok_or("a gradient is missing")?;
    Ok(Pullback { derived, seed, product })
}

/// A derivation as a graph to derive again, and the gradient of `of` in it; its gradients are
/// called δ, so that those of the second derivation can be called ∂.
///
/// # Errors
/// Something whose gradient was not derived.
pub fn second(gradients: &Gradients, of: NodeId) -> Result<(Graph, NodeId), String> {
    let mut graph = gradients.graph.clone();
    let gradient = gradients.of(of).ok_or("the gradient of this was not derived")?;
    let mut renamed = BTreeMap::new();
    for &(_, node) in &gradients.gradients {
        let Some(name) = graph.name(node) else { continue };
        if let Some(stem) = name.text.strip_prefix('∂') {
            let text = format!("δ{stem}");
            let spelling = matgrad_expr::syntax::ascii(&text);
            renamed.insert(node, Name { text, spelling, span: name.span });
        }
    }
    graph.retain_names(|id| !renamed.contains_key(&id));
    for (node, name) in renamed {
        graph.set_name(node, name);
    }
    Ok((graph, gradient))
}

impl Pullback {
    /// The Jacobian ∂vec(OUT)/∂vec(IN) at these values, vec by columns: a row for each entry of
    /// OUT, by as many backward passes.
    ///
    /// # Errors
    /// A variable without a value.
    pub fn jacobian(&self, at: &Bindings) -> Result<Matrix, String> {
        let graph = &self.derived.graph;
        let size = |d: matgrad_expr::dim::Dim| {
            d.evaluate(&|s: Symbol| at.dims.get(&s).copied())
                .ok_or_else(|| format!("the dimension {} has no value", graph.symbols.dim(d)))
        };
        let shape = graph.shape(self.seed);
        let (rows, cols) = (size(shape.rows)?, size(shape.cols)?);
        let mut at = at.clone();
        let mut data = Vec::new();
        let mut width = 0;
        for j in 0..cols {
            for i in 0..rows {
                let unit = Matrix::from_fn(rows, cols, |r, c| f64::from((r, c) == (i, j)));
                at.values.insert(self.seed, unit);
                let row = column(&evaluate(graph, &[self.product], &at)?[&self.product]);
                width = row.len();
                data.extend(row);
            }
        }
        Ok(Matrix::new(rows * cols, width, data))
    }
}

impl fmt::Display for Pullback {
    /// The product with what its equation uses, each after that.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let graph = &self.derived.graph;
        for id in graph.reachable(&[self.product], false) {
            if let (Some(name), None) = (graph.name(id), graph.variable(id))
                && id != self.product
                && name.text.starts_with(['∂', 'δ'])
            {
                writeln!(f, "{} = {}", name.text, unicode(graph, id))?;
            }
        }
        let seed = graph.name(self.seed).map_or("S", |n| n.text.as_str());
        writeln!(f, "Jᵀ {seed} = {}", unicode(graph, self.product))
    }
}

/// vec(A): its columns, one below the other.
pub(super) fn column(m: &Matrix) -> Vec<f64> {
    (0..m.cols).flat_map(|j| (0..m.rows).map(move |i| m.at(i, j))).collect()
}

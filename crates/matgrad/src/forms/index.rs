//! Index form: each entry as sums over entries, such as `∂Wᵢⱼ = Σₖ Xₖᵢ ∂Zₖⱼ`.
//!
//! What an op does to entries is a line of its item ([`matgrad_expr::op::OpDef::index`]);
//! calls are written out by their bodies. A layer's number goes above: `∂Z₂` is `∂Z²ᵢⱼ`.
//!
//! ```
//! use matgrad::{calculus::derive, expr::elaborate::read, forms::index, library::standard};
//! let page = "input X : B×4\nparam W : 4×3\nZ = X W\nminimize sum(Z ⊙ Z)\n";
//! let page = read("page", page, standard()).unwrap();
//! let wrt = page.parameters();
//! let derived = derive(&page.graph, page.objective.unwrap(), &wrt).unwrap();
//! assert!(index::form(&derived).to_string().contains("∂Wᵢⱼ = Σₖ Xₖᵢ ∂Zₖⱼ"));
//! ```

use std::collections::{HashMap, HashSet};
use std::fmt;

use matgrad_calculus::Gradients;
use matgrad_expr::dim::{Dim, Symbol};
use matgrad_expr::graph::{Graph, NodeId};
use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::{self, Bindings};
use matgrad_expr::op::{Axis, Op};

mod entry;
mod template;
mod why;
mod write;

pub use why::Why;

use super::typeset::{Document, Part};
use entry::Entry;
use write::{LETTERS, Writer};

/// A derivation, entry by entry.
#[derive(Clone, Debug)]
pub struct IndexForm {
    graph: Graph,
    /// That of the page's own values.
    page: Graph,
    letters: Vec<char>,
    /// The forward equations, then the gradients, each using only those before it.
    equations: Vec<Equation>,
    forward: usize,
}

#[derive(Clone, Debug)]
struct Equation {
    left: String,
    node: NodeId,
    right: Entry,
}

/// Writes the named values and the gradients of a derivation entry by entry.
pub fn form(gradients: &Gradients) -> IndexForm {
    let graph = &gradients.graph;
    let mut roots: Vec<NodeId> = gradients.gradients.iter().map(|&(_, g)| g).collect();
    roots.insert(0, gradients.objective);
    let page = gradients.page();
    // What a call stands for may use names that its operands do not.
    let mut order = graph.reachable(&roots, true);
    let known: HashSet<NodeId> = order.iter().copied().collect();
    order.extend(graph.reachable(&roots, false).into_iter().filter(|id| !known.contains(id)));
    let free = |c: &char| graph.symbols.find(&c.to_string()).is_none();
    let letters: Vec<char> = LETTERS.iter().map(|l| l.0).filter(free).collect();
    let mut equations = Vec::new();
    for id in order {
        if let (Some(name), None) = (page.name(id), page.variable(id)) {
            equations.push((name.text.clone(), id));
        }
    }
    if graph.name(gradients.objective).is_none() {
        equations.push(("objective".into(), gradients.objective));
    }
    let forward = equations.len();
    for &(of, gradient) in &gradients.gradients {
        let name = graph.name(of).map_or("?", |n| n.text.as_str());
        equations.push((format!("∂{name}"), gradient));
    }
    let equations = equations.into_iter().enumerate().map(|(number, (left, node))| {
        let graph = if number < forward { &page } else { graph };
        let own = graph.name(node).is_none_or(|n| n.text == left);
        let right = template::expand(graph, node, own);
        Equation { left, node, right }
    });
    IndexForm { equations: equations.collect(), graph: graph.clone(), page, letters, forward }
}

impl IndexForm {
    /// The values of all equations, each entry by its loops; other leaves by their meaning.
    ///
    /// # Errors
    /// A variable without a value, or a symbol without a number.
    pub fn evaluate(&self, at: &Bindings) -> Result<HashMap<NodeId, Matrix>, String> {
        let mut values = at.values.clone();
        let dim = |d: Dim| d.evaluate(&|s: Symbol| at.dims.get(&s).copied());
        for equation in &self.equations {
            let mut leaves = Vec::new();
            equation.right.leaves(&mut leaves);
            leaves.retain(|leaf| !values.contains_key(leaf));
            values.extend(meaning::evaluate(&self.graph, &leaves, at)?);
            let shape = self.graph.shape(equation.node);
            let (Some(rows), Some(cols)) = (dim(shape.rows), dim(shape.cols)) else {
                return Err(format!("the shape of {} has no numbers", equation.left));
            };
            let entry = |i: usize, j: usize| {
                let mut letters = vec![i + 1, j + 1];
                equation.right.value(&values, &|d| dim(d).unwrap_or(0), &mut letters)
            };
            let value = Matrix::from_fn(rows, cols, entry);
            values.insert(equation.node, value);
        }
        Ok(values)
    }
}

impl IndexForm {
    /// The sum behind entry (row, col), from 1, of a named value or gradient such as `∂W₁`;
    /// numbers are put in with so many significant digits.
    ///
    /// # Errors
    /// A name without an equation, an entry that is not there, a variable without a value.
    pub fn why(
        &self,
        name: &str,
        (row, col): (usize, usize),
        at: &Bindings,
        digits: usize,
    ) -> Result<Why, String> {
        let equation = self.equations.iter().find(|e| e.left == name).ok_or_else(|| {
            let known: Vec<&str> = self.equations.iter().map(|e| e.left.as_str()).collect();
            format!("{name} has no equation here; those that have: {}", known.join(", "))
        })?;
        let shape = self.graph.shape(equation.node);
        let dim = |d: Dim| d.evaluate(&|s: Symbol| at.dims.get(&s).copied()).unwrap_or(0);
        let (rows, cols) = (dim(shape.rows), dim(shape.cols));
        if !(1..=rows).contains(&row) || !(1..=cols).contains(&col) {
            return Err(format!("{name} is {rows}×{cols}; it has no entry [{row},{col}]"));
        }
        let mut leaves = Vec::new();
        equation.right.leaves(&mut leaves);
        let values = meaning::evaluate(&self.graph, &leaves, at)?;
        let writer = self.writer(equation);
        let mut letters = vec![row, col];
        let round = |x: f64| format!("{x:.*e}", digits.max(1) - 1).parse().unwrap_or(x);
        let terms = equation.right.terms(&dim, &mut letters).into_iter().map(|term| {
            let value = term.value(&values, &dim, &mut letters.clone());
            let numbers = writer.write(&term.filled(&values, &round));
            (writer.write(&term), numbers, value)
        });
        let terms: Vec<(String, String, f64)> = terms.collect();
        let bound = equation.right.bind(&dim, &[row, col]);
        let value = equation.right.value(&values, &dim, &mut vec![row, col]);
        let name = writer.entry(name, shape, row, col);
        Ok(Why { name, equation: writer.write(&bound), terms, value })
    }
}

impl IndexForm {
    fn writer(&self, of: &Equation) -> Writer<'_> {
        let forward = self.equations[..self.forward].iter().any(|e| e.left == of.left);
        let graph = if forward { &self.page } else { &self.graph };
        let own = graph.name(of.node).is_some_and(|n| n.text == of.left);
        Writer { graph, letters: &self.letters, own: own.then_some(of.node) }
    }

    /// An equation a line, with the ranges of its indices; forward, then backward.
    pub fn document(&self) -> Document {
        let mut parts: Vec<Part> = self
            .equations
            .iter()
            .map(|e| {
                let writer = self.writer(e);
                let shape = self.graph.shape(e.node);
                let left = writer.left(&e.left, shape);
                let line = format!("{left} = {}", writer.write(&e.right));
                let ranges = writer.ranges(shape, &e.right);
                Part::Formula(line, format!("`{ranges}`"))
            })
            .collect();
        if self.forward > 0 {
            parts.insert(self.forward, Part::Text(String::new()));
        }
        Document(parts)
    }
}

impl fmt::Display for IndexForm {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.document().fmt(f)
    }
}

/// The rows and columns by which an op moves its last operand.
fn moved(graph: &Graph, id: NodeId) -> (Dim, Dim) {
    let node = graph.get(id);
    let none = Dim::of(0);
    match node.op {
        Op::Slice(Axis::Rows, start, _) | Op::Place(Axis::Rows, start, _) => (start, none),
        Op::Slice(_, start, _) | Op::Place(_, start, _) => (none, start),
        Op::Concat(Axis::Rows) => (graph.shape(node.operands[0]).rows, none),
        Op::Concat(_) => (none, graph.shape(node.operands[0]).cols),
        _ => (none, none),
    }
}

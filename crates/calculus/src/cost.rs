//! What each equation costs, and what multiplying by explicit Jacobians would cost instead.
//!
//! Counted per entry of the graph: a product of m×k and k×n is 2 m k n operations, element-wise
//! work and sums one for each entry, whatever the function; a transpose or a repeated row none.
//! Bytes are those of a number of 4 bytes for each entry that an equation reads or writes.

use std::collections::HashSet;
use std::fmt;

use matgrad_expr::dim::{Dim, Symbols};
use matgrad_expr::graph::{Graph, NodeId};
use matgrad_expr::op::{Op, ShapeRule};

use crate::Gradients;

/// A sum of monomials, such as 2·B·784·128 + B·128.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Count {
    terms: Vec<Dim>,
}

impl Count {
    fn add(&mut self, term: Option<Dim>) {
        let Some(term) = term.filter(|t| t.coefficient() > 0) else { return };
        for known in &mut self.terms {
            if let Some(sum) = known.plus(term) {
                *known = sum;
                return;
            }
        }
        self.terms.push(term);
    }

    fn times(&self, factor: u64) -> Count {
        Count { terms: self.terms.iter().filter_map(|t| t.times(Dim::of(factor))).collect() }
    }

    /// As text, such as `200704·B + 128`.
    pub fn show(&self, symbols: &Symbols) -> String {
        let mut terms = self.terms.clone();
        terms.sort_by_key(|t| std::cmp::Reverse((t.symbols().count(), t.coefficient())));
        match terms.len() {
            0 => "0".into(),
            _ => terms.iter().map(|&t| symbols.dim(t)).collect::<Vec<_>>().join(" + "),
        }
    }
}

/// What one equation costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// The left side, such as `Z₁` or `∂W₁`.
    pub name: String,
    /// Operations.
    pub operations: Count,
    /// Bytes read and written.
    pub bytes: Count,
    /// Of a backward equation: entries of the explicit Jacobians that it stands for, each the
    /// derivative of every entry of a value by every entry of this one.
    pub jacobian_entries: Option<Count>,
}

impl Cost {
    /// Operations of multiplying by those Jacobians: two for each entry.
    pub fn jacobian_operations(&self) -> Option<Count> {
        self.jacobian_entries.as_ref().map(|entries| entries.times(2))
    }
}

/// The cost of a forward and a backward pass, equation by equation.
#[derive(Clone, Debug)]
pub struct Costs {
    /// In the order in which they are computed.
    pub equations: Vec<Cost>,
    symbols: Symbols,
}

/// Counts the equations of a derivation; `definitions` are the named values of the page.
pub fn cost(gradients: &Gradients, definitions: &[NodeId]) -> Costs {
    let graph = &gradients.graph;
    let named: HashSet<NodeId> =
        definitions.iter().copied().chain(gradients.gradients.iter().map(|&(_, g)| g)).collect();
    let text = |node: NodeId| graph.name(node).map_or("objective".into(), |n| n.text.clone());
    let mut equations = Vec::new();
    let mut forward = definitions.to_vec();
    if !forward.contains(&gradients.objective) {
        forward.push(gradients.objective);
    }
    for node in forward {
        equations.push(equation(graph, text(node), node, &named).0);
    }
    for &(of, gradient) in &gradients.gradients {
        let (mut cost, leaves) = equation(graph, format!("∂{}", text(of)), gradient, &named);
        // The values whose gradients this one is made of; the objective where there are none.
        let mut entries = Count::default();
        let size = |node: NodeId| graph.shape(node).size();
        let sources =
            gradients.gradients.iter().filter(|(_, g)| leaves.contains(g) && *g != gradient);
        let sizes: Vec<Option<Dim>> = sources.map(|&(value, _)| size(value)).collect();
        let sizes = if sizes.is_empty() { vec![Some(Dim::ONE)] } else { sizes };
        for source in sizes {
            entries.add(source.zip(size(of)).and_then(|(a, b)| a.times(b)));
        }
        cost.jacobian_entries = Some(entries);
        equations.push(cost);
    }
    Costs { equations, symbols: graph.symbols.clone() }
}

/// The cost of one equation, whose leaves are named values and variables; and those leaves.
fn equation(
    graph: &Graph,
    name: String,
    root: NodeId,
    named: &HashSet<NodeId>,
) -> (Cost, HashSet<NodeId>) {
    let (mut operations, mut bytes) = (Count::default(), Count::default());
    let (mut seen, mut leaves, mut open) = (HashSet::new(), HashSet::new(), vec![root]);
    let entries = |node: NodeId| graph.shape(node).size();
    while let Some(id) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let node = graph.get(id);
        if id != root && (named.contains(&id) || graph.variable(id).is_some()) {
            leaves.insert(id);
            bytes.add(entries(id).and_then(|n| n.times(Dim::of(4))));
            continue;
        }
        if let Some(body) = graph.body(id) {
            open.push(body);
            continue;
        }
        open.extend(&*node.operands);
        let inner = node.operands.first().map(|&a| graph.shape(a));
        operations.add(match (node.op.def().shape, inner) {
            (ShapeRule::Product, Some(a)) => {
                entries(id).and_then(|n| n.times(a.cols)).and_then(|n| n.times(Dim::of(2)))
            }
            (ShapeRule::Reduced, Some(a)) => a.size(),
            (_, Some(_)) if node.op.is_elementwise() || node.op == Op::Add => entries(id),
            (_, _) => None,
        });
    }
    bytes.add(entries(root).and_then(|n| n.times(Dim::of(4))));
    (Cost { name, operations, bytes, jacobian_entries: None }, leaves)
}

impl fmt::Display for Costs {
    /// A table, one equation a line.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let show = |count: &Count| count.show(&self.symbols);
        let heads = ["equation", "operations", "bytes", "explicit Jacobian", "its operations"];
        let mut rows = vec![heads.map(str::to_string)];
        for cost in &self.equations {
            let entries = cost.jacobian_entries.as_ref();
            rows.push([
                cost.name.clone(),
                show(&cost.operations),
                show(&cost.bytes),
                entries.map_or(String::new(), |e| format!("{} entries", show(e))),
                cost.jacobian_operations().as_ref().map_or(String::new(), show),
            ]);
        }
        let wide = |c: usize| rows.iter().map(|r| r[c].chars().count()).max().unwrap_or(0) + 3;
        let widths: Vec<usize> = (0..heads.len()).map(wide).collect();
        for row in &rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line += cell;
                line += &" ".repeat(width - cell.chars().count());
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

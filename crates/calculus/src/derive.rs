//! Reverse-mode derivation, driven by the adjoint texts of the op table. No op is named here.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use matgrad_expr::graph::{Graph, NodeId};
use matgrad_expr::op::Op;
use matgrad_expr::print::unicode;
use matgrad_expr::syntax::Name;

use crate::adjoint::backward;
use crate::rewrite::{Rewriter, Step};
use crate::rule::Rules;

/// The backward pass of an objective, as equations.
#[derive(Clone, Debug)]
pub struct Gradients {
    /// The graph that was given, grown by the backward pass; nodes keep their ids.
    pub graph: Graph,
    /// What was derived.
    pub objective: NodeId,
    /// (of, gradient): parameters and the named values between them and the objective, each using
    /// only those before it.
    pub gradients: Vec<(NodeId, NodeId)>,
    /// What was derived with respect to.
    pub wrt: Vec<NodeId>,
    /// The proof: every rule that was applied.
    pub steps: Vec<Step>,
    /// Functions whose declared derivative is a surrogate, as they were met.
    pub surrogates: Vec<String>,
}

impl Gradients {
    /// The gradient of a node.
    pub fn of(&self, node: NodeId) -> Option<NodeId> {
        self.gradients.iter().find(|(of, _)| *of == node).map(|&(_, g)| g)
    }

    /// The graph without the names of gradients: the page's own values do not speak of gradients
    /// that happen to be the same.
    pub fn page(&self) -> Graph {
        let mut graph = self.graph.clone();
        let all: HashSet<NodeId> = self.gradients.iter().map(|&(_, gradient)| gradient).collect();
        let gradient = |id: NodeId| self.graph.name(id).is_some_and(|n| n.text.starts_with('∂'));
        graph.retain_names(|id| !(all.contains(&id) && gradient(id)));
        graph
    }
}

/// Derives a 1×1 objective. The gradient of something it does not depend on is zero.
///
/// # Errors
/// An adjoint text that does not fit, with its function: a mistake in a page or in the library.
pub fn derive(graph: &Graph, objective: NodeId, wrt: &[NodeId]) -> Result<Gradients, String> {
    let mut graph = graph.clone();
    let mut stable = Rewriter::new(Rules::stability(), true);
    // What is derived by stays on the way, as it is in the graph that was given.
    wrt.iter().for_each(|&id| stable.keep(id));
    let objective = stable.rewrite(&mut graph, objective);
    let mut steps = stable.steps;

    let mut pass = Pass::new(&mut graph, Rules::simplify(), wrt);
    pass.run(objective)?;
    let Pass { adjoints, rewriter, surrogates, finished, .. } = pass;
    steps.extend(rewriter.steps);
    let mut gradients = finished;
    for &id in wrt {
        if !adjoints.contains_key(&id) {
            let zero = graph.number(0.0);
            let shape = graph.shape(id);
            let zero = graph.spread(zero, shape).expect("a number spreads to any shape");
            gradients.push((id, zero));
        }
    }
    drop_unused(&graph, &mut gradients, wrt);
    let gradients = in_order(&graph, &gradients);
    Ok(Gradients { graph, objective, gradients, wrt: wrt.to_vec(), steps, surrogates })
}

struct Pass<'a> {
    graph: &'a mut Graph,
    rewriter: Rewriter<'a>,
    wrt: HashSet<NodeId>,
    /// What has a name on the page.
    named: HashSet<NodeId>,
    parts: HashMap<NodeId, Vec<NodeId>>,
    adjoints: HashMap<NodeId, NodeId>,
    finished: Vec<(NodeId, NodeId)>,
    surrogates: Vec<String>,
}

impl<'a> Pass<'a> {
    fn new(graph: &'a mut Graph, rules: &'a Rules, wrt: &[NodeId]) -> Pass<'a> {
        let named = graph.names().iter().map(|n| n.1).collect();
        Pass {
            graph,
            named,
            rewriter: Rewriter::new(rules, false),
            wrt: wrt.iter().copied().collect(),
            parts: HashMap::new(),
            adjoints: HashMap::new(),
            finished: Vec::new(),
            surrogates: Vec::new(),
        }
    }

    /// From the objective to the leaves: a node's adjoint is complete when all its users are done.
    fn run(&mut self, objective: NodeId) -> Result<(), String> {
        let one = self.graph.number(1.0);
        self.parts.insert(objective, vec![one]);
        let order = self.order(objective);
        // The forward pass stays as it was written.
        order.iter().for_each(|&id| self.rewriter.settle(id, id));
        let active = self.active(&order);
        for id in order.into_iter().rev().filter(|id| active.contains(id)) {
            let Some(parts) = self.parts.remove(&id) else { continue };
            let mut sum = parts[0];
            for &part in &parts[1..] {
                sum = self.graph.node(Op::Add, &[sum, part]).map_err(|e| format!("{e:?}"))?;
            }
            let gradient = self.rewriter.rewrite(self.graph, sum);
            self.adjoints.insert(id, gradient);
            // What the page computes may be a gradient too, and have its name by now.
            let name = self.graph.name(id).filter(|_| self.named.contains(&id)).cloned();
            if let Some(name) = name {
                self.finished.push((id, gradient));
                if !self.has_no_name(gradient) {
                    let text = format!("∂{}", name.text);
                    let spelling = format!("d_{}", name.spelling);
                    self.graph.set_name(gradient, Name { text, spelling, span: name.span });
                    self.rewriter.settle(gradient, gradient);
                }
            }
            self.backward(id, gradient, &active)?;
        }
        Ok(())
    }

    /// A number is no more than a number, and what has a name keeps it.
    fn has_no_name(&self, gradient: NodeId) -> bool {
        let number = self.graph.shape(gradient).is_scalar();
        number && self.graph.number_at(gradient).is_some() || self.graph.name(gradient).is_some()
    }

    /// Operands before users; a call that is derived through its body comes after the body.
    fn order(&self, objective: NodeId) -> Vec<NodeId> {
        let mut seen = HashSet::new();
        let mut order = Vec::new();
        let mut stack = vec![(objective, false)];
        while let Some((id, done)) = stack.pop() {
            if done {
                order.push(id);
            } else if seen.insert(id) {
                stack.push((id, true));
                stack.extend(self.graph.body(id).map(|b| (b, false)));
                stack.extend(self.graph.get(id).operands.iter().map(|&o| (o, false)));
            }
        }
        order
    }

    /// Nodes that depend on what is derived with respect to.
    fn active(&self, order: &[NodeId]) -> HashSet<NodeId> {
        let mut active = self.wrt.clone();
        for &id in order {
            let body = self.graph.body(id);
            if self.graph.get(id).operands.iter().chain(&body).any(|o| active.contains(o)) {
                active.insert(id);
            }
        }
        active
    }

    fn backward(
        &mut self,
        id: NodeId,
        gradient: NodeId,
        active: &HashSet<NodeId>,
    ) -> Result<(), String> {
        let contributions = backward(self.graph, id, gradient, active)?;
        self.surrogates.extend(contributions.surrogate);
        for (target, part) in contributions.parts {
            self.parts.entry(target).or_default().push(part);
        }
        Ok(())
    }
}

/// Keeps the parameters and those intermediate gradients that others use.
fn drop_unused(graph: &Graph, gradients: &mut Vec<(NodeId, NodeId)>, wrt: &[NodeId]) {
    let wrt: HashSet<NodeId> = wrt.iter().copied().collect();
    let needed: HashSet<NodeId> = {
        let roots: Vec<NodeId> =
            gradients.iter().filter(|(of, _)| wrt.contains(of)).map(|&(_, g)| g).collect();
        graph.reachable(&roots, false).into_iter().collect()
    };
    gradients.retain(|&(of, g)| wrt.contains(&of) || (needed.contains(&g) && own(graph, of, g)));
}

/// Whether a gradient has the name that it is written by.
fn own(graph: &Graph, of: NodeId, gradient: NodeId) -> bool {
    match (graph.name(of), graph.name(gradient)) {
        (Some(of), Some(name)) => name.text == format!("∂{}", of.text),
        _ => false,
    }
}

/// An order in which each gradient uses only those before it: the given one, but that those it uses
/// come first.
fn in_order(graph: &Graph, gradients: &[(NodeId, NodeId)]) -> Vec<(NodeId, NodeId)> {
    let all = gradients.iter().enumerate();
    let named: HashMap<NodeId, usize> =
        all.filter(|&(_, &(of, g))| own(graph, of, g)).map(|(i, &(_, g))| (g, i)).collect();
    let mut seen = vec![false; gradients.len()];
    let mut ordered = Vec::with_capacity(gradients.len());
    for first in 0..gradients.len() {
        let mut stack = vec![(first, false)];
        while let Some((at, ready)) = stack.pop() {
            if ready {
                ordered.push(gradients[at]);
            } else if !std::mem::replace(&mut seen[at], true) {
                stack.push((at, true));
                let used = uses(graph, gradients[at].1, at, &named);
                stack.extend(used.into_iter().rev().map(|u| (u, false)));
            }
        }
    }
    ordered
}

/// Which gradients one is written with, in their order.
fn uses(
    graph: &Graph,
    gradient: NodeId,
    own: usize,
    named: &HashMap<NodeId, usize>,
) -> BTreeSet<usize> {
    let mut used = BTreeSet::new();
    let mut seen = HashSet::new();
    let mut stack = vec![gradient];
    while let Some(id) = stack.pop() {
        match named.get(&id) {
            Some(&at) if at != own => drop(used.insert(at)),
            // What has another name stands by it.
            None if id != gradient && graph.name(id).is_some() => {}
            _ if seen.insert(id) => stack.extend(graph.get(id).operands.iter()),
            _ => {}
        }
    }
    used
}

/// Longer equations do not move the shapes of the others.
const WIDEST: usize = 120;

impl fmt::Display for Gradients {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let lines: Vec<(String, String)> = self
            .gradients
            .iter()
            .map(|&(of, gradient)| {
                let name = self.graph.name(of).map_or("?", |n| n.text.as_str());
                let own = format!("∂{name}");
                let right = match self.graph.name(gradient) {
                    Some(n) if n.text != own => n.text.clone(),
                    _ => unicode(&self.graph, gradient),
                };
                (format!("{own} = {right}"), self.graph.symbols.shape(self.graph.shape(of)))
            })
            .collect();
        let length = |line: &str| line.chars().count();
        let widths = lines.iter().map(|(line, _)| length(line)).filter(|&width| width <= WIDEST);
        let width = widths.max().unwrap_or(0);
        for (equation, shape) in lines {
            let space = width.saturating_sub(length(&equation)) + 9;
            writeln!(f, "{equation}{}{shape}", " ".repeat(space))?;
        }
        Ok(())
    }
}

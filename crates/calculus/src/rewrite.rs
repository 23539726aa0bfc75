//! Rewriting: rules are applied from the leaves to the root until none fits.

use std::collections::{HashMap, HashSet};

use matgrad_expr::dim::{Dim, Symbol};
use matgrad_expr::graph::{Graph, NodeId};
use matgrad_expr::op::Op;
use matgrad_expr::print::unicode;

use crate::rule::{Rule, Rules};

/// One application of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The rule's name.
    pub rule: String,
    /// The expression it was applied to.
    pub before: String,
    /// What it became.
    pub after: String,
    /// The nodes of both.
    pub nodes: (NodeId, NodeId),
}

/// Applies rules to nodes of a graph and remembers what became of each.
pub struct Rewriter<'a> {
    rules: &'a Rules,
    through_names: bool,
    kept: HashSet<NodeId>,
    done: HashMap<NodeId, NodeId>,
    /// What was done, in order.
    pub steps: Vec<Step>,
}

/// A bound on the rewriting of one node; no rule set that ends comes near it.
const MOST_STEPS: usize = 200;

impl<'a> Rewriter<'a> {
    /// With these rules; `through_names` looks into named values.
    pub fn new(rules: &'a Rules, through_names: bool) -> Rewriter<'a> {
        let (kept, done) = (HashSet::new(), HashMap::new());
        Rewriter { rules, through_names, kept, done, steps: Vec::new() }
    }

    /// Leaves a node as it is, and does not look into it.
    pub fn keep(&mut self, id: NodeId) {
        self.kept.insert(id);
        self.settle(id, id);
    }

    /// The simplified form of a node. The node itself is looked into even when it has a name; its
    /// named operands are replaced by what became of them.
    pub fn rewrite(&mut self, graph: &mut Graph, root: NodeId) -> NodeId {
        // Operands before users. What is done is not looked into again: all the calls of a
        // derivation together walk its graph once.
        let mut stack = vec![(root, false)];
        while let Some((id, ready)) = stack.pop() {
            if self.done.contains_key(&id) {
                continue;
            }
            if !ready {
                stack.push((id, true));
                stack.extend(graph.get(id).operands.iter().rev().map(|&o| (o, false)));
                continue;
            }
            let result = self.one(graph, id);
            self.done.insert(id, result);
            // A value keeps its name when its expression changes.
            if result != id
                && self.through_names
                && let Some(name) = graph.name(id).cloned()
            {
                graph.set_name(result, name);
            }
        }
        self.done[&root]
    }

    /// Says that a node is final under another name.
    pub fn settle(&mut self, id: NodeId, result: NodeId) {
        self.done.insert(id, result);
    }

    fn one(&mut self, graph: &mut Graph, id: NodeId) -> NodeId {
        let mut current = self.rebuild(graph, id);
        for _ in 0..MOST_STEPS {
            let Some((rule, next)) = self.first_match(graph, current) else { break };
            assert_eq!(
                graph.shape(next),
                graph.shape(current),
                "the rule {} keeps the shape",
                rule.name
            );
            self.steps.push(Step {
                rule: rule.name.clone(),
                before: unicode(graph, current),
                after: unicode(graph, next),
                nodes: (current, next),
            });
            if graph.name(next).is_some() && !self.through_names {
                return next;
            }
            // The replacement's own operands may match further rules.
            current = self.inner(graph, next, 0);
        }
        current
    }

    /// Rewrites the unnamed operands of a fresh replacement, then itself.
    fn inner(&mut self, graph: &mut Graph, id: NodeId, depth: usize) -> NodeId {
        if depth > 12 || self.opaque(graph, id) && depth > 0 {
            return id;
        }
        if let Some(&known) = self.done.get(&id) {
            return known;
        }
        let node = *graph.get(id);
        let operands: Vec<NodeId> = node
            .operands
            .iter()
            .map(|&o| {
                if self.opaque(graph, o) {
                    return o;
                }
                let inner = self.inner(graph, o, depth + 1);
                if depth > 3 { inner } else { self.settled(graph, inner) }
            })
            .collect();
        graph.with_operands(id, &operands)
    }

    fn settled(&mut self, graph: &mut Graph, id: NodeId) -> NodeId {
        if let Some(&known) = self.done.get(&id) {
            return known;
        }
        let result = self.one(graph, id);
        self.done.insert(id, result);
        result
    }

    fn opaque(&self, graph: &Graph, id: NodeId) -> bool {
        !self.through_names && graph.name(id).is_some() || self.kept.contains(&id)
    }

    fn rebuild(&self, graph: &mut Graph, id: NodeId) -> NodeId {
        let operands = graph.get(id).operands;
        let new: Vec<NodeId> =
            operands.iter().map(|o| self.done.get(o).copied().unwrap_or(*o)).collect();
        graph.with_operands(id, &new)
    }

    fn first_match(&self, graph: &mut Graph, id: NodeId) -> Option<(&'a Rule, NodeId)> {
        for rule in &self.rules.rules {
            if graph.get(id).op.def().name != rule.graph.get(rule.pattern).op.def().name {
                continue;
            }
            let mut found = Found::default();
            if !self.fits(graph, rule, rule.pattern, id, true, &mut found) {
                continue;
            }
            if let Some(next) = instantiate(graph, rule, rule.replacement, &found)
                && next != id
            {
                return Some((rule, next));
            }
        }
        None
    }

    fn fits(
        &self,
        graph: &Graph,
        rule: &Rule,
        pattern: NodeId,
        id: NodeId,
        open: bool,
        found: &mut Found,
    ) -> bool {
        let (wanted, node) = (rule.graph.get(pattern), graph.get(id));
        if rule.graph.variable(pattern).is_some() {
            return match found.nodes.get(&pattern) {
                Some(&known) => known == id,
                None => {
                    let fits = found.dim(wanted.shape.rows, node.shape.rows)
                        && found.dim(wanted.shape.cols, node.shape.cols);
                    if fits {
                        found.nodes.insert(pattern, id);
                    }
                    fits
                }
            };
        }
        if (!open && self.opaque(graph, id)) || !found.op(wanted.op, node.op) {
            return false;
        }
        if !found.dim(wanted.shape.rows, node.shape.rows)
            || !found.dim(wanted.shape.cols, node.shape.cols)
            || wanted.operands.len() != node.operands.len()
        {
            return false;
        }
        let mut orders = vec![[0, 1]];
        if wanted.op.def().commutative {
            orders.push([1, 0]);
        }
        for order in orders {
            let mut attempt = found.clone();
            let all = (0..wanted.operands.len()).all(|i| {
                let j = if wanted.operands.len() == 2 { order[i] } else { i };
                // An exponent is a number, whatever else is the same number and has a name.
                let open = wanted.op == Op::Pow && i == 1;
                self.fits(graph, rule, wanted.operands[i], node.operands[j], open, &mut attempt)
            });
            if all {
                *found = attempt;
                return true;
            }
        }
        false
    }
}

/// What the letters of a rule stand for.
#[derive(Clone, Debug, Default)]
struct Found {
    nodes: HashMap<NodeId, NodeId>,
    dims: HashMap<Symbol, Dim>,
}

impl Found {
    fn dim(&mut self, pattern: Dim, actual: Dim) -> bool {
        if let Some(symbol) = pattern.as_symbol() {
            return *self.dims.entry(symbol).or_insert(actual) == actual;
        }
        pattern.substitute(&|s| self.dims.get(&s).copied()).is_none_or(|d| d == actual)
    }

    fn op(&mut self, pattern: Op, actual: Op) -> bool {
        if pattern == actual {
            return true;
        }
        let same = pattern.map_dims(&|_| Some(Dim::ONE)) == actual.map_dims(&|_| Some(Dim::ONE));
        let (wanted, dims) = (pattern.dims(), actual.dims());
        same && wanted.len() == dims.len()
            && wanted.into_iter().zip(dims).all(|(w, d)| self.dim(w, d))
    }
}

fn instantiate(graph: &mut Graph, rule: &Rule, id: NodeId, found: &Found) -> Option<NodeId> {
    if let Some(&node) = found.nodes.get(&id) {
        return Some(node);
    }
    let node = *rule.graph.get(id);
    let operands: Option<Vec<NodeId>> =
        node.operands.iter().map(|&o| instantiate(graph, rule, o, found)).collect();
    let operands = operands?;
    let dim = |d: Dim| d.substitute(&|s| found.dims.get(&s).copied());
    let op = node.op.map_dims(&dim)?;
    if let Op::Call(function) = op {
        // The body is made again from that of the rule, with its letters replaced.
        let body = instantiate(graph, rule, rule.graph.body(id)?, found)?;
        return Some(graph.call(function, &operands, body));
    }
    if let Op::Size(d) = op {
        return Some(graph.size(d));
    }
    if op == Op::MatMul {
        return graph.product(operands[0], operands[1]).ok();
    }
    graph.node(op, &operands).ok()
}

//! The differential proof: `dL = ⟨∂Z, dZ⟩ = …`, one law a line, until every differential is that
//! of a value whose gradient is wanted. What then stands before `dW` is `∂W`.
//!
//! The laws are those of the op table ([`matgrad_expr::op::OpDef::laws`]) and the adjoints that
//! functions declare; ⟨G, A⟩ is Σ G ⊙ A.
//!
//! ```
//! use matgrad::{calculus::derive, expr::elaborate::read, forms::differential, library::standard};
//! let page = "input X : B×n\nparam W : n×m\nZ = X W\nL = sum(tanh(Z))\nminimize L\n";
//! let page = read("page", page, standard()).unwrap();
//! let wrt = page.parameters();
//! let derived = derive(&page.graph, page.objective.unwrap(), &wrt).unwrap();
//! let proof = differential::proof(&derived).unwrap().to_string();
//! assert!(proof.contains("= ⟨Xᵀ ∂Z, dW⟩"), "{proof}");
//! ```

use std::collections::{HashMap, HashSet};

use matgrad_calculus::Gradients;
use matgrad_calculus::adjoint::backward;
use matgrad_calculus::rewrite::Rewriter;
use matgrad_calculus::rule::Rules;
use matgrad_expr::expression::{Builder, Scope};
use matgrad_expr::graph::{Graph, Initial, Kind, NodeId};
use matgrad_expr::op::Op;
use matgrad_expr::syntax::{Name, parse_expr};
use matgrad_library::standard;

mod check;
mod written;

use super::typeset::DIFFERENTIAL as MARK;

/// A derivation by differentials.
#[derive(Clone, Debug)]
pub struct Proof {
    graph: Graph,
    /// That of the page's own values.
    page: Graph,
    /// From the objective to the inputs.
    pub blocks: Vec<Block>,
    /// The differential of each node, as a variable.
    differentials: HashMap<NodeId, NodeId>,
    /// The same in terms of the differentials of what was derived by.
    tangents: HashMap<NodeId, NodeId>,
    wrt: Vec<NodeId>,
}

/// What the gradient of one value hands on.
#[derive(Clone, Debug)]
pub struct Block {
    /// The value.
    pub of: NodeId,
    /// Its gradient.
    pub gradient: NodeId,
    /// Each equal to the one before it.
    pub lines: Vec<Line>,
    /// Whether a declared surrogate takes the place of the derivative, so that nothing is proved.
    pub surrogate: bool,
}

/// A sum of inner products, and why it equals the line before.
#[derive(Clone, Debug)]
pub struct Line {
    /// (G, D) of each ⟨G, D⟩.
    pub terms: Vec<(NodeId, NodeId)>,
    /// The law; empty for the first line.
    pub law: String,
}

/// ⟨gradient, d of⟩, or ⟨gradient, what an op makes of the differential of its operand⟩.
#[derive(Clone, Copy)]
struct Term {
    gradient: NodeId,
    of: NodeId,
    /// What an op makes of it: that node, the op's own, and which of the equal operands it is.
    part: Option<(NodeId, NodeId, Option<usize>)>,
}

/// Proves a derivation law by law.
///
/// # Errors
/// An adjoint or a differential of the op table that does not fit.
pub fn proof(gradients: &Gradients) -> Result<Proof, String> {
    let mut graph = gradients.graph.clone();
    let named: Vec<NodeId> = gradients.gradients.iter().map(|&(of, _)| of).collect();
    let one = graph.number(1.0);
    let mut active: HashSet<NodeId> = gradients.wrt.iter().copied().collect();
    for id in graph.reachable(&[gradients.objective], true) {
        let body = graph.body(id);
        if graph.get(id).operands.iter().chain(&body).any(|o| active.contains(o)) {
            active.insert(id);
        }
    }
    // Calls come after their bodies there; their operands' own calls are reached from them.
    for id in (0..graph.len()).map(|i| NodeId(i as u32)) {
        if graph.get(id).operands.iter().any(|o| active.contains(o)) {
            active.insert(id);
        }
    }
    let mut prover = Prover {
        stops: named.iter().copied().collect(),
        active,
        differentials: HashMap::new(),
        rewriter: Rewriter::new(Rules::simplify(), false),
        graph: &mut graph,
    };
    // The forward pass stays as it was written, as in the derivation.
    let mut kept = prover.graph.reachable(&[gradients.objective], true);
    kept.extend(prover.graph.reachable(&[gradients.objective], false));
    kept.extend(prover.graph.names().iter().map(|n| n.1));
    kept.into_iter().for_each(|id| prover.rewriter.settle(id, id));
    let mut starts = vec![(gradients.objective, one)];
    let between =
        |&&(of, _): &&(NodeId, NodeId)| !gradients.wrt.contains(&of) && of != gradients.objective;
    starts.extend(gradients.gradients.iter().filter(between));
    let blocks: Result<Vec<Block>, String> =
        starts.into_iter().map(|(of, gradient)| prover.block(of, gradient)).collect();
    let blocks = blocks?;
    let tangents = prover.tangents(gradients)?;
    let differentials = prover.differentials;
    let page = gradients.page();
    Ok(Proof { graph, page, blocks, differentials, tangents, wrt: gradients.wrt.clone() })
}

struct Prover<'a, 'r> {
    graph: &'a mut Graph,
    stops: HashSet<NodeId>,
    active: HashSet<NodeId>,
    differentials: HashMap<NodeId, NodeId>,
    rewriter: Rewriter<'r>,
}

impl Prover<'_, '_> {
    fn block(&mut self, of: NodeId, gradient: NodeId) -> Result<Block, String> {
        let mut terms = vec![Term { gradient, of, part: None }];
        let first = Line { terms: self.shown(&terms), law: String::new() };
        let mut block = Block { of, gradient, lines: vec![first], surrogate: false };
        if self.graph.variable(of).is_some() {
            return Ok(block);
        }
        if !self.active.contains(&of) {
            let law = "it depends on nothing that is derived by".to_string();
            block.lines.push(Line { terms: Vec::new(), law });
            return Ok(block);
        }
        loop {
            // What is used by others on the way comes after them, so that it comes once.
            let next = terms
                .iter()
                .filter(|t| t.part.is_some() || t.of == of || !self.stops.contains(&t.of))
                .max_by_key(|t| t.part.map_or(t.of, |(_, by, _)| by));
            let Some(&next) = next else { break };
            let law = match next.part {
                Some((_, by, _)) => self.hand_over(&mut terms, by)?,
                None => {
                    let (law, surrogate) = self.differentiate(&mut terms, next.of)?;
                    block.surrogate |= surrogate;
                    law
                }
            };
            block.lines.push(Line { terms: self.shown(&terms), law });
            if self.collect(&mut terms)? {
                let law = "`⟨G, A⟩ + ⟨H, A⟩ = ⟨G + H, A⟩`".to_string();
                block.lines.push(Line { terms: self.shown(&terms), law });
            }
        }
        Ok(block)
    }

    fn shown(&mut self, terms: &[Term]) -> Vec<(NodeId, NodeId)> {
        terms
            .iter()
            .map(|t| (t.gradient, t.part.map_or_else(|| self.differential(t.of), |p| p.0)))
            .collect()
    }

    /// ⟨G, dC⟩ by the differential of the op that makes C; a function with an adjoint of its own
    /// takes both laws in one.
    fn differentiate(
        &mut self,
        terms: &mut Vec<Term>,
        of: NodeId,
    ) -> Result<(String, bool), String> {
        let node = *self.graph.get(of);
        let at = terms.iter().position(|t| t.of == of && t.part.is_none()).unwrap_or(0);
        let gradient = terms.remove(at).gradient;
        if let Op::Call(_) = node.op {
            let name = self.graph.called(node.op);
            let found = backward(self.graph, of, gradient, &self.active)?;
            let mut law = match (&found.surrogate, found.declared.is_empty()) {
                (Some(_), _) => format!("surrogate of {name}: `{}`", found.declared.join(", ")),
                (None, true) => format!("{name} by its definition"),
                (None, false) => format!("adjoint of {name}: `{}`", found.declared.join(", ")),
            };
            for (i, (target, part)) in found.parts.into_iter().enumerate() {
                let gradient = self.simplified(part, &mut law);
                terms.insert(at + i, Term { gradient, of: target, part: None });
            }
            return Ok((law, found.surrogate.is_some()));
        }
        let mut law = differential_law(node.op);
        for (i, (operand, rank)) in self.operands(of).into_iter().enumerate() {
            let seed = self.differential(operand);
            let made = self.applied(of, operand, rank, seed)?;
            let made = self.simplified(made, &mut law);
            let part = Some((made, of, rank)).filter(|_| made != seed);
            terms.insert(at + i, Term { gradient, of: operand, part });
        }
        Ok((law, false))
    }

    /// ⟨G, op(dA)⟩ = ⟨opᵀ(G), dA⟩ for all terms of one op.
    fn hand_over(&mut self, terms: &mut [Term], by: NodeId) -> Result<String, String> {
        let op = self.graph.get(by).op;
        let mut law = match op.def().laws[1] {
            "" => "`⟨G, S ⊙ A⟩ = ⟨S ⊙ G, A⟩`".to_string(),
            law => format!("`{law}`"),
        };
        for term in terms.iter_mut() {
            let Some((_, _, rank)) = term.part.filter(|p| p.1 == by) else { continue };
            let only = HashSet::from([term.of]);
            let found = backward(self.graph, by, term.gradient, &only)?;
            let parts: Vec<NodeId> = found.parts.iter().map(|p| p.1).collect();
            let sum = match rank {
                Some(rank) => parts.get(rank).copied(),
                None => self.sum(&parts)?,
            };
            let sum = sum.ok_or_else(|| format!("an adjoint of {} is missing", op.def().name))?;
            term.gradient = self.simplified(sum, &mut law);
            term.part = None;
        }
        Ok(law)
    }

    /// Terms with the differential of one value become one; whether there were any.
    fn collect(&mut self, terms: &mut Vec<Term>) -> Result<bool, String> {
        let before = terms.len();
        let mut kept: Vec<Term> = Vec::new();
        for term in terms.drain(..) {
            let same = |k: &&mut Term| k.part.is_none() && term.part.is_none() && k.of == term.of;
            match kept.iter_mut().find(same) {
                Some(known) => {
                    let sum = self.graph.node(Op::Add, &[known.gradient, term.gradient]);
                    let sum = sum.map_err(|e| format!("{e:?}"))?;
                    known.gradient = self.rewriter.rewrite(self.graph, sum);
                }
                None => kept.push(term),
            }
        }
        *terms = kept;
        Ok(terms.len() < before)
    }

    fn sum(&mut self, parts: &[NodeId]) -> Result<Option<NodeId>, String> {
        let Some((&first, rest)) = parts.split_first() else { return Ok(None) };
        let sum = rest.iter().try_fold(first, |sum, &part| self.graph.node(Op::Add, &[sum, part]));
        sum.map(Some).map_err(|e| format!("{e:?}"))
    }

    /// The simplified form; the rules that were used are added to the law.
    fn simplified(&mut self, id: NodeId, law: &mut String) -> NodeId {
        let before = self.rewriter.steps.len();
        let result = self.rewriter.rewrite(self.graph, id);
        for step in &self.rewriter.steps[before..] {
            if !law.contains(&step.rule) {
                *law += &format!("; {}", step.rule);
            }
        }
        result
    }

    /// The operands that depend on what is derived by: those of an element-wise op each once, of
    /// another op with their place among equal ones.
    fn operands(&self, of: NodeId) -> Vec<(NodeId, Option<usize>)> {
        let node = self.graph.get(of);
        let mut found: Vec<(NodeId, Option<usize>)> = Vec::new();
        for &operand in node.operands.iter().filter(|o| self.active.contains(o)) {
            let rank = found.iter().filter(|f| f.0 == operand).count();
            if !node.op.is_elementwise() {
                found.push((operand, Some(rank)));
            } else if rank == 0 {
                found.push((operand, None));
            }
        }
        found
    }

    /// dC for this dA.
    fn applied(
        &mut self,
        of: NodeId,
        operand: NodeId,
        rank: Option<usize>,
        seed: NodeId,
    ) -> Result<NodeId, String> {
        let node = *self.graph.get(of);
        let definition = node.op.def();
        if node.op.is_elementwise() {
            // What multiplies each entry is the same on both sides.
            let only = HashSet::from([operand]);
            let found = backward(self.graph, of, seed, &only)?;
            let parts: Vec<NodeId> = found.parts.iter().map(|p| p.1).collect();
            return self.sum(&parts)?.ok_or_else(|| format!("{} has no adjoint", definition.name));
        }
        let mut equal = (0..node.operands.len()).filter(|&i| node.operands[i] == operand);
        let place = equal.nth(rank.unwrap_or(0)).ok_or("an operand is missing")?;
        if !definition.differential.is_empty() {
            let text = definition.differential;
            let text = parse_expr(text, &standard().dialect()).map_err(|d| d[0].title.clone())?;
            // The library's functions, and none of the page.
            let functions = Some(standard().functions.len() as u32);
            let mut scope = Scope { functions, ..Scope::default() };
            let values = [("A", node.operands[0]), ("C", of), ("dA", seed)];
            scope.values.extend(values.map(|(name, id)| (name.to_string(), Some(id))));
            return Builder::new(self.graph, "")
                .expected(&scope, &text, node.shape)
                .map_err(|d| format!("the differential of {}: {}", definition.name, d.title));
        }
        let (op, operands) = match definition.transposed {
            // The transpose of the transpose, of those that are linear in all operands together.
            Some(transposed) => {
                let shapes: Vec<_> = node.operands.iter().map(|&o| self.graph.shape(o)).collect();
                let back = transposed(node.op, place, &shapes);
                let again = back.def().transposed.ok_or("a transpose has a transpose")?;
                let op = again(back, 0, &[node.shape, *shapes.last().unwrap_or(&node.shape)]);
                (op, vec![seed, node.operands[node.operands.len() - 1]])
            }
            None => {
                let mut operands = node.operands.to_vec();
                operands[place] = seed;
                (node.op, operands)
            }
        };
        self.graph.node(op, &operands[..op.def().arity]).map_err(|e| format!("{e:?}"))
    }

    /// The differential of a node, as a variable that is not of the page.
    fn differential(&mut self, of: NodeId) -> NodeId {
        if let Some(&known) = self.differentials.get(&of) {
            return known;
        }
        let text = format!("{MARK}{}", of.0);
        let name = Name { spelling: text.clone(), text, span: Default::default() };
        let shape = self.graph.shape(of);
        let node = self.graph.add_variable(name, Kind::Given, shape, Initial::None);
        self.differentials.insert(of, node);
        node
    }

    /// dU of every U that a line speaks of, from the differentials of what was derived by.
    fn tangents(&mut self, gradients: &Gradients) -> Result<HashMap<NodeId, NodeId>, String> {
        let mut tangents = HashMap::new();
        for &of in &gradients.wrt {
            tangents.insert(of, self.differential(of));
        }
        let mut wanted: Vec<NodeId> = self.differentials.keys().copied().collect();
        let mut seen = HashSet::new();
        while let Some(id) = wanted.pop() {
            if seen.insert(id) {
                wanted.extend(self.graph.body(id));
                wanted.extend(self.graph.get(id).operands.iter());
            }
        }
        let mut order: Vec<NodeId> = seen.into_iter().filter(|i| self.active.contains(i)).collect();
        order.sort_unstable();
        for id in order {
            if tangents.contains_key(&id) {
                continue;
            }
            let parts = match self.graph.body(id) {
                Some(body) => tangents.get(&body).copied().into_iter().collect(),
                None => {
                    let mut parts = Vec::new();
                    for (operand, rank) in self.operands(id) {
                        if let Some(&seed) = tangents.get(&operand) {
                            parts.push(self.applied(id, operand, rank, seed)?);
                        }
                    }
                    parts
                }
            };
            if let Some(sum) = self.sum(&parts)? {
                tangents.insert(id, sum);
            }
        }
        Ok(tangents)
    }
}

/// The differential of an op in words of its own, or that of an element-wise op by its slope.
fn differential_law(op: Op) -> String {
    let definition = op.def();
    if !definition.laws[0].is_empty() {
        return format!("`{}`", definition.laws[0]);
    }
    let terms = definition.adjoint.iter().filter_map(|line| {
        let (left, right) = line.split_once(" = ")?;
        Some(right.replace("∂C", &left.replace('∂', "d")))
    });
    let terms = terms.collect::<Vec<_>>().join(" + ");
    let operands = &["A", "A, B"][usize::from(definition.arity == 2)];
    format!("`dC = {terms}` for `C = {}({operands})`", definition.name)
}

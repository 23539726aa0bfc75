//! What the loss of a page compares with its target: the output of the network, named or not.

use matgrad_expr::diagnostic::Diagnostic;
use matgrad_expr::elaborate::Equations;
use matgrad_expr::graph::{Graph, Kind, NodeId};
use matgrad_expr::op::Op;
use matgrad_expr::syntax::Role;

use crate::network::Link;

/// Losses whose first argument is not yet the prediction.
const LINKS: [(&str, Link); 4] = [
    ("expected_cost", Link::Softmax),
    ("cross_entropy", Link::Softmax),
    ("binary_cross_entropy", Link::Sigmoid),
    ("poisson", Link::Exp),
];

/// The output of a page with this objective and target, and what makes a prediction of it.
///
/// # Errors
/// Why there is none, pointing at a name where there is one.
pub(crate) fn find(
    equations: &Equations,
    objective: NodeId,
    target: NodeId,
) -> Result<(NodeId, Link), Diagnostic> {
    let graph = &equations.graph;
    let [calls, bodies] = [false, true].map(|through| Page::new(graph, objective, target, through));
    if let Some(wrong) = calls.reading().or_else(|| bodies.reading()) {
        return Err(wrong);
    }
    let plain = |node| (node, Link::Identity);
    let found = bodies
        .linked()
        .or_else(|| calls.linked())
        .or_else(|| calls.compared(equations).map(plain))
        .or_else(|| bodies.compared(equations).map(plain));
    found.ok_or_else(|| match calls.added().or_else(|| bodies.added()) {
        Some(wrong) => wrong,
        None => Diagnostic::new("no value that depends on parameters is compared with the target")
            .help("write a loss of both, such as `minimize mse(X W + b, Y)`"),
    })
}

/// The nodes of an objective, each after its operands.
struct Page<'a> {
    graph: &'a Graph,
    target: NodeId,
    through_calls: bool,
    nodes: Vec<NodeId>,
    /// Of all nodes of the graph, which depend on the target, and which on a parameter.
    depends: Vec<[bool; 2]>,
}

impl<'a> Page<'a> {
    fn new(graph: &'a Graph, objective: NodeId, target: NodeId, through_calls: bool) -> Page<'a> {
        let nodes = graph.reachable(&[objective], through_calls);
        let mut depends = vec![[false; 2]; graph.len()];
        for &node in &nodes {
            let kind = graph.variable(node).map(|v| v.kind);
            let own = [node == target, kind == Some(Kind::Declared(Role::Param))];
            let operands = operands(graph, node, through_calls).into_iter();
            let all = operands.map(|operand| depends[operand.0 as usize]);
            depends[node.0 as usize] = all.fold(own, |[a, b], [c, d]| [a | c, b | d]);
        }
        Page { graph, target, through_calls, nodes, depends }
    }

    fn uses_target(&self, node: NodeId) -> bool {
        self.depends[node.0 as usize][0]
    }

    /// The first argument of a loss that has a link.
    fn linked(&self) -> Option<(NodeId, Link)> {
        self.nodes.iter().find_map(|&node| {
            let name = self.graph.of_library(self.graph.get(node).op)?;
            let (_, link) = LINKS.iter().find(|(n, _)| *n == name.trim_end_matches("_each"))?;
            let first = self.graph.get(node).operands[0];
            (!self.uses_target(first)).then_some((first, *link))
        })
    }

    /// What does not depend on the target and is put beside what does: rather what depends on
    /// parameters, has the target's shape, and a name; the last one.
    fn compared(&self, equations: &Equations) -> Option<NodeId> {
        let shape = self.graph.shape(self.target);
        let users = self.nodes.iter().filter(|&&node| self.uses_target(node) && !self.is_sum(node));
        let operands = users.flat_map(|&user| {
            let negative = !matches!(self.graph.get(user).op, Op::Call(_));
            let likelihood = !self.is_difference(user);
            let operands = operands(self.graph, user, self.through_calls).into_iter();
            operands.map(move |operand| self.stripped(operand, negative, likelihood))
        });
        let beside = operands.filter_map(|node| {
            let [target, parameter] = self.depends[node.0 as usize];
            let found = self.graph.shape(node);
            let named = equations.definitions.iter().position(|&d| d == node);
            let number = self.graph.number_at(node).is_some();
            let fits = !target
                && !number
                && found.rows == shape.rows
                && (found == shape || named.is_some());
            fits.then_some(((parameter, found == shape, named), node))
        });
        beside.max_by_key(|&(rank, _)| rank).map(|(_, node)| node)
    }

    /// Whether the target is a term of this sum, or of one in this function: what is beside it is the
    /// prediction itself.
    fn is_difference(&self, user: NodeId) -> bool {
        let graph = self.graph;
        let sums = match graph.get(user).op {
            Op::Call(_) => graph.reachable(&[user], true),
            _ => vec![user],
        };
        let has_target = |node: &NodeId| {
            let terms = &graph.get(*node).operands;
            terms.iter().any(|&term| self.stripped(term, true, false) == self.target)
        };
        sums.iter().any(|node| graph.get(*node).op == Op::Add && has_target(node))
    }

    /// A likelihood has the logarithm of the prediction, a difference its negative; the negative
    /// that a function is given is the prediction.
    fn stripped(&self, mut node: NodeId, mut negative: bool, likelihood: bool) -> NodeId {
        loop {
            let operands = &self.graph.get(node).operands;
            let named = self.graph.name(node).is_some();
            node = match self.graph.get(node).op {
                Op::Log if likelihood => operands[0],
                Op::Neg if !named && negative => operands[0],
                Op::Transpose if !named => operands[0],
                _ => return node,
            };
            negative = true;
        }
    }

    /// A value, and whether it is taken away.
    fn signed(&self, node: NodeId) -> (NodeId, bool) {
        match self.graph.get(node).op {
            Op::Neg if self.graph.name(node).is_none() => (self.graph.get(node).operands[0], true),
            _ => (node, false),
        }
    }

    /// The target with what it is added to or taken from: the latter with whether it is taken away
    /// from the target, or both are.
    fn beside_target(&self, node: NodeId) -> Option<(NodeId, bool)> {
        let Op::Add = self.graph.get(node).op else { return None };
        let operands = &self.graph.get(node).operands;
        let [(a, minus), (b, less)] = [operands[0], operands[1]].map(|o| self.signed(o));
        let other = if a == self.target { b } else { a };
        [a, b].contains(&self.target).then_some((other, minus != less))
    }

    /// Whether this adds what depends on parameters to the target, which compares with its negative.
    fn is_sum(&self, node: NodeId) -> bool {
        let beside = self.beside_target(node);
        beside
            .is_some_and(|(other, apart)| !apart && self.depends[other.0 as usize] == [false, true])
    }

    fn added(&self) -> Option<Diagnostic> {
        let target = &self.graph.name(self.target)?.spelling;
        let sum = self.nodes.iter().find(|&&node| self.is_sum(node))?;
        let wrong =
            Diagnostic::new(format!("the objective adds the target {target} to the output"));
        Some(self.at(wrong, *sum, "here").help(format!(
            "what is learnt would be the negative of {target}; compare by a difference, such as \
             `sum((Z - {target}) .^ 2)`"
        )))
    }

    /// The error of a prediction to which the target was added, or from which it was taken, before
    /// it is compared with the target.
    fn reading(&self) -> Option<Diagnostic> {
        let target = &self.graph.name(self.target)?.spelling;
        let both = |node: NodeId| self.depends[node.0 as usize] == [true, true];
        let alone = |node: NodeId| self.depends[node.0 as usize] == [true, false];
        let [sums, maps] = [false, true].map(|maps| self.adds_target(maps));
        let found = self.nodes.iter().find_map(|&node| match self.graph.get(node).op {
            Op::Add => {
                let (other, _) = self.beside_target(node)?;
                (both(other) && sums[other.0 as usize]).then_some(other)
            }
            Op::Call(f) => {
                let function = &self.graph.functions[f as usize];
                let loss = (f as usize) < self.graph.library
                    && function.parameters.get(1).is_some_and(|p| p.name.text == "Y");
                let [a, b] = [0, 1].map(|i| self.graph.get(node).operands.get(i).copied());
                let pairs = [(a?, b?), (b?, a?)];
                let reads = |&(a, b): &(NodeId, NodeId)| both(a) && alone(b);
                let pair = pairs.into_iter().filter(|_| loss).find(reads)?;
                maps[pair.0.0 as usize].then_some(pair.0)
            }
            _ => None,
        })?;
        let name =
            self.graph.name(found).map_or(String::new(), |name| format!(" {}", name.spelling));
        let title =
            format!("the prediction{name} that is compared with the target {target} reads it");
        Some(self.at(Diagnostic::new(title), found, "computed from the target").help(format!(
            "where a network is used, there is no target: compare {target} with what the inputs and \
             parameters give alone, such as `mse(X W + b, {target})`"
        )))
    }

    /// Of all nodes, whether the target is a term of the value; with `maps` also of what functions
    /// are applied to. What the target only weighs or masks has no such term.
    fn adds_target(&self, maps: bool) -> Vec<bool> {
        let mut adds = vec![false; self.graph.len()];
        for &node in self.nodes.iter().filter(|&&node| self.uses_target(node)) {
            let operands = operands(self.graph, node, self.through_calls);
            let number = |operand: &NodeId| self.depends[operand.0 as usize] == [false, false];
            let goes_on = match self.graph.get(node).op {
                Op::Add | Op::Neg | Op::Transpose => true,
                Op::Mul | Op::Div => operands.iter().any(number),
                Op::Greater | Op::GreaterEqual => false,
                _ => maps,
            };
            let term = operands.iter().any(|operand| adds[operand.0 as usize]);
            adds[node.0 as usize] = node == self.target || goes_on && term;
        }
        adds
    }

    /// Points at the name of a value, if it has one.
    fn at(&self, wrong: Diagnostic, node: NodeId, label: &str) -> Diagnostic {
        match self.graph.name(node) {
            Some(name) => wrong.label(name.span, label),
            None => wrong,
        }
    }
}

/// What a node is computed from: a call from its body, where calls are looked through.
fn operands(graph: &Graph, node: NodeId, through_calls: bool) -> Vec<NodeId> {
    match graph.body(node).filter(|_| through_calls) {
        Some(body) => vec![body],
        None => graph.get(node).operands.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Link, Network};
    use matgrad_expr::print::unicode;

    /// A page that ends so.
    fn page(end: &str) -> String {
        let weights = if end.contains('S') { "input S : B×1\n" } else { "" };
        format!(
            "input X : B×4\n{weights}target Y : B×3\nparam W : 4×8\nparam V : 8×3\n\
             H = tanh(X W)\n{end}\n"
        )
    }

    #[test]
    fn the_output_is_what_is_compared_with_the_target() {
        use Link::{Exp, Identity, Sigmoid, Softmax};
        let cases = [
            ("minimize mse(H V, Y)", "H V", Identity),
            ("Z = H V\nminimize mse(Y, Z)", "H V", Identity),
            ("P = H V\nminimize mse(3 P, Y)", "3 P", Identity),
            ("P = H V\nminimize mse(tanh(P), Y)", "tanh(P)", Identity),
            ("minimize mse(-(H V), Y)", "-H V", Identity),
            ("R = H V - Y\nminimize sum(R∘²)", "H V", Identity),
            ("R = Y - H V\nminimize sum(exp(R) - R)", "H V", Identity),
            ("minimize mse((Y > 0) ⊙ (H V), Y)", "H V", Identity),
            ("P = H V\nminimize sum(Y ⊙ log(Y) - Y ⊙ log(P) - Y + P)", "H V", Identity),
            ("P = exp(H V)\nminimize 1 - 2 sum(P ⊙ Y) / sum(P + Y)", "exp(H V)", Identity),
            (
                "cross_entropy(P, Y) = sum((P - Y)∘²)\n  adjoint L: ∂P = 2 ∂L (P - Y)\n\
                 minimize cross_entropy(H V, Y)",
                "H V",
                Identity,
            ),
            ("Z = H V\nminimize mse(sigmoid(Z), Y)", "sigmoid(Z)", Identity),
            ("Z = H V\nminimize -sum(Y ⊙ log(softmax(Z))) / B", "softmax(Z)", Identity),
            ("P = log(1 + exp(H V))\nminimize mse(P, Y)", "log(1 + exp(H V))", Identity),
            ("minimize mse(log(1 + exp(H V)), log(Y))", "1 + exp(H V)", Identity),
            ("Z = H V\nminimize sum((Y - Z)∘²) / B + 0.1 sum(V∘²)", "H V", Identity),
            (
                "Z = H V\nP = sigmoid(Z)\nℓ = Y ⊙ log(P) + (1 - Y) ⊙ log(1 - P)\nminimize -sum(ℓ)",
                "sigmoid(Z)",
                Identity,
            ),
            ("Z = H V\nminimize sum(S ⊙ rowsum((Z - Y)∘²)) / sum(S)", "H V", Identity),
            ("Z = H V\nminimize cross_entropy(Z, Y)", "H V", Softmax),
            ("Z = H V\nminimize binary_cross_entropy(2 Z, Y)", "2 Z", Sigmoid),
            ("loss(A, T) = poisson(A, T)\nZ = H V\nminimize loss(Z, Y)", "H V", Exp),
            ("far(A, T) = sum((A - T)∘²)\nZ = H V\nminimize far(exp(Z), Y)", "exp(Z)", Identity),
        ];
        for (end, output, link) in cases {
            let network = Network::parse("page", &page(end)).unwrap_or_else(|e| panic!("{e}"));
            let found = unicode(&network.equations.graph, network.output);
            assert_eq!((found.as_str(), network.link), (output, link), "{end}");
        }
    }

    #[test]
    fn a_prediction_reads_no_target() {
        let reads = "the prediction that is compared with the target Y reads it";
        let named = "the prediction P that is compared with the target Y reads it";
        let adds = "the objective adds the target Y to the output";
        let cases = [
            ("P = H V + Y\nminimize mse(P, Y)", named),
            ("P = H V - Y\nminimize mse(P, Y)", named),
            ("P = sigmoid(H V + Y)\nminimize cross_entropy(P, Y)", named),
            ("P = H V + rowsum(Y)\nminimize mse(P, Y)", named),
            ("minimize mse(Y, H V + 0.5 Y)", reads),
            ("P = H V + Y\nminimize sum((P - Y)∘²)", named),
            ("P = H V - Y\nminimize sum((Y - P)∘²)", named),
            ("far(A, T) = sum((A - T)∘²)\nminimize far(H V - Y, Y)", reads),
            ("minimize sum((H V + Y)∘²)", adds),
        ];
        for (end, title) in cases {
            let wrong = Network::parse("page", &page(end)).map(|_| ()).unwrap_err().to_string();
            assert!(wrong.contains(title), "{end}: {wrong}");
        }
    }
}

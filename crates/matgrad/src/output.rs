//! What the loss of a page compares with its target: the output of the network, named or not.

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
pub(crate) fn find(
    equations: &Equations,
    objective: NodeId,
    target: NodeId,
) -> Option<(NodeId, Link)> {
    let graph = &equations.graph;
    let [calls, bodies] = [false, true].map(|through| Page::new(graph, objective, target, through));
    let plain = |node| (node, Link::Identity);
    bodies
        .linked()
        .or_else(|| calls.linked())
        .or_else(|| calls.compared(equations).map(plain))
        .or_else(|| bodies.compared(equations).map(plain))
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
            let Op::Call(f) = self.graph.get(node).op else { return None };
            let name = &self.graph.functions[f as usize].name.text;
            let (_, link) = LINKS.iter().find(|(n, _)| *n == name.trim_end_matches("_each"))?;
            let first = self.graph.get(node).operands[0];
            (!self.uses_target(first)).then_some((first, *link))
        })
    }

    /// What does not depend on the target and is put beside what does: rather what depends on
    /// parameters, has the target's shape, and a name; the last one.
    fn compared(&self, equations: &Equations) -> Option<NodeId> {
        let shape = self.graph.shape(self.target);
        let users = self.nodes.iter().filter(|&&node| self.uses_target(node));
        let operands = users.flat_map(|&node| operands(self.graph, node, self.through_calls));
        let beside = operands.filter_map(|node| {
            let node = self.stripped(node);
            let [target, parameter] = self.depends[node.0 as usize];
            let found = self.graph.shape(node);
            let named = equations.definitions.iter().position(|&d| d == node);
            let fits = !target && found.rows == shape.rows && (found == shape || named.is_some());
            fits.then_some(((parameter, found == shape, named), node))
        });
        beside.max_by_key(|&(rank, _)| rank).map(|(_, node)| node)
    }

    /// A likelihood has the logarithm of the prediction, a difference its negative.
    fn stripped(&self, mut node: NodeId) -> NodeId {
        loop {
            let operands = &self.graph.get(node).operands;
            node = match self.graph.get(node).op {
                Op::Log => operands[0],
                Op::Neg | Op::Transpose if self.graph.name(node).is_none() => operands[0],
                _ => return node,
            };
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

    #[test]
    fn the_output_is_what_is_compared_with_the_target() {
        use Link::{Exp, Identity, Sigmoid, Softmax};
        let cases = [
            ("minimize mse(H V, Y)", "H V", Identity),
            ("Z = H V\nminimize mse(Y, Z)", "H V", Identity),
            ("P = H V\nminimize mse(3 P, Y)", "3 P", Identity),
            ("P = H V\nminimize mse(tanh(P), Y)", "tanh(P)", Identity),
            ("Z = H V\nminimize mse(sigmoid(Z), Y)", "sigmoid(Z)", Identity),
            ("Z = H V\nminimize -sum(Y ⊙ log(softmax(Z))) / B", "softmax(Z)", Identity),
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
            let weights = if end.contains('S') { "input S : B×1\n" } else { "" };
            let page = format!(
                "input X : B×4\n{weights}target Y : B×3\nparam W : 4×8\nparam V : 8×3\n\
                 H = tanh(X W)\n{end}\n"
            );
            let network = Network::parse("page", &page).unwrap_or_else(|e| panic!("{e}"));
            let found = unicode(&network.equations.graph, network.output);
            assert_eq!((found.as_str(), network.link), (output, link), "{end}");
        }
    }
}

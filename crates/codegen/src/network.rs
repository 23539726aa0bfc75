//! The programs of a network that leave as source: the forward pass, and one training step.

use std::collections::{BTreeMap, HashMap};

use matgrad::calculus::derive;
use matgrad::expr::dim::Shape;
use matgrad::expr::elaborate::{Given, update_rule};
use matgrad::expr::graph::{Graph, Initial, Kind, NodeId};
use matgrad::expr::matrix::Matrix;
use matgrad::expr::print::unicode;
use matgrad::expr::syntax::{Name, plain};
use matgrad::plan::plan::{Request, plan};
use matgrad::{Link, Network, UpdateRule};

use crate::{Error, Named, Source, Style, source};

/// Names that generated code has for itself, and words of Rust's that a page may have for names.
const TAKEN: [&str; 47] = [
    "new",
    "begin",
    "step",
    "real",
    "prediction",
    "abstract",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "crate",
    "do",
    "dyn",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "gen",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "pub",
    "ref",
    "self",
    "static",
    "struct",
    "super",
    "trait",
    "true",
    "try",
    "type",
    "unsafe",
    "use",
    "yield",
];

/// What a named value of a network is called in generated code.
pub fn symbol(network: &Network, node: NodeId) -> String {
    let name = network.equations.graph.name(node).map_or("value", |n| n.text.as_str());
    let plain = plain(name);
    let free = plain.starts_with(|c: char| c.is_ascii_alphabetic()) && !TAKEN.contains(&&*plain);
    if free { plain } else { format!("v_{plain}") }
}

fn network_error(why: impl std::fmt::Display) -> Error {
    Error::Network(why.to_string())
}

/// The forward pass for up to so many rows at once. Its input is the matrix that the
/// equations take, its output `prediction`.
///
/// # Errors
/// What [`source`] refuses, and what cannot be planned.
pub fn inference(
    network: &Network,
    weights: &[(NodeId, Matrix)],
    rows: usize,
    style: &Style,
) -> Result<Source, Error> {
    let graph = &network.equations.graph;
    let written = || unicode(graph, network.output);
    let output = graph.name(network.output).map_or_else(written, |name| name.text.clone());
    let function = match network.link {
        Link::Identity => "",
        Link::Softmax => "softmax",
        Link::Sigmoid => "sigmoid",
        Link::Exp => "exp",
    };
    // The prediction as one more line of the page, whose nodes come after all others.
    let page = format!("{}\nprediction = {function}({output})\n", network.source.trim_end());
    let linked = Network::parse("export.eq", &page).map_err(network_error)?;
    let graph = &linked.equations.graph;
    let prediction = match (graph.find("prediction"), network.link) {
        (Some(node), _) => node,
        (None, Link::Identity) => linked.output,
        (None, _) => return Err(network_error("the page names its prediction itself; rename it")),
    };
    let output = linked.equations.inference(prediction);
    let dims = HashMap::new();
    let rows = Some((linked.batch, rows));
    let request =
        Request { graph, outputs: &[output], updates: &[], fixed: &[], dims: &dims, rows };
    let program = plan(&request).map_err(network_error)?;
    let mut named = vec![
        Named { node: linked.input, name: Some(symbol(&linked, linked.input)), value: None },
        Named { node: output, name: Some("prediction".into()), value: None },
    ];
    named.extend(values(network, weights, &linked));
    source(&program, &named, style)
}

/// Weights by their names, in the graph of another reading of the same page.
fn values<'a>(
    network: &'a Network,
    weights: &'a [(NodeId, Matrix)],
    to: &'a Network,
) -> impl Iterator<Item = Named<'a>> {
    weights.iter().filter_map(move |(node, m)| {
        let name = network.equations.graph.name(*node)?;
        let node = to.equations.graph.find(&name.text)?;
        let name = Some(symbol(to, node));
        Some(Named { node, name, value: Some(m.data.as_slice().into()) })
    })
}

/// One training step for up to so many rows: loss, gradients and update. The caller
/// writes input and target, counts `step` from 1 where the rule asks for it, and may change the
/// hyperparameters.
///
/// # Errors
/// What [`source`] refuses; what does not fit: the rule, its settings, the plan.
pub fn training(
    network: &Network,
    weights: &[(NodeId, Matrix)],
    rows: usize,
    (rule, settings): (&UpdateRule, &[(String, f64)]),
    style: &Style,
) -> Result<Source, Error> {
    let parameters = network.equations.parameters();
    let derived =
        derive(&network.equations.graph, network.objective, &parameters).map_err(network_error)?;
    let mut graph = derived.graph.clone();
    let mut named: Vec<Named> = Vec::new();
    let step = setting(&mut graph, &mut named, "step", 1.0);
    let mut hyperparameters = BTreeMap::new();
    for (name, value) in rule.settings(settings).map_err(network_error)? {
        let node = setting(&mut graph, &mut named, &name, value);
        hyperparameters.insert(name, (node, value));
    }
    let mut updates = Vec::new();
    for &weights in &parameters {
        let gradient = derived.of(weights).ok_or_else(|| network_error("no gradient"))?;
        let (loss, hyperparameters) = (derived.objective, hyperparameters.clone());
        let given = Given { weights, gradient, step, loss, hyperparameters };
        let update = update_rule(&mut graph, &rule.rule, &rule.source, &given)
            .map_err(|_| network_error(format!("{} does not fit", rule.rule.name.text)))?;
        updates.push((weights, update.weights));
        updates.extend(update.states);
    }
    updates.extend(&network.equations.graph.updates);
    let request = Request {
        graph: &graph,
        outputs: &[derived.objective],
        updates: &updates,
        fixed: &[],
        dims: &HashMap::new(),
        rows: Some((network.batch, rows)),
    };
    let program = plan(&request).map_err(network_error)?;
    named.extend(states(&graph));
    named.extend(supplied(network, rows));
    let loss = Some(symbol(network, network.objective));
    named.push(Named { node: derived.objective, name: loss, value: None });
    named.extend(values(network, weights, network));
    source(&program, &named, style)
}

/// A number that the caller may change, with what it begins as.
fn setting(graph: &mut Graph, named: &mut Vec<Named>, text: &str, value: f64) -> NodeId {
    let name = Name { text: text.into(), spelling: text.into(), span: Default::default() };
    let node = graph.add_variable(name, Kind::Given, Shape::SCALAR, Initial::None);
    let name = Some(format!("set_{}", plain(text)));
    named.push(Named { node, name, value: Some(vec![value].into()) });
    node
}

/// States of the update rule, with what they begin as.
fn states<'a>(graph: &Graph) -> Vec<Named<'a>> {
    let states = graph.variables.iter().filter(|v| v.kind == Kind::State);
    let each = states.filter_map(|variable| {
        let Initial::Value(first) = &variable.initial else { return None };
        let size = variable.shape.size().and_then(|s| s.number())?;
        let value = Some(vec![first.data[0]; size as usize].into());
        Some(Named { node: variable.node, name: None, value })
    });
    each.collect()
}

/// What the caller writes: rows of the table, and noise, drawn before each step. Rows weigh the
/// same if nothing else is said.
fn supplied<'a>(network: &Network, rows: usize) -> Vec<Named<'a>> {
    let mut nodes = vec![network.input, network.target];
    nodes.extend(network.equations.noise().map(|variable| variable.node));
    let named = |node, value| Named { node, name: Some(symbol(network, node)), value };
    let mut all: Vec<Named> = nodes.into_iter().map(|node| named(node, None)).collect();
    if let Some(node) = network.row_weights {
        all.push(named(node, Some(vec![1.0; rows * network.columns(node)].into())));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_names_of_their_own() {
        let page = "input X : B×2\ntarget Y : B×2\nparam Ŵ : 2×2\nparam Û : 2×2\nparam step : 1×2\n\
                    param match : 1×2\nparam η₁ : 1×2\nminimize mse(X Ŵ Û + step + match + η₁, Y)\n";
        let network = Network::parse("page", page).unwrap_or_else(|e| panic!("{e}"));
        let parameters = network.equations.parameters();
        let symbols: Vec<String> = parameters.into_iter().map(|p| symbol(&network, p)).collect();
        assert_eq!(symbols, ["u174", "udb", "v_step", "v_match", "eta1"]);
    }
}

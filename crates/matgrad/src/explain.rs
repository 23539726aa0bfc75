//! One example through forward, backward and update, with every number.

use std::collections::BTreeMap;

use matgrad_calculus::derive;
use matgrad_expr::elaborate::{Given, hyperparameters, update_rule};
use matgrad_expr::graph::{Kind, NodeId};
use matgrad_expr::latex::{latex, latex_name};
use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::{Bindings, evaluate};
use matgrad_expr::op::Op;
use matgrad_expr::print::unicode;
use matgrad_expr::syntax::canonical;
use matgrad_library::{OPTIMIZERS, standard};

use crate::forms::index::{self, Why};
use crate::network::noise;
use crate::step::given;
use crate::{Error, Network};

mod contribution;
mod render;

pub use contribution::{Contributions, contributions};

/// One line of an explanation.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// `forward`, `backward` or `update`.
    pub part: &'static str,
    /// The name on the left.
    pub name: String,
    /// The equation.
    pub equation: String,
    /// The values, f64.
    pub value: Matrix,
    /// Where the equation comes from.
    pub rule: String,
    /// The equation in LaTeX, with its left side.
    pub latex: String,
}

/// All that is said of one batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    /// Forward, backward and update, equation by equation.
    pub lines: Vec<Line>,
    /// The sums behind the entries that were asked for.
    pub whys: Vec<Why>,
    /// Names of the input columns.
    pub inputs: Vec<String>,
    /// What the inputs contribute to each decision, with its name.
    pub decisions: Vec<(String, Contributions)>,
}

/// Explains one batch: forward, backward, and a step of gradient descent at this rate; and the
/// sums behind `entries`, such as `d_W1[3,2]`, with their numbers of so many significant digits.
///
/// # Errors
/// What cannot be derived or evaluated, or an entry that is not there.
pub fn explain(
    network: &Network,
    weights: &[(NodeId, Matrix)],
    inputs: &Matrix,
    targets: &Matrix,
    rate: f64,
    entries: &[String],
    digits: usize,
) -> Result<Explanation, Error> {
    let parameters = network.equations.parameters();
    let derived = derive(&network.equations.graph, network.objective, &parameters, standard())
        .map_err(Error::Run)?;
    let mut graph = derived.graph.clone();
    let mut at = Bindings::default();
    for (node, value) in [(network.input, inputs), (network.target, targets)] {
        at.set(&graph, node, value.clone()).map_err(Error::Input)?;
    }
    network.set_row_weights(&mut at, inputs.rows)?;
    for (node, value) in weights.iter().chain(&noise(&network.equations, inputs.rows, 0, 1)) {
        at.set(&graph, *node, value.clone()).map_err(Error::Input)?;
    }
    let rule =
        standard().optimizer("sgd").ok_or_else(|| Error::Run("the library has no sgd".into()))?;
    let step = given(&mut graph, "step");
    at.values.insert(step, Matrix::scalar(1.0));
    let mut hyper = BTreeMap::new();
    for (name, default) in hyperparameters(&rule) {
        let value = if name == "η" { rate } else { default };
        let node = if name == "η" { given(&mut graph, "η") } else { graph.number(value) };
        at.values.insert(node, Matrix::scalar(value));
        hyper.insert(name, (node, value));
    }
    let mut wanted: Vec<(&'static str, String, NodeId, String)> = Vec::new();
    let named = |n: NodeId| graph.name(n).map_or("?".to_string(), |n| n.text.clone());
    for variable in network.equations.graph.variables.iter() {
        let Kind::Declared(role) = variable.kind else { continue };
        wanted.push((
            "forward",
            named(variable.node),
            variable.node,
            format!("{role:?}").to_lowercase(),
        ));
    }
    for &definition in &network.equations.definitions {
        wanted.push(("forward", named(definition), definition, "defined by the page".into()));
    }
    let forward = |id: NodeId| {
        let users = graph
            .reachable(&[network.objective], false)
            .into_iter()
            .filter(|&u| graph.get(u).operands.contains(&id));
        let mut ops: Vec<String> = users
            .map(|u| match graph.get(u).op {
                Op::Call(f) => graph.functions[f as usize].name.text.clone(),
                op => op.def().name.to_string(),
            })
            .collect();
        ops.dedup();
        format!("adjoint of {}", ops.join(", "))
    };
    for &(of, gradient) in &derived.gradients {
        wanted.push(("backward", format!("∂{}", named(of)), gradient, forward(of)));
    }
    for &parameter in &parameters {
        let gradient =
            derived.of(parameter).ok_or_else(|| Error::Run("a gradient is missing".into()))?;
        let given = Given {
            weights: parameter,
            gradient,
            step,
            loss: derived.objective,
            hyperparameters: hyper.clone(),
        };
        let update = update_rule(&mut graph, &rule, OPTIMIZERS, &given)
            .map_err(|d| Error::Run(d[0].title.clone()))?;
        let name = graph.name(parameter).map_or("?".to_string(), |n| n.text.clone());
        wanted.push(("update", format!("{name} ←"), update.weights, "sgd".into()));
    }
    let roots: Vec<NodeId> = wanted.iter().map(|w| w.2).collect();
    let values = evaluate(&graph, &roots, &at).map_err(Error::Input)?;
    let form = index::form(&derived);
    let mut whys = Vec::new();
    for text in entries {
        let (name, row, col) = entry(text)?;
        let why = form.why(&canonical(name), (row, col), &at, digits).map_err(Error::Input)?;
        whys.push(why);
    }
    let lines = wanted.into_iter().map(|(part, name, node, rule)| {
        let equation = unicode(&graph, node);
        let arrow = name.strip_suffix(" ←");
        let sign = if arrow.is_some() { r" \leftarrow " } else { " = " };
        let left = latex_name(arrow.unwrap_or(&name));
        let latex = match equation == name {
            true => left,
            false => format!("{left}{sign}{}", latex(&graph, node)),
        };
        Line { part, name, equation, value: values[&node].clone(), rule, latex }
    });
    Ok(Explanation { lines: lines.collect(), whys, ..Explanation::default() })
}

/// `d_W1[3,2]` taken apart.
fn entry(text: &str) -> Result<(&str, usize, usize), Error> {
    let wrong = || Error::Input(format!("{text} is no entry; write NAME[ROW,COLUMN] from 1"));
    let (name, rest) = text.split_once('[').ok_or_else(wrong)?;
    let inside = rest.strip_suffix(']').ok_or_else(wrong)?;
    let (row, col) = inside.split_once(',').ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong());
    Ok((name.trim(), number(row)?, number(col)?))
}

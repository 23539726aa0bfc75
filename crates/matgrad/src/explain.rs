//! One example through forward, backward and update, with every number.

use std::collections::BTreeMap;

use matgrad_calculus::derive;
use matgrad_expr::elaborate::{Given, hyperparameters, update_rule};
use matgrad_expr::graph::{Kind, NodeId};
use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::{Bindings, evaluate};
use matgrad_expr::op::Op;
use matgrad_expr::print::unicode;
use matgrad_library::{OPTIMIZERS, standard};
use serde_json::{Value, json};

use crate::network::noise;
use crate::step::given;
use crate::{Error, Network};

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
}

/// Explains one batch: forward, backward, and a step of gradient descent at this rate.
///
/// # Errors
/// What cannot be derived or evaluated.
pub fn explain(
    network: &Network,
    weights: &[(NodeId, Matrix)],
    inputs: &Matrix,
    targets: &Matrix,
    rate: f64,
) -> Result<Vec<Line>, Error> {
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
    Ok(wanted
        .into_iter()
        .map(|(part, name, node, rule)| {
            let equation = unicode(&graph, node);
            Line { part, name, equation, value: values[&node].clone(), rule }
        })
        .collect())
}

/// As text: each equation, its shape, its numbers.
pub fn to_text(lines: &[Line]) -> String {
    let mut text = String::new();
    let mut part = "";
    for line in lines {
        if line.part != part {
            part = line.part;
            text += &format!("{}{part}\n", if text.is_empty() { "" } else { "\n" });
        }
        let sign = if line.name.ends_with('←') { " " } else { " = " };
        let equation = if line.equation == line.name {
            String::new()
        } else {
            format!("{sign}{}", line.equation)
        };
        text += &format!(
            "  {}{equation}    {}×{}    [{}]\n",
            line.name, line.value.rows, line.value.cols, line.rule
        );
        for i in 0..line.value.rows.min(8) {
            let row: Vec<String> =
                line.value.row(i).iter().take(10).map(|x| format!("{x:>15.9e}")).collect();
            let more = if line.value.cols > 10 { " …" } else { "" };
            text += &format!("      {}{more}\n", row.join(" "));
        }
        if line.value.rows > 8 {
            text += &format!("      … {} rows in all\n", line.value.rows);
        }
    }
    text
}

/// As JSON: an array of lines with all numbers.
pub fn to_json(lines: &[Line]) -> Value {
    let each = lines.iter().map(|l| {
        let rows: Vec<&[f64]> = (0..l.value.rows).map(|i| l.value.row(i)).collect();
        json!({"part": l.part, "name": l.name, "equation": l.equation,
               "shape": [l.value.rows, l.value.cols], "rule": l.rule, "value": rows})
    });
    Value::Array(each.collect())
}

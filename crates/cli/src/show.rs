//! The verbs that print a page and its stages: show, fmt.

use std::collections::HashMap;
use std::path::Path;

use matgrad::calculus;
use matgrad::expr::dim::Symbol;
use matgrad::expr::graph::NodeId;
use matgrad::expr::syntax::{parse_page, print_page};
use matgrad::library::standard;
use matgrad::{Method, Solver};
use serde_json::{Map, Value, json};

use crate::args::{Format, Stage};
use crate::equations::{Asked, derive, gradients, page};
use crate::input::{page_text, shown};
use crate::prepare::method;
use crate::{Failure, Talk, say};

/// Prints a stage.
///
/// # Errors
/// What is wrong with the page, or a name that is not there.
pub fn show(stage: Stage, what: &str, talk: &Talk) -> Result<(), Failure> {
    let path = Path::new(what);
    match stage {
        Stage::Equations => format(path, talk),
        Stage::Gradients => {
            let asked = Asked { file: Some(path), expression: None, wrt: &[] };
            let format = if talk.json { Format::Json } else { Format::Unicode };
            derive(&asked, format, false)
        }
        Stage::Graph => graph(path, talk),
        Stage::Cost => cost(path, talk),
        Stage::Plan => plan(path, talk),
        Stage::Optimizer => optimizer(what, talk),
    }
}

/// A text, or the JSON for it.
fn print(
    talk: &Talk,
    text: impl FnOnce() -> String,
    json: impl FnOnce() -> Value,
) -> Result<(), Failure> {
    match talk.json {
        true => say(format!("{}\n", json())),
        false => say(text()),
    }
}

fn graph(path: &Path, talk: &Talk) -> Result<(), Failure> {
    let equations = page(path)?;
    let graph = &equations.graph;
    let roots: Vec<NodeId> =
        equations.definitions.iter().copied().chain(equations.objective).collect();
    let nodes = graph.reachable(&roots, false);
    let line = |&id: &NodeId| {
        let node = graph.get(id);
        let operands: Vec<String> = node.operands.iter().map(|o| format!("%{}", o.0)).collect();
        let name = graph.name(id).map_or(String::new(), |n| format!("   {}", n.text));
        let op = graph.called(node.op);
        let operands = operands.join(", ");
        format!("%{} = {op}({operands})   {}{name}\n", id.0, graph.symbols.shape(node.shape))
    };
    let entry = |&id: &NodeId| {
        let node = graph.get(id);
        let (rows, cols) = (graph.symbols.dim(node.shape.rows), graph.symbols.dim(node.shape.cols));
        json!({
            "id": id.0, "op": node.op.def().name, "shape": [rows, cols],
            "operands": node.operands.iter().map(|o| o.0).collect::<Vec<_>>(),
            "name": graph.name(id).map(|n| n.spelling.as_str()),
        })
    };
    let json = || json!({"nodes": nodes.iter().map(entry).collect::<Vec<_>>()});
    print(talk, || nodes.iter().map(line).collect(), json)
}

fn cost(path: &Path, talk: &Talk) -> Result<(), Failure> {
    let equations = page(path)?;
    let gradients = gradients(&equations, &[])?;
    let costs = calculus::cost::cost(&gradients, &equations.definitions);
    let show = |count: &calculus::cost::Count| count.show(&gradients.graph.symbols);
    let row = |cost: &calculus::cost::Cost| {
        json!({
            "name": cost.name, "operations": show(&cost.operations), "bytes": show(&cost.bytes),
            "jacobian_entries": cost.jacobian_entries.as_ref().map(show),
            "jacobian_operations": cost.jacobian_operations().as_ref().map(show),
        })
    };
    let json = || json!({"equations": costs.equations.iter().map(row).collect::<Vec<_>>()});
    print(talk, || costs.to_string(), json)
}

fn plan(path: &Path, talk: &Talk) -> Result<(), Failure> {
    let equations = page(path)?;
    let gradients = gradients(&equations, &[])?;
    let symbols = gradients.graph.symbols.iter();
    let dims: HashMap<Symbol, usize> = symbols.map(|(symbol, _)| (symbol, 32)).collect();
    let outputs: Vec<NodeId> = gradients.gradients.iter().map(|&(_, g)| g).collect();
    let request = matgrad::plan::plan::Request {
        graph: &gradients.graph,
        outputs: &outputs,
        updates: &[],
        fixed: &[],
        dims: &dims,
        rows: None,
    };
    let plan = matgrad::plan::plan::plan(&request).map_err(Failure::run)?.to_string();
    print(talk, || plan.clone(), || json!({"lines": plan.lines().collect::<Vec<_>>()}))
}

/// An update rule as its text, a solver in a line with its settings.
fn optimizer(what: &str, talk: &Talk) -> Result<(), Failure> {
    let method = method(what)?;
    let settings = method.settings(&[])?;
    let text = match &method {
        Method::Rule(rule) => rule.text().to_string(),
        Method::Search(solver) => {
            let number = |x: &f64| format!("{x:?}").trim_end_matches(".0").to_string();
            let each = settings.iter().map(|(name, value)| format!("{name} = {}", number(value)));
            let each = each.collect::<Vec<_>>().join(", ");
            format!("{}: {}; {each}", solver.name(), described(*solver))
        }
    };
    let values: Map<String, Value> =
        settings.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let json = || json!({"name": method.name(), "text": text, "settings": values});
    print(talk, || format!("{text}\n"), json)
}

fn described(solver: Solver) -> &'static str {
    match solver {
        Solver::Lbfgs => "L-BFGS with a line search for the strong Wolfe conditions, on all rows",
        Solver::Scg => "scaled conjugate gradients, on all rows",
        Solver::Lm => "Levenberg–Marquardt, for sums of squares, on all rows",
    }
}

/// Prints the canonical form.
///
/// # Errors
/// What is wrong with the page.
pub fn format(path: &Path, talk: &Talk) -> Result<(), Failure> {
    let source = page_text(path)?;
    let page = parse_page(&source, &standard().dialect()).map_err(|diagnostics| {
        Failure::input(matgrad::expr::diagnostic::Errors { file: shown(path), source, diagnostics })
    })?;
    let text = print_page(&page, false);
    print(talk, || text.clone(), || json!({"equations": text}))
}

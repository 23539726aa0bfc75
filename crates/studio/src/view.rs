//! What the page is told, as JSON: equations as MathML, the graph as SVG, matrices by their
//! corners.

use std::collections::HashMap;

use matgrad::data::Values;
use matgrad::explain::{Equation, Summary, corners};
use matgrad::expr::graph::{Graph, NodeId};
use matgrad::expr::latex::{latex, latex_name};
use matgrad::expr::mathml::{mathml, mathml_name};
use matgrad::expr::matrix::Matrix;
use matgrad::expr::print::unicode;
use matgrad::expr::program::{module, numpy::NUMPY};
use matgrad::library::standard;
use matgrad::{Error, Evaluator, Link, Precision, Solver};
use matgrad_report::{Plane, Vertex, graph, heat, surface};
use serde_json::{Value, json};

use crate::Session;
use crate::message::Phase;
use crate::session::{Changed, Page};

/// Cells of a heat map, at most so many on a side; beyond, one cell is the mean of several entries.
const CELLS: usize = 32;
/// Terms of a sum that are told.
const TERMS: usize = 40;
/// Points of a decision surface.
const POINTS: usize = 400;

/// What changed, and how everything stands.
pub fn view(session: &Session, changed: Changed) -> Value {
    let mut view = json!({"error": session.error.as_ref().map(error), "stand": stand(session)});
    if changed == Changed::Page {
        view["page"] = session.page.as_ref().map_or(Value::Null, |p| page(p));
        view["text"] = json!(session.text);
        view["options"] = options(session);
    }
    view["numbers"] = json!(changed != Changed::Talk);
    view
}

/// What is wrong with the text: as it is printed, and where the first place is, in UTF-16 units.
fn error(error: &Error) -> Value {
    let mut places = Vec::new();
    if let Error::Equations(errors) = error {
        let units = |at: usize| {
            let at = errors.source.floor_char_boundary(at.min(errors.source.len()));
            errors.source[..at].encode_utf16().count()
        };
        for diagnostic in &errors.diagnostics {
            for (span, text) in &diagnostic.labels {
                places.push(json!([units(span.start), units(span.end), text]));
            }
        }
    }
    json!({"text": error.to_string(), "places": places})
}

/// Where rows and training are.
fn stand(session: &Session) -> Value {
    let phase = match session.phase {
        Phase::Given => "given",
        Phase::Forward => "forward",
        Phase::Backward => "backward",
        Phase::Update => "update",
    };
    let rows: Vec<String> = session.rows.iter().map(|row| (row + 1).to_string()).collect();
    let examples = session.examples.as_ref();
    json!({"phase": phase, "rows": rows.join(", "), "steps": session.memory.steps,
        "all": examples.map_or(0, |e| e.inputs.rows), "running": session.running.is_some(),
        "note": examples.map(|e| e.note.clone()), "unfit": session.unfit,
        "failed": session.failed, "course": session.course.view(),
        "plane": examples.is_some_and(|e| e.inputs.cols == 2 && e.inputs.rows > 1)})
}

/// What may be chosen, and what is.
fn options(session: &Session) -> Value {
    let set = &session.settings;
    let rules = standard().optimizers.iter().map(|o| o.name.text.clone());
    let table = session.table.as_ref();
    let columns = table.map(|t| t.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>());
    let words = table
        .is_some_and(|t| t.columns.iter().any(|c| matches!(c.values, Values::Categories { .. })));
    json!({"file": session.file, "rules": rules.collect::<Vec<_>>(), "words": words,
        "solvers": Solver::ALL.map(Solver::name), "columns": columns,
        "set": {"method": set.method, "rate": set.rate, "batch": set.batch, "epochs": set.epochs,
            "seed": set.seed, "standardize": set.standardize, "target": set.target}})
}

fn page(page: &Page) -> Value {
    let shown = &page.walk.graph;
    let lines = page.walk.equations.iter().map(|e| {
        let own = e.name.trim_end_matches(" ←");
        // The gradient of a sum is that of its parts: a name of its own is enough.
        let other = shown.name(e.node).filter(|n| e.part == "backward" && n.text != own);
        let given = e.part == "forward" && shown.variable(e.node).is_some();
        let right = match (given, other) {
            (true, _) => String::new(),
            (false, Some(other)) => mathml_name(&other.text),
            (false, None) => mathml(shown, e.node),
        };
        json!({"part": e.part, "name": e.name, "own": own, "left": mathml_name(own),
            "right": right, "rule": e.rule, "given": given,
            "shape": shown.symbols.shape(shown.shape(e.node))})
    });
    let settings = page.walk.settings().map(|(name, value)| format!("{name} = {value:?}"));
    let settings = settings.collect::<Vec<_>>().join(", ");
    json!({"lines": lines.collect::<Vec<_>>(), "settings": settings, "graph": drawing(page)})
}

/// The forward pass as a picture: each named value with what it uses.
fn drawing(page: &Page) -> String {
    let walk = &page.walk;
    let graph_of = &page.network.equations.graph;
    let forward: Vec<&Equation> = walk.equations.iter().filter(|e| e.part == "forward").collect();
    let mut nodes: Vec<(NodeId, String)> =
        forward.iter().map(|e| (e.node, e.name.clone())).collect();
    let objective = page.network.objective;
    if graph_of.name(objective).is_none() {
        nodes.push((objective, "objective".into()));
    }
    let numbers: HashMap<NodeId, usize> =
        nodes.iter().enumerate().map(|(k, &(node, _))| (node, k)).collect();
    let vertices: Vec<Vertex> = nodes
        .iter()
        .map(|(node, name)| {
            let shape = graph_of.symbols.shape(graph_of.shape(*node));
            let given = graph_of.variable(*node).is_some();
            let rule = forward.iter().find(|e| e.node == *node && given);
            let text = unicode(graph_of, *node);
            let label = if given { name.clone() } else { format!("{name} = {text}") };
            let class = match rule {
                Some(rule) => rule.rule.clone(),
                None if *node == objective => "objective".into(),
                None => "value".into(),
            };
            Vertex {
                name: name.clone(),
                label: format!("{label}, {shape}"),
                note: shape,
                class,
                uses: used(graph_of, *node, &numbers),
            }
        })
        .collect();
    graph("Computational graph", &vertices, true)
}

/// The named values right below a node.
fn used(graph: &Graph, node: NodeId, numbers: &HashMap<NodeId, usize>) -> Vec<usize> {
    let mut found = Vec::new();
    let mut stack = graph.get(node).operands.to_vec();
    while let Some(id) = stack.pop() {
        match numbers.get(&id) {
            Some(number) => found.push(*number),
            None => stack.extend(graph.get(id).operands.iter()),
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The matrices of these equations, as far as they have numbers.
pub fn numbers(session: &Session, equations: impl Iterator<Item = usize>) -> Value {
    let each = equations
        .map(|number| (number.to_string(), session.value(number).map_or(Value::Null, matrix)));
    Value::Object(each.collect())
}

fn matrix(m: &Matrix) -> Value {
    let [rows, cols] = corners(m);
    let values: Vec<Vec<f64>> =
        rows.iter().map(|&i| cols.iter().map(|&j| m.at(i, j)).collect()).collect();
    let s = Summary::of(m);
    let whole = rows.len() == m.rows && cols.len() == m.cols;
    let mut view = json!({"rows": m.rows, "cols": m.cols, "r": rows, "c": cols, "v": values,
        "least": s.least, "largest": s.most, "mean": s.mean, "norm": s.norm});
    if !whole {
        let (high, wide, means) = coarse(m);
        let most = means.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        view["heat"] = json!(heat("heat map", high, wide, &means, most));
    }
    view
}

/// A matrix of means over blocks of another.
fn coarse(m: &Matrix) -> (usize, usize, Vec<f64>) {
    let (high, wide) = (m.rows.min(CELLS), m.cols.min(CELLS));
    let mut sums = vec![(0.0, 0u32); high * wide];
    for i in 0..m.rows {
        for (j, value) in m.row(i).iter().enumerate() {
            let (sum, count) = &mut sums[i * high / m.rows * wide + j * wide / m.cols];
            *sum += value;
            *count += 1;
        }
    }
    (high, wide, sums.into_iter().map(|(sum, count)| sum / f64::from(count.max(1))).collect())
}

/// The sum behind an entry, term by term.
///
/// # Errors
/// An entry that is not there.
pub fn why(session: &Session, entry: &str) -> Result<Value, Error> {
    let page = session.page.as_ref();
    let page = page.ok_or_else(|| Error::Input("there is no page yet".into()))?;
    let why = page.walk.why(entry, &session.bound, 9)?;
    let terms = why.terms.iter().take(TERMS);
    let terms = terms.map(|(term, numbers, value)| json!([term, numbers, value]));
    Ok(json!({"name": why.name, "equation": why.equation, "value": why.value,
        "terms": terms.collect::<Vec<_>>(), "count": why.terms.len()}))
}

/// The equations for a paper, or a module.
///
/// # Errors
/// Neither of them.
pub fn copy(session: &Session, format: &str) -> Result<String, Error> {
    let page = session.page.as_ref();
    let page = page.ok_or_else(|| Error::Input("there is no page yet".into()))?;
    let walk = &page.walk;
    match format {
        "latex" => {
            let defined = walk
                .equations
                .iter()
                .filter(|e| !(e.part == "forward" && walk.graph.variable(e.node).is_some()));
            let lines = defined.map(|e| {
                let sign = if e.part == "update" { r"&\leftarrow" } else { "&=" };
                let left = latex_name(e.name.trim_end_matches(" ←"));
                let forward = e.part == "forward";
                let graph = if forward { &page.network.equations.graph } else { &walk.graph };
                format!("  {left} {sign} {}", latex(graph, e.node))
            });
            let lines: Vec<String> = lines.collect();
            Ok(format!("\\begin{{align*}}\n{}\n\\end{{align*}}\n", lines.join(" \\\\\n")))
        }
        "numpy" => {
            let d = &walk.derived;
            Ok(module(&NUMPY, &d.graph, d.objective, &d.gradients))
        }
        other => Err(Error::Input(format!("there is no format {other}; latex and numpy are"))),
    }
}

/// What the network says over its two inputs.
///
/// # Errors
/// A network with other than two inputs.
pub fn plane(session: &Session) -> Result<String, Error> {
    const SIDE: usize = 64;
    let (Some(page), Some(examples)) = (&session.page, &session.examples) else {
        return Err(Error::Input("there is no page yet".into()));
    };
    if examples.inputs.cols != 2 {
        return Err(Error::Input("a decision surface wants two inputs".into()));
    }
    let range = [0, 1].map(|j| {
        let column = || (0..examples.inputs.rows).map(|i| examples.inputs.at(i, j));
        let (from, to) = (column().fold(f64::MAX, f64::min), column().fold(f64::MIN, f64::max));
        let margin = if to > from { (to - from) * 0.1 } else { 0.5 };
        (from - margin, to + margin)
    });
    let at = |k: usize, (from, to): (f64, f64)| from + (k as f64 + 0.5) / SIDE as f64 * (to - from);
    let grid = Matrix::from_fn(SIDE * SIDE, 2, |n, j| {
        at(if j == 0 { n % SIDE } else { n / SIDE }, range[j])
    });
    let mut evaluator = Evaluator::new(&page.network, SIDE * SIDE, Precision::F64)?;
    evaluator.weights(session.weights.iter().map(|(n, m)| (*n, m.data.as_slice())))?;
    let (said, _) = evaluator.run(&grid, None)?;
    let first = || (0..said.rows).map(|i| said.at(i, 0));
    let (least, most) = (first().fold(f64::MAX, f64::min), first().fold(f64::MIN, f64::max));
    let shade = |i: usize, j: usize| {
        let row = said.row(i * SIDE + j);
        match page.network.link {
            Link::Softmax => {
                let top =
                    (0..row.len()).fold(0, |best, k| if row[k] > row[best] { k } else { best });
                let chance = 1.0 / row.len() as f64;
                (top, 0.08 + 0.6 * (row[top] - chance) / (1.0 - chance))
            }
            Link::Sigmoid => (usize::from(row[0] > 0.5), 0.08 + 1.2 * (row[0] - 0.5).abs()),
            Link::Identity | Link::Exp => (0, 0.7 * (row[0] - least) / (most - least).max(1e-300)),
        }
    };
    let every = examples.inputs.rows.div_ceil(POINTS);
    let points = (0..examples.inputs.rows).step_by(every.max(1)).map(|i| {
        let class = examples.classes.as_ref().map_or(0, |c| c[i]);
        ((examples.inputs.at(i, 0), examples.inputs.at(i, 1)), class)
    });
    let points: Vec<_> = points.collect();
    let axes = [examples.names[0].as_str(), examples.names[1].as_str()];
    let plane = Plane { title: "Decision surface", axes, range, side: SIDE };
    let legend = examples.labels.iter().enumerate().map(|(k, label)| {
        format!("<span><i class=\"k{}\"></i>{}</span>", k % 6, matgrad_report::escape(label))
    });
    let legend: String = legend.collect();
    Ok(format!("{}<div class=\"legend\">{legend}</div>", surface(&plane, shade, &points)))
}

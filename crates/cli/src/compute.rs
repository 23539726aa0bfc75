//! The verb `compute`: the numbers of a page on given arrays.

use std::path::{Path, PathBuf};

use matgrad::data::npy;
use matgrad::expr::dim::Dim;
use matgrad::expr::elaborate::Equations;
use matgrad::expr::graph::{Graph, Initial, NodeId};
use matgrad::expr::matrix::Matrix;
use matgrad::expr::meaning::Bindings;
use matgrad::expr::syntax::canonical;
use matgrad::forms::jacobian::pullback;
use matgrad::{Engine, Precision};
use serde_json::{Map, Value, json};

use crate::args::train::Bits;
use crate::equations::{gradients, pair, parsed};
use crate::input::{read_bytes, read_once, shown};
use crate::output::no_stream;
use crate::{Failure, Talk, may_write, output, read_text, say};

/// What is to be computed.
pub struct Asked {
    /// NAME=FILE.npy or NAME=NUMBER.
    pub set: Vec<String>,
    /// Gradients too.
    pub gradients: bool,
    /// OUT:IN of Jacobians.
    pub jacobian: Vec<String>,
    /// Inside the program.
    pub precision: Bits,
    /// The folder for the values.
    pub out: PathBuf,
    /// Whether files are overwritten.
    pub force: bool,
}

/// Values of the variables: those that are set, NAME=FILE.npy or a number, and those that the page
/// gives.
fn values(graph: &Graph, path: &Path, set: &[String]) -> Result<Bindings, Failure> {
    let mut at = Bindings::default();
    for setting in set {
        let (name, value) = setting
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("--set {setting}: write NAME=FILE.npy")))?;
        let declared = graph.find(&canonical(name)).filter(|&n| graph.variable(n).is_some());
        let node = declared.ok_or_else(|| {
            let names = graph.variables.iter().filter_map(|v| graph.name(v.node));
            let all: Vec<&str> = names.map(|name| name.spelling.as_str()).collect();
            let (page, all) = (path.display(), all.join(", "));
            Failure::input(format!("{page} declares no {name}; it declares {all}"))
        })?;
        if at.values.contains_key(&node) {
            return Err(Failure::usage(format!(
                "--set {setting}: {name} is set above; set it once"
            )));
        }
        let shape = graph.shape(node);
        let mut matrix = match value.parse::<f64>() {
            Ok(number) => Matrix::scalar(number),
            Err(_) => {
                let file = Path::new(value);
                let m = npy::parse(&read_bytes(file)?, &shown(file))?.matrix;
                Matrix::new(m.rows, m.cols, m.data)
            }
        };
        // A one-dimensional array is a row where a row is declared.
        if matrix.cols == 1 && matrix.rows > 1 && shape.rows == Dim::ONE {
            matrix = Matrix::new(1, matrix.rows, matrix.data);
        }
        at.set(graph, node, matrix).map_err(Failure::input)?;
    }
    for variable in &graph.variables {
        let size = |d: Dim| d.evaluate(&|s| at.dims.get(&s).copied());
        let shape = (size(variable.shape.rows), size(variable.shape.cols));
        if let (Initial::Value(v), (Some(rows), Some(cols)), false) =
            (&variable.initial, shape, at.values.contains_key(&variable.node))
        {
            let value =
                if v.data.len() == 1 { Matrix::filled(rows, cols, v.data[0]) } else { v.clone() };
            at.set(graph, variable.node, value).map_err(Failure::input)?;
        }
    }
    Ok(at)
}

/// A page, the names and nodes of what is computed of it, and the graph that holds them.
type Wanted = (Equations, Vec<(String, NodeId)>, Graph);

/// The values that the page names, and their gradients if asked for.
fn wanted(asked: &Asked, path: &Path) -> Result<Wanted, Failure> {
    let equations = parsed(path, &read_text(path)?)?;
    let graph = &equations.graph;
    let name = |node: NodeId| graph.name(node).map_or("?".into(), |n| n.spelling.clone());
    let mut wanted: Vec<(String, NodeId)> =
        equations.definitions.iter().map(|&d| (name(d), d)).collect();
    wanted.extend(equations.aliases.iter().map(|(name, node)| (name.spelling.clone(), *node)));
    let mut grown = graph.clone();
    if asked.gradients {
        let derived = gradients(&equations, &[])?;
        let each = derived.gradients.iter().map(|&(of, g)| (format!("d_{}", name(of)), g));
        wanted.extend(each);
        grown = derived.graph;
    }
    Ok((equations, wanted, grown))
}

/// Evaluates a page on arrays and writes every named value.
///
/// # Errors
/// What is wrong with the page or an array; a file that cannot be written.
pub fn compute(path: &Path, asked: &Asked, talk: &Talk) -> Result<(), Failure> {
    no_stream("--out", Some(&asked.out), "a folder")?;
    let pairs = asked.set.iter().filter_map(|set| set.split_once('='));
    let mut read = vec![("FILE", Some(path))];
    read.extend(pairs.map(|(name, file)| (name, Some(Path::new(file)))));
    read_once(&read)?;
    let (equations, wanted, grown) = wanted(asked, path)?;
    let at = values(&equations.graph, path, &asked.set)?;
    let roots: Vec<NodeId> = wanted.iter().map(|w| w.1).collect();
    for id in grown.reachable(&roots, true) {
        if grown.variable(id).is_some() && !at.values.contains_key(&id) {
            let name = grown.name(id).map_or("?", |n| n.spelling.as_str());
            return Err(Failure::input(format!("{name} has no value; give --set {name}=FILE.npy")));
        }
    }
    let single = asked.precision == Bits::F32;
    let precision = if single { Precision::F32 } else { Precision::F64 };
    let mut engine = Engine::new(&grown, &roots, &[], &at.dims, None, precision)?;
    for (&node, value) in &at.values {
        engine.write(node, &value.data)?;
    }
    engine.step();
    let mut found = Vec::new();
    for asked in &asked.jacobian {
        let (graph, output, input) = pair(&equations, asked)?;
        let back = pullback(&graph, output, input, "S").map_err(Failure::run)?;
        let value = back.jacobian(&at).map_err(Failure::input)?;
        found.push((format!("J_{}", asked.replace(':', "_")), value, npy::Precision::F64));
    }
    let bits = if single { npy::Precision::F32 } else { npy::Precision::F64 };
    for (name, node) in wanted {
        let shape = grown.shape(node);
        let size = |d: Dim| d.evaluate(&|s| at.dims.get(&s).copied()).unwrap_or(0);
        let (rows, cols) = (size(shape.rows), size(shape.cols));
        found.push((name, Matrix::new(rows, cols, engine.read(node)?), bits));
    }
    keep(&found, asked)?;
    if talk.json {
        let rows = |m: &Matrix| (0..m.rows).map(|i| json!(m.row(i))).collect::<Value>();
        let values = found.iter().map(|(name, value, _)| (name.clone(), rows(value)));
        return say(format!("{}\n", json!({"values": values.collect::<Map<_, _>>()})));
    }
    let names: Vec<&str> = found.iter().map(|(name, _, _)| name.as_str()).collect();
    talk.tell(match names[..] {
        [] => "the page names no value: there is nothing to write".into(),
        _ => format!("{} in {}", names.join(", "), asked.out.display()),
    });
    Ok(())
}

/// Writes all values into their folder, if all of them may be written.
fn keep(found: &[(String, Matrix, npy::Precision)], asked: &Asked) -> Result<(), Failure> {
    let out = &asked.out;
    std::fs::create_dir_all(out).map_err(|e| Failure::unwritten(out, e))?;
    let file = |name: &str| out.join(format!("{name}.npy"));
    found.iter().try_for_each(|(name, _, _)| may_write(&file(name), asked.force))?;
    for (name, m, bits) in found {
        let value = matgrad::data::Matrix { rows: m.rows, cols: m.cols, data: m.data.clone() };
        output::write(&file(name), &npy::to_bytes(&value, *bits))?;
    }
    Ok(())
}

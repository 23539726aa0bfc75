//! The verbs on equations: derive, show, check, compute, fmt.

use std::collections::HashMap;
use std::path::Path;

use matgrad::calculus::{self, Gradients};
use matgrad::data::{Random, npy};
use matgrad::expr::dim::{Dim, Symbol};
use matgrad::expr::elaborate::{Equations, read};
use matgrad::expr::graph::{Graph, Initial, Kind, NodeId};
use matgrad::expr::matrix::Matrix;
use matgrad::expr::meaning::{Bindings, evaluate};
use matgrad::expr::syntax::{Role, canonical, parse_page, print_page};
use matgrad::expr::{infer, latex, mathml, numpy, print};
use matgrad::library::standard;
use matgrad::{Engine, Precision};
use serde_json::{Value, json};

use crate::args::{Bits, Format, Stage};
use crate::{Failure, Talk, may_write, read_text, say};

fn page(path: &Path) -> Result<Equations, Failure> {
    read(&path.display().to_string(), &read_text(path)?, standard()).map_err(Failure::input)
}

/// Prints the gradients.
pub fn derive(
    file: Option<&Path>,
    expression: Option<&str>,
    wrt: &[String],
    format: Format,
    steps: bool,
) -> Result<(), Failure> {
    let equations = match (file, expression) {
        (_, Some(text)) => infer::one_expression(text, wrt, standard()).map_err(Failure::input)?,
        (Some(file), None) => page(file)?,
        (None, None) => {
            return Err(Failure {
                code: 2,
                message: "give a FILE.eq, or an expression with -e".into(),
            });
        }
    };
    let gradients = gradients(&equations, if expression.is_some() { &[] } else { wrt })?;
    match format {
        Format::Unicode => {
            if steps {
                for step in &gradients.steps {
                    say(format!("{:<24} {}  →  {}\n", step.rule, step.before, step.after))?;
                }
                say("\n")?;
            }
            say(&gradients)
        }
        Format::Latex => lines(&gradients, |g, of, gradient| {
            format!("\\partial {} = {}\n", latex::latex(g, of), latex::latex(g, gradient))
        }),
        Format::Mathml => {
            lines(&gradients, |g, _, gradient| format!("{}\n", mathml::mathml(g, gradient)))
        }
        Format::Numpy => {
            say(numpy::module(&gradients.graph, gradients.objective, &gradients.gradients))
        }
        Format::Json => say(format!("{}\n", to_json(&equations, &gradients))),
        Format::Index => say(matgrad::forms::index::form(&gradients)),
    }
}

fn lines(
    gradients: &Gradients,
    line: impl Fn(&Graph, NodeId, NodeId) -> String,
) -> Result<(), Failure> {
    gradients
        .gradients
        .iter()
        .try_for_each(|&(of, gradient)| say(line(&gradients.graph, of, gradient)))
}

fn gradients(equations: &Equations, wrt: &[String]) -> Result<Gradients, Failure> {
    let graph = &equations.graph;
    let objective = equations
        .objective
        .ok_or_else(|| Failure::input("the page has no objective; end it with `minimize L`"))?;
    let mut nodes = Vec::new();
    for name in wrt {
        nodes.push(graph.find(&canonical(name)).ok_or_else(|| {
            let all: Vec<&str> = graph.names().into_iter().map(|(n, _)| n.text.as_str()).collect();
            let near = matgrad::expr::diagnostic::nearest(name, all.iter().copied());
            Failure::input(format!(
                "there is no {name}{}",
                near.map_or(String::new(), |n| format!("; did you mean {n}?"))
            ))
        })?);
    }
    if nodes.is_empty() {
        nodes = equations.parameters();
    }
    if nodes.is_empty() {
        return Err(Failure::input(
            "there is nothing to derive by: declare a `param`, or name one with --wrt",
        ));
    }
    calculus::derive(graph, objective, &nodes, standard())
        .map_err(|message| Failure { code: 1, message })
}

fn to_json(equations: &Equations, gradients: &Gradients) -> Value {
    let graph = &gradients.graph;
    let name = |id: NodeId| graph.name(id).map_or(String::new(), |n| n.spelling.clone());
    let shape = |id: NodeId| {
        let s = graph.shape(id);
        json!([graph.symbols.dim(s.rows), graph.symbols.dim(s.cols)])
    };
    let forms = |id: NodeId, of: NodeId| {
        json!({
            "shape": shape(of), "unicode": print::unicode(graph, id),
            "latex": latex::latex(graph, id), "ascii": print::ascii(graph, id),
        })
    };
    let with = |key: &str, value: String, forms: Value| {
        let mut all = serde_json::Map::from_iter([(key.to_string(), Value::String(value))]);
        if let Value::Object(map) = forms {
            all.extend(map);
        }
        Value::Object(all)
    };
    let definitions: Vec<Value> =
        equations.definitions.iter().map(|&d| with("name", name(d), forms(d, d))).collect();
    let all: Vec<Value> =
        gradients.gradients.iter().map(|&(of, g)| with("of", name(of), forms(g, of))).collect();
    let objective = equations.objective.map_or(String::new(), |o| {
        if name(o).is_empty() { print::unicode(&equations.graph, o) } else { name(o) }
    });
    json!({"objective": objective, "definitions": definitions, "gradients": all})
}

/// Prints a stage.
pub fn show(stage: Stage, what: &str) -> Result<(), Failure> {
    match stage {
        Stage::Equations => format(Path::new(what)),
        Stage::Gradients => derive(Some(Path::new(what)), None, &[], Format::Unicode, false),
        Stage::Graph => {
            let equations = page(Path::new(what))?;
            let graph = &equations.graph;
            let roots: Vec<NodeId> =
                equations.definitions.iter().copied().chain(equations.objective).collect();
            for id in graph.reachable(&roots, false) {
                let node = graph.get(id);
                let operands: Vec<String> =
                    node.operands.iter().map(|o| format!("%{}", o.0)).collect();
                let name = graph.name(id).map_or(String::new(), |n| format!("   {}", n.text));
                say(format!(
                    "%{} = {}({})   {}{name}\n",
                    id.0,
                    node.op.def().name,
                    operands.join(", "),
                    graph.symbols.shape(node.shape)
                ))?;
            }
            Ok(())
        }
        Stage::Cost => {
            let equations = page(Path::new(what))?;
            let gradients = gradients(&equations, &[])?;
            say(calculus::cost::cost(&gradients, &equations.definitions))
        }
        Stage::Plan => {
            let equations = page(Path::new(what))?;
            let gradients = gradients(&equations, &[])?;
            let mut dims: HashMap<Symbol, usize> = HashMap::new();
            let symbols: Vec<Symbol> = gradients.graph.symbols.iter().map(|(s, _)| s).collect();
            dims.extend(symbols.into_iter().map(|s| (s, 32)));
            let outputs: Vec<NodeId> = gradients.gradients.iter().map(|&(_, g)| g).collect();
            let request = matgrad::plan::plan::Request {
                graph: &gradients.graph,
                outputs: &outputs,
                updates: &[],
                dims: &dims,
                rows: None,
            };
            say(matgrad::plan::plan::plan(&request)
                .map_err(|e| Failure { code: 1, message: e.to_string() })?)
        }
        Stage::Optimizer => {
            let rule = matgrad::UpdateRule::named(what)?;
            say(format!("{}\n", rule.text()))
        }
    }
}

/// Prints the canonical form.
pub fn format(path: &Path) -> Result<(), Failure> {
    let source = read_text(path)?;
    let page = parse_page(&source, &standard().dialect()).map_err(|diagnostics| {
        Failure::input(matgrad::expr::diagnostic::Errors {
            file: path.display().to_string(),
            source,
            diagnostics,
        })
    })?;
    say(print_page(&page, false))
}

/// Gradient check at sampled values; and the compiled program against the meaning.
pub fn check(path: &Path, seed: u64, tolerance: f64, talk: &Talk) -> Result<(), Failure> {
    let is_page = std::fs::read(path)
        .is_ok_and(|b| b.first().is_some_and(|&c| c != 0) && std::str::from_utf8(&b).is_ok());
    let equations =
        if is_page { page(path)? } else { matgrad::Model::load(path)?.network.equations };
    let graph = &equations.graph;
    let objective =
        equations.objective.ok_or_else(|| Failure::input("the page has no objective"))?;
    let at = sample(graph, seed);
    let parameters = equations.parameters();
    let results = calculus::check::check(graph, objective, &parameters, standard(), &at)
        .map_err(|message| Failure { code: 1, message })?;
    let derived = gradients(&equations, &[])?;
    let roots: Vec<NodeId> =
        derived.gradients.iter().map(|&(_, g)| g).chain([derived.objective]).collect();
    let meant = evaluate(&derived.graph, &roots, &at).map_err(Failure::input)?;
    let mut engine = Engine::new(&derived.graph, &roots, &[], &at.dims, None, Precision::F64)?;
    for (&node, value) in &at.values {
        engine.write(node, &value.data)?;
    }
    engine.step();
    let mut apart = 0.0f64;
    for root in &roots {
        let size = meant[root].norm().max(1.0);
        for (a, b) in engine.read(*root)?.iter().zip(&meant[root].data) {
            apart = apart.max((a - b).abs() / size);
        }
    }
    let right = |d: f64, surrogate: bool| surrogate || d <= tolerance;
    let holds =
        results.iter().all(|r| right(r.relative_difference, r.surrogate)) && apart <= tolerance;
    if talk.json {
        let parameters: Vec<Value> = results.iter().map(|r| json!({
            "name": r.name, "relative_difference": r.relative_difference,
            "largest_absolute_difference": r.largest_absolute_difference, "surrogate": r.surrogate,
        })).collect();
        say(format!(
            "{}\n",
            json!({"holds": holds, "parameters": parameters, "compiled_vs_meaning": apart})
        ))?;
    } else {
        for r in &results {
            let word = match (r.surrogate, right(r.relative_difference, false)) {
                (true, _) => "surrogate, not proved",
                (false, true) => "holds",
                (false, false) => "DOES NOT HOLD",
            };
            say(format!(
                "∂{:<8} relative difference {:.1e}   {word}\n",
                r.name, r.relative_difference
            ))?;
        }
        say(format!("compiled program against meaning {apart:.1e}\n"))?;
    }
    if holds { Ok(()) } else { Err(Failure { code: 4, message: "a check did not hold".into() }) }
}

/// A size for each symbol and numbers for each variable; targets are rows that sum to 1.
fn sample(graph: &Graph, seed: u64) -> Bindings {
    let mut random = Random::seed(seed);
    let dims: HashMap<Symbol, usize> =
        graph.symbols.iter().enumerate().map(|(i, (s, _))| (s, [5, 4, 3, 6][i % 4])).collect();
    let mut at = Bindings { dims, ..Bindings::default() };
    for variable in &graph.variables {
        let size = |d: Dim| d.evaluate(&|s| at.dims.get(&s).copied()).unwrap_or(1);
        let (rows, cols) = (size(variable.shape.rows), size(variable.shape.cols));
        let mut value = match &variable.initial {
            Initial::Value(m) if m.data.len() == rows * cols && rows * cols > 1 => m.clone(),
            Initial::Value(_) | Initial::Draw(..) | Initial::None => {
                Matrix::new(rows, cols, (0..rows * cols).map(|_| random.normal()).collect())
            }
        };
        if variable.kind == Kind::Declared(Role::Target) {
            for row in value.data.chunks_mut(cols) {
                row.iter_mut().for_each(|x| *x = x.abs() + 0.01);
                let sum: f64 = row.iter().sum();
                row.iter_mut().for_each(|x| *x /= sum);
            }
        }
        if rows == cols && rows > 1 && variable.kind == Kind::Declared(Role::Param) {
            (0..rows).for_each(|i| value.data[i * cols + i] += 3.0);
        }
        at.values.insert(variable.node, value);
    }
    at
}

/// Evaluates a page on arrays and writes every named value.
pub fn compute(
    path: &Path,
    set: &[String],
    with_gradients: bool,
    precision: Bits,
    out: &Path,
    force: bool,
) -> Result<(), Failure> {
    let equations = page(path)?;
    let graph = &equations.graph;
    let mut at = Bindings::default();
    for setting in set {
        let (name, value) = setting.split_once('=').ok_or_else(|| Failure {
            code: 2,
            message: format!("--set {setting}: write NAME=FILE.npy"),
        })?;
        let node = graph
            .find(&canonical(name))
            .filter(|&n| graph.variable(n).is_some())
            .ok_or_else(|| Failure::input(format!("{} declares no {name}", path.display())))?;
        let shape = graph.shape(node);
        let mut matrix = match value.parse::<f64>() {
            Ok(number) => Matrix::scalar(number),
            Err(_) => {
                let m = npy::read(Path::new(value))?;
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
    let mut wanted: Vec<(String, NodeId)> = equations
        .definitions
        .iter()
        .map(|&d| (graph.name(d).map_or("?".into(), |n| n.spelling.clone()), d))
        .collect();
    let mut grown = graph.clone();
    if with_gradients {
        let derived = gradients(&equations, &[])?;
        for &(of, gradient) in &derived.gradients {
            let name = graph.name(of).map_or("?".into(), |n| n.spelling.clone());
            wanted.push((format!("d_{name}"), gradient));
        }
        grown = derived.graph;
    }
    let roots: Vec<NodeId> = wanted.iter().map(|w| w.1).collect();
    for id in grown.reachable(&roots, true) {
        if grown.variable(id).is_some() && !at.values.contains_key(&id) {
            let name = grown.name(id).map_or("?", |n| n.spelling.as_str());
            return Err(Failure::input(format!("{name} has no value; give --set {name}=FILE.npy")));
        }
    }
    let precision = if precision == Bits::F64 { Precision::F64 } else { Precision::F32 };
    let mut engine = Engine::new(&grown, &roots, &[], &at.dims, None, precision)?;
    for (&node, value) in &at.values {
        engine.write(node, &value.data)?;
    }
    engine.step();
    std::fs::create_dir_all(out).map_err(|e| Failure::input(format!("{}: {e}", out.display())))?;
    let files: Vec<_> = wanted.iter().map(|(name, _)| out.join(format!("{name}.npy"))).collect();
    files.iter().try_for_each(|f| may_write(f, force))?;
    for ((_, node), file) in wanted.iter().zip(&files) {
        let shape = grown.shape(*node);
        let size = |d: Dim| d.evaluate(&|s| at.dims.get(&s).copied()).unwrap_or(0);
        let (rows, cols) = (size(shape.rows), size(shape.cols));
        let value = matgrad::data::Matrix { rows, cols, data: engine.read(*node)? };
        let bits =
            if precision == Precision::F64 { npy::Precision::F64 } else { npy::Precision::F32 };
        npy::write(file, &value, bits)?;
    }
    Ok(())
}

//! The verbs on equations: derive, show, check, compute, fmt.

use std::collections::HashMap;
use std::path::Path;

use matgrad::calculus::{self, Gradients, rule::Rules};
use matgrad::certificate::{Checking, certify};
use matgrad::data::npy;
use matgrad::expr::dim::{Dim, Symbol};
use matgrad::expr::elaborate::{Equations, read};
use matgrad::expr::graph::{Graph, Initial, NodeId};
use matgrad::expr::matrix::Matrix;
use matgrad::expr::meaning::Bindings;
use matgrad::expr::program::{self, julia::JULIA, numpy::NUMPY};
use matgrad::expr::syntax::{ascii, canonical, parse_page, print_page};
use matgrad::expr::{infer, latex, mathml, print};
use matgrad::forms::{self, block::block, jacobian::pullback};
use matgrad::library::standard;
use matgrad::{Engine, Precision};
use serde_json::{Value, json};

use crate::args::train::Bits;
use crate::args::{Format, Stage};
use crate::{Failure, Talk, may_write, read_text, say};

fn page(path: &Path) -> Result<Equations, Failure> {
    read(&path.display().to_string(), &read_text(path)?, standard()).map_err(Failure::input)
}

/// The page, or the expression.
fn source(
    file: Option<&Path>,
    expression: Option<&str>,
    wrt: &[String],
) -> Result<Equations, Failure> {
    match (file, expression) {
        (_, Some(text)) => infer::one_expression(text, wrt, standard()).map_err(Failure::input),
        (Some(file), None) => page(file),
        (None, None) => {
            Err(Failure { code: 2, message: "give a FILE.eq, or an expression with -e".into() })
        }
    }
}

/// The node with a name, or the nearest name.
fn named(graph: &Graph, name: &str) -> Result<NodeId, Failure> {
    graph.find(&canonical(name)).ok_or_else(|| {
        let all: Vec<&str> = graph.names().into_iter().map(|(n, _)| n.text.as_str()).collect();
        let near = matgrad::expr::diagnostic::nearest(name, all.iter().copied());
        Failure::input(format!(
            "there is no {name}{}",
            near.map_or(String::new(), |n| format!("; did you mean {n}?"))
        ))
    })
}

/// `OUT:IN` as a graph and two nodes; OUT may be a gradient, for which the page is derived.
fn pair(equations: &Equations, asked: &str) -> Result<(Graph, NodeId, NodeId), Failure> {
    let (output, input) = asked.split_once(':').ok_or_else(|| Failure {
        code: 2,
        message: format!("--jacobian {asked}: write OUT:IN, two names of the page"),
    })?;
    let graph = &equations.graph;
    let known = |node| (graph.clone(), node);
    let wrong = |message| Failure { code: 1, message };
    let (graph, output) = match canonical(output).strip_prefix('∂') {
        Some(of) => {
            let of = named(graph, of)?;
            let derived =
                gradients(equations, &[graph.name(of).map_or(String::new(), |n| n.text.clone())])?;
            forms::jacobian::second(&derived, of).map_err(wrong)?
        }
        None => known(named(graph, output)?),
    };
    let input = named(&graph, input)?;
    Ok((graph, output, input))
}

/// Prints a Jacobian in block form, and its product with weights S.
pub fn jacobian(
    file: Option<&Path>,
    expression: Option<&str>,
    asked: &str,
    talk: &Talk,
) -> Result<(), Failure> {
    let equations = source(file, expression, &[])?;
    let (graph, output, input) = pair(&equations, asked)?;
    let (to, from) = asked.split_once(':').unwrap_or((asked, ""));
    let (to, from) = (canonical(to), canonical(from));
    let back =
        pullback(&graph, output, input, "S").map_err(|message| Failure { code: 1, message })?;
    let size = |id: NodeId| graph.shape(id).size().map_or("?".into(), |d| graph.symbols.dim(d));
    let block = block(&graph, output, input, &Default::default());
    if talk.json {
        let text = block.ok().map(|b| b.show(false));
        let back = back.to_string();
        let product: Vec<&str> = back.lines().collect();
        let shape = [size(output), size(input)];
        return say(format!(
            "{}\n",
            json!({"output": to, "input": from, "shape": shape, "block": text, "product": product})
        ));
    }
    let text = match block {
        Ok(block) => block.show(false),
        Err(why) => format!("J   (no block form: {why})"),
    };
    say(format!("∂vec({to})/∂vec({from}) = {text}    ({})×({})\n", size(output), size(input)))?;
    say(format!(
        "\nIts transpose times S : {}, in the shape of {from}:\n{back}",
        graph.symbols.shape(graph.shape(output))
    ))
}

/// What is to be derived.
pub struct Asked<'a> {
    /// A page,
    pub file: Option<&'a Path>,
    /// or an expression,
    pub expression: Option<&'a str>,
    /// by these names.
    pub wrt: &'a [String],
}

impl Asked<'_> {
    /// The page and its gradients.
    ///
    /// # Errors
    /// What is wrong with the page.
    pub fn derived(&self) -> Result<(Equations, Gradients), Failure> {
        let equations = source(self.file, self.expression, self.wrt)?;
        let wrt = if self.expression.is_some() { &[] } else { self.wrt };
        let gradients = gradients(&equations, wrt)?;
        Ok((equations, gradients))
    }
}

/// Prints the gradients.
pub fn derive(asked: &Asked, format: Format, steps: bool) -> Result<(), Failure> {
    let (equations, gradients) = asked.derived()?;
    match format {
        Format::Unicode => {
            if steps {
                let rules = [Rules::stability(), Rules::simplify()];
                let text = |name: &str| {
                    let rule = rules.iter().flat_map(|r| &r.rules).find(|r| r.name == name);
                    rule.map_or(String::new(), |r| format!("   {} → {}", r.text.0, r.text.1))
                };
                for (i, step) in gradients.steps.iter().enumerate() {
                    say(format!(
                        "{:>3}.   {}\n     = {}\n       by {}{}\n",
                        i + 1,
                        step.before,
                        step.after,
                        step.rule,
                        text(&step.rule)
                    ))?;
                }
                say("\n")?;
            }
            say(&gradients)?;
            let convolutions = forms::convolution::form(&gradients);
            if convolutions.each.is_empty() { Ok(()) } else { say(format!("\n{convolutions}")) }
        }
        Format::Ascii => lines(&gradients, |name, g, gradient| {
            format!("{} = {}\n", ascii(name), print::ascii(g, gradient))
        }),
        Format::Latex => lines(&gradients, |name, g, gradient| {
            format!("{} = {}\n", latex::latex_name(name), latex::latex(g, gradient))
        }),
        Format::Mathml => lines(&gradients, |name, g, gradient| {
            format!("{}\n", mathml::mathml_equation(name, g, gradient))
        }),
        Format::Numpy | Format::Julia => {
            let language = if format == Format::Julia { &JULIA } else { &NUMPY };
            let Gradients { graph, objective, gradients, .. } = &gradients;
            say(program::module(language, graph, *objective, gradients))
        }
        Format::Json => say(format!("{}\n", to_json(&equations, &gradients))),
        Format::Vec | Format::Index => Ok(()),
    }
}

fn lines(
    gradients: &Gradients,
    line: impl Fn(&str, &Graph, NodeId) -> String,
) -> Result<(), Failure> {
    let graph = &gradients.graph;
    gradients.gradients.iter().try_for_each(|&(of, gradient)| {
        let name = graph.name(of).map_or("?", |n| n.text.as_str());
        say(line(&format!("∂{name}"), graph, gradient))
    })
}

fn gradients(equations: &Equations, wrt: &[String]) -> Result<Gradients, Failure> {
    let graph = &equations.graph;
    let objective = equations
        .objective
        .ok_or_else(|| Failure::input("the page has no objective; end it with `minimize L`"))?;
    let mut nodes = Vec::new();
    for name in wrt {
        nodes.push(named(graph, name)?);
    }
    if nodes.is_empty() {
        nodes = equations.parameters();
    }
    if nodes.is_empty() {
        return Err(Failure::input(
            "there is nothing to derive by: declare a `param`, or name one with --wrt",
        ));
    }
    calculus::derive(graph, objective, &nodes).map_err(Failure::input)
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
        Stage::Gradients => {
            let asked = Asked { file: Some(Path::new(what)), expression: None, wrt: &[] };
            derive(&asked, Format::Unicode, false)
        }
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
                fixed: &[],
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

/// Gradients, proof, adjoints and program of a page or a model against numbers.
pub fn check(
    path: &Path,
    how: Checking,
    tolerance: f64,
    certificate: Option<&Path>,
    force: bool,
    talk: &Talk,
) -> Result<(), Failure> {
    if let Some(file) = certificate {
        may_write(file, force)?;
    }
    let is_page = path == Path::new("-")
        || path.extension().is_some_and(|e| e == "eq")
        || std::fs::read(path)
            .is_ok_and(|b| b.first().is_some_and(|&c| c != 0) && std::str::from_utf8(&b).is_ok());
    let (equations, weights) = if is_page {
        (page(path)?, Vec::new())
    } else {
        let model = matgrad::Model::load(path)?;
        (model.network.equations, model.weights)
    };
    let found = certify(&equations, &weights, how)?;
    let faults = found.faults(tolerance);
    if let Some(file) = certificate {
        let text = format!("{:#}\n", found.to_json(tolerance));
        if file == Path::new("-") {
            say(text)?;
        } else {
            matgrad::write_atomically(file, text.as_bytes())?;
        }
    }
    if talk.json {
        say(format!("{}\n", found.to_json(tolerance)))?;
    } else {
        for r in &found.parameters {
            let word = match (r.surrogate, r.relative_difference <= tolerance) {
                (true, _) => "surrogate, not proved",
                (false, true) => "holds",
                (false, false) => "DOES NOT HOLD",
            };
            say(format!(
                "∂{:<8} relative difference {:.1e}   {word}\n",
                r.name, r.relative_difference
            ))?;
        }
        if let Some(count) = found.directions {
            say(format!("each along {count} random directions\n"))?;
        }
        // What is no number is the worst.
        let larger = |a: f64, b: f64| if a.is_nan() || a > b { a } else { b };
        let most = |all: &mut dyn Iterator<Item = f64>| all.fold(0.0, larger);
        let steps = most(&mut found.steps.iter().map(|s| s.3));
        say(format!("{} steps of the proof, at worst {steps:.1e}\n", found.steps.len()))?;
        let laws = most(&mut found.laws.iter().map(|l| l.2));
        say(format!(
            "{} lines of the differential proof, at worst {laws:.1e}\n",
            found.laws.len()
        ))?;
        if !found.convolutions.is_empty() {
            let most = most(&mut found.convolutions.iter().map(|c| c.1));
            let count = found.convolutions.len();
            let s = if count == 1 { "" } else { "s" };
            say(format!(
                "{count} gradient{s} by fold and by the flipped kernel, at worst {most:.1e}\n"
            ))?;
        }
        let adjoints = most(&mut found.adjoints.iter().map(|a| a.1));
        say(format!("{} declared adjoints, at worst {adjoints:.1e}\n", found.adjoints.len()))?;
        let apart = found.compiled_vs_meaning;
        say(format!("compiled program against meaning {apart:.1e}\n"))?;
    }
    if faults.is_empty() {
        return Ok(());
    }
    let message = format!("a check did not hold\n  {}", faults.join("\n  "));
    Err(Failure { code: 4, message })
}

/// Values of the variables: those that are set, NAME=FILE.npy or a number, and those that the page
/// gives.
fn values(graph: &Graph, path: &Path, set: &[String]) -> Result<Bindings, Failure> {
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
    Ok(at)
}

/// Evaluates a page on arrays and writes every named value.
pub fn compute(
    path: &Path,
    set: &[String],
    with_gradients: bool,
    jacobians: &[String],
    precision: Bits,
    out: &Path,
    force: bool,
) -> Result<(), Failure> {
    let equations = page(path)?;
    let graph = &equations.graph;
    let at = values(graph, path, set)?;
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
    let names = jacobians.iter().map(|j| out.join(format!("J_{}.npy", j.replace(':', "_"))));
    let names: Vec<_> = names.collect();
    files.iter().chain(&names).try_for_each(|f| may_write(f, force))?;
    for (asked, file) in jacobians.iter().zip(&names) {
        let (graph, output, input) = pair(&equations, asked)?;
        let back =
            pullback(&graph, output, input, "S").map_err(|message| Failure { code: 1, message })?;
        let m = back.jacobian(&at).map_err(Failure::input)?;
        let value = matgrad::data::Matrix { rows: m.rows, cols: m.cols, data: m.data };
        npy::write(file, &value, npy::Precision::F64)?;
    }
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

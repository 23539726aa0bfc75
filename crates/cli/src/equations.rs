//! The verbs on equations: derive, check.

use std::path::Path;

use matgrad::calculus::{self, Gradients, rewrite::Step, rule::Rules};
use matgrad::certificate::{Checking, certify};
use matgrad::expr::elaborate::{Equations, read};
use matgrad::expr::graph::{Graph, NodeId};
use matgrad::expr::program::{self, julia::JULIA, numpy::NUMPY};
use matgrad::expr::syntax::{ascii, canonical};
use matgrad::expr::{infer, latex, mathml, print};
use matgrad::forms::{self, block::block, jacobian::pullback};
use matgrad::library::standard;
use serde_json::{Value, json};

use crate::args::Format;
use crate::input::{Source, page_or_model, page_text, shown};
use crate::{Failure, Talk, output, say};

/// The page of a file, or that of a model.
///
/// # Errors
/// What is wrong with it.
pub fn page(path: &Path) -> Result<Equations, Failure> {
    parsed(path, &page_text(path)?)
}

/// The page of a text, which messages call by its path.
///
/// # Errors
/// What is wrong with it.
pub fn parsed(path: &Path, text: &str) -> Result<Equations, Failure> {
    read(&shown(path), text, standard()).map_err(Failure::input)
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

/// The node with a name that a flag gives, or the nearest name.
fn named(graph: &Graph, flag: &str, name: &str) -> Result<NodeId, Failure> {
    graph.find(&canonical(name)).ok_or_else(|| {
        let all: Vec<&str> = graph.names().into_iter().map(|(n, _)| n.text.as_str()).collect();
        let near = matgrad::expr::diagnostic::nearest(name, all.iter().copied());
        let near = near.map_or(String::new(), |n| format!("; did you mean {n}?"));
        Failure::input(format!(
            "{flag}: there is no {name}{near}\n  the names are {}",
            all.join(", ")
        ))
    })
}

/// The halves of `OUT:IN`.
fn halves(asked: &str, expression: bool) -> Result<(&str, &str), Failure> {
    let halves = asked.split_once(':');
    let named =
        |&(to, from): &(&str, &str)| !to.is_empty() && !from.is_empty() && !from.contains(':');
    halves.filter(named).ok_or_else(|| {
        let wanted = match expression {
            true => "a name for the value of the expression, and one of its names, such as f:x",
            false => "two names of the page, such as Z:W",
        };
        Failure::usage(format!("--jacobian {asked}: write OUT:IN, {wanted}"))
    })
}

/// `OUT:IN` as a graph and two nodes; OUT may be a gradient, for which the page is derived.
///
/// # Errors
/// Which name is not there.
pub fn pair(equations: &Equations, asked: &str) -> Result<(Graph, NodeId, NodeId), Failure> {
    let (output, input) = halves(asked, false)?;
    let flag = format!("--jacobian {asked}");
    let named = |graph: &Graph, name: &str| named(graph, &flag, name);
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
    (asked, format): (&str, Format),
) -> Result<(), Failure> {
    if !matches!(format, Format::Unicode | Format::Json) {
        let message = "--jacobian is printed as text or JSON; leave other formats out";
        return Err(Failure::usage(message));
    }
    let (to, from) = halves(asked, expression.is_some())?;
    let [to, from] = [to, from].map(canonical);
    let equations = match expression {
        // The expression is the value of OUT, unless that is a gradient.
        Some(text) if !to.starts_with('∂') => {
            infer::one_value(text, &to, standard()).map_err(Failure::input)?
        }
        _ => source(file, expression, &[])?,
    };
    let (graph, output, input) = pair(&equations, asked)?;
    let back =
        pullback(&graph, output, input, "S").map_err(|message| Failure { code: 1, message })?;
    let size = |id: NodeId| graph.shape(id).size().map_or("?".into(), |d| graph.symbols.dim(d));
    let block = block(&graph, output, input, &Default::default());
    if format == Format::Json {
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
    let seed = back.derived.graph.name(back.seed).map_or("S", |name| name.text.as_str());
    say(format!(
        "\nIts transpose times {seed} : {}, in the shape of {from}:\n{back}",
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
                if gradients.steps.is_empty() {
                    say("The adjoints give these equations as they stand; no rule is needed.\n")?;
                }
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
        Format::Json => {
            let mut all = to_json(&equations, &gradients);
            if steps {
                let step = |s: &Step| json!({"before": s.before, "after": s.after, "rule": s.rule});
                all["steps"] = gradients.steps.iter().map(step).collect();
            }
            say(format!("{all}\n"))
        }
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

/// The gradients by these names, or by all parameters.
///
/// # Errors
/// A page without an objective; a name that is not there.
pub fn gradients(equations: &Equations, wrt: &[String]) -> Result<Gradients, Failure> {
    let graph = &equations.graph;
    let objective = equations
        .objective
        .ok_or_else(|| Failure::input("the page has no objective; end it with `minimize L`"))?;
    let mut nodes = Vec::new();
    for name in wrt {
        nodes.push(named(graph, "--wrt", name)?);
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
    let forms = |graph: &Graph, id: NodeId, of: NodeId| {
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
    // By the page's own names: what it computes may be a gradient too.
    let page = &equations.graph;
    let definitions = equations.definitions.iter();
    let definitions = definitions.map(|&d| with("name", name(d), forms(page, d, d)));
    let aliases = equations.aliases.iter().map(|(alias, node)| {
        let first = page.name(*node).map_or("?", |n| n.text.as_str());
        let forms = json!({
            "shape": shape(*node), "unicode": first,
            "latex": latex::latex_name(first), "ascii": ascii(first),
        });
        with("name", alias.spelling.clone(), forms)
    });
    let definitions: Vec<Value> = definitions.chain(aliases).collect();
    let all = gradients.gradients.iter();
    let all: Vec<Value> = all.map(|&(of, g)| with("of", name(of), forms(graph, g, of))).collect();
    let objective = equations.objective.map_or(String::new(), |o| {
        if name(o).is_empty() { print::unicode(&equations.graph, o) } else { name(o) }
    });
    json!({"objective": objective, "definitions": definitions, "gradients": all})
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
    let talk = &output::outputs(&[("--certificate", certificate)], force, talk)?;
    let (equations, weights) = match page_or_model(path)? {
        Source::Page(text) => (parsed(path, &text)?, Vec::new()),
        Source::Model(model) => (model.network.equations, model.weights),
    };
    let found = certify(&equations, &weights, how)?;
    let faults = found.faults(tolerance);
    if let Some(file) = certificate {
        output::write(file, format!("{:#}\n", found.to_json(tolerance)).as_bytes())?;
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
            talk.say(format!(
                "∂{:<8} relative difference {:.1e}   {word}\n",
                r.name, r.relative_difference
            ))?;
        }
        if let Some(count) = found.directions {
            talk.say(format!("each along {count} random directions\n"))?;
        }
        // What is no number is the worst.
        let larger = |a: f64, b: f64| if a.is_nan() || a > b { a } else { b };
        let most = |all: &mut dyn Iterator<Item = f64>| all.fold(0.0, larger);
        let steps = most(&mut found.steps.iter().map(|s| s.3));
        talk.say(format!("{} steps of the proof, at worst {steps:.1e}\n", found.steps.len()))?;
        let laws = most(&mut found.laws.iter().map(|l| l.2));
        talk.say(format!(
            "{} lines of the differential proof, at worst {laws:.1e}\n",
            found.laws.len()
        ))?;
        if !found.convolutions.is_empty() {
            let most = most(&mut found.convolutions.iter().map(|c| c.1));
            let count = found.convolutions.len();
            let s = if count == 1 { "" } else { "s" };
            talk.say(format!(
                "{count} gradient{s} by fold and by the flipped kernel, at worst {most:.1e}\n"
            ))?;
        }
        let adjoints = most(&mut found.adjoints.iter().map(|a| a.1));
        talk.say(format!("{} declared adjoints, at worst {adjoints:.1e}\n", found.adjoints.len()))?;
        let apart = found.compiled_vs_meaning;
        talk.say(format!("compiled program against meaning {apart:.1e}\n"))?;
    }
    if faults.is_empty() {
        return Ok(());
    }
    let message = format!("a check did not hold\n  {}", faults.join("\n  "));
    Err(Failure { code: 4, message })
}

//! A certificate: every gradient, every step of the proof and every declared adjoint of a page,
//! held against numbers at sampled shapes and values.
//!
//! After `calculus::derive`. Gradients are compared with finite differences, entry by entry or
//! along random directions; a step with the value of what it replaced; a line of the
//! differential proof with the line before it; an adjoint with the
//! function it belongs to; the compiled program with the meaning.

use std::collections::BTreeSet;

use matgrad_calculus::check::{self, ParameterCheck, check};
use matgrad_calculus::rewrite::Step;
use matgrad_calculus::size::{apart, sizes};
use matgrad_calculus::{Gradients, derive};
use matgrad_data::Random;
use matgrad_expr::dim::Shape;
use matgrad_expr::elaborate::Equations;
use matgrad_expr::expression::{Builder, Scope};
use matgrad_expr::graph::{Graph, Initial, Kind, NodeId};
use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::{Bindings, evaluate};
use matgrad_expr::op::{Axis, Op};
use matgrad_expr::syntax::{Argument, Expr, ExprKind, Name};
use serde_json::{Value, json};

mod sample;

use crate::forms::convolution::{self, Flipped};
use crate::forms::differential::proof;
use crate::{Engine, Error, Precision};

/// What was checked, and how far apart the sides were at worst.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// CRC-32 of the nodes of the derived graph, as hexadecimal digits.
    pub graph: String,
    /// Each seed with the shapes that it gave the variables.
    pub samples: Vec<Sample>,
    /// Gradients against finite differences.
    pub parameters: Vec<ParameterCheck>,
    /// Directions along which gradients were compared; `None` where each entry was.
    pub directions: Option<usize>,
    /// (rule, before, after, relative difference) of each step of the proof.
    pub steps: Vec<(String, String, String, f64)>,
    /// (law, line, relative difference) of each line of the differential proof.
    pub laws: Vec<(String, String, f64)>,
    /// (gradient, relative difference) of each gradient that goes back through a convolution: by
    /// `fold`, and with the flipped kernel.
    pub convolutions: Vec<(String, f64)>,
    /// (function, relative difference) of each declared adjoint that the page uses.
    pub adjoints: Vec<(String, f64)>,
    /// The compiled program against the meaning.
    pub compiled_vs_meaning: f64,
}

/// A seed, and what it made of the variables: (name, rows, columns).
#[derive(Clone, Debug)]
pub struct Sample {
    /// The seed.
    pub seed: u64,
    /// The shapes.
    pub shapes: Vec<(String, usize, usize)>,
}

/// How a page is checked.
#[derive(Clone, Copy, Debug)]
pub struct Checking {
    /// The first seed.
    pub seed: u64,
    /// How many seeds, each with shapes of its own.
    pub samples: u64,
    /// Compare along so many random directions; without, along as many as [`FAST`] once the
    /// parameters have more than [`MANY`] entries, else entry by entry.
    pub directions: Option<usize>,
}

/// From so many entries on, directions are compared.
pub const MANY: usize = 5_000;
/// How many.
pub const FAST: usize = 8;

/// Checks all there is to check of a page; variables in `known` keep their values.
///
/// # Errors
/// A page without an objective, and what cannot be derived or evaluated.
pub fn certify(
    equations: &Equations,
    known: &[(NodeId, Matrix)],
    how: Checking,
) -> Result<Certificate, Error> {
    let graph = &equations.graph;
    let objective = equations.objective.ok_or_else(|| {
        Error::Input("the page has no objective; end it with `minimize L`".into())
    })?;
    let parameters = equations.parameters();
    if parameters.is_empty() {
        return Err(Error::Input(
            "there is nothing to check: the page declares no `param` to derive by".into(),
        ));
    }
    let derived = derive(graph, objective, &parameters).map_err(Error::Run)?;
    let adjoints = adjoints(graph, objective, how.seed)?;
    let proof = proof(&derived).map_err(Error::Run)?;
    let convolutions = convolution::form(&derived);
    let mut certificate = Certificate {
        graph: hash(&derived.graph),
        samples: Vec::new(),
        parameters: Vec::new(),
        directions: how.directions,
        steps: Vec::new(),
        laws: Vec::new(),
        convolutions: Vec::new(),
        adjoints,
        compiled_vs_meaning: 0.0,
    };
    for seed in how.seed..how.seed + how.samples.max(1) {
        let entries = sample::entries(graph, &parameters, seed);
        let directions = how.directions.or((entries > MANY).then_some(FAST));
        let drawn = sample::finite(graph, objective, known, seed, |at| match directions {
            Some(count) => along(&derived, at, count, seed),
            None => check(graph, objective, &parameters, at).map_err(Error::Run),
        })?;
        let (at, found) = drawn.ok_or_else(|| {
            Error::Input(format!(
                "the objective is finite at none of {} points that were drawn; give the \
                 variables first values where it is, such as `param W : 3×4 = 0.5`",
                sample::TRIES
            ))
        })?;
        let shapes = graph.variables.iter().map(|v| {
            let name = graph.name(v.node).map_or("?", |n| n.spelling.as_str());
            let value = &at.values[&v.node];
            (name.to_string(), value.rows, value.cols)
        });
        certificate.samples.push(Sample { seed, shapes: shapes.collect() });
        certificate.directions = directions;
        worst(&mut certificate.parameters, found, |p| {
            vec![&mut p.relative_difference, &mut p.largest_absolute_difference]
        });
        let steps = steps(&derived.graph, &derived.steps, &at)?;
        worst(&mut certificate.steps, steps, |s| vec![&mut s.3]);
        let laws = proof.check(&derived, &at).map_err(Error::Input)?;
        worst(&mut certificate.laws, laws, |l| vec![&mut l.2]);
        let both = convolutions.each.iter();
        let both =
            both.map(|f| both_ways(&convolutions.graph, f, &at)).collect::<Result<_, _>>()?;
        worst(&mut certificate.convolutions, both, |c| vec![&mut c.1]);
        let apart = compiled(&derived, &at)?;
        certificate.compiled_vs_meaning = larger(certificate.compiled_vs_meaning, apart);
    }
    Ok(certificate)
}

impl Certificate {
    /// What does not hold at this tolerance, in words; empty where all does. Surrogates are meant
    /// to differ.
    pub fn faults(&self, tolerance: f64) -> Vec<String> {
        let wrong = |d: f64| d.is_nan() || d > tolerance;
        let mut faults = Vec::new();
        for (function, d) in self.adjoints.iter().filter(|a| wrong(a.1)) {
            faults.push(format!("the adjoint of {function} is wrong: relative difference {d:.1e}"));
        }
        for (rule, before, after, d) in self.steps.iter().filter(|s| wrong(s.3)) {
            faults.push(format!(
                "the rule {rule} is wrong: {before} → {after}, relative difference {d:.1e}"
            ));
        }
        for (law, line, d) in self.laws.iter().filter(|l| wrong(l.2)) {
            faults
                .push(format!("the law {law} does not hold: {line}, relative difference {d:.1e}"));
        }
        for (gradient, d) in self.convolutions.iter().filter(|c| wrong(c.1)) {
            faults.push(format!(
                "{gradient} by the flipped kernel is another: relative difference {d:.1e}"
            ));
        }
        for p in self.parameters.iter().filter(|p| !p.surrogate && wrong(p.relative_difference)) {
            let d = p.relative_difference;
            faults.push(format!("∂{} does not hold: relative difference {d:.1e}", p.name));
        }
        if wrong(self.compiled_vs_meaning) {
            let d = self.compiled_vs_meaning;
            faults.push(format!("the compiled program and the meaning differ by {d:.1e}"));
        }
        faults
    }

    /// As JSON; the first three fields are those of `check --json`.
    pub fn to_json(&self, tolerance: f64) -> Value {
        let parameters = self.parameters.iter().map(|r| {
            json!({"name": r.name, "relative_difference": r.relative_difference,
                   "largest_absolute_difference": r.largest_absolute_difference,
                   "surrogate": r.surrogate})
        });
        let steps = self.steps.iter().map(|(rule, before, after, d)| {
            json!({"rule": rule, "before": before, "after": after, "relative_difference": d})
        });
        let laws = self
            .laws
            .iter()
            .map(|(law, line, d)| json!({"law": law, "line": line, "relative_difference": d}));
        let adjoints = self
            .adjoints
            .iter()
            .map(|(function, d)| json!({"function": function, "relative_difference": d}));
        let convolutions = self
            .convolutions
            .iter()
            .map(|(gradient, d)| json!({"gradient": gradient, "relative_difference": d}));
        let samples = self.samples.iter().map(|Sample { seed, shapes }| {
            let shapes: serde_json::Map<String, Value> =
                shapes.iter().map(|(n, rows, cols)| (n.clone(), json!([rows, cols]))).collect();
            json!({"seed": seed, "shapes": shapes})
        });
        let faults = self.faults(tolerance);
        json!({
            "holds": faults.is_empty(), "parameters": parameters.collect::<Vec<_>>(),
            "compiled_vs_meaning": self.compiled_vs_meaning, "faults": faults,
            "tolerance": tolerance, "graph": self.graph, "directions": self.directions,
            "samples": samples.collect::<Vec<_>>(), "steps": steps.collect::<Vec<_>>(),
            "laws": laws.collect::<Vec<_>>(), "convolutions": convolutions.collect::<Vec<_>>(),
            "adjoints": adjoints.collect::<Vec<_>>(),
        })
    }
}

/// Evaluates both sides of each step: (rule, before, after, relative difference).
///
/// # Errors
/// A variable without a value.
pub fn steps(
    graph: &Graph,
    steps: &[Step],
    at: &Bindings,
) -> Result<Vec<(String, String, String, f64)>, Error> {
    let roots: Vec<NodeId> = steps.iter().flat_map(|s| [s.nodes.0, s.nodes.1]).collect();
    let values = evaluate(graph, &roots, at).map_err(Error::Input)?;
    let sizes = sizes(graph, &roots, at).map_err(Error::Input)?;
    let each = steps.iter().map(|s| {
        let (a, b) = s.nodes;
        let d = apart(&values[&a], &values[&b], [&sizes[&a], &sizes[&b]]);
        (s.rule.clone(), s.before.clone(), s.after.clone(), d)
    });
    Ok(each.collect())
}

/// A gradient by `fold` and with the flipped kernel.
fn both_ways(graph: &Graph, one: &Flipped, at: &Bindings) -> Result<(String, f64), Error> {
    let (a, b) = (one.gradient, one.flipped);
    let values = evaluate(graph, &[a, b], at).map_err(Error::Input)?;
    let sizes = sizes(graph, &[a, b], at).map_err(Error::Input)?;
    let name = graph.name(one.of).map_or("?", |n| n.text.as_str());
    Ok((format!("∂{name}"), apart(&values[&a], &values[&b], [&sizes[&a], &sizes[&b]])))
}

fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

/// Keeps the larger differences of two samples.
fn worst<T>(known: &mut Vec<T>, mut new: Vec<T>, differences: fn(&mut T) -> Vec<&mut f64>) {
    if known.is_empty() {
        *known = new;
        return;
    }
    for (a, b) in known.iter_mut().zip(&mut new) {
        for (a, b) in differences(a).into_iter().zip(differences(b)) {
            *a = larger(*a, *b);
        }
    }
}

/// Compares the slope of the objective along random directions with the gradient: a parameter of
/// any size costs a few evaluations.
fn along(
    derived: &Gradients,
    at: &Bindings,
    directions: usize,
    seed: u64,
) -> Result<Vec<ParameterCheck>, Error> {
    let graph = &derived.graph;
    let roots: Vec<NodeId> = derived.gradients.iter().map(|&(_, g)| g).collect();
    let analytic = evaluate(graph, &roots, at).map_err(Error::Input)?;
    let nothing = check::rounding(graph, derived.objective, at).map_err(Error::Input)?;
    let mut random = Random::seed(seed);
    let mut moved = at.clone();
    let mut results = Vec::new();
    for &parameter in &derived.wrt {
        let gradient =
            derived.of(parameter).ok_or_else(|| Error::Run("a gradient is missing".into()))?;
        let middle = at.values[&parameter].clone();
        let (mut numeric, mut exact) = (Vec::new(), Vec::new());
        for _ in 0..directions {
            let length = (middle.data.len() as f64).sqrt();
            let d: Vec<f64> = middle.data.iter().map(|_| random.normal() / length).collect();
            let mut value = |h: f64| -> Result<f64, Error> {
                let data = middle.data.iter().zip(&d).map(|(x, d)| x + h * d).collect();
                moved.values.insert(parameter, Matrix::new(middle.rows, middle.cols, data));
                let found = evaluate(graph, &[derived.objective], &moved).map_err(Error::Input)?;
                Ok(found[&derived.objective].data[0])
            };
            let mut slope = |h: f64| Ok::<f64, Error>((value(h)? - value(-h)?) / (2.0 * h));
            // Two extrapolations that differ have a kink between their points: go nearer.
            let mut best = (f64::INFINITY, 0.0);
            for h in [1e-3, 1e-4, 1e-5, 1e-6] {
                let (far, middle, near) = (slope(4.0 * h)?, slope(2.0 * h)?, slope(h)?);
                let found = (4.0 * near - middle) / 3.0;
                let apart = (found - (4.0 * middle - far) / 3.0).abs();
                if apart < best.0 {
                    best = (apart, found);
                }
                if apart <= 1e-9 * found.abs() {
                    break;
                }
            }
            numeric.push(best.1);
            exact.push(analytic[&gradient].data.iter().zip(&d).map(|(g, d)| g * d).sum());
        }
        moved.values.insert(parameter, middle);
        results.push(ParameterCheck {
            name: graph.name(parameter).map_or("?".into(), |n| n.spelling.clone()),
            relative_difference: check::difference(&numeric, &exact, nothing),
            largest_absolute_difference: check::largest(&numeric, &exact),
            surrogate: !derived.surrogates.is_empty(),
        });
    }
    Ok(results)
}

/// Each function of the page with a declared adjoint, by itself: Σ S ⊙ f(A, …) at 4×3 values.
fn adjoints(graph: &Graph, objective: NodeId, seed: u64) -> Result<Vec<(String, f64)>, Error> {
    let mut used = BTreeSet::new();
    let roots = [objective];
    for id in graph.reachable(&roots, false).into_iter().chain(graph.reachable(&roots, true)) {
        if let Op::Call(f) = graph.get(id).op {
            used.insert((f, graph.get(id).operands.to_vec()));
        }
    }
    let mut found: Vec<(String, f64)> = Vec::new();
    for (f, operands) in used {
        let function = &graph.functions[f as usize];
        let text = graph.called(Op::Call(f));
        let sealed = function.backward.iter().any(|b| !b.surrogate);
        if !sealed || found.iter().any(|(known, _)| *known == text) {
            continue;
        }
        // The same call on variables of its own, of the shapes that it has on the page.
        let mut alone = graph.emptied();
        let mut scope = Scope { functions: Some(f + 1), ..Scope::default() };
        let mut variables = Vec::new();
        let mut add = |alone: &mut Graph, text: String, shape: Shape| {
            let name = Name { spelling: text.clone(), text, span: Default::default() };
            let node = alone.add_variable(name, Kind::Given, shape, Initial::None);
            variables.push(node);
            node
        };
        let mut arguments = Vec::new();
        for (i, &operand) in operands.iter().enumerate() {
            let letter = format!("A{i}");
            let node = match graph.number_at(operand) {
                Some(number) => alone.number(number),
                None => add(&mut alone, letter.clone(), graph.shape(operand)),
            };
            scope.values.insert(letter.clone(), Some(node));
            let name = Name { spelling: letter.clone(), text: letter, span: Default::default() };
            let value = Expr { kind: ExprKind::Name(name), span: Default::default() };
            arguments.push(Argument::Value(value));
        }
        let kind = ExprKind::Call(function.name.clone(), arguments);
        let call = Expr { kind, span: Default::default() };
        let Ok(value) = Builder::new(&mut alone, "").definition(&scope, &call, &[]) else {
            continue;
        };
        let wrt = std::mem::take(&mut variables);
        let shape = alone.shape(value);
        let name = Name { text: "S".into(), spelling: "S".into(), span: Default::default() };
        let weights = alone.add_variable(name, Kind::Given, shape, Initial::None);
        let sum = alone
            .elementwise(Op::Mul, &[weights, value])
            .and_then(|p| alone.node(Op::Sum(Axis::All), &[p]))
            .map_err(|e| Error::Run(format!("{e:?}")))?;
        let drawn = sample::finite(&alone, sum, &[], seed, |at| {
            check(&alone, sum, &wrt, at).map_err(Error::Run)
        })?;
        let (_, checks) = drawn.ok_or_else(|| {
            Error::Input(format!(
                "{text} is finite at none of {} points that were drawn for its arguments, so its \
                 adjoint cannot be checked; limit them inside it, such as by `max(A, 0)`",
                sample::TRIES
            ))
        })?;
        let most = checks.iter().map(|c| c.relative_difference).fold(0.0, larger);
        found.push((text.clone(), most));
    }
    Ok(found)
}

fn compiled(derived: &Gradients, at: &Bindings) -> Result<f64, Error> {
    let roots: Vec<NodeId> =
        derived.gradients.iter().map(|&(_, g)| g).chain([derived.objective]).collect();
    let meant = evaluate(&derived.graph, &roots, at).map_err(Error::Input)?;
    let mut engine = Engine::new(&derived.graph, &roots, &[], &at.dims, None, Precision::F64)?;
    for (&node, value) in &at.values {
        engine.write(node, &value.data)?;
    }
    engine.step();
    let mut most = 0.0f64;
    for root in &roots {
        let size = meant[root].norm().max(1.0);
        for (a, b) in engine.read(*root)?.iter().zip(&meant[root].data) {
            most = larger(most, (a - b).abs() / size);
        }
    }
    Ok(most)
}

fn hash(graph: &Graph) -> String {
    let mut crc = flate2::Crc::new();
    for id in (0..graph.len()).map(|i| NodeId(i as u32)) {
        let node = graph.get(id);
        crc.update(format!("{:?} {:?} {:?};", node.op, &node.operands[..], node.shape).as_bytes());
    }
    format!("{:08x}", crc.sum())
}

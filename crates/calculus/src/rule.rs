//! Rewrite rules: text, one a line, a name and two equations.

use std::collections::BTreeSet;

use matgrad_expr::dim::{Dim, Shape};
use matgrad_expr::expression::{Builder, Scope};
use matgrad_expr::graph::{Graph, Initial, Kind, NodeId};
use matgrad_expr::library::Library;
use matgrad_expr::syntax::{Argument, Expr, ExprKind, Name, Role, parse_expr};

/// A rule with its two sides in one small graph.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, such as `transpose.product`.
    pub name: String,
    /// Pattern and replacement as written.
    pub text: (String, String),
    /// The graph of both sides.
    pub graph: Graph,
    /// What is looked for.
    pub pattern: NodeId,
    /// What takes its place.
    pub replacement: NodeId,
}

/// Rules in the order in which they are tried.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The rules.
    pub rules: Vec<Rule>,
}

const SIMPLIFY: &str = include_str!("simplify.eq");
const STABILITY: &str = include_str!("stability.eq");

impl Rules {
    /// The rules that make results readable.
    pub fn simplify(library: &Library) -> Rules {
        Rules::parse(SIMPLIFY, library).unwrap_or_else(|e| panic!("simplify.eq: {e}"))
    }

    /// The rules that keep numbers in range.
    pub fn stability(library: &Library) -> Rules {
        Rules::parse(STABILITY, library).unwrap_or_else(|e| panic!("stability.eq: {e}"))
    }

    /// Reads `name  pattern → replacement` lines.
    ///
    /// # Errors
    /// The line that is no rule, and why.
    pub fn parse(text: &str, library: &Library) -> Result<Rules, String> {
        let lines = text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#'));
        let mut rules = Vec::new();
        for line in lines {
            rules.extend(rule(line, library).map_err(|why| format!("{line}\n{why}"))?);
        }
        Ok(Rules { rules })
    }
}

/// The rule of a line for matrices, and the same for numbers, where nothing spreads.
fn rule(line: &str, library: &Library) -> Result<Vec<Rule>, String> {
    let (name, rest) = line.split_once(char::is_whitespace).ok_or("a rule has a name")?;
    let (left, right) = rest.split_once('→').ok_or("a rule has an arrow")?;
    let (left, right) = (left.trim(), right.trim());
    let parse = |text: &str| {
        parse_expr(text, &library.dialect()).map_err(|d| format!("{text}: {}", d[0].title))
    };
    let (pattern, replacement) = (parse(left)?, parse(right)?);
    let mut names = BTreeSet::new();
    variables(&pattern, &mut names);
    // The shapes are found by trying: each matrix and column gets dimensions from few symbols
    // until both sides fit; the most general choice, with most symbols, comes first.
    let choices: Vec<Vec<Option<(usize, usize)>>> = names
        .iter()
        .map(|name| match kind(name) {
            Letter::Number => vec![None],
            Letter::Column => (0..SYMBOLS.len()).map(|i| Some((i, SYMBOLS.len()))).collect(),
            // The last choice is 1: a row, or a column.
            Letter::Matrix => (0..=SYMBOLS.len())
                .flat_map(|i| (0..=SYMBOLS.len()).map(move |j| Some((i, j))))
                .collect(),
        })
        .collect();
    let total: usize = choices.iter().map(Vec::len).product();
    let mut best: Option<(usize, Rule)> = None;
    for mut number in 0..total {
        let shapes: Vec<Option<(usize, usize)>> = choices
            .iter()
            .map(|options| {
                let choice = options[number % options.len()];
                number /= options.len();
                choice
            })
            .collect();
        let used: BTreeSet<usize> = shapes
            .iter()
            .flatten()
            .flat_map(|&(i, j)| [i, j])
            .filter(|&i| i < SYMBOLS.len())
            .collect();
        if best.as_ref().is_none_or(|(most, _)| used.len() > *most)
            && let Some((graph, pattern, replacement)) =
                sides(library, (&pattern, &replacement), &names, &shapes)
        {
            let text = (left.to_string(), right.to_string());
            let rule = Rule { name: name.to_string(), text, graph, pattern, replacement };
            best = Some((used.len(), rule));
        }
    }
    let (_, matrices) = best.ok_or("no shapes fit both sides")?;
    let shapes = vec![None; names.len()];
    let numbers = sides(library, (&pattern, &replacement), &names, &shapes)
        .filter(|(graph, pattern, replacement)| {
            !name.starts_with("scale.")
                && pattern != replacement
                && graph.get(*pattern).op == matrices.graph.get(matrices.pattern).op
                && graph.reachable(&[*pattern], false).iter().all(|&n| graph.shape(n).is_scalar())
        })
        .map(|(graph, pattern, replacement)| Rule {
            graph,
            pattern,
            replacement,
            ..matrices.clone()
        });
    Ok(std::iter::once(matrices.clone()).chain(numbers).collect())
}

/// Both sides in one graph, with the letters of these shapes (`None` is 1×1).
fn sides(
    library: &Library,
    (pattern, replacement): (&Expr, &Expr),
    names: &BTreeSet<String>,
    shapes: &[Option<(usize, usize)>],
) -> Option<(Graph, NodeId, NodeId)> {
    let mut graph = Graph::new(&library.functions);
    let mut scope = Scope::default();
    let dims = SYMBOLS.map(|s| Dim::symbol(graph.symbols.intern(s)));
    let dim = |i: usize| dims.get(i).copied().unwrap_or(Dim::ONE);
    for (text, shape) in names.iter().zip(shapes) {
        let shape = shape.map_or(Shape::SCALAR, |(i, j)| Shape::new(dim(i), dim(j)));
        let name = Name { text: text.clone(), spelling: text.clone(), span: Default::default() };
        let node = graph.add_variable(name, Kind::Declared(Role::Const), shape, Initial::None);
        scope.values.insert(text.clone(), Some(node));
    }
    let mut builder = Builder::new(&mut graph, "");
    let pattern = builder.definition(&scope, pattern, &[]).ok()?;
    let wanted = builder.graph.shape(pattern);
    let replacement = builder.expected(&scope, replacement, wanted).ok()?;
    let replacement = builder.graph.spread(replacement, wanted).ok()?;
    Some((graph, pattern, replacement))
}

/// Dimensions of the letters of rules.
const SYMBOLS: [&str; 4] = ["m", "n", "k", "p"];

enum Letter {
    Number,
    Column,
    Matrix,
}

fn kind(name: &str) -> Letter {
    match name.chars().next() {
        Some('a'..='g') => Letter::Number,
        Some(c) if c.is_uppercase() => Letter::Matrix,
        _ => Letter::Column,
    }
}

/// Names of one letter that stand for values; `m n k p` are dimensions.
fn variables(e: &Expr, names: &mut BTreeSet<String>) {
    match &e.kind {
        ExprKind::Name(name) => {
            if !matches!(name.text.as_str(), "m" | "n" | "k" | "p") {
                names.insert(name.text.clone());
            }
        }
        ExprKind::Unary(_, a) | ExprKind::Index(a, ..) => variables(a, names),
        ExprKind::Binary(_, a, b) => {
            variables(a, names);
            variables(b, names);
        }
        ExprKind::Call(_, arguments) => {
            for argument in arguments {
                if let Argument::Value(v) | Argument::Named(_, v) = argument {
                    variables(v, names);
                }
            }
        }
        ExprKind::Number(_) | ExprKind::Literal(_) | ExprKind::Ones | ExprKind::Identity => {}
    }
}

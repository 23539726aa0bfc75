//! Rewrite rules: text, one a line, a name and two equations.

use std::sync::LazyLock;

use matgrad_expr::dim;
use matgrad_expr::expression::{Builder, Scope};
use matgrad_expr::graph::{Graph, Initial, Kind, NodeId};
use matgrad_expr::infer::one_shape;
use matgrad_expr::library::Library;
use matgrad_expr::syntax::{Expr, Name, Role, Shape, parse_expr};
use matgrad_library::standard;

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

impl Rules {
    /// The rules that make results readable, read once, over the standard library.
    ///
    /// # Panics
    /// Never: the tests read the same file.
    pub fn simplify() -> &'static Rules {
        static SIMPLIFY: LazyLock<Rules> = LazyLock::new(|| {
            Rules::parse(include_str!("simplify.eq"), standard())
                .unwrap_or_else(|e| panic!("simplify.eq: {e}"))
        });
        &SIMPLIFY
    }

    /// The rules that keep numbers in range, read once, over the standard library.
    ///
    /// # Panics
    /// Never: the tests read the same file.
    pub fn stability() -> &'static Rules {
        static STABILITY: LazyLock<Rules> = LazyLock::new(|| {
            Rules::parse(include_str!("stability.eq"), standard())
                .unwrap_or_else(|e| panic!("stability.eq: {e}"))
        });
        &STABILITY
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
    let names = one_shape([&pattern, &replacement], library).ok_or("no shapes fit both sides")?;
    let both = |numbers| -> Result<Rule, String> {
        let (graph, pattern, replacement) =
            sides(library, (&pattern, &replacement), &names, numbers)?;
        let text = (left.to_string(), right.to_string());
        Ok(Rule { name: name.to_string(), text, graph, pattern, replacement })
    };
    let matrices = both(false)?;
    let numbers = both(true).ok().filter(|rule| {
        let graph = &rule.graph;
        !name.starts_with("scale.")
            && rule.pattern != rule.replacement
            && !matrices.graph.shape(matrices.pattern).is_scalar()
            && graph.get(rule.pattern).op == matrices.graph.get(matrices.pattern).op
            && graph.reachable(&[rule.pattern], false).iter().all(|&n| graph.shape(n).is_scalar())
    });
    Ok(std::iter::once(matrices).chain(numbers).collect())
}

/// Both sides in one graph; with `numbers` every letter is 1×1.
fn sides(
    library: &Library,
    (pattern, replacement): (&Expr, &Expr),
    names: &[(Name, Shape)],
    numbers: bool,
) -> Result<(Graph, NodeId, NodeId), String> {
    let mut graph = Graph::new(&library.functions);
    for symbol in SYMBOLS {
        graph.symbols.intern(symbol);
    }
    let mut scope = Scope::default();
    let mut builder = Builder::new(&mut graph, "");
    let said = |d: matgrad_expr::diagnostic::Diagnostic| d.title;
    for (name, shape) in names {
        let shape = match numbers {
            true => dim::Shape::SCALAR,
            false => builder.shape(&scope, shape).map_err(said)?,
        };
        let kind = Kind::Declared(Role::Const);
        let node = builder.graph.add_variable(name.clone(), kind, shape, Initial::None);
        scope.values.insert(name.text.clone(), Some(node));
    }
    let pattern = builder.definition(&scope, pattern, &[]).map_err(said)?;
    let wanted = builder.graph.shape(pattern);
    let replacement = builder.expected(&scope, replacement, wanted).map_err(said)?;
    let replacement = builder.graph.spread(replacement, wanted);
    Ok((graph, pattern, replacement.map_err(|_| "the sides differ in shape")?))
}

/// Dimensions of the letters of rules.
const SYMBOLS: [&str; 4] = ["m", "n", "k", "p"];

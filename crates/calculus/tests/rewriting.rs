//! Every rewrite rule meets every other again: where the patterns of two rules fit one expression,
//! it does not matter which of them is applied first.
//!
//! The overlap of two rules is found by unifying the pattern of one with a part of the pattern of
//! the other; the letters that both leave are specialised on the way.

use std::collections::BTreeMap;

use expect_test::expect_file;
use matgrad_calculus::rewrite::Rewriter;
use matgrad_calculus::rule::Rules;
use matgrad_expr::dim;
use matgrad_expr::expression::{Builder, Scope};
use matgrad_expr::graph::{Graph, Initial, Kind, NodeId};
use matgrad_expr::infer::one_shape;
use matgrad_expr::op::Op;
use matgrad_expr::print::unicode;
use matgrad_expr::syntax::{Argument, Binary, Expr, ExprKind, Name, Role, Unary, parse_expr};
use matgrad_library::standard;

use crate::values::fault;

type Meaning = BTreeMap<String, Expr>;

#[derive(PartialEq)]
enum Letter {
    Number,
    Column,
    Matrix,
    Dimension,
}

fn letter(name: &str) -> Letter {
    match name.chars().next() {
        Some('a'..='g') => Letter::Number,
        Some('m' | 'n' | 'k' | 'p') => Letter::Dimension,
        Some(c) if c.is_uppercase() => Letter::Matrix,
        _ => Letter::Column,
    }
}

fn expr(kind: ExprKind) -> Expr {
    Expr { kind, span: Default::default() }
}

/// The expression with another in the place of each part for which there is one.
fn map(e: &Expr, change: &mut impl FnMut(&Expr) -> Option<Expr>) -> Expr {
    if let Some(other) = change(e) {
        return other;
    }
    let boxed = |a: &Expr, change: &mut _| Box::new(map(a, change));
    expr(match &e.kind {
        ExprKind::Unary(op, a) => ExprKind::Unary(*op, boxed(a, change)),
        ExprKind::Binary(Binary::Difference, a, b) => {
            let negative = ExprKind::Unary(Unary::Negative, boxed(b, change));
            ExprKind::Binary(Binary::Sum, boxed(a, change), Box::new(expr(negative)))
        }
        ExprKind::Binary(op, a, b) => ExprKind::Binary(*op, boxed(a, change), boxed(b, change)),
        ExprKind::Call(name, arguments) => {
            let arguments = arguments.iter().map(|argument| match argument {
                Argument::Value(a) => Argument::Value(map(a, change)),
                Argument::Named(..) | Argument::Shape(_) | Argument::Option(..) => argument.clone(),
            });
            ExprKind::Call(name.clone(), arguments.collect())
        }
        ExprKind::Number(_)
        | ExprKind::Name(_)
        | ExprKind::Literal(_)
        | ExprKind::Ones
        | ExprKind::Identity
        | ExprKind::Index(..) => e.kind.clone(),
    })
}

fn renamed(e: &Expr, name: &dyn Fn(&str) -> String) -> Expr {
    map(e, &mut |e| match &e.kind {
        ExprKind::Name(n) => {
            let text = name(&n.text);
            Some(expr(ExprKind::Name(Name { spelling: text.clone(), text, span: n.span })))
        }
        _ => None,
    })
}

fn meant(e: &Expr, meaning: &Meaning) -> Expr {
    map(e, &mut |e| match &e.kind {
        ExprKind::Name(n) => meaning.get(&n.text).map(|other| meant(other, meaning)),
        _ => None,
    })
}

fn parts(e: &Expr) -> Vec<&Expr> {
    match &e.kind {
        ExprKind::Unary(_, a) => vec![a],
        ExprKind::Binary(_, a, b) => vec![a, b],
        ExprKind::Call(_, arguments) => arguments
            .iter()
            .filter_map(|a| if let Argument::Value(v) = a { Some(v) } else { None })
            .collect(),
        _ => Vec::new(),
    }
}

fn is_number(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Number(_) => true,
        ExprKind::Name(n) => letter(&n.text) == Letter::Number,
        ExprKind::Call(name, _) => ["sum", "det", "logdet"].contains(&name.text.as_str()),
        ExprKind::Unary(..) | ExprKind::Binary(..) => parts(e).into_iter().all(is_number),
        _ => false,
    }
}

fn bind(name: &str, e: &Expr, meaning: &Meaning) -> Vec<Meaning> {
    let kind = match (letter(name), &e.kind) {
        (Letter::Number, _) => is_number(e),
        (Letter::Column, ExprKind::Name(n)) => letter(&n.text) == Letter::Column,
        (Letter::Column, ExprKind::Unary(op, _)) => *op == Unary::Negative,
        (Letter::Column, ExprKind::Binary(op, a, _)) => *op == Binary::Product && is_number(a),
        (Letter::Column, _) => false,
        (Letter::Dimension, ExprKind::Name(n)) => letter(&n.text) == Letter::Dimension,
        (Letter::Dimension, kind) => matches!(kind, ExprKind::Number(_)),
        (Letter::Matrix, ExprKind::Name(n)) => {
            letter(&n.text) != Letter::Dimension && !is_number(e)
        }
        (Letter::Matrix, _) => !is_number(e),
    };
    let mut inside = false;
    map(&meant(e, meaning), &mut |e| {
        inside |= matches!(&e.kind, ExprKind::Name(n) if n.text == name);
        None
    });
    if !kind || inside {
        return Vec::new();
    }
    let mut more = meaning.clone();
    more.insert(name.into(), e.clone());
    vec![more]
}

/// What the letters stand for where two expressions are one, up to the order of sums and products.
fn unify(a: &Expr, b: &Expr, meaning: &Meaning) -> Vec<Meaning> {
    match (&a.kind, &b.kind) {
        (ExprKind::Name(x), ExprKind::Name(y)) if x == y => vec![meaning.clone()],
        (ExprKind::Name(x), _) if meaning.contains_key(&x.text) => {
            unify(&meaning[&x.text], b, meaning)
        }
        (_, ExprKind::Name(y)) if meaning.contains_key(&y.text) => {
            unify(a, &meaning[&y.text], meaning)
        }
        (ExprKind::Name(x), ExprKind::Name(y)) => {
            let mut all = bind(&x.text, b, meaning);
            if all.is_empty() {
                all = bind(&y.text, a, meaning);
            }
            all
        }
        (ExprKind::Name(x), _) => bind(&x.text, b, meaning),
        (_, ExprKind::Name(y)) => bind(&y.text, a, meaning),
        _ => {
            let (x, y) = (parts(a), parts(b));
            let same = match (&a.kind, &b.kind) {
                (ExprKind::Unary(f, _), ExprKind::Unary(g, _)) => f == g,
                (ExprKind::Binary(f, ..), ExprKind::Binary(g, ..)) => f == g,
                (ExprKind::Call(f, _), ExprKind::Call(g, _)) => f == g,
                (f, g) => return if f == g { vec![meaning.clone()] } else { Vec::new() },
            };
            if !same || x.len() != y.len() {
                return Vec::new();
            }
            let all = |order: &[usize]| {
                order.iter().zip(&x).fold(vec![meaning.clone()], |found, (&j, x)| {
                    found.iter().flat_map(|m| unify(x, y[j], m)).collect()
                })
            };
            let mut found = match x.len() {
                2 => all(&[0, 1]),
                _ => all(&[0]),
            };
            let commutes = match &a.kind {
                ExprKind::Binary(Binary::Sum | Binary::Hadamard, ..) => true,
                ExprKind::Binary(Binary::Product, ..) => {
                    x.iter().chain(&y).any(|e| is_number(&meant(e, meaning)))
                }
                _ => false,
            };
            if commutes {
                found.extend(all(&[1, 0]));
            }
            found
        }
    }
}

/// Each part of an expression that is no letter, with its number.
fn places(e: &Expr) -> Vec<(usize, Expr)> {
    let mut all = Vec::new();
    map(e, &mut |part| {
        all.push(part.clone());
        None
    });
    let letter = |e: &Expr| matches!(e.kind, ExprKind::Name(_) | ExprKind::Number(_));
    all.into_iter().enumerate().filter(|(_, part)| !letter(part)).collect()
}

/// The expression with another in that place.
fn placed(e: &Expr, place: usize, other: &Expr) -> Expr {
    let mut at = 0;
    map(e, &mut |_| {
        at += 1;
        (at - 1 == place).then(|| other.clone())
    })
}

/// Both expressions in one graph, with the most general shapes or with numbers alone.
fn build(both: [&Expr; 2], numbers: bool) -> Option<(Graph, [NodeId; 2])> {
    let names = one_shape(both, standard())?;
    let mut graph = Graph::new(&standard().functions);
    for symbol in ["m", "n", "k", "p"] {
        graph.symbols.intern(symbol);
    }
    let mut scope = Scope::default();
    let mut builder = Builder::new(&mut graph, "");
    for (name, shape) in names {
        let shape = match numbers {
            true => dim::Shape::SCALAR,
            false => builder.shape(&scope, &shape).ok()?,
        };
        let kind = Kind::Declared(Role::Const);
        let node = builder.graph.add_variable(name.clone(), kind, shape, Initial::None);
        scope.values.insert(name.text, Some(node));
    }
    let first = builder.definition(&scope, both[0], &[]).ok()?;
    let shape = builder.graph.shape(first);
    let second = builder.expected(&scope, both[1], shape).ok()?;
    let second = builder.graph.spread(second, shape).ok()?;
    Some((graph, [first, second]))
}

/// An expression up to the order and grouping of terms and of factors that are numbers: terms, and
/// of each product the factors above and below the line, in alphabetical order.
fn plainly(graph: &Graph, id: NodeId) -> String {
    let node = graph.get(id);
    let joined = |mut parts: Vec<String>| {
        parts.sort();
        parts.join(" ")
    };
    match node.op {
        Op::Add => {
            let mut terms = Vec::new();
            gather(graph, id, &Op::Add, &mut terms);
            format!("(+ {})", joined(terms.into_iter().map(|t| plainly(graph, t)).collect()))
        }
        Op::Mul | Op::Div | Op::Neg => {
            let (mut above, mut below, mut negative) = (Vec::new(), Vec::new(), false);
            factors(graph, id, &mut above, &mut below, &mut negative);
            let sign = if negative { "-" } else { "" };
            format!("({sign}* {} / {})", joined(above), joined(below))
        }
        _ => {
            let operands = node.operands.iter().map(|&o| plainly(graph, o));
            let own = if node.operands.is_empty() {
                unicode(graph, id)
            } else {
                format!("{:?}", node.op)
            };
            format!("({own} {})", operands.collect::<Vec<_>>().join(" "))
        }
    }
}

fn gather(graph: &Graph, id: NodeId, op: &Op, terms: &mut Vec<NodeId>) {
    let node = graph.get(id);
    match node.op == *op {
        true => node.operands.iter().for_each(|&o| gather(graph, o, op, terms)),
        false => terms.push(id),
    }
}

fn factors(
    graph: &Graph,
    id: NodeId,
    above: &mut Vec<String>,
    below: &mut Vec<String>,
    negative: &mut bool,
) {
    let node = graph.get(id);
    let inner = node.operands.first().copied();
    match node.op {
        Op::Mul => node.operands.iter().for_each(|&o| factors(graph, o, above, below, negative)),
        Op::Div => {
            factors(graph, node.operands[0], above, below, negative);
            factors(graph, node.operands[1], below, above, negative);
        }
        Op::Neg => {
            *negative = !*negative;
            factors(graph, node.operands[0], above, below, negative);
        }
        Op::Spread(_) if inner.is_some_and(|i| graph.shape(i).is_scalar()) => {
            factors(graph, node.operands[0], above, below, negative);
        }
        _ => above.push(plainly(graph, id)),
    }
}

/// The pairs that do not meet again, and how many there are in all.
fn apart(rules: &Rules) -> (usize, Vec<String>) {
    let mut sides: Vec<(&str, [Expr; 2])> = Vec::new();
    for rule in &rules.rules {
        let parse = |text: &str| {
            let e = parse_expr(text, &standard().dialect()).expect("it was read before");
            map(&e, &mut |_| None)
        };
        if sides.last().is_none_or(|(name, _)| *name != rule.name) {
            sides.push((&rule.name, [parse(&rule.text.0), parse(&rule.text.1)]));
        }
    }
    let (mut pairs, mut wrong) = (0, Vec::new());
    for (first, outer) in &sides {
        let outer = outer.each_ref().map(|e| renamed(e, &|n| format!("{n}₁")));
        for (second, inner) in &sides {
            let inner = inner.each_ref().map(|e| renamed(e, &|n| format!("{n}₂")));
            for (place, part) in places(&outer[0]) {
                for meaning in unify(&part, &inner[0], &Meaning::new()) {
                    let one = meant(&outer[1], &meaning);
                    let other = meant(&placed(&outer[0], place, &inner[1]), &meaning);
                    let mut dims: Vec<String> = Vec::new();
                    for side in [&one, &other] {
                        map(side, &mut |e| {
                            if let ExprKind::Name(n) = &e.kind
                                && letter(&n.text) == Letter::Dimension
                                && !dims.contains(&n.text)
                            {
                                dims.push(n.text.clone());
                            }
                            None
                        });
                    }
                    let plain = |e: &Expr| {
                        renamed(e, &|n| match dims.iter().position(|d| d == n) {
                            Some(i) => ["m", "n", "k", "p"][i].into(),
                            None => n.into(),
                        })
                    };
                    let (one, other) = (plain(&one), plain(&other));
                    for numbers in [false, true] {
                        if numbers && !dims.is_empty() {
                            continue;
                        }
                        let Some((mut graph, both)) = build([&one, &other], numbers) else {
                            continue;
                        };
                        pairs += 1;
                        let mut rewriter = Rewriter::new(rules, false);
                        let ends = both.map(|node| rewriter.rewrite(&mut graph, node));
                        if plainly(&graph, ends[0]) != plainly(&graph, ends[1]) {
                            let text = ends.map(|end| unicode(&graph, end));
                            wrong.push(format!("{first}, {second}: {} and {}", text[0], text[1]));
                        }
                    }
                }
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    (pairs, wrong)
}

/// Those that do not are kept in a file, and have one value in two forms: where a minus is turned
/// into a difference, where like terms are scaled by more than a letter, and where a number cancels
/// across a product of numbers. A new line there is a question to answer.
#[test]
fn overlapping_rules_meet_again() {
    let mut found = String::new();
    for rules in [Rules::simplify(), Rules::stability()] {
        let (pairs, wrong) = apart(rules);
        found += &format!("{} of {pairs} pairs do not meet\n", wrong.len());
        found.extend(wrong.iter().map(|pair| format!("{pair}\n")));
    }
    expect_file!["overlaps.txt"].assert_eq(&found);
}

#[test]
fn a_rule_that_is_right_by_itself_is_caught_beside_the_others() {
    let mut rules = Rules::simplify().clone();
    let planted = Rules::parse("planted  -(A ⊙ B) → A ⊙ (-B)", standard()).expect("it is a rule");
    assert!(planted.rules.iter().all(|rule| fault(rule).is_none()));
    rules.rules.extend(planted.rules);
    assert!(apart(&rules).1.iter().any(|pair| pair.contains("planted")));
}

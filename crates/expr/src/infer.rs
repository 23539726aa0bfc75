//! One expression without declarations: the shapes of its names follow from how they are used.
//!
//! Before [`crate::elaborate`], in the place of a page. As on matrixcalculus.org, the letters `a`
//! to `g` and Greek ones are numbers, other lower-case names columns, upper-case names matrices.
//! Shapes are found by unification. Where an expression does not fit that way, or only by
//! spreading, some of `a` to `g` are read as columns: as few spreadings as can be, then as few
//! columns, then those first that stand transposed.
//!
//! ```
//! use matgrad_expr::{infer::one_expression, library::Library};
//! let equations = one_expression("x'*A*x", &["x".into()], &Library::parse(&[]).unwrap()).unwrap();
//! let shape = equations.graph.shape(equations.parameters()[0]);
//! assert_eq!(equations.graph.symbols.shape(shape), "n×1");
//! ```

use std::collections::HashMap;

mod unify;

use crate::diagnostic::{Diagnostic, Errors, nearest};
use crate::elaborate::{Equations, page};
use crate::library::Library;
use crate::syntax::{
    self, Argument, Binary, Declaration, Definition, Dialect, Dim, Expr, ExprKind, Item, Name,
    Page, Role, Shape, Span, Statement, Unary, canonical,
};
use unify::{Inference, Pair, State, Values};

/// Reads an expression in which nothing is declared, such as `norm2(X*w - y)^2`, as an objective.
/// The names `wrt` (all, if there are none) are parameters, the others constants.
///
/// # Errors
/// What is wrong with the text, a name in `wrt` that is not in it, or shapes that fit in no way.
pub fn one_expression(
    source: &str,
    wrt: &[String],
    library: &Library,
) -> Result<Equations, Errors> {
    undeclared(source, wrt, library, |_, value| Ok(Statement::Minimize(value)))
}

/// Reads such an expression as the value of a name, of any shape, for its Jacobians.
///
/// # Errors
/// As [`one_expression`]; what is no name, or one of the expression.
pub fn one_value(source: &str, name: &str, library: &Library) -> Result<Equations, Errors> {
    let read = syntax::parse_expr(name, &library.dialect()).map(|read| read.kind);
    undeclared(source, &[], library, |names, value| {
        let free =
            ["f", "F", "out"].into_iter().find(|free| names.iter().all(|n| n.name.text != **free));
        let (free, whole) = (free.unwrap_or("value"), value.span);
        let wrong = |title: String, span, label| {
            let input = names.first().map_or("x", |n| n.name.spelling.as_str());
            Diagnostic::new(title).label(span, label).help(format!(
                "OUT of `--jacobian OUT:IN` is a new name, for the value of the expression: \
                 `--jacobian {free}:{input}`"
            ))
        };
        let Ok(ExprKind::Name(name)) = read else {
            return Err(wrong(format!("`{name}` is no name"), whole, "what it is to name"));
        };
        if let Some(used) = names.iter().find(|used| used.name == name) {
            let title = format!("{} is a name of the expression already", name.text);
            return Err(wrong(title, used.name.span, "here"));
        }
        let name = Name { span: Span::default(), ..name };
        Ok(Statement::Definition(Definition { name, value, parts: Vec::new() }))
    })
}

fn undeclared(
    source: &str,
    wrt: &[String],
    library: &Library,
    statement: impl FnOnce(&[Used], Expr) -> Result<Statement, Diagnostic>,
) -> Result<Equations, Errors> {
    let wrong = |diagnostics| Errors { file: "-e".into(), source: source.into(), diagnostics };
    let dialect = Dialect { left_to_right: true, ..library.dialect() };
    let objective = syntax::parse_expr(source, &dialect).map_err(wrong)?;
    let mut names = Vec::new();
    collect(&objective, false, &mut names);
    let wanted: Vec<String> = wrt.iter().map(|name| canonical(name)).collect();
    let unknown = wanted.iter().filter(|w| names.iter().all(|n| n.name.text != **w));
    let unknown: Vec<Diagnostic> = unknown.map(|w| no_such_name(w, &names, source)).collect();
    if !unknown.is_empty() {
        return Err(wrong(unknown));
    }
    let (shapes, made) = best_reading(&objective, &names, library);
    let objective = objective.map(&mut |kind| filled(kind, &shapes, &made));
    let declarations = names.iter().zip(shapes.clone()).map(|(used, shape)| {
        let trained = wanted.is_empty() || wanted.contains(&used.name.text);
        let role = if trained { Role::Param } else { Role::Const };
        let (name, shape) = (used.name.clone(), Some(shape));
        Statement::Declaration(Declaration { role, name, shape, initial: None })
    });
    let statement = statement(&names, objective).map_err(|why| wrong(vec![why]))?;
    let statements = declarations.chain([statement]);
    let item = |statement| Item { above: Vec::new(), statement, beside: None };
    let whole = Page { items: statements.map(item).collect(), tail: Vec::new() };
    page(&whole, source, library).map_err(wrong)
}

/// `vector(k)` and `matrix(k)` as `k ones(m, n)`, where the names have dimensions to say it with.
fn filled(kind: ExprKind, shapes: &[Shape], made: &[(Span, Shape)]) -> ExprKind {
    let ExprKind::Call(name, arguments) = &kind else { return kind };
    let ("vector" | "matrix", [Argument::Value(entry)]) = (name.text.as_str(), &arguments[..])
    else {
        return kind;
    };
    let known = |dim: &Dim| {
        let mut sides = shapes.iter().flat_map(|s| [&s.rows, &s.cols]);
        dim.symbols.is_empty() || sides.any(|side| side.symbols == dim.symbols)
    };
    let Some((span, shape)) = made.iter().find(|(span, _)| *span == entry.span) else {
        return kind;
    };
    let sides = [&shape.rows, &shape.cols];
    if !sides.iter().all(|side| known(side)) {
        return kind;
    }
    let expr = |kind| Expr { kind, span: *span };
    let side = |dim: &Dim| match dim.symbols.first() {
        Some(symbol) => Argument::Value(expr(ExprKind::Name(symbol.clone()))),
        None => Argument::Value(expr(ExprKind::Number(dim.coefficient as f64))),
    };
    let name = Name { text: "ones".into(), spelling: "ones".into(), span: name.span };
    let ones = expr(ExprKind::Call(name, sides.map(side).to_vec()));
    ExprKind::Binary(Binary::Product, Box::new(entry.clone()), Box::new(ones))
}

/// The most general shapes with which two expressions have one shape, such as the sides of a
/// rewrite rule; `None` where there are none. `m n k p` are dimensions, `a` to `g` numbers, other
/// lower-case names columns, capitals matrices, or rows and columns where they must be.
pub fn one_shape(sides: [&Expr; 2], library: &Library) -> Option<Vec<(Name, Shape)>> {
    let mut names = Vec::new();
    sides.iter().for_each(|side| collect(side, false, &mut names));
    let (dims, names): (Vec<Used>, Vec<Used>) =
        names.into_iter().partition(|used| ["m", "n", "k", "p"].contains(&used.name.text.as_str()));
    let shapes = [false, true].into_iter().find_map(|vectors| {
        let mut inference = Inference::new(library);
        let mut values = Values::new();
        for used in &names {
            let class = class(&used.name.text);
            let shape = match vectors && class == Class::Matrix {
                true => inference.open(),
                false => inference.declared(class, false),
            };
            values.insert(used.name.text.clone(), shape);
        }
        values.extend(dims.iter().map(|used| (used.name.text.clone(), inference.number())));
        let [a, b] = sides.map(|side| inference.shape(side, &values));
        if !inference.is_number(b) {
            inference.unify(a.0, b.0);
            inference.unify(a.1, b.1);
        }
        (!inference.failed).then(|| named(&inference, &names, &values))
    })?;
    Some(names.into_iter().map(|used| used.name).zip(shapes).collect())
}

fn no_such_name(name: &str, names: &[Used], source: &str) -> Diagnostic {
    let known: Vec<&str> = names.iter().map(|n| n.name.text.as_str()).collect();
    let help = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None if known.is_empty() => "there is no name in it".into(),
        None => format!("its names are {}", known.join(", ")),
    };
    Diagnostic::new(format!("there is no {name} to derive by"))
        .label(Span { start: 0, end: source.len() }, "not in this expression")
        .help(help)
}

/// A name of the expression.
struct Used {
    name: Name,
    /// Whether it stands transposed somewhere.
    transposed: bool,
}

/// The names in the order of the text.
fn collect(e: &Expr, transposed: bool, names: &mut Vec<Used>) {
    match &e.kind {
        ExprKind::Name(name) => match names.iter_mut().find(|used| used.name == *name) {
            Some(used) => used.transposed |= transposed,
            None => names.push(Used { name: name.clone(), transposed }),
        },
        ExprKind::Unary(op, a) => collect(a, *op == Unary::Transpose, names),
        ExprKind::Binary(_, a, b) => {
            collect(a, false, names);
            collect(b, false, names);
        }
        ExprKind::Call(_, arguments) => arguments.iter().for_each(|argument| match argument {
            Argument::Value(a) | Argument::Named(_, a) | Argument::Option(_, a) => {
                collect(a, false, names);
            }
            Argument::Shape(_) => {}
        }),
        ExprKind::Index(a, _, _) => collect(a, false, names),
        ExprKind::Number(_) | ExprKind::Literal(_) | ExprKind::Ones | ExprKind::Identity => {}
    }
}

/// What the spelling of a name says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// `a` to `g`: a number, or a column where it must be.
    Letter,
    Number,
    Column,
    Matrix,
}

fn class(name: &str) -> Class {
    let mut chars = name.trim_start_matches('∂').chars();
    let first = chars.next().unwrap_or('x');
    let short = chars.all(|c| !c.is_alphabetic());
    match first {
        'a'..='g' if short => Class::Letter,
        _ if first.is_uppercase() => Class::Matrix,
        _ if !first.is_ascii() && syntax::ascii(&first.to_string()).is_ascii() => Class::Number,
        _ => Class::Column,
    }
}

/// More letters than these stay numbers: each doubles the number of readings.
const MOST_LETTERS: usize = 10;

/// Shapes of names, and those of matrices whose entries are all one number, by their places.
type Reading = (Vec<Shape>, Vec<(Span, Shape)>);

fn best_reading(objective: &Expr, names: &[Used], library: &Library) -> Reading {
    let letters: Vec<usize> =
        (0..names.len()).filter(|&i| class(&names[i].name.text) == Class::Letter).collect();
    let letters = &letters[..letters.len().min(MOST_LETTERS)];
    let mut best: Option<((usize, usize, usize), Reading)> = None;
    for reading in 0..1usize << letters.len() {
        let columns: Vec<usize> = (0..letters.len())
            .filter(|bit| reading >> bit & 1 == 1)
            .map(|bit| letters[bit])
            .collect();
        let mut inference = Inference::new(library);
        let is_column = |i: usize| columns.contains(&i);
        let values = names.iter().enumerate().map(|(i, used)| {
            (used.name.text.clone(), inference.declared(class(&used.name.text), is_column(i)))
        });
        let values: Values = values.collect();
        let (rows, cols) = inference.shape(objective, &values);
        let fits = !inference.failed && inference.is_one(rows) && inference.is_one(cols);
        let untransposed = columns.iter().filter(|&&i| !names[i].transposed).count();
        let cost = (inference.spreads, columns.len(), untransposed);
        let first = reading == 0;
        if first || (fits && best.as_ref().is_none_or(|(least, _)| cost < *least)) {
            let cost = if fits { cost } else { (usize::MAX, 0, 0) };
            let mut shapes = named(&inference, names, &values);
            let made = shapes.split_off(names.len());
            let places = inference.made.iter().map(|(span, _)| *span);
            best = Some((cost, (shapes, places.zip(made).collect())));
        }
    }
    best.map_or_else(Reading::default, |(_, reading)| reading)
}

/// The shapes of the names, then those of what is made, with symbols.
fn named(inference: &Inference, names: &[Used], values: &Values) -> Vec<Shape> {
    let each = names.iter().map(|used| (used.name.span, values[&used.name.text]));
    let (spans, pairs): (Vec<Span>, Vec<Pair>) = each.chain(inference.made.clone()).unzip();
    let taken =
        |s: &str| names.iter().any(|used| used.name.text == s) || inference.symbols.contains_key(s);
    let letters = ["m", "n", "k", "p", "q", "r", "s", "l", "h", "u", "v"];
    let letters = letters.iter().map(|s| s.to_string());
    let numbered = (1..).map(|i| canonical(&format!("n_{i}")));
    let mut free: Vec<String> =
        letters.chain(numbered).filter(|s| !taken(s)).take(2 * pairs.len() + 1).collect();
    let own = inference.symbols.iter().map(|(text, &dim)| (inference.root(dim), text.clone()));
    let mut symbols: HashMap<usize, String> = own.collect();
    // Matrices first; where nothing has two sides, dimensions are called n before m.
    let sides = |p: &Pair| [inference.root(p.0), inference.root(p.1)];
    let open = |d: usize| !matches!(inference.state(d), State::Known(_));
    let first = pairs.iter().map(sides).find(|&[m, n]| open(m) && open(n));
    let square = first.is_none_or(|[m, n]| m == n);
    if square && free.len() > 1 && free[0] == "m" {
        free.swap(0, 1);
    }
    let mut free = free.into_iter();
    let all = first.into_iter().chain(pairs.iter().map(sides)).flatten();
    for dim in all.filter(|&d| open(d)) {
        if symbols.contains_key(&dim) {
            continue;
        }
        if let Some(symbol) = free.next() {
            symbols.insert(dim, symbol);
        }
    }
    let dim = |dim: usize, span: Span| match inference.state(dim) {
        State::Known(n) => Dim { coefficient: n, symbols: Vec::new(), span },
        _ => {
            let text = symbols.get(&inference.root(dim)).cloned().unwrap_or_default();
            let name = Name { spelling: syntax::ascii(&text), text, span };
            Dim { coefficient: 1, symbols: vec![name], span }
        }
    };
    let shape =
        |(span, pair): (Span, &Pair)| Shape { rows: dim(pair.0, span), cols: dim(pair.1, span) };
    spans.into_iter().zip(&pairs).map(shape).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn library() -> Library {
        let activations = include_str!("../../library/src/activations.eq");
        let losses = include_str!("../../library/src/losses.eq");
        Library::parse(&[("activations", activations), ("losses", losses)]).unwrap()
    }

    fn shapes(source: &str) -> String {
        let equations = match one_expression(source, &[], &library()) {
            Ok(equations) => equations,
            Err(errors) => return format!("{source}\n{errors}\n"),
        };
        let graph = &equations.graph;
        let each = graph.variables.iter().map(|v| {
            let name = &graph.name(v.node).unwrap().text;
            format!("{name} {}", graph.symbols.shape(v.shape))
        });
        format!("{source}   {}\n", each.collect::<Vec<_>>().join(", "))
    }

    fn check(sources: &[&str], expected: Expect) {
        expected.assert_eq(&sources.iter().map(|s| shapes(s)).collect::<String>());
    }

    #[test]
    fn shapes_of_known_identities() {
        check(
            &[
                "a'*x",
                "x'*A*x",
                "a'*X*b",
                "tr(A*X*B)",
                "tr(X'*X)",
                "tr(X'*A)",
                "norm2(A*x-b)^2",
                "log(det(X))",
                "tr(A*inv(X)*B)",
                "sum(log(exp(-y.*(X*w))+1))",
                "sum(tanh(W*x+b))",
                "b'*X'*X*c",
                "(X*b+c)'*D*(X*b+c)",
                "norm2(T-U*V')^2",
                "log(sum(exp(x)))",
            ],
            expect![[r#"
                a'*x   a n×1, x n×1
                x'*A*x   x n×1, A n×n
                a'*X*b   a m×1, X m×n, b n×1
                tr(A*X*B)   A m×n, X n×k, B k×m
                tr(X'*X)   X m×n
                tr(X'*A)   X m×n, A m×n
                norm2(A*x-b)^2   A m×n, x n×1, b m×1
                log(det(X))   X n×n
                tr(A*inv(X)*B)   A m×n, X n×n, B n×m
                sum(log(exp(-y.*(X*w))+1))   y m×1, X m×n, w n×1
                sum(tanh(W*x+b))   W m×n, x n×1, b m×1
                b'*X'*X*c   b n×1, X m×n, c n×1
                (X*b+c)'*D*(X*b+c)   X m×n, b n×1, c m×1, D m×m
                norm2(T-U*V')^2   T m×n, U m×k, V n×k
                log(sum(exp(x)))   x n×1
            "#]],
        );
    }

    #[test]
    fn more_shapes() {
        check(
            &[
                "norm2(X*w - y)^2 + c*norm2(w)^2",
                "x'*vector(1)",
                "sum(X.*matrix(1))",
                "logdet(A + c*eye)",
                "tr(inv(eye + A))",
                "sum(x - c*vector(1))",
                "eta*sum(x.^2)/2",
                "cross_entropy(X*W, Y)",
                "norm1(softmax(X))",
                "m'*M*n",
                "norm2(X*W_1 + vector(1)*b')^2",
                "sum(hcat(X, Y))",
                "mean(relu(x), 3)",
            ],
            expect![[r#"
                norm2(X*w - y)^2 + c*norm2(w)^2   X m×n, w n×1, y m×1, c 1×1
                x'*vector(1)   x n×1
                sum(X.*matrix(1))   X m×n
                logdet(A + c*eye)   A n×n, c 1×1
                tr(inv(eye + A))   A n×n
                sum(x - c*vector(1))   x n×1, c 1×1
                eta*sum(x.^2)/2   η 1×1, x n×1
                cross_entropy(X*W, Y)   X m×n, W n×k, Y m×k
                norm1(softmax(X))   X m×n
                m'*M*n   m k×1, M k×p, n p×1
                norm2(X*W_1 + vector(1)*b')^2   X m×n, W₁ n×k, b k×1
                sum(hcat(X, Y))   X m×n, Y m×n
                mean(relu(x), 3)
                error: mean takes 1, not 2
                  ╭▸ -e:1:1
                1 │ mean(relu(x), 3)
                  │ ━━━━━━━━━━━━━━━━ too much is given
                  ╰ help: it takes A: m×n
            "#]],
        );
    }

    #[test]
    fn what_does_not_fit_points_at_the_text() {
        check(
            &["X*w", "max(x)", "sum(x[2, 3])", "x*A", "x'*A*y + sum(A*A)*x", "norm2(X"],
            expect![[r#"
                X*w
                error: the objective is not a number
                  ╭▸ -e:1:1
                1 │ X*w
                  │ ━━━ this is m×1
                  ╰ help: minimise a 1×1 value, such as `sum(…)` or a loss of it; other values have a Jacobian: `--jacobian OUT:IN`, of an expression `--jacobian f:x`
                max(x)
                error: max takes two matrices
                  ╭▸ -e:1:1
                1 │ max(x)
                  │ ━━━━━━ 1 given
                  ╰ help: write `max(A, B)`; the largest entry of each row is `rowmax(A)`
                sum(x[2, 3])
                error: this range goes past the matrix
                  ╭▸ -e:1:5
                1 │ sum(x[2, 3])
                  │     ━ x is n×1
                  ╰ help: ranges count from 1 and include the last
                x*A
                error: these matrices cannot be multiplied
                  ╭▸ -e:1:1
                1 │ x*A
                  │ ┯ ━ A is m×n
                  │ │
                  │ x is k×1
                  ╰ help: the inner dimensions 1 and m must be equal
                x'*A*y + sum(A*A)*x
                error: the objective is not a number
                  ╭▸ -e:1:1
                1 │ x'*A*y + sum(A*A)*x
                  │ ━━━━━━━━━━━━━━━━━━━ this is n×1
                  ╰ help: minimise a 1×1 value, such as `sum(…)` or a loss of it; other values have a Jacobian: `--jacobian OUT:IN`, of an expression `--jacobian f:x`
                norm2(X
                error: this `(` is never closed
                  ╭▸ -e:1:6
                1 │ norm2(X
                  │      ━ opened here
                  ╰ help: add the missing `)`
            "#]],
        );
        let error = one_expression("norm2(X*beta)", &["Beta".into()], &library()).unwrap_err();
        expect![[r#"
            error: there is no Beta to derive by
              ╭▸ -e:1:1
            1 │ norm2(X*beta)
              │ ━━━━━━━━━━━━━ not in this expression
              ╰ help: its names are X, β"#]]
        .assert_eq(&error.to_string());
    }

    #[test]
    fn vectors_and_matrices_of_one_number_have_the_shape_of_their_place() {
        let value = |source: &str| {
            let equations =
                one_expression(source, &[], &library()).unwrap_or_else(|e| panic!("{e}"));
            crate::print::unicode(&equations.graph, equations.objective.unwrap())
        };
        expect![[r#"
            xᵀ ones(n, n) x
            sum(X)
            xᵀ * (2 ones(n, 1))
            sum(3 X)"#]]
        .assert_eq(
            &["x'*matrix(1)*x", "sum(matrix(1)*X)", "x'*vector(2)", "sum(matrix(3).*X)"]
                .map(value)
                .join("\n"),
        );
    }

    #[test]
    fn names_to_derive_by_are_parameters() {
        let equations = one_expression("norm2(X*w_1 - y)^2", &["w1".into()], &library()).unwrap();
        let parameters = equations.parameters();
        let names: Vec<_> =
            parameters.iter().map(|&p| equations.graph.name(p).unwrap().text.clone()).collect();
        assert_eq!(names, ["w₁"]);
        assert!(equations.objective.is_some());
    }
}

//! Tokens become expressions.
//!
//! Loosest first: tests, sums, the sign, products (all on one level, from left to right), powers
//! and what follows an operand (`ᵀ`, `⁻¹`, `²`, an index).

use crate::diagnostic::Diagnostic;

use super::characters::Exponent;
use super::cursor::{CONTROL, Cursor, Parsed, unknown_keyword};
use super::lex::{KEYWORDS, Kind, Token};
use super::primary::primary;
use super::shape;
use super::tree::{Binary, Expr, ExprKind, Name, Span, Unary};

/// A whole expression.
pub(super) fn expression(cursor: &mut Cursor<'_>) -> Parsed<Expr> {
    let test = |kind: Option<&Kind>| match kind {
        Some(Kind::Greater) => Some(Binary::Greater),
        Some(Kind::GreaterEqual) => Some(Binary::GreaterEqual),
        Some(_) | None => None,
    };
    cursor.deeper()?;
    let mut expr = sum(cursor)?;
    if let Some(binary_operator) = test(cursor.kind()) {
        let first = cursor.here();
        take_operator(cursor)?;
        let right = sum(cursor)?;
        expr = binary(binary_operator, expr, right);
        if test(cursor.kind()).is_some() {
            return Err(Diagnostic::new("tests do not chain")
                .label(cursor.here(), "second test")
                .label(first, "first test")
                .help("multiply the two: `(A > B) ⊙ (B > C)`"));
        }
    }
    cursor.shallower();
    Ok(expr)
}

fn sum(cursor: &mut Cursor<'_>) -> Parsed<Expr> {
    let mut left = signed(cursor)?;
    loop {
        let operator = match cursor.kind() {
            Some(Kind::Plus) => Binary::Sum,
            Some(Kind::Minus) => Binary::Difference,
            Some(_) | None => return Ok(left),
        };
        take_operator(cursor)?;
        let right = signed(cursor)?;
        left = binary(operator, left, right);
    }
}

fn signed(cursor: &mut Cursor<'_>) -> Parsed<Expr> {
    let signs = take_signs(cursor)?;
    let operand = product(cursor)?;
    Ok(negative(signs, operand))
}

/// The products of a chain without parentheses, to see whether they mix.
#[derive(Default)]
struct Chain {
    product: Option<Step>,
    elementwise: Option<Step>,
}

/// An operation of a chain: its operator, or the gap where there is none.
#[derive(Clone, Copy)]
struct Step {
    at: Span,
}

fn product(cursor: &mut Cursor<'_>) -> Parsed<Expr> {
    let mut chain = Chain::default();
    let mut left = postfix(cursor)?;
    loop {
        let operator = match cursor.kind() {
            Some(Kind::Star) => Binary::Product,
            Some(Kind::Hadamard) => Binary::Hadamard,
            Some(Kind::Quotient) => Binary::Quotient,
            Some(Kind::Slash) => Binary::Division,
            Some(_) if begins_operand(cursor) => Binary::Product,
            Some(_) | None => return Ok(left),
        };
        let explicit = !begins_operand(cursor);
        let at = cursor.here();
        let right = if explicit {
            take_operator(cursor)?;
            let signs = take_signs(cursor)?;
            negative(signs, postfix(cursor)?)
        } else {
            juxtaposed(cursor)?;
            cursor.operator()?;
            postfix(cursor)?
        };
        let number = |expr: &Expr| matches!(expr.kind, ExprKind::Number(_));
        match operator {
            Binary::Product if number(&left) || number(&right) => {}
            Binary::Product => {
                let at = if explicit { at } else { left.span.to(right.span) };
                chain.product.get_or_insert(Step { at });
            }
            Binary::Hadamard | Binary::Quotient => {
                chain.elementwise.get_or_insert(Step { at });
            }
            Binary::Division
            | Binary::Sum
            | Binary::Difference
            | Binary::Power
            | Binary::ElementPower
            | Binary::Greater
            | Binary::GreaterEqual => {}
        }
        if let (Some(product), Some(elementwise), false) =
            (chain.product, chain.elementwise, cursor.scope.left_to_right)
        {
            return Err(mixed(cursor, product, elementwise, (&left, &right)));
        }
        left = binary(operator, left, right);
    }
}

/// `A B ⊙ C`: says where the parentheses may go.
fn mixed(
    cursor: &Cursor<'_>,
    product: Step,
    elementwise: Step,
    (left, right): (&Expr, &Expr),
) -> Diagnostic {
    let between = cursor.text(Span { start: left.span.end, end: right.span.start });
    let first = cursor.text(left.span);
    let last = cursor.text(right.span);
    let mut help = format!("write `({first}){between}{last}`");
    if let ExprKind::Binary(_, a, b) = &left.kind {
        let before = cursor.text(Span { start: left.span.start, end: b.span.start });
        let inner = cursor.text(b.span.to(right.span));
        if b.span.start > a.span.end {
            help.push_str(&format!(" or `{before}({inner})`"));
        }
    }
    Diagnostic::new("a product and an element-wise operation are mixed without parentheses")
        .label(elementwise.at, "element-wise")
        .label(product.at, "matrix product")
        .help(help)
}

/// Whether an operand begins here, so that its product with what is before is meant.
fn begins_operand(cursor: &Cursor<'_>) -> bool {
    match cursor.kind() {
        Some(Kind::Name(_)) => {
            cursor.word().is_some_and(|word| !KEYWORDS.contains(&word) && !CONTROL.contains(&word))
        }
        Some(kind) => {
            matches!(kind, Kind::Number(_) | Kind::Ones | Kind::Open | Kind::OpenSquare)
        }
        None => false,
    }
}

/// Looks at an operand that directly follows another for slips.
fn juxtaposed(cursor: &Cursor<'_>) -> Parsed<()> {
    let here = cursor.here();
    let (Some(before), Some(token)) = (cursor.previous(), cursor.ahead(0)) else { return Ok(()) };
    let number = |token: &Token| matches!(token.kind, Kind::Number(_));
    if number(before) && number(token) && !token.spaced {
        return Err(Diagnostic::new("this number has two decimal points")
            .label(before.span.to(here), "not a number"));
    }
    let sign = cursor.word() == Some("x") && !cursor.scope.is_value("x");
    let operand = cursor.ahead(1).is_some_and(|next| {
        next.spaced && matches!(next.kind, Kind::Name(_) | Kind::Number(_) | Kind::Open)
    });
    if cursor.scope.declared && sign && operand {
        return Err(Diagnostic::new("`x` is no sign for a product")
            .label(here, "stands for `×` in shapes only, and no value is named `x`")
            .help("write `A B` or `A * B` for the matrix product, `A ⊙ B` or `A .* B` for the element-wise one"));
    }
    Ok(())
}

/// An operand with what follows it: powers, transposes, inverses, indices.
fn postfix(cursor: &mut Cursor<'_>) -> Parsed<Expr> {
    let mut expr = primary(cursor)?;
    while let Some(token) = cursor.ahead(0) {
        let start = expr.span;
        expr = if token.kind == Kind::Transpose {
            unary(cursor, Unary::Transpose, expr)?
        } else if token.kind == Kind::InverseTranspose {
            let span = start.to(token.span);
            let inverse = Expr { kind: ExprKind::Unary(Unary::Inverse, expr.into()), span };
            unary(cursor, Unary::Transpose, inverse)?
        } else if token.kind == INVERSE {
            unary(cursor, Unary::Inverse, expr)?
        } else if matches!(token.kind, Kind::Superscript(_)) {
            cursor.operator()?;
            let exponent = raised(cursor)?;
            binary(Binary::Power, expr, exponent)
        } else if token.kind == Kind::Caret {
            take_operator(cursor)?;
            let exponent = exponent(cursor)?;
            binary(Binary::Power, expr, exponent)
        } else if token.kind == Kind::DotCaret {
            take_operator(cursor)?;
            let exponent = exponent(cursor)?;
            binary(Binary::ElementPower, expr, exponent)
        } else if token.kind == Kind::Ring {
            ring(cursor, token)?;
            let exponent = match cursor.kind() {
                Some(Kind::Superscript(_)) => raised(cursor)?,
                Some(_) | None => exponent(cursor)?,
            };
            binary(Binary::ElementPower, expr, exponent)
        } else if token.kind == Kind::OpenSquare && !token.spaced {
            index(cursor, expr)?
        } else {
            break;
        };
    }
    Ok(expr)
}

/// `⁻¹`
const INVERSE: Kind = Kind::Superscript(Exponent::Number { negative: true, value: 1.0 });

fn unary(cursor: &mut Cursor<'_>, operator: Unary, operand: Expr) -> Parsed<Expr> {
    cursor.operator()?;
    let span = operand.span.to(cursor.here());
    cursor.skip(1);
    Ok(Expr { kind: ExprKind::Unary(operator, operand.into()), span })
}

/// Takes the `∘` of an element-wise power.
fn ring(cursor: &mut Cursor<'_>, token: &Token) -> Parsed<()> {
    take_operator(cursor)?;
    if cursor.ahead(0).is_some_and(|next| next.spaced) {
        return Err(Diagnostic::new("`∘` begins an element-wise power, directly before it")
            .label(token.span, "followed by a space")
            .help("write `A∘²` for the power, `A ⊙ B` or `A .* B` for the element-wise product"));
    }
    Ok(())
}

/// An exponent on the line: a number, a name, or something in parentheses.
fn exponent(cursor: &mut Cursor<'_>) -> Parsed<Expr> {
    let signs = take_signs(cursor)?;
    let operand = primary(cursor)?;
    Ok(negative(signs, operand))
}

/// An exponent above the line.
fn raised(cursor: &mut Cursor<'_>) -> Parsed<Expr> {
    let span = cursor.here();
    let Some(Kind::Superscript(exponent)) = cursor.kind() else {
        return Err(cursor.expected("an exponent"));
    };
    cursor.skip(1);
    let (is_negative, kind) = match exponent {
        Exponent::Number { negative, value } => (*negative, ExprKind::Number(*value)),
        Exponent::Name { negative, letter } => {
            let text = letter.to_string();
            let spelling = cursor.text(span).to_string();
            (*negative, ExprKind::Name(Name { text, spelling, span }))
        }
    };
    let signs = if is_negative { vec![span] } else { Vec::new() };
    Ok(negative(signs, Expr { kind, span }))
}

fn index(cursor: &mut Cursor<'_>, of: Expr) -> Parsed<Expr> {
    cursor.operator()?;
    let open = cursor.here();
    cursor.skip(1);
    let rows = shape::range(cursor)?;
    let comma = cursor.eat(&Kind::Comma);
    if comma.is_none() && cursor.kind() == Some(&Kind::CloseSquare) {
        let text = cursor.text(of.span);
        return Err(Diagnostic::new("an index names rows and columns")
            .label(open.to(cursor.here()), "this names one of them")
            .help(format!("write `{text}[rows, :]` or `{text}[:, columns]`")));
    }
    if comma.is_none() {
        return Err(cursor.expected("`,` or `]`"));
    }
    let cols = shape::range(cursor)?;
    let Some(close) = cursor.eat(&Kind::CloseSquare) else {
        return Err(cursor.expected("`]`").help("a matrix has two indices, rows and columns"));
    };
    let span = of.span.to(close);
    Ok(Expr { kind: ExprKind::Index(of.into(), rows, cols), span })
}

fn take_operator(cursor: &mut Cursor<'_>) -> Parsed<()> {
    cursor.operator()?;
    cursor.skip(1);
    Ok(())
}

fn take_signs(cursor: &mut Cursor<'_>) -> Parsed<Vec<Span>> {
    let mut signs = Vec::new();
    while let Some(span) = cursor.eat(&Kind::Minus) {
        cursor.operator()?;
        signs.push(span);
    }
    Ok(signs)
}

fn negative(signs: Vec<Span>, operand: Expr) -> Expr {
    signs.into_iter().rev().fold(operand, |operand, sign| {
        let span = sign.to(operand.span);
        Expr { kind: ExprKind::Unary(Unary::Negative, operand.into()), span }
    })
}

fn binary(operator: Binary, left: Expr, right: Expr) -> Expr {
    let span = left.span.to(right.span);
    Expr { kind: ExprKind::Binary(operator, left.into(), right.into()), span }
}

/// No operand stands where one should.
pub(super) fn no_operand(cursor: &Cursor<'_>) -> Diagnostic {
    let here = cursor.here();
    let before = cursor.previous().filter(|token| token.kind.is_operator());
    let Some(token) = cursor.ahead(0).filter(|token| token.kind != Kind::NewRow) else {
        let missing = Diagnostic::new("an expression is missing at the end of the line");
        return match before {
            Some(operator) => missing.label(operator.span, "nothing follows this operator"),
            None => missing.label(here, "it belongs here"),
        };
    };
    let text = cursor.text(here);
    if let Some(word) = cursor.word() {
        if CONTROL.contains(&word) {
            return unknown_keyword(word, here);
        }
        return Diagnostic::new(format!("`{text}` is a keyword and cannot be a name"))
            .label(here, "an operand belongs here");
    }
    match before {
        Some(operator) if token.kind.is_operator() => Diagnostic::new(format!(
            "two operators in a row: `{}` and `{text}`",
            cursor.text(operator.span)
        ))
        .label(here, "an operand belongs before this")
        .label(operator.span, "after this")
        .help(match (cursor.text(operator.span), text) {
            ("*", "*") => "the power of a number is written `a ^ 2`, that of each entry `A .^ 2`",
            _ => "remove one of the two, or write the operand between them",
        }),
        Some(_) | None if token.kind.is_operator() => {
            Diagnostic::new(format!("an operand is missing before `{text}`"))
                .label(here, "nothing stands on the left of this operator")
        }
        Some(operator) => {
            Diagnostic::new(format!("an operand is missing after `{}`", cursor.text(operator.span)))
                .label(here, format!("found `{text}`"))
                .label(operator.span, "operator")
        }
        None => cursor.expected("an expression"),
    }
}

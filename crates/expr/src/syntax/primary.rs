//! Operands: numbers, names, literals, calls, parentheses.

use crate::diagnostic::{Diagnostic, nearest};

use super::cursor::{CONTROL, Cursor, Parsed};
use super::expression::{expression, no_operand};
use super::lex::{KEYWORDS, Kind};
use super::shape;
use super::tree::{Argument, Expr, ExprKind, Name, Span, Unary};

/// Words that begin an argument of their own: `stride 2`.
pub(super) const OPTIONS: &[&str] = &["stride", "pad", "dilation", "groups"];

/// An operand without what follows it.
pub(super) fn primary(cursor: &mut Cursor<'_>) -> Parsed<Expr> {
    let span = cursor.here();
    match cursor.kind() {
        Some(Kind::Number(value)) => {
            cursor.skip(1);
            Ok(Expr { kind: ExprKind::Number(*value), span })
        }
        Some(Kind::Ones) => {
            let name = Name { text: "ones".into(), spelling: cursor.text(span).into(), span };
            cursor.skip(1);
            match opens(cursor) {
                Some(true) => call(cursor, name),
                Some(false) | None => Ok(Expr { kind: ExprKind::Ones, span }),
            }
        }
        Some(Kind::Open) => {
            cursor.skip(1);
            let inner = expression(cursor)?;
            match cursor.eat(&Kind::Close) {
                Some(close) => Ok(Expr { kind: inner.kind, span: span.to(close) }),
                None => Err(unclosed(cursor, span)),
            }
        }
        Some(Kind::OpenSquare) => literal(cursor),
        Some(Kind::Name(_)) => {
            let word = cursor.word().unwrap_or("");
            if KEYWORDS.contains(&word) || CONTROL.contains(&word) {
                return Err(no_operand(cursor));
            }
            let name = cursor.name("a name")?;
            named(cursor, name)
        }
        Some(_) | None => Err(no_operand(cursor)),
    }
}

/// Whether a parenthesis opens here, directly (`true`) or after a space.
fn opens(cursor: &Cursor<'_>) -> Option<bool> {
    cursor.ahead(0).filter(|token| token.kind == Kind::Open).map(|token| !token.spaced)
}

fn unclosed(cursor: &Cursor<'_>, open: Span) -> Diagnostic {
    let wrong = cursor.expected("an operator or `)`").label(open, "this parenthesis is open");
    match cursor.kind() {
        Some(Kind::Comma | Kind::Colon) => {
            wrong.help("entries are named in brackets: `A[1, 2]`, `A[:, 1:3]`")
        }
        Some(_) | None => wrong,
    }
}

/// A name: a value, a function that is called, or one of the words with a meaning of their own.
fn named(cursor: &mut Cursor<'_>, name: Name) -> Parsed<Expr> {
    let opens = opens(cursor);
    let direct = opens == Some(true);
    let value = cursor.scope.is_value(&name.text);
    let own = match name.text.as_str() {
        "ones" => Some(ExprKind::Ones),
        "eye" => Some(ExprKind::Identity),
        "I" => return Ok(Expr { kind: ExprKind::Identity, span: name.span }),
        _ => None,
    };
    if let Some(kind) = own {
        return if direct { call(cursor, name) } else { Ok(Expr { kind, span: name.span }) };
    }
    if name.text == "inv" && direct {
        return inverse(cursor, name.span);
    }
    if opens.is_some() && (direct || !value) && cursor.scope.is_function(&name.text) {
        return call(cursor, name);
    }
    let itself = cursor.scope.within.as_ref() == Some(&name.text);
    if direct && !value && (itself || is_word(&name.text)) {
        return Err(no_function(cursor, &name));
    }
    let span = name.span;
    Ok(Expr { kind: ExprKind::Name(name), span })
}

/// What other languages call functions that are here.
const ELSEWHERE: [(&str, &str); 8] = [
    ("ln", "log"),
    ("trace", "tr"),
    ("inverse", "inv"),
    ("determinant", "det"),
    ("logistic", "sigmoid"),
    ("expit", "sigmoid"),
    ("logsumexp", "lse"),
    ("swish", "silu"),
];

/// Two or more lower-case letters: more likely a function than a value.
fn is_word(name: &str) -> bool {
    let letters = name.trim_end_matches(|c| matches!(c, '₀'..='₉'));
    letters.len() >= 2
        && letters.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
}

fn no_function(cursor: &Cursor<'_>, name: &Name) -> Diagnostic {
    let wrong = Diagnostic::new(format!("there is no function `{}`", name.spelling));
    if cursor.scope.within.as_ref() == Some(&name.text) {
        return wrong
            .label(name.span, "this is the function that is being defined")
            .help("a function cannot call itself: there is no recursion");
    }
    let functions = cursor.scope.library.union(&cursor.scope.functions).map(String::as_str);
    let same = ELSEWHERE.iter().find(|(word, _)| *word == name.spelling).map(|&(_, ours)| ours);
    let help = match same.or_else(|| nearest(&name.spelling, functions)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "define `{0}(…) = …` above; for a product with a value write `{0} (…)`",
            name.spelling
        ),
    };
    wrong.label(name.span, "not built in, not in the library and not defined above").help(help)
}

/// `inv(A)`.
fn inverse(cursor: &mut Cursor<'_>, start: Span) -> Parsed<Expr> {
    let open = cursor.here();
    cursor.skip(1);
    let operand = expression(cursor)?;
    match cursor.eat(&Kind::Close) {
        Some(close) => {
            let kind = ExprKind::Unary(Unary::Inverse, operand.into());
            Ok(Expr { kind, span: start.to(close) })
        }
        None => Err(unclosed(cursor, open)),
    }
}

fn call(cursor: &mut Cursor<'_>, name: Name) -> Parsed<Expr> {
    let open = cursor.here();
    cursor.skip(1);
    cursor.operator()?;
    let mut arguments = Vec::new();
    let mut close = cursor.eat(&Kind::Close);
    while close.is_none() {
        arguments.push(argument(cursor, !arguments.is_empty())?);
        close = cursor.eat(&Kind::Close);
        if close.is_none() && cursor.eat(&Kind::Comma).is_none() {
            return Err(cursor
                .expected("an operator, `,` or `)`")
                .label(open, format!("in the arguments of `{}`", name.spelling)));
        }
    }
    // The trees of the library stay, and most calls have one argument, not the four of a vector.
    arguments.shrink_to_fit();
    let span = name.span.to(close.unwrap_or(open));
    Ok(Expr { kind: ExprKind::Call(name, arguments), span })
}

fn argument(cursor: &mut Cursor<'_>, later: bool) -> Parsed<Argument> {
    let next = cursor.ahead(1);
    let follows = next.map(|token| &token.kind);
    if cursor.word().is_some() && follows == Some(&Kind::Equals) {
        let name = cursor.name("the name of a parameter")?;
        cursor.skip(1);
        return Ok(Argument::Named(name, expression(cursor)?));
    }
    // `pad [1 2]`, but `pad[1, 2]` is an index.
    let list = next.is_some_and(|token| token.kind == Kind::OpenSquare && token.spaced);
    let operand =
        list || matches!(follows, Some(Kind::Number(_) | Kind::Name(_) | Kind::Open | Kind::Ones));
    if operand && cursor.word().is_some_and(|word| OPTIONS.contains(&word)) {
        let name = cursor.name("an option")?;
        return Ok(Argument::Option(name, expression(cursor)?));
    }
    match shape::argument(cursor, later) {
        Some(argument) => argument,
        None => Ok(Argument::Value(expression(cursor)?)),
    }
}

/// `[1 -2; 3 4]`.
fn literal(cursor: &mut Cursor<'_>) -> Parsed<Expr> {
    let open = cursor.here();
    cursor.skip(1);
    let mut rows: Vec<(Span, Vec<f64>)> = Vec::new();
    let mut row: Option<(Span, Vec<f64>)> = None;
    let close = loop {
        let here = cursor.here();
        match cursor.kind() {
            Some(Kind::CloseSquare) => break here,
            Some(Kind::Semicolon | Kind::NewRow) => {
                rows.extend(row.take());
                cursor.skip(1);
            }
            Some(Kind::Comma) if row.is_some() => {
                cursor.skip(1);
                while cursor.eat(&Kind::NewRow).is_some() {}
            }
            Some(_) | None => {
                let (at, value) = entry(cursor, open)?;
                let (span, values) = row.get_or_insert_with(|| (at, Vec::new()));
                *span = span.to(at);
                values.push(value);
            }
        }
    };
    cursor.skip(1);
    rows.extend(row);
    let span = open.to(close);
    let Some((first, values)) = rows.first() else {
        return Err(Diagnostic::new("this literal is empty")
            .label(span, "no numbers")
            .help("write numbers, rows separated by `;`: `[1 2; 3 4]`"));
    };
    if let Some((other, ragged)) = rows.iter().find(|(_, row)| row.len() != values.len()) {
        return Err(Diagnostic::new("the rows of this literal differ in length")
            .label(*other, format!("this row has {}", ragged.len()))
            .label(*first, format!("the first row has {}", values.len()))
            .help("every row needs as many numbers as the first"));
    }
    let rows = rows.into_iter().map(|(_, row)| row).collect();
    Ok(Expr { kind: ExprKind::Literal(rows), span })
}

/// A number with its sign.
fn entry(cursor: &mut Cursor<'_>, open: Span) -> Parsed<(Span, f64)> {
    let mut span = cursor.here();
    let mut factor = 1.0;
    let spaced = cursor.ahead(0).is_some_and(|token| token.spaced);
    let separated = spaced
        || cursor.previous().is_some_and(|token| {
            matches!(token.kind, Kind::OpenSquare | Kind::Comma | Kind::Semicolon | Kind::NewRow)
        });
    let sign = matches!(cursor.kind(), Some(Kind::Minus | Kind::Plus));
    if sign && cursor.ahead(1).is_some_and(|next| !next.spaced) && separated {
        factor = if cursor.kind() == Some(&Kind::Minus) { -1.0 } else { 1.0 };
        cursor.skip(1);
        span = span.to(cursor.here());
    }
    if let Some(Kind::Number(value)) = cursor.kind()
        && separated
    {
        cursor.skip(1);
        return Ok((span, factor * value));
    }
    let help = match cursor.kind() {
        Some(Kind::Name(_)) => "join values with `hcat(A, B)` and `vcat(A, B)`",
        Some(Kind::Colon) => "an index directly follows its matrix, without a space: `A[1:2, :]`",
        Some(Kind::Minus | Kind::Plus) => "a sign stands directly before its number: `[1 -2]`",
        Some(_) | None => "numbers are separated by spaces, rows by `;`: `[1 2; 3 4]`",
    };
    Err(Diagnostic::new("a literal holds numbers only")
        .label(cursor.here(), "not a number")
        .label(open, "in this literal")
        .help(help))
}

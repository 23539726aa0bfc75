//! Shapes, dimensions and ranges: `B×784`, `B·T`, `28x28x1`, `1:3`.

use crate::diagnostic::Diagnostic;

use super::cursor::{Cursor, Parsed};
use super::lex::{Kind, Token};
use super::name::canonical;
use super::tree::{Argument, Dim, Name, Range, Shape, Span};

/// The shape after a `:`, up to `~`, `=`, `,` or `)`.
pub(super) fn shape(cursor: &mut Cursor<'_>) -> Parsed<Shape> {
    let ends = |kind: &Kind| {
        matches!(kind, Kind::Tilde | Kind::Equals | Kind::Comma | Kind::Close | Kind::Arrow)
    };
    let tokens = cursor.rest();
    let length = tokens.iter().position(|t| ends(&t.kind)).unwrap_or(tokens.len());
    let tokens = &tokens[..length];
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
        return Err(cursor.expected("a shape such as `B×4`"));
    };
    let span = first.span.to(last.span);
    let dims = dims(cursor.source, tokens, true)?;
    cursor.skip(length);
    match <[Dim; 2]>::try_from(dims) {
        Ok([rows, cols]) => Ok(Shape { rows, cols }),
        Err(dims) => {
            let text = cursor.text(span);
            let help = match dims.as_slice() {
                [_] => format!("write `1×{text}` for a row, `{text}×1` for a column"),
                _ => "everything is a matrix; a picture is a row: `B×H·W·C`".to_string(),
            };
            let found = format!("this has {}", dims.len());
            Err(Diagnostic::new("a shape has two dimensions, rows × columns")
                .label(span, found)
                .help(help))
        }
    }
}

/// The argument of a call, where it is a shape: `28x28x1`, `k×k`.
///
/// With the twin `x` this is decided by what is there: the whole argument must read as
/// dimensions, and `x` must not be a value. In the first argument (`later` is false) `x` must not
/// stand apart: `28x28`, but not `A x B`.
pub(super) fn argument(cursor: &mut Cursor<'_>, later: bool) -> Option<Parsed<Argument>> {
    let tokens = cursor.rest();
    let part = |kind: &Kind| {
        matches!(kind, Kind::Number(_) | Kind::Name(_) | Kind::Times | Kind::Dot | Kind::Star)
    };
    let length = tokens.iter().position(|token| !part(&token.kind)).unwrap_or(tokens.len());
    let ends = matches!(tokens.get(length).map(|t| &t.kind), Some(Kind::Comma | Kind::Close));
    let tokens = &tokens[..length];
    if !ends {
        return None;
    }
    if tokens.iter().any(|token| token.kind == Kind::Times) {
        let dims = dims(cursor.source, tokens, true);
        cursor.skip(length);
        return Some(dims.map(Argument::Shape));
    }
    let named = |test: &dyn Fn(&str) -> bool| {
        tokens.iter().any(|token| matches!(&token.kind, Kind::Name(name) if test(name)))
    };
    let value = named(&|name| name.contains('x') && cursor.scope.is_value(name));
    let apart = named(&|name| name == "x");
    if value || (apart && !later) {
        return None;
    }
    let dims = dims(cursor.source, tokens, false).ok().filter(|dims| dims.len() >= 2)?;
    cursor.skip(length);
    Some(Ok(Argument::Shape(dims)))
}

/// Whether a word stands for itself between two `x`: `B` or `n` does, `exp` and `dx` do not.
pub(super) fn stands_between_x(word: &str) -> bool {
    pieces(&format!("{word}xn"), true, false).is_some_and(|pieces| pieces.len() == 3)
}

/// Whether a name alone would be read as a shape (`BxH`).
pub(super) fn reads_as_shape(name: &str) -> bool {
    pieces(name, true, false).is_some_and(|pieces| pieces.len() > 1)
}

/// A range in an index, up to `,` or `]`.
pub(super) fn range(cursor: &mut Cursor<'_>) -> Parsed<Range> {
    while cursor.eat(&Kind::NewRow).is_some() {}
    let range = match cursor.eat(&Kind::Colon) {
        Some(_) => Range::All,
        None => {
            let first = bound(cursor, true)?;
            let after = cursor.eat(&Kind::Plus).is_some();
            let help = "what comes after the first n is `n+1:last`";
            if after && !matches!(cursor.kind(), Some(Kind::Number(n)) if *n == 1.0) {
                return Err(cursor.expected("`1`").help(help));
            }
            cursor.skip(usize::from(after));
            match (cursor.eat(&Kind::Colon), after) {
                (Some(_), true) => Range::After(first, bound(cursor, false)?),
                (Some(_), false) => Range::Span(first, bound(cursor, false)?),
                (None, true) => return Err(cursor.expected("`:` and the last").help(help)),
                (None, false) => Range::Span(first.clone(), first),
            }
        }
    };
    while cursor.eat(&Kind::NewRow).is_some() {}
    Ok(range)
}

/// A dimension; the first of a range may have `+ 1` behind it.
fn bound(cursor: &mut Cursor<'_>, first: bool) -> Parsed<Dim> {
    let tokens = cursor.rest();
    let ends = |kind: &Kind| match kind {
        Kind::Colon | Kind::Comma | Kind::CloseSquare | Kind::NewRow => true,
        kind => first && *kind == Kind::Plus,
    };
    let length = tokens.iter().position(|token| ends(&token.kind)).unwrap_or(tokens.len());
    let tokens = &tokens[..length];
    let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
        return Err(cursor.expected("a row or column, such as `2`, `1:3` or `:`"));
    };
    let span = first.span.to(last.span);
    let mut dims = dims(cursor.source, tokens, false)?;
    cursor.skip(length);
    match (dims.pop(), dims.is_empty()) {
        (Some(dim), true) => Ok(dim),
        (_, _) => Err(Diagnostic::new("an index is one dimension").label(span, "this is a shape")),
    }
}

#[derive(Clone, Debug)]
enum Piece {
    Number(u64),
    Symbol(String),
    Times,
    Dot,
}

/// Dimensions with `×` between them. With `loose`, `x` may stand apart from what follows it and
/// a name may hold it (`B x4`), as is clear where only a shape can be.
fn dims(source: &str, tokens: &[Token], loose: bool) -> Parsed<Vec<Dim>> {
    let mut dims = Vec::new();
    let mut dim: Option<Dim> = None;
    let mut operand = true;
    for (index, token) in tokens.iter().enumerate() {
        let text = source.get(token.span.start..token.span.end).unwrap_or("");
        let more = tokens.get(index + 1).is_some_and(|next| {
            matches!(next.kind, Kind::Number(_)) || matches!(next.kind, Kind::Name(_))
        });
        for piece in self::read(token, text, operand, more, loose)? {
            match (piece, operand) {
                (Piece::Number(_) | Piece::Symbol(_), false) => {
                    return Err(Diagnostic::new("a `×` or `·` is missing in this shape")
                        .label(token.span, "before this")
                        .help("write `B×4` for rows × columns, `B·T` for a product"));
                }
                (Piece::Times | Piece::Dot, true) => {
                    return Err(Diagnostic::new("a dimension is missing in this shape")
                        .label(token.span, "before this")
                        .help("a dimension is a whole number, a symbol or a product: `B·T`"));
                }
                (Piece::Times, false) => dims.extend(dim.take()),
                (Piece::Dot, false) => {}
                (Piece::Number(number), true) => {
                    let dim = dim.get_or_insert_with(|| empty(token.span));
                    dim.span = dim.span.to(token.span);
                    dim.coefficient = dim.coefficient.checked_mul(number).ok_or_else(|| {
                        Diagnostic::new("this dimension is too large").label(token.span, "here")
                    })?;
                    operand = false;
                    continue;
                }
                (Piece::Symbol(symbol), true) => {
                    let dim = dim.get_or_insert_with(|| empty(token.span));
                    dim.span = dim.span.to(token.span);
                    let text = canonical(&symbol);
                    dim.symbols.push(Name { text, spelling: symbol, span: token.span });
                    operand = false;
                    continue;
                }
            }
            operand = true;
        }
    }
    match tokens.last() {
        Some(last) if operand => Err(Diagnostic::new("a dimension is missing in this shape")
            .label(last.span, "after this")
            .help("a dimension is a whole number, a symbol or a product: `B·T`")),
        Some(_) | None => {
            dims.extend(dim);
            Ok(dims)
        }
    }
}

fn empty(span: Span) -> Dim {
    Dim { coefficient: 1, symbols: Vec::new(), span }
}

fn read(token: &Token, text: &str, operand: bool, more: bool, loose: bool) -> Parsed<Vec<Piece>> {
    let whole = |digits: &str| digits.parse::<u64>().ok();
    if let Kind::Number(_) = token.kind
        && let Some(number) = whole(text)
    {
        return Ok(vec![Piece::Number(number)]);
    }
    if token.kind == Kind::Times {
        return Ok(vec![Piece::Times]);
    }
    if matches!(token.kind, Kind::Dot | Kind::Star) {
        return Ok(vec![Piece::Dot]);
    }
    if let Kind::Name(_) = token.kind {
        let leading = text == "x" || loose || !token.spaced;
        let split = match leading || !text.starts_with('x') || operand {
            true => pieces(text, operand, more && loose),
            false => None,
        };
        return Ok(split.unwrap_or_else(|| vec![Piece::Symbol(text.to_string())]));
    }
    Err(Diagnostic::new(format!("`{text}` cannot be part of a dimension"))
        .label(token.span, "not a whole number, symbol or product")
        .help("a dimension is a whole number, a symbol or a product: `4`, `B`, `B·T`"))
}

/// Splits a word such as `BxH`, `x4` or (if more follows) `Bx` at its `x`.
fn pieces(word: &str, operand: bool, more: bool) -> Option<Vec<Piece>> {
    if !word.contains('x') || (operand && word == "x") {
        return None;
    }
    let mut found = Vec::new();
    let mut word = word;
    if !operand {
        word = word.strip_prefix('x')?;
        found.push(Piece::Times);
        if word.is_empty() {
            return Some(found);
        }
    }
    let parts: Vec<&str> = word.split('x').collect();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            found.push(Piece::Times);
        }
        let first = part.chars().next();
        if part.bytes().all(|b| b.is_ascii_digit()) && first.is_some() {
            found.push(Piece::Number(part.parse().ok()?));
        } else if first.is_some_and(char::is_uppercase) || part.chars().count() == 1 {
            found.push(Piece::Symbol(part.to_string()));
        } else if !(first.is_none() && more && index > 0 && index + 1 == parts.len()) {
            return None;
        }
    }
    Some(found)
}

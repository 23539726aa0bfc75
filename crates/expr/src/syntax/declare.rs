//! Declarations and parameters.

use crate::diagnostic::Diagnostic;

use super::cursor::{Cursor, Parsed};
use super::expression::expression;
use super::lex::Kind;
use super::shape::shape;
use super::tree::{Declaration, Initial, Parameter, Role};

/// The word for a role.
pub(super) fn keyword(role: Role) -> &'static str {
    match role {
        Role::Input => "input",
        Role::Target => "target",
        Role::Param => "param",
        Role::Const => "const",
        Role::State => "state",
    }
}

/// What follows the keyword of a declaration.
pub(super) fn declaration(cursor: &mut Cursor<'_>, role: Role) -> Parsed<Declaration> {
    let word = keyword(role);
    let name = cursor.new_name(&format!("the name of the {word}"))?;
    let spelling = name.spelling.as_str();
    if cursor.kind() == Some(&Kind::Comma) {
        let wrong = Diagnostic::new("a declaration names one value");
        return Err(wrong
            .label(cursor.here(), "a second name follows")
            .help("write one declaration a line"));
    }
    let colon = cursor.eat(&Kind::Colon);
    if colon.is_none() && matches!(cursor.kind(), Some(Kind::Number(_) | Kind::Name(_))) {
        return Err(Diagnostic::new("a `:` is missing before the shape")
            .label(cursor.here(), "before this")
            .help(format!("write `{word} {spelling} : …`")));
    }
    let shape = colon.map(|_| shape(cursor)).transpose()?;
    let start = cursor.here();
    let initial = match cursor.kind() {
        Some(Kind::Tilde) => {
            cursor.skip(1);
            Some(draw(cursor)?)
        }
        Some(Kind::Equals) => {
            cursor.skip(1);
            Some(Initial::Value(expression(cursor)?))
        }
        Some(_) | None => None,
    };
    // An input may be drawn (noise), anew for each batch.
    let drawn = matches!(initial, Some(Initial::Draw { .. })) && role == Role::Input;
    if let (Some(_), Role::Input | Role::Target, false) = (&initial, role, drawn) {
        return Err(Diagnostic::new(format!("`{spelling}` has no value of its own"))
        .label(start, format!("the caller supplies the {word}"))
        .help(
            "declare numbers that are fixed with `const`, numbers that are trained with `param`",
        ));
    }
    if let (None, None) = (&shape, &initial) {
        return Err(Diagnostic::new(format!("the shape of `{spelling}` is missing"))
            .label(name.span, "how many rows and columns?")
            .help(format!("write `{word} {spelling} : rows×columns`, for instance `B×4`")));
    }
    Ok(Declaration { role, name, shape, initial })
}

/// `glorot`, `uniform(-1, 1)`.
fn draw(cursor: &mut Cursor<'_>) -> Parsed<Initial> {
    let name = cursor.name("the name of a distribution")?;
    let mut arguments = Vec::new();
    if cursor.eat(&Kind::Open).is_some() && cursor.eat(&Kind::Close).is_none() {
        loop {
            arguments.push(expression(cursor)?);
            if cursor.eat(&Kind::Close).is_some() {
                break;
            }
            if cursor.eat(&Kind::Comma).is_none() {
                return Err(cursor.expected("`,` or `)`"));
            }
        }
    }
    Ok(Initial::Draw { name, arguments })
}

/// `(X: B×n, α = 0.01)`.
pub(super) fn parameters(cursor: &mut Cursor<'_>) -> Parsed<Vec<Parameter>> {
    if cursor.eat(&Kind::Open).is_none() {
        return Err(cursor.expected("`(` and parameters"));
    }
    let mut parameters = Vec::new();
    if cursor.eat(&Kind::Close).is_some() {
        return Ok(parameters);
    }
    loop {
        let name = cursor.new_name("the name of a parameter")?;
        let shape = cursor.eat(&Kind::Colon).map(|_| shape(cursor)).transpose()?;
        let default = cursor.eat(&Kind::Equals).map(|_| expression(cursor)).transpose()?;
        parameters.push(Parameter { name, shape, default });
        if cursor.eat(&Kind::Close).is_some() {
            parameters.shrink_to_fit();
            return Ok(parameters);
        }
        if cursor.eat(&Kind::Comma).is_none() {
            return Err(cursor.expected("`,` or `)`"));
        }
    }
}

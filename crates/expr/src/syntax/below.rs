//! The indented lines under a statement.

use crate::diagnostic::Diagnostic;

use super::cursor::{Cursor, Parsed};
use super::declare::{declaration, keyword};
use super::expression::expression;
use super::lex::{Kind, Line, Token};
use super::parse::Reader;
use super::tree::{Backward, Declaration, Definition, Name, Role};

/// Whom the lines belong to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Owner {
    Definition,
    Function,
    Layer,
}

/// What stands under a definition, function or layer.
#[derive(Default)]
pub(super) struct Below {
    pub(super) owned: Vec<Declaration>,
    pub(super) parts: Vec<Definition>,
    pub(super) updates: Vec<Definition>,
    pub(super) backward: Vec<Backward>,
}

/// State, updates and comments of an optimizer.
pub(super) type Rules = (Vec<Definition>, Vec<Definition>, Vec<(usize, String)>);

impl Reader<'_> {
    /// Reads the lines under an equation.
    pub(super) fn below(&mut self, lines: &[Line], owner: Owner) -> Below {
        let mut below = Below::default();
        let mut parts_began = false;
        for line in lines {
            let Some(tokens) = self.tokens(line) else { continue };
            let cursor = Cursor::new(self.source, &self.scope, tokens);
            let word = cursor.word().unwrap_or("");
            let defines = tokens.get(1).is_some_and(|token| token.kind == Kind::Equals);
            let arrow = tokens.get(1).is_some_and(|token| token.kind == Kind::Arrow);
            let owned = [Role::Param, Role::State, Role::Const, Role::Input];
            let owned = owned.into_iter().find(|&r| keyword(r) == word && owner == Owner::Layer);
            let callable = owner != Owner::Definition;
            let read = match word {
                "where" => {
                    parts_began = true;
                    self.whole(tokens, 1, |cursor| definitions(cursor, &Kind::Equals))
                        .map(|parts| below.parts.extend(parts))
                }
                _ if owned.is_some() => self
                    .whole(tokens, 1, |cursor| declaration(cursor, owned.unwrap_or(Role::Param)))
                    .map(|owned| below.owned.push(owned)),
                _ if owner == Owner::Layer && arrow => {
                    self.whole(tokens, 0, update).map(|update| below.updates.push(update))
                }
                "adjoint" | "surrogate" if callable => self
                    .whole(tokens, 1, |cursor| backward(cursor, word == "surrogate"))
                    .map(|equations| below.backward.extend(equations)),
                _ if parts_began && defines => self
                    .whole(tokens, 0, |cursor| definitions(cursor, &Kind::Equals))
                    .map(|parts| below.parts.extend(parts)),
                _ => Err(misplaced(&cursor, owner)),
            };
            self.note(read);
        }
        below
    }

    /// Reads the lines of an optimizer.
    pub(super) fn rules(&mut self, lines: &[Line]) -> Rules {
        let mut states = Vec::new();
        let mut updates = Vec::new();
        let mut comments: Vec<(usize, String)> = Vec::new();
        for line in lines {
            let Some(tokens) = self.tokens(line) else { continue };
            let mut index = 0;
            let read = if self.source.get(tokens[0].span.start..tokens[0].span.end) == Some("state")
            {
                self.whole(tokens, 1, |cursor| definitions(cursor, &Kind::Equals))
                    .map(|read| states.extend(read))
            } else {
                let read = self.whole(tokens, 0, update);
                index = updates.len() + 1;
                read.map(|read| updates.push(read))
            };
            self.note(read);
            if let Some(text) = &line.beside {
                match comments.iter_mut().find(|(at, _)| *at == index) {
                    Some((_, comment)) => *comment = format!("{comment} {text}"),
                    None => comments.push((index, text.clone())),
                }
            }
        }
        comments.sort_by_key(|(index, _)| *index);
        (states, updates, comments)
    }
}

/// `E = exp(Z)`, several separated by commas.
fn definitions(cursor: &mut Cursor<'_>, sign: &Kind) -> Parsed<Vec<Definition>> {
    let mut read = Vec::new();
    loop {
        let name = cursor.new_name("a name")?;
        if cursor.eat(sign).is_none() {
            return Err(cursor.expected("`=`"));
        }
        read.push(Definition { name, value: expression(cursor)?, parts: Vec::new() });
        if cursor.eat(&Kind::Comma).is_none() {
            return Ok(read);
        }
    }
}

/// `M ← β M + G`.
fn update(cursor: &mut Cursor<'_>) -> Parsed<Definition> {
    let start = cursor.here();
    let name = cursor.name("`state` or the name that is updated")?;
    if cursor.eat(&Kind::Arrow).is_some() {
        return Ok(Definition { name, value: expression(cursor)?, parts: Vec::new() });
    }
    let help = format!("write `{} ← …` (`<-`)", name.spelling);
    if cursor.kind() == Some(&Kind::Equals) {
        return Err(Diagnostic::new("the lines of an optimizer are updates")
            .label(cursor.here(), "`=` defines a value once")
            .help(help));
    }
    Err(Diagnostic::new("this line updates nothing")
        .label(start.to(cursor.here()), "neither `state …` nor `NAME ← …`")
        .help(help))
}

/// `P: ∂Z = …, ∂Y = …`.
fn backward(cursor: &mut Cursor<'_>, surrogate: bool) -> Parsed<Vec<Backward>> {
    let output = cursor.name("a name for the result")?;
    if cursor.eat(&Kind::Colon).is_none() {
        let help = "write `adjoint P: ∂Z = …`, where `P` stands for the result";
        return Err(cursor.expected("`:` after the name of the result").help(help));
    }
    let equations = definitions(cursor, &Kind::Equals)?;
    let read = equations.into_iter().map(|equation| {
        let Name { text, spelling, span } = equation.name;
        let Some(of) = text.strip_prefix('∂') else {
            return Err(Diagnostic::new("an adjoint gives the gradient of a parameter")
                .label(span, "no gradient")
                .help(format!("write `∂{text} = …` (`d_{spelling} = …`)")));
        };
        let spelling = spelling.strip_prefix('∂').or(spelling.strip_prefix("d_"));
        let spelling = spelling.unwrap_or(of).to_string();
        let of = Name { text: of.to_string(), spelling, span };
        Ok(Backward { surrogate, output: output.clone(), of, value: equation.value })
    });
    read.collect()
}

fn misplaced(cursor: &Cursor<'_>, owner: Owner) -> Diagnostic {
    let here = cursor.here();
    let word = cursor.word().unwrap_or("");
    let allowed = match owner {
        Owner::Definition => "`where NAME = …`",
        Owner::Function => "`where NAME = …`, `adjoint …` or `surrogate …`",
        Owner::Layer => "`param …`, `state …`, `where NAME = …`, `adjoint …` or `surrogate …`",
    };
    let help = match word {
        "param" | "const" => "write `layer NAME(…) = …` to define a function that owns parameters",
        "state" => "`state` belongs to an `optimizer` or a `layer`",
        "adjoint" | "surrogate" => "only a function can have an adjoint of its own",
        _ if continues(cursor.ahead(0)) => "put the operator at the end of the line above",
        _ if cursor.ahead(1).is_some_and(|next| next.kind == Kind::Equals) => {
            "write `where` before it if it is a part, or remove the white space if it is a statement"
        }
        _ => "remove the white space before it if it is a statement",
    };
    let found = if word.is_empty() { "this line".to_string() } else { format!("`{word}`") };
    Diagnostic::new(format!("{found} cannot stand here"))
        .label(here, format!("under this equation stand {allowed}"))
        .help(help)
}

fn continues(token: Option<&Token>) -> bool {
    token.is_some_and(|token| token.kind.is_operator())
}

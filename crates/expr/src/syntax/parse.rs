//! Lines become statements.
//!
//! A statement is a line and the indented lines under it. Each is read on its own, so that one
//! error does not hide those after it.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;

use super::Dialect;
use super::below::{Below, Owner};
use super::cursor::{Cursor, NO_CONTROL, Parsed, Scope, unknown_keyword};
use super::declare::{declaration, keyword, parameters};
use super::expression::expression;
use super::lex::{self, Entry, KEYWORDS, Kind, Line, Token};
use super::name::canonical;
use super::tree::{Definition, Expr, Function, Item, Optimizer, Page, Role, Statement};

/// Reads a page of equations.
///
/// # Errors
/// Everything that is wrong with the text, in its order; a line that cannot be read does not
/// keep the lines after it from being read.
pub fn parse_page(source: &str, dialect: &Dialect<'_>) -> Result<Page, Vec<Diagnostic>> {
    let mut reader = Reader::new(source, dialect, true);
    let (groups, tail) = groups(lex::entries(source));
    let items: Vec<Item> = groups.into_iter().filter_map(|group| reader.item(group)).collect();
    if reader.wrong.is_empty() { Ok(Page { items, tail }) } else { Err(reader.wrong) }
}

/// Reads one expression.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_expr(source: &str, dialect: &Dialect<'_>) -> Result<Expr, Vec<Diagnostic>> {
    let reader = Reader::new(source, dialect, false);
    let mut tokens: Vec<Token> = Vec::new();
    for entry in lex::entries(source) {
        let Entry::Line(line) = entry else { continue };
        if let Some(wrong) = line.error {
            return Err(vec![wrong]);
        }
        if let (Some(last), Some(first)) = (tokens.last(), line.tokens.first()) {
            return Err(vec![
                Diagnostic::new("a second line follows the expression")
                    .label(first.span, "this line")
                    .label(last.span, "the expression ends here")
                    .help("end a line that goes on with an operator or an open bracket"),
            ]);
        }
        tokens.extend(line.tokens);
    }
    let mut cursor = Cursor::new(source, &reader.scope, &tokens);
    let whole = expression(&mut cursor).and_then(|expr| cursor.finish().map(|()| expr));
    whole.map_err(|wrong| vec![wrong])
}

/// A line, the lines under it and the comments above it.
struct Group {
    above: Vec<String>,
    head: Line,
    below: Vec<Line>,
}

fn groups(entries: Vec<Entry>) -> (Vec<Group>, Vec<String>) {
    let mut groups: Vec<Group> = Vec::new();
    let mut above: Vec<String> = Vec::new();
    let base = entries.iter().find_map(|entry| match entry {
        Entry::Line(line) => Some(line.indent),
        Entry::Blank | Entry::Comment(_) => None,
    });
    for entry in entries {
        match entry {
            Entry::Blank => {
                let first = groups.is_empty() && above.is_empty();
                if !first && above.last().is_none_or(|line| !line.is_empty()) {
                    above.push(String::new());
                }
            }
            Entry::Comment(text) => above.push(text),
            Entry::Line(line) => match groups.last_mut() {
                Some(group) if Some(line.indent) > base => {
                    let comments = std::mem::take(&mut above).into_iter();
                    group.above.extend(comments.filter(|text| !text.is_empty()));
                    group.below.push(line);
                }
                Some(_) | None => {
                    let mut group =
                        Group { above: std::mem::take(&mut above), head: line, below: Vec::new() };
                    group.above.append(&mut group.head.inside);
                    groups.push(group);
                }
            },
        }
    }
    while above.last().is_some_and(String::is_empty) {
        above.pop();
    }
    (groups, above)
}

/// What is known while a page is read.
pub(super) struct Reader<'a> {
    pub(super) source: &'a str,
    pub(super) scope: Scope<'a>,
    pub(super) wrong: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    fn new(source: &'a str, dialect: &Dialect<'a>, declared: bool) -> Reader<'a> {
        let scope = Scope {
            library: dialect.functions,
            functions: BTreeSet::new(),
            values: BTreeSet::new(),
            locals: BTreeSet::new(),
            within: None,
            left_to_right: dialect.left_to_right,
            declared,
        };
        Reader { source, scope, wrong: Vec::new() }
    }

    /// Keeps an error, and gives what was read if there is none.
    pub(super) fn note<T>(&mut self, parsed: Parsed<T>) -> Option<T> {
        parsed.map_err(|wrong| self.wrong.push(wrong)).ok()
    }

    /// The tokens of a line that could be read.
    pub(super) fn tokens<'l>(&mut self, line: &'l Line) -> Option<&'l [Token]> {
        self.wrong.extend(line.error.clone());
        (line.error.is_none() && !line.tokens.is_empty()).then_some(line.tokens.as_slice())
    }

    fn item(&mut self, mut group: Group) -> Option<Item> {
        let optimizer = self.text(group.head.tokens.first()) == "optimizer";
        for line in &mut group.below {
            group.above.append(&mut line.inside);
            if !optimizer {
                group.above.extend(line.beside.take());
            }
        }
        self.scope.locals = group.below.iter().flat_map(|line| local_names(&line.tokens)).collect();
        self.scope.within = None;
        let statement = self.statement(&group.head, &group.below);
        self.scope.locals.clear();
        self.introduce(&group.head.tokens);
        let Group { above, head, .. } = group;
        statement.map(|statement| Item { above, statement, beside: head.beside })
    }

    fn text(&self, token: Option<&Token>) -> &'a str {
        token.and_then(|token| self.source.get(token.span.start..token.span.end)).unwrap_or("")
    }

    /// Makes the name of a statement known to those below, even if the statement is wrong.
    fn introduce(&mut self, tokens: &[Token]) {
        let word = self.text(tokens.first());
        if matches!(word, "minimize" | "optimizer") {
            return;
        }
        let keyword = usize::from(KEYWORDS.contains(&word));
        let tokens = tokens.get(keyword..).unwrap_or(&[]);
        let [Token { kind: Kind::Name(name), .. }, rest @ ..] = tokens else { return };
        if header_ends(tokens) && rest.first().is_some_and(|next| next.kind == Kind::Open) {
            self.scope.functions.insert(name.clone());
        } else if keyword == 1 || rest.first().is_some_and(|next| next.kind == Kind::Equals) {
            self.scope.values.insert(name.clone());
        }
    }

    fn statement(&mut self, head: &Line, below: &[Line]) -> Option<Statement> {
        let Some(tokens) = self.tokens(head) else {
            let lines: Vec<_> = below.iter().filter_map(|line| line.error.clone()).collect();
            self.wrong.extend(lines);
            return None;
        };
        let word = self.text(tokens.first());
        let follows = tokens.get(1).map(|token| &token.kind);
        if KEYWORDS.contains(&word) && matches!(follows, Some(Kind::Equals | Kind::Arrow)) {
            let wrong = Cursor::new(self.source, &self.scope, tokens).name("the name of a value");
            self.note(wrong);
            return None;
        }
        match word {
            "input" => self.declaration(Role::Input, tokens, below),
            "target" => self.declaration(Role::Target, tokens, below),
            "param" => self.declaration(Role::Param, tokens, below),
            "const" => self.declaration(Role::Const, tokens, below),
            "minimize" => {
                let read = self.whole(tokens, 1, expression);
                let read = self.note(read);
                self.nothing_below(below, "minimize");
                read.map(Statement::Minimize)
            }
            "layer" => self.function(tokens, below, true),
            "optimizer" => self.optimizer(tokens, below),
            "where" | "state" | "adjoint" | "surrogate" => {
                let owner = if word == "state" { "an optimizer" } else { "an equation" };
                let wrong = Diagnostic::new(format!("`{word}` stands alone"))
                    .label(tokens[0].span, format!("belongs to {owner}"))
                    .help(format!("indent it, under the line of {owner}"));
                self.wrong.push(wrong);
                None
            }
            _ => match (tokens.first().map(|token| &token.kind), follows) {
                (Some(Kind::Name(_)), Some(Kind::Equals)) => self.definition(tokens, below),
                (Some(Kind::Name(_)), Some(Kind::Open)) if header_ends(tokens) => {
                    self.function(tokens, below, false)
                }
                (_, _) => {
                    let wrong = self.no_statement(tokens);
                    self.wrong.push(wrong);
                    None
                }
            },
        }
    }

    /// A line that is no statement.
    fn no_statement(&self, tokens: &[Token]) -> Diagnostic {
        let cursor = Cursor::new(self.source, &self.scope, tokens);
        let whole = tokens.iter().map(|token| token.span).reduce(|a, b| a.to(b));
        let span = whole.unwrap_or(cursor.here());
        let Some(word) = cursor.word() else {
            return Diagnostic::new("a statement begins with a keyword or a name")
                .label(cursor.here(), "found this")
                .help("write `NAME = …` to name a value");
        };
        let Some(next) = tokens.get(1) else {
            return unknown_keyword(word, span);
        };
        if let Kind::Name(_) = next.kind
            && !self.scope.is_value(&canonical(word))
        {
            return unknown_keyword(word, cursor.here());
        }
        if next.kind == Kind::Colon {
            return Diagnostic::new(format!("what is `{word}`?"))
                .label(cursor.here(), "a declaration begins with a keyword")
                .help(format!("write `input {word} : …`, or `target`, `param` or `const`"));
        }
        if next.kind == Kind::Arrow {
            return Diagnostic::new("`←` outside of an optimizer")
                .label(next.span, "a value is defined once, and never changes")
                .help(format!("write `{word} = …`; `←` is for the lines of an `optimizer`"));
        }
        if super::cursor::CONTROL.contains(&word) {
            return unknown_keyword(word, cursor.here()).help(NO_CONTROL);
        }
        Diagnostic::new("this line names no value")
            .label(span, "an expression alone says nothing")
            .help("write `NAME = …`, or `minimize …` for the objective")
    }

    /// Reads all tokens after the first `skip` with a parser.
    pub(super) fn whole<T>(
        &self,
        tokens: &[Token],
        skip: usize,
        parser: impl FnOnce(&mut Cursor<'_>) -> Parsed<T>,
    ) -> Parsed<T> {
        let mut cursor = Cursor::new(self.source, &self.scope, tokens);
        cursor.skip(skip);
        let read = parser(&mut cursor)?;
        cursor.finish()?;
        Ok(read)
    }

    fn nothing_below(&mut self, below: &[Line], keyword: &str) {
        for line in below {
            if let Some(tokens) = self.tokens(line) {
                let wrong = Diagnostic::new(format!("nothing stands under `{keyword}`"))
                    .label(tokens[0].span, "this line is indented")
                    .help("remove the white space before it if it is a statement");
                self.wrong.push(wrong);
            }
        }
    }

    fn declaration(&mut self, role: Role, tokens: &[Token], below: &[Line]) -> Option<Statement> {
        let read = self.whole(tokens, 1, |cursor| declaration(cursor, role));
        let read = self.note(read);
        self.nothing_below(below, keyword(role));
        read.map(Statement::Declaration)
    }

    fn definition(&mut self, tokens: &[Token], below: &[Line]) -> Option<Statement> {
        let read = self.whole(tokens, 0, |cursor| {
            let name = cursor.new_name("the name of a value")?;
            cursor.skip(1);
            Ok((name, expression(cursor)?))
        });
        let read = self.note(read);
        let Below { parts, .. } = self.below(below, Owner::Definition);
        let (name, value) = read?;
        Some(Statement::Definition(Definition { name, value, parts }))
    }

    fn function(&mut self, tokens: &[Token], below: &[Line], layer: bool) -> Option<Statement> {
        let start = usize::from(layer);
        self.scope.within = match tokens.get(start).map(|token| &token.kind) {
            Some(Kind::Name(name)) => Some(name.clone()),
            Some(_) | None => None,
        };
        if let Some(name) = &self.scope.within {
            self.scope.locals.extend(parameter_names(&tokens[start..]));
            self.scope.locals.remove(name);
        }
        let read = self.whole(tokens, start, |cursor| {
            let name = cursor.new_name("the name of a function")?;
            let parameters = parameters(cursor)?;
            if cursor.eat(&Kind::Equals).is_none() {
                let example = format!("{}(…) = …", cursor.text(name.span));
                return Err(cursor.expected("`=`").help(format!("write `{example}`")));
            }
            Ok((name, parameters, expression(cursor)?))
        });
        let read = self.note(read);
        let Below { owned, parts, updates, backward } =
            self.below(below, if layer { Owner::Layer } else { Owner::Function });
        let (name, parameters, body) = read?;
        Some(Statement::Function(Function {
            layer,
            name,
            parameters,
            owned,
            body,
            parts,
            updates,
            backward,
        }))
    }

    fn optimizer(&mut self, tokens: &[Token], below: &[Line]) -> Option<Statement> {
        self.scope.locals.extend(parameter_names(&tokens[1..]));
        self.scope.locals.extend(["G", "W", "t"].map(str::to_string));
        let read = self.whole(tokens, 1, |cursor| {
            let name = cursor.name("the name of an optimizer")?;
            let parameters = match cursor.kind() {
                Some(Kind::Open) => parameters(cursor)?,
                Some(_) | None => Vec::new(),
            };
            Ok((name, parameters))
        });
        let read = self.note(read);
        let (states, updates, comments) = self.rules(below);
        let (name, parameters) = read?;
        Some(Statement::Optimizer(Optimizer { name, parameters, states, updates, comments }))
    }
}

/// Names that a line under a statement introduces: those before `=`, `:` or `←`.
fn local_names(tokens: &[Token]) -> Vec<String> {
    names_at(tokens, 0, |_, after| {
        after.is_some_and(|kind| matches!(kind, Kind::Equals | Kind::Colon | Kind::Arrow))
    })
}

/// The names in the parentheses of a header.
fn parameter_names(tokens: &[Token]) -> Vec<String> {
    let header = header_end(tokens).and_then(|end| tokens.get(..end)).unwrap_or(&[]);
    names_at(header, 1, |before, _| {
        before.is_some_and(|kind| matches!(kind, Kind::Open | Kind::Comma))
    })
}

/// The names inside so many brackets whose neighbours pass the test.
fn names_at(
    tokens: &[Token],
    wanted: usize,
    test: impl Fn(Option<&Kind>, Option<&Kind>) -> bool,
) -> Vec<String> {
    let kind = |index: usize| tokens.get(index).map(|token| &token.kind);
    let mut names = Vec::new();
    let mut depth = 0usize;
    for (index, token) in tokens.iter().enumerate() {
        depth += usize::from(matches!(token.kind, Kind::Open | Kind::OpenSquare));
        let closes = matches!(token.kind, Kind::Close | Kind::CloseSquare);
        depth = depth.saturating_sub(usize::from(closes));
        if let Kind::Name(name) = &token.kind
            && depth == wanted
            && test(index.checked_sub(1).and_then(kind), kind(index + 1))
        {
            names.push(name.clone());
        }
    }
    names
}

/// Where the first parenthesis that opens is closed.
fn header_end(tokens: &[Token]) -> Option<usize> {
    let mut depth = 0usize;
    tokens.iter().position(|token| {
        depth += usize::from(token.kind == Kind::Open);
        let closes = token.kind == Kind::Close;
        depth = depth.saturating_sub(usize::from(closes));
        closes && depth == 0
    })
}

/// Whether `=` follows the parenthesis that opens at the second token.
fn header_ends(tokens: &[Token]) -> bool {
    header_end(tokens)
        .and_then(|end| tokens.get(end + 1))
        .is_some_and(|next| next.kind == Kind::Equals)
}

//! A place in the tokens of a line, and what is known there.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, nearest};
use crate::library::BUILT_IN;

use super::lex::{KEYWORDS, Kind, Token};
use super::tree::{Name, Span};

/// What a parser returns.
pub(super) type Parsed<T> = Result<T, Diagnostic>;

/// Words of other languages that have no meaning here.
pub(super) const CONTROL: &[&str] = &["if", "else", "for", "while", "return"];

/// Words that mean the same wherever they stand.
const MEANT: [(&str, &str); 4] = [
    ("ones", "the matrix 𝟏"),
    ("eye", "the identity I"),
    ("inv", "the inverse, as in `inv(A)`"),
    ("training", "1 while a network is trained, 0 when it is used"),
];

/// Which names mean what at a statement.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    /// Callable everywhere.
    pub(super) library: &'a BTreeSet<String>,
    /// Functions defined above.
    pub(super) functions: BTreeSet<String>,
    /// Values defined above.
    pub(super) values: BTreeSet<String>,
    /// Parameters and parts of the statement.
    pub(super) locals: BTreeSet<String>,
    /// The function that is being defined.
    pub(super) within: Option<String>,
    /// Whether products and element-wise products mix freely.
    pub(super) left_to_right: bool,
    /// Whether names are declared (not so in a single expression).
    pub(super) declared: bool,
}

impl Scope<'_> {
    pub(super) fn is_function(&self, name: &str) -> bool {
        self.functions.contains(name) || self.library.contains(name)
    }

    pub(super) fn is_value(&self, name: &str) -> bool {
        self.values.contains(name) || self.locals.contains(name)
    }
}

/// Reads tokens one after another.
pub(super) struct Cursor<'a> {
    pub(super) source: &'a str,
    pub(super) scope: &'a Scope<'a>,
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    operators: usize,
}

/// How deeply brackets may be nested.
const DEEPEST: usize = 60;
/// How many operators a line may have.
const LONGEST: usize = 1000;

impl<'a> Cursor<'a> {
    pub(super) fn new(source: &'a str, scope: &'a Scope<'a>, tokens: &'a [Token]) -> Cursor<'a> {
        Cursor { source, scope, tokens, at: 0, depth: 0, operators: 0 }
    }

    /// The token `ahead` of the next one.
    pub(super) fn ahead(&self, ahead: usize) -> Option<&'a Token> {
        self.tokens.get(self.at + ahead)
    }

    pub(super) fn kind(&self) -> Option<&'a Kind> {
        self.ahead(0).map(|token| &token.kind)
    }

    pub(super) fn previous(&self) -> Option<&'a Token> {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at))
    }

    pub(super) fn rest(&self) -> &'a [Token] {
        self.tokens.get(self.at..).unwrap_or(&[])
    }

    pub(super) fn skip(&mut self, count: usize) {
        self.at = (self.at + count).min(self.tokens.len());
    }

    /// Takes the next token if it is this one.
    pub(super) fn eat(&mut self, kind: &Kind) -> Option<Span> {
        let token = self.ahead(0).filter(|token| token.kind == *kind)?;
        self.at += 1;
        Some(token.span)
    }

    /// Where the next token is, or the end of the line.
    pub(super) fn here(&self) -> Span {
        match (self.ahead(0), self.previous()) {
            (Some(token), _) => token.span,
            (None, Some(token)) => Span { start: token.span.end, end: token.span.end },
            (None, None) => Span { start: self.source.len(), end: self.source.len() },
        }
    }

    pub(super) fn text(&self, span: Span) -> &'a str {
        self.source.get(span.start..span.end).unwrap_or("")
    }

    /// The next token as a word, as typed.
    pub(super) fn word(&self) -> Option<&'a str> {
        match self.kind() {
            Some(Kind::Name(_)) => Some(self.text(self.here())),
            Some(_) | None => None,
        }
    }

    /// Takes a name that is no keyword.
    pub(super) fn name(&mut self, what: &str) -> Parsed<Name> {
        let span = self.here();
        let Some(Kind::Name(text)) = self.kind() else {
            return Err(self.expected(what));
        };
        let spelling = self.text(span);
        if KEYWORDS.contains(&spelling) || CONTROL.contains(&spelling) {
            let title = format!("`{spelling}` is a keyword and cannot be a name");
            let wrong = Diagnostic::new(title).label(span, format!("expected {what}"));
            return Err(wrong.help("choose another name"));
        }
        self.at += 1;
        Ok(Name { text: text.clone(), spelling: spelling.to_string(), span })
    }

    /// Takes a name that is to mean something new.
    pub(super) fn new_name(&mut self, what: &str) -> Parsed<Name> {
        let name = self.name(what)?;
        let built_in =
            name.text.strip_prefix(BUILT_IN).filter(|of| self.scope.library.contains(*of));
        let meaning = match built_in {
            Some(of) => format!("the function {of} that is built in, or of the library"),
            None => match MEANT.iter().find(|(word, _)| *word == name.text) {
                Some((_, meaning)) => meaning.to_string(),
                None => return Ok(name),
            },
        };
        let title = format!("`{}` has a meaning already and cannot be {what}", name.text);
        Err(Diagnostic::new(title).label(name.span, meaning).help("choose another name"))
    }

    /// Enters an expression: the whole, or one in a bracket.
    pub(super) fn deeper(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth <= DEEPEST + 1 {
            return Ok(());
        }
        Err(Diagnostic::new("this expression is nested too deeply")
            .label(self.here(), format!("more than {DEEPEST} brackets are open here"))
            .help("name its parts: `A = …` on a line of its own"))
    }

    /// Leaves it.
    pub(super) fn shallower(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Counts an operator.
    pub(super) fn operator(&mut self) -> Parsed<()> {
        self.operators += 1;
        if self.operators <= LONGEST {
            return Ok(());
        }
        Err(Diagnostic::new("this expression is too long")
            .label(self.here(), format!("more than {LONGEST} operators stand before this"))
            .help("name its parts: `A = …` on a line of its own"))
    }

    /// Something else should stand here.
    pub(super) fn expected(&self, what: &str) -> Diagnostic {
        let span = self.here();
        match self.ahead(0) {
            Some(token) if token.kind != Kind::NewRow => {
                Diagnostic::new(format!("expected {what}, found `{}`", self.text(span)))
                    .label(span, "not expected here")
            }
            Some(_) | None => Diagnostic::new(format!("expected {what}, but the line ends"))
                .label(span, format!("{what} belongs here")),
        }
    }

    /// All tokens must have been read.
    pub(super) fn finish(&self) -> Parsed<()> {
        let Some(token) = self.ahead(0) else { return Ok(()) };
        let text = self.text(token.span);
        let wrong = Diagnostic::new(format!("`{text}` does not belong here"))
            .label(token.span, "the expression ends before this");
        let help = if token.kind.is_operator() && !matches!(token.kind, Kind::Times | Kind::Dot) {
            Some("write an operand on both sides")
        } else {
            misplaced(&token.kind, text)
        };
        Err(Diagnostic { help: help.map(str::to_string), ..wrong })
    }
}

/// What to do about a token that no expression goes on with.
fn misplaced(kind: &Kind, text: &str) -> Option<&'static str> {
    if text == "where" {
        return Some("put `where NAME = …` on an indented line below");
    }
    if CONTROL.contains(&text) {
        return Some(NO_CONTROL);
    }
    if KEYWORDS.contains(&text) {
        return Some("a keyword begins a line");
    }
    let signs = [
        (Kind::Equals, "a line defines one name; a test is written `A > B` or `A >= B`"),
        (Kind::Arrow, "`←` begins an update, `NAME ← …`, in an optimizer"),
        (Kind::Times, "`×` belongs in shapes; a matrix product is written `A B` or `A * B`"),
        (Kind::Dot, "`·` belongs in dimensions; a matrix product is written `A B` or `A * B`"),
        (Kind::Colon, "`:` stands in declarations and indices: `input X : B×4`, `A[:, 1:3]`"),
        (Kind::Semicolon, "one statement a line; rows of a literal stand in `[ ]`"),
        (Kind::Comma, "a line says one thing; join columns with `hcat(A, B)`"),
        (Kind::Tilde, "`~ NAME` draws a parameter: `param W : 4×3 ~ glorot`"),
    ];
    signs.into_iter().find(|(sign, _)| sign == kind).map(|(_, help)| help)
}

/// What is said to people who look for control flow.
pub(super) const NO_CONTROL: &str =
    "choose element by element with `max`, `min`, `clamp` or a test: `(A > 0) ⊙ B`";

/// A word that is no keyword begins a line.
pub(super) fn unknown_keyword(word: &str, span: Span) -> Diagnostic {
    if CONTROL.contains(&word) {
        return Diagnostic::new(format!("there is no control flow: `{word}` has no meaning here"))
            .label(span, "a page is a list of equations")
            .help(NO_CONTROL);
    }
    let wrong = Diagnostic::new(format!("unknown keyword `{word}`"));
    match nearest(word, KEYWORDS.iter().copied()) {
        Some(keyword) => {
            wrong.label(span, "no such keyword").help(format!("did you mean `{keyword}`?"))
        }
        None => wrong
            .label(span, "a line begins with a keyword or with the name that it defines")
            .help("write `NAME = …` to name a value; the keywords are `input`, `target`, `param`, `const`, `minimize`, `layer` and `optimizer`"),
    }
}

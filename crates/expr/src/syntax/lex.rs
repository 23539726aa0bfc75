//! Text becomes lines of tokens.
//!
//! A [`Line`] is a logical line: one that ends in an operator, or inside an open bracket, goes
//! on. Twins become one token (`.*` and `⊙`), names become canonical, and a line keeps its
//! indentation and comments. What cannot be read is kept as the line's error, so that the lines
//! after it are still read.

use crate::diagnostic::Diagnostic;

use super::characters::{self, Exponent};
use super::name::canonical;
use super::tree::Span;

/// The words that begin a statement or a line under one.
pub(super) const KEYWORDS: &[&str] = &[
    "input",
    "target",
    "param",
    "const",
    "minimize",
    "where",
    "layer",
    "optimizer",
    "state",
    "adjoint",
    "surrogate",
];

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Number(f64),
    /// In canonical form.
    Name(String),
    /// `𝟏`
    Ones,
    Superscript(Exponent),
    Transpose,
    /// `⁻ᵀ`
    InverseTranspose,
    Star,
    Hadamard,
    Quotient,
    Slash,
    Caret,
    DotCaret,
    /// `∘`
    Ring,
    Plus,
    Minus,
    Greater,
    GreaterEqual,
    Equals,
    Arrow,
    Tilde,
    Colon,
    Comma,
    Semicolon,
    Open,
    Close,
    OpenSquare,
    CloseSquare,
    /// `×`
    Times,
    /// `·`
    Dot,
    /// The end of a physical line inside `[ ]`.
    NewRow,
}

impl Kind {
    /// Whether it stands between two operands (or before one).
    pub(super) fn is_operator(&self) -> bool {
        matches!(
            self,
            Kind::Star
                | Kind::Hadamard
                | Kind::Quotient
                | Kind::Slash
                | Kind::Caret
                | Kind::DotCaret
                | Kind::Ring
                | Kind::Plus
                | Kind::Minus
                | Kind::Greater
                | Kind::GreaterEqual
                | Kind::Times
                | Kind::Dot
        )
    }

    /// Whether a line that ends in it goes on.
    fn goes_on(&self) -> bool {
        self.is_operator()
            || matches!(self, Kind::Equals | Kind::Arrow | Kind::Comma | Kind::Tilde | Kind::Colon)
    }
}

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
    /// Whether white space (or nothing) stands before it.
    pub(super) spaced: bool,
}

/// A logical line.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    /// Characters of white space before it.
    pub(super) indent: usize,
    pub(super) tokens: Vec<Token>,
    /// The comment at its end.
    pub(super) beside: Option<String>,
    /// Further comments inside it.
    pub(super) inside: Vec<String>,
    /// What could not be read.
    pub(super) error: Option<Diagnostic>,
}

/// What a page consists of.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Blank,
    Comment(String),
    Line(Line),
}

/// Reads a text.
pub(super) fn entries(source: &str) -> Vec<Entry> {
    let mut lexer = Lexer { source, at: 0, line: None, open: Vec::new(), entries: Vec::new() };
    let mut start = 0;
    let mut base = None;
    for piece in source.split_inclusive('\n') {
        lexer.at = start;
        start += piece.len();
        lexer.physical_line(piece.trim_end_matches(['\n', '\r']), &mut base);
    }
    lexer.finish();
    lexer.entries
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    /// The logical line that is being read.
    line: Option<Line>,
    /// The brackets that are open in it.
    open: Vec<(Kind, Span)>,
    entries: Vec<Entry>,
}

impl Lexer<'_> {
    fn physical_line(&mut self, text: &str, base: &mut Option<usize>) {
        let code = text.trim_start();
        let indent = text.chars().count() - code.chars().count();
        if code.trim_end().is_empty() {
            if self.open.is_empty() {
                self.finish();
                self.entries.push(Entry::Blank);
            }
            return;
        }
        if code.starts_with('#') {
            let comment = code.trim_end().to_string();
            match &mut self.line {
                Some(line) => line.inside.push(comment),
                None => self.entries.push(Entry::Comment(comment)),
            }
            return;
        }
        let base = *base.get_or_insert(indent);
        if self.line.is_some() && indent <= base && begins_statement(code) {
            self.finish();
        }
        self.line.get_or_insert_with(|| Line { indent, ..Line::default() });
        let end = self.at + text.len();
        self.tokens(end);
        let last = self.line.as_ref().and_then(|line| line.tokens.last());
        let goes_on = last.is_some_and(|token| token.kind.goes_on());
        match self.open.last() {
            Some((Kind::OpenSquare, _)) => self.push(Kind::NewRow, end, true),
            Some(_) => {}
            None if goes_on => {}
            None => self.finish(),
        }
    }

    /// Ends the logical line.
    fn finish(&mut self) {
        if let Some((kind, span)) = self.open.first().cloned() {
            let (open, close) = if kind == Kind::Open { ("(", ")") } else { ("[", "]") };
            self.wrong(
                Diagnostic::new(format!("this `{open}` is never closed"))
                    .label(span, "opened here")
                    .help(format!("add the missing `{close}`")),
            );
        }
        self.open.clear();
        self.entries.extend(self.line.take().map(Entry::Line));
    }

    fn wrong(&mut self, diagnostic: Diagnostic) {
        if let Some(line) = &mut self.line {
            line.error.get_or_insert(diagnostic);
        }
    }

    fn push(&mut self, kind: Kind, end: usize, spaced: bool) {
        let span = Span { start: self.at, end };
        if let Some(line) = &mut self.line {
            line.tokens.push(Token { kind, span, spaced });
        }
        self.at = end;
    }

    fn tokens(&mut self, end: usize) {
        let mut spaced = true;
        while self.at < end {
            let rest = &self.source[self.at..end];
            let Some(first) = rest.chars().next() else { return };
            if first.is_whitespace() || first == '\u{feff}' {
                self.at += first.len_utf8();
                spaced = true;
                continue;
            }
            if first == '#' {
                let comment = rest.trim_end().to_string();
                if let Some(line) = &mut self.line {
                    match &line.beside {
                        None => line.beside = Some(comment),
                        Some(_) => line.inside.push(comment),
                    }
                }
                self.at = end;
                return;
            }
            self.token(rest, first, spaced);
            spaced = false;
        }
    }

    fn token(&mut self, rest: &str, first: char, spaced: bool) {
        let start = self.at;
        if let Some(length) = characters::name_length(rest) {
            let name = canonical(&rest[..length]);
            return self.push(Kind::Name(name), start + length, spaced);
        }
        if let Some(length) = characters::number_length(rest) {
            let value: f64 = rest[..length].parse().unwrap_or(f64::INFINITY);
            self.push(Kind::Number(value), start + length, spaced);
            if !value.is_finite() {
                let span = Span { start, end: start + length };
                self.wrong(
                    Diagnostic::new("this number is too large")
                        .label(span, "the largest number is about 1.8e308"),
                );
            }
            return;
        }
        if let Some((exponent, length)) = characters::exponent(rest) {
            return self.push(Kind::Superscript(exponent), start + length, spaced);
        }
        for (sign, kind) in SIGNS {
            if rest.starts_with(sign) {
                let span = Span { start, end: start + sign.len() };
                self.bracket(kind, span);
                return self.push(kind.clone(), span.end, spaced);
            }
        }
        self.unknown(rest, first);
    }

    /// Keeps account of the open brackets.
    fn bracket(&mut self, kind: &Kind, span: Span) {
        if matches!(kind, Kind::Open | Kind::OpenSquare) {
            return self.open.push((kind.clone(), span));
        }
        let (opening, close) = if *kind == Kind::Close {
            (Kind::Open, ")")
        } else if *kind == Kind::CloseSquare {
            (Kind::OpenSquare, "]")
        } else {
            return;
        };
        match self.open.pop() {
            Some((open, _)) if open == opening => {}
            Some((open, at)) => {
                let wanted = if open == Kind::Open { ")" } else { "]" };
                self.wrong(
                    Diagnostic::new("these brackets do not match")
                        .label(span, format!("this is `{close}`"))
                        .label(at, format!("this wants a `{wanted}`")),
                );
            }
            None => self.wrong(
                Diagnostic::new(format!("this `{close}` closes nothing"))
                    .label(span, "no bracket is open here")
                    .help("remove it, or add the opening bracket"),
            ),
        }
    }

    fn unknown(&mut self, rest: &str, first: char) {
        let (sign, help) = characters::unknown(rest, first);
        let span = Span { start: self.at, end: self.at + sign.len() };
        let title = format!("`{sign}` is not part of the language");
        let wrong = Diagnostic::new(title).label(span, "cannot be read");
        self.wrong(Diagnostic { help: help.map(str::to_string), ..wrong });
        self.at = span.end;
    }
}

/// Signs, the longer ones before those they begin with.
const SIGNS: &[(&str, Kind)] = &[
    (".*", Kind::Hadamard),
    ("./", Kind::Quotient),
    (".^", Kind::DotCaret),
    (".'", Kind::Transpose),
    (">=", Kind::GreaterEqual),
    ("<-", Kind::Arrow),
    ("⁻ᵀ", Kind::InverseTranspose),
    ("⊙", Kind::Hadamard),
    ("⊘", Kind::Quotient),
    ("≥", Kind::GreaterEqual),
    ("←", Kind::Arrow),
    ("ᵀ", Kind::Transpose),
    ("'", Kind::Transpose),
    ("𝟏", Kind::Ones),
    ("∘", Kind::Ring),
    ("*", Kind::Star),
    ("∗", Kind::Star),
    ("/", Kind::Slash),
    ("^", Kind::Caret),
    ("+", Kind::Plus),
    ("-", Kind::Minus),
    ("−", Kind::Minus),
    (">", Kind::Greater),
    ("=", Kind::Equals),
    ("~", Kind::Tilde),
    (":", Kind::Colon),
    (",", Kind::Comma),
    (";", Kind::Semicolon),
    ("(", Kind::Open),
    (")", Kind::Close),
    ("[", Kind::OpenSquare),
    ("]", Kind::CloseSquare),
    ("×", Kind::Times),
    ("·", Kind::Dot),
    ("⋅", Kind::Dot),
];

/// Whether a physical line looks like the beginning of a statement.
fn begins_statement(code: &str) -> bool {
    let Some(length) = characters::name_length(code) else { return false };
    let (word, rest) = code.split_at(length);
    let rest = rest.trim_start();
    let defines = rest.starts_with('=') || rest.starts_with('←') || rest.starts_with("<-");
    let function = rest.starts_with('(') && (rest.contains(") =") || rest.contains(")="));
    KEYWORDS.contains(&word) || defines || function
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<Kind> {
        let mut kinds = Vec::new();
        for entry in entries(source) {
            if let Entry::Line(line) = entry {
                assert_eq!(line.error, None);
                kinds.extend(line.tokens.into_iter().map(|token| token.kind));
            }
        }
        kinds
    }

    #[test]
    fn twins_are_one_token() {
        let pairs = [
            ("A .* B ./ C", "A ⊙ B ⊘ C"),
            ("W_1'", "W1ᵀ"),
            ("eta <- d_W >= 1", "η ← ∂W ≥ 1"),
            ("1.*X", "1⊙X"),
            ("2 .^ p", "2.^p"),
        ];
        for (twin, unicode) in pairs {
            assert_eq!(kinds(twin), kinds(unicode), "{twin}");
        }
    }

    #[test]
    fn numbers_and_exponents() {
        assert_eq!(
            kinds("1e-3 .5 0.15 2e"),
            [
                Kind::Number(1e-3),
                Kind::Number(0.5),
                Kind::Number(0.15),
                Kind::Number(2.0),
                Kind::Name("e".to_string()),
            ]
        );
        assert_eq!(
            kinds("η⁻ η⁻¹ A⁻ᵀ"),
            [
                Kind::Name("η⁻".to_string()),
                Kind::Name("η".to_string()),
                Kind::Superscript(Exponent::Number { negative: true, value: 1.0 }),
                Kind::Name("A".to_string()),
                Kind::InverseTranspose,
            ]
        );
        assert_eq!(
            kinds("x¹⁰ᵖ")[1..],
            [
                Kind::Superscript(Exponent::Number { negative: false, value: 10.0 }),
                Kind::Superscript(Exponent::Name { negative: false, letter: 'p' }),
            ]
        );
    }

    #[test]
    fn lines_go_on() {
        let lines = entries("Z = A +\n  B  # why\nf(A,\n# inside\n  B)\n\nY = 1\n");
        let texts: Vec<String> = lines
            .iter()
            .map(|entry| match entry {
                Entry::Blank => "blank".to_string(),
                Entry::Comment(text) => text.clone(),
                Entry::Line(line) => {
                    format!("{} {:?} {:?}", line.tokens.len(), line.beside, line.inside)
                }
            })
            .collect();
        assert_eq!(texts, ["5 Some(\"# why\") []", "6 None [\"# inside\"]", "blank", "3 None []"]);
    }
}

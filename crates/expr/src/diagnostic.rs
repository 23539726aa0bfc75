//! Errors that point at the text.
//!
//! Every stage that reads equations says what is wrong as a [`Diagnostic`]; [`Errors`] joins
//! them with the text they speak of and prints them.
//!
//! ```
//! use matgrad_expr::diagnostic::{Diagnostic, Errors};
//! use matgrad_expr::syntax::Span;
//!
//! let wrong = Diagnostic::new("there is no value `Q`").label(Span { start: 4, end: 5 }, "here");
//! let errors = Errors {
//!     file: "net.eq".to_string(),
//!     source: "Z = Q W\n".to_string(),
//!     diagnostics: vec![wrong],
//! };
//! assert!(errors.to_string().contains("net.eq:1:5"));
//! ```

use std::fmt;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use crate::syntax::Span;

/// One thing that is wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// What is wrong, in one line without a full stop.
    pub title: String,
    /// Places in the text, each with what is to be said about it; the first is where the error is.
    pub labels: Vec<(Span, String)>,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A diagnostic without labels.
    pub fn new(title: impl Into<String>) -> Diagnostic {
        Diagnostic { title: title.into(), labels: Vec::new(), help: None }
    }

    /// Adds a place.
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.labels.push((span, text.into()));
        self
    }

    /// Says what to do.
    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help = Some(text.into());
        self
    }
}

/// What is wrong with a text, together with the text: this is what people see.
#[derive(Clone, Debug, PartialEq)]
pub struct Errors {
    /// Name of the file, or what stands for it.
    pub file: String,
    /// The whole text.
    pub source: String,
    /// What is wrong with it, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Errors {
    /// The first diagnostics, a blank line between two, with the lines they point at; then how
    /// many more there are.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Unicode);
        const MOST: usize = 10;
        let shown = self.diagnostics.iter().take(MOST);
        let mut texts: Vec<String> = shown.map(|d| self.one(d, &renderer)).collect();
        if let Some(more) = self.diagnostics.len().checked_sub(MOST + 1) {
            texts.push(format!("… and {} more; begin with the first", more + 1));
        }
        texts.join("\n\n")
    }

    fn one(&self, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
        let title = Level::ERROR.primary_title(diagnostic.title.as_str());
        let mut group = Group::with_title(title);
        if diagnostic.labels.is_empty() {
            group = group.element(Origin::path(self.file.as_str()));
        } else {
            let annotations = diagnostic.labels.iter().map(|(span, text)| {
                let label = (!text.is_empty()).then_some(text.as_str());
                AnnotationKind::Primary.span(self.within(*span)).label(label)
            });
            let snippet = Snippet::source(self.source.as_str())
                .path(self.file.as_str())
                .annotations(annotations);
            group = group.element(snippet);
        }
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        compact(&renderer.render(&[group]))
    }

    /// The span as a range that lies inside the text, on character boundaries.
    fn within(&self, span: Span) -> std::ops::Range<usize> {
        let end = self.source.floor_char_boundary(span.end.min(self.source.len()));
        self.source.floor_char_boundary(span.start.min(end))..end
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Errors {}

/// Drops the lines that hold nothing but the margin.
fn compact(text: &str) -> String {
    let kept: Vec<&str> = text.lines().filter(|line| !is_margin(line)).collect();
    kept.join("\n")
}

fn is_margin(line: &str) -> bool {
    let mut escaped = false;
    let mut bars = 0;
    for c in line.chars() {
        match c {
            '\u{1b}' => escaped = true,
            'm' if escaped => escaped = false,
            '│' => bars += 1,
            ' ' => {}
            _ if escaped => {}
            _ => return false,
        }
    }
    bars == 1
}

/// The word nearest to `word` by the number of slips of the hand (a letter missing, added,
/// changed, or two exchanged), if it is near enough to be what was meant.
///
/// ```
/// use matgrad_expr::diagnostic::nearest;
/// assert_eq!(nearest("sigmiod", ["sign", "sigmoid", "tanh"]), Some("sigmoid"));
/// assert_eq!(nearest("banana", ["sign", "sigmoid", "tanh"]), None);
/// ```
pub fn nearest<'a>(word: &str, among: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters: Vec<char> = word.to_lowercase().chars().collect();
    let allowed = (letters.len() / 3).max(1);
    among
        .into_iter()
        .map(|candidate| (distance(&letters, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= allowed && *distance < letters.len().min(candidate.chars().count())
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Damerau–Levenshtein distance (optimal string alignment).
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let changed = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = changed.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn span(source: &str, word: &str, from: usize) -> Span {
        let start = from + source[from..].find(word).expect("the word is in the text");
        Span { start, end: start + word.len() }
    }

    #[test]
    fn errors_point_at_the_text() {
        let source = "input X : B×784\n\nparam W1 : 748×128\n\nZ₁ = X W₁ + b₁\n";
        let from = source.find('Z').expect("there is a Z");
        let product = Diagnostic::new("these matrices cannot be multiplied")
            .label(span(source, "X", from), "X is B×784, declared on line 1")
            .label(span(source, "W₁", from), "W₁ is 748×128, declared on line 2")
            .help("the inner dimensions 784 and 748 must be equal; is 748 a slip of the hand?");
        let bare = Diagnostic::new("a page needs an objective");
        let errors = Errors {
            file: "mlp.eq".to_string(),
            source: source.to_string(),
            diagnostics: vec![product, bare],
        };
        expect![[r#"
            error: these matrices cannot be multiplied
              ╭▸ mlp.eq:5:6
            5 │ Z₁ = X W₁ + b₁
              │      ┯ ━━ W₁ is 748×128, declared on line 2
              │      │
              │      X is B×784, declared on line 1
              ╰ help: the inner dimensions 784 and 748 must be equal; is 748 a slip of the hand?

            error: a page needs an objective
             ─▸ mlp.eq"#]]
        .assert_eq(&errors.to_string());
        assert!(errors.render(true).contains('\u{1b}'));
        assert_eq!(errors.render(true).lines().count(), errors.to_string().lines().count());
    }

    #[test]
    fn spans_outside_the_text_are_moved_inside() {
        let wrong = Diagnostic::new("wrong").label(Span { start: 3, end: 90 }, "here");
        let errors =
            Errors {
                file: "a.eq".to_string(), source: "Z₁".to_string(), diagnostics: vec![wrong]
            };
        assert!(errors.to_string().contains("here"));
    }

    #[test]
    fn nearest_is_near() {
        assert_eq!(nearest("crossentropy", ["cross_entropy", "huber"]), Some("cross_entropy"));
        assert_eq!(nearest("inptu", ["input", "param"]), Some("input"));
        assert_eq!(nearest("foo", ["rows", "cols"]), None);
        assert_eq!(nearest("", ["a"]), None);
    }
}

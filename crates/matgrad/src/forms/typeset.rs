//! Formulas in Unicode, as every form prints itself, in the other notations.
//!
//! A form is a [`Document`]: lines of Unicode. LaTeX (amsmath, amssymb), MathML and ASCII are read
//! off its signs, so a form is written once.
//!
//! ```
//! use matgrad::forms::typeset::{Notation, formula};
//! let text = "∂W²ᵢⱼ = Σₖ A¹ₖᵢ ∂Zₖⱼ";
//! assert_eq!(formula(text, Notation::Latex), r"\partial W^{2}_{ij} = \sum_{k} A^{1}_{ki} \, \partial Z_{kj}");
//! assert_eq!(formula("A₁ᵀ (W ⊙ Zₗ₊₁)", Notation::Ascii), "A_1' * (W .* Z_{l+1})");
//! ```

use std::fmt;

use matgrad_expr::syntax::ascii;

/// How formulas are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// As they are.
    Unicode,
    /// Without signs beyond ASCII.
    Ascii,
    /// For TeX, with amsmath and amssymb.
    Latex,
    /// For web pages.
    Mathml,
}

/// A line of a document.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Words; formulas among them stand between backticks.
    Text(String),
    /// A formula, and what is said about it in words with formulas between backticks. A formula
    /// that begins with `= ` goes on from the line above.
    Formula(String, String),
}

/// Formulas one below the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document(pub Vec<Part>);

/// A formula in a notation (without the `$` or `<math>` around it).
pub fn formula(text: &str, notation: Notation) -> String {
    if notation == Notation::Unicode {
        return text.replace(DIFFERENTIAL, "d");
    }
    let tokens = tokens(text);
    let mut written = String::new();
    for (i, token) in tokens.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| &tokens[i]);
        let called = tokens.get(i + 1).is_some_and(|next| next.body == Body::Sign('('));
        written += &match notation {
            Notation::Unicode | Notation::Ascii => token.ascii(before, tokens.get(i + 1)),
            Notation::Latex => token.latex(called),
            Notation::Mathml => token.mathml(called),
        };
    }
    match notation {
        Notation::Mathml => format!("<mrow>{written}</mrow>"),
        _ => written.replace("  ", " ").trim().to_string(),
    }
}

/// The sign of a differential, which Unicode and ASCII write as a plain d.
pub(super) const DIFFERENTIAL: char = '𝑑';

#[derive(Clone, Debug, PartialEq)]
enum Body {
    Word(String),
    Number(String),
    Sign(char),
    /// Between two operands, where the product is not written.
    Product,
}

#[derive(Clone, Debug, PartialEq)]
struct Token {
    body: Body,
    below: String,
    above: String,
}

/// Signs below and above the line, with what they are.
const BELOW: (&str, &str) = ("₀₁₂₃₄₅₆₇₈₉₊₋ₗᵢⱼₖₘₙₚᵣₛₜᵤᵥ", "0123456789+-lijkmnprstuv");
const ABOVE: (&str, &str) = ("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵀ∘ᵖ", "0123456789+-T∘p");

fn script(c: char, table: (&str, &str)) -> Option<char> {
    let place = table.0.chars().position(|s| s == c)?;
    table.1.chars().nth(place)
}

fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut found: Vec<Token> = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let c = chars[i];
        if let (Some(last), Some(s)) = (found.last_mut(), script(c, BELOW)) {
            last.below.push(s);
            i += 1;
            continue;
        }
        if let (Some(last), Some(s)) = (found.last_mut(), script(c, ABOVE)) {
            last.above.push(s);
            i += 1;
            continue;
        }
        let run = |test: &dyn Fn(usize, char) -> bool| {
            (i..chars.len()).find(|&j| !test(j, chars[j])).unwrap_or(chars.len())
        };
        // Scripts are letters too, to Unicode.
        let plain = |c: char| script(c, BELOW).is_none() && script(c, ABOVE).is_none();
        let letter = |c: char| c.is_alphabetic() && !"Σ𝟏".contains(c) && c != DIFFERENTIAL;
        let end = if c.is_ascii_digit() {
            run(&|j, c| {
                c.is_ascii_digit()
                    || c == '.' && chars.get(j + 1).is_some_and(char::is_ascii_digit)
                    || c == 'e' && chars.get(j + 1).is_some_and(|n| *n == '-' || n.is_ascii_digit())
                    || c == '-' && chars[j - 1] == 'e'
            })
        } else if letter(c) {
            let inside = |j: usize, c: char| {
                c == '_' || c == '.' && chars.get(j + 1).is_some_and(|n| n.is_ascii_alphabetic())
            };
            run(&|j, c| plain(c) && (letter(c) || c.is_ascii_digit() || inside(j, c)))
        } else {
            i + 1
        };
        let part: String = chars[i..end].iter().collect();
        i = end;
        let body = match c {
            ' ' => {
                // `A B` is a product; spaces around signs are none.
                let left = found.last().is_some_and(|t| match t.body {
                    Body::Word(_) | Body::Number(_) => true,
                    Body::Sign(s) => ")]⟩𝟏".contains(s) || !t.above.is_empty(),
                    Body::Product => false,
                });
                let next = chars.get(i).copied().unwrap_or(' ');
                let right = next.is_alphanumeric() || "([⟨∂Σ𝟏".contains(next);
                match left && (right || next == DIFFERENTIAL) {
                    true => Body::Product,
                    false => continue,
                }
            }
            c if c.is_ascii_digit() => Body::Number(part),
            c if letter(c) => match part.strip_prefix('d') {
                // The differential of a letter.
                Some(of) if of.chars().count() == 1 => {
                    found.push(Token::of(Body::Sign(DIFFERENTIAL)));
                    Body::Word(of.into())
                }
                _ => Body::Word(part),
            },
            c => Body::Sign(c),
        };
        found.push(Token::of(body));
    }
    found
}

impl Token {
    fn of(body: Body) -> Token {
        Token { body, below: String::new(), above: String::new() }
    }

    fn latex(&self, called: bool) -> String {
        let letter = |word: &str| match (word.chars().count(), ascii(word)) {
            (1, twin) if twin.is_ascii() && twin != word => format!("\\{twin}"),
            (1, _) => word.to_string(),
            (_, twin) => format!(r"\mathrm{{{}}}", twin.replace('_', r"\_")),
        };
        let body = match &self.body {
            Body::Word(word) if called && word.chars().count() > 1 => {
                format!(r"\operatorname{{{}}}", ascii(word).replace('_', r"\_"))
            }
            Body::Word(word) => match word.split_once('_') {
                Some((base, below)) if base.chars().count() == 1 => {
                    let comma = if self.below.is_empty() { "" } else { "," };
                    let below = format!("{}{comma}{}", letter(below), self.below);
                    let scripted = Token { below, ..self.clone() };
                    return letter(base) + &scripted.scripts(r"\top", r"\circ ");
                }
                _ => letter(word),
            },
            Body::Number(digits) => match digits.split_once('e') {
                Some((digits, power)) => format!(r"{digits} \cdot 10^{{{power}}}"),
                None => digits.clone(),
            },
            Body::Product => r" \, ".into(),
            Body::Sign(sign) => match sign {
                '⊙' => r" \odot ",
                '⊘' => r" \oslash ",
                '⊗' => r" \otimes ",
                '×' => r" \times ",
                '·' => r" \cdot ",
                '≤' => r" \le ",
                '≥' => r" \ge ",
                '←' => r" \leftarrow ",
                '→' => r" \to ",
                'Σ' => r"\sum",
                '∂' => r"\partial ",
                '⟨' => r"\langle ",
                '⟩' => r" \rangle ",
                '⌊' => r"\lfloor ",
                '⌋' => r"\rfloor ",
                '…' => r" \ldots ",
                '𝟏' => r"\mathbf{1}",
                &DIFFERENTIAL => r"\mathrm{d}",
                '+' => " + ",
                '-' => " - ",
                '=' => " = ",
                '>' => " > ",
                ',' => ", ",
                ';' => r";\ ",
                ':' => r":\ ",
                other => return other.to_string() + &self.scripts(r"\top", r"\circ "),
            }
            .into(),
        };
        let text = body + &self.scripts(r"\top", r"\circ ");
        if matches!(self.body, Body::Sign('Σ')) { text + " " } else { text }
    }

    fn scripts(&self, transpose: &str, each: &str) -> String {
        let mut text = String::new();
        if !self.above.is_empty() {
            let above = self.above.replace('T', transpose).replace('∘', each);
            text += &format!("^{{{above}}}");
        }
        if !self.below.is_empty() {
            text += &format!("_{{{}}}", self.below);
        }
        text
    }

    fn mathml(&self, called: bool) -> String {
        let tag = |name: &str, inside: &str| format!("<{name}>{inside}</{name}>");
        let body = match &self.body {
            Body::Word(word) => match word.split_once('_') {
                Some((base, below)) if base.chars().count() == 1 && !called => {
                    tag("msub", &(tag("mi", base) + &tag("mi", below)))
                }
                _ => tag("mi", word),
            },
            Body::Number(digits) => tag("mn", digits),
            Body::Product => tag("mo", "&#x2062;"),
            Body::Sign('𝟏') => tag("mn", "𝟏"),
            Body::Sign('Σ') => tag("mo", "∑"),
            Body::Sign(sign) if *sign == DIFFERENTIAL => "<mo form=\"prefix\">d</mo>".into(),
            Body::Sign('-') => tag("mo", "−"),
            Body::Sign('>') => tag("mo", "&gt;"),
            Body::Sign('<') => tag("mo", "&lt;"),
            Body::Sign('&') => tag("mo", "&amp;"),
            Body::Sign(sign) => tag("mo", &sign.to_string()),
        };
        let row = |text: &str| {
            let each = text.chars().map(|c| match c {
                'T' => tag("mo", "⊤"),
                '-' => tag("mo", "−"),
                '+' | '∘' => tag("mo", &c.to_string()),
                c if c.is_ascii_digit() => tag("mn", &c.to_string()),
                c => tag("mi", &c.to_string()),
            });
            tag("mrow", &each.collect::<String>())
        };
        match (self.below.is_empty(), self.above.is_empty()) {
            (true, true) => body,
            (false, true) if self.body == Body::Sign('Σ') => {
                tag("munder", &(body + &row(&self.below)))
            }
            (false, true) => tag("msub", &(body + &row(&self.below))),
            (true, false) => tag("msup", &(body + &row(&self.above))),
            (false, false) => tag("msubsup", &(body + &row(&self.below) + &row(&self.above))),
        }
    }

    fn ascii(&self, before: Option<&Token>, next: Option<&Token>) -> String {
        let mut text = match &self.body {
            Body::Word(word) => ascii(word),
            Body::Number(digits) => digits.clone(),
            Body::Product => match next.map(|t| &t.body) {
                // A sum goes over what follows it.
                _ if before.is_some_and(|t| t.body == Body::Sign('Σ')) => " ".into(),
                _ => " * ".into(),
            },
            Body::Sign(sign) => match sign {
                '⊙' => " .* ",
                '⊘' => " ./ ",
                '⊗' => " (x) ",
                '×' => "x",
                '·' => " * ",
                '≤' => " <= ",
                '≥' => " >= ",
                '←' => " <- ",
                '→' => " -> ",
                'Σ' => "sum",
                '∂' => "d_",
                '⟨' => "<",
                '⟩' => ">",
                '⌊' => "floor(",
                '⌋' => ")",
                '…' => "..",
                '𝟏' => "ones",
                &DIFFERENTIAL => "d",
                '+' => " + ",
                '-' if before
                    .is_some_and(|t| !matches!(t.body, Body::Sign('(' | ',' | '⟨' | '='))) =>
                {
                    " - "
                }
                '/' => " / ",
                '=' => " = ",
                '>' => " > ",
                ',' => ", ",
                ';' => "; ",
                ':' => ": ",
                other => return other.to_string() + &self.ascii_scripts(),
            }
            .to_string(),
        };
        text += &self.ascii_scripts();
        if self.body == Body::Sign('Σ') { text + " " } else { text }
    }

    fn ascii_scripts(&self) -> String {
        let mut text = String::new();
        let number = |s: &str| s.chars().all(|c| c.is_ascii_digit());
        let layer = matches!(self.body, Body::Word(_)) && !self.above.is_empty();
        match self.below.as_str() {
            "" => {}
            below if below.starts_with('l') && below != "l" => text += &format!("_{{{below}}}"),
            below if number(below) || self.body == Body::Sign('Σ') || below == "l" => {
                text += &format!("_{below}");
            }
            below => {
                if layer && number(&self.above) {
                    text += &format!("_{}", self.above);
                }
                let each: Vec<String> = below.chars().map(String::from).collect();
                return text + &format!("[{}]", each.join(","));
            }
        }
        text + &match self.above.as_str() {
            "" => String::new(),
            "T" => "'".into(),
            above => match above.strip_suffix('T') {
                Some(above) => format!("^{above}'"),
                None => match above.strip_prefix('∘') {
                    Some(above) => format!(".^{above}"),
                    None => format!("^{above}"),
                },
            },
        }
    }
}

impl Document {
    /// All lines in a notation: LaTeX as `align*` environments, MathML as a fragment of a page.
    pub fn write(&self, notation: Notation) -> String {
        match notation {
            Notation::Unicode | Notation::Ascii => self.plain(notation),
            Notation::Latex => self.latex(),
            Notation::Mathml => self.mathml(),
        }
    }

    fn plain(&self, notation: Notation) -> String {
        let lines: Vec<(String, String)> = self
            .0
            .iter()
            .enumerate()
            .map(|(i, part)| match part {
                Part::Text(text) => (words(text, notation, ["", ""]), String::new()),
                Part::Formula(text, note) => {
                    let goes_on = matches!(self.0.get(i + 1), Some(Part::Formula(next, _))
                        if next.starts_with("= "));
                    let (start, text) = match text.strip_prefix("= ") {
                        Some(text) => ("  = ", text),
                        None => (if goes_on { "    " } else { "" }, text.as_str()),
                    };
                    let text = start.to_string() + &formula(text, notation);
                    (text, words(note, notation, ["", ""]))
                }
            })
            .collect();
        let width = lines.iter().filter(|l| !l.1.is_empty());
        let width = width.map(|l| l.0.chars().count().min(60)).max().unwrap_or(0) + 3;
        let mut text = String::new();
        for (left, note) in lines {
            let space = width.saturating_sub(left.chars().count()).max(3);
            text += format!("{left}{}{note}", " ".repeat(space)).trim_end();
            text.push('\n');
        }
        text
    }

    fn latex(&self) -> String {
        let mut text = String::new();
        let mut open = false;
        for part in &self.0 {
            match part {
                Part::Text(line) => {
                    if std::mem::take(&mut open) {
                        text += "\n\\end{align*}\n";
                    }
                    text += &words(line, Notation::Latex, ["$", "$"]);
                    text.push('\n');
                }
                Part::Formula(line, note) => {
                    text += if open { " \\\\\n" } else { "\\begin{align*}\n" };
                    open = true;
                    let (left, right) = match line.strip_prefix("= ") {
                        Some(right) => (String::new(), Some(right)),
                        None => match line.split_once(" = ") {
                            Some((left, right)) => (formula(left, Notation::Latex), Some(right)),
                            None => (formula(line, Notation::Latex), None),
                        },
                    };
                    let right =
                        right.map_or("".into(), |r| format!("= {}", formula(r, Notation::Latex)));
                    text += &format!("{left} &{right}");
                    if !note.is_empty() {
                        text += " && ";
                    }
                    for (i, part) in note.split('`').enumerate().filter(|(_, p)| !p.is_empty()) {
                        text += &match i % 2 {
                            0 => format!(r"\text{{{}}}", part.replace('_', r"\_")),
                            _ => formula(part, Notation::Latex),
                        };
                    }
                }
            }
        }
        if open {
            text += "\n\\end{align*}\n";
        }
        text
    }

    fn mathml(&self) -> String {
        let math = ["<math xmlns=\"http://www.w3.org/1998/Math/MathML\">", "</math>"];
        let around = |text: &str| {
            let formula = formula(text, Notation::Mathml);
            format!("{}{formula}{}", math[0], math[1])
        };
        let mut text = String::new();
        for part in &self.0 {
            text += &match part {
                Part::Text(line) if line.is_empty() => continue,
                Part::Text(line) => format!("<p>{}</p>\n", words(line, Notation::Mathml, math)),
                Part::Formula(line, note) if note.is_empty() => {
                    format!("<p>{}</p>\n", around(line))
                }
                Part::Formula(line, note) => {
                    let note = words(note, Notation::Mathml, math);
                    format!("<p>{} <small>{note}</small></p>\n", around(line))
                }
            };
        }
        text
    }
}

/// Words, with the formulas between backticks in a notation and these signs around each.
fn words(text: &str, notation: Notation, around: [&str; 2]) -> String {
    let parts = text.split('`').enumerate().map(|(i, part)| match i % 2 {
        0 if notation == Notation::Latex => part.replace('_', r"\_"),
        0 => part.to_string(),
        _ => format!("{}{}{}", around[0], formula(part, notation), around[1]),
    });
    parts.collect()
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.write(Notation::Unicode))
    }
}

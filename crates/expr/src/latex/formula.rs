//! What stands on paper, whatever the notation: where parentheses, fractions and exponents go.

use crate::syntax::precedence::{Level, Piece, infix};
use crate::syntax::{Argument, Binary, Dim, Expr, ExprKind, Range, Unary, ascii, print_expr};

/// What stands on the paper: the common ground of the notations.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Formula {
    /// One after the other.
    Row(Vec<Formula>),
    /// Digits, with a power of ten where they have one.
    Number(String, Option<i32>),
    /// A name.
    Name(NameParts),
    /// The name of a function, which its arguments follow.
    Function(String),
    /// The all-ones matrix, or the identity.
    Bold(char),
    /// A sign between operands or before one.
    Sign(Sign),
    /// In parentheses.
    Round(Box<Formula>),
    /// In brackets.
    Square(Box<Formula>),
    /// One over the other.
    Fraction(Box<Formula>, Box<Formula>),
    /// With something above the line.
    Above(Box<Formula>, Box<Formula>),
    /// With something below the line.
    Below(Box<Formula>, Box<Formula>),
    /// A matrix of numbers.
    Matrix(Vec<Vec<Formula>>),
}

/// The signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Plus,
    Minus,
    /// Before an operand.
    Negative,
    /// Juxtaposition.
    Product,
    /// A product before a number.
    Dot,
    Hadamard,
    Quotient,
    Greater,
    GreaterEqual,
    Transpose,
    Inverse,
    /// Before an element-wise exponent.
    Each,
    Times,
    Equal,
    Comma,
    Colon,
}

/// A name taken apart: `∂Δmin₀⁺` is one ∂, the letter Δ, the subscripts `min` and `0`, and a plus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameParts {
    /// The whole name.
    pub canonical: String,
    /// How many ∂ stand in front.
    pub partials: usize,
    /// A letter or a word.
    pub body: String,
    /// A word after a Greek letter.
    pub word: String,
    /// Digits; commas between several numbers.
    pub digits: String,
    /// `+`, `-` or nothing.
    pub mark: Option<char>,
}

impl NameParts {
    pub(crate) fn of(canonical: &str) -> NameParts {
        let letters = canonical.trim_start_matches('∂');
        let partials = canonical.chars().count() - letters.chars().count();
        let (letters, mark) = match letters.strip_suffix('⁺') {
            Some(rest) => (rest, Some('+')),
            None => letters.strip_suffix('⁻').map_or((letters, None), |rest| (rest, Some('-'))),
        };
        let digit = |c: char| ('₀'..='₉').contains(&c);
        // A `_` that no digit follows belongs to the letters.
        let numbered = letters.ends_with(digit);
        let body = letters.trim_end_matches(|c| numbered && (digit(c) || c == '_'));
        let digits = letters[body.len()..].trim_matches('_').chars().map(|c| match c {
            '₀'..='₉' => char::from_u32(c as u32 - '₀' as u32 + '0' as u32).unwrap_or(c),
            _ => ',',
        });
        let digits = digits.collect();
        let mut chars = body.chars();
        let greek = chars.next().filter(|c| is_greek(*c));
        let (body, word) = match greek {
            Some(letter) => (letter.to_string(), chars.as_str().to_string()),
            None => (body.to_string(), String::new()),
        };
        NameParts { canonical: canonical.into(), partials, body, word, digits, mark }
    }
}

pub(crate) fn is_greek(c: char) -> bool {
    !c.is_ascii() && ascii(&c.to_string()).is_ascii()
}

fn round(inside: Formula) -> Formula {
    Formula::Round(Box::new(inside))
}

fn above(base: Formula, exponent: Formula) -> Formula {
    Formula::Above(Box::new(base), Box::new(exponent))
}

/// An expression as it stands on paper.
pub(crate) fn formula(expr: &Expr) -> Formula {
    piece(expr).shown
}

fn piece(expr: &Expr) -> Piece<Formula> {
    let primary = |formula| Piece::new(formula, Level::Primary);
    match &expr.kind {
        ExprKind::Number(value) => {
            let level = if *value < 0.0 { Level::Sign } else { Level::Primary };
            Piece::new(number(*value), level)
        }
        ExprKind::Name(name) => primary(Formula::Name(NameParts::of(&name.text))),
        ExprKind::Literal(rows) => {
            let row = |row: &Vec<f64>| row.iter().map(|&entry| number(entry)).collect();
            primary(Formula::Matrix(rows.iter().map(row).collect()))
        }
        ExprKind::Ones => primary(Formula::Bold('1')),
        ExprKind::Identity => primary(Formula::Bold('I')),
        ExprKind::Unary(operator, operand) => match operator {
            Unary::Negative => {
                let operand = piece(operand).at(Level::Product, round);
                Piece::new(Formula::Row(vec![Formula::Sign(Sign::Negative), operand]), Level::Sign)
            }
            Unary::Transpose => {
                Piece::new(above(base(operand), Formula::Sign(Sign::Transpose)), Level::Postfix)
            }
            Unary::Inverse => {
                Piece::new(above(base(operand), Formula::Sign(Sign::Inverse)), Level::Postfix)
            }
        },
        ExprKind::Binary(operator, left, right) => binary(*operator, left, right),
        ExprKind::Call(name, arguments) if name.text == "ones" && !arguments.is_empty() => {
            let mut sizes: Vec<Formula> = arguments.iter().map(argument).collect();
            if sizes.len() == 1 {
                sizes.push(number(1.0));
            }
            let ones = Box::new(Formula::Bold('1'));
            primary(Formula::Below(ones, Box::new(separated(sizes, Sign::Times))))
        }
        ExprKind::Call(name, arguments) => {
            let arguments = separated(arguments.iter().map(argument).collect(), Sign::Comma);
            let function = Formula::Function(name.text.clone());
            primary(Formula::Row(vec![function, round(arguments)]))
        }
        ExprKind::Index(of, rows, cols) => {
            let inside = separated(vec![range(rows), range(cols)], Sign::Comma);
            let of = piece(of).at(Level::Postfix, round);
            let row = Formula::Row(vec![of, Formula::Square(Box::new(inside))]);
            Piece::new(row, Level::Postfix)
        }
    }
}

/// What stands under something above the line: nothing that has something there already.
fn base(expr: &Expr) -> Formula {
    let base = piece(expr).at(Level::Postfix, round);
    let marked = matches!(&base, Formula::Name(name) if name.mark.is_some());
    let called = matches!(&base, Formula::Row(_)) && !matches!(expr.kind, ExprKind::Call(..));
    if marked || called || matches!(base, Formula::Above(..)) { round(base) } else { base }
}

fn binary(operator: Binary, left: &Expr, right: &Expr) -> Piece<Formula> {
    let sign = match operator {
        Binary::Power => {
            return Piece::new(above(base(left), piece(right).shown), Level::Power);
        }
        Binary::ElementPower => {
            let exponent = match &right.kind {
                ExprKind::Unary(Unary::Negative, inner) if piece(inner).level == Level::Primary => {
                    piece(right).shown
                }
                _ => piece(right).at(Level::Primary, round),
            };
            let exponent = Formula::Row(vec![Formula::Sign(Sign::Each), exponent]);
            return Piece::new(above(base(left), exponent), Level::Power);
        }
        Binary::Division => {
            let (over, under) = (piece(left).shown, piece(right).shown);
            return Piece::new(Formula::Fraction(Box::new(over), Box::new(under)), Level::Power);
        }
        Binary::Product if starts_with_digit(right) => Sign::Dot,
        Binary::Product => Sign::Product,
        Binary::Hadamard => Sign::Hadamard,
        Binary::Quotient => Sign::Quotient,
        Binary::Sum => Sign::Plus,
        Binary::Difference => Sign::Minus,
        Binary::Greater => Sign::Greater,
        Binary::GreaterEqual => Sign::GreaterEqual,
    };
    let join = |left, right| Formula::Row(vec![left, Formula::Sign(sign), right]);
    infix(operator, (left, right), piece, round, join)
}

fn starts_with_digit(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Binary(Binary::Division, _, _) => false,
        _ => print_expr(expr, false).starts_with(|c: char| c.is_ascii_digit()),
    }
}

fn number(value: f64) -> Formula {
    let size = value.abs();
    let positive = if size != 0.0 && !(1e-4..1e15).contains(&size) {
        let text = format!("{size:e}");
        let parts = text.split_once('e').and_then(|(m, e)| Some((m, e.parse().ok()?)));
        match parts {
            Some((mantissa, exponent)) => Formula::Number(mantissa.into(), Some(exponent)),
            None => Formula::Number(text, None),
        }
    } else {
        Formula::Number(size.to_string(), None)
    };
    if value < 0.0 { Formula::Row(vec![Formula::Sign(Sign::Negative), positive]) } else { positive }
}

fn separated(parts: Vec<Formula>, sign: Sign) -> Formula {
    let mut row = Vec::new();
    for part in parts {
        if !row.is_empty() {
            row.push(Formula::Sign(sign));
        }
        row.push(part);
    }
    Formula::Row(row)
}

fn argument(argument: &Argument) -> Formula {
    let named = |name: &str, sign, value| {
        let name = Formula::Name(NameParts::of(name));
        Formula::Row(vec![name, Formula::Sign(sign), formula(value)])
    };
    match argument {
        Argument::Value(value) => formula(value),
        Argument::Named(name, value) => named(&name.text, Sign::Equal, value),
        Argument::Option(name, value) => named(&name.text, Sign::Product, value),
        Argument::Shape(dims) => separated(dims.iter().map(dim).collect(), Sign::Times),
    }
}

fn dim(dim: &Dim) -> Formula {
    let front = (dim.coefficient != 1 || dim.symbols.is_empty())
        .then(|| Formula::Number(dim.coefficient.to_string(), None));
    let symbols = dim.symbols.iter().map(|s| Formula::Name(NameParts::of(&s.text)));
    separated(front.into_iter().chain(symbols).collect(), Sign::Product)
}

fn range(range: &Range) -> Formula {
    match range {
        Range::All => Formula::Sign(Sign::Colon),
        Range::Span(first, last) if first == last => dim(first),
        Range::Span(first, last) => separated(vec![dim(first), dim(last)], Sign::Colon),
        Range::After(before, last) => {
            let one = Formula::Number("1".into(), None);
            let first = Formula::Row(vec![dim(before), Formula::Sign(Sign::Plus), one]);
            separated(vec![first, dim(last)], Sign::Colon)
        }
    }
}

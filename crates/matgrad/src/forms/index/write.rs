//! How entries are written.

use matgrad_expr::dim::{Dim, Shape};
use matgrad_expr::graph::{Graph, NodeId};
use matgrad_expr::op::{Form, Op};
use matgrad_expr::print::unicode;

use super::entry::{Entry, Fold, Index, Test};

/// Letters for indices, each with its twin below the line.
pub(super) const LETTERS: [(char, char); 12] = [
    ('i', 'ᵢ'),
    ('j', 'ⱼ'),
    ('k', 'ₖ'),
    ('l', 'ₗ'),
    ('m', 'ₘ'),
    ('n', 'ₙ'),
    ('p', 'ₚ'),
    ('r', 'ᵣ'),
    ('s', 'ₛ'),
    ('t', 'ₜ'),
    ('u', 'ᵤ'),
    ('v', 'ᵥ'),
];

/// The digits above the line.
const ABOVE: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];

/// The digits below the line.
const BELOW: [char; 10] = ['₀', '₁', '₂', '₃', '₄', '₅', '₆', '₇', '₈', '₉'];

/// Writes entries.
pub(super) struct Writer<'a> {
    pub graph: &'a Graph,
    pub letters: &'a [char],
    /// What an equation is of: it is not written by its name there.
    pub own: Option<NodeId>,
}

/// How tightly the outermost operator binds, loosest first.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Level {
    Sum,
    /// A sum over a letter: what it goes over is all that follows.
    Over,
    Product,
    Power,
    Primary,
}

impl Writer<'_> {
    /// What stands on the left: `∂Z²ᵢⱼ`, for the shape without the indices that are always 1.
    pub(super) fn left(&self, name: &str, shape: Shape) -> String {
        self.indexed(name, &sides(shape, [&Index::Letter(0), &Index::Letter(1)]))
    }

    /// One entry: `∂Z²₃₁`.
    pub(super) fn entry(&self, name: &str, shape: Shape, row: usize, col: usize) -> String {
        self.indexed(name, &sides(shape, [&Index::Number(row as i64), &Index::Number(col as i64)]))
    }

    /// What stands on the right.
    pub(super) fn write(&self, entry: &Entry) -> String {
        self.piece(entry).0
    }

    /// `i = 1…B, j = 1…3, k = 1…4`.
    pub(super) fn ranges(&self, shape: Shape, entry: &Entry) -> String {
        let mut found = vec![(0, shape.rows), (1, shape.cols)];
        found.retain(|(_, d)| *d != Dim::ONE);
        entry.ranges(&mut found);
        let range = |&(n, d): &(usize, Dim)| format!("{} = 1…{}", self.letter(n), self.dim(d));
        found.iter().map(range).collect::<Vec<_>>().join(", ")
    }

    fn dim(&self, dim: Dim) -> String {
        self.graph.symbols.dim(dim)
    }

    fn letter(&self, n: usize) -> String {
        self.letters.get(n).map_or_else(|| format!("i{n}"), |c| c.to_string())
    }

    fn at(&self, id: NodeId, i: &Index, j: &Index) -> String {
        let indices = sides(self.graph.shape(id), [i, j]);
        match self.graph.name(id).filter(|_| self.own != Some(id)) {
            Some(name) => self.indexed(&name.text, &indices),
            None if indices.is_empty() => unicode(self.graph, id),
            None => format!("({}){}", unicode(self.graph, id), self.below(&indices)),
        }
    }

    /// The number of a layer goes above and makes room for the indices.
    fn indexed(&self, name: &str, indices: &[&Index]) -> String {
        let stem = name.trim_end_matches(|c| ('₀'..='₉').contains(&c));
        if indices.is_empty() {
            return name.into();
        }
        let above = |c: char| ABOVE[(c as usize - '₀' as usize) % 10];
        let number: String = name[stem.len()..].chars().map(above).collect();
        format!("{stem}{number}{}", self.below(indices))
    }

    fn below(&self, indices: &[&Index]) -> String {
        let small = |index: &&Index| match index {
            Index::Letter(n) => {
                let letter = self.letters.get(*n)?;
                LETTERS.iter().find(|l| l.0 == *letter).map(|l| l.1)
            }
            Index::One => Some('₁'),
            Index::Number(n) => (0..10).contains(n).then(|| BELOW[*n as usize]),
            Index::Moved(..) | Index::Place { .. } => None,
        };
        if let Some(all) = indices.iter().map(small).collect::<Option<String>>() {
            return all;
        }
        let all: Vec<String> = indices.iter().map(|i| self.index(i)).collect();
        format!("[{}]", all.join(", "))
    }

    fn index(&self, index: &Index) -> String {
        match index {
            Index::Letter(n) => self.letter(*n),
            Index::One => "1".into(),
            Index::Number(n) => n.to_string(),
            Index::Moved(index, by, back) => {
                format!("{}{}{}", self.index(index), if *back { "-" } else { "+" }, self.dim(*by))
            }
            Index::Place { place, to, from, row } => {
                let (i, j) = (self.index(&place.0), self.index(&place.1));
                let (place, from) = (format!("{}·({i}-1)+{j}-1", self.dim(*to)), self.dim(*from));
                if *row {
                    format!("1+⌊({place})/{from}⌋")
                } else {
                    format!("1+({place}) mod {from}")
                }
            }
        }
    }

    fn inside(&self, entry: &Entry, least: Level) -> String {
        let (text, level) = self.piece(entry);
        if level >= least { text } else { format!("({text})") }
    }

    fn piece(&self, entry: &Entry) -> (String, Level) {
        match entry {
            Entry::Number(x) => (x.to_string(), if *x < 0.0 { Level::Sum } else { Level::Primary }),
            Entry::Size(d) => {
                let factors = d.symbols().count() + usize::from(d.coefficient() != 1);
                (self.dim(*d), if factors > 1 { Level::Product } else { Level::Primary })
            }
            Entry::At(id, i, j) => (self.at(*id, i, j), Level::Primary),
            Entry::Over(fold, letter, _, inside) => {
                let sign = if *fold == Fold::Sum { "Σ" } else { "max" };
                let below = self.below(&[&Index::Letter(*letter)]);
                (format!("{sign}{below} {}", self.inside(inside, Level::Over)), Level::Over)
            }
            Entry::If(test, inside) => {
                let test = match test {
                    Test::Equal(a, b) => format!("[{} = {}]", self.index(a), self.index(b)),
                    Test::Within(index, most) => {
                        format!("[1 ≤ {} ≤ {}]", self.index(index), self.dim(*most))
                    }
                };
                match **inside {
                    Entry::Number(1.0) => (test, Level::Primary),
                    _ => (format!("{test} {}", self.inside(inside, Level::Over)), Level::Over),
                }
            }
            Entry::Apply(op, inside) => self.apply(*op, inside),
        }
    }

    fn apply(&self, op: Op, x: &[Entry]) -> (String, Level) {
        let two = |sign: &str, a: Level, b: Level| {
            format!("{}{sign}{}", self.inside(&x[0], a), self.inside(&x[1], b))
        };
        match op {
            Op::Add => {
                let (a, b) = (&x[0], &x[1]);
                let less = |a: &Entry, b: &Entry| {
                    format!("{} - {}", self.inside(a, Level::Sum), self.inside(b, Level::Over))
                };
                let text = match (a, b) {
                    (_, Entry::Apply(Op::Neg, b)) => less(a, &b[0]),
                    (_, Entry::Number(b)) if *b < 0.0 => less(a, &Entry::Number(-b)),
                    (Entry::Apply(Op::Neg, a), _) => less(b, &a[0]),
                    _ => two(" + ", Level::Sum, Level::Over),
                };
                (text, Level::Sum)
            }
            Op::Neg => (format!("-{}", self.inside(&x[0], Level::Over)), Level::Sum),
            Op::Mul => {
                // A number comes first.
                let swap = matches!(x[1], Entry::Number(_)) && !matches!(x[0], Entry::Number(_));
                let (a, b) = if swap { (&x[1], &x[0]) } else { (&x[0], &x[1]) };
                let right = if matches!(b, Entry::Over(..)) { Level::Over } else { Level::Power };
                let (a, b) = (self.inside(a, Level::Product), self.inside(b, right));
                let sign = if b.starts_with(|c: char| c.is_ascii_digit()) { " · " } else { " " };
                (format!("{a}{sign}{b}"), Level::Product)
            }
            Op::Div => (two(" / ", Level::Product, Level::Power), Level::Product),
            Op::Pow => {
                // `A²ᵢⱼ` would be the entry of the second layer.
                let base = match &x[0] {
                    at @ Entry::At(..) => format!("({})", self.write(at)),
                    base => self.inside(base, Level::Primary),
                };
                let power = match &x[1] {
                    Entry::Number(2.0) => "²".into(),
                    power => format!("^{}", self.inside(power, Level::Primary)),
                };
                (base + &power, Level::Power)
            }
            Op::Greater => (format!("[{}]", two(" > ", Level::Sum, Level::Sum)), Level::Primary),
            Op::GreaterEqual => {
                (format!("[{}]", two(" ≥ ", Level::Sum, Level::Sum)), Level::Primary)
            }
            op => {
                debug_assert!(op.def().form == Form::Call, "every operator is written above");
                let all: Vec<String> = x.iter().map(|e| self.write(e)).collect();
                (format!("{}({})", self.graph.called(op), all.join(", ")), Level::Primary)
            }
        }
    }
}

/// The indices without those that are always 1.
fn sides(shape: Shape, indices: [&Index; 2]) -> Vec<&Index> {
    let all = indices.into_iter().zip([shape.rows, shape.cols]);
    all.filter(|(_, d)| *d != Dim::ONE).map(|(i, _)| i).collect()
}

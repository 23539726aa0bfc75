//! Why an entry is what it is: the sum behind it, term by term, with the numbers put in.

use std::collections::HashMap;

use matgrad_expr::dim::Dim;
use matgrad_expr::graph::NodeId;
use matgrad_expr::matrix::Matrix;
use matgrad_expr::op::Op;

use super::entry::{Entry, Fold, Index, Test};

/// The sum behind one entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Why {
    /// The entry, such as `∂W¹₃₂`.
    pub name: String,
    /// Its equation, entry by entry.
    pub equation: String,
    /// (term, the same with numbers, value), in order.
    pub terms: Vec<(String, String, f64)>,
    /// The entry's value: the sum of the terms.
    pub value: f64,
}

impl Index {
    fn bind(&self, dim: &dyn Fn(Dim) -> usize, letters: &[usize]) -> Index {
        match self {
            Index::Letter(n) if *n >= letters.len() => self.clone(),
            Index::Letter(_) | Index::Moved(..) | Index::Place { .. } if self.bound(letters) => {
                Index::Number(self.value(dim, letters))
            }
            Index::Letter(_)
            | Index::Number(_)
            | Index::One
            | Index::Moved(..)
            | Index::Place { .. } => self.clone(),
        }
    }

    fn bound(&self, letters: &[usize]) -> bool {
        match self {
            Index::Letter(n) => *n < letters.len(),
            Index::One | Index::Number(_) => true,
            Index::Moved(inner, _, _) => inner.bound(letters),
            Index::Place { place, .. } => place.0.bound(letters) && place.1.bound(letters),
        }
    }
}

impl Test {
    fn bind(&self, dim: &dyn Fn(Dim) -> usize, letters: &[usize]) -> Test {
        match self {
            Test::Equal(a, b) => Test::Equal(a.bind(dim, letters), b.bind(dim, letters)),
            Test::Within(a, most) => Test::Within(a.bind(dim, letters), *most),
        }
    }

    fn bound(&self, letters: &[usize]) -> bool {
        match self {
            Test::Equal(a, b) => a.bound(letters) && b.bound(letters),
            Test::Within(a, _) => a.bound(letters),
        }
    }
}

impl Entry {
    /// With numbers in the place of the letters in use.
    pub(super) fn bind(&self, dim: &dyn Fn(Dim) -> usize, letters: &[usize]) -> Entry {
        let inside = |e: &Entry| Box::new(e.bind(dim, letters));
        match self {
            Entry::Number(_) | Entry::Size(_) => self.clone(),
            Entry::At(id, i, j) => Entry::At(*id, i.bind(dim, letters), j.bind(dim, letters)),
            Entry::Apply(op, all) => {
                Entry::Apply(*op, all.iter().map(|e| e.bind(dim, letters)).collect())
            }
            Entry::Over(fold, letter, range, e) => Entry::Over(*fold, *letter, *range, inside(e)),
            // A test that has its numbers is decided.
            Entry::If(test, e) if test.bound(letters) => {
                if test.holds(dim, letters) {
                    *inside(e)
                } else {
                    Entry::Number(0.0)
                }
            }
            Entry::If(test, e) => Entry::If(test.bind(dim, letters), inside(e)),
        }
    }

    /// With numbers in the place of entries that have no letters left.
    pub(super) fn filled(
        &self,
        values: &HashMap<NodeId, Matrix>,
        round: &dyn Fn(f64) -> f64,
    ) -> Entry {
        let inside = |e: &Entry| e.filled(values, round);
        match self {
            Entry::At(id, i, j) => match (i.number(), j.number()) {
                // Outside of the matrix a test stands before it.
                (Some(i), Some(j))
                    if (1..=values[id].rows).contains(&i) && (1..=values[id].cols).contains(&j) =>
                {
                    Entry::Number(round(values[id].at(i - 1, j - 1)))
                }
                _ => self.clone(),
            },
            Entry::Number(_) | Entry::Size(_) => self.clone(),
            Entry::Apply(op, all) => Entry::Apply(*op, all.iter().map(inside).collect()),
            Entry::Over(fold, letter, range, e) => {
                Entry::Over(*fold, *letter, *range, Box::new(inside(e)))
            }
            Entry::If(test, e) => Entry::If(test.clone(), Box::new(inside(e))),
        }
    }

    /// The terms whose sum it is: sums are written out, factors in front of them multiplied in.
    pub(super) fn terms(&self, dim: &dyn Fn(Dim) -> usize, letters: &mut Vec<usize>) -> Vec<Entry> {
        match self {
            Entry::Apply(Op::Add, all) => all.iter().flat_map(|e| e.terms(dim, letters)).collect(),
            Entry::Apply(Op::Neg, all) => {
                let terms = all[0].terms(dim, letters).into_iter();
                terms.map(|t| Entry::Apply(Op::Neg, vec![t])).collect()
            }
            Entry::Apply(op @ (Op::Mul | Op::Div), all) if all[0].is_sum() => {
                let other = all[1].bind(dim, letters);
                let terms = all[0].terms(dim, letters).into_iter();
                terms.map(|t| Entry::Apply(*op, vec![t, other.clone()])).collect()
            }
            Entry::Apply(Op::Mul, all) if all[1].is_sum() => {
                let other = all[0].bind(dim, letters);
                let terms = all[1].terms(dim, letters).into_iter();
                terms.map(|t| Entry::Apply(Op::Mul, vec![other.clone(), t])).collect()
            }
            Entry::Over(Fold::Sum, letter, range, inside) => {
                let mut all = Vec::new();
                for n in 1..=dim(*range) {
                    letters.truncate(*letter);
                    letters.push(n);
                    all.extend(inside.terms(dim, letters));
                }
                letters.truncate(*letter);
                all
            }
            Entry::If(test, inside) => {
                if test.holds(dim, letters) {
                    inside.terms(dim, letters)
                } else {
                    Vec::new()
                }
            }
            Entry::Number(_)
            | Entry::Size(_)
            | Entry::At(..)
            | Entry::Apply(..)
            | Entry::Over(Fold::Max, ..) => vec![self.bind(dim, letters)],
        }
    }

    fn is_sum(&self) -> bool {
        match self {
            Entry::Over(Fold::Sum, ..) => true,
            Entry::Apply(Op::Mul, all) => all.iter().any(Entry::is_sum),
            Entry::Apply(Op::Neg | Op::Div, all) => all[0].is_sum(),
            Entry::If(_, inside) => inside.is_sum(),
            Entry::Number(_)
            | Entry::Size(_)
            | Entry::At(..)
            | Entry::Apply(..)
            | Entry::Over(Fold::Max, ..) => false,
        }
    }
}

//! An entry of a matrix as sums over entries of others, and its value by loops.

use std::collections::HashMap;

use matgrad_expr::dim::Dim;
use matgrad_expr::graph::NodeId;
use matgrad_expr::matrix::Matrix;
use matgrad_expr::op::{Meaning, Op};

/// Which row or column, from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Index {
    /// A letter by its number: 0 is i, 1 is j, then those of sums from outside to inside.
    Letter(usize),
    /// The only one.
    One,
    /// This one.
    Number(i64),
    /// Further on, or back, by so many.
    Moved(Box<Index>, Dim, bool),
    /// The row or column, in `from` columns, of a place in `to` columns.
    Place { place: Box<(Index, Index)>, to: Dim, from: Dim, row: bool },
}

/// What goes over all values of a letter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fold {
    Sum,
    Max,
}

/// When an entry is not 0.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    Equal(Index, Index),
    /// At least 1 and at most this.
    Within(Index, Dim),
}

/// A number made of entries.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Entry {
    Number(f64),
    Size(Dim),
    At(NodeId, Index, Index),
    Apply(Op, Vec<Entry>),
    Over(Fold, usize, Dim, Box<Entry>),
    If(Test, Box<Entry>),
}

impl Index {
    /// Further on or back; what goes on and comes back stays.
    pub(super) fn moved(self, by: Dim, back: bool) -> Index {
        match self {
            same if by == Dim::of(0) => same,
            Index::Moved(inner, d, b) if d == by && b != back => *inner,
            other => Index::Moved(Box::new(other), by, back),
        }
    }

    /// The place before a reshape from `from` to `to` columns; one that undoes another is none.
    pub(super) fn place(at: (Index, Index), to: Dim, from: Dim, row: bool) -> Index {
        if let (
            Index::Place { place, to: first, from: width, row: true },
            Index::Place { place: other, row: false, .. },
        ) = &at
            && place == other
            && (*first, *width) == (from, to)
        {
            return if row { place.0.clone() } else { place.1.clone() };
        }
        Index::Place { place: Box::new(at), to, from, row }
    }

    /// The number it is without letters.
    pub(super) fn number(&self) -> Option<usize> {
        match self {
            Index::One => Some(1),
            Index::Number(n) => usize::try_from(*n).ok(),
            Index::Letter(_) | Index::Moved(..) | Index::Place { .. } => None,
        }
    }

    pub(super) fn value(&self, dim: &dyn Fn(Dim) -> usize, letters: &[usize]) -> i64 {
        match self {
            Index::Letter(n) => letters[*n] as i64,
            Index::One => 1,
            Index::Number(n) => *n,
            Index::Moved(index, by, back) => {
                let by = dim(*by) as i64;
                index.value(dim, letters) + if *back { -by } else { by }
            }
            Index::Place { place, to, from, row } => {
                let (i, j) = (place.0.value(dim, letters), place.1.value(dim, letters));
                let (n, width) = ((i - 1) * dim(*to) as i64 + j - 1, dim(*from) as i64);
                1 + if *row { n / width } else { n % width }
            }
        }
    }
}

impl Test {
    pub(super) fn holds(&self, dim: &dyn Fn(Dim) -> usize, letters: &[usize]) -> bool {
        match self {
            Test::Equal(a, b) => a.value(dim, letters) == b.value(dim, letters),
            Test::Within(index, most) => {
                (1..=dim(*most) as i64).contains(&index.value(dim, letters))
            }
        }
    }
}

impl Entry {
    /// The matrices whose entries are used.
    pub(super) fn leaves(&self, found: &mut Vec<NodeId>) {
        match self {
            Entry::Number(_) | Entry::Size(_) => {}
            Entry::At(id, _, _) => found.push(*id),
            Entry::Apply(_, inside) => inside.iter().for_each(|e| e.leaves(found)),
            Entry::Over(_, _, _, inside) | Entry::If(_, inside) => inside.leaves(found),
        }
    }

    /// Each letter that a sum or maximum goes over, with how far.
    pub(super) fn ranges(&self, found: &mut Vec<(usize, Dim)>) {
        match self {
            Entry::Number(_) | Entry::Size(_) | Entry::At(..) => {}
            Entry::Apply(_, inside) => inside.iter().for_each(|e| e.ranges(found)),
            Entry::If(_, inside) => inside.ranges(found),
            Entry::Over(_, letter, range, inside) => {
                if !found.contains(&(*letter, *range)) {
                    found.push((*letter, *range));
                }
                inside.ranges(found);
            }
        }
    }

    /// The number, by loops; `letters` holds the values of those in use.
    pub(super) fn value(
        &self,
        values: &HashMap<NodeId, Matrix>,
        dim: &dyn Fn(Dim) -> usize,
        letters: &mut Vec<usize>,
    ) -> f64 {
        match self {
            Entry::Number(x) => *x,
            Entry::Size(d) => dim(*d) as f64,
            Entry::At(id, i, j) => {
                let (i, j) = (i.value(dim, letters), j.value(dim, letters));
                values[id].at(i as usize - 1, j as usize - 1)
            }
            Entry::Apply(op, inside) => {
                let x: Vec<f64> = inside.iter().map(|e| e.value(values, dim, letters)).collect();
                match op.def().meaning {
                    Meaning::Map(f) => f(x[0]),
                    Meaning::Zip(f) => f(x[0], x[1]),
                    Meaning::Leaf | Meaning::Matrix(_) => f64::NAN,
                }
            }
            Entry::Over(fold, letter, range, inside) => {
                let mut terms = Vec::with_capacity(dim(*range));
                for n in 1..=dim(*range) {
                    // Letters between may be numbers already.
                    letters.resize(*letter, 0);
                    letters.push(n);
                    terms.push(inside.value(values, dim, letters));
                }
                letters.truncate(*letter);
                match fold {
                    Fold::Sum => terms.iter().sum(),
                    Fold::Max => terms.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b)),
                }
            }
            Entry::If(test, inside) => {
                if test.holds(dim, letters) {
                    inside.value(values, dim, letters)
                } else {
                    0.0
                }
            }
        }
    }
}

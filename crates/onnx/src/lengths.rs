//! Lists of the lengths of axes, the batch among them: what a `Shape` gives on its way to a
//! `Reshape`.
//!
//! Exporters write `x.view(x.size(0), -1)` as Shape, Gather, Unsqueeze, Concat, Reshape. The
//! batch has no number, so such a list is no tensor: the few operators that take lists apart and
//! put them together, calculate and choose, are read here, and any other that is given one is
//! refused.

use std::collections::HashMap;
use std::rc::Rc;

use crate::operators::{Node, axis};
use crate::page::Operand;
use crate::tensor::Tensor;
use crate::value::Size;

/// A length of an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Length {
    /// A whole number; a `Reshape` keeps an axis with 0, and leaves one open with -1.
    Number(i64),
    /// So many times the batch.
    Batch(u64),
}

/// Lengths, in a list or one alone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lengths {
    pub all: Vec<Length>,
    /// One axis; else a single number without axes.
    list: bool,
}

/// Lists that come of shapes, by their names in the file; those without the batch are known
/// operands too.
pub(crate) type Lists = HashMap<String, Lengths>;

type Result<T> = std::result::Result<T, String>;

const UNKNOWN: &str = "the size of the batch is not known beforehand";

impl Length {
    fn times(self, other: Length) -> Option<Length> {
        match (self, other) {
            (Length::Number(a), Length::Number(b)) => a.checked_mul(b).map(Length::Number),
            (_, Length::Number(0)) | (Length::Number(0), _) => Some(Length::Number(0)),
            (Length::Batch(n), Length::Number(m)) | (Length::Number(m), Length::Batch(n)) => {
                n.checked_mul(u64::try_from(m).ok()?).map(Length::Batch)
            }
            (Length::Batch(_), Length::Batch(_)) => None,
        }
    }

    fn plus(self, other: Length) -> Option<Length> {
        match (self, other) {
            (Length::Number(a), Length::Number(b)) => a.checked_add(b).map(Length::Number),
            (Length::Batch(a), Length::Batch(b)) => a.checked_add(b).map(Length::Batch),
            (batch, Length::Number(0)) | (Length::Number(0), batch) => Some(batch),
            (Length::Batch(_), Length::Number(_)) | (Length::Number(_), Length::Batch(_)) => None,
        }
    }

    fn minus(self, other: Length) -> Option<Length> {
        match (self, other) {
            (Length::Number(a), Length::Number(b)) => a.checked_sub(b).map(Length::Number),
            (Length::Batch(a), Length::Batch(b)) if a == b => Some(Length::Number(0)),
            (Length::Batch(a), Length::Batch(b)) => a.checked_sub(b).map(Length::Batch),
            (batch, Length::Number(0)) => Some(batch),
            (Length::Batch(_), Length::Number(_)) | (Length::Number(_), Length::Batch(_)) => None,
        }
    }

    /// 1 where both are the same for every batch, 0 where they are for none.
    fn equals(self, other: Length) -> Option<Length> {
        match (self, other) {
            (Length::Number(a), Length::Number(b)) => Some(Length::Number(i64::from(a == b))),
            (Length::Batch(a), Length::Batch(b)) => Some(Length::Number(i64::from(a == b))),
            // A batch has a row or more.
            (Length::Batch(_), Length::Number(n)) | (Length::Number(n), Length::Batch(_)) => {
                (n < 1).then_some(Length::Number(0))
            }
        }
    }

    /// The larger one, where that is the same for every batch.
    fn larger(self, other: Length) -> Option<Length> {
        match (self, other) {
            (Length::Number(a), Length::Number(b)) => Some(Length::Number(a.max(b))),
            (Length::Batch(a), Length::Batch(b)) => Some(Length::Batch(a.max(b))),
            (Length::Batch(n), Length::Number(m)) | (Length::Number(m), Length::Batch(n)) => {
                (m <= i64::try_from(n).ok()?).then_some(Length::Batch(n))
            }
        }
    }

    /// The quotient, where it is whole for every batch.
    fn over(self, other: Length) -> Option<Length> {
        let whole = |a: u64, b: u64| (b > 0 && a.is_multiple_of(b)).then(|| a / b);
        match (self, other) {
            // Quotients of whole numbers are cut.
            (Length::Number(a), Length::Number(b)) => a.checked_div(b).map(Length::Number),
            (Length::Batch(a), Length::Number(b)) => {
                whole(a, u64::try_from(b).ok()?).map(Length::Batch)
            }
            (Length::Batch(a), Length::Batch(b)) => {
                i64::try_from(whole(a, b)?).ok().map(Length::Number)
            }
            (Length::Number(_), Length::Batch(_)) => None,
        }
    }
}

impl Lengths {
    /// The numbers, if the batch is not among them.
    pub fn known(&self) -> Option<Tensor> {
        let number = |length: &Length| match length {
            Length::Number(n) => Some(*n as f64),
            Length::Batch(_) => None,
        };
        let data: Option<Vec<f64>> = self.all.iter().map(number).collect();
        let dims = if self.list { vec![self.all.len() as u64] } else { vec![] };
        Some(Tensor { name: String::new(), dims, data: Rc::new(data?), trained: false })
    }

    /// Entry by entry with another list, or with one length.
    fn zip(
        &self,
        other: &Lengths,
        with: impl Fn(Length, Length) -> Option<Length>,
    ) -> Result<Lengths> {
        let count = self.all.len().max(other.all.len());
        let fits = [self, other].iter().all(|l| l.all.len() == count || l.all.len() == 1);
        let at = |l: &Lengths, i: usize| l.all[if l.all.len() == 1 { 0 } else { i }];
        let each = (0..count).map(|i| with(at(self, i), at(other, i)));
        let all: Option<Vec<Length>> = if fits { each.collect() } else { None };
        Ok(Lengths { all: all.ok_or(UNKNOWN)?, list: self.list || other.list })
    }
}

/// The list that a node gives; `None` for a node that is not about lists.
pub(crate) fn read(node: &Node, lists: &Lists) -> Result<Option<Lengths>> {
    let given = |i: usize| {
        let open = node.proto.input.get(i).and_then(|name| lists.get(name)).cloned();
        open.or_else(|| node.operands.get(i).and_then(Option::as_ref).and_then(numbers))
    };
    let op = node.proto.op_type();
    let of_lists = || node.proto.input.iter().filter_map(|name| lists.get(name));
    let has_batch = of_lists().any(|list| list.known().is_none());
    match (op, given(0)) {
        ("Shape", _) => shape(node, lists).map(Some),
        ("Gather", Some(from)) => gather(node, &from).map(Some),
        ("Reshape" | "Expand" | "ConstantOfShape" | "Resize", _) if node.lengths.is_some() => {
            Ok(None)
        }
        // Whole numbers, whose quotients are cut; others are calculated like all that is known.
        _ if of_lists().next().is_none() => Ok(None),
        _ if !has_batch && (0..node.proto.input.len()).any(|i| given(i).is_none()) => Ok(None),
        ("Cast", _) if !has_batch && !matches!(node.int("to", 7), 6 | 7) => Ok(None),
        // They are whole already.
        ("Cast" | "Identity" | "Floor" | "Ceil", list) => Ok(list),
        ("Add" | "Sub" | "Mul" | "Div" | "Equal" | "Max", Some(a)) => {
            let with = match op {
                "Add" => Length::plus,
                "Sub" => Length::minus,
                "Mul" => Length::times,
                "Div" => Length::over,
                "Max" => Length::larger,
                _ => Length::equals,
            };
            a.zip(&given(1).ok_or(UNKNOWN)?, with).map(Some)
        }
        ("Where", Some(test)) => {
            let [a, b] = [1, 2].map(|i| given(i).ok_or(UNKNOWN));
            // Its tests are 0 or 1.
            let kept = test.zip(&a?, Length::times)?;
            let ones = Lengths { all: vec![Length::Number(1)], list: false };
            let other = ones.zip(&test, Length::minus)?.zip(&b?, Length::times)?;
            kept.zip(&other, Length::plus).map(Some)
        }
        ("ReduceProd", Some(Lengths { all, .. })) => {
            let one = Some(Length::Number(1));
            let product = all.iter().fold(one, |product, &l| product?.times(l)).ok_or(UNKNOWN)?;
            let list = node.int("keepdims", 1) != 0;
            Ok(Some(Lengths { all: vec![product], list }))
        }
        // Another shape of a list is one axis, or none.
        ("Reshape", Some(Lengths { all, .. })) => match node.whole(1)?.as_deref() {
            Some(&[n]) if n == -1 || n == all.len() as i64 => Ok(Some(Lengths { all, list: true })),
            Some(&[]) if all.len() == 1 => Ok(Some(Lengths { all, list: false })),
            _ => Err("a list of lengths has one axis".into()),
        },
        ("Unsqueeze", Some(Lengths { all, list: false })) => Ok(Some(Lengths { all, list: true })),
        ("Squeeze", Some(Lengths { all, list: true })) if all.len() == 1 => {
            Ok(Some(Lengths { all, list: false }))
        }
        ("Slice", Some(from)) => slice(node, &from).map(Some),
        ("Concat", _) => {
            let parts = (0..node.proto.input.len()).map(|i| given(i).filter(|part| part.list));
            let parts: Option<Vec<Lengths>> = parts.collect();
            let all = |parts: Vec<Lengths>| parts.into_iter().flat_map(|part| part.all).collect();
            match parts.map(|parts| Lengths { all: all(parts), list: true }) {
                None if has_batch => Err(UNKNOWN.into()),
                list => Ok(list),
            }
        }
        _ if !has_batch => Ok(None),
        _ => Err(UNKNOWN.into()),
    }
}

/// Known whole numbers as a list.
fn numbers(operand: &Operand) -> Option<Lengths> {
    match operand {
        Operand::Known(t) if t.dims.len() < 2 => {
            let all = t.whole()?.into_iter().map(Length::Number).collect();
            Some(Lengths { all, list: t.dims.len() == 1 })
        }
        Operand::Known(_) | Operand::Computed(_) => None,
    }
}

/// From `start` to before `end`, where both may count from the end.
fn part<T: Clone>(all: &[T], start: i64, end: i64) -> Vec<T> {
    let length = all.len() as i64;
    let place = |p: i64| if p < 0 { p.saturating_add(length) } else { p }.clamp(0, length) as usize;
    all.get(place(start)..place(end)).unwrap_or_default().to_vec()
}

fn shape(node: &Node, lists: &Lists) -> Result<Lengths> {
    let dims = match node.proto.input.first().and_then(|name| lists.get(name)) {
        Some(list) if list.list => vec![Size::of(list.all.len() as u64)],
        Some(_) => vec![],
        None => node.operand(0)?.dims(),
    };
    let all = dims.iter().map(|dim| match dim.batch {
        true => Length::Batch(dim.number),
        false => Length::Number(dim.number as i64),
    });
    let all: Vec<Length> = all.collect();
    Ok(Lengths { all: part(&all, node.int("start", 0), node.int("end", i64::MAX)), list: true })
}

fn gather(node: &Node, from: &Lengths) -> Result<Lengths> {
    let which = node.known(1)?.ok_or("its indices are left out")?;
    let places = which.whole().ok_or("its indices are no whole numbers")?;
    if !from.list || which.dims.len() > 1 {
        return Err("it takes no entries of a list".into());
    }
    let one = |&k: &i64| Ok(from.all[axis(k, from.all.len())?]);
    let all = places.iter().map(one).collect::<Result<_>>()?;
    Ok(Lengths { all, list: which.dims.len() == 1 })
}

fn slice(node: &Node, from: &Lengths) -> Result<Lengths> {
    let one = |operand: usize, attribute: &str| match node.list(operand, attribute)?.as_deref() {
        Some([x]) => Ok(*x),
        _ => Err(format!("its {attribute} are no single number")),
    };
    if node.whole(4)?.is_some_and(|steps| steps != [1]) {
        return Err("it takes steps".into());
    }
    Ok(Lengths { all: part(&from.all, one(1, "starts")?, one(2, "ends")?), list: from.list })
}

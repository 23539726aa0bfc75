//! Lists of the lengths of axes, the batch among them: what a `Shape` gives on its way to a
//! `Reshape`.
//!
//! Exporters write `x.view(x.size(0), -1)` as Shape, Gather, Unsqueeze, Concat, Reshape. The
//! batch has no number, so such a list is no tensor: the few operators that take lists apart and
//! put them together are read here, and any other that is given one is refused.

use std::collections::HashMap;
use std::rc::Rc;

use crate::operators::{Node, axis};
use crate::page::Operand;
use crate::tensor::Tensor;
use crate::value::Size;

/// Lengths as whole numbers, `None` the batch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lengths {
    all: Vec<Option<i64>>,
    /// One axis; else a single number without axes.
    list: bool,
}

/// Lists that have the batch among them, by their names in the file.
pub(crate) type Lists = HashMap<String, Lengths>;

type Result<T> = std::result::Result<T, String>;

const UNKNOWN: &str = "the size of the batch is not known beforehand";

impl Lengths {
    /// The numbers, if the batch is not among them.
    pub fn known(&self) -> Option<Tensor> {
        let data: Option<Vec<f64>> = self.all.iter().map(|n| n.map(|n| n as f64)).collect();
        let dims = if self.list { vec![self.all.len() as u64] } else { vec![] };
        Some(Tensor { name: String::new(), dims, data: Rc::new(data?), trained: false })
    }

    /// The same as a `Reshape` says it: 0 keeps the batch where it is, -1 is what is left.
    fn wanted(&self, from: &[Size], allow_zero: bool) -> Result<Tensor> {
        let kept = |i: usize| !allow_zero && from.get(i) == Some(&Size::BATCH);
        let open = self.all.contains(&Some(-1));
        let number = |(i, n): (usize, &Option<i64>)| match n {
            Some(n) => Ok(Some(*n)),
            None if kept(i) => Ok(Some(0)),
            None if !open => Ok(Some(-1)),
            None => Err("the batch moves to another axis while a length is left open".to_string()),
        };
        let all = self.all.iter().enumerate().map(number).collect::<Result<_>>()?;
        Lengths { all, list: self.list }.known().ok_or_else(|| UNKNOWN.into())
    }
}

/// Gives a `Reshape` its shape where that is such a list.
pub(crate) fn shape_of_reshape(node: &mut Node, lists: &Lists) -> Result<()> {
    let list = node.proto.input.get(1).and_then(|name| lists.get(name));
    let (Some(list), "Reshape", true) = (list, node.proto.op_type(), node.is_standard()) else {
        return Ok(());
    };
    let wanted = list.wanted(&node.operand(0)?.dims(), node.int("allowzero", 0) != 0)?;
    node.operands[1] = Some(Operand::Known(wanted));
    Ok(())
}

/// The list that a node gives; `None` for a node that is not about lists.
pub(crate) fn read(node: &Node, lists: &Lists) -> Result<Option<Lengths>> {
    let given = |i: usize| {
        let open = node.proto.input.get(i).and_then(|name| lists.get(name)).cloned();
        open.or_else(|| node.operands.get(i).and_then(Option::as_ref).and_then(numbers))
    };
    let op = node.proto.op_type();
    let has_batch = node.proto.input.iter().any(|name| lists.contains_key(name));
    match (op, given(0)) {
        ("Shape", _) => shape(node).map(Some),
        ("Gather", Some(from)) => gather(node, &from).map(Some),
        ("Reshape", _) if node.operands.first().is_some_and(Option::is_some) => Ok(None),
        _ if !has_batch => Ok(None),
        ("Cast" | "Identity", list) => Ok(list),
        ("Unsqueeze", Some(Lengths { all, list: false })) => Ok(Some(Lengths { all, list: true })),
        ("Squeeze", Some(Lengths { all, list: true })) if all.len() == 1 => {
            Ok(Some(Lengths { all, list: false }))
        }
        ("Slice", Some(from)) => slice(node, &from).map(Some),
        ("Concat", _) => {
            let parts = (0..node.proto.input.len()).map(|i| given(i).filter(|part| part.list));
            let parts: Option<Vec<Lengths>> = parts.collect();
            let all = parts.ok_or(UNKNOWN)?.into_iter().flat_map(|part| part.all).collect();
            Ok(Some(Lengths { all, list: true }))
        }
        _ => Err(UNKNOWN.into()),
    }
}

/// Known whole numbers as a list.
fn numbers(operand: &Operand) -> Option<Lengths> {
    match operand {
        Operand::Known(t) if t.dims.len() < 2 => {
            let all = t.whole()?.into_iter().map(Some).collect();
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

fn shape(node: &Node) -> Result<Lengths> {
    let dims = node.operand(0)?.dims();
    let all = dims.iter().map(|dim| match dim {
        &Size::BATCH => Ok(None),
        Size { batch: false, number } => Ok(Some(*number as i64)),
        Size { batch: true, .. } => Err(format!("it has {dim} rows, and {UNKNOWN}")),
    });
    let all: Vec<Option<i64>> = all.collect::<Result<_>>()?;
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

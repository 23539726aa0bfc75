//! Operators that move entries, or only name them otherwise.

use std::rc::Rc;

use super::{Node, Operator, Read, Reading, axis, call};
use crate::lengths::Length;
use crate::page::{Operand, Page};
use crate::tensor::{self, Tensor};
use crate::types;
use crate::value::{Size, product};

const fn layout(name: &'static str, read: Read) -> Operator {
    Operator { name, reading: Reading::Layout(read) }
}

pub(super) const ITEMS: &[Operator] = &[
    layout("Cast", cast),
    layout("Constant", constant),
    layout("Dropout", dropout),
    layout("Flatten", flatten),
    layout("Identity", same),
    layout("Mod", modulo),
    layout("Reshape", reshape),
    layout("Squeeze", squeeze),
    layout("Transpose", transpose),
    layout("Unsqueeze", unsqueeze),
    layout("ConstantOfShape", constant_of_shape),
    call("Expand", expand),
];

fn same(_: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    Ok(vec![node.operand(0)?.clone()])
}

/// Where computed numbers would change, it is refused before.
fn cast(_: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let kind = types::target(node.proto);
    Ok(vec![match node.operand(0)? {
        Operand::Known(t) if !types::is_real(kind) => {
            let data = Rc::new(t.data.iter().map(|&x| types::cast(x, kind)).collect());
            Operand::Known(Tensor { data, ..t.clone() })
        }
        same => same.clone(),
    }])
}

fn constant(_: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let list = |data: Vec<f64>, dims: Vec<u64>| Tensor {
        name: String::new(),
        dims,
        data: Rc::new(data),
        trained: false,
    };
    let whole = |i: &i64| *i as f64;
    let known = if let Some(tensor) = node.tensor("value")? {
        Tensor { name: node.wanted().into(), trained: false, ..tensor }
    } else if let Some(a) = node.attribute("value_float") {
        list(vec![a.f().into()], vec![])
    } else if let Some(a) = node.attribute("value_int") {
        list(vec![whole(&a.i())], vec![])
    } else if let Some(a) = node.attribute("value_floats") {
        list(a.floats.iter().map(|&x| x.into()).collect(), vec![a.floats.len() as u64])
    } else if let Some(a) = node.attribute("value_ints") {
        list(a.ints.iter().map(whole).collect(), vec![a.ints.len() as u64])
    } else {
        return Err("it has no value of numbers".into());
    };
    Ok(vec![Operand::Known(known)])
}

/// What is left of a division, of numbers alone: it has no gradient.
fn modulo(_: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let missing = "an operand is left out";
    let (a, b) = (node.known(0)?.ok_or(missing)?, node.known(1)?.ok_or(missing)?);
    let signed = node.int("fmod", 0) != 0;
    let rest = |(&a, &b): (&f64, &f64)| if signed { a % b } else { a - b * (a / b).floor() };
    let by: Vec<f64> = match b.data[..] {
        [x] => vec![x; a.data.len()],
        _ if b.dims == a.dims => b.data.to_vec(),
        _ => return Err("its operands have different shapes".into()),
    };
    let data = Rc::new(a.data.iter().zip(&by).map(rest).collect());
    Ok(vec![Operand::Known(Tensor { name: String::new(), data, trained: false, ..a.clone() })])
}

/// At inference nothing is dropped.
fn dropout(_: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    if node.known(2)?.is_some_and(|t| t.data.first().is_some_and(|&x| x != 0.0)) {
        return Err("it is in training mode".into());
    }
    Ok(vec![node.operand(0)?.clone()])
}

/// The same entries under other axes.
pub(super) fn regroup(
    page: &mut Page,
    operand: &Operand,
    dims: &[Size],
) -> Result<Vec<Operand>, String> {
    let (from, to) = (product(&operand.dims()), product(dims));
    if from != to {
        return Err(format!("{from} entries do not become {to}"));
    }
    Ok(vec![match operand {
        Operand::Known(t) => Operand::Known(t.reshaped(dims.iter().map(|d| d.number).collect())),
        Operand::Computed(v) => Operand::Computed(page.regrouped(v, dims)?),
    }])
}

fn flatten(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let operand = node.operand(0)?;
    let dims = operand.dims();
    let at = node.int("axis", 1);
    let at = if at == dims.len() as i64 { dims.len() } else { axis(at, dims.len())? };
    regroup(page, operand, &[product(&dims[..at]), product(&dims[at..])])
}

/// The lengths that an operand gives.
pub(super) fn shape(node: &Node, operand: usize) -> Result<Vec<Length>, String> {
    if let Some(lengths) = &node.lengths {
        return Ok(lengths.all.clone());
    }
    let numbers = node.whole(operand)?.ok_or("its shape is left out")?;
    Ok(numbers.into_iter().map(Length::Number).collect())
}

fn reshape(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let operand = node.operand(0)?;
    let from = operand.dims();
    let wanted = shape(node, 1)?;
    let allow_zero = node.int("allowzero", 0) != 0;
    // Files with a batch of one write it as 1.
    let first = page.single && from.first() == Some(&Size::BATCH);
    let first = first && wanted.len() > 1 && wanted[0] == Length::Number(1);
    let mut dims = Vec::new();
    let mut free = None;
    for (i, &dim) in wanted.iter().enumerate() {
        dims.push(match dim {
            Length::Number(0) if !allow_zero => *from.get(i).ok_or("a 0 has no axis to copy")?,
            Length::Number(1) if first && i == 0 => Size::BATCH,
            Length::Number(-1) if free.is_none() => {
                free = Some(i);
                Size::ONE
            }
            Length::Number(n @ 1..) => Size::of(n as u64),
            Length::Number(n) => return Err(format!("{n} is no length of an axis")),
            Length::Batch(number) => Size { number, batch: true },
        });
    }
    if dims.iter().filter(|dim| dim.batch).count() > 1 {
        return Err("the batch is the length of two axes".into());
    }
    let (total, known) = (product(&from), product(&dims));
    // Files with a batch of one write it as 1.
    if total.batch && !known.batch && free.is_none() {
        let one = dims.iter_mut().find(|d| **d == Size::ONE);
        *one.ok_or("its shape fixes the size of the batch")? = Size::BATCH;
    } else if total.batch
        && !known.batch
        && total.number == known.number
        && wanted[0] == Length::Number(1)
    {
        dims[0] = Size::BATCH;
    }
    let known = product(&dims);
    if let Some(i) = free {
        if known.number == 0 || !total.number.is_multiple_of(known.number) {
            return Err(format!("{total} entries are not divided by {known}"));
        }
        let batch = total.batch && !known.batch;
        dims[i] = Size { number: total.number / known.number, batch };
    }
    regroup(page, operand, &dims)
}

fn squeeze(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let operand = node.operand(0)?;
    let mut dims = operand.dims();
    let axes = match node.list(1, "axes")? {
        Some(axes) => {
            axes.iter().map(|&a| axis(a, dims.len())).collect::<Result<Vec<usize>, _>>()?
        }
        None => (0..dims.len()).filter(|&a| dims[a] == Size::ONE).collect(),
    };
    if axes.iter().any(|&a| dims[a] != Size::ONE) {
        return Err("an axis to leave out is longer than 1".into());
    }
    let mut k = 0;
    dims.retain(|_| {
        k += 1;
        !axes.contains(&(k - 1))
    });
    regroup(page, operand, &dims)
}

fn unsqueeze(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let operand = node.operand(0)?;
    let axes = node.list(1, "axes")?.ok_or("its axes are left out")?;
    let from = operand.dims();
    let rank = from.len() + axes.len();
    let axes = axes.iter().map(|&a| axis(a, rank)).collect::<Result<Vec<usize>, _>>()?;
    let mut old = from.into_iter();
    let mut dims = Vec::new();
    for k in 0..rank {
        let next = if axes.contains(&k) { Some(Size::ONE) } else { old.next() };
        dims.push(next.ok_or("an axis is named twice")?);
    }
    regroup(page, operand, &dims)
}

fn transpose(_: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let operand = node.operand(0)?;
    let rank = operand.dims().len();
    let order: Vec<usize> = match node.ints("perm") {
        Some(order) => order.iter().map(|&a| axis(a, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if sorted != (0..rank).collect::<Vec<_>>() {
        return Err(format!("{order:?} is no order of {rank} axes"));
    }
    Ok(vec![permuted(operand, &order)])
}

/// The axes in another order.
pub(super) fn permuted(operand: &Operand, order: &[usize]) -> Operand {
    match operand {
        Operand::Known(t) => Operand::Known(t.transposed(order)),
        Operand::Computed(v) => Operand::Computed(v.permuted(order)),
    }
}

/// Lengths of axes that are all longer than 0.
fn positive(lengths: &[Length]) -> Result<Vec<Size>, String> {
    let size = |length: &Length| match *length {
        Length::Number(n @ 1..) => Ok(Size::of(n as u64)),
        Length::Number(n) => Err(format!("{n} is no length of an axis")),
        Length::Batch(number) => Ok(Size { number, batch: true }),
    };
    lengths.iter().map(size).collect()
}

/// Repeated along axes of length 1, and along new ones before the others.
fn repeated(page: &mut Page, operand: &Operand, wanted: &[Size]) -> Result<Vec<Operand>, String> {
    let rank = wanted.len().max(operand.dims().len());
    let operand = operand.padded(rank);
    let mut dims = operand.dims();
    for (dim, &want) in dims[rank - wanted.len()..].iter_mut().zip(wanted) {
        *dim = match (*dim, want) {
            (dim, want) if dim == want || want == Size::ONE => dim,
            (Size::ONE, want) => want,
            (dim, want) => return Err(format!("an axis of {dim} does not become {want}")),
        };
    }
    if dims == operand.dims() {
        return Ok(vec![operand]);
    }
    let value = page.value(&operand);
    Ok(vec![Operand::Computed(page.expanded(&value, &dims)?)])
}

fn expand(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    repeated(page, node.operand(0)?, &positive(&shape(node, 1)?)?)
}

fn constant_of_shape(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let lengths = shape(node, 0)?;
    let number = node.tensor("value")?.map_or(0.0, |t| t.data.first().copied().unwrap_or(0.0));
    let tensor = |dims: Vec<u64>, data: Vec<f64>| {
        let data = Rc::new(data);
        Operand::Known(Tensor { name: String::new(), dims, data, trained: false })
    };
    if node.lengths.is_some() {
        let one = tensor(vec![1; lengths.len()], vec![number]);
        return repeated(page, &one, &positive(&lengths)?);
    }
    // One of no entries is a list of no pads.
    let numbers: Vec<i64> = node.whole(0)?.ok_or("its shape is left out")?;
    let (dims, size) = tensor::size("its result", &numbers).map_err(|e| e.to_string())?;
    page.make(size as u64)?;
    Ok(vec![tensor(dims, vec![number; size])])
}

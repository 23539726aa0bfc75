//! Operators that move entries, or only name them otherwise.

use std::rc::Rc;

use super::{Node, Operator, Reading, axis};
use crate::lengths::Length;
use crate::page::{Operand, Page};
use crate::tensor::Tensor;
use crate::value::{Size, Value, factors, product};

const fn layout(
    name: &'static str,
    f: fn(&mut Page, &Node) -> Result<Vec<Operand>, String>,
) -> Operator {
    Operator { name, reading: Reading::Layout(f) }
}

pub(super) const ITEMS: &[Operator] = &[
    layout("Cast", same),
    layout("Constant", constant),
    layout("Dropout", dropout),
    layout("Flatten", flatten),
    layout("Identity", same),
    layout("Reshape", reshape),
    layout("Squeeze", squeeze),
    layout("Transpose", transpose),
    layout("Unsqueeze", unsqueeze),
    Operator { name: "Concat", reading: Reading::Call(concat) },
    Operator { name: "Slice", reading: Reading::Call(slice) },
];

fn same(_: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    Ok(vec![node.operand(0)?.clone()])
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

/// At inference nothing is dropped.
fn dropout(_: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    if node.known(2)?.is_some_and(|t| t.data.first().is_some_and(|&x| x != 0.0)) {
        return Err("it is in training mode".into());
    }
    Ok(vec![node.operand(0)?.clone()])
}

/// The same entries under other axes.
fn regroup(page: &mut Page, operand: &Operand, dims: &[Size]) -> Result<Vec<Operand>, String> {
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

fn reshape(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let operand = node.operand(0)?;
    let from = operand.dims();
    let wanted: Vec<Length> = match &node.lengths {
        Some(lengths) => lengths.all.clone(),
        None => {
            let numbers = node.whole(1)?.ok_or("its shape is left out")?;
            numbers.into_iter().map(Length::Number).collect()
        }
    };
    let allow_zero = node.int("allowzero", 0) != 0;
    let mut dims = Vec::new();
    let mut free = None;
    for (i, &dim) in wanted.iter().enumerate() {
        dims.push(match dim {
            Length::Number(0) if !allow_zero => *from.get(i).ok_or("a 0 has no axis to copy")?,
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
    Ok(vec![match operand {
        Operand::Known(t) => Operand::Known(t.transposed(&order)),
        Operand::Computed(v) => Operand::Computed(v.permuted(&order)),
    }])
}

/// Entries before the axis are rows, the others columns.
fn rows_before(page: &mut Page, operand: &Operand, at: usize) -> Result<(Value, String), String> {
    let value = page.value(operand);
    let value = page.plain(&value)?;
    let dims = value.dims();
    let text = page.reshaped(&value, (product(&dims[..at]), product(&dims[at..])));
    Ok((value, text))
}

fn concat(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let mut all = node.operands.iter().flatten();
    let first = all.next().ok_or("it has no operands")?;
    let rank = first.dims().len();
    let at = axis(node.int("axis", 0), rank)?;
    let (value, text) = rows_before(page, first, at)?;
    let mut parts = vec![text];
    let mut dims = value.dims();
    for next in all {
        let found = next.dims();
        let fits = found.len() == rank && (0..rank).all(|a| a == at || found[a] == dims[a]);
        if !fits || found[at].batch || dims[at].batch {
            return Err("its operands have different lengths beside the axis".into());
        }
        dims[at] = Size::of(dims[at].number + found[at].number);
        parts.push(rows_before(page, next, at)?.1);
    }
    let shape = (product(&dims[..at]), product(&dims[at..]));
    let text = page.joined("hcat", parts);
    let text = page.define(node.wanted(), &text);
    Ok(vec![Operand::Computed(Value::plain(text, shape, &dims))])
}

fn slice(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let operand = node.operand(0)?;
    let mut dims = operand.dims();
    let rank = dims.len();
    let starts = node.list(1, "starts")?.ok_or("its starts are left out")?;
    let ends = node.list(2, "ends")?.ok_or("its ends are left out")?;
    let axes = node.list(3, "axes")?.unwrap_or((0..starts.len() as i64).collect());
    if node.whole(4)?.is_some_and(|steps| steps.iter().any(|&s| s != 1)) {
        return Err("it takes steps".into());
    }
    let mut operand = operand.clone();
    for ((&start, &end), &at) in starts.iter().zip(&ends).zip(&axes) {
        let at = axis(at, rank)?;
        let length = dims[at].number as i64;
        let place = |p: i64| if p < 0 { p.saturating_add(length) } else { p }.clamp(0, length);
        let (start, end) = (place(start), place(end));
        if (start, end) == (0, length) {
            continue;
        }
        if dims[at].batch || start >= end {
            return Err("it takes a part of the batch, or nothing".into());
        }
        let (value, text) = rows_before(page, &operand, at)?;
        let inner = product(&dims[at + 1..]).number as i64;
        dims[at] = Size::of((end - start) as u64);
        let whole = page.define("S", &text);
        let text = format!("{whole}[:, {}:{}]", start * inner + 1, end * inner);
        let text = page.define(node.wanted(), &text);
        let mut value = value;
        value.axes[at] = factors(dims[at]);
        let shape = (product(&dims[..at]), product(&dims[at..]));
        operand = Operand::Computed(Value::plain(text, shape, &dims));
    }
    Ok(vec![operand])
}

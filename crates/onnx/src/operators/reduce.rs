//! Sums, means, largest entries, and what is made of them.

use super::layout::regroup;
use super::pick::place;
use super::{Node, Operator, axis, call};
use crate::page::{Operand, Page};
use crate::value::{Size, Value, product};

pub(super) const ITEMS: &[Operator] = &[
    call("ReduceSum", |page, node| reduce(page, node, "rowsum({0})")),
    call("ReduceMean", |page, node| reduce(page, node, "rowmean({0})")),
    call("ReduceMax", |page, node| reduce(page, node, "rowmax({0})")),
    call("ReduceMin", |page, node| reduce(page, node, "-rowmax(-{0})")),
    call("ReduceL1", |page, node| reduce(page, node, "rowsum(abs({0}))")),
    call("ReduceL2", |page, node| reduce(page, node, LENGTH)),
    call("ReduceProd", product_of),
    call("ReduceSumSquare", |page, node| reduce(page, node, "rowsum({0} .^ 2)")),
    call("ReduceLogSum", |page, node| reduce(page, node, "log(rowsum({0}))")),
    call("ReduceLogSumExp", |page, node| reduce(page, node, "lse({0})")),
    call("Softmax", |page, node| row_by_row(page, node, "softmax")),
    call("LogSoftmax", |page, node| row_by_row(page, node, "log_softmax")),
    call("GlobalAveragePool", |page, node| global(page, node, "rowmean({0})")),
    call("GlobalMaxPool", |page, node| global(page, node, "rowmax({0})")),
];

/// How many factors a product may have along an axis.
const MOST_FACTORS: u64 = 64;

/// The length of each row.
pub(super) const LENGTH: &str = "root(rowsum({0} .^ 2))";

/// A value with some axes last in memory, and the matrix whose rows go along them.
pub(super) fn along(
    page: &mut Page,
    value: &Value,
    axes: &[usize],
) -> Result<(Value, String, Size), String> {
    // A prediction would depend on the rows beside it, and those are as many as fit in memory.
    if axes.iter().any(|&a| value.dims()[a].batch) {
        return Err("it goes along the batch; rows of a network do not see each other".into());
    }
    let last = value.of_axes(axes);
    let kept: Vec<usize> = value.order.iter().copied().filter(|f| !last.contains(f)).collect();
    let moved: Vec<usize> = value.order.iter().copied().filter(|f| last.contains(f)).collect();
    let value = page.reordered(value, &[kept.clone(), moved].concat())?;
    let text = page.view(&value, kept.len());
    let rows = value.split(kept.len()).0;
    Ok((value, text, rows))
}

/// The axes that a reduction goes along; `None` where it does nothing.
fn axes_of(node: &Node, rank: usize) -> Result<Option<Vec<usize>>, String> {
    Ok(match node.list(1, "axes")? {
        Some(axes) if !axes.is_empty() => {
            Some(axes.iter().map(|&a| axis(a, rank)).collect::<Result<_, _>>()?)
        }
        _ if node.int("noop_with_empty_axes", 0) != 0 => None,
        _ => Some((0..rank).collect()),
    })
}

fn reduce(page: &mut Page, node: &Node, template: &str) -> Result<Vec<Operand>, String> {
    let value = node.value(page, 0)?;
    let Some(axes) = axes_of(node, value.axes.len())? else {
        return Ok(vec![node.operand(0)?.clone()]);
    };
    let keep = node.int("keepdims", 1) != 0;
    reduced(page, node.wanted(), template, &value, &axes, keep).map(|v| vec![Operand::Computed(v)])
}

/// The product of all entries along axes, of which none may stay: place by place.
fn product_of(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let mut operand = node.operand(0)?.clone();
    let rank = operand.dims().len();
    let Some(axes) = axes_of(node, rank)? else { return Ok(vec![operand]) };
    for &at in &axes {
        let Size { number: length, batch } = operand.dims()[at];
        if batch || length > MOST_FACTORS {
            return Err(format!("it has more than {MOST_FACTORS} factors along an axis"));
        }
        let mut places = (0..length as i64).map(|k| place(page, &operand, at, k));
        let mut all = places.next().ok_or("it has no factors")??;
        let rest: Vec<Operand> = places.collect::<Result<_, _>>()?;
        for factor in rest {
            all = Operand::Computed(page.zip(node.wanted(), "{0} .* {1}", &all, &factor)?);
        }
        operand = all;
    }
    if node.int("keepdims", 1) != 0 {
        return Ok(vec![operand]);
    }
    let left = operand.dims();
    let left: Vec<Size> = (0..rank).filter(|a| !axes.contains(a)).map(|a| left[a]).collect();
    regroup(page, &operand, &left)
}

pub(super) fn reduced(
    page: &mut Page,
    wanted: &str,
    template: &str,
    value: &Value,
    axes: &[usize],
    keep: bool,
) -> Result<Value, String> {
    let (value, text, rows) = along(page, value, axes)?;
    let text = page.define(wanted, &template.replace("{0}", &text));
    let gone = value.of_axes(axes);
    let left: Vec<usize> = value.order.iter().copied().filter(|f| !gone.contains(f)).collect();
    let rank = |f: &usize| left.iter().filter(|g| *g < f).count();
    let order = left.iter().map(rank).collect();
    let mut kept: Vec<Vec<Size>> = Vec::new();
    for (a, parts) in value.axes.iter().enumerate() {
        match (axes.contains(&a), keep) {
            (true, true) => kept.push(Vec::new()),
            (true, false) => {}
            (false, _) => kept.push(parts.clone()),
        }
    }
    Ok(Value { text, shape: (rows, Size::ONE), axes: kept, order })
}

/// The axes that a softmax goes along: one; before opset 13 all from its axis on.
pub(crate) fn softmax_axes(node: &Node, rank: usize) -> Result<Vec<usize>, String> {
    Ok(match node.opset {
        ..13 => (axis(node.int("axis", 1), rank)?..rank).collect(),
        _ => vec![axis(node.int("axis", -1), rank)?],
    })
}

fn row_by_row(page: &mut Page, node: &Node, function: &str) -> Result<Vec<Operand>, String> {
    let value = node.value(page, 0)?;
    let axes = softmax_axes(node, value.axes.len())?;
    let (value, text, rows) = along(page, &value, &axes)?;
    let cols = product(axes.iter().flat_map(|&a| &value.axes[a]));
    let text = format!("{function}({text})");
    Ok(vec![Operand::Computed(page.like(node.wanted(), &text, (rows, cols), &value))])
}

fn global(page: &mut Page, node: &Node, template: &str) -> Result<Vec<Operand>, String> {
    let value = node.value(page, 0)?;
    let axes: Vec<usize> = (2..value.axes.len()).collect();
    reduced(page, node.wanted(), template, &value, &axes, true).map(|v| vec![Operand::Computed(v)])
}

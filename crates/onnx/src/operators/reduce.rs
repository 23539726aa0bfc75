//! Sums, means, largest entries, and what is made of them.

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
    call("ReduceSumSquare", |page, node| reduce(page, node, "rowsum({0} .^ 2)")),
    call("ReduceLogSum", |page, node| reduce(page, node, "log(rowsum({0}))")),
    call("ReduceLogSumExp", |page, node| reduce(page, node, "lse({0})")),
    call("Softmax", |page, node| row_by_row(page, node, "softmax")),
    call("LogSoftmax", |page, node| row_by_row(page, node, "log_softmax")),
    call("GlobalAveragePool", |page, node| global(page, node, "rowmean({0})")),
    call("GlobalMaxPool", |page, node| global(page, node, "rowmax({0})")),
];

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

fn reduce(page: &mut Page, node: &Node, template: &str) -> Result<Vec<Operand>, String> {
    let value = node.value(page, 0)?;
    let rank = value.axes.len();
    let axes = match node.list(1, "axes")? {
        Some(axes) if !axes.is_empty() => {
            axes.iter().map(|&a| axis(a, rank)).collect::<Result<Vec<usize>, _>>()?
        }
        _ if node.int("noop_with_empty_axes", 0) != 0 => {
            return Ok(vec![node.operand(0)?.clone()]);
        }
        _ => (0..rank).collect(),
    };
    let keep = node.int("keepdims", 1) != 0;
    reduced(page, node.wanted(), template, &value, &axes, keep).map(|v| vec![Operand::Computed(v)])
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

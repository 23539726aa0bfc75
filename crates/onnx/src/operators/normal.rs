//! Normalisations: means and deviations of a tensor's own, or of the training.

use super::image::for_channels;
use super::layout::regroup;
use super::reduce::{LENGTH, reduced};
use super::{Node, Operator, axis, call};
use crate::page::{Operand, Page, number};
use crate::tensor::Tensor;
use crate::value::{Size, Value, product};

pub(super) const ITEMS: &[Operator] = &[
    call("BatchNormalization", batch_normalization),
    call("GroupNormalization", group_normalization),
    call("InstanceNormalization", instance_normalization),
    call("LayerNormalization", layer_normalization),
    call("LpNormalization", lp_normalization),
    call("RMSNormalization", rms_normalization),
];

fn batch_normalization(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    if node.int("training_mode", 0) != 0 || node.int("spatial", 1) == 0 {
        return Err("it is in training mode, or not spatial".into());
    }
    let mut value = node.operand(0)?.clone();
    let rank = value.dims().len();
    if rank < 2 {
        return Err("its operand has no axis of channels".into());
    }
    let deviation = format!("{{0}} ./ sqrt({{1}} + {})", number(node.float("epsilon", 1e-5)));
    let steps = [(3, "{0} - {1}"), (4, &deviation), (1, "{0} .* {1}"), (2, "{0} + {1}")];
    for (i, template) in steps {
        let by = match node.operand(i)? {
            // Statistics are no weights.
            Operand::Known(t) if i > 2 => Operand::Known(Tensor { trained: false, ..t.clone() }),
            other => other.clone(),
        };
        let by = for_channels(page, &by, rank)?;
        let wanted = if i == 2 { node.wanted() } else { "N" };
        value = Operand::Computed(page.zip(wanted, template, &value, &by)?);
    }
    Ok(vec![value])
}

/// Divided by the root of the mean square along some axes; and one over that root.
fn scaled(
    page: &mut Page,
    node: &Node,
    value: Value,
    axes: &[usize],
) -> Result<[Operand; 2], String> {
    let epsilon = number(node.float("epsilon", 1e-5));
    let template = format!("1 ./ sqrt(rowmean({{0}} .^ 2) + {epsilon})");
    let inverse = reduced(page, "inverse_deviation", &template, &value, axes, true)?;
    let inverse = Operand::Computed(inverse);
    let scaled = page.zip("N", "{0} .* {1}", &Operand::Computed(value), &inverse)?;
    Ok([Operand::Computed(scaled), inverse])
}

/// Of mean 0 and deviation 1 along some axes; the mean, and one over the deviation.
fn normalized(
    page: &mut Page,
    node: &Node,
    value: &Value,
    axes: &[usize],
) -> Result<[Operand; 3], String> {
    let mean = Operand::Computed(reduced(page, "mean", "rowmean({0})", value, axes, true)?);
    let centred = page.zip("D", "{0} - {1}", &Operand::Computed(value.clone()), &mean)?;
    let [scaled, inverse] = scaled(page, node, centred, axes)?;
    Ok([scaled, mean, inverse])
}

/// Times the second operand plus the third, each as it is made to fit.
fn stretched(
    page: &mut Page,
    node: &Node,
    mut value: Operand,
    fit: impl Fn(&mut Page, &Operand) -> Result<Operand, String>,
) -> Result<Operand, String> {
    for (i, template) in [(1, "{0} .* {1}"), (2, "{0} + {1}")] {
        if let Some(by) = node.operands.get(i).and_then(Option::as_ref) {
            let by = fit(page, by)?;
            value = Operand::Computed(page.zip(node.wanted(), template, &value, &by)?);
        }
    }
    Ok(value)
}

/// The axes from that of a node on.
fn last_axes(node: &Node, rank: usize) -> Result<Vec<usize>, String> {
    Ok((axis(node.int("axis", -1), rank)?..rank).collect())
}

fn layer_normalization(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let value = node.value(page, 0)?;
    let axes = last_axes(node, value.axes.len())?;
    let [scaled, mean, inverse] = normalized(page, node, &value, &axes)?;
    let result = stretched(page, node, scaled, |_, by| Ok(by.clone()))?;
    Ok(vec![result, mean, inverse])
}

fn rms_normalization(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let value = node.value(page, 0)?;
    let axes = last_axes(node, value.axes.len())?;
    let [scaled, _] = scaled(page, node, value, &axes)?;
    Ok(vec![stretched(page, node, scaled, |_, by| Ok(by.clone()))?])
}

fn instance_normalization(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let value = node.value(page, 0)?;
    let rank = value.axes.len();
    if rank < 3 {
        return Err("its operand has no axes behind the channels".into());
    }
    let axes: Vec<usize> = (2..rank).collect();
    let [scaled, ..] = normalized(page, node, &value, &axes)?;
    Ok(vec![stretched(page, node, scaled, |page, by| for_channels(page, by, rank))?])
}

/// Scale and bias have an entry for each channel, before opset 21 for each group.
fn group_normalization(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let operand = node.operand(0)?;
    let dims = operand.dims();
    let groups = u64::try_from(node.int("num_groups", 0)).unwrap_or(0);
    let divides = |d: &Size| groups > 0 && !d.batch && d.number.is_multiple_of(groups);
    let Some(channels) = dims.get(1).filter(|d| divides(d)) else {
        return Err(format!("{groups} groups do not divide its channels"));
    };
    let inner = Size::of(channels.number / groups).times(product(&dims[2..]));
    let grouped = regroup(page, operand, &[dims[0], Size::of(groups), inner])?.remove(0);
    let grouped = page.value(&grouped);
    let [mut value, ..] = normalized(page, node, &grouped, &[2])?;
    let by_group = node.operand(1)?.dims() == [Size::of(groups)];
    if by_group {
        value = stretched(page, node, value, |page, by| for_channels(page, by, 3))?;
    }
    let mut value = regroup(page, &value, &dims)?.remove(0);
    if !by_group {
        value = stretched(page, node, value, |page, by| for_channels(page, by, dims.len()))?;
    }
    Ok(vec![value])
}

fn lp_normalization(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let value = node.value(page, 0)?;
    let axes = [axis(node.int("axis", -1), value.axes.len())?];
    let norm = match node.int("p", 2) {
        1 => "rowsum(abs({0}))",
        2 => LENGTH,
        p => return Err(format!("its norm is {p}")),
    };
    divided(page, node, &value, norm, &axes).map(|v| vec![v])
}

/// Divided by its norm along axes; what has the norm 0 stays 0.
pub(super) fn divided(
    page: &mut Page,
    node: &Node,
    value: &Value,
    norm: &str,
    axes: &[usize],
) -> Result<Operand, String> {
    let norm = Operand::Computed(reduced(page, "norm", norm, value, axes, true)?);
    let template = "{0} ./ ({1} + (0 >= {1}))";
    Ok(Operand::Computed(page.zip(
        node.wanted(),
        template,
        &Operand::Computed(value.clone()),
        &norm,
    )?))
}

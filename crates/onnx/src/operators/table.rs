//! Operators of `ai.onnx.ml`: what is made of the columns of tables, and linear models.

use std::rc::Rc;

use super::elementwise::map;
use super::linear::affine;
use super::normal::divided;
use super::pick::gathered;
use super::reduce::LENGTH;
use super::{Node, Operator, call};
use crate::page::{Operand, Page};
use crate::tensor::Tensor;
use crate::value::Size;

pub(super) const ITEMS: &[Operator] = &[
    call("ArrayFeatureExtractor", array_feature_extractor),
    map("Binarizer", "{0} > {threshold=0}"),
    call("LinearClassifier", linear_classifier),
    call("LinearRegressor", |page, node| linear(page, node).map(|scores| vec![scores])),
    call("Normalizer", normalizer),
    call("OneHotEncoder", one_hot_encoder),
    call("Scaler", scaler),
    // A column for each class becomes a number for each of their names.
    call("ZipMap", |_, node| Ok(vec![node.operand(0)?.clone()])),
];

/// Numbers of an attribute, the last axis of these.
fn numbers(name: &str, dims: &[usize], data: Vec<f64>, trained: bool) -> Operand {
    let dims = dims.iter().map(|&d| d as u64).collect();
    Operand::Known(Tensor { name: name.into(), dims, data: Rc::new(data), trained })
}

fn scaler(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let mut value = node.operand(0)?.clone();
    for (name, template) in [("offset", "{0} - {1}"), ("scale", "{0} .* {1}")] {
        let all = node.floats(name);
        if !all.is_empty() {
            let by = numbers(name, &[all.len()], all, false);
            value = Operand::Computed(page.zip(node.wanted(), template, &value, &by)?);
        }
    }
    Ok(vec![value])
}

fn normalizer(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let value = node.value(page, 0)?;
    let norm = match node.text("norm", "MAX").as_str() {
        "L1" => "rowsum(abs({0}))",
        "L2" => LENGTH,
        other => return Err(format!("its norm is {other:?}")),
    };
    let last = value.axes.len().checked_sub(1).ok_or("its operand has no axes")?;
    divided(page, node, &value, norm, &[last]).map(|v| vec![v])
}

fn array_feature_extractor(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let rank = node.operand(0)?.dims().len();
    let which = node.known(1)?.ok_or("its indices are left out")?;
    let list = which.reshaped(vec![which.data.len() as u64]);
    let last = rank.checked_sub(1).ok_or("its operand has no axes")?;
    gathered(page, node, last, &list)
}

/// A test for each category, 0 or 1. Runtimes cut off what is behind the point first: 0 is all
/// between -1 and 1.
fn one_hot_encoder(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let categories = node.ints("cats_int64s").unwrap_or_default();
    if categories.is_empty() {
        return Err("its categories are words; encode them in the table".into());
    }
    let operand = node.operand(0)?;
    let dims: Vec<Size> = operand.dims().into_iter().chain([Size::ONE]).collect();
    let column = super::layout::regroup(page, operand, &dims)?.remove(0);
    // The next number of 32 bits, since columns have those.
    let above = |c: i64| f64::from((c as f32).next_up());
    let least = |&c: &i64| if c > 0 { c as f64 } else { above(c.saturating_sub(1)) };
    let beyond = |&c: &i64| if c < 0 { above(c) } else { c.saturating_add(1) as f64 };
    let row = |name: &str, bounds: Vec<f64>| numbers(name, &[categories.len()], bounds, false);
    let least = row("least", categories.iter().map(least).collect());
    let beyond = row("beyond", categories.iter().map(beyond).collect());
    let least = Operand::Computed(page.zip("T", "{0} >= {1}", &column, &least)?);
    let beyond = Operand::Computed(page.zip("T", "{1} > {0}", &column, &beyond)?);
    Ok(vec![Operand::Computed(page.zip(node.wanted(), "{0} .* {1}", &least, &beyond)?)])
}

/// The product with the coefficients, a row for each result, plus the intercepts.
fn linear(page: &mut Page, node: &Node) -> Result<Operand, String> {
    let transform = node.text("post_transform", "NONE");
    if transform != "NONE" {
        return Err(format!("its transform is {transform:?}"));
    }
    let value = node.value(page, 0)?;
    let [_, Size { number: features, batch: false }] = value.dims()[..] else {
        return Err("its operand is no table".into());
    };
    let (all, intercepts) = (node.floats("coefficients"), node.floats("intercepts"));
    let (count, features) = (all.len() / (features as usize).max(1), features as usize);
    let whole = count > 0 && all.len() == count * features;
    if !whole || !(intercepts.is_empty() || intercepts.len() == count) {
        return Err(format!("its {} coefficients are not for {features} columns", all.len()));
    }
    let weights = numbers("coefficients", &[count, features], all, true);
    let bias = (!intercepts.is_empty()).then(|| numbers("intercepts", &[count], intercepts, true));
    affine(page, node.wanted(), &value, (&weights, true), [1.0, 1.0], bias.as_ref())
}

fn linear_classifier(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    if node.proto.output.first().is_some_and(|label| !label.is_empty()) {
        return Err("its label is the name of a class, and no number".into());
    }
    let scores = linear(page, node)?;
    if scores.dims().get(1) == Some(&Size::ONE) {
        return Err("it has one score for two classes".into());
    }
    Ok(vec![scores.clone(), scores])
}

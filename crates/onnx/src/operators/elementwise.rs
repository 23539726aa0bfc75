//! Operators on entries at the same place.

use super::{Node, Operator, Reading, call};
use crate::page::{Operand, Page};

pub(super) const fn map(name: &'static str, template: &'static str) -> Operator {
    Operator { name, reading: Reading::Map(template) }
}

const fn zip(name: &'static str, template: &'static str) -> Operator {
    Operator { name, reading: Reading::Zip(template) }
}

pub(super) const ITEMS: &[Operator] = &[
    map("Abs", "abs({0})"),
    map("Acos", "arccos({0})"),
    map("Asin", "arcsin({0})"),
    map("Atan", "arctan({0})"),
    map("Celu", "max({0}, 0) + {alpha=1} * (exp(min({0}, 0) / {alpha=1}) - 1)"),
    map("Cos", "cos({0})"),
    map("Elu", "elu({0}, {alpha=1})"),
    map("Erf", "erf({0})"),
    // TensorFlow's, which tf2onnx leaves as it is where Keras has a gelu.
    map("Erfc", "1 - erf({0})"),
    map("Exp", "exp({0})"),
    map("HardSigmoid", "min(max({alpha=0.2} * {0} + {beta=0.5}, 0), 1)"),
    map("HardSwish", "{0} .* hard_sigmoid({0})"),
    map("LeakyRelu", "leaky_relu({0}, {alpha=0.01})"),
    map("Log", "log({0})"),
    map("Not", "1 - {0}"),
    map("Mish", "{0} .* tanh(softplus({0}))"),
    map("Neg", "-{0}"),
    map("Reciprocal", "1 ./ {0}"),
    map("Relu", "relu({0})"),
    map(
        "Selu",
        "{gamma=1.0507009873554805} * (max({0}, 0) + {alpha=1.6732632423543772} * (exp(min({0}, 0)) - 1))",
    ),
    map("Sigmoid", "sigmoid({0})"),
    map(
        "Shrink",
        "({0} - {bias=0}) .* ({0} > {lambd=0.5}) + ({0} + {bias=0}) .* (-{0} > {lambd=0.5})",
    ),
    map("Sign", "sign({0})"),
    map("Sin", "sin({0})"),
    map("Softplus", "softplus({0})"),
    map("Softsign", "softsign({0})"),
    map("Swish", "{0} .* sigmoid({alpha=1} * {0})"),
    map("Tan", "tan({0})"),
    map("Tanh", "tanh({0})"),
    map("ThresholdedRelu", "{0} .* ({0} > {alpha=1})"),
    zip("Add", "{0} + {1}"),
    // Tests are 0 or 1.
    zip("And", "{0} .* {1}"),
    zip("Div", "{0} ./ {1}"),
    zip("Equal", "({0} >= {1}) .* ({1} >= {0})"),
    zip("Greater", "{0} > {1}"),
    zip("GreaterOrEqual", "{0} >= {1}"),
    zip("Less", "{1} > {0}"),
    zip("LessOrEqual", "{1} >= {0}"),
    zip("Max", "max({0}, {1})"),
    zip("Min", "min({0}, {1})"),
    zip("Mul", "{0} .* {1}"),
    zip("Or", "max({0}, {1})"),
    zip("PRelu", "max({0}, 0) + {1} .* min({0}, 0)"),
    zip("Sub", "{0} - {1}"),
    zip("Sum", "{0} + {1}"),
    call("Clip", clip),
    call("Gelu", gelu),
    call("Pow", pow),
    call("Sqrt", sqrt),
    call("Where", choice),
];

/// Bounds are operands from opset 11 on, before that attributes.
fn clip(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let mut value = node.operand(0)?.clone();
    for (i, attribute, template) in [(1, "min", "max({0}, {1})"), (2, "max", "min({0}, {1})")] {
        let bound = match node.operands.get(i).and_then(Option::as_ref) {
            Some(bound) => bound.clone(),
            None if node.attribute(attribute).is_some() => {
                let x = page.value(&value);
                let number = crate::page::number(node.float(attribute, 0.0));
                let text = template.replace("{0}", &x.text).replace("{1}", &number);
                value = Operand::Computed(page.like(node.wanted(), &text, x.shape, &x));
                continue;
            }
            None => continue,
        };
        value = Operand::Computed(page.zip(node.wanted(), template, &value, &bound)?);
    }
    Ok(vec![value])
}

fn gelu(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let a = node.value(page, 0)?;
    let x = &a.text;
    let text = match node.text("approximate", "none").as_str() {
        "none" => format!("gelu({x})"),
        "tanh" => {
            format!("0.5 * ({x} .* (1 + tanh(0.7978845608028654 * ({x} + 0.044715 * {x} .^ 3))))")
        }
        other => return Err(format!("approximate is {other:?}")),
    };
    Ok(vec![Operand::Computed(page.like(node.wanted(), &text, a.shape, &a))])
}

fn pow(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let (a, b) = (node.operand(0)?, node.operand(1)?);
    let template = match b {
        Operand::Known(t) if !t.trained && matches!(t.data[..], [x] if 0.0 < x && x < 1.0) => {
            "root({0}, {1})"
        }
        _ => "{0} .^ {1}",
    };
    Ok(vec![Operand::Computed(page.zip(node.wanted(), template, a, b)?)])
}

/// What has a positive number added to it is no norm that may be 0.
fn sqrt(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let a = node.value(page, 0)?;
    let moved = page.meaning(&a.text).and_then(|said| said.rsplit_once(" + "));
    let positive = moved.is_some_and(|(_, by)| by.parse().is_ok_and(|by: f64| by > 0.0));
    let function = if positive { "sqrt" } else { "root" };
    let text = format!("{function}({})", a.text);
    Ok(vec![Operand::Computed(page.like(node.wanted(), &text, a.shape, &a))])
}

fn choice(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let (test, a, b) = (node.operand(0)?, node.operand(1)?, node.operand(2)?);
    // 0 times what has no bound would be no number.
    let bounded = |o: &Operand| match o {
        Operand::Known(t) => t.data.iter().all(|x| x.is_finite()),
        Operand::Computed(_) => true,
    };
    if !bounded(a) || !bounded(b) {
        return Err("it chooses between numbers of which some are infinite".into());
    }
    let kept = Operand::Computed(page.zip("T", "{0} .* {1}", test, a)?);
    let other = Operand::Computed(page.zip("T", "(1 - {0}) .* {1}", test, b)?);
    Ok(vec![Operand::Computed(page.zip(node.wanted(), "{0} + {1}", &kept, &other)?)])
}

//! Inputs and outputs: what the file calls them, and where their entries are on the page.

use std::collections::{HashMap, HashSet};

use crate::operators;
use crate::page::{Operand, Page};
use crate::proto::{GraphProto, ValueInfoProto};
use crate::value::{Size, Value, product};
use crate::{Error, tensor};

/// An input or output of a graph beside what it is on the page.
#[derive(Clone, Debug, PartialEq)]
pub struct Border {
    /// Its name in the file.
    pub tensor: String,
    /// Its name on the page.
    pub name: String,
    /// Its shape in the file; `None` is the batch.
    pub dims: Vec<Option<usize>>,
    /// Which axis of the file comes k-th in the page's order of entries.
    pub order: Vec<usize>,
    /// Whether it is a shape known beforehand, so that its numbers are here.
    pub known: Option<Vec<f64>>,
}

/// Variables of the page for the inputs of a graph, and the lines that declare them.
pub(crate) fn inputs(
    page: &mut Page,
    graph: &GraphProto,
    batched: bool,
    values: &mut HashMap<String, Operand>,
) -> Result<(Vec<Border>, String), Error> {
    let (mut inputs, mut head) = (Vec::new(), String::new());
    for info in &graph.input {
        // An initializer has its numbers.
        if values.contains_key(info.name()) {
            continue;
        }
        let (value, border) = input(page, info, batched, is_image(graph, info.name()))?;
        head += &format!("input {} : {}×{}\n", value.text, value.shape.0, value.shape.1);
        values.insert(info.name().into(), Operand::Computed(value));
        inputs.push(border);
    }
    if batched && inputs.len() > 1 {
        same_batch(graph, &inputs)?;
        return side_by_side(page, &inputs);
    }
    Ok((inputs, head))
}

/// Programs may leave constants of a network outside, as inputs of one row.
fn same_batch(graph: &GraphProto, inputs: &[Border]) -> Result<(), Error> {
    let rows = |info: &&ValueInfoProto| {
        let shape = info.r#type.as_ref()?.tensor_type.as_ref()?.shape.as_ref()?;
        shape.dim.first()?.dim_value
    };
    let read = |info: &&ValueInfoProto| inputs.iter().any(|i| i.tensor == info.name());
    let (one, any): (Vec<_>, Vec<_>) =
        graph.input.iter().filter(read).partition(|info| rows(info) == Some(1));
    match (&one[..], &any[..]) {
        ([one, ..], [any, ..]) => Err(Error::File(format!(
            "the input {:?} has one row and {:?} any number: it is a constant that the program \
             which wrote the file left outside, as Keras does with those of a Normalization; \
             write the file again with its numbers as an initializer",
            one.name(),
            any.name()
        ))),
        _ => Ok(()),
    }
}

/// Several inputs as columns of one, in their order.
fn side_by_side(page: &mut Page, inputs: &[Border]) -> Result<(Vec<Border>, String), Error> {
    let name = page.fresh("inputs");
    let mut columns = 0;
    for Border { tensor, name: part, dims, .. } in inputs {
        let [None, rest @ ..] = &dims[..] else {
            return Err(Error::File(format!("the first axis of the input {tensor:?} is no batch")));
        };
        let wide: usize = rest.iter().flatten().product();
        page.lines.push(format!("{part} = {name}[:, {}:{}]", columns + 1, columns + wide));
        columns += wide;
    }
    let head = format!("input {name} : B×{columns}\n");
    let dims = vec![None, Some(columns)];
    let border = Border { tensor: name.clone(), name, dims, order: vec![0, 1], known: None };
    Ok((vec![border], head))
}

/// Whether an input is an image as operators on images have it, channel first: one of those is the
/// first to see it, and not what moves its axes, as where a program has images channel last.
fn is_image(graph: &GraphProto, name: &str) -> bool {
    let mut seen = HashSet::from([name]);
    for node in &graph.node {
        match node.op_type() {
            _ if !node.input.iter().any(|name| seen.contains(name.as_str())) => {}
            op if operators::sees_images(op) => return true,
            "Flatten" | "Gemm" | "MatMul" | "Reshape" | "Squeeze" | "Transpose" | "Unsqueeze" => {
                return false;
            }
            "Shape" => {}
            _ => seen.extend(node.output.iter().map(String::as_str)),
        }
    }
    false
}

fn filled(name: &str, dims: &[u64]) -> Result<(), Error> {
    match dims.contains(&0) {
        true => Err(Error::File(format!("{name:?} has no entries: {dims:?}"))),
        false => Ok(()),
    }
}

/// A variable of the page for an input.
fn input(
    page: &mut Page,
    info: &ValueInfoProto,
    batched: bool,
    image: bool,
) -> Result<(Value, Border), Error> {
    let name = info.name();
    let shape = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()?.shape.as_ref());
    let shape = shape.ok_or_else(|| Error::File(format!("the input {name:?} has no shape")))?;
    let mut dims = Vec::new();
    let mut numbers = Vec::new();
    for (axis, dim) in shape.dim.iter().enumerate() {
        let free = dim.dim_value.is_none_or(|n| n == 1);
        dims.push(match dim.dim_value {
            _ if batched && axis == 0 && free => Size::BATCH,
            Some(n) => {
                numbers.push(n);
                Size::of(u64::try_from(n).unwrap_or(0))
            }
            None => {
                return Err(Error::File(format!(
                    "the input {name:?} has an axis of unknown length (axis {axis}); only the \
                     first, the batch, may be open"
                )));
            }
        });
    }
    page.single |= batched && shape.dim.first().is_some_and(|d| d.dim_value == Some(1));
    let (known, _) = tensor::size(name, &numbers)?;
    filled(name, &known)?;
    if batched && dims.first() != Some(&Size::BATCH) {
        return Err(Error::File(format!("the first axis of the input {name:?} is no batch")));
    }
    let rank = dims.len();
    let order: Vec<usize> = match image && (3..=4).contains(&rank) {
        true => std::iter::once(0).chain(2..rank).chain([1]).collect(),
        false => (0..rank).collect(),
    };
    let text = page.fresh(name);
    // A row for each example; what has one axis is a row.
    let rows = if rank > 1 { dims[0] } else { Size::ONE };
    let cols = product(&dims[usize::from(rank > 1)..]);
    let mut value = Value::plain(text.clone(), (rows, cols), &dims);
    value.order = value.of_axes(&order);
    let sizes = dims.iter().map(|d| (!d.batch).then_some(d.number as usize)).collect();
    let border = Border { tensor: name.into(), name: text, dims: sizes, order, known: None };
    Ok((value, border))
}

/// The name under which an output is found, its entries channel last for images, else in order.
pub(crate) fn output(
    page: &mut Page,
    name: &str,
    operand: &Operand,
    images: bool,
) -> Result<Border, Error> {
    let dims = operand.dims();
    let rank = dims.len();
    let mut order: Vec<usize> = (0..rank).collect();
    let (text, known) = match operand {
        Operand::Known(t) => (name.to_string(), Some(t.data.to_vec())),
        Operand::Computed(value) => {
            let last: Vec<usize> = std::iter::once(0).chain(2..rank).chain([1]).collect();
            if images && (3..=4).contains(&rank) && value.order == value.of_axes(&last) {
                order = last;
                (value.text.clone(), None)
            } else {
                let plain = page.plain(value).map_err(|why| Error::Refused {
                    op: "output".into(),
                    node: name.into(),
                    why,
                })?;
                (plain.text, None)
            }
        }
    };
    let dims = dims.iter().map(|d| (!d.batch).then_some(d.number as usize)).collect();
    Ok(Border { tensor: name.into(), name: text, dims, order, known })
}

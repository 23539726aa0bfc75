//! Inputs and outputs: what the file calls them, and where their entries are on the page.

use std::collections::{HashMap, HashSet};

use crate::operators;
use crate::page::{Operand, Page};
use crate::proto::{GraphProto, NodeProto, ValueInfoProto};
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
    channels: &mut Channels,
) -> Result<(Vec<Border>, String), Error> {
    let (mut inputs, mut head) = (Vec::new(), String::new());
    for info in &graph.input {
        // An initializer has its numbers.
        if values.contains_key(info.name()) {
            continue;
        }
        let (value, border) = input(page, info, batched, is_image(graph, info.name()))?;
        head += &format!("input {} : {}×{}\n", value.text, value.shape.0, value.shape.1);
        if !border.order.is_sorted() {
            channels.first(info.name(), value.dims(), true);
        }
        values.insert(info.name().into(), Operand::Computed(value));
        inputs.push(border);
    }
    if batched && inputs.len() > 1 {
        same_batch(graph, &inputs)?;
        return side_by_side(page, &inputs);
    }
    Ok((inputs, head))
}

/// Takes away what fills in missing numbers of the input, if the graph begins with that: the table of
/// the model does it. The numbers, one for each column or for all.
pub(crate) fn filled_in(graph: &mut GraphProto) -> Option<Vec<f64>> {
    let [input] = &graph.input[..] else { return None };
    let readers = graph.node.iter().enumerate();
    let mut readers = readers.filter(|(_, n)| n.input.iter().any(|i| i == input.name()));
    let (Some((at, node)), None) = (readers.next(), readers.next()) else { return None };
    let attribute = |name| node.attribute.iter().find(|a| a.name() == name);
    let missing = attribute("replaced_value_float").is_some_and(|a| a.f().is_nan());
    if (node.domain(), node.op_type(), missing) != ("ai.onnx.ml", "Imputer", true) {
        return None;
    }
    let numbers = attribute("imputed_value_floats")?.floats.iter().map(|&x| x.into()).collect();
    let NodeProto { input, output, .. } = graph.node[at].clone();
    let op_type = Some("Identity".into());
    graph.node[at] = NodeProto { input, output, op_type, ..NodeProto::default() };
    Some(numbers)
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

/// What gives axes of its own.
const NEW_AXES: [&str; 5] = ["Flatten", "Gemm", "Reshape", "Squeeze", "Unsqueeze"];

/// Whether an input is an image as operators on images have it, channel first: one of those is the
/// first to see it, and not what moves its axes, as where a program has images channel last.
fn is_image(graph: &GraphProto, name: &str) -> bool {
    let mut seen = HashSet::from([name]);
    for node in &graph.node {
        match node.op_type() {
            _ if !node.input.iter().any(|name| seen.contains(name.as_str())) => {}
            op if operators::sees_images(op) => return true,
            "MatMul" | "Transpose" => return false,
            op if NEW_AXES.contains(&op) => return false,
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

/// Which axis of a tensor is that of channels, where it is an image.
#[derive(Default)]
pub(crate) struct Channels {
    axes: HashMap<String, usize>,
    /// The shapes of images channel first, and whether they come in.
    shapes: Vec<(Vec<Size>, bool)>,
}

impl Channels {
    fn first(&mut self, name: &str, dims: Vec<Size>, given: bool) {
        self.axes.insert(name.into(), 1);
        self.shapes.push((dims, given));
    }

    /// Whether a shape is that of an image seen before, or has the channels of one that comes in.
    fn has(&self, dims: &[Size]) -> bool {
        let alike = |(image, given): &(Vec<Size>, bool)| {
            image == dims || *given && image.len() == dims.len() && image[1] == dims[1]
        };
        self.shapes.iter().any(alike)
    }

    /// Notes the axis of a node's results: operators on images make images, and most others keep
    /// the axes that they are given.
    pub fn note(&mut self, node: &NodeProto, values: &HashMap<String, Operand>) {
        for result in &node.output {
            let Some(dims) = values.get(result).map(Operand::dims) else { continue };
            let op = node.op_type();
            let image = operators::sees_images(op) || NEW_AXES.contains(&op) && self.has(&dims);
            if image && (3..=4).contains(&dims.len()) {
                self.first(result, dims, false);
                continue;
            }
            let kept = node.input.iter().find_map(|name| {
                let axis = *self.axes.get(name)?;
                (values.get(name)?.dims().len() == dims.len()).then_some(axis)
            });
            let axis = match op {
                op if NEW_AXES.contains(&op) => None,
                "Transpose" => {
                    let perm = node.attribute.iter().find(|a| a.name() == "perm");
                    let place = |axis| perm?.ints.iter().position(|&a| a == axis as i64);
                    kept.and_then(place)
                }
                _ => kept,
            };
            self.axes.extend(axis.map(|axis| (result.clone(), axis)));
        }
    }
}

/// An output, and its value unless that is known: an image channel last, any other in the order of
/// its axes.
pub(crate) fn output(
    page: &mut Page,
    name: &str,
    operand: &Operand,
    channels: &Channels,
) -> Result<(Border, Option<Value>), Error> {
    let dims = operand.dims();
    let order = (0..dims.len()).collect();
    let sizes = dims.iter().map(|d| (!d.batch).then_some(d.number as usize)).collect();
    let mut border =
        Border { tensor: name.into(), name: name.into(), dims: sizes, order, known: None };
    match operand {
        Operand::Known(t) => {
            border.known = Some(t.data.to_vec());
            Ok((border, None))
        }
        Operand::Computed(value) => {
            if let Some(&channel) = channels.axes.get(name) {
                border.order.retain(|&axis| axis != channel);
                border.order.push(channel);
            }
            let refused = |why| Error::Refused { op: "output".into(), node: name.into(), why };
            let value = page.reordered(value, &value.of_axes(&border.order)).map_err(refused)?;
            border.name.clone_from(&value.text);
            Ok((border, Some(value)))
        }
    }
}

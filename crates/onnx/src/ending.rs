//! How a graph ends as a network: what is compared with the target, and by which loss.

use std::collections::HashSet;

use crate::border::Border;
use crate::operators::{Node, softmax_axes};
use crate::page::{Operand, Page};
use crate::proto::{GraphProto, NodeProto, ValueInfoProto};
use crate::value::{Size, Value, product};
use crate::{Error, types};

/// Leaves the output of a network, and the nodes that lead to it. Classifiers have a label beside
/// their probabilities, and runtimes of tables only name those, or bring them to a sum that they
/// have.
pub(crate) fn only_network(graph: &mut GraphProto) {
    end_classifiers(graph);
    let numbers = |info: &&ValueInfoProto| {
        let tensor = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
        tensor.is_none_or(|t| types::is_real(t.elem_type.unwrap_or_default()))
    };
    if let ([_, _, ..], [one]) =
        (&graph.output[..], &graph.output.iter().filter(numbers).collect::<Vec<_>>()[..])
    {
        graph.output = vec![(*one).clone()];
    }
    if let [output] = &graph.output[..] {
        let end = renamed(graph, output.name()).to_string();
        graph.output[0].name = Some(end);
    }
    let names = graph.output.iter().map(|o| o.name().to_string());
    let mut needed: HashSet<String> = names.collect();
    graph.node = std::mem::take(&mut graph.node)
        .into_iter()
        .rev()
        .filter_map(|mut node| {
            node.output.iter_mut().filter(|o| !needed.contains(*o)).for_each(String::clear);
            let leads = node.output.iter().any(|o| !o.is_empty());
            needed.extend(node.input.iter().filter(|i| leads && !i.is_empty()).cloned());
            leads.then_some(node)
        })
        .collect();
    graph.node.reverse();
}

/// The softmax or sigmoid that a linear classifier of tables has in it, as a node of its own.
fn end_classifiers(graph: &mut GraphProto) {
    for at in (0..graph.node.len()).rev() {
        let node = &mut graph.node[at];
        if (node.domain(), node.op_type()) != ("ai.onnx.ml", "LinearClassifier") {
            continue;
        }
        let transform = node.attribute.iter_mut().find(|a| a.name() == "post_transform");
        let (Some(transform), [_, scores]) = (transform, &mut node.output[..]) else { continue };
        let op = match transform.s() {
            b"SOFTMAX" => "Softmax",
            b"LOGISTIC" => "Sigmoid",
            _ => continue,
        };
        transform.s = Some(b"NONE".to_vec());
        let inner = format!("{scores}_scores");
        let output = vec![std::mem::replace(scores, inner.clone())];
        let (input, op_type) = (vec![inner], Some(op.into()));
        graph.node.insert(at + 1, NodeProto { input, output, op_type, ..NodeProto::default() });
    }
}

/// The result of the softmax or sigmoid that a tensor is under another name; else its own name.
fn renamed<'a>(graph: &'a GraphProto, output: &'a str) -> &'a str {
    let (mut name, mut of_sum_one) = (output, false);
    for node in graph.node.iter().rev() {
        if !node.output.iter().any(|o| o == name) {
            continue;
        }
        let norm = node.attribute.iter().find(|a| a.name() == "norm");
        match (node.op_type(), node.input.first()) {
            ("Softmax", _) => return name,
            ("Sigmoid", _) if !of_sum_one => return name,
            ("Identity" | "Cast" | "ZipMap", Some(input)) => name = input,
            // The row of a softmax has the sum 1 already.
            ("Normalizer", Some(input)) if norm.is_some_and(|a| a.s() == b"L1") => {
                (name, of_sum_one) = (input, true);
            }
            _ => return output,
        }
    }
    output
}

/// What moves entries within a row, or names axes otherwise.
const MOVERS: [&str; 6] = ["Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"];

/// The result that is the output but for what moves its entries, as where images are turned at the
/// end: its own node may belong to the loss.
pub(crate) fn end(graph: &GraphProto) -> Option<&str> {
    let mut name = graph.output.first()?.name();
    for node in graph.node.iter().rev() {
        if node.output.iter().all(|o| o != name) {
            continue;
        }
        let Some(input) = node.input.first().filter(|_| MOVERS.contains(&node.op_type())) else {
            break;
        };
        let reads = |n: &&NodeProto| n.op_type() != "Shape" && n.input.contains(input);
        if graph.node.iter().filter(reads).count() > 1 {
            break;
        }
        name = input;
    }
    Some(name)
}

/// The loss that the end of a graph is part of: a softmax of each row of the output as a matrix, or
/// a sigmoid. `None` for any other node, and where another loss is wanted.
///
/// # Errors
/// For a softmax that goes elsewhere, where the loss wanted is that of rows.
pub(crate) fn own_loss(node: &Node, wanted: Option<&str>) -> Result<Option<&'static str>, String> {
    let Some(Some(Operand::Computed(value))) = node.operands.first() else { return Ok(None) };
    let loss = match node.proto.op_type() {
        "Softmax" if node.is_standard() => "cross_entropy",
        "Sigmoid" if node.is_standard() => "binary_cross_entropy",
        _ => return Ok(None),
    };
    if wanted.is_some_and(|wanted| wanted != loss) {
        return Ok(None);
    }
    if loss == "cross_entropy" {
        let dims = value.dims();
        let axes = softmax_axes(node, dims.len())?;
        let rest = |a: &usize| dims[*a] != Size::ONE && !axes.contains(a);
        // The row is all that is not the batch.
        if dims[0] != Size::BATCH || !(0..dims.len()).filter(rest).eq([0]) {
            let dims: Vec<String> = dims.iter().map(Size::to_string).collect();
            let why = "the loss cross_entropy has a softmax of each row; this one goes along axis";
            return match wanted {
                Some(_) => Err(format!("{why} {} of {}", axes[0], dims.join("×"))),
                None => Ok(None),
            };
        }
    }
    Ok(Some(loss))
}

/// The lines of the output as a matrix with a name, of the target and of the loss: the one wanted,
/// or that of the end.
///
/// # Errors
/// [`Error::File`] for a graph that is no network.
pub(crate) fn training(
    page: &mut Page,
    (wanted, own): (Option<&str>, Option<&str>),
    inputs: &[Border],
    outputs: &[Option<Value>],
    names: &[ValueInfoProto],
) -> Result<String, Error> {
    let ([input], [output]) = (inputs, outputs) else {
        return Err(Error::File(format!(
            "a network has one input and one output; this graph has {} and {}",
            inputs.len(),
            outputs.len()
        )));
    };
    let end = names[0].name();
    let Some(value) = output else {
        return Err(Error::File(format!("the output {end:?} does not depend on the input")));
    };
    let dims = value.dims();
    let wide = product(&dims[1.min(dims.len())..]);
    if dims.first() != Some(&Size::BATCH) || wide.batch {
        return Err(Error::File(format!("the first axis of the output {end:?} is not the batch")));
    }
    if value.text == input.name && own.is_none() {
        return Err(Error::File(format!(
            "the output {end:?} is the input itself; there is nothing to compute or to train"
        )));
    }
    let loss = wanted.or(own).unwrap_or("mse");
    let z = match page.reshaped(value, (Size::BATCH, wide)) {
        same if same == value.text => same,
        other => page.define("Z", &other),
    };
    let l = page.fresh("L");
    Ok(format!("target Y : B×{wide}\n{l} = {loss}({z}, Y)\nminimize {l}\n"))
}

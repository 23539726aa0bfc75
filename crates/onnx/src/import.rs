//! A graph becomes a page of equations with weights.
//!
//! Each node is lowered by its item of `operators`; a node whose operands are all known
//! is folded by evaluating the equations that it would become. Axes never move: see
//! `value`. Images that come in or go out channel first are turned to channel last.

use std::collections::HashMap;
use std::path::Path;

use matgrad::data::Encoder;
use matgrad::expr::graph::NodeId;
use matgrad::expr::matrix::Matrix;
use matgrad::{Costs, Model, Network, Precision};
use prost::Message;
use serde_json::Value as Json;

use crate::border::{self, Border, Channels};
use crate::export::export;
use crate::lengths::{self, Lengths, Lists};
use crate::operators::{self, Node, Operator, Reading, lower};
use crate::page::{Declared, Operand, Page, located};
use crate::proto::{GraphProto, ModelProto, NodeProto, data_type};
use crate::tensor::{self, Tensor};
use crate::types::Types;
use crate::value::Size;
use crate::{Error, ending};

/// The oldest operators that are read.
const OLDEST: i64 = 7;
/// The newest ones that were looked at.
const NEWEST: i64 = 26;

/// A graph as equations.
pub struct Equations {
    /// Declarations of inputs and weights, and a line for each value.
    pub page: String,
    /// Weights and constants by their names on the page.
    pub weights: Vec<(String, Matrix)>,
    /// Inputs that are no weights.
    pub inputs: Vec<Border>,
    /// Outputs.
    pub outputs: Vec<Border>,
}

impl Equations {
    /// The page as a graph, and the node of output `k`; `None` where that is known beforehand.
    ///
    /// # Errors
    /// What is wrong with the page.
    pub fn output(
        &self,
        k: usize,
    ) -> Result<Option<(matgrad::expr::elaborate::Equations, NodeId)>, Error> {
        match self.outputs[k].known {
            Some(_) => Ok(None),
            None => Ok(Some(located(&self.page, &self.outputs[k].name)?)),
        }
    }
}

/// What a graph is read for.
#[derive(Clone, Copy)]
enum Purpose<'a> {
    /// As it is, with the shapes that it declares.
    Alone,
    /// As a network: its first axis is the batch, and training makes this loss smaller, or one
    /// that fits its end.
    Network(Option<&'a str>),
}

/// Reads a file as a model that can be used, checked and trained.
///
/// A file of [`crate::export()`] gives the model back, with the loss of its equations. Any other
/// graph has one input, whose first axis is the batch, and one output; several inputs are columns
/// of one, and of several outputs the one is taken that has numbers which are no classes. `loss`
/// names the loss for training on; without it a graph that ends in the softmax of each row or a
/// sigmoid gets the cross entropy, any other the mean squared error.
/// Images are rows, channel last, where they come in and where they come out: those that operators
/// on images take or give, and a last `Reshape` to the shape of one or to the channels of the input.
/// Tensors stored in other files are read from `folder`.
///
/// # Errors
/// [`Error::File`] for a file that is not what it says, or of another loss, [`Error::Refused`] for
/// a node that does not reduce to matrices.
pub fn import(bytes: &[u8], folder: Option<&Path>, loss: Option<&str>) -> Result<Model, Error> {
    let proto = decode(bytes)?;
    if let Some(model) = own(&proto, folder)? {
        return match loss.filter(|loss| !calls(&model.network, loss)) {
            None => Ok(model),
            Some(loss) => Err(Error::File(format!(
                "the loss {loss} is asked for, but matgrad wrote this file, which has equations of \
                 its own that minimize another; import it without a loss, and write {loss} into \
                 its equations"
            ))),
        };
    }
    let opset = opset(&proto);
    let mut graph = proto.graph.unwrap_or_default();
    ending::only_network(&mut graph);
    let numbers = border::filled_in(&mut graph);
    let read = read(&graph, opset, folder, Purpose::Network(loss))?;
    let network = Network::parse("imported.eq", &read.page)?;
    let nodes = network.initial(0)?;
    let names = &network.equations.graph;
    let find = |name: &str| read.weights.iter().find(|(n, _)| n == name).map(|(_, m)| m.clone());
    let weights = nodes
        .into_iter()
        .map(|(node, initial)| {
            let name = names.name(node).map_or("", |n| n.text.as_str());
            (node, find(name).unwrap_or(initial))
        })
        .collect();
    let mut model = Model::plain(network, weights)?;
    if let Some(numbers) = numbers {
        model.encoder = filling_in(&model.encoder, &numbers)?;
    }
    Ok(model)
}

/// A table's encoder with these numbers for missing ones.
fn filling_in(encoder: &Encoder, numbers: &[f64]) -> Result<Encoder, Error> {
    let mut schema = encoder.to_json();
    let columns = schema["inputs"].as_array_mut().map(Vec::as_mut_slice).unwrap_or_default();
    if numbers.len() != columns.len() && numbers.len() != 1 {
        let (found, wanted) = (numbers.len(), columns.len());
        return Err(Error::File(format!("an Imputer has {found} numbers for {wanted} columns")));
    }
    for (column, number) in columns.iter_mut().zip(numbers.iter().cycle()) {
        column["numbers"]["impute"] = (*number).into();
    }
    Ok(Encoder::from_json(&schema).map_err(matgrad::Error::from)?)
}

/// Reads a graph with the shapes that it declares, the batch among them.
///
/// # Errors
/// Those of [`import()`].
pub fn equations(bytes: &[u8], folder: Option<&Path>) -> Result<Equations, Error> {
    let proto = decode(bytes)?;
    let graph = proto.graph.clone().unwrap_or_default();
    read(&graph, opset(&proto), folder, Purpose::Alone)
}

fn decode(bytes: &[u8]) -> Result<ModelProto, Error> {
    let proto = ModelProto::decode(bytes)
        .map_err(|e| Error::File(format!("this is no ONNX model, or it is truncated ({e})")))?;
    if proto.graph.is_none() {
        return Err(Error::File("this is no ONNX model, or it is truncated: no graph".into()));
    }
    let version = opset(&proto);
    if !(OLDEST..=NEWEST).contains(&version) {
        return Err(Error::File(format!(
            "its operators are of opset {version}; {OLDEST} to {NEWEST} are read"
        )));
    }
    Ok(proto)
}

fn opset(proto: &ModelProto) -> i64 {
    let own = proto.opset_import.iter().find(|o| matches!(o.domain(), "" | "ai.onnx"));
    own.map_or(0, |o| o.version())
}

/// The model that [`export`] wrote as this graph: the one that its metadata describes, if that
/// one's graph is this graph.
fn own(proto: &ModelProto, folder: Option<&Path>) -> Result<Option<Model>, Error> {
    let entry = |key: &str| {
        let entry = proto.metadata_props.iter().find(|e| e.key() == key)?;
        Some(entry.value().to_string())
    };
    let all = (entry("matgrad.equations"), entry("matgrad.encoder"), entry("matgrad.seed"));
    let (Some(page), Some(encoder), Some(seed)) = all else { return Ok(None) };
    let graph = proto.graph.clone().unwrap_or_default();
    let Ok(network) = Network::parse("exported.eq", &page) else { return Ok(None) };
    let Ok(encoder) = serde_json::from_str::<Json>(&encoder) else { return Ok(None) };
    let (Ok(encoder), Ok(seed)) = (Encoder::from_json(&encoder), seed.parse()) else {
        return Ok(None);
    };
    let costs = entry("matgrad.costs").and_then(|text| serde_json::from_str::<Json>(&text).ok());
    let costs = costs.and_then(|costs| Costs::from_json(&costs).ok()).unwrap_or_default();
    let mut weights = network.initial(0)?;
    for (node, matrix) in &mut weights {
        let name = network.equations.graph.name(*node).map_or("", |n| n.text.as_str());
        if let Some(stored) = graph.initializer.iter().find(|t| t.name() == name) {
            let stored = tensor::read(stored, folder)?;
            if stored.data.len() != matrix.data.len() {
                return Ok(None);
            }
            matrix.data.clone_from(&stored.data);
        }
    }
    let precision = Precision::F32;
    let model = Model { network, weights, encoder, costs, seed, precision, training: None };
    let same = export(&model).is_ok_and(|again| again.graph == proto.graph);
    Ok(same.then_some(model))
}

/// Whether the objective of a network is made of this function of the library.
fn calls(network: &Network, function: &str) -> bool {
    let graph = &network.equations.graph;
    let nodes = graph.reachable(&[network.objective], false);
    nodes.iter().any(|&node| graph.of_library(graph.get(node).op) == Some(function))
}

fn refused(node: &NodeProto, why: String) -> Error {
    let name = if node.name().is_empty() { node.output.first() } else { node.name.as_ref() };
    let domain =
        if node.domain().is_empty() { String::new() } else { node.domain().to_string() + "." };
    Error::Refused {
        op: format!("{domain}{}", node.op_type()),
        node: name.cloned().unwrap_or_default(),
        why,
    }
}

fn read(
    graph: &GraphProto,
    opset: i64,
    folder: Option<&Path>,
    purpose: Purpose,
) -> Result<Equations, Error> {
    let batched = matches!(purpose, Purpose::Network(_));
    let mut page = Page::default();
    let mut values: HashMap<String, Operand> = HashMap::new();
    let read = |name: &str| graph.node.iter().any(|n| n.input.iter().any(|input| input == name));
    for proto in &graph.initializer {
        // Words beside a network, as the names of classes, are read by nothing that is left of it.
        if proto.data_type() == data_type::STRING && !read(proto.name()) {
            continue;
        }
        let mut known = tensor::read(proto, folder)?;
        known.trained &= is_weight(graph, &known);
        values.insert(known.name.clone(), Operand::Known(known));
    }
    let mut channels = Channels::default();
    let (inputs, mut head) = border::inputs(&mut page, graph, batched, &mut values, &mut channels)?;
    let mut lists = Lists::new();
    let mut types = Types::given(graph);
    let end = ending::end(graph);
    let mut own = None;
    for proto in &graph.node {
        let node = node(proto, opset, &values, &lists)?;
        let computed = |operand: &Operand| matches!(operand, Operand::Computed(_));
        if let (true, Some(why)) =
            (node.operands.iter().flatten().any(computed), types.cuts(graph, proto))
        {
            return Err(refused(proto, why));
        }
        types.note(proto);
        let last = end.is_some() && end == proto.output.first().map(String::as_str);
        if let (Purpose::Network(wanted), true) = (purpose, last) {
            own = ending::own_loss(&node, wanted).map_err(|why| refused(proto, why))?;
        }
        match (own, node.operands.first()) {
            // The loss has it.
            (Some(_), Some(Some(operand))) if last => {
                values.insert(proto.output[0].clone(), operand.clone());
            }
            _ => step(&mut page, &mut values, &mut lists, &node)?,
        }
        channels.note(proto, &values);
    }
    let (mut outputs, mut computed) = (Vec::new(), Vec::new());
    for info in &graph.output {
        let name = info.name();
        let operand = values
            .get(name)
            .ok_or_else(|| Error::File(format!("the output {name:?} is computed by no node")))?;
        let (output, value) = border::output(&mut page, name, operand, &channels)?;
        outputs.push(output);
        computed.push(value);
    }
    let mut training = String::new();
    if let Purpose::Network(wanted) = purpose {
        training = ending::training(&mut page, (wanted, own), &inputs, &computed, &graph.output)?;
    }
    let mut weights = Vec::new();
    for Declared { name, matrix, trained } in std::mem::take(&mut page.declared) {
        let (rows, cols) = (matrix.rows, matrix.cols);
        head += &match trained {
            true => format!("param {name} : {rows}×{cols}\n"),
            false => format!("const {name} : {rows}×{cols} = {}\n", literal(&matrix)),
        };
        weights.push((name, matrix));
    }
    let text = head + &page.lines.join("\n") + "\n" + &training;
    Ok(Equations { page: text, weights, inputs, outputs })
}

/// Whether a tensor is more than a number of a formula, as which a number is no list, and is not
/// multiplied as a matrix.
fn is_weight(graph: &GraphProto, known: &Tensor) -> bool {
    let products = ["Conv", "ConvTranspose", "Gemm", "MatMul"];
    let multiplies = |n: &NodeProto| {
        products.contains(&n.op_type()) && n.input.get(1).is_some_and(|name| *name == known.name)
    };
    known.data.len() > 1 || known.dims.len() == 1 || graph.node.iter().any(multiplies)
}

/// A node with its operands.
fn node<'a>(
    proto: &'a NodeProto,
    opset: i64,
    values: &HashMap<String, Operand>,
    lists: &Lists,
) -> Result<Node<'a>, Error> {
    let mut operands = Vec::new();
    for name in &proto.input {
        let operand = values.get(name).cloned();
        if operand.is_none() && !name.is_empty() && !lists.contains_key(name) {
            let why = "is used before it is computed, or the graph has a cycle";
            return Err(refused(proto, format!("{name:?} {why}")));
        }
        operands.push(operand);
    }
    let shape = match proto.op_type() {
        "Reshape" | "Expand" if operands.first().is_some_and(Option::is_some) => proto.input.get(1),
        "ConstantOfShape" => proto.input.first(),
        "Resize" => proto.input.get(3),
        _ => None,
    };
    let open = |list: &&Lengths| list.known().is_none();
    let lengths = shape.and_then(|name| lists.get(name)).filter(open).cloned();
    Ok(Node { proto, operands, opset, lengths })
}

/// Reads a node into the values.
fn step(
    page: &mut Page,
    values: &mut HashMap<String, Operand>,
    lists: &mut Lists,
    node: &Node,
) -> Result<(), Error> {
    let proto = node.proto;
    let fail = |why: String| refused(proto, why);
    let list = if node.is_standard() { lengths::read(node, lists).map_err(fail)? } else { None };
    let mut results = vec![];
    if let (Some(list), Some(name)) = (&list, proto.output.first()) {
        results.extend(list.known().map(Operand::Known));
        if lists.insert(name.clone(), list.clone()).is_some() || values.contains_key(name) {
            return Err(fail(format!("{name:?} is computed twice")));
        }
        if results.is_empty() {
            return Ok(());
        }
    } else {
        results = computed(page, node).map_err(fail)?;
    }
    for (k, name) in proto.output.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        let result =
            results.get(k).ok_or_else(|| fail(format!("its result {name:?} is not read")))?;
        let twice = list.is_none() && lists.contains_key(name);
        if twice || values.insert(name.clone(), result.clone()).is_some() {
            return Err(fail(format!("{name:?} is computed twice")));
        }
    }
    Ok(())
}

/// The results of a node by the item of its operator.
fn computed(page: &mut Page, node: &Node) -> Result<Vec<Operand>, String> {
    let operator =
        operators::find(node.proto).ok_or("no reading of this operator as matrices is known")?;
    for (i, operand) in node.operands.iter().enumerate() {
        let Some(dims) = operand.as_ref().map(Operand::dims) else { continue };
        // An empty list of axes is one; other tensors without entries are no matrices.
        let shape = i > 0 || operator.name == "ConstantOfShape";
        let list = shape && dims.len() == 1 && !matches!(operator.reading, Reading::Zip(_));
        if dims.contains(&Size::of(0)) && !list {
            return Err(format!("{:?} has no entries", node.proto.input[i]));
        }
    }
    let known = node.operands.iter().flatten().all(|o| matches!(o, Operand::Known(_)));
    let known = known && node.lengths.is_none();
    match operator.reading {
        Reading::Layout(_) => lower(page, operator, node),
        _ if known => fold(page, operator, node),
        _ => lower(page, operator, node),
    }
}

/// The results of known operands: the same equations, evaluated.
fn fold(whole: &mut Page, operator: &Operator, node: &Node) -> Result<Vec<Operand>, String> {
    let mut count = 1;
    let mut results = Vec::new();
    while results.len() < count {
        let mut page = Page::default();
        let found = lower(&mut page, operator, node)?;
        count = found.len();
        results.push(match &found[results.len()] {
            Operand::Known(t) => Operand::Known(t.clone()),
            Operand::Computed(value) => {
                let folded = page.evaluated(value)?;
                whole.make(folded.data.len() as u64)?;
                Operand::Known(folded)
            }
        });
    }
    Ok(results)
}

fn literal(m: &Matrix) -> String {
    let row = |i: usize| m.row(i).iter().map(|x| format!("{x:?}")).collect::<Vec<_>>().join(" ");
    format!("[{}]", (0..m.rows).map(row).collect::<Vec<_>>().join("; "))
}

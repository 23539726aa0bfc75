//! A model becomes an inference graph: table → matrix → the equations → prediction.
//!
//! The tensors have the symbols of the equations as names. Numbers of the table come in 64 bits,
//! as tables have them; the equations run in 32 bits, for which runtimes have kernels. What the
//! graph cannot say (the objective, the encoder) stands beside it as metadata, so that
//! `import` gives the model back.

use std::collections::HashMap;

use matgrad::data::TargetKind;
use matgrad::expr::graph::{Graph, Kind, NodeId};
use matgrad::expr::matrix::Matrix;
use matgrad::expr::op::{Bits, Op};
use matgrad::expr::syntax::Role;
use matgrad::{Decision, Link, Model};
use prost::Message;
use serde_json::json;

use crate::Error;
use crate::primitive::{FUNCTIONS, primitive};
use crate::proto::{ModelProto, OperatorSetIdProto, StringStringEntryProto, data_type};
use crate::table;
use crate::write::{Attribute, Size, Writer};

/// Of the operators that are written; all runtimes of the last years know them.
const OPSET: i64 = 17;
/// Of the format that goes with them.
const IR_VERSION: i64 = 8;
/// Of the operators on tables.
const TABLE_OPSET: i64 = 3;

/// Writes a model as a graph. Input is the table (one tensor of all its numbers, one of words for
/// each column of categories), output the prediction and, for classes, the label.
///
/// # Errors
/// [`Error::Export`] for an equation that ONNX has no operators for.
pub fn export(model: &Model) -> Result<ModelProto, Error> {
    let network = &model.network;
    let graph = &network.equations.graph;
    let mut equations = Exporter {
        graph,
        weights: model.weights.iter().map(|(node, matrix)| (*node, matrix)).collect(),
        writer: Writer::default(),
        names: HashMap::new(),
        wanted: HashMap::new(),
        input: network.input,
        rows: None,
    };
    let symbol = graph.symbols.name(network.batch).to_string();
    // By their symbols weights are found again: no other tensor may take one.
    for node in equations.weights.keys() {
        equations.writer.keep(&equations.name(*node));
    }
    let x = table::inputs(&mut equations.writer, &model.encoder, &symbol, {
        graph.name(network.input).map_or("X", |n| n.text.as_str())
    });
    equations.names.insert(network.input, x);
    let output = network.equations.inference(network.output);
    let z = equations.value(output)?;

    let writer = &mut equations.writer;
    let axis = [("axis", Attribute::Int(1))];
    let predicted = match network.link {
        Link::Identity => z,
        Link::Softmax => writer.node("Softmax", &[&z], &axis, "probabilities"),
        Link::Sigmoid => writer.node("Sigmoid", &[&z], &[], "probabilities"),
        Link::Exp => writer.node("Exp", &[&z], &[], "rates"),
    };
    let predicted = table::unscale(writer, &model.encoder, predicted);
    let width = graph.shape(network.output).cols.number().map_or(Size::Symbol("K"), Size::Number);
    writer.output(&predicted, data_type::FLOAT, &[Size::Symbol(&symbol), width]);
    if model.encoder.target_kind() == TargetKind::Classes {
        let labels = writer.strings("labels", model.encoder.labels());
        let keep = [("axis", Attribute::Int(1)), ("keepdims", Attribute::Int(0))];
        let best = match (&model.costs.matrix, model.costs.decision) {
            (Some(costs), Decision::Cheapest) => {
                let costs = writer.floats("costs", &[costs.rows, costs.cols], &costs.data);
                let expected = writer.node("MatMul", &[&predicted, &costs], &[], "expected_costs");
                writer.node("ArgMin", &[&expected], &keep, "best")
            }
            _ => writer.node("ArgMax", &[&predicted], &keep, "best"),
        };
        let label = writer.node("Gather", &[&labels, &best], &[], "label");
        writer.output(&label, data_type::STRING, &[Size::Symbol(&symbol)]);
    }
    let mut proto = writer.finish();
    proto.name = Some("matgrad".into());
    let entry = |key: &str, value: String| StringStringEntryProto {
        key: Some(format!("matgrad.{key}")),
        value: Some(value),
    };
    let set = |domain: &str, version| OperatorSetIdProto {
        domain: Some(domain.into()),
        version: Some(version),
    };
    Ok(ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: Some("matgrad".into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        graph: Some(proto),
        opset_import: vec![set("", OPSET), set("ai.onnx.ml", TABLE_OPSET)],
        metadata_props: vec![
            entry("equations", network.source.clone()),
            entry("encoder", model.encoder.to_json().to_string()),
            entry("labels", json!(model.encoder.labels()).to_string()),
            entry("costs", model.costs.to_json().to_string()),
            entry("seed", model.seed.to_string()),
        ],
    })
}

/// The file of a graph.
pub fn bytes(model: &ModelProto) -> Vec<u8> {
    model.encode_to_vec()
}

/// Equations on their way to nodes.
pub(crate) struct Exporter<'a> {
    pub graph: &'a Graph,
    weights: HashMap<NodeId, &'a Matrix>,
    pub writer: Writer,
    names: HashMap<NodeId, String>,
    /// Names that nodes without one get from the call that they are the body of.
    wanted: HashMap<NodeId, String>,
    input: NodeId,
    rows: Option<String>,
}

impl Exporter<'_> {
    /// The tensor of a node, with all it needs.
    fn value(&mut self, root: NodeId) -> Result<String, Error> {
        for id in self.graph.reachable(&[root], false) {
            if !self.names.contains_key(&id) {
                let name = self.write(id)?;
                self.names.insert(id, name);
            }
        }
        Ok(self.names[&root].clone())
    }

    /// What a node's tensor is to be called.
    pub fn name(&self, id: NodeId) -> String {
        let own = self.graph.name(id).map(|n| n.text.clone());
        own.or_else(|| self.wanted.get(&id).cloned()).unwrap_or_else(|| format!("t{}", id.0))
    }

    /// The tensor of an operand, which is written already.
    pub fn operand(&self, id: NodeId) -> String {
        self.names[&id].clone()
    }

    /// The number of rows of the input at run time, one whole number.
    pub fn rows(&mut self) -> String {
        if let Some(known) = &self.rows {
            return known.clone();
        }
        let x = self.names[&self.input].clone();
        let first = [("start", Attribute::Int(0)), ("end", Attribute::Int(1))];
        let rows = self.writer.node("Shape", &[&x], &first, "rows");
        self.rows = Some(rows.clone());
        rows
    }

    /// An error about a node.
    pub fn fail(&self, id: NodeId, why: &str) -> Error {
        Error::Export { what: self.name(id), why: why.into() }
    }

    fn write(&mut self, id: NodeId) -> Result<String, Error> {
        let graph = self.graph;
        let node = *graph.get(id);
        let name = self.name(id);
        match node.op {
            Op::Variable(_) => self.variable(id, &name),
            Op::Literal(i) => {
                let m = &graph.literals[i as usize];
                Ok(self.writer.floats(&name, &[m.rows, m.cols], &m.data))
            }
            Op::Number(Bits(bits)) => Ok(self.writer.number(f64::from_bits(bits))),
            Op::Call(_) => {
                let function = graph.of_library(node.op);
                let Some(known) = FUNCTIONS.iter().find(|known| Some(known.name) == function)
                else {
                    let body = graph.body(id).ok_or_else(|| self.fail(id, "it has no body"))?;
                    self.wanted.entry(body).or_insert(name);
                    return self.value(body);
                };
                let mut attributes = Vec::new();
                for (attribute, value) in known.attributes {
                    let number = value.of(&|i| graph.number_at(*node.operands.get(i)?));
                    let number = number
                        .ok_or_else(|| self.fail(id, &format!("{attribute} is no plain number")))?;
                    attributes.push((*attribute, number));
                }
                let a = self.operand(node.operands[0]);
                Ok(self.writer.node(known.op, &[&a], &attributes, &name))
            }
            _ => primitive(self, id, node, &name),
        }
    }

    fn variable(&mut self, id: NodeId, name: &str) -> Result<String, Error> {
        if let Some(m) = self.weights.get(&id) {
            self.writer.give(name);
            return Ok(self.writer.floats(name, &[m.rows, m.cols], &m.data));
        }
        let target = Kind::Declared(Role::Target);
        let is_target = self.graph.variable(id).is_some_and(|v| v.kind == target);
        let why = if is_target { "the output depends on the target" } else { "it has no value" };
        Err(self.fail(id, why))
    }
}

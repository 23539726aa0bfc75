//! Nodes, weights and names of a graph that is being written.

use std::collections::{HashMap, HashSet};

use crate::proto::{
    AttributeProto, DimensionProto, GraphProto, NodeProto, TensorProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto, attribute_type, data_type,
};

/// A dimension of an input or output.
#[derive(Clone, Copy)]
pub(crate) enum Size<'a> {
    Number(u64),
    Symbol(&'a str),
}

/// An attribute by its name.
#[derive(Clone)]
pub(crate) enum Attribute {
    Int(i64),
    Ints(Vec<i64>),
    Float(f64),
    Strings(Vec<String>),
}

/// The graph so far.
#[derive(Default)]
pub(crate) struct Writer {
    pub graph: GraphProto,
    taken: HashSet<String>,
    /// Names that are kept for tensors to come.
    kept: HashSet<String>,
    constants: HashMap<String, String>,
}

impl Writer {
    /// A name that nothing has yet: this one if it is free.
    pub fn fresh(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_string();
        let mut k = 1;
        while self.kept.contains(&name) || !self.taken.insert(name.clone()) {
            k += 1;
            name = format!("{wanted}_{k}");
        }
        name
    }

    /// Keeps a name until it is given away.
    pub fn keep(&mut self, name: &str) {
        self.kept.insert(name.into());
    }

    /// Gives a kept name to the next tensor that is to have it.
    pub fn give(&mut self, name: &str) {
        self.kept.remove(name);
    }

    /// Adds a node with one result, which gets a fresh name like `wanted`.
    pub fn node(
        &mut self,
        op: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
        wanted: &str,
    ) -> String {
        let output = self.fresh(wanted);
        let domain = (op == "LabelEncoder").then(|| "ai.onnx.ml".to_string());
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|s| s.to_string()).collect(),
            output: vec![output.clone()],
            name: Some(output.clone()),
            op_type: Some(op.into()),
            attribute: attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
            domain,
        });
        output
    }

    /// 32-bit numbers of this shape, row by row.
    pub fn floats(&mut self, wanted: &str, dims: &[usize], values: &[f64]) -> String {
        let bytes = values.iter().flat_map(|&x| (x as f32).to_le_bytes()).collect();
        self.tensor(wanted, dims, data_type::FLOAT, bytes)
    }

    /// 64-bit numbers of this shape, row by row.
    pub fn doubles(&mut self, wanted: &str, dims: &[usize], values: &[f64]) -> String {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.tensor(wanted, dims, data_type::DOUBLE, bytes)
    }

    /// Whole numbers, equal lists once.
    pub fn ints(&mut self, values: &[i64]) -> String {
        let key = format!("{values:?}");
        if let Some(known) = self.constants.get(&key) {
            return known.clone();
        }
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let name = self.tensor("ints", &[values.len()], data_type::INT64, bytes);
        self.constants.insert(key, name.clone());
        name
    }

    /// A 1×1 number, equal ones once.
    pub fn number(&mut self, value: f64) -> String {
        let key = format!("{value:?}");
        if let Some(known) = self.constants.get(&key) {
            return known.clone();
        }
        let name = self.floats(&key, &[1, 1], &[value]);
        self.constants.insert(key, name.clone());
        name
    }

    /// Texts.
    pub fn strings(&mut self, wanted: &str, values: &[String]) -> String {
        let name = self.fresh(wanted);
        self.graph.initializer.push(TensorProto {
            dims: vec![values.len() as i64],
            data_type: Some(data_type::STRING),
            name: Some(name.clone()),
            string_data: values.iter().map(|s| s.clone().into_bytes()).collect(),
            ..TensorProto::default()
        });
        name
    }

    fn tensor(&mut self, wanted: &str, dims: &[usize], kind: i32, bytes: Vec<u8>) -> String {
        let name = self.fresh(wanted);
        self.graph.initializer.push(TensorProto {
            dims: dims.iter().map(|&d| d as i64).collect(),
            data_type: Some(kind),
            name: Some(name.clone()),
            raw_data: Some(bytes),
            ..TensorProto::default()
        });
        name
    }

    /// Declares an input.
    pub fn input(&mut self, wanted: &str, kind: i32, dims: &[Size], says: &str) -> String {
        let name = self.fresh(wanted);
        let declared = value_info(&name, kind, dims, says);
        self.graph.input.push(declared);
        name
    }

    /// The graph, without what no output needs.
    pub fn finish(&mut self) -> GraphProto {
        let mut graph = std::mem::take(&mut self.graph);
        let mut needed: HashSet<String> =
            graph.output.iter().filter_map(|o| o.name.clone()).collect();
        let mut kept: Vec<NodeProto> = Vec::new();
        for node in graph.node.into_iter().rev() {
            if node.output.iter().any(|o| needed.contains(o)) {
                needed.extend(node.input.iter().cloned());
                kept.push(node);
            }
        }
        kept.reverse();
        graph.node = kept;
        graph.initializer.retain(|t| t.name.as_ref().is_some_and(|n| needed.contains(n)));
        graph
    }

    /// Declares a result as an output.
    pub fn output(&mut self, name: &str, kind: i32, dims: &[Size]) {
        self.graph.output.push(value_info(name, kind, dims, ""));
    }
}

fn attribute(name: &str, value: &Attribute) -> AttributeProto {
    let mut proto = AttributeProto { name: Some(name.into()), ..AttributeProto::default() };
    match value {
        Attribute::Int(i) => (proto.i, proto.r#type) = (Some(*i), Some(attribute_type::INT)),
        Attribute::Ints(i) => (proto.ints, proto.r#type) = (i.clone(), Some(attribute_type::INTS)),
        Attribute::Float(f) => {
            (proto.f, proto.r#type) = (Some(*f as f32), Some(attribute_type::FLOAT));
        }
        Attribute::Strings(s) => {
            proto.strings = s.iter().map(|s| s.clone().into_bytes()).collect();
            proto.r#type = Some(attribute_type::STRINGS);
        }
    }
    proto
}

fn value_info(name: &str, kind: i32, dims: &[Size], says: &str) -> ValueInfoProto {
    let dim = dims.iter().map(|size| match size {
        Size::Number(n) => DimensionProto { dim_value: Some(*n as i64), dim_param: None },
        Size::Symbol(s) => DimensionProto { dim_value: None, dim_param: Some(s.to_string()) },
    });
    let tensor = TensorTypeProto {
        elem_type: Some(kind),
        shape: Some(TensorShapeProto { dim: dim.collect() }),
    };
    ValueInfoProto {
        name: Some(name.into()),
        r#type: Some(TypeProto { tensor_type: Some(tensor) }),
        doc_string: (!says.is_empty()).then(|| says.into()),
    }
}

//! The types of a graph's tensors, and where numbers would be cut to whole ones.
//!
//! All numbers of a page are real. Whole ones stay whole under all that is read but a quotient,
//! so only that and what turns real ones into whole ones or tests must be looked at.

use std::collections::HashMap;

use crate::proto::{GraphProto, NodeProto, data_type};

/// The types of elements by the names of tensors.
pub(crate) struct Types(HashMap<String, i32>);

/// Whether a type has numbers between the whole ones, or is not known.
pub(crate) fn is_real(kind: i32) -> bool {
    // Those of 32, 16 and 64 bits, and the short one of 32.
    matches!(kind, 0 | data_type::FLOAT | 10 | data_type::DOUBLE | 16)
}

/// What a node casts to.
pub(crate) fn target(node: &NodeProto) -> i32 {
    let to = node.attribute.iter().find(|a| a.name() == "to");
    to.and_then(|a| i32::try_from(a.i()).ok()).unwrap_or_default()
}

/// A number of the file as a whole one of a type, or as a test.
pub(crate) fn cast(x: f64, kind: i32) -> f64 {
    match kind {
        data_type::BOOL => f64::from(x != 0.0),
        _ => x.trunc(),
    }
}

impl Types {
    /// Those of what a graph is given.
    pub fn given(graph: &GraphProto) -> Types {
        let stored = graph.initializer.iter().map(|t| (t.name().to_string(), t.data_type()));
        let inputs = graph.input.iter().filter_map(|info| {
            let tensor = info.r#type.as_ref()?.tensor_type.as_ref()?;
            Some((info.name().to_string(), tensor.elem_type?))
        });
        Types(stored.chain(inputs).collect())
    }

    fn of(&self, node: &NodeProto, operand: usize) -> i32 {
        node.input.get(operand).and_then(|name| self.0.get(name)).copied().unwrap_or_default()
    }

    /// Notes the type of a node's results.
    pub fn note(&mut self, node: &NodeProto) {
        let kind = match node.op_type() {
            "Cast" => target(node),
            "And" | "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Not"
            | "Or" => data_type::BOOL,
            "Where" => self.of(node, 1),
            _ if node.domain() == "ai.onnx.ml" => data_type::FLOAT,
            _ => self.of(node, 0),
        };
        self.0.extend(node.output.iter().map(|name| (name.clone(), kind)));
    }

    /// Whether a node's computed results are cut to whole numbers or tests, and why that is no
    /// equation.
    pub fn cuts(&self, graph: &GraphProto, node: &NodeProto) -> Option<String> {
        let (from, to) = (self.of(node, 0), target(node));
        // Those cut their operand themselves.
        let encoded = || {
            let reads = |n: &&NodeProto| n.input.iter().any(|name| node.output.contains(name));
            graph.node.iter().filter(reads).all(|n| n.op_type() == "OneHotEncoder")
        };
        match node.op_type() {
            "Cast" if to == data_type::BOOL && from != to => {
                Some("it tells computed numbers from 0; compare them with a number instead".into())
            }
            "Cast" if is_real(from) && !is_real(to) && !encoded() => Some(
                "it cuts computed numbers to whole ones, which has no gradient; leave it out"
                    .into(),
            ),
            "Div" if !is_real(from) => Some(
                "it cuts a quotient of whole numbers, which has no gradient; cast them to floats \
                 before"
                    .into(),
            ),
            _ => None,
        }
    }
}

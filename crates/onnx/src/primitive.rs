//! One item an op: how it is written in ONNX.

use matgrad::expr::dim::Dim;
use matgrad::expr::graph::{Node, NodeId};
use matgrad::expr::op::{Axis, Op};

use crate::export::Exporter;
use crate::proto::data_type;
use crate::write::Attribute;
use crate::{Error, picture};

/// A function of the library that is one operator of ONNX.
pub(crate) struct Function {
    pub name: &'static str,
    pub op: &'static str,
    pub attributes: &'static [(&'static str, Value)],
}

/// The value of an attribute.
pub(crate) enum Value {
    /// This number.
    Float(f64),
    /// The last axis.
    Columns,
    /// The last axis, in a list.
    ColumnsOnly,
    /// The operand with this index, which is a number.
    Operand(usize),
}

impl Value {
    pub fn of(&self, operand: &dyn Fn(usize) -> Option<f64>) -> Option<Attribute> {
        match self {
            Value::Float(number) => Some(Attribute::Float(*number)),
            Value::Columns => Some(Attribute::Int(1)),
            Value::ColumnsOnly => Some(Attribute::Ints(vec![1])),
            Value::Operand(i) => operand(*i).map(Attribute::Float),
        }
    }
}

const fn plain(name: &'static str, op: &'static str) -> Function {
    Function { name, op, attributes: &[] }
}

/// The others are written by their bodies.
pub(crate) const FUNCTIONS: [Function; 10] = [
    plain("relu", "Relu"),
    plain("softplus", "Softplus"),
    plain("softsign", "Softsign"),
    Function {
        name: "selu",
        op: "Selu",
        attributes: &[
            ("alpha", Value::Float(1.6732632423543772)),
            ("gamma", Value::Float(1.0507009873554805)),
        ],
    },
    Function { name: "leaky_relu", op: "LeakyRelu", attributes: &[("alpha", Value::Operand(1))] },
    Function { name: "elu", op: "Elu", attributes: &[("alpha", Value::Operand(1))] },
    Function {
        name: "hard_sigmoid",
        op: "HardSigmoid",
        attributes: &[("alpha", Value::Float(1.0 / 6.0)), ("beta", Value::Float(0.5))],
    },
    Function { name: "softmax", op: "Softmax", attributes: &[("axis", Value::Columns)] },
    Function { name: "log_softmax", op: "LogSoftmax", attributes: &[("axis", Value::Columns)] },
    Function { name: "lse", op: "ReduceLogSumExp", attributes: &[("axes", Value::ColumnsOnly)] },
];

/// Writes an op that has operands, or is a size or the identity.
///
/// # Errors
/// [`Error::Export`] where ONNX has nothing for it.
pub(crate) fn primitive(
    to: &mut Exporter,
    id: NodeId,
    node: Node,
    name: &str,
) -> Result<String, Error> {
    let simple = |to: &mut Exporter, op: &str| {
        let operands: Vec<String> = broadcast(to, node).iter().map(|&o| to.operand(o)).collect();
        let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
        Ok(to.writer.node(op, &operands, &[], name))
    };
    match node.op {
        Op::MatMul => {
            let [left, right] = [0, 1].map(|i| node.operands[i]);
            let unfolded = *to.graph.get(left);
            match unfolded.op {
                Op::Unfold(w) if w.groups == 1 => {
                    let (x, k) = (to.operand(unfolded.operands[0]), to.operand(right));
                    Ok(picture::convolution(to, &x, &w, &k, name))
                }
                _ => simple(to, "MatMul"),
            }
        }
        Op::Unfold(w) => {
            let a = to.operand(node.operands[0]);
            Ok(picture::unfold(to, &a, &w, name))
        }
        Op::MaxPool(w) => {
            let a = to.operand(node.operands[0]);
            Ok(picture::max_pool(to, &a, &w, name))
        }
        Op::Fold(_) | Op::Unpool(_) | Op::Pick(_) => {
            Err(to.fail(id, "it belongs to the derivative of a picture's op"))
        }
        Op::Transpose => simple(to, "Transpose"),
        Op::Neg => simple(to, "Neg"),
        Op::Exp => simple(to, "Exp"),
        Op::Log => simple(to, "Log"),
        Op::Sqrt => simple(to, "Sqrt"),
        Op::Tanh => simple(to, "Tanh"),
        Op::Sigmoid => simple(to, "Sigmoid"),
        Op::Erf => simple(to, "Erf"),
        Op::Sin => simple(to, "Sin"),
        Op::Cos => simple(to, "Cos"),
        Op::Abs => simple(to, "Abs"),
        Op::Sign => simple(to, "Sign"),
        // ONNX spreads operands of these by itself, see `Op::Spread`.
        Op::Add => simple(to, "Add"),
        Op::Mul => simple(to, "Mul"),
        Op::Div => simple(to, "Div"),
        Op::Pow => simple(to, "Pow"),
        Op::Max => simple(to, "Max"),
        Op::Min => simple(to, "Min"),
        Op::Greater => compared(to, node, "Greater", name),
        Op::GreaterEqual => compared(to, node, "GreaterOrEqual", name),
        Op::Spread(shape) => {
            let a = to.operand(node.operands[0]);
            let dims = dims(to, id, &[shape.rows, shape.cols])?;
            Ok(to.writer.node("Expand", &[&a, &dims], &[], name))
        }
        Op::Sum(axis) => {
            let a = to.operand(node.operands[0]);
            let axes = to.writer.ints(match axis {
                Axis::All => &[0, 1],
                Axis::Rows => &[1],
                Axis::Cols => &[0],
            });
            Ok(to.writer.node("ReduceSum", &[&a, &axes], &[], name))
        }
        Op::RowMax => {
            let a = to.operand(node.operands[0]);
            Ok(to.writer.node("ReduceMax", &[&a], &[("axes", Attribute::Ints(vec![1]))], name))
        }
        Op::Reshape(shape) => {
            let a = to.operand(node.operands[0]);
            let free = |d: Dim| d.number().map_or(-1, |n| n as i64);
            let sizes = [free(shape.rows), free(shape.cols)];
            if sizes == [-1, -1] {
                return Err(to.fail(id, "both of its dimensions are symbols"));
            }
            let sizes = to.writer.ints(&sizes);
            Ok(to.writer.node("Reshape", &[&a, &sizes], &[], name))
        }
        Op::Slice(axis, start, length) => {
            let a = to.operand(node.operands[0]);
            let end = start.plus(length).ok_or_else(|| to.fail(id, "its end is no product"))?;
            let (start, end) = (dims(to, id, &[start])?, dims(to, id, &[end])?);
            let axes = to.writer.ints(&[along(axis)]);
            Ok(to.writer.node("Slice", &[&a, &start, &end, &axes], &[], name))
        }
        Op::Place(axis, start, total) => {
            let a = to.operand(node.operands[0]);
            let from = to.graph.shape(node.operands[0]);
            let length = if axis == Axis::Rows { from.rows } else { from.cols };
            let numbers = [start.number(), length.number(), total.number()];
            let [Some(start), Some(length), Some(total)] = numbers else {
                return Err(to.fail(id, "its dimensions are symbols"));
            };
            let mut pads = [0; 4];
            pads[along(axis) as usize] = start as i64;
            pads[along(axis) as usize + 2] = (total - start - length) as i64;
            let pads = to.writer.ints(&pads);
            Ok(to.writer.node("Pad", &[&a, &pads], &[], name))
        }
        Op::Concat(axis) => {
            let [a, b] = [0, 1].map(|i| to.operand(node.operands[i]));
            let axis = [("axis", Attribute::Int(along(axis)))];
            Ok(to.writer.node("Concat", &[&a, &b], &axis, name))
        }
        Op::Eye(n) => {
            let dims = dims(to, id, &[n, n])?;
            let zeros = to.writer.node("ConstantOfShape", &[&dims], &[], "zeros");
            Ok(to.writer.node("EyeLike", &[&zeros], &[], name))
        }
        Op::Size(n) => {
            let size = dims(to, id, &[n])?;
            let number = [("to", Attribute::Int(data_type::FLOAT.into()))];
            let number = to.writer.node("Cast", &[&size], &number, "size");
            let shape = to.writer.ints(&[1, 1]);
            Ok(to.writer.node("Reshape", &[&number, &shape], &[], name))
        }
        Op::Diag => {
            let a = to.operand(node.operands[0]);
            let eye = eye(to, id, node.shape.rows)?;
            Ok(to.writer.node("Mul", &[&eye, &a], &[], name))
        }
        Op::Diagonal => {
            let a = to.operand(node.operands[0]);
            let eye = eye(to, id, node.shape.rows)?;
            let kept = to.writer.node("Mul", &[&eye, &a], &[], "kept");
            let axes = to.writer.ints(&[1]);
            Ok(to.writer.node("ReduceSum", &[&kept, &axes], &[], name))
        }
        Op::Det => determinant(to, node, name),
        Op::LogDet => {
            let det = determinant(to, node, "det")?;
            let size = to.writer.node("Abs", &[&det], &[], "abs");
            Ok(to.writer.node("Log", &[&size], &[], name))
        }
        Op::Inv => Err(to.fail(id, "ONNX has no inverse of a matrix")),
        Op::Variable(_) | Op::Literal(_) | Op::Number(_) | Op::Call(_) => {
            Err(to.fail(id, "it is no op"))
        }
    }
}

/// The operands, without a spreading where that of ONNX itself gives the same shape.
fn broadcast(to: &Exporter, node: Node) -> Vec<NodeId> {
    let inner = |id: NodeId| match to.graph.get(id).op {
        Op::Spread(_) if node.op.is_elementwise() => to.graph.get(id).operands[0],
        _ => id,
    };
    let [a, b] = node.operands[..] else { return node.operands.to_vec() };
    let fits = |pair: &&[NodeId; 2]| {
        let [p, q] = pair.map(|id| to.graph.shape(id));
        (p.rows == node.shape.rows || q.rows == node.shape.rows)
            && (p.cols == node.shape.cols || q.cols == node.shape.cols)
    };
    let ways = [[inner(a), inner(b)], [inner(a), b], [a, inner(b)]];
    ways.iter().find(fits).map_or(vec![a, b], |pair| pair.to_vec())
}

fn along(axis: Axis) -> i64 {
    i64::from(axis == Axis::Cols)
}

/// 0 or 1 as a number.
fn compared(to: &mut Exporter, node: Node, op: &str, name: &str) -> Result<String, Error> {
    let operands: Vec<String> = broadcast(to, node).iter().map(|&o| to.operand(o)).collect();
    let [a, b] = [&operands[0], &operands[1]];
    let test = to.writer.node(op, &[a, b], &[], "test");
    let number = [("to", Attribute::Int(data_type::FLOAT.into()))];
    Ok(to.writer.node("Cast", &[&test], &number, name))
}

fn determinant(to: &mut Exporter, node: Node, name: &str) -> Result<String, Error> {
    let a = to.operand(node.operands[0]);
    let det = to.writer.node("Det", &[&a], &[], "det");
    let shape = to.writer.ints(&[1, 1]);
    Ok(to.writer.node("Reshape", &[&det, &shape], &[], name))
}

fn eye(to: &mut Exporter, id: NodeId, n: Dim) -> Result<String, Error> {
    let dims = dims(to, id, &[n, n])?;
    let zeros = to.writer.node("ConstantOfShape", &[&dims], &[], "zeros");
    Ok(to.writer.node("EyeLike", &[&zeros], &[], "eye"))
}

/// Dimensions as whole numbers, those with the batch computed from the input's rows.
fn dims(to: &mut Exporter, id: NodeId, dims: &[Dim]) -> Result<String, Error> {
    let numbers: Option<Vec<i64>> = dims.iter().map(|d| d.number().map(|n| n as i64)).collect();
    if let Some(numbers) = numbers {
        return Ok(to.writer.ints(&numbers));
    }
    let mut parts = Vec::new();
    for dim in dims {
        let factor = to.writer.ints(&[dim.coefficient() as i64]);
        parts.push(match dim.symbols().count() {
            0 => factor,
            1 => {
                let rows = to.rows();
                to.writer.node("Mul", &[&rows, &factor], &[], "dim")
            }
            _ => return Err(to.fail(id, "a dimension is a product of symbols")),
        });
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    Ok(to.writer.node("Concat", &parts, &[("axis", Attribute::Int(0))], "shape"))
}

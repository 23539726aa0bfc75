//! One item an op: how it is written in ONNX.

use matgrad::expr::dim::{Dim, Shape};
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
pub(crate) const FUNCTIONS: [Function; 12] = [
    plain("arccos", "Acos"),
    plain("arcsin", "Asin"),
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

/// The operator that an op is, entry for entry.
fn by_itself(op: &Op) -> Option<&'static str> {
    Some(match op {
        Op::Transpose => "Transpose",
        Op::Neg => "Neg",
        Op::Exp => "Exp",
        Op::Log => "Log",
        Op::Sqrt => "Sqrt",
        Op::Tanh => "Tanh",
        Op::Sigmoid => "Sigmoid",
        Op::Erf => "Erf",
        Op::Sin => "Sin",
        Op::Cos => "Cos",
        Op::Arctan => "Atan",
        Op::Abs => "Abs",
        Op::Sign => "Sign",
        // ONNX spreads operands of these by itself, see `Op::Spread`.
        Op::Add => "Add",
        Op::Mul => "Mul",
        Op::Div => "Div",
        Op::Pow => "Pow",
        Op::Max => "Max",
        Op::Min => "Min",
        _ => return None,
    })
}

fn reshaped(
    to: &mut Exporter,
    id: NodeId,
    a: &str,
    shape: Shape,
    name: &str,
) -> Result<String, Error> {
    let free = |d: Dim| d.number().map_or(-1, |n| n as i64);
    let sizes = [free(shape.rows), free(shape.cols)];
    if sizes == [-1, -1] {
        return Err(to.fail(id, "both of its dimensions are symbols"));
    }
    let sizes = to.writer.ints(&sizes);
    Ok(to.writer.node("Reshape", &[a, &sizes], &[], name))
}

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
    let a = node.operands.first().map_or_else(String::new, |&a| to.operand(a));
    Ok(match node.op {
        Op::MatMul => product(to, node, name),
        Op::Unfold(w) => picture::unfold(to, &a, &w, name),
        Op::MaxPool(w) => picture::max_pool(to, &a, &w, name),
        Op::Fold(w) => picture::fold(to, &a, &w, name),
        Op::Unpool(_) | Op::Pick(_) => {
            return Err(to.fail(id, "it belongs to the derivative of a picture's op"));
        }
        Op::Greater => compared(to, node, "Greater", name),
        Op::GreaterEqual => compared(to, node, "GreaterOrEqual", name),
        Op::Spread(shape) => {
            let dims = dims(to, id, &[shape.rows, shape.cols])?;
            to.writer.node("Expand", &[&a, &dims], &[], name)
        }
        Op::Sum(axis) => {
            let axes = to.writer.ints(match axis {
                Axis::All => &[0, 1],
                Axis::Rows => &[1],
                Axis::Cols => &[0],
            });
            to.writer.node("ReduceSum", &[&a, &axes], &[], name)
        }
        Op::RowMax => {
            to.writer.node("ReduceMax", &[&a], &[("axes", Attribute::Ints(vec![1]))], name)
        }
        Op::Reshape(shape) => reshaped(to, id, &a, shape, name)?,
        Op::Slice(axis, start, length) => {
            let end = start.plus(length).ok_or_else(|| to.fail(id, "its end is no product"))?;
            let (start, end) = (dims(to, id, &[start])?, dims(to, id, &[end])?);
            let axes = to.writer.ints(&[along(axis)]);
            to.writer.node("Slice", &[&a, &start, &end, &axes], &[], name)
        }
        Op::Place(axis, start, total) => placed(to, (id, node), (axis, start, total), name)?,
        Op::Concat(axis) => {
            let b = to.operand(node.operands[1]);
            to.writer.node("Concat", &[&a, &b], &[("axis", Attribute::Int(along(axis)))], name)
        }
        Op::Eye(n) => eye(to, id, n, name)?,
        Op::Size(n) => {
            let size = dims(to, id, &[n])?;
            let number = to.writer.node("Cast", &[&size], &[FLOAT], "size");
            single(to, &number, name)
        }
        Op::Diag => {
            let eye = eye(to, id, node.shape.rows, "eye")?;
            to.writer.node("Mul", &[&eye, &a], &[], name)
        }
        Op::Diagonal => {
            let eye = eye(to, id, node.shape.rows, "eye")?;
            let kept = to.writer.node("Mul", &[&eye, &a], &[], "kept");
            let axes = to.writer.ints(&[1]);
            to.writer.node("ReduceSum", &[&kept, &axes], &[], name)
        }
        Op::Det => {
            let det = to.writer.node("Det", &[&a], &[], "det");
            single(to, &det, name)
        }
        Op::LogDet => {
            let det = to.writer.node("Det", &[&a], &[], "det");
            let det = single(to, &det, "det");
            let size = to.writer.node("Abs", &[&det], &[], "abs");
            to.writer.node("Log", &[&size], &[], name)
        }
        Op::Inv => return Err(to.fail(id, "ONNX has no inverse of a matrix")),
        op => {
            let op = by_itself(&op).ok_or_else(|| to.fail(id, "it is no op"))?;
            simple(to, op, node, name)
        }
    })
}

/// The type of what is calculated with.
const FLOAT: (&str, Attribute) = ("to", Attribute::Int(data_type::FLOAT as i64));

fn simple(to: &mut Exporter, op: &str, node: Node, name: &str) -> String {
    let operands: Vec<String> = broadcast(to, node).iter().map(|&o| to.operand(o)).collect();
    let operands: Vec<&str> = operands.iter().map(String::as_str).collect();
    to.writer.node(op, &operands, &[], name)
}

/// A product, which of unfolded pictures is a convolution.
fn product(to: &mut Exporter, node: Node, name: &str) -> String {
    let unfolded = *to.graph.get(node.operands[0]);
    match unfolded.op {
        Op::Unfold(w) if w.groups == 1 => {
            let (x, k) = (to.operand(unfolded.operands[0]), to.operand(node.operands[1]));
            picture::convolution(to, &x, &w, &k, name)
        }
        _ => simple(to, "MatMul", node, name),
    }
}

/// A part of a matrix of zeros.
fn placed(
    to: &mut Exporter,
    (id, node): (NodeId, Node),
    (axis, start, total): (Axis, Dim, Dim),
    name: &str,
) -> Result<String, Error> {
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
fn compared(to: &mut Exporter, node: Node, op: &str, name: &str) -> String {
    let test = simple(to, op, node, "test");
    to.writer.node("Cast", &[&test], &[FLOAT], name)
}

/// One number as a matrix.
fn single(to: &mut Exporter, number: &str, name: &str) -> String {
    let shape = to.writer.ints(&[1, 1]);
    to.writer.node("Reshape", &[number, &shape], &[], name)
}

fn eye(to: &mut Exporter, id: NodeId, n: Dim, name: &str) -> Result<String, Error> {
    let dims = dims(to, id, &[n, n])?;
    let zeros = to.writer.node("ConstantOfShape", &[&dims], &[], "zeros");
    Ok(to.writer.node("EyeLike", &[&zeros], &[], name))
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

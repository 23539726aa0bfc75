//! The operators that are read, one item each.

mod einsum;
mod elementwise;
mod image;
mod layout;
mod linear;
mod normal;
mod pick;
mod pixels;
mod reduce;
mod table;

use crate::Error;
use crate::lengths::Lengths;
use crate::page::{Operand, Page};
use crate::proto::{AttributeProto, NodeProto};
use crate::tensor::{self, Tensor};
use crate::value::Value;

pub(crate) use reduce::softmax_axes;

/// What reads a node.
type Read = fn(&mut Page, &Node) -> Result<Vec<Operand>, String>;

/// How an operator is read: by a text or by a function.
#[derive(Clone, Copy)]
pub(crate) enum Reading {
    /// Each entry by itself: `{0}` is the operand, `{alpha=1}` an attribute with its default.
    Map(&'static str),
    /// Entries at the same place, of two operands or, from left to right, of more.
    Zip(&'static str),
    /// With shapes of its own.
    Call(Read),
    /// As [`Reading::Call`], and known operands give known results without arithmetic.
    Layout(Read),
}

/// An operator.
pub(crate) struct Operator {
    pub name: &'static str,
    pub reading: Reading,
}

const fn call(name: &'static str, read: Read) -> Operator {
    Operator { name, reading: Reading::Call(read) }
}

/// That of a node.
pub(crate) fn find(node: &NodeProto) -> Option<&'static Operator> {
    let named = |o: &&Operator| o.name == node.op_type();
    match node.domain() {
        "" | "ai.onnx" => all().find(named),
        "ai.onnx.ml" => table::ITEMS.iter().find(named),
        _ => None,
    }
}

/// Those of ONNX itself.
fn all() -> impl Iterator<Item = &'static Operator> {
    let calls =
        [einsum::ITEMS, linear::ITEMS, layout::ITEMS, pick::ITEMS, reduce::ITEMS, normal::ITEMS];
    calls.into_iter().chain([elementwise::ITEMS, image::ITEMS, pixels::ITEMS]).flatten()
}

/// Those that see images, whose inputs are turned to channel last.
pub(crate) fn sees_images(name: &str) -> bool {
    let mut items = image::ITEMS.iter().chain(pixels::ITEMS);
    name == "BatchNormalization" || items.any(|item| item.name == name)
}

/// A node with its operands.
pub(crate) struct Node<'a> {
    pub proto: &'a NodeProto,
    pub operands: Vec<Option<Operand>>,
    pub opset: i64,
    /// The shape that its result is to have, where the batch is among it.
    pub lengths: Option<Lengths>,
}

impl Node<'_> {
    /// Whether its operator is one of ONNX's own.
    pub fn is_standard(&self) -> bool {
        matches!(self.proto.domain(), "" | "ai.onnx")
    }

    /// What its first result that has a name is to be called.
    pub fn wanted(&self) -> &str {
        self.proto.output.iter().find(|name| !name.is_empty()).map_or("T", String::as_str)
    }

    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.proto.attribute.iter().find(|a| a.name() == name)
    }

    pub fn float(&self, name: &str, default: f64) -> f64 {
        self.attribute(name).and_then(|a| a.f).map_or(default, shortest)
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).and_then(|a| a.i).unwrap_or(default)
    }

    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|a| a.ints.as_slice())
    }

    pub fn floats(&self, name: &str) -> Vec<f64> {
        let found = self.attribute(name).map(|a| a.floats.iter().map(|&x| shortest(x)).collect());
        found.unwrap_or_default()
    }

    pub fn text(&self, name: &str, default: &str) -> String {
        let text = self.attribute(name).and_then(|a| a.s.as_deref());
        text.map_or(default.into(), |s| String::from_utf8_lossy(s).into_owned())
    }

    pub fn tensor(&self, name: &str) -> Result<Option<Tensor>, String> {
        let found = self.attribute(name).and_then(|a| a.t.as_ref());
        found.map(|t| tensor::read(t, None).map_err(|e: Error| e.to_string())).transpose()
    }

    /// The attributes that a template names, put into it.
    fn filled(&self, template: &str) -> String {
        let mut text = String::new();
        for (i, part) in template.split(['{', '}']).enumerate() {
            match part.split_once('=') {
                Some((name, default)) if i % 2 == 1 => {
                    let default = default.parse().expect("a default is a number");
                    text += &crate::page::number(self.float(name, default));
                }
                _ if i % 2 == 1 => text += &format!("{{{part}}}"),
                _ => text += part,
            }
        }
        text
    }

    pub fn operand(&self, i: usize) -> Result<&Operand, String> {
        let operand = self.operands.get(i).and_then(Option::as_ref);
        operand.ok_or_else(|| format!("operand {} is left out", i + 1))
    }

    pub fn value(&self, page: &mut Page, i: usize) -> Result<Value, String> {
        Ok(page.value(self.operand(i)?))
    }

    /// An operand that must be known.
    pub fn known(&self, i: usize) -> Result<Option<&Tensor>, String> {
        match self.operands.get(i).and_then(Option::as_ref) {
            None => Ok(None),
            Some(Operand::Known(tensor)) => Ok(Some(tensor)),
            Some(Operand::Computed(_)) => {
                Err(format!("operand {} is computed; it must be known beforehand", i + 1))
            }
        }
    }

    /// Whole numbers from an operand.
    pub fn whole(&self, i: usize) -> Result<Option<Vec<i64>>, String> {
        let known = self.known(i)?.map(|t| {
            t.whole().ok_or_else(|| format!("operand {} is no list of whole numbers", i + 1))
        });
        known.transpose()
    }

    /// Whole numbers from an operand (as of some opset) or an attribute.
    pub fn list(&self, operand: usize, attribute: &str) -> Result<Option<Vec<i64>>, String> {
        Ok(self.whole(operand)?.or_else(|| self.ints(attribute).map(<[i64]>::to_vec)))
    }
}

/// An axis counted from 0; negative ones count from the end.
pub(crate) fn axis(axis: i64, rank: usize) -> Result<usize, String> {
    let counted = if axis < 0 { axis + rank as i64 } else { axis };
    let inside = usize::try_from(counted).ok().filter(|&a| a < rank);
    inside.ok_or_else(|| format!("there is no axis {axis} of {rank}"))
}

/// A 32-bit number as the shortest decimal that gives it.
fn shortest(x: f32) -> f64 {
    x.to_string().parse().unwrap_or(x.into())
}

/// Reads a node.
pub(crate) fn lower(
    page: &mut Page,
    operator: &Operator,
    node: &Node,
) -> Result<Vec<Operand>, String> {
    let value = match operator.reading {
        Reading::Call(f) | Reading::Layout(f) => return f(page, node),
        Reading::Map(template) => {
            let a = node.value(page, 0)?;
            let text = node.filled(template).replace("{0}", &a.text);
            page.like(node.wanted(), &text, a.shape, &a)
        }
        Reading::Zip(template) => {
            let mut all = node.operands.iter().flatten();
            let first = all.next().ok_or("it has no operands")?;
            let mut sum = first.clone();
            for next in all {
                sum = Operand::Computed(page.zip(node.wanted(), template, &sum, next)?);
            }
            return Ok(vec![sum]);
        }
    };
    Ok(vec![Operand::Computed(value)])
}

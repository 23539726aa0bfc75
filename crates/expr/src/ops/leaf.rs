//! Ops without operands, and calls.

use super::PLAIN;
use crate::matrix::Matrix;
use crate::op::{Meaning, Op, OpDef, ShapeRule};

/// A declared matrix.
pub const VARIABLE: OpDef = OpDef { name: "variable", arity: 0, shape: ShapeRule::Given, ..PLAIN };

/// Written numbers.
pub const LITERAL: OpDef = OpDef { name: "literal", arity: 0, shape: ShapeRule::Given, ..PLAIN };

/// A number.
pub const NUMBER: OpDef = OpDef {
    name: "number",
    arity: 0,
    shape: ShapeRule::Given,
    meaning: Meaning::Matrix(|op, _, _| {
        let Op::Number(bits) = op else { unreachable!("the item of Op::Number") };
        Matrix::scalar(f64::from_bits(bits.0))
    }),
    ..PLAIN
};

/// A dimension as a value.
pub const SIZE: OpDef = OpDef {
    name: "size",
    arity: 0,
    shape: ShapeRule::Given,
    meaning: Meaning::Matrix(|op, _, dim| Matrix::scalar(dim(op.dims()[0]) as f64)),
    ..PLAIN
};

/// The identity.
pub const EYE: OpDef = OpDef {
    name: "eye",
    arity: 0,
    numpy: "np.eye({rows})",
    julia: "Matrix(1.0I, {rows}, {rows})",
    index: "[i=j]",
    shape: ShapeRule::Given,
    meaning: Meaning::Matrix(|op, _, dim| {
        let n = dim(op.dims()[0]);
        Matrix::from_fn(n, n, |i, j| f64::from(i == j))
    }),
    ..PLAIN
};

/// A function kept by name; its value is that of its body.
pub const CALL: OpDef = OpDef { name: "call", arity: 0, shape: ShapeRule::Given, ..PLAIN };

//! The op table: one item an op.

pub mod elementwise;
pub mod leaf;
pub mod linear;
pub mod picture;
pub mod square;

use crate::op::{Domain, Form, Meaning, OpDef, ShapeRule};

/// What most items start from.
const PLAIN: OpDef = OpDef {
    name: "",
    arity: 1,
    form: Form::Call,
    numpy: "",
    julia: "",
    index: "",
    shape: ShapeRule::Same,
    adjoint: &[],
    laws: ["", ""],
    differential: "",
    jacobian: &[],
    transposed: None,
    meaning: Meaning::Leaf,
    domain: Domain::Real,
    commutative: false,
};

//! ONNX files to matrix equations and back.
//!
//! [`export()`] writes a [`matgrad::Model`] as an inference graph whose tensors have the names of
//! the equations, with the preparation of the table included. `import` reads a graph as a
//! page of equations with weights, or refuses it by the operator, the node and the reason.
//! Nothing here opens a file but `import`, where the file says that its weights are in another
//! one of the same folder.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a question about one op of forty says nothing of the others"
)]

pub mod border;
mod ending;
pub mod export;
pub mod import;
mod lengths;
mod operators;
mod page;
mod picture;
mod primitive;
pub mod proto;
mod table;
mod tensor;
pub mod training;
mod types;
mod value;
mod write;

pub use export::export;
pub use import::{equations, import};

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is no ONNX model, or what it says of itself is not so.
    #[error("{0}")]
    File(String),
    /// ONNX has no operator for this.
    #[error("{what} cannot be written to ONNX: {why}")]
    Export {
        /// The equation.
        what: String,
        /// The reason.
        why: String,
    },
    /// A graph outside what reduces to matrices.
    #[error("{op} (node {node:?}) is refused: {why}")]
    Refused {
        /// The operator.
        op: String,
        /// Its node, by name or by its first result.
        node: String,
        /// The reason.
        why: String,
    },
    /// From the equations.
    #[error("{0}")]
    Matgrad(#[from] matgrad::Error),
}

//! Matrix equations: from text to a tree, from the tree to a typed graph, and what the graph means.
//!
//! The first stage of the house. `syntax` reads and prints the language, `elaborate` proves the
//! shapes and builds the [`graph::Graph`], `meaning` evaluates it plainly in f64.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a question about one op of forty says nothing of the others; Op::def is exhaustive"
)]

pub mod diagnostic;
pub mod dim;
pub mod elaborate;
pub mod expression;
pub mod graph;
pub mod infer;
pub mod latex;
pub mod library;
pub mod mathml;
pub mod matrix;
pub mod meaning;
pub mod op;
pub mod ops;
pub mod print;
pub mod program;
pub mod syntax;
pub mod window;

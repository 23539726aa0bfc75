//! Matrix equations: from text to a tree, from the tree to a typed graph, and what the graph means.
//!
//! The first stage of the house. `syntax` reads and prints the language, `elaborate` proves the
//! shapes and builds the [`graph::Graph`], `meaning` evaluates it plainly in f64.

pub mod diagnostic;
pub mod dim;
pub mod elaborate;
pub mod expression;
pub mod graph;
pub mod library;
pub mod matrix;
pub mod meaning;
pub mod op;
pub mod ops;
pub mod print;
pub mod syntax;

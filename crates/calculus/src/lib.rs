//! Backpropagation as equations: reverse-mode derivation driven by the adjoint texts, and rewrite
//! rules that make the result what a textbook prints.
//!
//! The second stage of the house: `derive` turns a [`matgrad_expr::graph::Graph`] into
//! [`Gradients`], `check` proves them with numbers.

pub mod adjoint;
pub mod check;
pub mod cost;
pub mod derive;
pub mod rewrite;
pub mod rule;
pub mod size;

pub use derive::{Gradients, derive};

//! A graph of matrix equations as one straight-line program over one arena.
//!
//! The stage between the graph and the machine. [`plan::plan`] takes a [`plan::Request`] (what is
//! to be readable, which variables are updated, how large the dimensions are) and gives a
//! [`program::Program`]: a list of [`instruction::Instruction`]s whose operands are places in one
//! block of memory. A program knows nothing of networks, and prints itself.
//!
//! `values` finds out where each node lives: `again` says what is computed where it is read, `group`
//! which element-wise nodes run together, `kept` what stays in memory, `convolution` which products
//! read pictures in place. Then `schedule` puts the work in order, `emit` writes the instructions,
//! `bands` finds those that pictures go through a few at a time, and `allocate` gives each region
//! its place in the arena.

mod again;
mod allocate;
mod bands;
pub mod convolution;
pub mod cost;
mod display;
mod emit;
pub mod extent;
mod fixed;
mod group;
pub mod instruction;
mod kept;
pub mod picture;
pub mod plan;
pub mod program;
mod schedule;
mod tile;
mod values;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "helpers of tests stop at the first surprise")]
mod tests;

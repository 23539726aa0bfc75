//! The tests of this crate, one binary.
mod cases;
mod forms;
mod published;
mod solvers;

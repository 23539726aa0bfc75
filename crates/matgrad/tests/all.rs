//! The tests of this crate, one binary.
mod cases;
mod costs;
mod forms;
mod published;
mod solvers;

//! The tests of this crate, one binary.
mod cases;
mod costs;
mod feedback;
mod forms;
mod layers;
mod published;
mod serving;
mod solvers;

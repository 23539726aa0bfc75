//! The tests of this crate, one binary.
mod bits;
mod cases;
mod checking;
mod costs;
mod feedback;
mod forms;
mod layers;
mod proben1;
mod published;
mod serving;
mod solvers;
mod weights;
mod written;

//! The tests of this crate, one binary.
mod derivations;
mod optimizers;
mod proofs;

//! The tests of this crate, one binary.
#![allow(clippy::wildcard_enum_match_arm, reason = "what holds for all ops but a few is said once")]

mod derivations;
mod long_pages;
mod optimizers;
mod proofs;
mod rewriting;
mod rules;
mod values;

//! The tests of ONNX files in and out: one test binary.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod conformance;
mod export;
mod foreign;
mod hostile;
mod models;
mod rules;
mod tables;

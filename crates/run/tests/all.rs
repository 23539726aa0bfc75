//! Machines against the meaning of the graph.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests stop at the first surprise"
)]

mod build;
mod convolution;
mod ops;
mod random;
mod updates;

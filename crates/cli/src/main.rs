//! The command line of matgrad.
fn main() {}

//! C99 of a planned program: one `.c` and one `.h`, static memory, no allocation.
//!
//! [`c99`] writes what [`matgrad::run`] would do, instruction by instruction, over one static
//! array. The file needs nothing but `math.h`. What the caller sees are a pointer for each named
//! matrix, `NAME_begin` which writes the first values, and `NAME_step`.

mod emit;
mod instruction;
mod network;

pub use emit::{Named, Real, Source, c99};
pub use network::{inference, symbol, training};

/// Why a program is not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// From the network.
    #[error("{0}")]
    Network(String),
    /// A name that is none in C.
    #[error("{0:?} is no name in C; letters, digits and _ make one")]
    Name(String),
}

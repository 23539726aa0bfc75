//! A planned program as source: C99, or Rust without `std`; static memory, no allocation.
//!
//! [`source`] writes what [`matgrad::run`] would do, instruction by instruction, over one array.
//! One walk writes both languages, which differ in `language` only. C needs nothing but
//! `math.h`; Rust brings the functions that `core` lacks. What the caller sees are the named
//! matrices, `begin` which writes the first values, and `step`.

mod columns;
mod emit;
mod instruction;
mod language;
mod network;

pub use columns::columns;
pub use emit::{Named, Source, Style, source};
pub use language::{Language, Real};
pub use network::{inference, symbol, training};

/// Why a program is not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// From the network.
    #[error("{0}")]
    Network(String),
    /// A name that is none in the language.
    #[error(
        "{0:?} is no name in generated code; begin with a letter; letters, digits and _ follow"
    )]
    Name(String),
}

//! Tables to matrices, and back to labels.
//!
//! [`read`] fills a [`Table`] from CSV (plain or gzip), NPY, IDX, folders of PNG and JPEG and, with the feature `parquet`,
//! Parquet and Arrow files. [`Encoder::fit`] learns from the training rows what the columns mean
//! (scales, levels, labels, what to put for missing values); the encoder turns the rows of any
//! table like it into a [`Matrix`] of inputs and one of targets, and is kept with the model.
//!
//! ```
//! use matgrad_data::{Encoder, EncoderOptions, ReadOptions, read_bytes};
//!
//! let text = "size,colour,kind\n1,red,a\n2,blue,b\n3,red,a\n4,blue,b\n";
//! let table = read_bytes(text.as_bytes(), "toys.csv", &ReadOptions::default())?;
//! let options = EncoderOptions { targets: vec![table.column("kind")?], ..Default::default() };
//! let encoder = Encoder::fit(&table, &[0, 1, 2, 3], &options)?;
//! assert_eq!(encoder.input_names(), ["size", "colour=blue", "colour=red"]);
//! assert_eq!(encoder.labels(), ["a", "b"]);
//! assert_eq!(encoder.targets(&table, &[1])?.data, [0.0, 1.0]);
//! # Ok::<(), matgrad_data::Error>(())
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that unwraps an error has failed"))]

#[cfg(feature = "parquet")]
mod columnar;
mod encoder;
mod error;
mod input;
mod matrix;
pub mod npy;
pub mod npz;
mod number;
mod picture;
mod random;
mod read;
mod schema;
mod sheet;
mod split;
mod store;
mod table;
mod target;
mod text;

pub use encoder::{Encoder, EncoderOptions, Missing};
pub use error::Error;
pub use input::{Code, Input};
pub use matrix::Matrix;
pub use number::{Scale, Scaling};
pub use random::Random;
pub use read::{ReadOptions, read, read_bytes, read_csv};
pub use sheet::{Cells, Codes};
pub use split::split;
pub use store::{Growing, Memory, Store};
pub use table::{Column, Table, Values};
pub use target::TargetKind;
pub use text::Header;

/// A path for a test's file, in the target folder.
#[cfg(test)]
pub(crate) fn scratch(name: &str) -> std::path::PathBuf {
    let program = std::env::current_exe().expect("a test is a program");
    let folder = program.ancestors().nth(3).expect("target/debug/deps").join("tmp");
    std::fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder.join(name)
}

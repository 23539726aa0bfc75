//! Rows of a table as a fit takes them, encoded a part at a time.

use std::sync::Arc;

use matgrad::costs::Costs;
use matgrad::data::{Encoder, Memory, Table};
use matgrad::expr::matrix::Matrix;
use matgrad::{GrowingRows, Precision, Rows};

use crate::Failure;
use crate::tables::{Examples, examples};

/// Rows to train on, in memory or in a file.
pub struct Encoded {
    /// Inputs.
    pub inputs: Arc<Rows<'static>>,
    /// Targets.
    pub targets: Arc<Rows<'static>>,
    /// Weights, if not all are the same.
    pub weights: Option<Matrix>,
}

/// Rows in parts of which the inputs are about a megabyte.
pub fn parts<'a>(encoder: &Encoder, rows: &'a [usize]) -> std::slice::Chunks<'a, usize> {
    rows.chunks((1 << 17) / encoder.input_width().clamp(32, 1 << 11))
}

/// Weights of so many columns: one, or one for each target.
pub fn widened(weights: Option<Matrix>, rows: usize, columns: usize) -> Matrix {
    match weights {
        None => Matrix::filled(rows, columns, 1.0),
        Some(w) => Matrix::from_fn(rows, columns, |i, j| w.at(i, j.min(w.cols - 1))),
    }
}

/// Weights of parts one below the other; `None` if all rows weigh the same.
pub fn stacked(parts: Vec<(usize, Option<Matrix>)>) -> Option<Matrix> {
    let columns = parts.iter().filter_map(|(_, weights)| Some(weights.as_ref()?.cols)).max()?;
    let rows = parts.iter().map(|(rows, _)| rows).sum();
    let wide = parts.into_iter().map(|(rows, weights)| widened(weights, rows, columns));
    Some(Matrix::new(rows, columns, wide.flat_map(|part| part.data).collect()))
}

/// Encodes rows of a table.
///
/// # Errors
/// A table that does not fit the encoder; a file that has no room.
pub fn encoded(
    encoder: &Encoder,
    costs: &Costs,
    data: &Table,
    rows: &[usize],
    (precision, memory): (Precision, &Memory),
) -> Result<Encoded, Failure> {
    let mut inputs = GrowingRows::new(encoder.input_width(), precision, memory);
    let mut targets = GrowingRows::new(encoder.target_width(), precision, memory);
    let mut weights = Vec::new();
    for part in parts(encoder, rows) {
        let Examples { inputs: x, targets: y, weights: s } = examples(encoder, costs, data, part)?;
        inputs.extend(&x)?;
        targets.extend(&y)?;
        weights.push((part.len(), s));
    }
    let (inputs, targets) = (Arc::new(inputs.finish()?), Arc::new(targets.finish()?));
    Ok(Encoded { inputs, targets, weights: stacked(weights) })
}

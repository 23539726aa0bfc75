//! Backpropagation in matrix form, from the equation to the trained model.
//!
//! A [`Network`] is a page of equations; [`Network::fit`] trains it; a [`Model`] is what comes out.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a question about one op of forty says nothing of the others"
)]

mod around;
pub mod certificate;
mod checkpoint;
pub mod costs;
pub mod curves;
mod engine;
mod evaluate;
pub mod explain;
mod fault;
pub mod file;
mod fit;
pub mod forms;
mod kept;
mod layers;
mod method;
pub mod metrics;
mod model;
mod network;
mod order;
mod output;
mod predict;
mod room;
mod rows;
mod rule;
mod schedule;
mod solver;
mod sparse;
mod step;
mod stop;
pub mod tune;
pub mod weights;
mod worker;
pub mod workload;

pub use around::{Around, Clip};
pub use checkpoint::Checkpoint;
pub use costs::{Costs, Decision};
pub use engine::{Engine, Precision, Timed};
pub use evaluate::Evaluator;
pub use fit::{Epoch, Fit, FitOptions};
pub use kept::Kept;
pub use layers::{Convolution, Layers};
pub use method::Method;
pub use model::{Model, Training, half};
pub use network::{Link, Network};
pub use predict::{Predictor, Session};
pub use rows::{GrowingRows, Rows};
pub use rule::UpdateRule;
pub use schedule::Schedule;
pub use solver::Solver;
pub use sparse::Sparse;
pub use step::{Batch, TrainingStep};
pub use stop::Stop;
pub use {
    matgrad_calculus as calculus, matgrad_data as data, matgrad_expr as expr,
    matgrad_library as library, matgrad_plan as plan, matgrad_run as run,
};

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// In equations; points at the text.
    #[error("{0}")]
    Equations(#[from] matgrad_expr::diagnostic::Errors),
    /// In a table.
    #[error("{0}")]
    Data(#[from] matgrad_data::Error),
    /// In what was asked for, or in a file.
    #[error("{0}")]
    Input(String),
    /// While running.
    #[error("{0}")]
    Run(String),
}

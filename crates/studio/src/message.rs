//! All that the page may ask for.

use serde::Deserialize;

/// How the page is trained.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// An update rule of the library or a solver.
    pub method: String,
    /// The learning rate; `None` is the method's own.
    pub rate: Option<f64>,
    /// Rows of a batch; `None` is all.
    pub batch: Option<usize>,
    /// How many epochs a run has.
    pub epochs: usize,
    /// Of weights and row order.
    pub seed: u64,
    /// Whether inputs that are numbers are standardised.
    pub standardize: bool,
    /// The target column; `None` is what fits the page.
    pub target: Option<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            method: "adam".into(),
            rate: Some(0.01),
            batch: Some(32),
            epochs: 200,
            seed: 0,
            standardize: true,
            target: None,
        }
    }
}

/// How far the followed rows have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Only what is given has numbers.
    Given,
    /// The page's values too.
    Forward,
    /// The gradients too.
    Backward,
    /// And the weights after the step.
    Update,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Message {
    /// The text is now this.
    Edit {
        /// All of it.
        text: String,
    },
    /// Go this far with the followed rows.
    Step {
        /// `given` takes the numbers away again.
        to: Phase,
    },
    /// Follow these rows, from 1: `3`, `1-4` or `1, 5`.
    Follow {
        /// As it is typed.
        rows: String,
    },
    /// Train like this from now on.
    Set {
        /// All settings.
        settings: Settings,
    },
    /// Train, from where the weights are.
    Train,
    /// Stop training after this epoch.
    Stop,
    /// Draw the weights anew and forget the course.
    Restart,
    /// Write a page that fits the table.
    Layers,
}

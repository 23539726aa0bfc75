//! The course of training: what the epochs showed, and its charts.

use matgrad::Epoch;
use matgrad_report::{Series, lines};
use serde_json::{Value, json};

/// All epochs since the weights were drawn.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// Epoch by epoch.
    pub epochs: Vec<Epoch>,
    /// Epoch and share of the rows that are decided right.
    pub accuracy: Vec<(f64, f64)>,
}

impl Course {
    /// What is shown of it.
    pub fn view(&self) -> Value {
        let Some(last) = self.epochs.last() else { return Value::Null };
        let loss = Series {
            name: "loss".into(),
            points: self.epochs.iter().map(|e| (e.number as f64, e.train_loss)).collect(),
            marked: false,
        };
        let mut charts = lines("Loss", "epoch", "loss", &[loss], false);
        // One point is a figure, no curve.
        if self.accuracy.len() > 1 {
            let points = self.accuracy.clone();
            let right = Series { name: "accuracy".into(), points, marked: false };
            charts += &lines("Accuracy", "epoch", "share right", &[right], false);
        }
        json!({"epoch": last.number, "loss": last.train_loss, "rate": last.learning_rate,
            "accuracy": self.accuracy.last().map(|a| a.1), "charts": charts})
    }
}

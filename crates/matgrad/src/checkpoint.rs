//! All there is to know of a fit between two epochs.

use serde_json::{Value, json};

use crate::{Error, Kept};

/// A fit between two epochs; one that goes on from here gives the bits of one never interrupted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// Epochs done.
    pub epoch: usize,
    /// Steps done.
    pub steps: usize,
    /// Parameters in the order of the page, row by row.
    pub weights: Vec<Kept>,
    /// State variables of the update rule, in the order of the parameters.
    pub states: Vec<Kept>,
    /// The order of the rows in the last epoch.
    pub order: Vec<usize>,
    /// The random state.
    pub random: [u64; 4],
    /// The best validation score with its weights.
    pub best: Option<(f64, Vec<Kept>)>,
    /// Epochs since then.
    pub stale: usize,
    /// What a schedule that watches the loss keeps: its factor, the best loss, epochs since then.
    pub watched: (f64, f64, usize),
    /// Training losses of the strip of epochs under way.
    pub strip: Vec<f64>,
    /// The lowest validation loss.
    pub lowest: f64,
    /// No more epochs are to follow, however many were asked for.
    pub done: bool,
}

impl Checkpoint {
    /// The numbers of it that are not matrices.
    pub fn to_json(&self) -> Value {
        // Of floats the bits are kept: JSON has no infinity.
        let bits = |x: f64| format!("{:016x}", x.to_bits());
        json!({
            "epoch": self.epoch, "steps": self.steps, "random": self.random.map(|w| w.to_string()),
            "best": self.best.as_ref().map(|b| bits(b.0)), "stale": self.stale,
            "strip": self.strip.iter().map(|&x| bits(x)).collect::<Vec<_>>(),
            "lowest": bits(self.lowest), "done": self.done,
            "watched": [bits(self.watched.0), bits(self.watched.1), self.watched.2.to_string()],
        })
    }

    /// Reads them again; the matrices are empty.
    ///
    /// # Errors
    /// JSON of another form.
    pub fn from_json(value: &Value) -> Result<Checkpoint, Error> {
        let wrong = || Error::Input("its checkpoint cannot be read; train it anew".into());
        let count = |value: &Value| value.as_u64().map(|n| n as usize).ok_or_else(wrong);
        let float = |value: &Value| {
            let bits = value.as_str().and_then(|text| u64::from_str_radix(text, 16).ok());
            bits.map(f64::from_bits).ok_or_else(wrong)
        };
        let mut random = [0; 4];
        for (word, value) in random.iter_mut().zip(value["random"].as_array().ok_or_else(wrong)?) {
            *word = value.as_str().and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
        }
        let best = match &value["best"] {
            Value::Null => None,
            bits => Some((float(bits)?, Vec::new())),
        };
        let strip = value["strip"].as_array().ok_or_else(wrong)?;
        let watched = &value["watched"];
        let since = watched[2].as_str().and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
        Ok(Checkpoint {
            epoch: count(&value["epoch"])?,
            steps: count(&value["steps"])?,
            random,
            best,
            stale: count(&value["stale"])?,
            strip: strip.iter().map(float).collect::<Result<_, _>>()?,
            lowest: float(&value["lowest"])?,
            done: value["done"].as_bool().ok_or_else(wrong)?,
            watched: (float(&watched[0])?, float(&watched[1])?, since),
            ..Checkpoint::default()
        })
    }
}

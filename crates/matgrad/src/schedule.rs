//! Schedules of the learning rate.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use crate::Error;

/// What the learning rate of an epoch is multiplied by.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum Schedule {
    /// 1
    #[default]
    Constant,
    /// factorᵏ, k the number of whole spans of `every` epochs that are over.
    Step {
        /// Epochs of a span.
        every: usize,
        /// What each span multiplies by.
        factor: f64,
    },
    /// factorᵉ after e epochs.
    Exponential {
        /// What each epoch multiplies by.
        factor: f64,
    },
    /// From 1 to 0 along half a cosine over all epochs (Loshchilov & Hutter 2017).
    Cosine,
    /// 1 / (1 + decay e) after e epochs.
    Inverse {
        /// How fast.
        decay: f64,
    },
    /// Multiplied by `factor` each time the loss (of the validation rows, where there are some)
    /// has not fallen for `patience` epochs.
    Plateau {
        /// Epochs to wait.
        patience: usize,
        /// What it is multiplied by.
        factor: f64,
    },
}

impl Schedule {
    /// The factor of an epoch, from 0, of so many; that of a plateau is kept by the fit.
    pub fn factor(self, epoch: usize, epochs: usize, kept: f64) -> f64 {
        let e = epoch as f64;
        match self {
            Schedule::Constant => 1.0,
            Schedule::Step { every, factor } => factor.powi((epoch / every.max(1)) as i32),
            Schedule::Exponential { factor } => factor.powf(e),
            Schedule::Cosine => {
                0.5 * (1.0 + (std::f64::consts::PI * e / epochs.max(1) as f64).cos())
            }
            Schedule::Inverse { decay } => 1.0 / (1.0 + decay * e),
            Schedule::Plateau { .. } => kept,
        }
    }
}

impl Display for Schedule {
    /// As it is read.
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Schedule::Constant => write!(f, "constant"),
            Schedule::Step { every, factor } => write!(f, "step:{every}:{factor}"),
            Schedule::Exponential { factor } => write!(f, "exponential:{factor}"),
            Schedule::Cosine => write!(f, "cosine"),
            Schedule::Inverse { decay } => write!(f, "inverse:{decay}"),
            Schedule::Plateau { patience, factor } => write!(f, "plateau:{patience}:{factor}"),
        }
    }
}

impl FromStr for Schedule {
    type Err = Error;

    /// `constant`, `step:EVERY:FACTOR`, `exponential:FACTOR`, `cosine`, `inverse:DECAY` or
    /// `plateau:PATIENCE:FACTOR`.
    fn from_str(text: &str) -> Result<Schedule, Error> {
        let parts: Vec<&str> = text.split(':').collect();
        let wrong = || {
            Error::Input(format!(
                "there is no schedule {text}; write constant, step:EVERY:FACTOR, \
                 exponential:FACTOR, cosine, inverse:DECAY or plateau:PATIENCE:FACTOR"
            ))
        };
        let number = |i: usize| {
            let value = parts.get(i).and_then(|p| p.parse::<f64>().ok());
            value.filter(|x| x.is_finite() && *x >= 0.0).ok_or_else(wrong)
        };
        let epochs = |i: usize, what: &str| {
            let value = parts[i].parse::<usize>().ok().filter(|&epochs| epochs > 0);
            value.ok_or_else(|| {
                Error::Input(format!("{text}: {what} is a whole number of epochs from 1"))
            })
        };
        let schedule = match (parts[0], parts.len()) {
            ("constant", 1) => Schedule::Constant,
            ("cosine", 1) => Schedule::Cosine,
            ("exponential", 2) => Schedule::Exponential { factor: number(1)? },
            ("inverse", 2) => Schedule::Inverse { decay: number(1)? },
            ("step", 3) => Schedule::Step { every: epochs(1, "EVERY")?, factor: number(2)? },
            ("plateau", 3) => {
                Schedule::Plateau { patience: epochs(1, "PATIENCE")?, factor: number(2)? }
            }
            (_, _) => return Err(wrong()),
        };
        Ok(schedule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors() {
        let at = |text: &str, epoch| {
            text.parse::<Schedule>().map(|s| s.factor(epoch, 100, 0.25)).map_err(|e| e.to_string())
        };
        assert_eq!(at("constant", 7), Ok(1.0));
        assert_eq!(at("step:10:0.5", 29), Ok(0.25));
        assert_eq!(at("exponential:0.5", 3), Ok(0.125));
        assert!((at("cosine", 50).unwrap_or(9.0) - 0.5).abs() < 1e-15);
        assert_eq!(at("inverse:1", 3), Ok(0.25));
        assert_eq!(at("plateau:5:0.5", 3), Ok(0.25));
        for wrong in ["", "cosin", "step:10", "exponential:-1"] {
            assert!(at(wrong, 0).is_err_and(|e| e.contains("write constant")), "{wrong}");
        }
        for wrong in ["step:a:1", "step:0:0.5", "step:2.5:0.5", "plateau:0:0.5"] {
            assert!(at(wrong, 0).is_err_and(|e| e.contains("epochs from 1")), "{wrong}");
        }
    }
}

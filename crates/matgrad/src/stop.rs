//! When to stop, and which weights are the best.

use matgrad_expr::matrix::Matrix;

use crate::metrics::{self, Metrics};
use crate::{Checkpoint, Costs, Error, Kept, Link};

/// When a fit ends before its last epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Stop {
    /// Epochs without a better validation metric after which to stop.
    pub patience: Option<usize>,
    /// By how much it must be better to count.
    pub min_improvement: f64,
    /// Which metric: a name that metrics have, such as `loss`, `accuracy`, `auc` or `rmse`.
    pub metric: String,
    /// GL: percent of the validation loss above its lowest (Prechelt 1994), judged each 5 epochs.
    pub generalization_loss: Option<f64>,
    /// P₅: thousandths by which the mean training loss of 5 epochs is above the lowest of them;
    /// stops when it is less than this (Prechelt 1994).
    pub progress: Option<f64>,
    /// Seconds of this run, after which the epoch under way is the last.
    pub time_limit: Option<f64>,
    /// Stop when the loss (of the validation rows, where there are some) is at most this.
    pub target_loss: Option<f64>,
}

impl Default for Stop {
    fn default() -> Stop {
        Stop {
            patience: None,
            min_improvement: 0.0,
            metric: "loss".into(),
            generalization_loss: None,
            progress: None,
            time_limit: None,
            target_loss: None,
        }
    }
}

/// Epochs that Prechelt's criteria look at together.
const STRIP: usize = 5;

/// Metrics of which less is better; of all others it is more.
const ERRORS: [&str; 7] = ["loss", "rmse", "mae", "expected_cost", "ece", "brier", "log_loss"];

impl Stop {
    /// What is to be small of predictions: the metric, or its negative where more is better.
    ///
    /// # Errors
    /// A metric that these predictions do not have.
    pub(crate) fn score(
        &self,
        link: Link,
        predictions: &Matrix,
        targets: &Matrix,
        loss: f64,
    ) -> Result<f64, Error> {
        if self.metric == "loss" {
            return Ok(loss);
        }
        let json = measure(link, predictions, targets, loss).to_json();
        let value = json[&self.metric].as_f64().ok_or_else(|| {
            let numbers = json.as_object().into_iter().flatten().filter(|(_, v)| v.is_f64());
            let known: Vec<&str> = numbers.map(|(name, _)| name.as_str()).collect();
            Error::Input(format!(
                "there is no metric {} to stop by; known are {}",
                self.metric,
                known.join(", ")
            ))
        })?;
        Ok(if ERRORS.contains(&self.metric.as_str()) { value } else { -value })
    }

    /// Keeps the weights if they are the best so far; by Prechelt's criteria, of those judged.
    pub(crate) fn keep(&self, at: &mut Checkpoint, score: f64, weights: Vec<Kept>) {
        let all = self.generalization_loss.is_none() && self.progress.is_none();
        if !all && !at.epoch.is_multiple_of(STRIP) {
            return;
        }
        let better = |best: f64| score < best - self.min_improvement || best.is_nan();
        if at.best.as_ref().is_none_or(|(best, _)| better(*best)) {
            at.best = Some((score, weights));
            at.stale = 0;
        } else {
            at.stale += 1;
        }
    }

    /// Whether the epoch that just ended with these losses is the last.
    pub(crate) fn is_last(&self, at: &mut Checkpoint, train: f64, validation: Option<f64>) -> bool {
        if at.strip.len() == STRIP {
            at.strip.clear();
        }
        at.strip.push(train);
        let strip = at.strip.len() == STRIP;
        if strip {
            at.lowest = at.lowest.min(validation.unwrap_or(f64::INFINITY));
        }
        let above = validation.map(|v| 100.0 * (v / at.lowest - 1.0));
        let mean = at.strip.iter().sum::<f64>() / at.strip.len() as f64;
        let least = at.strip.iter().fold(f64::INFINITY, |m, x| m.min(*x));
        let progress = 1000.0 * (mean / least - 1.0);
        let general = self.generalization_loss.zip(above).is_some_and(|(most, gl)| gl > most);
        let standing = self.progress.is_some_and(|p| progress < p);
        let reached = self.target_loss.is_some_and(|t| validation.unwrap_or(train) <= t);
        let tired = self.patience.is_some_and(|p| validation.is_some() && at.stale >= p);
        strip && (general || standing) || reached || tired
    }
}

/// Metrics of predictions as the link makes them: classes, where they are probabilities of classes.
fn measure(link: Link, predictions: &Matrix, targets: &Matrix, loss: f64) -> Metrics {
    let labels = |n: usize| (0..n).map(|k| k.to_string()).collect::<Vec<_>>();
    match link {
        Link::Softmax => {
            let truth = (0..targets.rows).map(|i| Costs::default().decide(targets.row(i)));
            metrics::classes(
                predictions,
                &truth.collect::<Vec<_>>(),
                &labels(targets.cols),
                loss,
                &Costs::default(),
            )
        }
        Link::Sigmoid if targets.cols == 1 => {
            let both = |i: usize, j: usize| match j {
                0 => 1.0 - predictions.at(i, 0),
                _ => predictions.at(i, 0),
            };
            let truth: Vec<usize> = targets.data.iter().map(|&t| usize::from(t > 0.5)).collect();
            metrics::classes(
                &Matrix::from_fn(targets.rows, 2, both),
                &truth,
                &labels(2),
                loss,
                &Costs::default(),
            )
        }
        Link::Sigmoid | Link::Identity | Link::Exp => metrics::numbers(predictions, targets, loss),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The epoch after which a fit with these losses stops.
    fn last(stop: &Stop, losses: &[(f64, f64)]) -> Option<usize> {
        let mut at = Checkpoint { lowest: f64::INFINITY, ..Checkpoint::default() };
        let each = losses.iter().position(|&(train, validation)| {
            at.epoch += 1;
            stop.keep(&mut at, validation, Vec::new());
            stop.is_last(&mut at, train, Some(validation))
        });
        each.map(|k| k + 1)
    }

    #[test]
    fn the_criteria_of_prechelt_are_judged_each_five_epochs() {
        let falling = |k: i32| (0.9f64.powi(k), 1.0);
        let rising: Vec<(f64, f64)> =
            (0..20).map(|k| (falling(k).0, if k < 7 { 1.0 } else { 1.06 })).collect();
        let five = Stop { generalization_loss: Some(5.0), ..Stop::default() };
        assert_eq!(last(&five, &rising), Some(10));
        let ten = Stop { generalization_loss: Some(10.0), ..Stop::default() };
        assert_eq!(last(&ten, &rising), None);
        let standing: Vec<(f64, f64)> =
            (0..20).map(|k| if k < 6 { falling(k) } else { (0.5, 1.0) }).collect();
        let progress = Stop { progress: Some(0.1), ..Stop::default() };
        assert_eq!(last(&progress, &standing), Some(15));
    }

    #[test]
    fn patience_counts_only_what_is_better_by_enough() {
        let losses: Vec<(f64, f64)> = (0..20).map(|k| (1.0, 1.0 - 0.01 * f64::from(k))).collect();
        let patient =
            |min_improvement| Stop { patience: Some(3), min_improvement, ..Stop::default() };
        assert_eq!(last(&patient(0.0), &losses), None);
        assert_eq!(last(&patient(0.5), &losses), Some(4));
        let target = Stop { target_loss: Some(0.905), ..Stop::default() };
        assert_eq!(last(&target, &losses), Some(11));
    }

    #[test]
    fn a_metric_is_a_score_that_is_to_be_small() {
        let predictions = Matrix::new(4, 1, vec![0.9, 0.8, 0.4, 0.1]);
        let targets = Matrix::new(4, 1, vec![1.0, 0.0, 1.0, 0.0]);
        let score = |metric: &str, link| {
            let stop = Stop { metric: metric.into(), ..Stop::default() };
            stop.score(link, &predictions, &targets, 0.7).map_err(|e| e.to_string())
        };
        assert_eq!(score("loss", Link::Sigmoid), Ok(0.7));
        assert_eq!(score("accuracy", Link::Sigmoid), Ok(-0.5));
        assert_eq!(score("auc", Link::Sigmoid), Ok(-0.75));
        assert!((score("mae", Link::Identity).unwrap_or(9.0) - 0.4).abs() < 1e-15);
        let unknown = score("acuracy", Link::Sigmoid).unwrap_err();
        assert!(unknown.contains("known are loss, accuracy, auc"), "{unknown}");
    }
}

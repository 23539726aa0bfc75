//! How good predictions are.

use matgrad_expr::matrix::Matrix;
use serde_json::{Value, json};

/// Metrics of predictions of classes.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassMetrics {
    /// Number of rows.
    pub n: usize,
    /// The objective.
    pub loss: f64,
    /// Share of rows whose most probable class is the true one.
    pub accuracy: f64,
    /// Area under the ROC curve, one against the rest, mean over the classes that occur.
    pub auc: f64,
    /// Rows of true classes, columns of decisions.
    pub confusion: Vec<Vec<usize>>,
    /// Names of the classes.
    pub labels: Vec<String>,
}

/// Metrics of predictions of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberMetrics {
    /// Number of rows.
    pub n: usize,
    /// The objective.
    pub loss: f64,
    /// Root of the mean squared error, in units of the target.
    pub rmse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// 1 − squared error over the variance.
    pub r2: f64,
}

/// Either kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Metrics {
    /// Of classes.
    Classes(ClassMetrics),
    /// Of numbers.
    Numbers(NumberMetrics),
}

/// Metrics of class probabilities (one row an example).
pub fn classes(probability: &Matrix, truth: &[usize], labels: &[String], loss: f64) -> Metrics {
    let k = labels.len();
    let mut confusion = vec![vec![0; k]; k];
    let mut right = 0;
    for (i, &t) in truth.iter().enumerate() {
        let decided = decide(probability.row(i));
        confusion[t][decided] += 1;
        right += usize::from(decided == t);
    }
    let areas: Vec<f64> = match k {
        2 => area(probability, truth, 1).into_iter().collect(),
        _ => (0..k).filter_map(|c| area(probability, truth, c)).collect(),
    };
    Metrics::Classes(ClassMetrics {
        n: truth.len(),
        loss,
        accuracy: right as f64 / truth.len() as f64,
        auc: areas.iter().sum::<f64>() / areas.len() as f64,
        confusion,
        labels: labels.to_vec(),
    })
}

/// The most probable class; the first of equals.
pub fn decide(row: &[f64]) -> usize {
    (1..row.len()).fold(0, |best, j| if row[j] > row[best] { j } else { best })
}

/// Area under the ROC curve of one class by ranks, ties counted half (Mann–Whitney); `None` where
/// the class, or every other, does not occur.
fn area(probability: &Matrix, truth: &[usize], class: usize) -> Option<f64> {
    let mut scored: Vec<(f64, bool)> =
        truth.iter().enumerate().map(|(i, &t)| (probability.at(i, class), t == class)).collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = scored.iter().filter(|s| s.1).count();
    let negatives = scored.len() - positives;
    if positives == 0 || negatives == 0 {
        return None;
    }
    let (mut sum, mut from) = (0.0, 0);
    while from < scored.len() {
        let to = from + scored[from..].iter().take_while(|s| s.0 == scored[from].0).count();
        let rank = (from + to + 1) as f64 / 2.0;
        sum += rank * scored[from..to].iter().filter(|s| s.1).count() as f64;
        from = to;
    }
    let (p, n) = (positives as f64, negatives as f64);
    Some((sum - p * (p + 1.0) / 2.0) / (p * n))
}

/// Metrics of numbers, all columns together.
pub fn numbers(predicted: &Matrix, truth: &Matrix, loss: f64) -> Metrics {
    let n = truth.data.len() as f64;
    let errors = || predicted.data.iter().zip(&truth.data).map(|(p, t)| p - t);
    let squared: f64 = errors().map(|e| e * e).sum();
    let mut variance = 0.0;
    for j in 0..truth.cols {
        let column = || (0..truth.rows).map(|i| truth.at(i, j));
        let mean = column().sum::<f64>() / truth.rows as f64;
        variance += column().map(|t| (t - mean).powi(2)).sum::<f64>();
    }
    Metrics::Numbers(NumberMetrics {
        n: truth.rows,
        loss,
        rmse: (squared / n).sqrt(),
        mae: errors().map(f64::abs).sum::<f64>() / n,
        r2: 1.0 - squared / variance,
    })
}

impl Metrics {
    /// As the command line prints it.
    pub fn to_json(&self) -> Value {
        match self {
            Metrics::Classes(m) => json!({
                "n": m.n, "loss": m.loss, "accuracy": m.accuracy, "auc": m.auc,
                "expected_cost": null, "confusion": m.confusion, "labels": m.labels,
            }),
            Metrics::Numbers(m) => json!({
                "n": m.n, "loss": m.loss, "rmse": m.rmse, "mae": m.mae, "r2": m.r2,
            }),
        }
    }
}

impl std::fmt::Display for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Metrics::Classes(m) => write!(
                f,
                "{:>6} rows  loss {:.4}  accuracy {:.4}  AUC {:.4}",
                m.n, m.loss, m.accuracy, m.auc
            ),
            Metrics::Numbers(m) => write!(
                f,
                "{:>6} rows  loss {:.4}  RMSE {:.4}  MAE {:.4}  R² {:.4}",
                m.n, m.loss, m.rmse, m.mae, m.r2
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_count_half() {
        let p = Matrix::new(4, 2, vec![0.5, 0.5, 0.5, 0.5, 0.9, 0.1, 0.2, 0.8]);
        assert_eq!(area(&p, &[0, 1, 0, 1], 1), Some(0.875));
    }

    #[test]
    fn numbers_of_a_small_table() {
        let m =
            numbers(&Matrix::new(2, 1, vec![1.0, 3.0]), &Matrix::new(2, 1, vec![1.0, 2.0]), 0.0);
        let Metrics::Numbers(m) = m else { panic!("numbers") };
        assert_eq!((m.rmse, m.mae, m.r2), (0.5f64.sqrt(), 0.5, -1.0));
    }
}

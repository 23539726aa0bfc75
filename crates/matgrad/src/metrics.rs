//! How good predictions are.

use matgrad_expr::matrix::Matrix;
use serde_json::{Value, json};

use crate::{Costs, curves};

/// Metrics of predictions of classes.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassMetrics {
    /// Number of rows.
    pub n: usize,
    /// The objective.
    pub loss: f64,
    /// Share of rows whose decision is the true class.
    pub accuracy: f64,
    /// Area under the ROC curve, one against the rest, mean over the classes that occur.
    pub auc: f64,
    /// Its interval of 95 %, normal, by the variance of DeLong et al. 1988.
    pub auc_interval: (f64, f64),
    /// Mean cost of the decisions, where there are costs.
    pub expected_cost: Option<f64>,
    /// Expected calibration error of the most probable class, in ten bins.
    pub calibration_error: f64,
    /// Each class by itself.
    pub classes: Vec<OneClass>,
    /// Rows of true classes, columns of decisions.
    pub confusion: Vec<Vec<usize>>,
    /// Names of the classes.
    pub labels: Vec<String>,
}

/// Metrics of one class against the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OneClass {
    /// Share of the decisions for it that are right; 0 without any.
    pub precision: f64,
    /// Share of its rows that are decided right; 0 without any.
    pub recall: f64,
    /// Harmonic mean of both.
    pub f1: f64,
    /// Area under its ROC curve.
    pub auc: Option<f64>,
    /// Average precision.
    pub average_precision: Option<f64>,
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

/// Metrics of class probabilities (one row an example), decided by `costs`.
pub fn classes(
    probability: &Matrix,
    truth: &[usize],
    labels: &[String],
    loss: f64,
    costs: &Costs,
) -> Metrics {
    let (k, n) = (labels.len(), truth.len() as f64);
    let mut confusion = vec![vec![0; k]; k];
    for (i, &t) in truth.iter().enumerate() {
        confusion[t][costs.decide(probability.row(i))] += 1;
    }
    let areas: Vec<_> = (0..k).map(|c| curves::area(probability, truth, c)).collect();
    // Two classes have one curve: that of the second.
    let counted: Vec<_> = areas.iter().skip(usize::from(k == 2)).flatten().collect();
    let auc = counted.iter().map(|(area, _)| area).sum::<f64>() / counted.len() as f64;
    let part = |i: usize| counted.iter().map(|(_, parts)| parts[i]).sum::<f64>();
    let squares: f64 = (0..truth.len()).map(|i| part(i).powi(2)).sum();
    let half = 1.96 * squares.sqrt() / counted.len() as f64;
    let right = (0..k).map(|c| confusion[c][c]).sum::<usize>() as f64;
    let one = |c: usize| {
        let share = |all: usize| if all == 0 { 0.0 } else { confusion[c][c] as f64 / all as f64 };
        let precision = share(confusion.iter().map(|row| row[c]).sum());
        let recall = share(confusion[c].iter().sum());
        let both = precision + recall;
        let curve = curves::precision_recall(probability, truth, c);
        OneClass {
            precision,
            recall,
            f1: if both == 0.0 { 0.0 } else { 2.0 * precision * recall / both },
            auc: areas[c].as_ref().map(|(area, _)| *area),
            average_precision: (!curve.is_empty()).then(|| curves::average_precision(&curve)),
        }
    };
    let cost = |matrix: &Matrix| {
        let cells = (0..k * k).map(|c| matrix.data[c] * confusion[c / k][c % k] as f64);
        cells.sum::<f64>() / n
    };
    Metrics::Classes(ClassMetrics {
        n: truth.len(),
        loss,
        accuracy: right / n,
        auc,
        auc_interval: ((auc - half).max(0.0), (auc + half).min(1.0)),
        expected_cost: costs.matrix.as_ref().map(cost),
        calibration_error: curves::calibration_error(&curves::reliability(probability, truth, 10)),
        classes: (0..k).map(one).collect(),
        confusion,
        labels: labels.to_vec(),
    })
}

impl ClassMetrics {
    /// Means over the classes: precision, recall, F1.
    pub fn macro_average(&self) -> (f64, f64, f64) {
        let mean = |part: fn(&OneClass) -> f64| {
            self.classes.iter().map(part).sum::<f64>() / self.classes.len() as f64
        };
        (mean(|c| c.precision), mean(|c| c.recall), mean(|c| c.f1))
    }

    /// The confusion in shares of each true class.
    pub fn confusion_rates(&self) -> Vec<Vec<f64>> {
        let rates = |row: &Vec<usize>| {
            let all = row.iter().sum::<usize>().max(1) as f64;
            row.iter().map(|&n| n as f64 / all).collect()
        };
        self.confusion.iter().map(rates).collect()
    }
}

/// Metrics of numbers, all columns together; what is missing (NaN) is left out.
pub fn numbers(predicted: &Matrix, truth: &Matrix, loss: f64) -> Metrics {
    let known = |t: &f64| !t.is_nan();
    let n = truth.data.iter().filter(|t| known(t)).count() as f64;
    let errors =
        || predicted.data.iter().zip(&truth.data).filter(|(_, t)| known(t)).map(|(p, t)| p - t);
    let squared: f64 = errors().map(|e| e * e).sum();
    let mut variance = 0.0;
    for j in 0..truth.cols {
        let column = || (0..truth.rows).map(|i| truth.at(i, j)).filter(known);
        let mean = column().sum::<f64>() / column().count() as f64;
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
            Metrics::Classes(m) => {
                let (precision, recall, f1) = m.macro_average();
                let each = m.classes.iter().zip(&m.labels).map(|(c, label)| {
                    json!({
                        "label": label, "precision": c.precision, "recall": c.recall, "f1": c.f1,
                        "auc": c.auc, "average_precision": c.average_precision,
                    })
                });
                json!({
                    "n": m.n, "loss": m.loss, "accuracy": m.accuracy, "auc": m.auc,
                    "auc_interval": [m.auc_interval.0, m.auc_interval.1],
                    "expected_cost": m.expected_cost, "precision": precision, "recall": recall,
                    "f1": f1, "ece": m.calibration_error,
                    "classes": each.collect::<Vec<_>>(), "confusion": m.confusion,
                    "labels": m.labels,
                })
            }
            Metrics::Numbers(m) => json!({
                "n": m.n, "loss": m.loss, "rmse": m.rmse, "mae": m.mae, "r2": m.r2,
            }),
        }
    }
}

impl std::fmt::Display for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Metrics::Classes(m) => {
                let (accuracy, auc) = (m.accuracy, m.auc);
                write!(
                    f,
                    "{:>6} rows  loss {:.4}  accuracy {accuracy:.4}  AUC {auc:.4}",
                    m.n, m.loss
                )?;
                m.expected_cost.map_or(Ok(()), |cost| write!(f, "  cost {cost:.4}"))
            }
            Metrics::Numbers(m) => {
                let [loss, rmse, mae, r2] = [m.loss, m.rmse, m.mae, m.r2].map(|x| match x.abs() {
                    1e9..f64::INFINITY => format!("{x:.4e}"),
                    _ => format!("{x:.4}"),
                });
                write!(f, "{:>6} rows  loss {loss}  RMSE {rmse}  MAE {mae}  R² {r2}", m.n)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Decision;

    #[test]
    fn classes_of_a_small_table() {
        let p = Matrix::new(4, 2, vec![0.6, 0.4, 0.7, 0.3, 0.9, 0.1, 0.2, 0.8]);
        let labels = ["a".to_string(), "b".to_string()];
        let mut costs =
            Costs { matrix: Some(Matrix::new(2, 2, vec![0.0, 1.0, 5.0, 0.0])), ..Costs::default() };
        let measured = |costs: &Costs| match classes(&p, &[0, 1, 0, 1], &labels, 0.5, costs) {
            Metrics::Classes(m) => m,
            Metrics::Numbers(_) => panic!("classes"),
        };
        let m = measured(&costs);
        assert_eq!(m.confusion, [[2, 0], [1, 1]]);
        assert_eq!((m.accuracy, m.expected_cost), (0.75, Some(1.25)));
        assert_eq!((m.classes[1].precision, m.classes[1].recall), (1.0, 0.5));
        assert_eq!(m.macro_average().0, (2.0 / 3.0 + 1.0) / 2.0);
        // At a cost of 5 to 1, b is decided on from a probability of 1/6.
        costs.decision = Decision::Cheapest;
        let m = measured(&costs);
        assert_eq!((m.confusion[0][1], m.expected_cost), (1, Some(0.25)));
    }

    #[test]
    fn numbers_of_a_small_table() {
        let m =
            numbers(&Matrix::new(2, 1, vec![1.0, 3.0]), &Matrix::new(2, 1, vec![1.0, 2.0]), 0.0);
        let Metrics::Numbers(m) = m else { panic!("numbers") };
        assert_eq!((m.rmse, m.mae, m.r2), (0.5f64.sqrt(), 0.5, -1.0));
    }
}

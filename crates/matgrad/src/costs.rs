//! What mistakes cost, and what rows weigh.
//!
//! A cost matrix C has a row for each true class and a column for each decision. It serves in three
//! places that do not depend on each other: the loss (`expected_cost`, or weights of the classes by
//! [`by_cost`]), the decision ([`Decision::Cheapest`]) and the report (the expected cost of
//! [`crate::metrics`]).

use matgrad_expr::matrix::Matrix;
use serde_json::{Value, json};

use crate::Error;

/// How a class is decided on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decision {
    /// The most probable class.
    #[default]
    Probable,
    /// The class of least expected cost.
    Cheapest,
}

/// What a model knows of weights and costs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Costs {
    /// A weight for each class.
    pub class_weights: Option<Vec<f64>>,
    /// The column of the table that weighs its rows.
    pub weight_column: Option<String>,
    /// K×K: the cost of each decision (column) for each true class (row).
    pub matrix: Option<Matrix>,
    /// How a class is decided on.
    pub decision: Decision,
}

impl Costs {
    /// The class decided on at these probabilities; the first of equals.
    pub fn decide(&self, probability: &[f64]) -> usize {
        match (&self.matrix, self.decision) {
            (Some(costs), Decision::Cheapest) => {
                let cost = |j: usize| -> f64 {
                    probability.iter().enumerate().map(|(i, p)| p * costs.at(i, j)).sum()
                };
                (1..costs.cols)
                    .fold((0, cost(0)), |(best, least), j| {
                        let now = cost(j);
                        if now < least { (j, now) } else { (best, least) }
                    })
                    .0
            }
            (None, Decision::Cheapest) | (_, Decision::Probable) => (1..probability.len())
                .fold(0, |best, j| if probability[j] > probability[best] { j } else { best }),
        }
    }

    /// Weights of the rows of these targets, from the classes' weights and the weight column:
    /// B×1, or as the targets if rows have some of their targets only. What is missing (NaN)
    /// becomes 0 with weight 0. `None` if all weigh the same.
    pub fn weigh(&self, targets: &mut Matrix, column: Option<&[f64]>) -> Option<Matrix> {
        let width = targets.cols;
        let partly = targets.data.chunks(width.max(1)).any(|row| {
            let missing = row.iter().filter(|y| y.is_nan()).count();
            missing > 0 && missing < width
        });
        let missing = targets.data.iter().any(|y| y.is_nan());
        if self.class_weights.is_none() && column.is_none() && !missing {
            return None;
        }
        let cols = if partly { width } else { 1 };
        let mut weights = Matrix::filled(targets.rows, cols, 1.0);
        for i in 0..targets.rows {
            let row = &mut targets.data[i * width..(i + 1) * width];
            let mut weight = column.map_or(1.0, |c| c[i]);
            if let Some(classes) = &self.class_weights {
                weight *= row.iter().zip(classes).map(|(y, w)| y * w).sum::<f64>();
            }
            let entries = &mut weights.data[i * cols..(i + 1) * cols];
            for (j, y) in row.iter_mut().enumerate() {
                if y.is_nan() {
                    *y = 0.0;
                    entries[j.min(cols - 1)] = 0.0;
                }
            }
            entries.iter_mut().filter(|w| **w != 0.0).for_each(|w| *w = weight);
        }
        Some(weights)
    }

    /// As the model file has it.
    pub fn to_json(&self) -> Value {
        let rows = |m: &Matrix| (0..m.rows).map(|i| m.row(i).to_vec()).collect::<Vec<_>>();
        json!({
            "class_weights": self.class_weights,
            "weight_column": self.weight_column,
            "matrix": self.matrix.as_ref().map(rows),
            "decision": match self.decision {
                Decision::Probable => "probable",
                Decision::Cheapest => "cheapest",
            },
        })
    }

    /// From the model file.
    ///
    /// # Errors
    /// What is not as [`Costs::to_json`] writes it.
    pub fn from_json(value: &Value) -> Result<Costs, Error> {
        let wrong = |what: &str| Error::Input(format!("the costs of the model: {what}"));
        let numbers = |value: &Value| -> Option<Vec<f64>> {
            value.as_array()?.iter().map(Value::as_f64).collect()
        };
        let present = |key: &str| value.get(key).filter(|v| !v.is_null());
        let matrix = present("matrix").map(|rows| {
            let rows: Option<Vec<Vec<f64>>> =
                rows.as_array().and_then(|rows| rows.iter().map(numbers).collect());
            let rows = rows.filter(|rows| rows.iter().all(|row| row.len() == rows.len()));
            let rows = rows.ok_or_else(|| wrong("the matrix is not square"))?;
            Ok::<_, Error>(Matrix::new(rows.len(), rows.len(), rows.concat()))
        });
        let class_weights = present("class_weights")
            .map(|w| numbers(w).ok_or_else(|| wrong("the classes' weights are no numbers")));
        Ok(Costs {
            class_weights: class_weights.transpose()?,
            weight_column: present("weight_column").and_then(Value::as_str).map(str::to_string),
            matrix: matrix.transpose()?,
            decision: match value.get("decision").and_then(Value::as_str) {
                Some("cheapest") => Decision::Cheapest,
                Some("probable") => Decision::Probable,
                _ => return Err(wrong("the decision is neither probable nor cheapest")),
            },
        })
    }
}

/// Weights with which each class weighs as much in all: n / (K nᵢ). A class without rows gets 1.
pub fn balanced(codes: &[usize], classes: usize) -> Vec<f64> {
    let mut count = vec![0usize; classes];
    codes.iter().for_each(|&c| count[c] += 1);
    let weight = |&n: &usize| match n {
        0 => 1.0,
        n => codes.len() as f64 / (classes * n) as f64,
    };
    count.iter().map(weight).collect()
}

/// Weights of the classes in proportion to what mistaking them costs, summed over the decisions
/// (Breiman et al. 1984): exact for two classes, and where a mistake costs the same whatever it is
/// taken for.
pub fn by_cost(matrix: &Matrix) -> Vec<f64> {
    let cost = |i: usize| matrix.row(i).iter().sum::<f64>() - matrix.at(i, i);
    let all: f64 = (0..matrix.rows).map(cost).sum();
    (0..matrix.rows).map(|i| cost(i) * matrix.rows as f64 / all).collect()
}

/// The rows whose weights are not all 0.
pub(crate) fn weighed(weights: &Matrix) -> Vec<usize> {
    (0..weights.rows).filter(|&i| weights.row(i).iter().any(|&w| w != 0.0)).collect()
}

/// Weights scaled so that those of the rows that count have mean 1.
///
/// # Errors
/// Weights that are negative or not finite, or all 0.
pub fn mean_one(weights: &Matrix) -> Result<Matrix, Error> {
    if let Some(k) = weights.data.iter().position(|w| !w.is_finite() || *w < 0.0) {
        return Err(Error::Input(format!(
            "the weight of row {} is {}; weights are numbers from 0",
            k / weights.cols.max(1) + 1,
            weights.data[k]
        )));
    }
    let rows = weighed(weights);
    // Summed over the rows that count alone: those of weight 0 leave no trace.
    let sum: f64 = rows.iter().flat_map(|&i| weights.row(i)).sum();
    if sum == 0.0 {
        return Err(Error::Input("all weights of the rows are 0".into()));
    }
    let scale = (rows.len() * weights.cols) as f64 / sum;
    let data = weights.data.iter().map(|w| w * scale).collect();
    Ok(Matrix::new(weights.rows, weights.cols, data))
}

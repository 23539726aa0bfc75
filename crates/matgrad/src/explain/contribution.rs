//! What each input contributes to a decision: gradient × input, and integrated gradients.

use matgrad_expr::graph::NodeId;
use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::{Bindings, evaluate};

use crate::forms::jacobian::pullback;
use crate::{Error, Network};

/// What the inputs of one row contribute to one column of the output, before the link.
#[derive(Clone, Debug, PartialEq)]
pub struct Contributions {
    /// The column of the output, from 0.
    pub column: usize,
    /// The output there.
    pub score: f64,
    /// The output at the baseline, where all inputs are 0: the mean of standardised ones.
    pub baseline: f64,
    /// For each input column: gradient × input.
    pub gradient_times_input: Vec<f64>,
    /// For each input column: input × the mean gradient on the straight way from the baseline
    /// (Sundararajan et al. 2017); they sum to score − baseline up to the error of the midpoint
    /// rule.
    pub integrated: Vec<f64>,
}

/// Points on the way from the baseline.
const POINTS: usize = 256;

/// Contributions to the output of the one row of `input`.
///
/// # Errors
/// What cannot be derived or evaluated, or a column that the output does not have.
pub fn contributions(
    network: &Network,
    weights: &[(NodeId, Matrix)],
    input: &Matrix,
    column: usize,
) -> Result<Contributions, Error> {
    // As it is in use: without noise, with the statistics of the training rows.
    let scored = network.equations.inference(network.output);
    let back =
        pullback(&network.equations.graph, scored, network.input, "S").map_err(Error::Run)?;
    let (derived, seed, gradient) = (&back.derived, back.seed, back.product);
    let graph = &derived.graph;
    let mut at = Bindings::default();
    at.set(graph, network.input, input.clone()).map_err(Error::Input)?;
    for (node, value) in weights {
        at.set(graph, *node, value.clone()).map_err(Error::Input)?;
    }
    let output = evaluate(graph, &[scored], &at).map_err(Error::Input)?;
    let output = &output[&scored];
    if column >= output.data.len() {
        return Err(Error::Input(format!("the output has {} columns", output.data.len())));
    }
    let score = output.data[column];
    let ones = Matrix::from_fn(output.rows, output.cols, |_, j| f64::from(j == column));
    at.values.insert(seed, ones);
    let mut slope = |share: f64| -> Result<Vec<f64>, Error> {
        let moved = Matrix::new(1, input.cols, input.data.iter().map(|x| x * share).collect());
        at.values.insert(network.input, moved);
        let found = evaluate(graph, &[gradient], &at).map_err(Error::Input)?;
        Ok(found[&gradient].data.clone())
    };
    let times = |slope: &[f64]| slope.iter().zip(&input.data).map(|(g, x)| g * x).collect();
    let gradient_times_input = times(&slope(1.0)?);
    let mut mean = vec![0.0; input.cols];
    for n in 0..POINTS {
        let here = slope((n as f64 + 0.5) / POINTS as f64)?;
        mean.iter_mut().zip(here).for_each(|(m, g)| *m += g / POINTS as f64);
    }
    let integrated = times(&mean);
    at.values.insert(network.input, Matrix::filled(1, input.cols, 0.0));
    let baseline = evaluate(graph, &[scored], &at).map_err(Error::Input)?;
    let baseline = baseline[&scored].data[column];
    Ok(Contributions { column, score, baseline, gradient_times_input, integrated })
}

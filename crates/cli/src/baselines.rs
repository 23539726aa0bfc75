//! What a model is measured against: it knows no more than the table, and needs no network.

use matgrad::data::{Table, TargetKind};
use matgrad::expr::matrix::Matrix;
use matgrad::metrics::{self, Metrics};
use matgrad::{Costs, Decision, FitOptions, Method, Model, Network, Precision, Solver, UpdateRule};

use crate::Failure;
use crate::tables::{Examples, examples, matrix, measured, unscaled};

/// Rows of a table.
type Rows<'a> = (&'a Table, &'a [usize]);

/// Metrics on test rows of what is learnt from training rows without a network, by their names:
/// logistic or ridge regression, and the majority class or the mean.
///
/// # Errors
/// A table that does not fit the model.
pub fn baselines(
    model: &Model,
    (data, rows): Rows,
    (test, test_rows): Rows,
) -> Result<[(&'static str, Metrics); 2], Failure> {
    let linear = measured(&linear(model, data, rows)?, test, test_rows)?.metrics;
    let constant = constant(model, (data, rows), (test, test_rows))?;
    let names = match model.encoder.labels() {
        [] => ["ridge regression", "mean"],
        _ => ["logistic regression", "majority class"],
    };
    Ok([(names[0], linear), (names[1], constant)])
}

/// The model's costs, for probabilities of a loss that does not hold them.
fn plain(model: &Model) -> Costs {
    let decision = match model.costs.matrix {
        Some(_) => Decision::Cheapest,
        None => Decision::Probable,
    };
    Costs { class_weights: None, decision, ..model.costs.clone() }
}

/// The same inputs and costs through one product: logistic regression, or ridge.
fn linear(model: &Model, data: &Table, rows: &[usize]) -> Result<Model, Failure> {
    let Examples { inputs, targets, .. } = examples(&model.encoder, &model.costs, data, rows)?;
    let classes = model.encoder.target_kind() == TargetKind::Classes;
    let loss = if classes { "cross_entropy" } else { "mse" };
    let layers = Network::layers(inputs.cols, targets.cols).loss(loss).weight_decay(1e-3);
    let network = Network::parse("baseline", &layers.equations())?;
    let start = network.initial(0)?;
    let method = Method::Search(Solver::Lbfgs);
    let options = FitOptions { epochs: 100, method, ..FitOptions::new(UpdateRule::named("sgd")?) };
    let mut fit = network.fit(&start, (&inputs, &targets), None, &options)?;
    fit.by_ref().try_for_each(|epoch| epoch.map(drop))?;
    let weights = fit.weights()?;
    drop(fit);
    Ok(Model {
        network,
        weights,
        encoder: model.encoder.clone(),
        costs: plain(model),
        seed: 0,
        precision: Precision::F64,
        training: None,
    })
}

/// What is told without looking at the inputs: the shares of the classes, or the mean.
fn constant(
    model: &Model,
    (data, rows): Rows,
    (test, test_rows): Rows,
) -> Result<Metrics, Failure> {
    let targets = matrix(model.encoder.targets(data, rows)?);
    let mean = |j: usize| {
        let known = || (0..targets.rows).map(|i| targets.at(i, j)).filter(|y| !y.is_nan());
        known().sum::<f64>() / known().count() as f64
    };
    let means: Vec<f64> = (0..targets.cols).map(mean).collect();
    let guess = |n: usize| Matrix::from_fn(n, means.len(), |_, j| means[j]);
    let labels = model.encoder.labels();
    if labels.is_empty() {
        let truth = unscaled(model, matrix(model.encoder.targets(test, test_rows)?));
        return Ok(metrics::numbers(&unscaled(model, guess(truth.rows)), &truth, f64::NAN));
    }
    let truth: Vec<usize> =
        model.encoder.class_codes(test, test_rows)?.into_iter().flatten().collect();
    let loss = -truth.iter().map(|&t| means[t].ln()).sum::<f64>() / truth.len() as f64;
    Ok(metrics::classes(&guess(truth.len()), &truth, labels, loss, &plain(model)))
}

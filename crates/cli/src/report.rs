//! What `--report` and `--tensorboard` write.

use std::io::Read;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use matgrad::data::{Table, TargetKind};
use matgrad::expr::matrix::Matrix;
use matgrad::metrics;
use matgrad::{
    Costs, Decision, Epoch, FitOptions, Method, Model, Network, Precision, Solver, write_atomically,
};
use matgrad_report::{Part, Report, tensorboard};
use sha2::{Digest, Sha256};

use crate::Failure;
use crate::tables::{Examples, examples, measured};

/// SHA-256 of the file that a table came from; `None` for standard input.
pub fn hash(path: &Path) -> Option<String> {
    let mut file = std::fs::File::open(path).ok()?;
    let (mut hash, mut part) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut part).ok()? {
            0 => break,
            length => hash.update(&part[..length]),
        }
    }
    Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The lines of the card that any model has.
fn card(model: &Model, data: &Table, path: &Path) -> Vec<(String, String)> {
    let line = |what: &str, value: String| (what.to_string(), value);
    let mut card = vec![line("data", format!("{} ({} rows)", data.file, data.rows))];
    card.extend(hash(path).map(|hash| line("SHA-256 of the data", hash)));
    card.push(line("target", model.encoder.target_names().join(", ")));
    card.push(line("inputs", model.encoder.input_names().join(", ")));
    if !model.encoder.labels().is_empty() {
        card.push(line("classes", model.encoder.labels().join(", ")));
        card.push(line("decision", format!("{:?}", model.costs.decision).to_lowercase()));
    }
    if let Some(matrix) = &model.costs.matrix {
        let rows: Vec<String> = (0..matrix.rows).map(|i| format!("{:?}", matrix.row(i))).collect();
        card.push(line("costs (true × decided)", rows.join(" ")));
    }
    if let Some(weights) = &model.costs.class_weights {
        card.push(line("weights of the classes", format!("{weights:.4?}")));
    }
    if let Some(column) = &model.costs.weight_column {
        card.push(line("weight column", column.clone()));
    }
    if let Some(training) = &model.training {
        let settings: Vec<String> =
            training.settings.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let rule = training.rule.lines().find(|l| l.starts_with("optimizer"));
        card.push(line("update rule", rule.unwrap_or(&training.rule).to_string()));
        card.push(line("settings", settings.join(", ")));
        card.push(line("epochs", training.checkpoint.epoch.to_string()));
    }
    card.push(line("seed", model.seed.to_string()));
    card.push(line("precision", format!("{:?}", model.precision).to_lowercase()));
    card.push(line("version", format!("matgrad {}", env!("CARGO_PKG_VERSION"))));
    card.retain(|(_, value)| !value.is_empty());
    card
}

/// Writes the page of a model that was measured on rows of tables: `train` are those it and the
/// baselines learn from, `parts` all that are shown.
///
/// # Errors
/// A table that does not fit the model; a file that cannot be written.
pub fn write(
    path: &Path,
    model: &Model,
    train: Option<(&Table, &[usize])>,
    parts: &[(&str, &Table, &[usize])],
    epochs: &[Epoch],
    source: &Path,
) -> Result<(), Failure> {
    let mut shown = Vec::new();
    for &(name, data, rows) in parts {
        let found = measured(model, data, rows)?;
        let name = name.to_string();
        shown.push(Part { name, metrics: found.metrics, curves: found.curves });
    }
    if let (Some((data, rows)), Some(&(name, test, test_rows))) = (train, parts.last()) {
        let linear = linear(model, data, rows)?;
        let kind = if model.encoder.labels().is_empty() { "ridge" } else { "logistic" };
        let names = [format!("{kind} regression, {name}"), format!("constant, {name}")];
        let found = [
            measured(&linear, test, test_rows)?.metrics,
            constant(model, (data, rows), (test, test_rows))?,
        ];
        for (name, metrics) in names.into_iter().zip(found) {
            shown.push(Part { name, metrics, curves: None });
        }
    }
    let (_, data, _) = parts[0];
    let split = parts.iter().map(|(name, _, rows)| format!("{name} {}", rows.len()));
    let mut card = card(model, data, source);
    card.insert(1, ("rows".into(), split.collect::<Vec<_>>().join(", ")));
    let title = format!("{} by matgrad", model.encoder.target_names().join(", "));
    let page = Report { title, card, model, epochs, parts: shown }.to_string();
    Ok(write_atomically(path, page.as_bytes())?)
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
    let options =
        FitOptions { epochs: 100, method, ..FitOptions::new(matgrad::UpdateRule::named("sgd")?) };
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
    (data, rows): (&Table, &[usize]),
    (test, test_rows): (&Table, &[usize]),
) -> Result<metrics::Metrics, Failure> {
    let targets = crate::tables::matrix(model.encoder.targets(data, rows)?);
    let mean = |j: usize| {
        let known = || (0..targets.rows).map(|i| targets.at(i, j)).filter(|y| !y.is_nan());
        known().sum::<f64>() / known().count() as f64
    };
    let means: Vec<f64> = (0..targets.cols).map(mean).collect();
    let guess = |n: usize| Matrix::from_fn(n, means.len(), |_, j| means[j]);
    let labels = model.encoder.labels();
    if labels.is_empty() {
        let truth = crate::tables::unscaled(
            model,
            crate::tables::matrix(model.encoder.targets(test, test_rows)?),
        );
        return Ok(metrics::numbers(
            &crate::tables::unscaled(model, guess(truth.rows)),
            &truth,
            f64::NAN,
        ));
    }
    let truth: Vec<usize> =
        model.encoder.class_codes(test, test_rows)?.into_iter().flatten().collect();
    let loss = -truth.iter().map(|&t| means[t].ln()).sum::<f64>() / truth.len() as f64;
    Ok(metrics::classes(&guess(truth.len()), &truth, labels, loss, &plain(model)))
}

/// Writes the course of training as an event file.
///
/// # Errors
/// A folder that cannot be written.
pub fn events(folder: &Path, epochs: &[Epoch]) -> Result<(), Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
    let began = now - epochs.last().map_or(0.0, |e| e.seconds);
    let mut file = tensorboard::version(began);
    for e in epochs {
        let numbers = [
            ("loss/train", Some(e.train_loss)),
            ("loss/validation", e.validation_loss),
            ("learning_rate", e.learning_rate),
        ];
        for (tag, value) in numbers {
            let written =
                value.map(|v| tensorboard::scalar(tag, v, e.number as u64, began + e.seconds));
            file.extend(written.into_iter().flatten());
        }
    }
    let name = format!("events.out.tfevents.{}.{}.matgrad", now as u64, std::process::id());
    let failed = |e| Failure::input(format!("{} cannot be written: {e}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    Ok(write_atomically(&folder.join(name), &file)?)
}

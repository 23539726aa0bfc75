//! The verbs on tables: train, evaluate, predict, explain.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use matgrad::data::{
    Encoder, EncoderOptions, Header, ReadOptions, Scaling, Table, TargetKind, read, split,
};
use matgrad::expr::graph::NodeId;
use matgrad::expr::matrix::Matrix;
use matgrad::metrics::{self, Metrics};
use matgrad::{Evaluator, FitOptions, Model, Network, Precision, UpdateRule, explain as explained};
use serde_json::json;

use crate::args::{Bits, Scaled, Train};
use crate::{Failure, Talk, may_write, read_text, say};

fn matrix(m: matgrad::data::Matrix) -> Matrix {
    Matrix::new(m.rows, m.cols, m.data)
}

fn table(path: &Path, header: Header) -> Result<Table, Failure> {
    Ok(read(path, &ReadOptions { header, ..ReadOptions::default() })?)
}

fn fraction(value: Option<f64>, flag: &str) -> Result<Option<f64>, Failure> {
    match value {
        Some(f) if !(f > 0.0 && f < 1.0) => Err(Failure {
            code: 2,
            message: format!("{flag} {f}: a share between 0 and 1 is wanted"),
        }),
        other => Ok(other),
    }
}

/// A table in, a model and metrics out.
pub fn train(args: &Train, talk: &Talk) -> Result<(), Failure> {
    let started = Instant::now();
    let test_fraction = fraction(args.test_fraction, "--test-fraction")?;
    let validation_fraction = fraction(args.validation_fraction, "--validation-fraction")?;
    let batch = match args.batch.as_str() {
        "full" => None,
        number => Some(number.parse().ok().filter(|&n: &usize| n > 0).ok_or_else(|| Failure {
            code: 2,
            message: format!("--batch {number}: a number of rows or `full` is wanted"),
        })?),
    };
    for path in args.output.iter().chain(&args.log) {
        may_write(path, args.force)?;
    }
    let rule = match args.optimizer.as_deref() {
        Some(file) if file.ends_with(".eq") => {
            UpdateRule::parse(file, &read_text(Path::new(file))?)?
        }
        Some(name) => UpdateRule::named(name)?,
        None => UpdateRule::named(if batch.is_none() { "rprop" } else { "adam" })?,
    };
    let mut settings = Vec::new();
    for setting in &args.set {
        let parsed = setting
            .split_once('=')
            .and_then(|(n, v)| Some((n.to_string(), v.parse::<f64>().ok()?)));
        settings.push(parsed.ok_or_else(|| Failure {
            code: 2,
            message: format!("--set {setting}: write NAME=NUMBER"),
        })?);
    }
    rule.settings(&settings)?;

    let data = table(&args.data, if args.no_header { Header::Absent } else { Header::Auto })?;
    let targets: Result<Vec<usize>, _> = args.target.iter().map(|t| data.column(t)).collect();
    let targets = targets?;
    let all: Vec<usize> = (0..data.rows).collect();
    let kind = TargetKind::resolve(TargetKind::Auto, &data, &targets, &all);
    let strata = (kind == TargetKind::Classes).then(|| data.strata(targets[0]));
    let hold = |rows: &[usize], share: Option<f64>| match share {
        Some(f) => split(rows, strata.as_deref(), f, args.seed),
        None => (rows.to_vec(), Vec::new()),
    };
    let (kept, test_rows) = hold(&all, test_fraction);
    let (train_rows, validation_rows) = hold(&kept, validation_fraction);
    let scaling = match args.standardize {
        Scaled::Standardize => Scaling::Standardize,
        Scaled::Minmax => Scaling::MinMax,
        Scaled::None => Scaling::None,
    };
    let options =
        EncoderOptions { targets, target_kind: kind, scaling, ..EncoderOptions::default() };
    let encoder = Encoder::fit(&data, &train_rows, &options)?;
    if !talk.quiet {
        encoder.warnings().iter().for_each(|w| eprintln!("warning: {w}"));
    }
    let numbers = |rows: &[usize]| -> Result<(Matrix, Matrix), Failure> {
        Ok((matrix(encoder.inputs(&data, rows)?), matrix(encoder.targets(&data, rows)?)))
    };
    let (x, y) = numbers(&train_rows)?;
    let validation =
        if validation_rows.is_empty() { None } else { Some(numbers(&validation_rows)?) };

    let classes = kind == TargetKind::Classes;
    let network = match &args.network {
        Some(file) => Network::parse(&file.display().to_string(), &read_text(file)?)?,
        None => {
            let known = |name: &str| matgrad::library::standard().names.contains(name);
            for name in [Some(&args.activation), args.loss.as_ref()].into_iter().flatten() {
                if !known(name) {
                    let names = matgrad::library::standard().names.iter().map(String::as_str);
                    let near = matgrad::expr::diagnostic::nearest(name, names);
                    let near = near.map_or(String::new(), |n| format!("; did you mean {n}?"));
                    return Err(Failure::input(format!("there is no function {name}{near}")));
                }
            }
            let mut layers = Network::layers(x.cols, y.cols)
                .activation(&args.activation)
                .weight_decay(args.weight_decay);
            for &units in args.hidden.iter().filter(|&&u| u > 0) {
                layers = layers.dense(units);
            }
            let loss =
                args.loss.as_deref().unwrap_or(if classes { "cross_entropy" } else { "mse" });
            Network::parse("layers", &layers.loss(loss).equations())?
        }
    };
    let options = FitOptions {
        rule,
        settings,
        epochs: args.epochs,
        batch,
        seed: args.seed,
        precision: if args.precision == Bits::F64 { Precision::F64 } else { Precision::F32 },
        patience: args.patience,
    };
    let initial = network.initial(args.seed)?;
    let mut log =
        args.log.as_ref().map(std::fs::File::create).transpose().map_err(Failure::input)?;
    let bar = if !talk.quiet && !talk.json && std::io::stderr().is_terminal() {
        indicatif::ProgressBar::new(args.epochs as u64)
    } else {
        indicatif::ProgressBar::hidden()
    };
    let mut fit =
        network.fit(&initial, (&x, &y), validation.as_ref().map(|(a, b)| (a, b)), &options)?;
    let mut epochs = 0;
    for epoch in fit.by_ref() {
        let epoch = epoch?;
        epochs = epoch.number;
        bar.set_position(epoch.number as u64);
        if let Some(log) = &mut log {
            let line = json!({"epoch": epoch.number, "train_loss": epoch.train_loss, "validation_loss": epoch.validation_loss});
            writeln!(log, "{line}").map_err(Failure::input)?;
        }
    }
    bar.finish_and_clear();
    let mut weights: HashMap<NodeId, Matrix> = initial.iter().cloned().collect();
    weights.extend(fit.weights()?);
    drop(fit);
    let weights = initial.into_iter().map(|(n, _)| (n, weights[&n].clone())).collect();
    let model = Model { network, weights, encoder, seed: args.seed };
    let train = measure(&model, &data, &train_rows)?;
    let validation = if validation_rows.is_empty() {
        None
    } else {
        Some(measure(&model, &data, &validation_rows)?)
    };
    let test = match &args.test {
        Some(path) => {
            let other = table(path, header(&model.encoder))?;
            let rows: Vec<usize> = (0..other.rows).collect();
            Some(measure(&model, &other, &rows)?)
        }
        None if test_rows.is_empty() => None,
        None => Some(measure(&model, &data, &test_rows)?),
    };
    if let Some(path) = &args.output {
        model.save(path)?;
    }
    let seconds = started.elapsed().as_secs_f64();
    if talk.json {
        let each =
            |m: &Option<Metrics>| m.as_ref().map_or(serde_json::Value::Null, Metrics::to_json);
        let report = json!({
            "epochs": epochs, "seconds": seconds, "seed": args.seed, "train": train.to_json(),
            "validation": each(&validation), "test": each(&test),
            "model": args.output.as_ref().map(|p| p.display().to_string()),
        });
        return say(format!("{report}\n"));
    }
    say(format!(
        "{} epochs of {} in {seconds:.2} s, seed {}\n",
        epochs, options.rule.rule.name.text, args.seed
    ))?;
    for (what, m) in
        [("train", Some(&train)), ("validation", validation.as_ref()), ("test", test.as_ref())]
    {
        if let Some(m) = m {
            say(format!("{what:<11}{m}\n"))?;
        }
    }
    confusion(test.as_ref().unwrap_or(&train))?;
    match &args.output {
        Some(path) => say(format!("model in {}\n", path.display())),
        None if !talk.quiet => {
            eprintln!("no model was written; name a file with -o MODEL");
            Ok(())
        }
        None => Ok(()),
    }
}

fn confusion(metrics: &Metrics) -> Result<(), Failure> {
    let Metrics::Classes(m) = metrics else { return Ok(()) };
    if m.labels.len() > 20 {
        return Ok(());
    }
    let width = m.labels.iter().map(|l| l.chars().count()).max().unwrap_or(0).max(5);
    say(format!("\n{:>width$}  decided\n{:>width$}", "true", ""))?;
    m.labels.iter().try_for_each(|l| say(format!("  {l:>width$}")))?;
    say("\n")?;
    for (label, row) in m.labels.iter().zip(&m.confusion) {
        say(format!("{label:>width$}"))?;
        row.iter().try_for_each(|n| say(format!("  {n:>width$}")))?;
        say("\n")?;
    }
    say("\n")
}

fn header(encoder: &Encoder) -> Header {
    if encoder.named() { Header::Present } else { Header::Absent }
}

fn predictions(
    model: &Model,
    data: &Table,
    rows: &[usize],
    targets: Option<&Matrix>,
) -> Result<(Matrix, f64), Failure> {
    let x = matrix(model.encoder.inputs(data, rows)?);
    let mut evaluator = Evaluator::new(&model.network, rows.len(), Precision::F64)?;
    evaluator.weights(model.weights.iter().map(|(n, m)| (*n, m.data.as_slice())))?;
    Ok(evaluator.run(&x, targets)?)
}

fn measure(model: &Model, data: &Table, rows: &[usize]) -> Result<Metrics, Failure> {
    let y = matrix(model.encoder.targets(data, rows)?);
    let (predicted, loss) = predictions(model, data, rows, Some(&y))?;
    if model.encoder.target_kind() == TargetKind::Classes {
        let truth: Vec<usize> =
            model.encoder.class_codes(data, rows)?.into_iter().flatten().collect();
        return Ok(metrics::classes(&predicted, &truth, model.encoder.labels(), loss));
    }
    let unscaled = |m: Matrix| {
        let mut m = matgrad::data::Matrix { rows: m.rows, cols: m.cols, data: m.data };
        model.encoder.unscale_targets(&mut m);
        matrix(m)
    };
    Ok(metrics::numbers(&unscaled(predicted), &unscaled(y), loss))
}

/// Metrics of a model on a table.
pub fn evaluate(model: &Path, data: &Path, talk: &Talk) -> Result<(), Failure> {
    let model = Model::load(model)?;
    let data = table(data, header(&model.encoder))?;
    let rows: Vec<usize> = (0..data.rows).collect();
    let found = measure(&model, &data, &rows)?;
    if talk.json {
        return say(format!("{}\n", found.to_json()));
    }
    say(format!("{found}\n"))?;
    confusion(&found)
}

/// Predictions as CSV.
pub fn predict(
    model: &Path,
    data: &Path,
    output: Option<&Path>,
    proba: bool,
    force: bool,
) -> Result<(), Failure> {
    if let Some(path) = output {
        may_write(path, force)?;
    }
    let model = Model::load(model)?;
    let data = table(data, header(&model.encoder))?;
    let rows: Vec<usize> = (0..data.rows).collect();
    model.encoder.unseen(&data, &rows)?.iter().for_each(|w| eprintln!("warning: {w}"));
    let (predicted, _) = predictions(&model, &data, &rows, None)?;
    let quoted = |s: &str| {
        if s.contains([',', '"', '\n']) {
            format!("\"{}\"", s.replace('"', "\"\""))
        } else {
            s.to_string()
        }
    };
    let mut text = String::new();
    let names = model.encoder.target_names();
    if model.encoder.target_kind() == TargetKind::Classes {
        let labels = model.encoder.labels();
        text += &quoted(names.first().map_or("class", |n| n.as_str()));
        if proba {
            labels.iter().for_each(|l| text += &format!(",{}", quoted(l)));
        }
        text += "\n";
        for i in 0..predicted.rows {
            text += &quoted(&labels[metrics::decide(predicted.row(i))]);
            if proba {
                predicted.row(i).iter().for_each(|p| text += &format!(",{p}"));
            }
            text += "\n";
        }
    } else {
        let mut m = matgrad::data::Matrix {
            rows: predicted.rows,
            cols: predicted.cols,
            data: predicted.data,
        };
        model.encoder.unscale_targets(&mut m);
        text += &names.iter().map(|n| quoted(n)).collect::<Vec<_>>().join(",");
        text += "\n";
        for row in m.data.chunks(m.cols.max(1)) {
            text += &row.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
            text += "\n";
        }
    }
    match output {
        Some(path) => std::fs::write(path, text)
            .map_err(|e| Failure::input(format!("{}: {e}", path.display()))),
        None => say(text),
    }
}

/// Every number of one example.
pub fn explain(
    model: &Path,
    data: &Path,
    row: usize,
    target: &[String],
    no_header: bool,
    rate: f64,
    as_json: bool,
) -> Result<(), Failure> {
    let page = model.extension().is_some_and(|e| e == "eq");
    let (network, weights, x, y);
    if page {
        network = Network::parse(&model.display().to_string(), &read_text(model)?)?;
        weights = network.initial(0)?;
        let data = table(data, if no_header { Header::Absent } else { Header::Auto })?;
        let count =
            network.equations.graph.shape(network.target).cols.number().unwrap_or(1) as usize;
        let targets: Vec<usize> = if target.is_empty() {
            (data.columns.len().saturating_sub(count)..data.columns.len()).collect()
        } else {
            target.iter().map(|t| data.column(t)).collect::<Result<_, _>>()?
        };
        let options = EncoderOptions {
            target_kind: if targets.len() > 1 { TargetKind::Numbers } else { TargetKind::Auto },
            targets,
            scaling: Scaling::None,
            target_scaling: Scaling::None,
            ..EncoderOptions::default()
        };
        let all: Vec<usize> = (0..data.rows).collect();
        let encoder = Encoder::fit(&data, &all, &options)?;
        let rows = one_row(row, data.rows)?;
        x = matrix(encoder.inputs(&data, &rows)?);
        y = matrix(encoder.targets(&data, &rows)?);
    } else {
        let model = Model::load(model)?;
        let data = table(data, header(&model.encoder))?;
        let rows = one_row(row, data.rows)?;
        x = matrix(model.encoder.inputs(&data, &rows)?);
        y = matrix(model.encoder.targets(&data, &rows)?);
        network = model.network;
        weights = model.weights;
    }
    let lines = explained::explain(&network, &weights, &x, &y, rate)?;
    if as_json {
        return say(format!("{}\n", explained::to_json(&lines)));
    }
    say(explained::to_text(&lines))
}

fn one_row(row: usize, rows: usize) -> Result<Vec<usize>, Failure> {
    match row.checked_sub(1).filter(|&r| r < rows) {
        Some(r) => Ok(vec![r]),
        None => {
            Err(Failure::input(format!("there is no row {row}; the table has rows 1 to {rows}")))
        }
    }
}

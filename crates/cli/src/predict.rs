//! The verb `predict`: predictions of a model for the rows of a table.

use std::path::Path;

use matgrad::data::{Table, TargetKind};
use matgrad::expr::matrix::Matrix;
use matgrad::{Model, Predictor};
use serde_json::{Value, json};

use crate::encoded::parts;
use crate::output::{is_stream, outputs};
use crate::tables::{header, memory, table, unscaled};
use crate::{Failure, Talk, input, output, say};

/// Predictions as CSV, or as JSON on standard output.
///
/// # Errors
/// A table that does not fit the model; a file that cannot be written.
pub fn predict(
    model: &Path,
    data: &Path,
    file: Option<&Path>,
    proba: bool,
    force: bool,
    talk: &Talk,
) -> Result<(), Failure> {
    input::read_once(&[("MODEL", Some(model)), ("DATA", Some(data))])?;
    let file = file.filter(|path| !is_stream(path));
    outputs(&[("--output", file)], force, talk)?;
    let model = input::model(model)?;
    let data = table(data, header(&model.encoder), &memory())?;
    let rows: Vec<usize> = (0..data.rows).collect();
    model.encoder.unseen(&data, &rows)?.iter().for_each(|w| talk.warn(w));
    let predicted = predictions(&model, &data, &rows)?;
    if let Some(path) = file {
        output::write(path, csv(&model, &predicted, proba).as_bytes())?;
        let written = json!({"file": path.display().to_string(), "rows": predicted.rows});
        return if talk.json { say(format!("{written}\n")) } else { Ok(()) };
    }
    match talk.json {
        true => say(format!("{}\n", to_json(&model, &predicted, proba))),
        false => say(csv(&model, &predicted, proba)),
    }
}

/// Probabilities of the classes, or numbers on the scale of the table.
fn predictions(model: &Model, data: &Table, rows: &[usize]) -> Result<Matrix, Failure> {
    let predictor = Predictor::<f64>::new(&model.network, &model.weights, rows.len().min(1024))?;
    let columns = predictor.widths().1;
    let mut all = Matrix::filled(rows.len(), columns, 0.0);
    let mut left = &mut all.data[..];
    for part in parts(&model.encoder, rows) {
        let x = model.encoder.inputs(data, part)?;
        let (these, rest) = left.split_at_mut(part.len() * columns);
        predictor.session().run(&x.data, these)?;
        left = rest;
    }
    model.network.link.apply(&mut all);
    Ok(if classes(model) { all } else { unscaled(model, all) })
}

fn classes(model: &Model) -> bool {
    model.encoder.target_kind() == TargetKind::Classes
}

/// A field of CSV.
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_string(),
    }
}

fn csv(model: &Model, predicted: &Matrix, proba: bool) -> String {
    let (names, labels) = (model.encoder.target_names(), model.encoder.labels());
    let mut head: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    if classes(model) {
        head.truncate(1);
        if head.is_empty() {
            head.push("class".into());
        }
        if proba {
            head.extend(labels.iter().map(|label| quoted(label)));
        }
    }
    let mut text = head.join(",") + "\n";
    for i in 0..predicted.rows {
        let row = predicted.row(i);
        let mut fields = Vec::new();
        if classes(model) {
            fields.push(quoted(&labels[model.costs.decide(row)]));
        }
        if !classes(model) || proba {
            fields.extend(row.iter().map(f64::to_string));
        }
        text += &fields.join(",");
        text += "\n";
    }
    text
}

/// A label for each row, or a row of numbers for each.
fn to_json(model: &Model, predicted: &Matrix, proba: bool) -> Value {
    let rows = || (0..predicted.rows).map(|i| predicted.row(i));
    let targets = model.encoder.target_names();
    if !classes(model) {
        return json!({"targets": targets, "predictions": rows().collect::<Vec<_>>()});
    }
    let labels = model.encoder.labels();
    let decided: Vec<&String> = rows().map(|row| &labels[model.costs.decide(row)]).collect();
    let mut all = json!({"targets": targets, "labels": labels, "predictions": decided});
    if proba {
        all["probabilities"] = json!(rows().collect::<Vec<_>>());
    }
    all
}

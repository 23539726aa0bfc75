//! What `--report` and `--tensorboard` write.

use std::io::Read;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use matgrad::data::Table;
use matgrad::{Epoch, Model};
use matgrad_report::{Part, Report, tensorboard};
use sha2::{Digest, Sha256};

use crate::baselines::baselines;
use crate::tables::measured;
use crate::{Failure, output};

/// SHA-256 of the file that a table came from; `None` for standard input.
pub fn hash(path: &Path) -> Option<String> {
    let mut file = match output::is_stream(path) {
        true => return None,
        false => std::fs::File::open(path).ok()?,
    };
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
        let told = ["none", "any"];
        let course = training.course.iter().filter(|(_, value)| !told.contains(&value.as_str()));
        card.extend(course.map(|(name, value)| line(name, value.clone())));
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
    if let (Some(train), Some(&(part, test, rows))) = (train, parts.last()) {
        for (name, metrics) in baselines(model, train, (test, rows))? {
            shown.push(Part { name: format!("{name}, {part}"), metrics, curves: None });
        }
    }
    let (_, data, _) = parts[0];
    let split = parts.iter().map(|(name, _, rows)| format!("{name} {}", rows.len()));
    let mut card = card(model, data, source);
    card.insert(1, ("rows".into(), split.collect::<Vec<_>>().join(", ")));
    let title = format!("{} by matgrad", model.encoder.target_names().join(", "));
    let page = Report { title, card, model, epochs, parts: shown }.to_string();
    output::write(path, page.as_bytes())
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
    std::fs::create_dir_all(folder).map_err(|e| Failure::unwritten(folder, e))?;
    output::write(&folder.join(name), &file)
}

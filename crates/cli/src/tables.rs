//! The verbs on tables and models: evaluate, explain.

use std::borrow::Cow;
use std::path::Path;

use matgrad::costs::mean_one;
use matgrad::data::{
    Encoder, EncoderOptions, Header, Memory, ReadOptions, Scaling, Table, TargetKind, Values, read,
};
use matgrad::expr::matrix::Matrix;
use matgrad::metrics::{self, Metrics};
use matgrad::{Costs, Evaluator, Model, Network, Precision, explain as explained};

use crate::args::{Explain, Shown};
use crate::encoded::{parts, stacked, widened};
use crate::input::{Source, page_or_model, read_once, shown};
use crate::output::outputs;
use crate::{Failure, Talk, input, say};

/// A matrix of the data as one of the engine.
pub fn matrix(m: matgrad::data::Matrix) -> Matrix {
    Matrix::new(m.rows, m.cols, m.data)
}

/// Reads a table; what is larger than so much memory is kept on the disk.
///
/// # Errors
/// What is wrong with it.
pub fn table(path: &Path, header: Header, memory: &Memory) -> Result<Table, Failure> {
    let memory = memory.clone();
    Ok(read(path, &ReadOptions { header, memory, ..ReadOptions::default() })?)
}

/// What a table may take of memory where no flag says it.
pub fn memory() -> Memory {
    Memory::share(SHARE)
}

/// A table in memory takes up to four times the bytes of its text, and its rows are encoded.
pub const SHARE: f64 = 0.25;

/// Prints who was taken for whom, where the classes are few.
///
/// # Errors
/// Standard output that takes no more.
pub fn confusion(metrics: &Metrics, talk: &Talk) -> Result<(), Failure> {
    let Metrics::Classes(m) = metrics else { return Ok(()) };
    if m.labels.len() > 20 {
        return Ok(());
    }
    let width = m.labels.iter().map(|l| l.chars().count()).max().unwrap_or(0).max(5);
    talk.say(format!("\n{:>width$}  decided\n{:>width$}", "true", ""))?;
    m.labels.iter().try_for_each(|l| talk.say(format!("  {l:>width$}")))?;
    talk.say("\n")?;
    for (label, row) in m.labels.iter().zip(&m.confusion) {
        talk.say(format!("{label:>width$}"))?;
        row.iter().try_for_each(|n| talk.say(format!("  {n:>width$}")))?;
        talk.say("\n")?;
    }
    talk.say("\n")
}

/// Whether tables for this encoder have names.
pub fn header(encoder: &Encoder) -> Header {
    if encoder.named() { Header::Present } else { Header::Absent }
}

/// Rows of a table as matrices; what is missing among the targets is 0 with weight 0.
pub struct Examples {
    /// Inputs.
    pub inputs: Matrix,
    /// Targets.
    pub targets: Matrix,
    /// Weights, if not all are the same.
    pub weights: Option<Matrix>,
}

/// Rows of a table as a network eats them.
///
/// # Errors
/// A table that does not fit the encoder.
pub fn examples(
    encoder: &Encoder,
    costs: &Costs,
    data: &Table,
    rows: &[usize],
) -> Result<Examples, Failure> {
    let (targets, weights) = weighed(encoder, costs, data, rows)?;
    Ok(Examples { inputs: matrix(encoder.inputs(data, rows)?), targets, weights })
}

/// Targets with their weights.
fn weighed(
    encoder: &Encoder,
    costs: &Costs,
    data: &Table,
    rows: &[usize],
) -> Result<(Matrix, Option<Matrix>), Failure> {
    let mut targets = matrix(encoder.targets(data, rows)?);
    let column = crate::costs::column(costs, data, rows)?;
    let weights = costs.weigh(&mut targets, column.as_deref());
    Ok((targets, weights))
}

fn evaluator(model: &Model, rows: usize) -> Result<Evaluator, Failure> {
    let mut evaluator = Evaluator::new(&model.network, rows, Precision::F64)?;
    evaluator.weights(model.weights.iter().map(|(n, m)| (*n, m.data.as_slice())))?;
    Ok(evaluator)
}

/// Rows whose metrics are taken after a fit: all, or every so many of them.
pub fn sampled(rows: &[usize]) -> Cow<'_, [usize]> {
    match rows.len().div_ceil(1 << 20) {
        0 | 1 => Cow::Borrowed(rows),
        step => rows.iter().step_by(step).copied().collect(),
    }
}

/// Metrics of a model on rows of a table.
///
/// # Errors
/// A table that does not fit the model.
pub fn measure(model: &Model, data: &Table, rows: &[usize]) -> Result<Metrics, Failure> {
    Ok(measured(model, data, rows)?.metrics)
}

/// Metrics with what their curves are drawn from.
pub struct Measured {
    /// The metrics.
    pub metrics: Metrics,
    /// Probabilities of the classes, and the true ones.
    pub curves: Option<(Matrix, Vec<usize>)>,
}

/// Metrics of a model on rows of a table, and their curves.
///
/// # Errors
/// A table that does not fit the model.
pub fn measured(model: &Model, data: &Table, rows: &[usize]) -> Result<Measured, Failure> {
    let classes = model.encoder.target_kind() == TargetKind::Classes;
    let mut rows = rows.to_vec();
    let mut truth = Vec::new();
    if classes {
        let codes = model.encoder.class_codes(data, &rows)?;
        let mut known = codes.iter().map(Option::is_some);
        rows.retain(|_| known.next() == Some(true));
        truth = codes.into_iter().flatten().collect();
    }
    let (encoder, costs) = (&model.encoder, &model.costs);
    // The weights' mean is over all rows.
    let weights = match model.network.row_weights {
        None => None,
        Some(node) => {
            let columns = model.network.columns(node);
            let of = |part: &[usize]| Ok((part.len(), weighed(encoder, costs, data, part)?.1));
            let weights = parts(encoder, &rows).map(of).collect::<Result<_, Failure>>()?;
            Some(mean_one(&widened(stacked(weights), rows.len(), columns))?)
        }
    };
    let mut evaluator = evaluator(model, rows.len())?;
    let (mut predicted, mut truths, mut loss, mut from) = (Vec::new(), Vec::new(), 0.0, 0);
    for part in parts(encoder, &rows) {
        let Examples { inputs, targets, .. } = examples(encoder, costs, data, part)?;
        let weights =
            weights.as_ref().map(|w| w.select_rows(&(from..from + part.len()).collect::<Vec<_>>()));
        let (found, mean) = evaluator.run_weighted(&inputs, Some(&targets), weights.as_ref())?;
        loss += mean * part.len() as f64;
        predicted.extend(found.data);
        if !classes {
            truths.extend(encoder.targets(data, part)?.data);
        }
        from += part.len();
    }
    let cols = predicted.len() / rows.len().max(1);
    let (predicted, loss) = (Matrix::new(rows.len(), cols, predicted), loss / rows.len() as f64);
    if classes {
        let metrics = metrics::classes(&predicted, &truth, encoder.labels(), loss, costs);
        return Ok(Measured { metrics, curves: Some((predicted, truth)) });
    }
    let truths = Matrix::new(rows.len(), encoder.target_width(), truths);
    let metrics = metrics::numbers(&unscaled(model, predicted), &unscaled(model, truths), loss);
    Ok(Measured { metrics, curves: None })
}

/// Outputs, or targets, on the scale of the table.
pub fn unscaled(model: &Model, m: Matrix) -> Matrix {
    let mut m = matgrad::data::Matrix { rows: m.rows, cols: m.cols, data: m.data };
    model.encoder.unscale_targets(&mut m);
    matrix(m)
}

/// Metrics of a model on a table.
pub fn evaluate(
    model: &Path,
    source: &Path,
    page: Option<(&Path, bool)>,
    talk: &Talk,
) -> Result<(), Failure> {
    read_once(&[("MODEL", Some(model)), ("DATA", Some(source))])?;
    let (path, force) = page.unzip();
    let talk = &outputs(&[("--report", path)], force == Some(true), talk)?;
    let model = input::model(model)?;
    let data = table(source, header(&model.encoder), &memory())?;
    let rows: Vec<usize> = (0..data.rows).collect();
    let found = measure(&model, &data, &rows)?;
    if let Some((path, _)) = page {
        crate::report::write(path, &model, None, &[("all", &data, &rows)], &[], source)?;
    }
    if talk.json {
        return say(format!("{}\n", found.to_json()));
    }
    talk.say(format!("{found}\n"))?;
    confusion(&found, talk)
}

/// Every number of one example or a small batch.
pub fn explain(asked: &Explain, talk: &Talk) -> Result<(), Failure> {
    read_once(&[("MODEL", Some(&asked.model)), ("DATA", Some(&asked.data))])?;
    let digits = usize::from(asked.digits);
    let (network, weights, encoder, data, costs);
    match page_or_model(&asked.model)? {
        Source::Page(text) => {
            network = Network::parse(&shown(&asked.model), &text)?;
            weights = network.initial(0)?;
            let header = if asked.no_header { Header::Absent } else { Header::Auto };
            data = table(&asked.data, header, &memory())?;
            encoder = encoder_of(&network, &data, &asked.target)?;
            costs = Costs::default();
        }
        Source::Model(model) => {
            data = table(&asked.data, header(&model.encoder), &memory())?;
            (network, weights, encoder) = (model.network, model.weights, model.encoder);
            costs = model.costs;
        }
    }
    let rows = numbered(&asked.row, data.rows)?;
    let x = matrix(encoder.inputs(&data, &rows)?);
    let y = matrix(encoder.targets(&data, &rows)?);
    let mut said = explained::explain(&network, &weights, &x, &y, asked.lr, &asked.entry, digits)?;
    if asked.contributions {
        said.inputs = encoder.input_names();
        let mut evaluator = Evaluator::new(&network, rows.len(), Precision::F64)?;
        evaluator.weights(weights.iter().map(|(n, m)| (*n, m.data.as_slice())))?;
        let (predicted, _) = evaluator.run(&x, None)?;
        for (i, row) in asked.row.iter().enumerate() {
            let column = costs.decide(predicted.row(i));
            let labels = encoder.labels();
            let what = match labels.get(column) {
                Some(label) => format!("row {row}: {label}"),
                None => format!("row {row}: {}", encoder.target_names().join(", ")),
            };
            let one = x.select_rows(&[i]);
            // One column for two classes: the score is that of the second.
            let column = column.min(predicted.cols - 1);
            said.decisions
                .push((what, explained::contributions(&network, &weights, &one, column)?));
        }
    }
    match asked.format {
        _ if talk.json => say(format!("{}\n", said.to_json())),
        Shown::Json => say(format!("{}\n", said.to_json())),
        Shown::Text => say(said.to_text(digits)),
        Shown::Html => say(said.to_html(digits)),
        Shown::Latex => say(said.to_latex(digits)),
    }
}

/// The columns of a table for a page: its targets are those named, or the last.
fn encoder_of(network: &Network, data: &Table, named: &[String]) -> Result<Encoder, Failure> {
    let shape = network.equations.graph.shape(network.target);
    let count = shape.cols.number().unwrap_or(1) as usize;
    let targets = if named.is_empty() {
        let last = data.columns.len().saturating_sub(count)..data.columns.len();
        let word = data.columns[last.clone()].iter();
        let mut word = word.filter(|c| matches!(c.values, Values::Categories { .. }));
        if let Some(column) = word.next().filter(|_| count > 1) {
            return Err(Failure::input(format!(
                "the target of the page has {count} columns, and of the last {count} of the table \
                 \"{}\" holds words; name the target column with --target",
                column.name
            )));
        }
        last.collect()
    } else {
        targets(data, named)?
    };
    let options = EncoderOptions {
        target_kind: if targets.len() > 1 { TargetKind::Numbers } else { TargetKind::Auto },
        targets,
        scaling: Scaling::None,
        target_scaling: Scaling::None,
        ..EncoderOptions::default()
    };
    let all: Vec<usize> = (0..data.rows).collect();
    Ok(Encoder::fit(data, &all, &options)?)
}

/// The columns with these names or numbers, each once; what is no name of a column is a list of
/// them.
///
/// # Errors
/// A column that is not there.
pub fn targets(data: &Table, named: &[String]) -> Result<Vec<usize>, Failure> {
    let mut found = Vec::new();
    let is_name = |name: &str| data.columns.iter().any(|column| column.name == name.trim());
    for name in named.iter().flat_map(|text| text.split(|c| c == ',' && !is_name(text))) {
        let column = data.column(name)?;
        if !found.contains(&column) {
            found.push(column);
        }
    }
    Ok(found)
}

/// Rows numbered from 1 as numbers from 0.
fn numbered(wanted: &[usize], rows: usize) -> Result<Vec<usize>, Failure> {
    let each = wanted.iter().map(|&row| match row.checked_sub(1).filter(|&r| r < rows) {
        Some(r) => Ok(r),
        None => {
            Err(Failure::input(format!("there is no row {row}; the table has rows 1 to {rows}")))
        }
    });
    each.collect()
}

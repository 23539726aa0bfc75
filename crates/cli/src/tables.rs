//! The verbs on tables and models: evaluate, predict, explain.

use std::borrow::Cow;
use std::path::Path;

use matgrad::costs::mean_one;
use matgrad::data::{
    Encoder, EncoderOptions, Header, Memory, ReadOptions, Scaling, Table, TargetKind, read,
};
use matgrad::expr::matrix::Matrix;
use matgrad::metrics::{self, Metrics};
use matgrad::{
    Costs, Evaluator, Model, Network, Precision, Predictor, explain as explained, write_atomically,
};

use crate::args::{Explain, Shown};
use crate::encoded::{parts, stacked, widened};
use crate::{Failure, Talk, may_write, read_text, say};

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
pub fn confusion(metrics: &Metrics) -> Result<(), Failure> {
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

/// Predictions after the link.
fn predictions(
    model: &Model,
    predictor: &Predictor<f64>,
    data: &Table,
    rows: &[usize],
) -> Result<Matrix, Failure> {
    let x = model.encoder.inputs(data, rows)?;
    let mut predicted = Matrix::filled(x.rows, predictor.widths().1, 0.0);
    predictor.session().run(&x.data, &mut predicted.data)?;
    model.network.link.apply(&mut predicted);
    Ok(predicted)
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
    if let Some((path, force)) = page {
        may_write(path, force)?;
    }
    let model = Model::load(model)?;
    let data = table(source, header(&model.encoder), &memory())?;
    let rows: Vec<usize> = (0..data.rows).collect();
    let found = measure(&model, &data, &rows)?;
    if let Some((path, _)) = page {
        crate::report::write(path, &model, None, &[("all", &data, &rows)], &[], source)?;
    }
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
    let data = table(data, header(&model.encoder), &memory())?;
    let rows: Vec<usize> = (0..data.rows).collect();
    model.encoder.unseen(&data, &rows)?.iter().for_each(|w| eprintln!("warning: {w}"));
    let predictor = Predictor::<f64>::new(&model.network, &model.weights, rows.len().min(1024))?;
    let quoted = |s: &str| {
        if s.contains([',', '"', '\n']) {
            format!("\"{}\"", s.replace('"', "\"\""))
        } else {
            s.to_string()
        }
    };
    let classes = model.encoder.target_kind() == TargetKind::Classes;
    let (names, labels) = (model.encoder.target_names(), model.encoder.labels());
    let mut text = if classes {
        quoted(names.first().map_or("class", |n| n.as_str()))
    } else {
        names.iter().map(|n| quoted(n)).collect::<Vec<_>>().join(",")
    };
    if classes && proba {
        labels.iter().for_each(|l| text += &format!(",{}", quoted(l)));
    }
    text += "\n";
    for part in parts(&model.encoder, &rows) {
        let predicted = predictions(&model, &predictor, &data, part)?;
        let predicted = if classes { predicted } else { unscaled(&model, predicted) };
        for i in 0..predicted.rows {
            let row = predicted.row(i);
            let mut fields = Vec::new();
            if classes {
                fields.push(quoted(&labels[model.costs.decide(row)]));
            }
            if !classes || proba {
                fields.extend(row.iter().map(f64::to_string));
            }
            text += &fields.join(",");
            text += "\n";
        }
    }
    match output.filter(|path| *path != Path::new("-")) {
        Some(path) => Ok(write_atomically(path, text.as_bytes())?),
        None => say(text),
    }
}

/// Every number of one example or a small batch.
pub fn explain(asked: &Explain, talk: &Talk) -> Result<(), Failure> {
    let page = asked.model.extension().is_some_and(|e| e == "eq");
    let digits = usize::from(asked.digits);
    let (network, weights, encoder, data, costs);
    if page {
        let text = read_text(&asked.model)?;
        network = Network::parse(&asked.model.display().to_string(), &text)?;
        weights = network.initial(0)?;
        let header = if asked.no_header { Header::Absent } else { Header::Auto };
        data = table(&asked.data, header, &memory())?;
        let count =
            network.equations.graph.shape(network.target).cols.number().unwrap_or(1) as usize;
        let targets: Vec<usize> = if asked.target.is_empty() {
            (data.columns.len().saturating_sub(count)..data.columns.len()).collect()
        } else {
            asked.target.iter().map(|t| data.column(t)).collect::<Result<_, _>>()?
        };
        let options = EncoderOptions {
            target_kind: if targets.len() > 1 { TargetKind::Numbers } else { TargetKind::Auto },
            targets,
            scaling: Scaling::None,
            target_scaling: Scaling::None,
            ..EncoderOptions::default()
        };
        let all: Vec<usize> = (0..data.rows).collect();
        encoder = Encoder::fit(&data, &all, &options)?;
        costs = Costs::default();
    } else {
        let model = Model::load(&asked.model)?;
        data = table(&asked.data, header(&model.encoder), &memory())?;
        (network, weights, encoder) = (model.network, model.weights, model.encoder);
        costs = model.costs;
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

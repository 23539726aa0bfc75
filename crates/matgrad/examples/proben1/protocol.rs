//! Proben1 as its report ran it: L. Prechelt, Technical Report 21/94, Karlsruhe 1994, sections
//! 3.3.1 and 3.3.3.

use std::fmt::Write;
use std::io::Read;
use std::path::Path;

use matgrad::data::Random;
use matgrad::expr::matrix::Matrix;
use matgrad::{Costs, Evaluator, FitOptions, Kept, Network, Precision, Stop, UpdateRule};
use serde_json::Value;

/// What a run is judged by, as the published figures name it: squared error percentages at their
/// lowest, that of the test rows and their classification error at the lowest of the validation
/// rows, the epoch of that and the last one.
pub const FIGURES: [&str; 6] =
    ["train_E", "valid_E", "test_E", "test_cls_err", "relevant_epochs", "total_epochs"];

/// Inputs and targets of the rows to train, validate and test on.
pub struct Problem([(Matrix, Matrix); 3]);

/// A kind of network of the report's tables.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Inputs joined to outputs, tables 3 and 4.
    Linear,
    /// The pivot architecture with all shortcuts, tables 8 and 9.
    Shortcut,
    /// The pivot architecture layer by layer, tables 10 and 11.
    Layered,
}

impl Kind {
    /// Its key among the published results.
    pub fn key(self) -> &'static str {
        match self {
            Kind::Linear => "linear",
            Kind::Shortcut => "pivot_shortcut",
            Kind::Layered => "pivot_no_shortcut",
        }
    }
}

/// The published figures, with the architectures.
pub fn published(folder: &Path) -> Value {
    let text = std::fs::read_to_string(folder.join("published-results.json")).expect("figures");
    serde_json::from_str(&text).expect("JSON")
}

impl Problem {
    /// Reads a problem; `None` where the collection lacks it.
    pub fn read(folder: &Path, name: &str) -> Option<Problem> {
        let mut text = String::new();
        if let Ok(plain) = std::fs::read_to_string(folder.join(format!("{name}.dt"))) {
            text = plain;
        } else {
            let packed = std::fs::read(folder.join(format!("{name}.dt.gz"))).ok()?;
            flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).ok()?;
        }
        let mut lines = text.lines();
        let header =
            lines.by_ref().take(7).filter_map(|l| l.split_once('=')?.1.trim().parse().ok());
        let header: Vec<usize> = header.collect();
        let (inputs, outputs) = (header[0] + header[1], header[2] + header[3]);
        Some(Problem([header[4], header[5], header[6]].map(|count| {
            let (mut x, mut y) = (Vec::new(), Vec::new());
            for line in lines.by_ref().take(count) {
                let row = line.split_whitespace().map(|w| w.parse().expect("a number"));
                let row: Vec<f64> = row.collect();
                x.extend_from_slice(&row[..inputs]);
                y.extend_from_slice(&row[inputs..]);
            }
            (Matrix::new(count, inputs, x), Matrix::new(count, outputs, y))
        })))
    }

    /// The page of a network for this problem: softsign units, weights from ±0.01.
    pub fn page(&self, kind: Kind, architecture: &Value) -> String {
        let (x, y) = &self.0[0];
        let hidden = ["hidden1", "hidden2"].map(|key| architecture[key].as_u64().unwrap_or(0));
        let hidden = hidden.into_iter().filter(|&n| n > 0 && kind != Kind::Linear);
        let mut page = format!("input X : B×{}\ntarget Y : B×{}\n", x.cols, y.cols);
        let mut below = vec![("X".to_string(), x.cols as u64)];
        let widths: Vec<u64> = hidden.chain([y.cols as u64]).collect();
        let mut equations = String::new();
        for (k, width) in widths.iter().enumerate() {
            let joined = if kind == Kind::Layered { &below[k..] } else { &below[..] };
            let mut sum = String::new();
            for (from, (name, height)) in joined.iter().enumerate() {
                let _ =
                    writeln!(page, "param W{k}{from} : {height}×{width} ~ uniform(-0.01, 0.01)");
                let _ = write!(sum, "{name} W{k}{from} + ");
            }
            let _ = writeln!(page, "param b{k} : 1×{width} ~ uniform(-0.01, 0.01)");
            let squashed = k + 1 < widths.len() || architecture["output"] == "sigmoid";
            let unit = if squashed && kind != Kind::Linear { "softsign" } else { "" };
            let _ = writeln!(equations, "A{k} = {unit}({sum}b{k})");
            below.push((format!("A{k}"), *width));
        }
        let last = widths.len() - 1;
        page + &equations + &format!("L = mse(A{last}, Y)\nminimize L\n")
    }

    /// The [`FIGURES`] of one run.
    pub fn run(&self, page: &str, rule: &str, seed: u64) -> [f64; 6] {
        let [(x, y), validation, test] = &self.0;
        let network = Network::parse("proben1", page).unwrap_or_else(|e| panic!("{e}\n{page}"));
        let stop = Stop { generalization_loss: Some(5.0), progress: Some(0.1), ..Stop::default() };
        let options = FitOptions {
            settings: vec![("Δmin".into(), 0.0)],
            epochs: 3000,
            seed,
            precision: Precision::F64,
            stop,
            ..FitOptions::new(UpdateRule::named(rule).expect("in the library"))
        };
        let weights = network.initial(seed).expect("all are drawn");
        let held = (&validation.0, &validation.1);
        let mut fit = network.fit(&weights, (x, y), Some(held), &options).expect("it fits");
        // The first steps, 0.005 to 0.02, differ from weight to weight: U, the first of the states
        // of each parameter.
        let mut start = fit.checkpoint().expect("readable");
        let mut random = Random::seed(seed);
        let states = start.states.len() / start.weights.len();
        for sizes in start.states.iter_mut().step_by(states) {
            let drawn = (0..sizes.len()).map(|_| 0.005 + 0.015 * random.uniform());
            *sizes = Kept::F64(drawn.collect());
        }
        fit.restore(&start).expect("its own");
        let (mut train, mut valid, mut relevant, mut total) = (f64::INFINITY, f64::INFINITY, 0, 0);
        for epoch in fit.by_ref() {
            let epoch = epoch.expect("it trains");
            train = train.min(epoch.train_loss);
            total = epoch.number;
            let loss = epoch.validation_loss.expect("there are such rows");
            if total.is_multiple_of(5) && loss < valid {
                (valid, relevant) = (loss, total);
            }
        }
        let best = fit.weights().expect("readable");
        let mut evaluator =
            Evaluator::new(&network, test.0.rows, Precision::F64).expect("it plans");
        evaluator.weights(best.iter().map(|(n, m)| (*n, m.data.as_slice()))).expect("they fit");
        let (predicted, loss) = evaluator.run(&test.0, Some(&test.1)).expect("it runs");
        let decide = |m: &Matrix, i: usize| Costs::default().decide(m.row(i));
        let wrong = (0..test.1.rows).filter(|&i| decide(&predicted, i) != decide(&test.1, i));
        let wrong = wrong.count() as f64 / test.1.rows as f64;
        [train * 100.0, valid * 100.0, loss * 100.0, wrong * 100.0, relevant as f64, total as f64]
    }
}

/// Mean of each figure over the seeds from 0.
pub fn means(problem: &Problem, page: &str, rule: &str, seeds: u64) -> [f64; 6] {
    let mut sums = [0.0; 6];
    for seed in 0..seeds {
        let run = problem.run(page, rule, seed);
        sums.iter_mut().zip(run).for_each(|(sum, figure)| *sum += figure / seeds as f64);
    }
    sums
}

/// How far a mean is from the published one, in published deviations; the report rounds both to
/// hundredths, so that half a hundredth is no distance. `None` where nothing is published.
pub fn distance(published: &Value, figure: &str, mean: f64) -> Option<f64> {
    let wanted = published[format!("{figure}_mean")].as_f64()?;
    let deviation = published[format!("{figure}_sd")].as_f64()?;
    let off = mean - wanted;
    Some(off.signum() * (off.abs() - 0.005).max(0.0) / deviation.max(0.005))
}

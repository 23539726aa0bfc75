//! Proben1's linear networks by its own protocol, against the figures of its report (Prechelt
//! 1994, Technical Report 21/94, table 3).

use std::io::Read;
use std::path::{Path, PathBuf};

use matgrad::data::Random;
use matgrad::expr::graph::Initial;
use matgrad::expr::matrix::Matrix;
use matgrad::{Costs, Evaluator, FitOptions, Network, Precision, Stop, UpdateRule};
use serde_json::Value;

/// A problem's parts: inputs and targets to train, validate and test on.
struct Problem {
    parts: [(Matrix, Matrix); 3],
}

fn read(path: &Path) -> Problem {
    let bytes = std::fs::read(path).expect("a file of Proben1");
    let mut text = String::new();
    if path.extension().is_some_and(|e| e == "gz") {
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).expect("it is gzip");
    } else {
        text = String::from_utf8(bytes).expect("it is text");
    }
    let mut lines = text.lines();
    let header: Vec<usize> = lines
        .by_ref()
        .take(7)
        .map(|l| l.split_once('=').and_then(|(_, n)| n.trim().parse().ok()).expect("a number"))
        .collect();
    let (inputs, outputs) = (header[0] + header[1], header[2] + header[3]);
    let part = |count: usize, lines: &mut dyn Iterator<Item = &str>| {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for line in lines.take(count) {
            let row: Vec<f64> = line.split_whitespace().filter_map(|w| w.parse().ok()).collect();
            assert_eq!(row.len(), inputs + outputs, "{}", path.display());
            x.extend_from_slice(&row[..inputs]);
            y.extend_from_slice(&row[inputs..]);
        }
        (Matrix::new(count, inputs, x), Matrix::new(count, outputs, y))
    };
    let mut lines: Box<dyn Iterator<Item = &str>> = Box::new(lines);
    let [train, validation, test] =
        [header[4], header[5], header[6]].map(|count| part(count, &mut lines));
    Problem { parts: [train, validation, test] }
}

/// Squared error percentages of the parts, and the classification error of the test rows.
fn run(problem: &Problem, seed: u64) -> [f64; 4] {
    let [(x, y), validation, test] = &problem.parts;
    let text = Network::layers(x.cols, y.cols).loss("mse").equations();
    let text = text.replace("~ glorot", "~ uniform(-0.01, 0.01)");
    let text = text.replace("= 0\n", "~ uniform(-0.01, 0.01)\n");
    let network = Network::parse("layers", &text).unwrap_or_else(|e| panic!("{e}"));
    let drawn = |v: &matgrad::expr::graph::Variable| matches!(v.initial, Initial::Draw(..));
    assert_eq!(network.equations.graph.variables.iter().filter(|v| drawn(v)).count(), 2);
    let weights = network.initial(seed).expect("all have numbers");
    let stop = Stop { generalization_loss: Some(5.0), progress: Some(0.1), ..Stop::default() };
    let options = FitOptions {
        settings: vec![("Δmin".into(), 0.0)],
        epochs: 3000,
        seed,
        precision: Precision::F64,
        stop,
        ..FitOptions::new(UpdateRule::named("rprop_plus").expect("in the library"))
    };
    let held = (&validation.0, &validation.1);
    let mut fit = network.fit(&weights, (x, y), Some(held), &options).expect("it fits");
    // Step sizes differ from weight to weight at first: U of each parameter, before M and S.
    let mut start = fit.checkpoint().expect("readable");
    let mut random = Random::seed(seed);
    for sizes in start.states.iter_mut().step_by(3) {
        sizes.iter_mut().for_each(|u| *u = 0.005 + 0.015 * random.uniform());
    }
    fit.restore(&start).expect("its own");
    let (mut train, mut valid) = (f64::INFINITY, f64::INFINITY);
    for epoch in fit.by_ref() {
        let epoch = epoch.expect("it trains");
        train = train.min(epoch.train_loss);
        if epoch.number.is_multiple_of(5) {
            valid = valid.min(epoch.validation_loss.expect("there are such rows"));
        }
    }
    let best = fit.weights().expect("readable");
    let mut evaluator = Evaluator::new(&network, test.0.rows, Precision::F64).expect("it plans");
    evaluator.weights(best.iter().map(|(n, m)| (*n, m.data.as_slice()))).expect("they fit");
    let (predicted, loss) = evaluator.run(&test.0, Some(&test.1)).expect("it runs");
    let costs = Costs::default();
    let decide = |row: &[f64]| costs.decide(row);
    let wrong =
        (0..test.1.rows).filter(|&i| decide(predicted.row(i)) != decide(test.1.row(i))).count();
    [100.0 * train, 100.0 * valid, 100.0 * loss, 100.0 * wrong as f64 / test.1.rows as f64]
}

fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shared = std::env::var("MATGRAD_SHARED").map_or(root.join("../shared"), Into::into);
    shared.join("data/proben1")
}

#[test]
fn linear_networks_are_as_published() {
    let folder = folder();
    if !folder.is_dir() {
        eprintln!("NOT RUN: {} is absent; set MATGRAD_SHARED", folder.display());
        return;
    }
    let text = std::fs::read_to_string(folder.join("published-results.json")).expect("figures");
    let published: Value = serde_json::from_str(&text).expect("JSON");
    let problems = published["results"]["linear"].as_object().expect("problems");
    let mut outside = String::new();
    for (name, figures) in problems {
        let plain = folder.join(format!("{name}.dt"));
        let path = if plain.exists() { plain } else { folder.join(format!("{name}.dt.gz")) };
        if !path.exists() {
            continue;
        }
        let problem = read(&path);
        let runs: Vec<[f64; 4]> = (0..10).map(|seed| run(&problem, seed)).collect();
        for (k, what) in ["train_E", "valid_E", "test_E", "test_cls_err"].iter().enumerate() {
            let mean = runs.iter().map(|r| r[k]).sum::<f64>() / 10.0;
            let (Some(wanted), Some(deviation)) =
                (figures[format!("{what}_mean")].as_f64(), figures[format!("{what}_sd")].as_f64())
            else {
                continue;
            };
            let off = (mean - wanted) / deviation.max(0.005);
            println!("{name} {what} {mean:.3} published {wanted} ± {deviation}: {off:.1}");
            // The report rounds to hundredths.
            if (mean - wanted).abs() > 2.0 * deviation + 0.005 {
                outside += &format!("{name} {what} {mean:.2}: {wanted} ± {deviation}\n");
            }
        }
    }
    expect_test::expect![[""]].assert_eq(&outside);
}

//! Weights and costs, from the flags to the decisions.

use std::path::PathBuf;

use serde_json::Value;

use crate::{fails, file, matgrad};

/// A table of the shared data; says loudly when it is absent.
pub fn shared(name: &str) -> Option<String> {
    let root = std::env::var_os("MATGRAD_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let path = root.join("data").join(name);
    if !path.exists() {
        eprintln!("CHECK NOT RUN: {} is not there (set MATGRAD_SHARED)", path.display());
        return None;
    }
    Some(path.display().to_string())
}

/// The JSON that a verb prints.
pub fn json(arguments: &[&str]) -> Value {
    let output = matgrad(&[arguments, &["--json", "--quiet"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}\n{said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

const ROWS: &str = "a,b,w,y\n1,2,1,x\n2,1,3,y\n9,9,0,x\n3,5,1,x\n4,1,1,y\n1,7,2,x\n7,1,1,y\n";

#[test]
fn a_row_of_weight_zero_or_without_a_target_is_left_out_to_the_bit() {
    let fewer: String = ROWS.split_inclusive('\n').filter(|l| !l.starts_with("9,9")).collect();
    let unknown = ROWS.replace("9,9,0,x", "9,9,1,?");
    let measured = |name: &str, text: &str| {
        let data = file("weights", name, text.as_bytes());
        let run = ["train", &data, "--target", "y", "--weight-column", "w", "--epochs", "20"];
        json(&[&run[..], &["--test-fraction", "0.3", "--batch", "2"]].concat())
    };
    let (zero, left_out) = (measured("zero.csv", ROWS), measured("fewer.csv", &fewer));
    for part in ["train", "test"] {
        assert_eq!(zero[part], left_out[part]);
        assert_eq!(zero[part], measured("unknown.csv", &unknown)[part]);
    }
}

#[test]
fn a_missing_target_of_several_adds_no_error() {
    let row = |i: i32| {
        let (a, b) = (f64::from(i).sin(), f64::from(i * i).cos());
        let known = if i % 3 == 0 { String::new() } else { format!("{}", 2.0 - a - b) };
        format!("{a},{b},{},{known}\n", 1.0 + a + 3.0 * b)
    };
    let rows: String = (0..40).map(row).collect();
    let data = file("masked", "data.csv", format!("a,b,p,q\n{rows}").as_bytes());
    let run = ["train", &data, "--target", "p,q", "--hidden", "0", "--weight-decay", "0"];
    let found = json(&[&run[..], &["--optimizer", "lbfgs", "--epochs", "50"]].concat());
    assert!(found["train"]["rmse"].as_f64().is_some_and(|rmse| rmse < 1e-4), "{found}");
}

#[test]
fn labels_are_smoothed_and_inputs_made_noisy_by_flags() {
    let data = file("smooth", "data.csv", b"a,y\n-1,n\n-1,n\n1,p\n1,p\n");
    let model = file("smooth", "smooth.model", b"");
    let linear = ["train", &data, "--target", "y", "--hidden", "0", "--weight-decay", "0"];
    let searched = [&linear[..], &["--optimizer", "lbfgs", "-o", &model, "--force"]].concat();
    json(&[&searched[..], &["--label-smoothing", "0.2"]].concat());
    let shown = matgrad(&["predict", &model, &data, "--proba"]).stdout;
    let shown = String::from_utf8(shown).expect("text");
    let last = shown.lines().last().and_then(|line| line.rsplit(',').next());
    let last: f64 = last.and_then(|number| number.parse().ok()).expect("a probability");
    assert!((last - 0.9).abs() < 1e-4, "{shown}");

    let noisy =
        |more: &[&str]| json(&[&linear[..], &["--epochs", "20"], more].concat())["train"].clone();
    assert_eq!(noisy(&[]), noisy(&["--input-noise", "0"]));
    assert_ne!(noisy(&[]), noisy(&["--input-noise", "0.5"]));
    assert_eq!(noisy(&["--input-noise", "0.5"]), noisy(&["--input-noise", "0.5"]));
    fails(&[&linear[..], &["--input-noise=-1"]].concat(), 2, &["a deviation from 0"]);
    fails(&[&linear[..], &["--dropout", "1"]].concat(), 2, &["--dropout 1: a share"]);
}

#[test]
fn baselines_stand_beside_the_model() {
    let classes = "datasets/iris.csv";
    let run = ["train", classes, "--target", "class", "--epochs", "20", "--test-fraction", "0.3"];
    let found = json(&[&run[..], &["--baselines"]].concat());
    let accuracy = |name: &str| found["baselines"][name]["accuracy"].as_f64().expect("a number");
    assert!(accuracy("logistic regression") > 0.9 && accuracy("majority class") < 0.4, "{found}");
    assert_eq!(found["baselines"]["majority class"]["n"], found["test"]["n"]);
    assert!(json(&run)["baselines"].is_null());
    let numbers = "train datasets/iris.csv --target 3 --epochs 9 --test-fraction 0.3 --baselines";
    let numbers = json(&numbers.split_whitespace().collect::<Vec<_>>());
    let r2 = |name: &str| numbers["baselines"][name]["r2"].as_f64().expect("a number");
    assert!(r2("ridge regression") > 0.9 && r2("mean") < 0.0, "{numbers}");
    let printed = matgrad(&[&run[..], &["--baselines"]].concat()).stdout;
    let printed = String::from_utf8(printed).expect("text");
    for line in ["test  ", "logistic regression ", "majority class "] {
        assert!(printed.lines().any(|l| l.starts_with(line)), "{line}: {printed}");
    }
}

#[test]
fn costs_are_kept_with_the_model() {
    let data = file("costs", "data.csv", ROWS.as_bytes());
    let costs = file("costs", "costs.csv", b",y,x\nx,50,0\ny,0,1\n");
    let model = file("costs", "kept.model", b"");
    let train = ["train", &data, "--target", "y", "--epochs", "2", "-o", &model, "--force"];
    let trained = json(&[&train[..], &["--cost-matrix", &costs]].concat());
    let evaluated = json(&["evaluate", &model, &data]);
    assert_eq!(trained["train"]["expected_cost"], evaluated["expected_cost"]);
    // To take x for y costs 50: hardly trained, all are taken for x.
    let decided = String::from_utf8(matgrad(&["predict", &model, &data]).stdout).expect("text");
    assert_eq!(decided, "y\nx\nx\nx\nx\nx\nx\nx\n");
    fails(&[&train[..], &["--class-weight", "cost"]].concat(), 2, &["name a --cost-matrix"]);
    fails(&[&train[..], &["--class-weight", &costs]].concat(), 3, &["write `label,weight` lines"]);
}

/// Each of the three places lowers the expected cost on rows not trained on: German credit, where
/// to grant a bad credit costs 5, to refuse a good one 1.
#[test]
fn each_place_of_the_costs_lowers_the_cost() {
    let Some(german) = shared("tabular/german.csv") else { return };
    let costs = file("german", "costs.csv", b"0,1\n5,0\n");
    let cost = |flags: &[&str]| -> f64 {
        let seeds = ["0", "1", "2"];
        let one = |seed: &&str| {
            let run = ["train", &german, "--no-header", "--target", "21", "--cost-matrix", &costs];
            let run = [&run[..], &["--test-fraction", "0.3", "--epochs", "20", "--seed", seed]];
            json(&[&run.concat()[..], flags].concat())["test"]["expected_cost"]
                .as_f64()
                .expect("a cost")
        };
        seeds.iter().map(one).sum::<f64>() / seeds.len() as f64
    };
    let plain = cost(&["--decide", "probable"]);
    // To refuse all costs 0.7, to grant all 1.5.
    for flags in [&[][..], &["--class-weight", "cost"], &["--loss", "expected_cost"]] {
        let found = cost(flags);
        assert!(found < 0.7 && found < plain, "{flags:?}: {found}, plain {plain}");
    }
}

#[test]
fn dermatology_by_folds_reaches_what_is_published() {
    let Some(table) = shared("dermatology/dermatology.data") else { return };
    let run = ["train", &table, "--no-header", "--target", "35", "--folds", "10", "--hidden", "0"];
    let found = json(&[&run[..], &["--epochs", "60", "--optimizer", "lbfgs"]].concat());
    let mean = |name: &str| found["metrics"][name]["mean"].as_f64().expect("a number");
    assert!(mean("accuracy") >= 0.965, "{}", found["metrics"]);
    assert!(mean("auc") >= 0.998, "{}", found["metrics"]);
    assert_eq!(found["each"].as_array().map(Vec::len), Some(10));
}

/// Two spirals and the parity of 8 bits, to the last row, by the flags of the chapter on FANN.
#[test]
fn spirals_and_parity_are_learnt_to_the_last_row() {
    let runs = [("two-spiral", "3", "40,40", "irprop_plus"), ("parity8", "9", "32", "rprop")];
    for (name, target, hidden, rule) in runs {
        let Some(path) = shared(&format!("fann/{name}.train")) else { return };
        let text = std::fs::read_to_string(path).expect("a file of FANN");
        let words: Vec<&str> = text.split_whitespace().skip(3).collect();
        let columns: usize = target.parse().expect("the last column");
        let rows: Vec<String> = words.chunks(columns).map(|row| row.join(",")).collect();
        let data = file("fann", &format!("{name}.csv"), rows.join("\n").as_bytes());
        let flags = "--no-header --activation tanh --weight-decay 0 --batch full --epochs 5000 \
                     --target-loss 0.001";
        let run = ["train", &data, "--target", target, "--hidden", hidden, "--optimizer", rule];
        let found = json(&run.into_iter().chain(flags.split_whitespace()).collect::<Vec<_>>());
        assert_eq!(found["train"]["accuracy"], 1.0, "{name}: {found}");
    }
}

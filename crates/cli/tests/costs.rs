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

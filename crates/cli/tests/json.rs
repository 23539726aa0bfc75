//! `--json` prints one JSON value, whatever the verb.

use serde_json::{Value, json};

use crate::costs::json;
use crate::{file, matgrad};

const PAGE: &str = "examples/logistic.eq";
const IRIS: &str = "datasets/iris.csv";

#[test]
fn a_page_and_its_stages() {
    let text = matgrad(&["fmt", PAGE]).stdout;
    let text = String::from_utf8(text).expect("text");
    assert_eq!(json(&["fmt", PAGE]), json!({"equations": text}));
    assert_eq!(json(&["show", "equations", PAGE]), json!({"equations": text}));
    assert_eq!(json(&["show", "gradients", PAGE]), json(&["derive", PAGE]));
    let graph = json(&["show", "graph", PAGE]);
    let product = graph["nodes"].as_array().expect("nodes").iter().find(|n| n["op"] == "matmul");
    let product = product.expect("X W");
    assert_eq!(product["shape"], json!(["B", "3"]));
    let plan = String::from_utf8(matgrad(&["show", "plan", PAGE]).stdout).expect("text");
    let lines: Vec<&str> = plan.lines().collect();
    assert_eq!(json(&["show", "plan", PAGE]), json!({"lines": lines}));
    let cost = &json(&["show", "cost", PAGE])["equations"][0];
    assert_eq!((&cost["name"], &cost["operations"]), (&"Z".into(), &"27·B".into()));
}

#[test]
fn a_proof_is_in_the_json_too() {
    let steps = &json(&["derive", "-e", "x'*A*x", "--wrt", "x", "--steps"])["steps"];
    assert!(steps[0]["rule"].is_string() && steps[0]["before"].is_string(), "{steps}");
    let none = String::from_utf8(matgrad(&["derive", PAGE, "--steps"]).stdout).expect("text");
    assert!(none.starts_with("The adjoints give these equations as they stand"), "{none}");
    assert_eq!(json(&["derive", PAGE, "--steps"])["steps"], json!([]));
    assert!(json(&["derive", PAGE])["steps"].is_null());
    let index = ["derive", PAGE, "--format", "index"];
    assert_eq!(json(&index), json(&["derive", PAGE, "--form", "index"]));
    let of_value = json(&["derive", "-e", "A*x + y", "--jacobian", "f:x"]);
    assert_eq!((&of_value["block"], &of_value["shape"]), (&"(1 ⊗ A)".into(), &json!(["m", "n"])));
    let jacobian = ["derive", PAGE, "--jacobian", "Z:W", "--format", "json"];
    assert_eq!(json(&jacobian), json(&["derive", PAGE, "--jacobian", "Z:W"]));
}

#[test]
fn rules_and_solvers_are_shown() {
    let rule = file("shown", "rule.eq", "optimizer mine(η = 0.1)\n  W ← W - η G\n".as_bytes());
    let shown = json(&["show", "optimizer", &rule]);
    assert_eq!((&shown["name"], &shown["settings"]), (&"mine".into(), &json!({"η": 0.1})));
    assert_eq!(json(&["show", "optimizer", "sgd"])["name"], "sgd");
    let out = String::from_utf8(matgrad(&["show", "optimizer", "lbfgs"]).stdout).expect("text");
    assert!(out.starts_with("lbfgs: L-BFGS") && out.contains("memory = 10"), "{out}");
}

#[test]
fn predictions_and_values() {
    let model = file("json", "iris.model", b"");
    json(&["train", IRIS, "--target", "class", "--epochs", "5", "-o", &model, "--force"]);
    let found = json(&["predict", &model, IRIS, "--proba"]);
    assert_eq!(found["labels"], json!(["setosa", "versicolor", "virginica"]));
    let count = |key: &str| found[key].as_array().map(Vec::len);
    assert_eq!((count("predictions"), count("probabilities")), (Some(150), Some(150)));
    assert_eq!(found["predictions"][0], "setosa");
    let first: f64 = found["probabilities"][0].as_array().into_iter().flatten().map(number).sum();
    assert!((first - 1.0).abs() < 1e-9, "{found}");
    json(&["train", IRIS, "--target", "3,4", "--epochs", "5", "-o", &model, "--force"]);
    assert!(json(&["show", "equations", &model])["equations"].is_string());
    assert_eq!(json(&["derive", &model])["objective"], "L + R");
    let numbers = json(&["predict", &model, IRIS]);
    assert_eq!(numbers["targets"], json!(["petal length (cm)", "petal width (cm)"]));
    assert_eq!(numbers["predictions"][149].as_array().map(Vec::len), Some(2));

    let page = file(
        "json",
        "page.eq",
        b"input x : 1x1\nparam w : 1x1 = 2\nz = w * x\nA = z\nminimize z\n",
    );
    let out = std::path::Path::new(&page).parent().expect("a folder").join("out");
    let out = out.display().to_string();
    let given = ["compute", &page, "--set", "x=3", "--gradients", "--out", &out, "--force"];
    let values = &json(&given)["values"];
    assert_eq!((&values["z"], &values["d_w"]), (&json!([[6.0]]), &json!([[3.0]])));
    assert_eq!(values["A"], values["z"]);
    let derived = json(&["derive", &page, "--wrt", "A"]);
    assert_eq!(derived["definitions"][1]["unicode"], "z");
    assert_eq!(derived["gradients"][0]["of"], "z");
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

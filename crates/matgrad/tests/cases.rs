//! The suite of `tests/cases`, run by every executor.

use matgrad::calculus::derive;
use matgrad::expr::elaborate::read;
use matgrad::expr::graph::NodeId;
use matgrad::expr::matrix::Matrix;
use matgrad::expr::meaning::{Bindings, evaluate};
use matgrad::expr::syntax::canonical;
use matgrad::library::standard;
use matgrad::{Engine, Precision};
use toml::{Table, Value};

fn matrix(value: &Value) -> Matrix {
    let rows = value.as_array().expect("rows");
    let number =
        |v: &Value| v.as_float().unwrap_or_else(|| v.as_integer().expect("a number") as f64);
    let data: Vec<f64> =
        rows.iter().flat_map(|r| r.as_array().expect("a row").iter().map(number)).collect();
    Matrix::new(rows.len(), data.len() / rows.len(), data)
}

#[test]
fn every_executor_agrees_with_every_case() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/cases");
    let mut count = 0;
    for file in std::fs::read_dir(folder).expect("the folder of cases") {
        let text = std::fs::read_to_string(file.expect("a file").path()).expect("readable");
        let suite: Table = toml::from_str(&text).expect("TOML");
        for case in suite["case"].as_array().expect("cases") {
            run(case.as_table().expect("a case"));
            count += 1;
        }
    }
    assert!(count >= 4);
}

fn run(case: &Table) {
    let name = case["name"].as_str().expect("a name");
    let page = case["equations"].as_str().expect("equations");
    let equations = read(name, page, standard()).unwrap_or_else(|e| panic!("{e}"));
    let objective = equations.objective.expect("an objective");
    let gradients = derive(&equations.graph, objective, &equations.parameters()).expect(name);
    let graph = &gradients.graph;
    let find = |n: &str| graph.find(&canonical(n)).unwrap_or_else(|| panic!("{name}: no {n}"));
    let mut at = Bindings::default();
    for (variable, value) in case["set"].as_table().expect("values") {
        at.set(graph, find(variable), matrix(value)).expect(name);
    }
    let mut wanted: Vec<(NodeId, Matrix)> = Vec::new();
    for (text, value) in case["value"].as_table().expect("values") {
        wanted.push((find(text), matrix(value)));
    }
    for (text, value) in case.get("gradient").and_then(Value::as_table).into_iter().flatten() {
        wanted.push((gradients.of(find(text)).expect("a gradient"), matrix(value)));
    }
    let roots: Vec<NodeId> = wanted.iter().map(|w| w.0).collect();
    let meant = evaluate(graph, &roots, &at).expect(name);
    for (node, value) in &wanted {
        close(&meant[node].data, &value.data, 1e-12, name, "meaning");
    }
    for (precision, bound) in [(Precision::F64, 1e-12), (Precision::F32, 1e-5)] {
        let mut engine = Engine::new(graph, &roots, &[], &at.dims, None, precision).expect(name);
        for (&node, value) in &at.values {
            engine.write(node, &value.data).expect(name);
        }
        engine.step();
        for (node, value) in &wanted {
            close(
                &engine.read(*node).expect(name),
                &value.data,
                bound,
                name,
                &format!("{precision:?}"),
            );
        }
    }
}

fn close(found: &[f64], wanted: &[f64], bound: f64, name: &str, executor: &str) {
    assert_eq!(found.len(), wanted.len(), "{name} by {executor}");
    for (a, b) in found.iter().zip(wanted) {
        assert!((a - b).abs() <= bound * b.abs().max(1.0), "{name} by {executor}: {a} and {b}");
    }
}

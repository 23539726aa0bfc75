//! Update rules against published sequences, in f64.

use std::collections::BTreeMap;

use matgrad_calculus::derive;
use matgrad_expr::dim::Shape;
use matgrad_expr::elaborate::{Given, hyperparameters, read, update_rule};
use matgrad_expr::graph::{Graph, Initial, Kind, NodeId};
use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::{Bindings, evaluate};
use matgrad_expr::syntax::Name;
use matgrad_library::{OPTIMIZERS, standard};
use serde_json::Value;

use crate::proofs::shared;

/// One training step as a graph: new weights and states from the old ones.
pub struct Step {
    pub graph: Graph,
    updates: Vec<(NodeId, NodeId)>,
    objective: NodeId,
    step: NodeId,
    pub at: Bindings,
}

fn name(text: &str) -> Name {
    Name { text: text.into(), spelling: text.into(), span: Default::default() }
}

pub fn training(page: &str, rule: &str, settings: &[(&str, f64)]) -> Step {
    let equations = read("page.eq", page, standard()).unwrap_or_else(|e| panic!("{e}"));
    let parameters = equations.parameters();
    let objective = equations.objective.expect("objective");
    let derived = derive(&equations.graph, objective, &parameters).expect("it derives");
    let mut graph = derived.graph.clone();
    let given = |g: &mut Graph, text: &str| {
        g.add_variable(name(text), Kind::Given, Shape::SCALAR, Initial::None)
    };
    let mut at = Bindings::default();
    let step = given(&mut graph, "step");
    let rule = standard().optimizer(rule).expect(rule);
    let mut numbers = BTreeMap::new();
    for (text, default) in hyperparameters(&rule) {
        let value = settings.iter().find(|(n, _)| *n == text).map_or(default, |&(_, v)| v);
        let node = given(&mut graph, &text);
        at.values.insert(node, Matrix::scalar(value));
        numbers.insert(text, (node, value));
    }
    for (setting, _) in settings {
        assert!(numbers.contains_key(*setting), "{setting}");
    }
    let mut updates = Vec::new();
    for &weights in &parameters {
        let gradient = derived.of(weights).expect("a gradient");
        let given =
            Given { weights, gradient, step, loss: objective, hyperparameters: numbers.clone() };
        let update = update_rule(&mut graph, &rule, OPTIMIZERS, &given).expect("the rule fits");
        updates.push((weights, update.weights));
        updates.extend(update.states);
    }
    for variable in &graph.variables {
        if let (Initial::Value(v), Some(rows), Some(cols)) =
            (&variable.initial, variable.shape.rows.number(), variable.shape.cols.number())
        {
            let value = if v.data.len() == 1 {
                Matrix::filled(rows as usize, cols as usize, v.data[0])
            } else {
                v.clone()
            };
            at.values.insert(variable.node, value);
        }
    }
    Step { graph, updates, objective, step, at }
}

impl Step {
    pub fn go(&mut self, t: usize) {
        self.at.values.insert(self.step, Matrix::scalar(t as f64));
        let roots: Vec<NodeId> = self.updates.iter().map(|&(_, new)| new).collect();
        let values = evaluate(&self.graph, &roots, &self.at).expect("it evaluates");
        for (old, new) in &self.updates {
            self.at.values.insert(*old, values[new].clone());
        }
    }

    fn loss(&self) -> f64 {
        evaluate(&self.graph, &[self.objective], &self.at).expect("it evaluates")[&self.objective]
            .data[0]
    }

    pub fn parameters(&self, names: &[&str]) -> Vec<f64> {
        let all =
            names.iter().map(|n| &self.at.values[&self.graph.find(n).expect("a parameter")].data);
        all.flatten().copied().collect()
    }
}

pub fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|x| x.as_f64().expect("a number")).collect()
}

/// The 2-3-1 network of both files, columns as examples, as they have it.
fn network(initial: &[f64], data: &str, loss: &str) -> String {
    let list = |from: usize, rows: usize, cols: usize| {
        let row = |r: usize| {
            (0..cols)
                .map(|c| format!("{:?}", initial[from + r * cols + c]))
                .collect::<Vec<_>>()
                .join(" ")
        };
        format!("[{}]", (0..rows).map(row).collect::<Vec<_>>().join("; "))
    };
    format!(
        "{data}\nparam V : 3×2 = {}\nparam b : 3×1 = {}\nparam W : 1×3 = {}\nparam c : 1×1 = {}\nO = sigmoid(W sigmoid(V X + b) + c)\nminimize {loss}",
        list(0, 3, 2),
        list(6, 3, 1),
        list(9, 1, 3),
        initial[12],
    )
}

pub fn close(found: &[f64], wanted: &[f64], bound: f64, what: &str) {
    for (a, b) in found.iter().zip(wanted) {
        assert!((a - b).abs() <= bound * b.abs().max(1.0), "{what}: {a:?} and {b:?}");
    }
}

pub fn json(file: &str) -> Option<Value> {
    let text = std::fs::read_to_string(shared(file)?).expect("readable");
    Some(serde_json::from_str(&text).expect("JSON"))
}

#[test]
fn thousand_steps_of_the_published_baseline() {
    let Some(baseline) = json("optimizers/torch-baseline.json") else { return };
    let initial = numbers(&baseline["initial"]);
    let data = "const X : 2×3 = [0.1 0.3 0.5; 0.2 0.4 0.6]";
    let page = network(&initial, data, "sum(O)");
    for (file, rule, settings) in [
        ("SGD", "sgd", vec![("η", 0.1)]),
        (
            "SGD_with_weight_decay_and_momentum",
            "momentum",
            vec![("η", 0.1), ("μ", 0.9), ("λ", 0.01)],
        ),
        ("Adagrad", "adagrad", vec![("η", 1.0)]),
        ("RMSprop", "rmsprop", vec![("η", 0.1)]),
        ("Adam", "adam", vec![("η", 1.0)]),
    ] {
        let mut training = training(&page, rule, &settings);
        let rows = baseline["params_at_iteration_0_100_to_1000"][file].as_array().expect(file);
        for t in 1..=1001 {
            training.go(t);
            if (t - 1) % 100 == 0 {
                let found = training.parameters(&["V", "b", "W", "c"]);
                let bound = 1e-12;
                close(&found, &numbers(&rows[(t - 1) / 100]), bound, &format!("{file} after {t}"));
            }
        }
    }
    let published = [
        8.232728644466773,
        7.971029911310943,
        6.64384565701621,
        6.471228028886431,
        6.170273310651826,
        7.150926520006559,
        8.417903429548836,
        6.5974869789301245,
        7.23201797707385,
        -6.729914394552445,
        -7.097737106893246,
        -6.753591316396183,
        -6.435922417839901,
    ];
    let mut training = training(&page, "adam_hat", &[("η", 1.0), ("ε", 1e-8)]);
    (1..=1001).for_each(|t| training.go(t));
    close(&training.parameters(&["V", "b", "W", "c"]), &published, 1e-12, "Adam with epsilon hat");
}

#[test]
fn trajectories_on_exclusive_or_and_rosenbrock() {
    let Some(file) = json("optimizers/torch-trajectories.json") else { return };
    let initial = numbers(&file["initial"]);
    let data = "const X : 2×4 = [0 0 1 1; 0 1 0 1]\nconst Y : 1×4 = [0 1 1 0]";
    let xor = network(&initial, data, "sum((O - Y) .^ 2) / 4");
    let rosenbrock = "param a = -1.5\nparam b = 2\nminimize (1 - a)^2 + 100 (b - a^2)^2";
    for (problem, page, names) in [
        ("xor", xor.as_str(), vec!["V", "b", "W", "c"]),
        ("rosenbrock", rosenbrock, vec!["a", "b"]),
    ] {
        let other = problem == "rosenbrock";
        for (method, rule, settings) in [
            ("Rprop", "rprop", vec![("Δ₀", 0.01)]),
            ("SGD", "sgd", vec![("η", if other { 0.001 } else { 0.5 })]),
            ("SGD_momentum", "momentum", vec![("η", if other { 0.0002 } else { 0.1 })]),
            ("Adam", "adam", vec![("η", 0.05)]),
            ("Adagrad", "adagrad", vec![("η", 0.1)]),
            ("RMSprop", "rmsprop", vec![("η", 0.01)]),
        ] {
            let mut training = training(page, rule, &settings);
            let mut t = 0;
            for row in file["trajectories"][problem][method].as_array().expect(method) {
                let until = row["step"].as_u64().expect("step") as usize;
                while t < until {
                    t += 1;
                    training.go(t);
                }
                let what = format!("{method} on {problem} after {t}");
                // Where the units saturate, rounding alone moves the late path: then the loss tells.
                let bound = if t <= 50 { 1e-12 } else { 0.05 };
                if t <= 50 {
                    close(&training.parameters(&names), &numbers(&row["params"]), bound, &what);
                }
                let loss = row["loss_after"].as_f64().expect("loss");
                close(&[training.loss()], &[loss], bound, &what);
            }
        }
    }
}

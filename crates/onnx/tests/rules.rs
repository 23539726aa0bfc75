//! ONNX's training operators as update rules.

use std::collections::BTreeMap;

use matgrad::UpdateRule;
use matgrad::expr::dim::{Dim, Shape};
use matgrad::expr::elaborate::{Given, update_rule};
use matgrad::expr::graph::{Graph, Initial, Kind, NodeId};
use matgrad::expr::matrix::Matrix;
use matgrad::expr::meaning::{Bindings, evaluate};
use matgrad::expr::syntax::Name;
use matgrad_onnx::proto::ModelProto;
use matgrad_onnx::training::update_rules;
use prost::Message;

use crate::conformance::{numbers, shared};

fn variable(graph: &mut Graph, name: &str, n: usize) -> NodeId {
    let shape = Shape::new(Dim::ONE, Dim::of(n as u64));
    let name = Name { text: name.into(), spelling: name.into(), span: Default::default() };
    graph.add_variable(name, Kind::Given, shape, Initial::None)
}

#[test]
fn the_training_operators_are_update_rules() {
    let Some(folder) = shared("onnx-conformance/training") else { return };
    let mut count = 0;
    let names = [
        "adagrad",
        "adagrad_multiple",
        "adam",
        "adam_multiple",
        "momentum",
        "momentum_multiple",
        "nesterov_momentum",
    ];
    for name in names {
        let folder = folder.join(format!("test_{name}"));
        let bytes = std::fs::read(folder.join("model.onnx")).unwrap();
        let proto = ModelProto::decode(bytes.as_slice()).unwrap();
        let node = &proto.graph.unwrap().node[0];
        let text = update_rules(node).unwrap();
        let rule = UpdateRule::parse("onnx.eq", &text).unwrap_or_else(|e| panic!("{e}"));
        let data = folder.join("test_data_set_0");
        let input = |k: usize| numbers(&data.join(format!("input_{k}.pb")));
        let states = rule.rule.states.len();
        // R, T, then each of X, G and the states for all tensors.
        let tensors = (node.input.len() - 2) / (2 + states);
        for tensor in 0..tensors {
            let of = |group: usize| input(2 + group * tensors + tensor);
            let mut graph = Graph::default();
            let mut at = Bindings::default();
            let n = of(0).len();
            let mut given = |graph: &mut Graph, name: &str, values: Vec<f64>| {
                let node = variable(graph, name, values.len());
                at.set(graph, node, Matrix::new(1, values.len(), values)).unwrap();
                node
            };
            let rate = given(&mut graph, "η", input(0));
            let step = given(&mut graph, "t", input(1));
            let (x, g) = (given(&mut graph, "W", of(0)), given(&mut graph, "G", of(1)));
            let mut hyperparameters = BTreeMap::from([("η".to_string(), (rate, 0.0))]);
            // The recorded outputs of this one are those of ε = 0.01, which its node leaves out.
            let of_test = match name {
                "adam_multiple" => vec![("ε".to_string(), 1e-2)],
                _ => vec![],
            };
            for (name, value) in rule.settings(&of_test).unwrap().into_iter().filter(|s| s.0 != "η")
            {
                let node = given(&mut graph, &name, vec![value]);
                hyperparameters.insert(name, (node, value));
            }
            let given = Given { weights: x, gradient: g, step, loss: rate, hyperparameters };
            let update = update_rule(&mut graph, &rule.rule, &rule.source, &given)
                .unwrap_or_else(|e| panic!("{name}: {e:?}"));
            let mut roots = vec![update.weights];
            for (k, (state, new)) in update.states.iter().enumerate() {
                at.set(&graph, *state, Matrix::new(1, n, of(2 + k))).unwrap();
                roots.push(*new);
            }
            let values = evaluate(&graph, &roots, &at).unwrap();
            for (group, root) in roots.iter().enumerate() {
                let path = data.join(format!("output_{}.pb", group * tensors + tensor));
                for (a, b) in values[root].data.iter().zip(&numbers(&path)) {
                    assert!((a - b).abs() <= 1e-7 + 1e-5 * b.abs(), "{name}: {a} and {b}");
                }
            }
            count += 1;
        }
    }
    assert_eq!(count, 10);
}

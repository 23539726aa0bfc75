//! Every rewrite rule keeps shape and value, also near the ends of the range, and makes no more work.

use matgrad_calculus::rule::{Rule, Rules};
use matgrad_expr::graph::{Graph, NodeId};
use matgrad_expr::meaning::evaluate;
use matgrad_expr::op::{Domain, Op};
use matgrad_library::standard;

use crate::proofs::sample;

/// A rule of each set, in the order of the files.
fn all() -> Vec<Rule> {
    [Rules::simplify(), Rules::stability()].iter().flat_map(|set| set.rules.clone()).collect()
}

/// A number in front of a matrix.
fn scale(graph: &Graph, id: NodeId) -> bool {
    let node = graph.get(id);
    match node.op {
        Op::Spread(_) => graph.shape(node.operands[0]).is_scalar(),
        _ => node.shape.is_scalar(),
    }
}

/// Multiplications, additions and function values, with transposes and spreading free.
fn cost(graph: &Graph, root: NodeId) -> usize {
    let dims = |d: matgrad_expr::dim::Dim| {
        d.evaluate(&|s| Some([3, 4, 2, 5][s.0 as usize % 4])).expect("all known")
    };
    let each = graph.reachable(&[root], true).into_iter().map(|id| {
        let node = graph.get(id);
        let size = dims(node.shape.rows) * dims(node.shape.cols);
        match node.op {
            Op::MatMul => 2 * size * dims(graph.shape(node.operands[0]).cols),
            Op::Transpose | Op::Spread(_) | Op::Size(_) | Op::Number(_) | Op::Variable(_) => 0,
            // Signs and scales ride along with whatever has the entry in hand.
            Op::Neg => 0,
            Op::Mul | Op::Div if node.operands.iter().any(|&o| scale(graph, o)) => 0,
            Op::Sum(_) => {
                let s = graph.shape(node.operands[0]);
                dims(s.rows) * dims(s.cols)
            }
            // Arithmetic on single numbers is no work.
            _ if node.shape.is_scalar() => 0,
            _ => size,
        }
    });
    each.sum()
}

/// The first thing that is wrong with a rule.
pub(crate) fn fault(rule: &Rule) -> Option<String> {
    let both = [rule.pattern, rule.replacement];
    let graph = &rule.graph;
    if graph.shape(both[0]) != graph.shape(both[1]) {
        return Some(format!("{}: the sides differ in shape", rule.name));
    }
    let (before, after) = (cost(graph, both[0]), cost(graph, both[1]));
    // The rules for logarithms are made for numbers, not for work.
    if after > before && !rule.name.starts_with("log.") {
        return Some(format!("{}: work of {before} became {after}", rule.name));
    }
    let domain = match rule.name.as_str() {
        "log.det" | "neg.inverse" => Domain::Invertible,
        _ => Domain::Positive,
    };
    // Each letter near one, near either end of the range of f32 and of f64. A logarithm of an
    // exponential has no digits left there, which is why its rule is there.
    let letters = graph.variables.len() as u32;
    let magnitudes: &[i32] = if rule.name == "log.exp" { &[0] } else { &[0, 18, 150] };
    for &magnitude in magnitudes {
        for choice in 0..3usize.pow(letters) {
            let mut at = sample(graph, domain, choice as u64);
            for (i, variable) in graph.variables.iter().enumerate() {
                let power = (choice / 3usize.pow(i as u32) % 3) as i32 - 1;
                let values = at.values.get_mut(&variable.node).expect("every variable has one");
                values.data.iter_mut().for_each(|x| *x *= 10f64.powi(power * magnitude));
            }
            let values = evaluate(graph, &both, &at).expect("all is given");
            let [x, y] = both.map(|side| &values[&side].data);
            let finite = |data: &[f64]| data.iter().all(|x| x.is_finite());
            if !finite(x) {
                continue;
            }
            let size = x.iter().fold(0.0f64, |m, x| m.max(x.abs()));
            let apart = x.iter().zip(y).fold(0.0f64, |m, (x, y)| m.max((x - y).abs()));
            if !finite(y) || apart > 1e-12 * size {
                return Some(format!(
                    "{}: {} is {x:?}, {} is {y:?} at 1e±{magnitude}",
                    rule.name, rule.text.0, rule.text.1
                ));
            }
        }
    }
    None
}

#[test]
fn every_rule_keeps_shape_and_value_and_makes_no_more_work() {
    let faults: Vec<String> = all().iter().filter_map(fault).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_wrong_rule_is_caught_and_named() {
    for wrong in [
        "planted  -(A - B) → A - B",
        "planted  (A B)' → A' B'",
        "planted  sum(a A) → sum(A)",
        "planted  sum(A B) → sum(B A)",
        "planted  A (B + C) → A B + A C",
        "planted  log(sigmoid(Z)) → Z - log(1 + exp(Z))",
    ] {
        let rules = Rules::parse(wrong, standard()).expect(wrong);
        let fault = rules.rules.iter().find_map(fault).expect(wrong);
        assert!(fault.starts_with("planted: "), "{fault}");
    }
    let error = Rules::parse("planted  x x → x", standard());
    assert!(error.is_err_and(|e| e.starts_with("planted ")));
}

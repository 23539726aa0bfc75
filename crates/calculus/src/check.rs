//! Gradient check: central finite differences of the meaning against the derived equations.

use std::collections::HashSet;

use matgrad_expr::graph::{Graph, NodeId};
use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::{Bindings, evaluate};

use crate::derive::derive;

/// What the check of one parameter showed.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterCheck {
    /// The parameter as typed.
    pub name: String,
    /// ‖numeric − analytic‖ / ‖numeric + analytic‖.
    pub relative_difference: f64,
    /// Largest |numeric − analytic| of an entry.
    pub largest_absolute_difference: f64,
    /// Whether a surrogate derivative is on the way, which is meant to differ.
    pub surrogate: bool,
}

/// Checks the gradients of an objective at given values of all variables.
///
/// Each entry is moved by ±h with h near ε^⅓ of its size; two step sizes are combined
/// (Richardson), which leaves an error of h⁴. An entry where the two disagree lies at a kink and
/// is skipped.
///
/// # Errors
/// A value that is missing, or an adjoint that does not fit.
pub fn check(
    graph: &Graph,
    objective: NodeId,
    wrt: &[NodeId],
    at: &Bindings,
) -> Result<Vec<ParameterCheck>, String> {
    let gradients = derive(graph, objective, wrt)?;
    let roots: Vec<NodeId> = gradients.gradients.iter().map(|&(_, g)| g).collect();
    let analytic = evaluate(&gradients.graph, &roots, at)?;
    let value = evaluate(graph, &[objective], at)?[&objective].data[0];
    let mut results = Vec::new();
    for &parameter in wrt {
        let gradient = gradients.of(parameter).ok_or("a gradient is missing")?;
        let name = graph.name(parameter).map_or("?", |n| n.spelling.as_str());
        let (numeric, skip) = numeric(graph, objective, parameter, at)?;
        let mut exact = analytic[&gradient].clone();
        for (entry, &skipped) in exact.data.iter_mut().zip(&skip) {
            if skipped {
                *entry = 0.0;
            }
        }
        let pairs = || numeric.data.iter().zip(&exact.data);
        let difference =
            Matrix::new(numeric.rows, numeric.cols, pairs().map(|(a, b)| a - b).collect());
        let sum = Matrix::new(numeric.rows, numeric.cols, pairs().map(|(a, b)| a + b).collect());
        let (top, bottom) = (difference.norm(), sum.norm());
        // Both are zero but for rounding, such as the gradient of a bias before a normalisation.
        let root = (numeric.data.len() as f64).sqrt();
        let zero = |norm: f64| top.max(norm) <= 1e-11 * (1.0 + value.abs()) * root;
        results.push(ParameterCheck {
            name: name.into(),
            relative_difference: if top == 0.0 || zero(bottom) { 0.0 } else { top / bottom },
            largest_absolute_difference: difference.data.iter().fold(0.0, |m, x| x.abs().max(m)),
            surrogate: !gradients.surrogates.is_empty(),
        });
    }
    Ok(results)
}

fn numeric(
    graph: &Graph,
    objective: NodeId,
    parameter: NodeId,
    at: &Bindings,
) -> Result<(Matrix, Vec<bool>), String> {
    let mut result = at.values.get(&parameter).ok_or("a parameter has no value")?.clone();
    let mut moved = still(graph, objective, parameter, at)?;
    let mut skip = vec![false; result.data.len()];
    for (i, kinked) in skip.iter_mut().enumerate() {
        let middle = at.values[&parameter].data[i];
        let mut value = |x: f64| -> Result<f64, String> {
            moved.values.get_mut(&parameter).expect("it was found above").data[i] = x;
            let found = evaluate(graph, &[objective], &moved);
            moved.values.get_mut(&parameter).expect("it was found above").data[i] = middle;
            Ok(found?[&objective].data[0])
        };
        let mut slope = |h: f64| -> Result<f64, String> {
            let (right, left) = (value(middle + h)?, value(middle - h)?);
            Ok((right - left) / ((middle + h) - (middle - h)))
        };
        let h = 1e-3 * middle.abs().max(1.0);
        let (d1, d2, d3) = (slope(h)?, slope(h / 2.0)?, slope(h / 4.0)?);
        let (e1, e2) = ((4.0 * d2 - d1) / 3.0, (4.0 * d3 - d2) / 3.0);
        result.data[i] = (16.0 * e2 - e1) / 15.0;
        if (e1 - e2).abs() > 1e-6 * (1.0 + e2.abs()) {
            *kinked = true;
            result.data[i] = 0.0;
        }
    }
    Ok((result, skip))
}

/// The values that no movement of the parameter changes and something that it changes needs: with
/// them at hand, only what is between the parameter and the objective is evaluated.
fn still(
    graph: &Graph,
    objective: NodeId,
    parameter: NodeId,
    at: &Bindings,
) -> Result<Bindings, String> {
    let mut moving = HashSet::from([parameter]);
    let mut needed = Vec::new();
    for id in graph.reachable(&[objective], true) {
        let body = graph.body(id);
        let below = body.as_ref().map_or(&graph.get(id).operands[..], std::slice::from_ref);
        if below.iter().any(|o| moving.contains(o)) {
            moving.insert(id);
            needed.extend(below.iter().copied().filter(|o| !moving.contains(o)));
        }
    }
    let values = evaluate(graph, &needed, at)?;
    let mut moved = at.clone();
    moved.values.extend(needed.into_iter().map(|id| (id, values[&id].clone())));
    Ok(moved)
}

//! Gradient check: central finite differences of the meaning against the derived equations.

use std::collections::HashSet;

use matgrad_expr::graph::{Graph, NodeId};
use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::{Bindings, evaluate};

use crate::derive::derive;
use crate::size::{relative, sizes};

/// What the check of one parameter showed.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterCheck {
    /// The parameter as typed.
    pub name: String,
    /// ‖numeric − analytic‖ / ‖numeric + analytic‖; 0 where both are nothing but rounding, or
    /// differ by no more than the numeric slopes leave open.
    pub relative_difference: f64,
    /// Largest |numeric − analytic| of an entry.
    pub largest_absolute_difference: f64,
    /// Whether a surrogate derivative is on the way, which is meant to differ.
    pub surrogate: bool,
}

/// From this difference on, what the numeric slopes themselves leave open is taken off: entries that
/// are small beside the objective, in deep networks, are not known to more digits.
const DOUBTED: f64 = 1e-9;

/// Checks the gradients of an objective at given values of all variables.
///
/// Each entry is moved by ±h with h a thousandth of its size; steps of h, h/2 and h/4 are combined
/// (Richardson), which leaves an error of h⁶. An entry where they disagree lies at a kink and is
/// skipped; where they differ by less, an entry is right within that. They may agree on a wrong slope
/// by chance: an entry that differs is looked at again with other steps.
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
    let nothing = rounding(graph, objective, at)?;
    let mut results = Vec::new();
    for &parameter in wrt {
        let gradient = gradients.of(parameter).ok_or("a gradient is missing")?;
        let name = graph.name(parameter).map_or("?", |n| n.spelling.as_str());
        let mut exact = analytic[&gradient].clone();
        let (numeric, doubts) = numeric(graph, objective, parameter, at, (&exact.data, nothing))?;
        for (entry, doubt) in exact.data.iter_mut().zip(&doubts) {
            if doubt.is_infinite() {
                *entry = 0.0;
            }
        }
        let (numeric, exact) = (&numeric.data, &exact.data);
        let mut found = difference(numeric, exact, nothing);
        if found > DOUBTED {
            let near = |((n, e), doubt): ((&f64, &f64), &f64)| {
                if (n - e).abs() <= doubt + nothing { *e } else { *n }
            };
            let agreed: Vec<f64> = numeric.iter().zip(exact).zip(&doubts).map(near).collect();
            found = difference(&agreed, exact, nothing);
        }
        results.push(ParameterCheck {
            name: name.into(),
            relative_difference: found,
            largest_absolute_difference: largest(numeric, exact),
            surrogate: !gradients.surrogates.is_empty(),
        });
    }
    Ok(results)
}

/// What a slope of the objective can be by rounding alone.
///
/// # Errors
/// A value that is missing.
pub fn rounding(graph: &Graph, objective: NodeId, at: &Bindings) -> Result<f64, String> {
    Ok(1e-11 * (1.0 + sizes(graph, &[objective], at)?[&objective].data[0]))
}

/// ‖numeric − analytic‖ / ‖numeric + analytic‖, or 0 where no entry of either is more than
/// `nothing`, such as the gradient of a bias before a normalisation. What is no number is no 0.
pub fn difference(numeric: &[f64], analytic: &[f64], nothing: f64) -> f64 {
    let norm = |entry: fn((&f64, &f64)) -> f64| {
        let data: Vec<f64> = numeric.iter().zip(analytic).map(entry).collect();
        Matrix::new(1, data.len(), data).norm()
    };
    let (top, bottom) = (norm(|(a, b)| a - b), norm(|(a, b)| a + b));
    let least = nothing * (numeric.len() as f64).sqrt();
    if top <= least && bottom <= least { 0.0 } else { relative(top, bottom) }
}

/// The largest |numeric − analytic|.
pub fn largest(numeric: &[f64], analytic: &[f64]) -> f64 {
    numeric.iter().zip(analytic).fold(0.0, |most, (a, b)| f64::max(most, (a - b).abs()))
}

/// The slopes, and how far each may be off: by as much as its two extrapolations differ, or by
/// anything at a kink, where the slope is left 0. `expected` is what they are to be, and what is
/// nothing.
fn numeric(
    graph: &Graph,
    objective: NodeId,
    parameter: NodeId,
    at: &Bindings,
    (expected, nothing): (&[f64], f64),
) -> Result<(Matrix, Vec<f64>), String> {
    let mut result = at.values.get(&parameter).ok_or("a parameter has no value")?.clone();
    let mut moved = still(graph, objective, parameter, at)?;
    let mut doubts = vec![0.0; result.data.len()];
    for (i, doubt) in doubts.iter_mut().enumerate() {
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
        let mut found = extrapolated(h, &mut slope)?;
        let error = (found.0 - expected[i]).abs();
        if error > found.1 + nothing {
            let (again, _) = extrapolated(0.7 * h, &mut slope)?;
            // What is wrong is so by the same for both; at a kink they differ as much as they err.
            if (found.0 - again).abs() > 0.1 * error {
                found.1 = f64::INFINITY;
            }
        }
        (result.data[i], *doubt) = if found.1.is_infinite() { (0.0, found.1) } else { found };
    }
    Ok((result, doubts))
}

/// The slope that those over steps of h, h/2 and h/4 lead to, and how far it may be off.
fn extrapolated(
    h: f64,
    slope: &mut impl FnMut(f64) -> Result<f64, String>,
) -> Result<(f64, f64), String> {
    let (d1, d2, d3) = (slope(h)?, slope(h / 2.0)?, slope(h / 4.0)?);
    let (e1, e2) = ((4.0 * d2 - d1) / 3.0, (4.0 * d3 - d2) / 3.0);
    let smooth = (e1 - e2).abs() <= 1e-6 * (1.0 + e2.abs());
    let doubt = if smooth { (e1 - e2).abs() } else { f64::INFINITY };
    Ok(((16.0 * e2 - e1) / 15.0, doubt))
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

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn what_is_no_number_never_holds() {
        assert_eq!(difference(&[1e-15], &[-1e-15], 1e-11), 0.0);
        assert!(difference(&[1e-15, f64::NAN], &[-1e-15, f64::NAN], 1e-11).is_nan());
        assert!(difference(&[0.0], &[f64::INFINITY], 1e-11).is_nan());
    }
}

//! Where a page is checked: a size for each symbol and numbers for each variable, by seed.
//!
//! Logarithms, roots and powers are numbers in a part of all values only: what is drawn is drawn
//! again, in other ways, until the objective is finite.

use std::collections::HashMap;

use matgrad_calculus::check::ParameterCheck;
use matgrad_data::Random;
use matgrad_expr::dim::{Dim, Symbol};
use matgrad_expr::graph::{Graph, Initial, Kind, NodeId, Variable};
use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::{Bindings, evaluate};
use matgrad_expr::syntax::Role;

use crate::{Error, room};

/// How often values are drawn.
pub(super) const TRIES: u64 = 24;

/// How many entries some variables have.
pub(super) fn entries(graph: &Graph, of: &[NodeId], seed: u64) -> usize {
    let dims = dims(graph, seed);
    let variables = graph.variables.iter().filter(|v| of.contains(&v.node));
    let counts = variables.map(|v| size(&dims, v)).map(|(rows, cols)| rows.saturating_mul(cols));
    counts.fold(0, usize::saturating_add)
}

/// Values at which the objective and what is compared there are numbers, and what was found; else
/// those at which the objective is one; `None` where it is nowhere.
///
/// # Errors
/// What cannot be evaluated.
pub(super) fn finite(
    graph: &Graph,
    objective: NodeId,
    known: &[(NodeId, Matrix)],
    seed: u64,
    compare: impl Fn(&Bindings) -> Result<Vec<ParameterCheck>, Error>,
) -> Result<Option<(Bindings, Vec<ParameterCheck>)>, Error> {
    let all: Vec<NodeId> = graph.variables.iter().map(|v| v.node).collect();
    room::ask("the values that are drawn", Some(entries(graph, &all, seed)), 8)?;
    let mut first = None;
    for attempt in 0..TRIES {
        let mut at = draw(graph, seed, attempt);
        at.values.extend(known.iter().cloned());
        let value = evaluate(graph, &[objective], &at).map_err(Error::Input)?;
        if !value[&objective].data[0].is_finite() {
            continue;
        }
        let found = compare(&at)?;
        if found.iter().all(|p| !p.relative_difference.is_nan()) {
            return Ok(Some((at, found)));
        }
        first.get_or_insert((at, found));
    }
    Ok(first)
}

/// How the entries of a variable are drawn.
#[derive(Clone, Copy)]
enum Way {
    /// From the normal distribution.
    Normal,
    /// Away from 0, all with this sign, of about this size.
    Signed(f64),
    /// The page's own numbers, where it has some.
    Page,
}

/// Values by seed; targets are rows that sum to 1.
fn draw(graph: &Graph, seed: u64, attempt: u64) -> Bindings {
    let mut random = Random::seed(seed ^ (attempt << 32));
    let mut at = Bindings { dims: dims(graph, seed), ..Bindings::default() };
    for variable in &graph.variables {
        let sign = if attempt > 4 && random.uniform() < 0.5 { -1.0 } else { 1.0 };
        let way = match attempt % 4 {
            0 => Way::Normal,
            1 => Way::Signed(sign),
            2 => Way::Page,
            _ => Way::Signed(0.1 * sign),
        };
        let (rows, cols) = size(&at.dims, variable);
        let mut value = numbers(variable, rows, cols, way, &mut random);
        if variable.kind == Kind::Declared(Role::Target) {
            for row in value.data.chunks_mut(cols) {
                row.iter_mut().for_each(|x| *x = x.abs() + 0.01);
                let sum: f64 = row.iter().sum();
                row.iter_mut().for_each(|x| *x /= sum);
            }
        }
        // Far from a matrix without an inverse.
        let square = rows == cols && rows > 1 && variable.kind == Kind::Declared(Role::Param);
        if square && !matches!(way, Way::Page) {
            (0..rows).for_each(|i| value.data[i * cols + i] += 3.0);
        }
        at.values.insert(variable.node, value);
    }
    at
}

fn numbers(variable: &Variable, rows: usize, cols: usize, way: Way, random: &mut Random) -> Matrix {
    let count = rows * cols;
    match (&variable.initial, way) {
        (Initial::Value(m), _) if m.data.len() == count && count > 1 => m.clone(),
        (Initial::Value(m), Way::Page) if m.data.len() == 1 => {
            Matrix::filled(rows, cols, m.data[0])
        }
        (Initial::Value(_) | Initial::Draw(..) | Initial::None, _) => {
            let entry = |x: f64| match way {
                Way::Normal => x,
                Way::Page => x.abs() + 0.1,
                Way::Signed(size) => size * (x.abs() + 0.1),
            };
            Matrix::new(rows, cols, (0..count).map(|_| entry(random.normal())).collect())
        }
    }
}

fn dims(graph: &Graph, seed: u64) -> HashMap<Symbol, usize> {
    let sizes = [5, 4, 3, 6];
    let symbols = graph.symbols.iter().enumerate();
    symbols.map(|(i, (s, _))| (s, sizes[(i + seed as usize % 4) % 4])).collect()
}

fn size(dims: &HashMap<Symbol, usize>, variable: &Variable) -> (usize, usize) {
    let number = |d: Dim| d.evaluate(&|s| dims.get(&s).copied()).unwrap_or(1);
    (number(variable.shape.rows), number(variable.shape.cols))
}

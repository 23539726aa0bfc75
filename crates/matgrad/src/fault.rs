//! Where a value first stopped being finite.

use matgrad_expr::graph::NodeId;
use matgrad_expr::matrix::Matrix;
use matgrad_expr::meaning::{Bindings, evaluate};

use crate::{Error, Network, Rows};

/// The first equation of the page, in its order, that has a value which is not finite where its
/// variables are these, and at these rows: its name with row and column from 1.
pub(crate) fn first(
    network: &Network,
    variables: Vec<(NodeId, Matrix)>,
    (inputs, targets): (&Rows, &Rows),
    rows: &[usize],
) -> Result<Option<String>, Error> {
    let graph = &network.equations.graph;
    let mut at = Bindings::default();
    for (node, matrix) in [(network.input, inputs), (network.target, targets)] {
        at.set(graph, node, matrix.select(rows.iter().copied())).map_err(Error::Input)?;
    }
    let mut places: Vec<NodeId> = vec![network.input, network.target];
    network.set_row_weights(&mut at, rows.len())?;
    for (node, matrix) in variables {
        at.set(graph, node, matrix).map_err(Error::Input)?;
        places.push(node);
    }
    places.extend(network.equations.definitions.iter().copied().chain([network.objective]));
    let values = evaluate(graph, &places, &at).map_err(Error::Input)?;
    for node in places {
        let value = &values[&node];
        if let Some(k) = value.data.iter().position(|x| !x.is_finite()) {
            let name = graph.name(node).map_or("the objective", |n| n.text.as_str());
            let (row, col) = (k / value.cols.max(1), k % value.cols.max(1));
            let table = rows.get(row).filter(|_| value.rows == rows.len());
            let example =
                table.map_or(String::new(), |r| format!(" (row {} of the training rows)", r + 1));
            return Ok(Some(format!(
                "{name}[{}, {}] is {}, the first that is not finite{example}",
                row + 1,
                col + 1,
                value.data[k]
            )));
        }
    }
    Ok(None)
}

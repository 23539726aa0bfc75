//! From a graph to a program.

use std::collections::HashMap;

use matgrad_expr::dim::Symbol;
use matgrad_expr::graph::{Graph, NodeId};

use crate::program::Program;
use crate::values::Values;
use crate::{allocate, bands, emit, schedule};

/// What is to be computed, and how large it is.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The equations.
    pub graph: &'a Graph,
    /// Values that can be read after a step. A variable among them keeps the value it had before
    /// its update.
    pub outputs: &'a [NodeId],
    /// Variables and their new values: all new values follow from old ones.
    pub updates: &'a [(NodeId, NodeId)],
    /// Variables that are written once for many steps, such as the inputs of a full batch: what
    /// follows from them alone is computed in the first step behind that, and kept.
    pub fixed: &'a [NodeId],
    /// Values of the dimension symbols.
    pub dims: &'a HashMap<Symbol, usize>,
    /// The symbol of the batch and the most rows it may have; any smaller number at run time.
    pub rows: Option<(Symbol, usize)>,
}

/// Why there is no program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A symbol without a value.
    #[error("the dimension {symbol} of {node} has no value; give it one, or make it the batch")]
    UnknownDimension {
        /// The symbol.
        symbol: String,
        /// Where it stands.
        node: String,
    },
    /// A size beyond the address space.
    #[error("{node} is too large: {shape} has more entries than memory has addresses")]
    TooLarge {
        /// What.
        node: String,
        /// Its shape.
        shape: String,
    },
    /// A part that is not inside its matrix when the symbols have values.
    #[error("{node} takes entries {start} to {end} (from 0) of {total}")]
    OutOfRange {
        /// The part.
        node: String,
        /// First.
        start: usize,
        /// Behind the last.
        end: usize,
        /// Number of entries there are.
        total: usize,
    },
    /// An update of something that is no variable.
    #[error("{node} is no variable, so it has no new value")]
    NotAVariable {
        /// What it is.
        node: String,
    },
    /// Two updates of one variable.
    #[error("{variable} has two new values; give it one")]
    UpdatedTwice {
        /// The variable.
        variable: String,
    },
    /// A new value of another shape.
    #[error("{variable} is {shape}, but its new value is {found}")]
    UpdateShape {
        /// The variable.
        variable: String,
        /// Its shape.
        shape: String,
        /// The shape of the new value.
        found: String,
    },
    /// A call without its body.
    #[error("{node} calls a function whose body is not in the graph")]
    NoBody {
        /// The call.
        node: String,
    },
}

/// The program that computes this. The same request gives the same program, to the byte.
///
/// # Errors
/// A [`PlanError`] that names what is missing or does not fit.
pub fn plan(request: &Request) -> Result<Program, PlanError> {
    check_updates(request)?;
    let mut values = Values::of(request)?;
    let schedule = schedule::schedule(&mut values);
    let mut draft = emit::emit(&values, &schedule);
    let bands = bands::bands(&draft);
    let arena = allocate::allocate(&values, &mut draft, &bands);

    let constants = values.regions.iter().enumerate().filter_map(|(i, region)| {
        let numbers = region.numbers.clone()?;
        arena.holds(i).then(|| (arena.place(region.slot(i)), numbers))
    });
    Ok(Program {
        constants: constants.collect(),
        variables: values.variables.iter().map(|&(id, slot)| (id, arena.place(slot))).collect(),
        outputs: values.outputs.iter().map(|&(id, slot)| (id, arena.place(slot))).collect(),
        instructions: draft.instructions,
        once: draft.once,
        bands,
        fixed: values.fixed_places().map(|slot| arena.place(slot).offset).collect(),
        equations: draft.equations,
        ranges: values.ranges,
        arena_len: arena.len,
        capacity: values.capacity,
        has_rows: request.rows.is_some(),
    })
}

fn check_updates(request: &Request) -> Result<(), PlanError> {
    let graph = request.graph;
    let mut seen = Vec::new();
    for &(variable, value) in request.updates {
        let name = label(graph, variable);
        if graph.variable(variable).is_none() {
            return Err(PlanError::NotAVariable { node: name });
        }
        if seen.contains(&variable) {
            return Err(PlanError::UpdatedTwice { variable: name });
        }
        seen.push(variable);
        if graph.shape(variable) != graph.shape(value) {
            return Err(PlanError::UpdateShape {
                variable: name,
                shape: graph.symbols.shape(graph.shape(variable)),
                found: graph.symbols.shape(graph.shape(value)),
            });
        }
    }
    Ok(())
}

/// The name of a node for people, or a number in its place.
pub(crate) fn label(graph: &Graph, id: NodeId) -> String {
    graph.name(id).map_or_else(|| format!("%{}", id.0), |name| name.text.clone())
}

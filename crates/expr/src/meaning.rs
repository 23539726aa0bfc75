//! What a graph means: the plain f64 interpreter. Slow, obvious, and what everything else is
//! checked against.

use std::collections::HashMap;

use crate::dim::Symbol;
use crate::graph::{Graph, NodeId};
use crate::matrix::Matrix;
use crate::op::{Meaning, Op};

/// Values of the variables and of the dimension symbols.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    /// A matrix for each variable's node; any other node that has one is not evaluated.
    pub values: HashMap<NodeId, Matrix>,
    /// A number for each symbol.
    pub dims: HashMap<Symbol, usize>,
}

impl Bindings {
    /// Gives a variable its matrix, and the symbols of its shape their numbers.
    ///
    /// # Errors
    /// What does not agree, in words.
    pub fn set(&mut self, graph: &Graph, variable: NodeId, value: Matrix) -> Result<(), String> {
        self.fits(graph, variable, (value.rows, value.cols))?;
        self.values.insert(variable, value);
        Ok(())
    }

    /// Gives the symbols of a variable's shape their numbers, of a matrix of so many rows and
    /// columns.
    ///
    /// # Errors
    /// What does not agree, in words.
    pub fn fits(
        &mut self,
        graph: &Graph,
        variable: NodeId,
        (rows, cols): (usize, usize),
    ) -> Result<(), String> {
        let shape = graph.shape(variable);
        let name = graph.name(variable).map_or("?", |n| n.spelling.as_str());
        for (dim, found, what) in [(shape.rows, rows, "rows"), (shape.cols, cols, "columns")] {
            if let Some(symbol) = dim.as_symbol() {
                self.dims.entry(symbol).or_insert(found);
            }
            let wanted = dim.evaluate(&|s| self.dims.get(&s).copied());
            if wanted.is_some_and(|w| w != found) {
                let wanted = match dim.number() {
                    Some(number) => format!("the page says {number}"),
                    None => format!("{} = {}", graph.symbols.dim(dim), wanted.unwrap_or(0)),
                };
                let what = if found == 1 { &what[..what.len() - 1] } else { what };
                return Err(format!("{name} has {found} {what}, but {wanted}"));
            }
        }
        Ok(())
    }
}

/// Values of these nodes and all they need.
///
/// # Errors
/// Names a variable without a value or a symbol without a number.
pub fn evaluate(
    graph: &Graph,
    roots: &[NodeId],
    bindings: &Bindings,
) -> Result<HashMap<NodeId, Matrix>, String> {
    let order = graph.reachable_to(roots, true, |id| bindings.values.contains_key(&id));
    let dim_value = |s: Symbol| bindings.dims.get(&s).copied();
    for id in &order {
        let node = graph.get(*id);
        let unknown = node.op.dims().into_iter().find(|d| d.evaluate(&dim_value).is_none());
        if let Some(dim) = unknown {
            return Err(format!("the dimension {} has no value", graph.symbols.dim(dim)));
        }
    }
    let mut values: HashMap<NodeId, Matrix> = HashMap::new();
    for id in order {
        if let Some(value) = bindings.values.get(&id) {
            values.insert(id, value.clone());
            continue;
        }
        let node = graph.get(id);
        let operand = |i: usize| &values[&node.operands[i]];
        let value = match (node.op, node.op.def().meaning) {
            (Op::Literal(i), _) => graph.literals[i as usize].clone(),
            (Op::Call(_), _) => {
                values[&graph.body(id).expect("a call is made with its body")].clone()
            }
            (_, Meaning::Leaf) => {
                let name = graph.name(id).map_or("a variable", |n| n.spelling.as_str());
                return Err(format!("{name} has no value"));
            }
            (_, Meaning::Map(f)) => {
                let a = operand(0);
                Matrix::new(a.rows, a.cols, a.data.iter().map(|&x| f(x)).collect())
            }
            (_, Meaning::Zip(f)) => {
                let (a, b) = (operand(0), operand(1));
                let data = a.data.iter().zip(&b.data).map(|(&x, &y)| f(x, y)).collect();
                Matrix::new(a.rows, a.cols, data)
            }
            (op, Meaning::Matrix(f)) => {
                let operands: Vec<&Matrix> = node.operands.iter().map(|o| &values[o]).collect();
                f(op, &operands, &|d| {
                    d.evaluate(&dim_value).expect("dimensions were checked before the loop")
                })
            }
        };
        values.insert(id, value);
    }
    Ok(values)
}

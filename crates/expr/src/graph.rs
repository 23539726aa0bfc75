//! The typed graph: append-only, hash-consed nodes with shapes and names.
//!
//! A node is made by [`Graph::node`], which proves the shape, folds numbers and drops operations
//! that do nothing. Two equal expressions are one node. Operands of a commutative op are sorted
//! for comparison but kept in the order in which they were first written, so that equations print
//! as they were typed.

mod decimal;
mod factor;
mod replace;
mod shape;
mod trivial;

use std::collections::HashMap;
use std::sync::Arc;

use crate::dim::{Dim, Shape, Symbols};
use crate::library::BUILT_IN;
use crate::matrix::Matrix;
use crate::op::{Bits, Op};
use crate::syntax::{self, Role};
use shape::result_shape;

/// A node of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// The most operands an op or a kept function may have.
pub const MOST_OPERANDS: usize = 6;

/// Operands of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operands {
    nodes: [NodeId; MOST_OPERANDS],
    length: u8,
}

impl Operands {
    fn new(nodes: &[NodeId]) -> Operands {
        let mut all = [NodeId(0); MOST_OPERANDS];
        all[..nodes.len()].copy_from_slice(nodes);
        Operands { nodes: all, length: nodes.len() as u8 }
    }
}

impl std::ops::Deref for Operands {
    type Target = [NodeId];
    fn deref(&self) -> &[NodeId] {
        &self.nodes[..self.length as usize]
    }
}

/// An operation on other nodes.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// What is done.
    pub op: Op,
    /// To what.
    pub operands: Operands,
    /// Shape of the result.
    pub shape: Shape,
}

/// What a matrix from outside is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Declared by `input`, `target`, `param` or `const`.
    Declared(Role),
    /// State of an update rule.
    State,
    /// What an update rule is given: `G`, `W`, `t`, `L` and its hyperparameters.
    Given,
}

/// How a variable begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Initial {
    /// The caller supplies it.
    None,
    /// Drawn from a named distribution.
    Draw(String, Vec<f64>),
    /// These numbers (a 1×1 value fills the shape).
    Value(Matrix),
}

/// A matrix from outside.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its node.
    pub node: NodeId,
    /// What it is for.
    pub kind: Kind,
    /// Its shape.
    pub shape: Shape,
    /// How it begins.
    pub initial: Initial,
}

/// Why no node was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShapeError {
    /// `(m×k)(l×n)` with k ≠ l.
    Product,
    /// Element-wise on two shapes.
    Unequal,
    /// Wants a square matrix.
    NotSquare,
    /// Wants a column.
    NotColumn,
    /// Sizes before and after differ.
    Size,
    /// Only a number, a row or a column spreads, and only to a fitting shape.
    Spread,
    /// Concatenated matrices do not fit, or the sum of their dimensions is no product of symbols.
    Concat,
    /// A slice outside the matrix.
    Range,
    /// The columns are not those of the pictures, or of their unfolding.
    Picture,
    /// A window that does not fit into its picture, or does not divide the channels.
    Window,
    /// Wrong number of operands.
    Arity,
}

/// The graph of a page.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    index: HashMap<(Op, Operands), NodeId>,
    /// Dimension symbols.
    pub symbols: Symbols,
    /// Matrices from outside.
    pub variables: Vec<Variable>,
    /// Written matrices.
    pub literals: Vec<Matrix>,
    /// Functions that calls refer to: those of the library first, in its order.
    pub functions: Vec<Arc<syntax::Function>>,
    /// How many of them are the library's.
    pub library: usize,
    /// States of layers, each with its value after a step of training.
    pub updates: Vec<(NodeId, NodeId)>,
    bodies: HashMap<NodeId, NodeId>,
    names: HashMap<NodeId, syntax::Name>,
    /// The way back, with the names that came second.
    named: HashMap<String, NodeId>,
}

impl Graph {
    /// A graph whose first functions are these, of the library.
    pub fn new(functions: &[Arc<syntax::Function>]) -> Graph {
        Graph { functions: functions.to_vec(), library: functions.len(), ..Graph::default() }
    }

    /// A graph without nodes, with the functions and dimensions of this one.
    pub fn emptied(&self) -> Graph {
        Graph {
            functions: self.functions.clone(),
            library: self.library,
            symbols: self.symbols.clone(),
            ..Graph::default()
        }
    }

    /// The function of the library that an op calls.
    pub fn of_library(&self, op: Op) -> Option<&str> {
        let Op::Call(f) = op else { return None };
        let functions = self.functions[..self.library].get(f as usize);
        functions.map(|function| function.name.text.as_str())
    }

    /// What an op is called where the page calls it.
    pub fn called(&self, op: Op) -> String {
        match op {
            Op::Call(f) if f as usize >= self.library => {
                self.functions[f as usize].name.text.clone()
            }
            _ => self.built_in(self.of_library(op).unwrap_or(op.def().name)),
        }
    }

    /// What the page calls a function that is built in or of the library: by its name, unless a
    /// function of the page has that.
    pub fn built_in(&self, name: &str) -> String {
        let hidden = self.functions[self.library..].iter().any(|f| f.name.text == name);
        if hidden { format!("{BUILT_IN}{name}") } else { name.to_string() }
    }

    /// A node by its id.
    pub fn get(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// Its shape.
    pub fn shape(&self, id: NodeId) -> Shape {
        self.get(id).shape
    }

    /// Number of nodes; ids are `0..len`.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The value of a number node, also of one spread to a shape.
    pub fn number_at(&self, id: NodeId) -> Option<f64> {
        let node = self.get(id);
        match node.op {
            Op::Number(Bits(bits)) => Some(f64::from_bits(bits)),
            Op::Spread(_) => self.number_at(node.operands[0]),
            _ => None,
        }
    }

    /// The name of a node.
    pub fn name(&self, id: NodeId) -> Option<&syntax::Name> {
        self.names.get(&id)
    }

    /// All names with their nodes, in the order of the nodes.
    pub fn names(&self) -> Vec<(&syntax::Name, NodeId)> {
        let mut all: Vec<_> = self.names.iter().map(|(&id, name)| (name, id)).collect();
        all.sort_by_key(|&(_, id)| id);
        all
    }

    /// The first node that was given a canonical name.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.named.get(name).copied()
    }

    /// Names a node. It is written by its first name, and found by all of them. Returns whether
    /// this is the first.
    pub fn set_name(&mut self, id: NodeId, name: syntax::Name) -> bool {
        self.named.entry(name.text.clone()).or_insert(id);
        let first = !self.names.contains_key(&id);
        if first {
            self.names.insert(id, name);
        }
        first
    }

    /// Takes the names of all nodes away for which the test fails.
    pub fn retain_names(&mut self, mut keep: impl FnMut(NodeId) -> bool) {
        self.names.retain(|&id, _| keep(id));
        self.named.retain(|_, id| keep(*id));
    }

    /// The body of a call: the node that it abbreviates.
    pub fn body(&self, call: NodeId) -> Option<NodeId> {
        self.bodies.get(&call).copied()
    }

    /// The variable of a node.
    pub fn variable(&self, id: NodeId) -> Option<&Variable> {
        match self.get(id).op {
            Op::Variable(i) => Some(&self.variables[i as usize]),
            _ => None,
        }
    }

    /// Adds a variable, with its name.
    pub fn add_variable(
        &mut self,
        name: syntax::Name,
        kind: Kind,
        shape: Shape,
        initial: Initial,
    ) -> NodeId {
        let op = Op::Variable(self.variables.len() as u32);
        let node = self.push(op, &[], shape);
        self.variables.push(Variable { node, kind, shape, initial });
        self.set_name(node, name);
        node
    }

    /// Adds written numbers; equal ones are one node.
    pub fn literal(&mut self, matrix: Matrix) -> NodeId {
        if matrix.rows == 1 && matrix.cols == 1 {
            return self.number(matrix.data[0]);
        }
        let shape = Shape::new(Dim::of(matrix.rows as u64), Dim::of(matrix.cols as u64));
        let known = self.literals.iter().position(|l| *l == matrix);
        let i = known.unwrap_or_else(|| {
            self.literals.push(matrix);
            self.literals.len() - 1
        });
        self.push(Op::Literal(i as u32), &[], shape)
    }

    /// A 1×1 number.
    pub fn number(&mut self, value: f64) -> NodeId {
        self.push(Op::number(value), &[], Shape::SCALAR)
    }

    /// A dimension as a 1×1 value.
    pub fn size(&mut self, dim: Dim) -> NodeId {
        match dim.number() {
            Some(n) => self.number(n as f64),
            None => self.push(Op::Size(dim), &[], Shape::SCALAR),
        }
    }

    /// A kept call with its body.
    pub fn call(&mut self, function: u32, operands: &[NodeId], body: NodeId) -> NodeId {
        let node = self.push(Op::Call(function), operands, self.shape(body));
        self.bodies.insert(node, body);
        node
    }

    /// Repeats a number, row or column to a shape (or returns the node, if it has it already).
    ///
    /// # Errors
    /// [`ShapeError::Spread`] where it does not fit.
    pub fn spread(&mut self, id: NodeId, shape: Shape) -> Result<NodeId, ShapeError> {
        self.node(Op::Spread(shape), &[id])
    }

    /// Element-wise op after spreading the operands to their common shape.
    ///
    /// # Errors
    /// [`ShapeError::Unequal`] where there is none.
    pub fn elementwise(&mut self, op: Op, operands: &[NodeId]) -> Result<NodeId, ShapeError> {
        let shapes: Vec<Shape> = operands.iter().map(|&id| self.shape(id)).collect();
        let common = shapes.iter().copied().find(|&s| {
            shapes.iter().all(|&t| {
                (t.rows == s.rows || t.rows == Dim::ONE) && (t.cols == s.cols || t.cols == Dim::ONE)
            })
        });
        let common = common.ok_or(ShapeError::Unequal)?;
        let spread: Result<Vec<NodeId>, ShapeError> =
            operands.iter().map(|&id| self.spread(id, common)).collect();
        self.node(op, &spread?)
    }

    /// The matrix product, or the scaling if either is 1×1.
    ///
    /// # Errors
    /// [`ShapeError::Product`] where the inner dimensions differ.
    pub fn product(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, ShapeError> {
        if self.shape(a).is_scalar() || self.shape(b).is_scalar() {
            return self.elementwise(Op::Mul, &[a, b]);
        }
        self.node(Op::MatMul, &[a, b])
    }

    /// Makes a node, or returns one that means the same.
    ///
    /// # Errors
    /// A [`ShapeError`] where the operands do not fit.
    pub fn node(&mut self, op: Op, operands: &[NodeId]) -> Result<NodeId, ShapeError> {
        if !matches!(op, Op::Call(_)) && operands.len() != op.def().arity {
            return Err(ShapeError::Arity);
        }
        let shapes: Vec<Shape> = operands.iter().map(|&id| self.shape(id)).collect();
        let shape = result_shape(op, &shapes)?;
        if let Some(same) = self.trivial(op, operands, shape)? {
            return Ok(same);
        }
        Ok(self.push(op, operands, shape))
    }

    /// The dimension that a 1×1 node is the value of.
    pub(crate) fn size_of(&self, id: NodeId) -> Option<Dim> {
        match self.get(id).op {
            Op::Size(dim) => Some(dim),
            _ => self
                .number_at(id)
                .filter(|n| n.fract() == 0.0 && *n >= 1.0)
                .map(|n| Dim::of(n as u64)),
        }
    }

    fn push(&mut self, op: Op, operands: &[NodeId], shape: Shape) -> NodeId {
        let mut key = operands.to_vec();
        if op.def().commutative {
            key.sort_unstable();
        }
        let key = (op, Operands::new(&key));
        if let Some(&id) = self.index.get(&key) {
            return id;
        }
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node { op, operands: Operands::new(operands), shape });
        self.index.insert(key, id);
        id
    }

    /// The nodes that these need, each after its operands; with `through_calls`, each call after
    /// its body instead.
    pub fn reachable(&self, roots: &[NodeId], through_calls: bool) -> Vec<NodeId> {
        self.reachable_to(roots, through_calls, |_| false)
    }

    /// The same, with nothing below a node for which the test holds.
    pub fn reachable_to(
        &self,
        roots: &[NodeId],
        through_calls: bool,
        end: impl Fn(NodeId) -> bool,
    ) -> Vec<NodeId> {
        let mut seen = vec![false; self.nodes.len()];
        let mut order = Vec::new();
        let mut stack: Vec<(NodeId, bool)> = roots.iter().rev().map(|&r| (r, false)).collect();
        while let Some((id, done)) = stack.pop() {
            if done {
                order.push(id);
                continue;
            }
            if std::mem::replace(&mut seen[id.0 as usize], true) {
                continue;
            }
            stack.push((id, true));
            if end(id) {
                continue;
            }
            let body = if through_calls { self.body(id) } else { None };
            match body {
                Some(body) => stack.push((body, false)),
                None => stack.extend(self.get(id).operands.iter().rev().map(|&o| (o, false))),
            }
        }
        order
    }
}

#[cfg(test)]
mod tests;

//! A value of a page and its gradient, as a function of the flat weights.

use std::collections::HashMap;

use matgrad_calculus::derive;
use matgrad_expr::graph::NodeId;
use matgrad_expr::matrix::Matrix;
use matgrad_plan::plan::Request;

use crate::engine::{Engine, Precision};
use crate::{Error, Network, Rows};

/// Value and gradient as one program in 64 bits, on all rows at once.
pub(super) struct Program {
    engine: Engine,
    value: NodeId,
    /// Each parameter with its size and its gradient, in the order of the page.
    parts: Vec<(NodeId, usize, NodeId)>,
}

impl Program {
    pub fn compile(network: &Network, value: NodeId, rows: usize) -> Result<Program, Error> {
        let parameters = network.equations.parameters();
        let derived = derive(&network.equations.graph, value, &parameters).map_err(Error::Run)?;
        let mut parts = Vec::new();
        for parameter in parameters {
            let size = derived.graph.shape(parameter).size().and_then(|s| s.number());
            let (Some(size), Some(gradient)) = (size, derived.of(parameter)) else {
                return Err(Error::Run("a parameter has no gradient".into()));
            };
            parts.push((parameter, size as usize, gradient));
        }
        let mut outputs: Vec<NodeId> = parts.iter().map(|p| p.2).collect();
        outputs.push(derived.objective);
        let request = Request {
            graph: &derived.graph,
            outputs: &outputs,
            updates: &[],
            fixed: &network.row_inputs(),
            dims: &HashMap::new(),
            rows: Some((network.batch, rows.max(1))),
        };
        let engine = Engine::of(&request, Precision::F64)?;
        Ok(Program { engine, value: derived.objective, parts })
    }

    /// Writes the rows, and the constants of the page.
    pub fn load(
        &mut self,
        network: &Network,
        fixed: &[(NodeId, Matrix)],
        (inputs, targets): (&Rows, &Rows),
    ) -> Result<(), Error> {
        for (node, value) in fixed {
            self.engine.write(*node, &value.data)?;
        }
        let all: Vec<usize> = (0..inputs.len()).collect();
        self.engine.gather(network.input, inputs, &all)?;
        self.engine.gather(network.target, targets, &all)?;
        if let Some(node) = network.row_weights {
            self.engine.fill(node, 1.0);
        }
        Ok(())
    }

    /// Other weights of the rows.
    pub fn weigh(&mut self, node: NodeId, weights: &Matrix) -> Result<(), Error> {
        self.engine.write(node, &weights.data)
    }

    /// How many weights there are.
    pub fn size(&self) -> usize {
        self.parts.iter().map(|p| p.1).sum()
    }

    /// The flat weights as one matrix's entries after the other.
    pub fn split(&self, weights: &[f64]) -> Vec<Vec<f64>> {
        let mut rest = weights;
        let part = |size: usize| {
            let (part, after) = rest.split_at(size);
            rest = after;
            part.to_vec()
        };
        self.parts.iter().map(|p| p.1).map(part).collect()
    }

    /// Writes the flat weights into a program of the same page.
    pub fn write(&self, engine: &mut Engine, weights: &[f64]) -> Result<(), Error> {
        let parts = self.parts.iter().zip(self.split(weights));
        parts.into_iter().try_for_each(|(part, values)| engine.write(part.0, &values))
    }

    /// The value; its gradient goes into `gradient`.
    pub fn evaluate(&mut self, weights: &[f64], gradient: &mut [f64]) -> Result<f64, Error> {
        let mut from = 0;
        for &(parameter, size, _) in &self.parts {
            self.engine.write(parameter, &weights[from..from + size])?;
            from += size;
        }
        self.engine.step();
        let mut from = 0;
        for &(_, size, part) in &self.parts {
            gradient[from..from + size].copy_from_slice(&self.engine.read(part)?);
            from += size;
        }
        self.engine.number(self.value)
    }
}

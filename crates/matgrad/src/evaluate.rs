//! The forward pass alone.

use std::collections::HashMap;

use matgrad_expr::graph::NodeId;
use matgrad_expr::matrix::Matrix;

use crate::engine::{Engine, Precision};
use crate::{Error, Kept, Network};

/// The forward pass alone: outputs and objective of any number of rows.
pub struct Evaluator {
    engine: Engine,
    network: (NodeId, NodeId, NodeId, NodeId),
    row_weights: Option<(NodeId, usize)>,
    capacity: usize,
    cols: usize,
    link: crate::Link,
}

impl Evaluator {
    /// Rows that go through the network at once, at most.
    const ROWS: usize = 4096;

    /// Numbers of all values of the page that are in memory at once, or those of 64 rows.
    const NUMBERS: usize = 1 << 18;

    /// For up to this many rows at once, as far as memory is not to be spent on them.
    ///
    /// # Errors
    /// What cannot be planned.
    pub fn new(
        network: &Network,
        capacity: usize,
        precision: Precision,
    ) -> Result<Evaluator, Error> {
        let graph = &network.equations.graph;
        let [output, loss] = [network.output, network.loss].map(|n| network.equations.inference(n));
        let places = network.equations.definitions.iter().chain([&network.input]);
        let width: usize = places.map(|&node| network.columns(node)).sum();
        let most = (Self::NUMBERS / width.max(1)).clamp(64, Self::ROWS);
        let capacity = capacity.clamp(1, most);
        let engine = Engine::new(
            graph,
            &[output, loss],
            &[],
            &HashMap::new(),
            Some((network.batch, capacity)),
            precision,
        )?;
        let nodes = (network.input, network.target, output, loss);
        let cols = graph.shape(network.target).cols.number().unwrap_or(1) as usize;
        let row_weights = network.row_weights.map(|node| (node, network.columns(node)));
        Ok(Evaluator { row_weights, engine, network: nodes, capacity, cols, link: network.link })
    }

    /// Rows that go through the network at once.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Sets the weights.
    ///
    /// # Errors
    /// Weights of another shape.
    pub fn weights<'w>(
        &mut self,
        weights: impl Iterator<Item = (NodeId, &'w [f64])>,
    ) -> Result<(), Error> {
        for (node, value) in weights {
            self.engine.write(node, value)?;
        }
        Ok(())
    }

    /// Sets weights that were kept.
    ///
    /// # Errors
    /// Weights of another shape.
    pub fn put_back<'w>(
        &mut self,
        mut weights: impl Iterator<Item = (NodeId, &'w Kept)>,
    ) -> Result<(), Error> {
        weights.try_for_each(|(node, value)| self.engine.put_back(node, value))
    }

    /// Predictions (after the link) and the mean objective; without targets the latter is NaN.
    ///
    /// # Errors
    /// Rows of another width.
    pub fn run(
        &mut self,
        inputs: &Matrix,
        targets: Option<&Matrix>,
    ) -> Result<(Matrix, f64), Error> {
        self.run_weighted(inputs, targets, None)
    }

    /// As [`Evaluator::run`], with weights of the rows whose mean is 1.
    ///
    /// # Errors
    /// Rows of another width.
    pub fn run_weighted(
        &mut self,
        inputs: &Matrix,
        targets: Option<&Matrix>,
        weights: Option<&Matrix>,
    ) -> Result<(Matrix, f64), Error> {
        let (input, target, output, objective) = self.network;
        for (what, found) in [("targets", targets), ("weights", weights)] {
            if let Some(found) = found.filter(|found| found.rows != inputs.rows) {
                let (found, rows) = (found.rows, inputs.rows);
                return Err(Error::Input(format!("{found} rows of {what} for {rows} of inputs")));
            }
        }
        let mut data = Vec::new();
        let mut loss = 0.0;
        for from in (0..inputs.rows).step_by(self.capacity) {
            let to = (from + self.capacity).min(inputs.rows);
            self.engine.set_rows(to - from)?;
            self.engine.write(input, &inputs.data[from * inputs.cols..to * inputs.cols])?;
            match targets {
                Some(t) => self.engine.write(target, &t.data[from * t.cols..to * t.cols])?,
                None => self.engine.write(target, &vec![0.0; (to - from) * self.cols])?,
            }
            if let Some((node, cols)) = self.row_weights {
                match weights {
                    Some(s) => self.engine.write(node, &s.data[from * s.cols..to * s.cols])?,
                    None => self.engine.write(node, &vec![1.0; (to - from) * cols])?,
                }
            }
            self.engine.step();
            data.extend(self.engine.read(output)?);
            loss += self.engine.read(objective)?[0] * (to - from) as f64;
        }
        let cols = data.len() / inputs.rows.max(1);
        let mut predictions = Matrix::new(inputs.rows, cols, data);
        self.link.apply(&mut predictions);
        Ok((predictions, if targets.is_some() { loss / inputs.rows as f64 } else { f64::NAN }))
    }
}

//! What does the work of an epoch: a compiled step, or a search.

use matgrad_expr::graph::NodeId;
use matgrad_expr::matrix::Matrix;

use crate::solver::Search;
use crate::{Checkpoint, Error, Kept, Network, Rows, TrainingStep};

/// What a search has, which is in 64 bits.
fn kept(values: Vec<Vec<f64>>) -> Vec<Kept> {
    values.into_iter().map(Kept::F64).collect()
}

/// A compiled step, or a search over all rows.
pub(crate) enum Worker {
    Step(Box<Stepper>),
    Search(Box<Search>),
}

/// A compiled step, and what its rows weigh.
pub(crate) struct Stepper {
    pub step: TrainingStep,
    row_weights: Option<(NodeId, Rows<'static>)>,
}

impl Stepper {
    pub fn new(step: TrainingStep, rows: usize, network: &Network) -> Stepper {
        let row_weights = network.row_weights.map(|node| {
            let ones = Matrix::filled(rows, network.columns(node), 1.0);
            (node, step.engine.rows(&ones))
        });
        Stepper { step, row_weights }
    }

    /// Other weights of the rows.
    pub fn weigh(&mut self, weights: &Matrix) {
        if let Some((_, rows)) = &mut self.row_weights {
            *rows = self.step.engine.rows(weights);
        }
    }

    /// A step on these rows; `all` when they are all there are, in their order: they stay in place.
    pub fn run(
        &mut self,
        network: &Network,
        (inputs, targets): (&Rows, &Rows),
        rows: &[usize],
        all: bool,
    ) -> Result<f64, Error> {
        if !all || !self.step.loaded {
            let engine = &mut self.step.engine;
            engine.set_rows(rows.len())?;
            engine.gather(network.input, inputs, rows)?;
            engine.gather(network.target, targets, rows)?;
            if let Some((node, weights)) = &self.row_weights {
                engine.gather(*node, weights, rows)?;
            }
            self.step.loaded = all;
        }
        self.step.run()
    }
}

impl Worker {
    /// Steps, or iterations, done.
    pub fn steps(&self) -> usize {
        match self {
            Worker::Step(stepper) => stepper.step.steps(),
            Worker::Search(search) => search.iterations(),
        }
    }

    /// Evaluations of a search.
    pub fn evaluations(&self) -> Option<usize> {
        match self {
            Worker::Step(_) => None,
            Worker::Search(search) => Some(search.evaluations()),
        }
    }

    /// The parameters' entries.
    pub fn weights(&self, parameters: &[NodeId]) -> Result<Vec<Kept>, Error> {
        match self {
            Worker::Step(s) => parameters.iter().map(|&p| s.step.engine.keep(p)).collect(),
            Worker::Search(search) => Ok(kept(search.weights())),
        }
    }

    /// The state of the rule or the solver.
    pub fn state(&self) -> Result<(usize, Vec<Kept>), Error> {
        match self {
            Worker::Step(stepper) => stepper.step.state(),
            Worker::Search(search) => Ok((search.iterations(), kept(search.state()))),
        }
    }

    /// Puts weights and state back.
    pub fn restore(&mut self, parameters: &[NodeId], from: &Checkpoint) -> Result<(), Error> {
        match self {
            Worker::Step(stepper) => {
                for (node, value) in parameters.iter().zip(&from.weights) {
                    stepper.step.engine.put_back(*node, value)?;
                }
                stepper.step.restore(from.steps, &from.states)
            }
            Worker::Search(search) => {
                let [weights, states] = [&from.weights, &from.states]
                    .map(|all| all.iter().map(Kept::to_f64).collect::<Vec<_>>());
                search.restore(from.steps, &weights, &states)
            }
        }
    }
}

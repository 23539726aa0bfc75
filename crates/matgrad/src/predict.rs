//! The forward pass alone, for serving: one predictor, and a session for each thread that calls.

use std::sync::Arc;

use matgrad_expr::graph::NodeId;
use matgrad_expr::matrix::Matrix;
use matgrad_plan::extent::Slot;
use matgrad_plan::plan::{Request, plan};
use matgrad_plan::program::Program;
use matgrad_run::machine::{Machine, RunError};
use matgrad_run::real::Real;

use crate::{Error, Network};

/// The forward pass with its weights; threads share it, and each takes a [`Session`].
///
/// Generic over the number type, as [`Machine`] is, since rows are lent as slices of it.
///
/// ```
/// use matgrad::{Network, Predictor, expr::matrix::Matrix};
///
/// let page = "input X : B×2\ntarget Y : B×1\nparam w : 2×1 = 3\nZ = X w\nminimize mse(Z, Y)\n";
/// let network = Network::parse("page", page)?;
/// let predictor = Predictor::<f32>::new(&network, &network.initial(0)?, 16)?;
/// let mut outputs = [0.0; 2];
/// predictor.session().run(&[1.0, 2.0, 0.5, 0.5], &mut outputs)?;
/// assert_eq!(outputs, [9.0, 3.0]);
/// # Ok::<(), matgrad::Error>(())
/// ```
#[derive(Clone)]
pub struct Predictor<T: Real> {
    program: Arc<Program>,
    weights: Vec<(Slot, Vec<T>)>,
    input: (NodeId, usize),
    output: (Slot, usize),
}

/// The memory of one caller. A run allocates nothing.
pub struct Session<T: Real> {
    machine: Machine<T>,
    input: (Option<NodeId>, usize),
    output: (Slot, usize),
}

impl<T: Real> Predictor<T> {
    /// Of a network with these weights. A session has room for `block` rows; more of them are done
    /// block by block.
    ///
    /// # Errors
    /// What cannot be planned, or a target that the output depends on.
    pub fn new(
        network: &Network,
        weights: &[(NodeId, Matrix)],
        block: usize,
    ) -> Result<Predictor<T>, Error> {
        let nodes: Vec<NodeId> = weights.iter().map(|&(node, _)| node).collect();
        let mut predictor = Predictor::of(network, &nodes, block)?;
        let placed = weights.iter().filter_map(|(node, matrix)| {
            let values = matrix.data.iter().map(|&x| T::from_f64(x)).collect();
            Some((*predictor.program.variable(*node)?, values))
        });
        predictor.weights = placed.collect();
        Ok(predictor)
    }

    /// Of a network whose weights each session is given by [`Session::set_weights`]; they are 0
    /// before.
    ///
    /// # Errors
    /// As for [`Predictor::new`].
    pub fn without_weights(network: &Network, block: usize) -> Result<Predictor<T>, Error> {
        Predictor::of(network, &network.equations.learnt(), block)
    }

    fn of(network: &Network, weights: &[NodeId], block: usize) -> Result<Predictor<T>, Error> {
        let graph = &network.equations.graph;
        let wrong = |what: &str| Error::Input(format!("{what}: this network does not predict"));
        let output = network.equations.inference(network.output);
        let program = plan(&Request {
            graph,
            outputs: &[output],
            updates: &[],
            fixed: weights,
            dims: &Default::default(),
            rows: Some((network.batch, block.max(1))),
        })
        .map_err(|e| Error::Run(e.to_string()))?;
        if program.variable(network.target).is_some() {
            return Err(wrong("the output depends on the target"));
        }
        let cols = |node: NodeId| {
            let cols = graph.shape(node).cols.number().map(|n| n as usize);
            cols.ok_or_else(|| wrong("inputs and outputs need a number of columns"))
        };
        let slot = program.output(output).copied();
        let slot = slot.ok_or_else(|| wrong("the output has no place"))?;
        Ok(Predictor {
            weights: Vec::new(),
            input: (network.input, cols(network.input)?),
            output: (slot, cols(output)?),
            program: Arc::new(program),
        })
    }

    /// Columns of the inputs and of the outputs.
    pub fn widths(&self) -> (usize, usize) {
        (self.input.1, self.output.1)
    }

    /// Memory for one caller, weights in their place.
    pub fn session(&self) -> Session<T> {
        let mut machine = Machine::new(Arc::clone(&self.program));
        for (slot, values) in &self.weights {
            machine.slice_mut(slot).copy_from_slice(values);
        }
        let (node, cols) = self.input;
        let input = (self.program.variable(node).map(|_| node), cols);
        Session { machine, input, output: self.output }
    }
}

impl<T: Real> Session<T> {
    /// A run uses up to so many threads where that pays; they change no bit of a result.
    pub fn set_threads(&mut self, threads: usize) {
        self.machine.set_threads(threads);
    }

    /// Gives a parameter other entries, row by row, in this session; one that the output does not
    /// need is passed over.
    ///
    /// # Errors
    /// Another number of entries.
    pub fn set_weights(&mut self, parameter: NodeId, entries: &[T]) -> Result<(), Error> {
        let Some(slot) = self.machine.program().variable(parameter).copied() else {
            return Ok(());
        };
        let place = self.machine.slice_mut(&slot);
        if place.len() != entries.len() {
            let (wanted, found) = (place.len(), entries.len());
            return Err(Error::Input(format!("{found} entries for a parameter of {wanted}")));
        }
        place.copy_from_slice(entries);
        Ok(())
    }

    /// The network's outputs (before [`crate::Link`]) of these rows, row by row. Allocates nothing.
    ///
    /// # Errors
    /// Slices that are not both of the same number of rows.
    pub fn run(&mut self, inputs: &[T], outputs: &mut [T]) -> Result<(), Error> {
        let ((input, from), (output, to)) = (self.input, self.output);
        let wrong = |e: RunError| Error::Run(e.to_string());
        let count = outputs.len() / to.max(1);
        if inputs.len() != count * from || outputs.len() != count * to {
            return Err(Error::Input(format!(
                "{} numbers in and {} out: a row has {from} inputs and {to} outputs",
                inputs.len(),
                outputs.len()
            )));
        }
        let block = self.machine.program().capacity();
        for start in (0..count).step_by(block) {
            let end = (start + block).min(count);
            self.machine.set_rows(end - start).map_err(wrong)?;
            match input {
                Some(node) => {
                    let rows = &inputs[start * from..end * from];
                    self.machine.step_with(node, rows).map_err(wrong)?;
                }
                None => self.machine.step(),
            }
            outputs[start * to..end * to].copy_from_slice(self.machine.slice(&output));
        }
        Ok(())
    }
}

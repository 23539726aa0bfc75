//! Solvers that search: Rust over one closure, (flat weights) → (objective, gradient), on all rows
//! at once and in 64 bits. An epoch is one iteration.

mod lbfgs;
mod line_search;
mod lm;
mod program;
mod residuals;
mod scg;

use matgrad_expr::graph::NodeId;
use matgrad_expr::matrix::Matrix;

use crate::method::set;
use crate::{Error, Network, Rows};
use lbfgs::Lbfgs;
use lm::Lm;
use program::Program;
use residuals::Residuals;
use scg::Scg;

/// A solver that searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Solver {
    /// L-BFGS with a line search by the strong Wolfe conditions.
    Lbfgs,
    /// Scaled conjugate gradients.
    Scg,
    /// Levenberg–Marquardt, for losses that are sums of squares.
    Lm,
}

impl Solver {
    /// All of them.
    pub const ALL: [Solver; 3] = [Solver::Lbfgs, Solver::Scg, Solver::Lm];

    /// As it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Solver::Lbfgs => "lbfgs",
            Solver::Scg => "scg",
            Solver::Lm => "lm",
        }
    }

    /// Its settings: the search is over where a step promises to gain no more than `tolerance`, a
    /// share of the loss (of L-BFGS also where it gained no more), or where no entry of the gradient
    /// is larger than `gradient`; `memory` is the steps that L-BFGS remembers, `damping` that of the
    /// first Levenberg–Marquardt step.
    ///
    /// # Errors
    /// A setting it does not have.
    pub fn settings(self, settings: &[(String, f64)]) -> Result<Vec<(String, f64)>, Error> {
        let own: &[(&str, f64)] = match self {
            Solver::Lbfgs => &[("memory", 10.0)],
            Solver::Scg => &[],
            Solver::Lm => &[("damping", 100.0)],
        };
        let all = [("tolerance", 1e-15), ("gradient", 0.0)].iter().chain(own);
        let defaults = all.map(|(name, value)| (name.to_string(), *value)).collect();
        set(self.name(), defaults, settings)
    }
}

/// (flat weights) → objective; the gradient goes into the second.
type Objective<'a> = dyn FnMut(&[f64], &mut [f64]) -> Result<f64, Error> + 'a;

/// What an iteration found.
pub(crate) struct Progress {
    /// The objective before it.
    pub loss: f64,
    /// Nothing more is to be gained.
    pub done: bool,
}

/// What counts as nothing left to gain.
#[derive(Clone, Copy)]
struct Rest {
    /// Of the loss.
    share: f64,
    /// The largest entry of the gradient.
    gradient: f64,
}

impl Rest {
    /// Whether the weights lie on the level.
    fn level(self, gradient: &[f64]) -> bool {
        gradient.iter().all(|g| g.abs() <= self.gradient)
    }

    /// Whether a step that promises so much is not worth it.
    fn little(self, promised: f64, loss: f64) -> bool {
        promised <= self.share * loss.abs()
    }
}

/// A search with its weights.
pub(crate) struct Search {
    state: State,
    program: Program,
    weights: Vec<f64>,
    iterations: usize,
    evaluations: usize,
}

enum State {
    Lbfgs(Lbfgs),
    Scg(Scg),
    Lm(Lm, Box<Residuals>),
}

impl Search {
    pub fn begin(
        network: &Network,
        solver: Solver,
        settings: &[(String, f64)],
        weights: &[(NodeId, Matrix)],
        data: (&Rows, &Rows),
    ) -> Result<Search, Error> {
        let equations = &network.equations;
        if equations.noise().next().is_some() || !equations.graph.updates.is_empty() {
            return Err(Error::Input(
                "this network draws noise or keeps running statistics (dropout, batch_norm), which \
                 a search cannot follow; train it by an update rule such as adam"
                    .into(),
            ));
        }
        let mut program = Program::compile(network, network.objective, data.0.len())?;
        program.load(network, weights, data)?;
        let settings = solver.settings(settings)?;
        let setting = |name: &str| settings.iter().find(|s| s.0 == name).map_or(0.0, |s| s.1);
        let rest = Rest { share: setting("tolerance"), gradient: setting("gradient") };
        let state = match solver {
            Solver::Lbfgs => State::Lbfgs(Lbfgs::new(setting("memory") as usize, rest)),
            Solver::Scg => State::Scg(Scg::new(rest)),
            Solver::Lm => {
                let residuals = Residuals::compile(network, weights, data)?;
                State::Lm(Lm::new(setting("damping"), rest), Box::new(residuals))
            }
        };
        let mut flat = Vec::new();
        for parameter in network.equations.parameters() {
            let start = weights.iter().find(|(node, _)| *node == parameter);
            let (_, matrix) = start.ok_or_else(|| Error::Run("a parameter has no value".into()))?;
            flat.extend_from_slice(&matrix.data);
        }
        Ok(Search { state, program, weights: flat, iterations: 0, evaluations: 0 })
    }

    /// One iteration.
    pub fn run(&mut self) -> Result<Progress, Error> {
        self.iterations += 1;
        let Search { state, program, weights, evaluations, .. } = self;
        let mut objective = |w: &[f64], g: &mut [f64]| {
            *evaluations += 1;
            program.evaluate(w, g)
        };
        match state {
            State::Lbfgs(solver) => solver.iterate(weights, &mut objective),
            State::Scg(solver) => solver.iterate(weights, &mut objective),
            State::Lm(solver, residuals) => solver.iterate(weights, &mut objective, residuals),
        }
    }

    /// Other weights of the rows.
    pub fn weigh(&mut self, node: NodeId, weights: &Matrix) -> Result<(), Error> {
        if let State::Lm(_, residuals) = &mut self.state {
            residuals.weigh(node, weights)?;
        }
        self.program.weigh(node, weights)
    }

    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// How often the objective was evaluated with its gradient.
    pub fn evaluations(&self) -> usize {
        self.evaluations
    }

    /// The weights, one matrix's entries after the other.
    pub fn weights(&self) -> Vec<Vec<f64>> {
        self.program.split(&self.weights)
    }

    pub fn state(&self) -> Vec<Vec<f64>> {
        match &self.state {
            State::Lbfgs(solver) => solver.state(),
            State::Scg(solver) => solver.state(),
            State::Lm(solver, _) => solver.state(),
        }
    }

    pub fn restore(
        &mut self,
        iterations: usize,
        weights: &[Vec<f64>],
        state: &[Vec<f64>],
    ) -> Result<(), Error> {
        let flat = weights.concat();
        if flat.len() != self.weights.len() {
            return Err(wrong_state());
        }
        (self.weights, self.iterations) = (flat, iterations);
        match &mut self.state {
            State::Lbfgs(solver) => solver.restore(state),
            State::Scg(solver) => solver.restore(state),
            State::Lm(solver, _) => solver.restore(state),
        }
    }
}

fn wrong_state() -> Error {
    Error::Input("this is the state of another solver".into())
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// from + at · direction.
fn along(from: &[f64], at: f64, direction: &[f64], to: &mut [f64]) {
    for ((to, from), d) in to.iter_mut().zip(from).zip(direction) {
        *to = from + at * d;
    }
}

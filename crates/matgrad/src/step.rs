//! One training step, compiled: loss, gradients and update are one program.

use std::collections::{BTreeMap, HashMap};

use matgrad_calculus::derive;
use matgrad_expr::diagnostic::Errors;
use matgrad_expr::dim::{Shape, Symbol};
use matgrad_expr::elaborate::{Equations, Given, update_rule};
use matgrad_expr::graph::{Graph, Initial, Kind, NodeId};
use matgrad_expr::syntax::Name;
use matgrad_plan::plan::Request;

use crate::engine::{Engine, Precision};
use crate::network::noise;
use crate::{Around, Error, Kept, UpdateRule};

/// A training step with its weights and the state of its update rule.
pub struct TrainingStep {
    /// The program; inputs and targets are written into it, weights are read from it.
    pub engine: Engine,
    /// Whether the rows that the next step needs are in their place.
    pub(crate) loaded: bool,
    loss: NodeId,
    number: NodeId,
    steps: usize,
    settings: Vec<(String, NodeId)>,
    states: Vec<NodeId>,
    /// Of the noise that dropout and its like draw.
    pub seed: u64,
    noise: Option<Box<Equations>>,
}

/// The rows of a step.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Their symbol.
    pub symbol: Symbol,
    /// How many at most.
    pub rows: usize,
    /// Inputs that are written once for many steps, such as those of all rows at once.
    pub fixed: &'a [NodeId],
}

/// A name that no text has.
pub(crate) fn made_up(text: &str) -> Name {
    Name { text: text.into(), spelling: text.into(), span: Default::default() }
}

/// Adds a number that an update rule is given.
pub(crate) fn given(graph: &mut Graph, text: &str) -> NodeId {
    graph.add_variable(made_up(text), Kind::Given, Shape::SCALAR, Initial::None)
}

impl TrainingStep {
    /// Compiles the step that lowers `objective`, for the rows of a batch; weights are 0 until they are written.
    ///
    /// # Errors
    /// What does not fit: the settings, the rule, the plan.
    pub fn compile(
        equations: &Equations,
        objective: NodeId,
        rule: &UpdateRule,
        settings: &[(String, f64)],
        batch: Batch,
        precision: Precision,
        around: Around,
    ) -> Result<TrainingStep, Error> {
        let parameters = equations.parameters();
        let derived = derive(&equations.graph, objective, &parameters).map_err(Error::Run)?;
        let mut graph = derived.graph.clone();
        let number = given(&mut graph, "step");
        let mut hyperparameters = BTreeMap::new();
        for (name, value) in rule.settings(settings)? {
            let node = given(&mut graph, &name);
            hyperparameters.insert(name, (node, value));
        }
        let rate = hyperparameters.get("η").map(|&(node, _)| node);
        if around.decay > 0.0 && rate.is_none() {
            let name = &rule.rule.name.text;
            return Err(Error::Input(format!(
                "{name} has no learning rate η to scale a decoupled weight decay with"
            )));
        }
        let mut gradients = Vec::new();
        for &parameter in &parameters {
            let gradient = derived.of(parameter);
            gradients.push(gradient.ok_or_else(|| Error::Run("a gradient is missing".into()))?);
        }
        let gradients = around
            .before(&mut graph, gradients)
            .map_err(|e| Error::Run(format!("the gradients cannot be clipped: {e:?}")))?;
        let mut updates = Vec::new();
        let mut states = Vec::new();
        for (&parameter, gradient) in parameters.iter().zip(gradients) {
            let given = Given {
                weights: parameter,
                gradient,
                step: number,
                loss: derived.objective,
                hyperparameters: hyperparameters.clone(),
            };
            let update = update_rule(&mut graph, &rule.rule, &rule.source, &given).map_err(
                |diagnostics| {
                    Error::Equations(Errors {
                        file: rule.file.clone(),
                        source: rule.source.clone(),
                        diagnostics,
                    })
                },
            )?;
            let change = (parameter, update.weights);
            let weights = around
                .after(&mut graph, change, rate)
                .map_err(|e| Error::Run(format!("the weights cannot be bounded: {e:?}")))?;
            updates.push((parameter, weights));
            states.extend(update.states.iter().map(|&(state, _)| state));
            updates.extend(update.states);
        }
        updates.extend(&equations.graph.updates);
        let outputs = [derived.objective];
        let request = Request {
            graph: &graph,
            outputs: &outputs,
            updates: &updates,
            fixed: batch.fixed,
            dims: &HashMap::new(),
            rows: Some((batch.symbol, batch.rows)),
        };
        let mut engine = Engine::of(&request, precision)?;
        for &(node, value) in hyperparameters.values() {
            engine.write(node, &[value])?;
        }
        for variable in graph.variables.iter().filter(|v| v.kind == Kind::State) {
            if let Initial::Value(v) = &variable.initial {
                engine.fill(variable.node, v.data[0]);
            }
        }
        let settings = hyperparameters.into_iter().map(|(name, (node, _))| (name, node)).collect();
        Ok(TrainingStep {
            engine,
            loaded: false,
            loss: derived.objective,
            number,
            steps: 0,
            settings,
            states,
            seed: 0,
            noise: equations.noise().next().map(|_| Box::new(equations.clone())),
        })
    }

    /// Runs the step on the rows in place; the objective before the update.
    ///
    /// # Errors
    /// None in practice: the objective can be read.
    pub fn run(&mut self) -> Result<f64, Error> {
        self.steps += 1;
        self.engine.write(self.number, &[self.steps as f64])?;
        if let Some(equations) = &self.noise {
            let rows = self.engine.batch();
            for (node, value) in noise(equations, rows, self.seed, self.steps) {
                self.engine.write(node, &value.data)?;
            }
        }
        self.engine.step();
        self.engine.number(self.loss)
    }

    /// Runs on up to so many threads where that pays; they change no bit.
    pub fn set_threads(&mut self, threads: usize) {
        self.engine.set_threads(threads);
    }

    /// How many steps have run.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Changes a hyperparameter, by its name in the rule.
    ///
    /// # Errors
    /// One that the rule does not have.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), Error> {
        let found = self.settings.iter().find(|(n, _)| n == name);
        let (_, node) =
            found.ok_or_else(|| Error::Input(format!("the update rule has no {name}")))?;
        self.engine.write(*node, &[value])
    }

    /// The state of the update rule: the number of steps, then each state variable's entries.
    ///
    /// # Errors
    /// None in practice: states can be read.
    pub fn state(&self) -> Result<(usize, Vec<Kept>), Error> {
        let read = self.states.iter().map(|&node| self.engine.keep(node));
        Ok((self.steps, read.collect::<Result<_, _>>()?))
    }

    /// Puts a state back that [`TrainingStep::state`] gave.
    ///
    /// # Errors
    /// A state of another rule or network.
    pub fn restore(&mut self, steps: usize, states: &[Kept]) -> Result<(), Error> {
        if states.len() != self.states.len() {
            return Err(Error::Input("this is the state of another update rule".into()));
        }
        for (node, values) in self.states.iter().zip(states) {
            self.engine.put_back(*node, values)?;
        }
        self.steps = steps;
        Ok(())
    }
}

//! Training: an iterator over epochs.

use std::collections::HashMap;
use std::sync::Arc;

use matgrad_data::Random;
use matgrad_expr::diagnostic::{Errors, nearest};
use matgrad_expr::elaborate::hyperparameters;
use matgrad_expr::graph::NodeId;
use matgrad_expr::matrix::Matrix;
use matgrad_expr::syntax::{Optimizer, Statement, canonical, parse_page};
use matgrad_library::{OPTIMIZERS, standard};

use crate::engine::{Engine, Precision};
use crate::{Error, Network, TrainingStep};

/// An update rule with its text.
#[derive(Clone, Debug)]
pub struct UpdateRule {
    /// The rule.
    pub rule: Arc<Optimizer>,
    /// The text that it was read from.
    pub source: String,
}

impl UpdateRule {
    /// A rule of the library.
    ///
    /// # Errors
    /// No rule of this name; suggests the nearest.
    pub fn named(name: &str) -> Result<UpdateRule, Error> {
        let rule = standard().optimizer(&canonical(name)).ok_or_else(|| {
            let all: Vec<&str> =
                standard().optimizers.iter().map(|o| o.name.text.as_str()).collect();
            let near = nearest(name, all.iter().copied())
                .map_or(String::new(), |n| format!("; did you mean {n}?"));
            Error::Input(format!(
                "there is no update rule {name}{near}\n  known are {}",
                all.join(", ")
            ))
        })?;
        Ok(UpdateRule { rule, source: OPTIMIZERS.into() })
    }

    /// The first rule of a page.
    ///
    /// # Errors
    /// What is wrong with the page.
    pub fn parse(file: &str, source: &str) -> Result<UpdateRule, Error> {
        let errors = |diagnostics| {
            Error::Equations(Errors { file: file.into(), source: source.into(), diagnostics })
        };
        let page = parse_page(source, &standard().dialect()).map_err(errors)?;
        let rule = page.items.into_iter().find_map(|item| match item.statement {
            Statement::Optimizer(o) => Some(Arc::new(o)),
            _ => None,
        });
        let rule =
            rule.ok_or_else(|| Error::Input(format!("{file} has no `optimizer NAME(…)`")))?;
        Ok(UpdateRule { rule, source: source.into() })
    }

    /// Its hyperparameters with these settings; `lr` and `learning_rate` are the step size.
    ///
    /// # Errors
    /// A setting it does not have; suggests the nearest.
    pub fn settings(&self, settings: &[(String, f64)]) -> Result<Vec<(String, f64)>, Error> {
        let mut values = hyperparameters(&self.rule);
        for (name, value) in settings {
            let mut text = canonical(name);
            if matches!(name.as_str(), "lr" | "learning_rate") {
                let rate = values.iter().find(|(n, _)| n == "η" || n == "Δ₀");
                text = rate.map_or(text, |(n, _)| n.clone());
            }
            match values.iter_mut().find(|(n, _)| *n == text) {
                Some(found) => found.1 = *value,
                None => {
                    let known: Vec<&str> = values.iter().map(|(n, _)| n.as_str()).collect();
                    return Err(Error::Input(format!(
                        "{} has no {name}; it has {}",
                        self.rule.name.text,
                        known.join(", ")
                    )));
                }
            }
        }
        Ok(values)
    }
}

/// How to train.
#[derive(Clone, Debug)]
pub struct FitOptions {
    /// The update rule.
    pub rule: UpdateRule,
    /// Hyperparameters that differ from the rule's defaults.
    pub settings: Vec<(String, f64)>,
    /// How many times over the training rows.
    pub epochs: usize,
    /// Rows of a batch; `None` is all.
    pub batch: Option<usize>,
    /// Of initial weights and row order.
    pub seed: u64,
    /// Inside the program.
    pub precision: Precision,
    /// Epochs without a better validation loss after which to stop.
    pub patience: Option<usize>,
}

/// What an epoch showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// From 1.
    pub number: usize,
    /// Mean loss over the batches, each before its update.
    pub train_loss: f64,
    /// Loss on the validation rows after the epoch.
    pub validation_loss: Option<f64>,
}

/// Parameters with their values, row by row.
type Weights = Vec<(NodeId, Vec<f64>)>;

/// Training under way; each item is an epoch. Dropping it is stopping.
pub struct Fit<'a> {
    network: &'a Network,
    options: &'a FitOptions,
    inputs: &'a Matrix,
    targets: &'a Matrix,
    validation: Option<(&'a Matrix, &'a Matrix)>,
    step: TrainingStep,
    evaluator: Evaluator,
    order: Vec<usize>,
    random: Random,
    epoch: usize,
    stale: usize,
    best: Option<(f64, Weights)>,
    failed: bool,
}

impl Network {
    /// Starts training from these weights.
    ///
    /// # Errors
    /// What does not fit: widths, the rule, the plan.
    pub fn fit<'a>(
        &'a self,
        weights: &[(NodeId, Matrix)],
        (inputs, targets): (&'a Matrix, &'a Matrix),
        validation: Option<(&'a Matrix, &'a Matrix)>,
        options: &'a FitOptions,
    ) -> Result<Fit<'a>, Error> {
        for (node, matrix, what) in
            [(self.input, inputs, "inputs"), (self.target, targets, "targets")]
        {
            let cols = self.equations.graph.shape(node).cols;
            if cols.number().is_some_and(|n| n as usize != matrix.cols) {
                return Err(Error::Input(format!(
                    "the network takes {} {what}, the table gives {}; change the shape of {}",
                    self.equations.graph.symbols.dim(cols),
                    matrix.cols,
                    self.equations.graph.name(node).map_or("it", |n| &n.text),
                )));
            }
        }
        let rows = options.batch.unwrap_or(inputs.rows).min(inputs.rows).max(1);
        let mut step = TrainingStep::compile(
            &self.equations,
            self.objective,
            &options.rule,
            &options.settings,
            (self.batch, rows),
            options.precision,
        )?;
        for (node, value) in weights {
            step.engine.write(*node, &value.data)?;
        }
        let evaluator =
            Evaluator::new(self, validation.map_or(1, |(v, _)| v.rows), options.precision)?;
        Ok(Fit {
            network: self,
            options,
            inputs,
            targets,
            validation,
            step,
            evaluator,
            order: (0..inputs.rows).collect(),
            random: Random::seed(options.seed ^ 0x5eed),
            epoch: 0,
            stale: 0,
            best: None,
            failed: false,
        })
    }
}

impl Fit<'_> {
    /// The weights now; the best ones if validation says that earlier ones were better.
    ///
    /// # Errors
    /// None in practice: parameters can be read.
    pub fn weights(&self) -> Result<Vec<(NodeId, Matrix)>, Error> {
        let graph = &self.network.equations.graph;
        let now = || self.current();
        let values = match &self.best {
            Some((_, best)) => best.clone(),
            None => now()?,
        };
        let shape = |n: NodeId| {
            let s = graph.shape(n);
            (s.rows.number().unwrap_or(0) as usize, s.cols.number().unwrap_or(0) as usize)
        };
        Ok(values.into_iter().map(|(n, v)| (n, Matrix::new(shape(n).0, shape(n).1, v))).collect())
    }

    fn current(&self) -> Result<Weights, Error> {
        self.network
            .equations
            .parameters()
            .into_iter()
            .map(|p| Ok((p, self.step.engine.read(p)?)))
            .collect()
    }

    fn run(&mut self) -> Result<Epoch, Error> {
        self.epoch += 1;
        let size = self.options.batch.unwrap_or(self.inputs.rows).min(self.inputs.rows).max(1);
        if self.options.batch.is_some() {
            self.random.shuffle(&mut self.order);
        }
        let order = std::mem::take(&mut self.order);
        let mut sum = 0.0;
        for (k, rows) in order.chunks(size).enumerate() {
            if k == 0 && size == self.inputs.rows && self.step.steps() > 0 {
                // The one batch is in place already.
            } else {
                self.step.engine.set_rows(rows.len())?;
                self.step.engine.write(self.network.input, &self.inputs.select_rows(rows).data)?;
                self.step
                    .engine
                    .write(self.network.target, &self.targets.select_rows(rows).data)?;
            }
            let loss = self.step.run()?;
            if !loss.is_finite() {
                return Err(Error::Run(format!(
                    "the loss is {loss} in epoch {}, batch {}; try a smaller learning rate (`--set lr=…`)",
                    self.epoch,
                    k + 1
                )));
            }
            sum += loss * rows.len() as f64;
        }
        self.order = order;
        let mut validation_loss = None;
        if let Some((inputs, targets)) = self.validation {
            let weights = self.current()?;
            self.evaluator.weights(weights.iter().map(|(n, v)| (*n, v.as_slice())))?;
            let loss = self.evaluator.run(inputs, Some(targets))?.1;
            validation_loss = Some(loss);
            if self.best.as_ref().is_none_or(|(best, _)| loss < *best) {
                self.best = Some((loss, weights));
                self.stale = 0;
            } else {
                self.stale += 1;
            }
        }
        Ok(Epoch { number: self.epoch, train_loss: sum / self.inputs.rows as f64, validation_loss })
    }
}

impl Iterator for Fit<'_> {
    type Item = Result<Epoch, Error>;

    fn next(&mut self) -> Option<Result<Epoch, Error>> {
        let tired =
            self.options.patience.is_some_and(|p| self.validation.is_some() && self.stale >= p);
        if self.failed || self.epoch >= self.options.epochs || tired {
            return None;
        }
        let epoch = self.run();
        self.failed = epoch.is_err();
        Some(epoch)
    }
}

/// The forward pass alone: outputs and objective of any number of rows.
pub struct Evaluator {
    engine: Engine,
    network: (NodeId, NodeId, NodeId, NodeId),
    capacity: usize,
    cols: usize,
    link: crate::Link,
}

impl Evaluator {
    /// For up to this many rows at once.
    ///
    /// # Errors
    /// What cannot be planned.
    pub fn new(
        network: &Network,
        capacity: usize,
        precision: Precision,
    ) -> Result<Evaluator, Error> {
        let graph = &network.equations.graph;
        let capacity = capacity.clamp(1, 4096);
        let engine = Engine::new(
            graph,
            &[network.output, network.loss],
            &[],
            &HashMap::new(),
            Some((network.batch, capacity)),
            precision,
        )?;
        let nodes = (network.input, network.target, network.output, network.loss);
        let cols = graph.shape(network.target).cols.number().unwrap_or(1) as usize;
        Ok(Evaluator { engine, network: nodes, capacity, cols, link: network.link })
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

    /// Predictions (after the link) and the mean objective; without targets the latter is NaN.
    ///
    /// # Errors
    /// Rows of another width.
    pub fn run(
        &mut self,
        inputs: &Matrix,
        targets: Option<&Matrix>,
    ) -> Result<(Matrix, f64), Error> {
        let (input, target, output, objective) = self.network;
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

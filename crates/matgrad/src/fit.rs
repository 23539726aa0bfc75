//! Training: an iterator over epochs. Batches, shuffling, schedules and stopping are here; what a
//! step does is [`TrainingStep`].

use std::time::Instant;

use matgrad_data::Random;
use matgrad_expr::graph::NodeId;
use matgrad_expr::matrix::Matrix;

use crate::engine::{Precision, Rows};
use crate::{
    Checkpoint, Clip, Error, Evaluator, Network, Schedule, TrainingStep, UpdateRule, fault,
};

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
    /// By how much a validation loss must be lower to count as better.
    pub min_improvement: f64,
    /// Stop when an epoch ends after so many seconds.
    pub time_limit: Option<f64>,
    /// Stop when the loss (of the validation rows, where there are some) is at most this.
    pub target_loss: Option<f64>,
    /// Of the learning rate.
    pub schedule: Schedule,
    /// Epochs over which the learning rate rises to its full size.
    pub warmup: usize,
    /// What is done to large gradients.
    pub clip: Clip,
}

impl FitOptions {
    /// 300 epochs of a rule with its defaults, on all rows at once, in 32 bits.
    pub fn new(rule: UpdateRule) -> FitOptions {
        FitOptions {
            rule,
            settings: Vec::new(),
            epochs: 300,
            batch: None,
            seed: 0,
            precision: Precision::F32,
            patience: None,
            min_improvement: 0.0,
            time_limit: None,
            target_loss: None,
            schedule: Schedule::Constant,
            warmup: 0,
            clip: Clip::None,
        }
    }
}

/// What an epoch showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// From 1.
    pub number: usize,
    /// Mean of the objective over the batches, each before its update.
    pub train_loss: f64,
    /// Loss on the validation rows after the epoch.
    pub validation_loss: Option<f64>,
    /// The learning rate; `None` for a rule that has none.
    pub learning_rate: Option<f64>,
    /// Since the fit began, in seconds.
    pub seconds: f64,
}

/// Training under way; each item is an epoch. Dropping it is stopping.
pub struct Fit<'a> {
    network: &'a Network,
    options: &'a FitOptions,
    weights: Vec<(NodeId, Matrix)>,
    data: (&'a Matrix, &'a Matrix),
    rows: (Rows, Rows),
    validation: Option<(&'a Matrix, &'a Matrix)>,
    step: TrainingStep,
    evaluator: Evaluator,
    rate: Option<f64>,
    started: Instant,
    /// Where the fit is, but for weights and states, which are in the program.
    at: Checkpoint,
    /// A whole earlier state, from which a failing step is found again.
    good: Checkpoint,
    over: bool,
}

/// Steps after which a fit is worth another copy of its weights.
const STEPS_A_COPY: usize = 64;

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
        let size = options.batch.unwrap_or(inputs.rows).min(inputs.rows).max(1);
        let mut step = TrainingStep::compile(
            &self.equations,
            self.objective,
            &options.rule,
            &options.settings,
            (self.batch, size),
            options.precision,
            options.clip,
        )?;
        for (node, value) in weights {
            step.engine.write(*node, &value.data)?;
        }
        let evaluator =
            Evaluator::new(self, validation.map_or(1, |(v, _)| v.rows), options.precision)?;
        let rate = options.rule.settings(&options.settings)?.into_iter().find(|(n, _)| n == "η");
        let at = Checkpoint {
            order: (0..inputs.rows).collect(),
            random: Random::seed(options.seed ^ 0x5eed).state(),
            watched: (1.0, f64::INFINITY, 0),
            ..Checkpoint::default()
        };
        let mut fit = Fit {
            network: self,
            options,
            weights: weights.to_vec(),
            data: (inputs, targets),
            rows: (step.engine.rows(inputs), step.engine.rows(targets)),
            validation,
            step,
            evaluator,
            rate: rate.map(|(_, value)| value),
            started: Instant::now(),
            at,
            good: Checkpoint::default(),
            over: false,
        };
        fit.good = fit.checkpoint()?;
        Ok(fit)
    }
}

impl Fit<'_> {
    /// The weights now; the best ones if validation says that earlier ones were better.
    ///
    /// # Errors
    /// None in practice: parameters can be read.
    pub fn weights(&self) -> Result<Vec<(NodeId, Matrix)>, Error> {
        let values = match &self.at.best {
            Some((_, best)) => best.clone(),
            None => self.current()?,
        };
        let mut weights = self.weights.clone();
        for (node, value) in self.network.equations.parameters().into_iter().zip(values) {
            if let Some((_, matrix)) = weights.iter_mut().find(|(n, _)| *n == node) {
                matrix.data = value;
            }
        }
        Ok(weights)
    }

    /// All there is to know of the fit, between two epochs.
    ///
    /// # Errors
    /// None in practice: weights and states can be read.
    pub fn checkpoint(&self) -> Result<Checkpoint, Error> {
        let (steps, states) = self.step.state()?;
        Ok(Checkpoint { steps, states, weights: self.current()?, ..self.at.clone() })
    }

    /// Goes on from a checkpoint of a fit of the same network, rows and options.
    ///
    /// # Errors
    /// A checkpoint of another network, other rows or another rule.
    pub fn restore(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let parameters = self.network.equations.parameters();
        if checkpoint.order.len() != self.data.0.rows
            || checkpoint.weights.len() != parameters.len()
        {
            return Err(Error::Input(format!(
                "the checkpoint is of a fit of {} rows and {} parameters, this one has {} and {}; \
                 resume with the same table, split and network",
                checkpoint.order.len(),
                checkpoint.weights.len(),
                self.data.0.rows,
                parameters.len()
            )));
        }
        for (node, value) in parameters.iter().zip(&checkpoint.weights) {
            self.step.engine.write(*node, value)?;
        }
        self.step.restore(checkpoint.steps, &checkpoint.states)?;
        self.at = Checkpoint { weights: Vec::new(), states: Vec::new(), ..checkpoint.clone() };
        self.good = checkpoint.clone();
        self.over = false;
        Ok(())
    }

    fn current(&self) -> Result<Vec<Vec<f64>>, Error> {
        let parameters = self.network.equations.parameters();
        parameters.into_iter().map(|p| self.step.engine.read(p)).collect()
    }

    /// The learning rate of the next epoch.
    fn rate(&self) -> Option<f64> {
        let epoch = self.at.epoch;
        let rise = match self.options.warmup {
            0 => 1.0,
            epochs => ((epoch + 1) as f64 / epochs as f64).min(1.0),
        };
        let factor = self.options.schedule.factor(epoch, self.options.epochs, self.at.watched.0);
        self.rate.map(|rate| rate * rise * factor)
    }

    fn run(&mut self) -> Result<Epoch, Error> {
        let learning_rate = self.rate();
        if let Some(rate) = learning_rate.filter(|&r| Some(r) != self.rate || self.at.epoch > 0) {
            self.step.set("η", rate)?;
        }
        if self.step.steps() - self.good.steps >= STEPS_A_COPY {
            self.good = self.checkpoint()?;
        }
        let train_loss = self.steps(None)?;
        let validation_loss = self.validate()?;
        self.watch(validation_loss.unwrap_or(train_loss));
        let seconds = self.started.elapsed().as_secs_f64();
        let options = self.options;
        let loss = validation_loss.unwrap_or(train_loss);
        self.over |= options.time_limit.is_some_and(|limit| seconds >= limit)
            || options.target_loss.is_some_and(|target| loss <= target);
        Ok(Epoch { number: self.at.epoch, train_loss, validation_loss, learning_rate, seconds })
    }

    /// The steps of one epoch, up to the one of this number; the mean loss.
    fn steps(&mut self, until: Option<usize>) -> Result<f64, Error> {
        self.at.epoch += 1;
        let count = self.data.0.rows;
        let size = self.options.batch.unwrap_or(count).min(count).max(1);
        if self.options.batch.is_some() {
            let mut random = Random::from_state(self.at.random);
            random.shuffle(&mut self.at.order);
            self.at.random = random.state();
        }
        let mut sum = 0.0;
        for (k, rows) in self.at.order.chunks(size).enumerate() {
            if until.is_some_and(|until| self.step.steps() >= until) {
                break;
            }
            // One batch of all rows in their order stays in its place.
            if size < count || !self.step.loaded {
                let engine = &mut self.step.engine;
                engine.set_rows(rows.len())?;
                engine.gather(self.network.input, &self.rows.0, rows)?;
                engine.gather(self.network.target, &self.rows.1, rows)?;
                self.step.loaded = size == count;
            }
            let loss = self.step.run()?;
            if !loss.is_finite() {
                return Err(self.locate(loss, k + 1));
            }
            sum += loss * rows.len() as f64;
        }
        Ok(sum / count as f64)
    }

    /// Goes back to the last good state, on to the step before the one that failed, and says where
    /// its first non-finite value is. The weights are then those before it.
    fn locate(&mut self, loss: f64, batch: usize) -> Error {
        let (epoch, failed) = (self.at.epoch, self.step.steps());
        let batch_text = format!("the loss is {loss} in epoch {epoch}, batch {batch}");
        let help = "try a smaller learning rate (`--set lr=…`) or scaled inputs";
        let good = self.good.clone();
        let back = self.restore(&good).and_then(|()| {
            while self.step.steps() + 1 < failed {
                let rate = self.rate();
                rate.map_or(Ok(()), |rate| self.step.set("η", rate))?;
                self.steps(Some(failed - 1))?;
            }
            // The rows of the failing batch: the next epoch's first, or the next of this one.
            let mut ahead = self.at.clone();
            if ahead.epoch < epoch && self.options.batch.is_some() {
                Random::from_state(ahead.random).shuffle(&mut ahead.order);
            }
            let size = self.options.batch.unwrap_or(ahead.order.len()).max(1);
            let rows = ahead.order.chunks(size).nth(batch - 1).unwrap_or_default().to_vec();
            let weights = self.current()?;
            fault::first(self.network, &self.weights, &weights, self.data, &rows)
        });
        match back {
            Ok(Some(place)) => Error::Run(format!("{batch_text}: {place}\n  {help}")),
            Ok(None) | Err(_) => Error::Run(format!("{batch_text}; {help}")),
        }
    }

    fn validate(&mut self) -> Result<Option<f64>, Error> {
        let Some((inputs, targets)) = self.validation else { return Ok(None) };
        let weights = self.current()?;
        let nodes = self.network.equations.parameters();
        let fixed = self.weights.iter().map(|(n, m)| (*n, m.data.as_slice()));
        let now = nodes.iter().copied().zip(weights.iter().map(Vec::as_slice));
        self.evaluator.weights(fixed.chain(now))?;
        let loss = self.evaluator.run(inputs, Some(targets))?.1;
        let better = |best: f64| loss < best - self.options.min_improvement;
        if self.at.best.as_ref().is_none_or(|(best, _)| better(*best)) {
            self.at.best = Some((loss, weights));
            self.at.stale = 0;
        } else {
            self.at.stale += 1;
        }
        Ok(Some(loss))
    }

    /// What a plateau schedule keeps.
    fn watch(&mut self, loss: f64) {
        let Schedule::Plateau { patience, factor } = self.options.schedule else { return };
        let (kept, best, since) = &mut self.at.watched;
        if loss < *best {
            (*best, *since) = (loss, 0);
        } else if *since + 1 >= patience {
            (*kept, *since) = (*kept * factor, 0);
        } else {
            *since += 1;
        }
    }
}

impl Iterator for Fit<'_> {
    type Item = Result<Epoch, Error>;

    fn next(&mut self) -> Option<Result<Epoch, Error>> {
        let patience = self.options.patience.filter(|_| self.validation.is_some());
        let tired = patience.is_some_and(|patience| self.at.stale >= patience);
        if self.over || self.at.epoch >= self.options.epochs || tired {
            return None;
        }
        let epoch = self.run();
        self.over |= epoch.is_err();
        Some(epoch)
    }
}

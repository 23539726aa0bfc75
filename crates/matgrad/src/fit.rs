//! Training: an iterator over epochs. Batches, shuffling, schedules and stopping are here; what a
//! step does is [`TrainingStep`].

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use matgrad_data::Random;
use matgrad_expr::graph::NodeId;
use matgrad_expr::matrix::Matrix;

use crate::network::noise;
use crate::order::Order;
use crate::solver::Search;
use crate::step::Batch;
use crate::worker::{Stepper, Worker};
use crate::{
    Checkpoint, Error, Evaluator, Kept, Method, Network, Rows, Schedule, TrainingStep, fault,
};

mod options;
mod page;
mod weights;

pub use self::options::FitOptions;
use self::page::Page;

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
    page: Page,
    data: (Arc<Rows<'a>>, Arc<Rows<'a>>),
    order: Order,
    validation: Option<Validation<'a>>,
    worker: Worker,
    rate: Option<f64>,
    started: Instant,
    /// Where the fit is, but for weights and states, which are in the program.
    at: Checkpoint,
    /// A whole earlier state, from which a failing step is found again; none where no step has been.
    good: Option<Checkpoint>,
    over: bool,
}

/// Rows that a fit is judged by.
struct Validation<'a> {
    inputs: &'a Matrix,
    targets: &'a Matrix,
    /// Of the rows or targets, with mean 1.
    weights: Option<Matrix>,
    evaluator: Evaluator,
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
        (inputs, targets): (&Matrix, &Matrix),
        validation: Option<(&'a Matrix, &'a Matrix)>,
        options: &'a FitOptions,
    ) -> Result<Fit<'a>, Error> {
        let rows = |matrix| Arc::new(Rows::of(matrix, options.weights_precision()));
        self.fit_rows(weights, (rows(inputs), rows(targets)), validation, options)
    }

    /// As [`Network::fit`], on rows of the precision of the weights, which may be in a file. A
    /// solver, and a batch of all rows, take them into memory.
    ///
    /// # Errors
    /// Those of [`Network::fit`].
    pub fn fit_rows<'a>(
        &'a self,
        weights: &[(NodeId, Matrix)],
        data: (Arc<Rows<'a>>, Arc<Rows<'a>>),
        validation: Option<(&'a Matrix, &'a Matrix)>,
        options: &'a FitOptions,
    ) -> Result<Fit<'a>, Error> {
        let (inputs, targets) = (&*data.0, &*data.1);
        let count = inputs.len();
        for (what, rows) in [
            ("rows to train on", count),
            ("validation rows", validation.map_or(1, |(inputs, _)| inputs.rows)),
        ] {
            if rows == 0 {
                return Err(Error::Input(format!(
                    "there are no {what}: the inputs have 0 rows; give at least one, with its target"
                )));
            }
        }
        let all = [("table gives", inputs.cols(), targets.cols())].into_iter();
        let held = validation.map(|(x, y)| ("validation rows give", x.cols, y.cols));
        let widths = all.chain(held).flat_map(|(whose, inputs, targets)| {
            [(self.input, whose, inputs, "inputs"), (self.target, whose, targets, "targets")]
        });
        for (node, whose, found, what) in widths {
            let cols = self.equations.graph.shape(node).cols;
            if cols.number().is_some_and(|n| n as usize != found) {
                return Err(Error::Input(format!(
                    "the network takes {} {what}, the {whose} {found}; change the shape of {}",
                    self.equations.graph.symbols.dim(cols),
                    self.equations.graph.name(node).map_or("it", |n| &n.text),
                )));
            }
        }
        let worker = self.worker(weights, (inputs, targets), options)?;
        let page = Page::of(weights, self.equations.learnt());
        let validation = validation.map(|(inputs, targets)| {
            let mut evaluator = Evaluator::new(self, inputs.rows, options.weights_precision())?;
            evaluator.weights(page.fixed.iter().map(|(node, m)| (*node, m.data.as_slice())))?;
            Ok::<_, Error>(Validation { inputs, targets, weights: None, evaluator })
        });
        let rate = options.method.settings(&options.settings)?.into_iter().find(|(n, _)| n == "η");
        let order = Order::new(count, None, inputs.cols() + targets.cols());
        let at = Checkpoint {
            order: order.blocks(),
            random: Random::seed(options.seed ^ 0x5eed).state(),
            watched: (1.0, f64::INFINITY, 0),
            lowest: f64::INFINITY,
            ..Checkpoint::default()
        };
        Ok(Fit {
            network: self,
            options,
            page,
            data,
            order,
            validation: validation.transpose()?,
            worker,
            rate: rate.map(|(_, value)| value),
            started: Instant::now(),
            at,
            good: None,
            over: false,
        })
    }

    /// What does the work of an epoch, with these weights.
    fn worker(
        &self,
        weights: &[(NodeId, Matrix)],
        (inputs, targets): (&Rows, &Rows),
        options: &FitOptions,
    ) -> Result<Worker, Error> {
        let count = inputs.len();
        Ok(match &options.method {
            Method::Rule(rule) => {
                let size = options.batch.unwrap_or(count).min(count).max(1);
                let shared = self.row_inputs();
                let mut step = TrainingStep::compile(
                    &self.equations,
                    self.objective,
                    rule,
                    &options.settings,
                    Batch {
                        symbol: self.batch,
                        rows: size,
                        // As `steps` leaves them in their place.
                        fixed: if options.batch.is_none() { &shared } else { &[] },
                    },
                    options.precision,
                    options.around,
                )?;
                step.seed = options.seed;
                step.set_threads(options.threads);
                for (node, value) in weights {
                    step.engine.write(*node, &value.data)?;
                }
                Worker::Step(Box::new(Stepper::new(step, count, self)))
            }
            Method::Search(solver) => {
                let all = (inputs, targets);
                let search = Search::begin(self, *solver, &options.settings, weights, all)?;
                Worker::Search(Box::new(search))
            }
        })
    }
}

impl Fit<'_> {
    /// The weights now; the best ones if validation says that earlier ones were better.
    ///
    /// # Errors
    /// None in practice: parameters can be read.
    pub fn weights(&self) -> Result<Vec<(NodeId, Matrix)>, Error> {
        match &self.at.best {
            Some((_, best)) => Ok(self.page.with(best)),
            None => Ok(self.page.with(&self.current()?)),
        }
    }

    /// [`Fit::weights`] and [`Fit::checkpoint`] when no epoch is to follow: what they are read from
    /// is given up before they are written down.
    ///
    /// # Errors
    /// None in practice: weights and states can be read.
    pub fn into_parts(self) -> Result<(Vec<(NodeId, Matrix)>, Checkpoint), Error> {
        let checkpoint = self.checkpoint()?;
        let Fit { page, worker, validation, .. } = self;
        drop((worker, validation));
        let best = checkpoint.best.as_ref().map(|(_, best)| best);
        Ok((page.with(best.unwrap_or(&checkpoint.weights)), checkpoint))
    }

    /// Where the fit is: its [`Fit::checkpoint`] without weights and states.
    pub fn place(&self) -> &Checkpoint {
        &self.at
    }

    /// How often a search has evaluated the objective with its gradient; `None` for an update rule.
    pub fn evaluations(&self) -> Option<usize> {
        self.worker.evaluations()
    }

    /// All there is to know of the fit, between two epochs.
    ///
    /// # Errors
    /// None in practice: weights and states can be read.
    pub fn checkpoint(&self) -> Result<Checkpoint, Error> {
        let (steps, states) = self.worker.state()?;
        Ok(Checkpoint { steps, states, weights: self.current()?, ..self.at.clone() })
    }

    /// Goes on from a checkpoint of a fit of the same network, rows and options.
    ///
    /// # Errors
    /// A checkpoint of another network, other rows or another rule.
    pub fn restore(&mut self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let parameters = self.network.equations.learnt();
        if checkpoint.order.len() != self.at.order.len()
            || checkpoint.weights.len() != parameters.len()
        {
            return Err(Error::Input(format!(
                "the checkpoint is of a fit of {} rows and {} parameters, this one has {} and {}; \
                 resume with the same table, split and network",
                checkpoint.order.len(),
                checkpoint.weights.len(),
                self.at.order.len(),
                parameters.len()
            )));
        }
        self.worker.restore(&parameters, checkpoint)?;
        self.at = Checkpoint { weights: Vec::new(), states: Vec::new(), ..checkpoint.clone() };
        self.good = None;
        self.over = false;
        Ok(())
    }

    fn current(&self) -> Result<Vec<Kept>, Error> {
        let parameters = self.network.equations.learnt();
        self.worker.weights(&parameters)
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
        let steps = self.worker.steps();
        if self.good.as_ref().is_none_or(|good| steps - good.steps >= STEPS_A_COPY) {
            // Two copies of a large network are not needed at once.
            self.good = None;
            self.good = Some(self.checkpoint()?);
        }
        let learning_rate = self.rate();
        let train_loss = self.steps(None)?;
        let validation_loss = self.validate()?;
        let last = self.at.epoch == self.options.epochs;
        if last || validation_loss.is_some_and(|loss| !loss.is_finite()) {
            self.prove_finite()?;
        }
        self.watch(validation_loss.unwrap_or(train_loss));
        let seconds = self.started.elapsed().as_secs_f64();
        let stop = &self.options.stop;
        self.at.done |= stop.is_last(&mut self.at, train_loss, validation_loss);
        self.over |= stop.time_limit.is_some_and(|limit| seconds >= limit);
        Ok(Epoch { number: self.at.epoch, train_loss, validation_loss, learning_rate, seconds })
    }

    /// The work of one epoch, up to the step of this number; the mean loss.
    fn steps(&mut self, until: Option<usize>) -> Result<f64, Error> {
        let rate = self.rate();
        let changed = rate.filter(|&r| Some(r) != self.rate || self.at.epoch > 0);
        self.at.epoch += 1;
        let count = self.order.count;
        let stepper = match &mut self.worker {
            Worker::Step(stepper) => stepper,
            Worker::Search(search) => {
                let progress = search.run()?;
                if !progress.loss.is_finite() {
                    return Err(self.locate(progress.loss, 1));
                }
                let most = self.options.max_evaluations.unwrap_or(usize::MAX);
                self.at.done |= progress.done || search.evaluations() > most;
                return Ok(progress.loss);
            }
        };
        if let Some(rate) = changed {
            stepper.step.set("η", rate)?;
        }
        let size = self.options.batch.unwrap_or(count).min(count).max(1);
        let mut random = Random::from_state(self.at.random);
        if self.options.batch.is_some() {
            random.shuffle(&mut self.at.order);
            self.at.random = random.state();
        }
        let all = self.options.batch.is_none();
        let data = (&*self.data.0, &*self.data.1);
        let mut deal = self.order.deal(&self.at.order, random, size);
        let (mut sum, mut batch) = (0.0, 0);
        let soon = |rows: Range<usize>| {
            data.0.will_need(rows.clone());
            data.1.will_need(rows);
        };
        if self.order.is_whole() {
            soon(0..data.0.len());
        }
        while let Some(rows) = deal.next(soon) {
            if until.is_some_and(|until| stepper.step.steps() >= until) {
                // The random state stays what it is where the blocks are shuffled and no row is.
                return Ok(sum / count as f64);
            }
            let loss = stepper.run(self.network, data, rows, all)?;
            batch += 1;
            if !loss.is_finite() {
                return Err(self.locate(loss, batch));
            }
            sum += loss * rows.len() as f64;
        }
        self.at.random = deal.random.state();
        Ok(sum / count as f64)
    }

    /// Goes back to the last good state, on to the step before the one that failed, and says where
    /// its first non-finite value is. The weights are then those before it.
    fn locate(&mut self, loss: f64, batch: usize) -> Error {
        let (epoch, failed) = (self.at.epoch, self.worker.steps());
        let batch_text = format!("the loss is {loss} in epoch {epoch}, batch {batch}");
        let (good, help) = (self.good.take().unwrap_or_default(), self.help());
        let back = self.restore(&good).and_then(|()| {
            while self.worker.steps() + 1 < failed {
                self.steps(Some(failed - 1))?;
            }
            // The rows of the failing batch: the next epoch's first, or the next of this one.
            let mut ahead = self.at.clone();
            let mut random = Random::from_state(ahead.random);
            if ahead.epoch < epoch && self.options.batch.is_some() {
                random.shuffle(&mut ahead.order);
            }
            let size = self.options.batch.unwrap_or(self.order.count);
            let mut deal = self.order.deal(&ahead.order, random, size);
            for _ in 1..batch {
                deal.next(|_| {});
            }
            let rows = deal.next(|_| {}).unwrap_or_default().to_vec();
            let noise = noise(&self.network.equations, rows.len(), self.options.seed, failed);
            let at: Vec<_> = self.page.with(&self.current()?).into_iter().chain(noise).collect();
            fault::first(self.network, at, (&self.data.0, &self.data.1), &rows)
        });
        match back {
            Ok(Some(place)) => Error::Run(format!("{batch_text}: {place}\n  {help}")),
            Ok(None) | Err(_) => Error::Run(format!("{batch_text}; {help}")),
        }
    }

    /// A loss is that before its update: what the last update did is seen in the weights alone.
    fn prove_finite(&mut self) -> Result<(), Error> {
        let weights = self.current()?;
        if weights.iter().all(Kept::is_finite) {
            return Ok(());
        }
        let data = (&*self.data.0, &*self.data.1);
        let place = fault::first(self.network, self.page.with(&weights), data, &[0])?;
        let (epoch, good) = (self.at.epoch, self.good.take().unwrap_or_default());
        self.restore(&good)?;
        let (place, help) = (place.unwrap_or_default(), self.help());
        Err(Error::Run(format!("after epoch {epoch} {place}; {help}")))
    }

    /// What to do about a value that is not finite.
    fn help(&self) -> &'static str {
        match self.worker {
            Worker::Step(_) => "try a smaller learning rate (`--set lr=…`) or scaled inputs",
            Worker::Search(_) => "try scaled inputs or other initial weights (`--seed N`)",
        }
    }

    fn validate(&mut self) -> Result<Option<f64>, Error> {
        let Some(held) = &mut self.validation else { return Ok(None) };
        let nodes = self.network.equations.learnt();
        let weights = self.worker.weights(&nodes)?;
        held.evaluator.put_back(nodes.into_iter().zip(&weights))?;
        let Validation { inputs, targets, weights: row_weights, evaluator } = held;
        let (predictions, loss) =
            evaluator.run_weighted(inputs, Some(targets), row_weights.as_ref())?;
        let stop = &self.options.stop;
        let score = stop.score(self.network.link, &predictions, targets, loss)?;
        stop.keep(&mut self.at, score, weights);
        Ok(Some(loss))
    }

    fn is_over(&self) -> bool {
        self.over || self.at.done || self.at.epoch >= self.options.epochs
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
        if self.is_over() {
            return None;
        }
        let epoch = self.run();
        self.over |= epoch.is_err();
        if self.is_over() {
            // No step follows that could fail.
            self.good = None;
        }
        Some(epoch)
    }
}

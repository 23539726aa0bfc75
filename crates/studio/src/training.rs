//! Training beside the page: a thread that tells how it goes and stops when it is told to.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use matgrad::explain::Memory;
use matgrad::{Costs, Epoch, Error, Evaluator, Fit, FitOptions, Kept, Method, Precision};

use crate::Session;
use crate::examples::Examples;
use crate::session::Page;

/// How often the page is told.
const EVERY: Duration = Duration::from_millis(60);

fn lock(shared: &Mutex<Session>) -> std::sync::MutexGuard<'_, Session> {
    // A request that panicked changed at most what it was asked to change.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a run; one that is under way goes on.
///
/// # Errors
/// A page without rows, or a method that is not there.
pub fn start(shared: &Arc<Mutex<Session>>) -> Result<(), Error> {
    let mut session = lock(shared);
    if session.running.is_some() {
        return Ok(());
    }
    let (Some(page), Some(examples)) = (session.page.clone(), session.examples.clone()) else {
        return Err(Error::Input("there is no page to train yet".into()));
    };
    if let Some(why) = &session.unfit {
        return Err(Error::Input(why.clone()));
    }
    let (method, settings) = session.chosen()?;
    let done = session.course.epochs.last().map_or(0, |e| e.number);
    let options = FitOptions {
        settings,
        epochs: done + session.settings.epochs,
        batch: session.settings.batch,
        seed: session.settings.seed,
        precision: Precision::F64,
        ..FitOptions::new(method)
    };
    session.runs += 1;
    session.failed = None;
    session.running = Some(session.runs);
    let run = Run { number: session.runs, shared: Arc::clone(shared), page, examples, options };
    drop(session);
    std::thread::spawn(move || run.whole());
    Ok(())
}

struct Run {
    number: u64,
    shared: Arc<Mutex<Session>>,
    page: Arc<Page>,
    examples: Arc<Examples>,
    options: FitOptions,
}

impl Run {
    fn whole(&self) {
        let result = self.epochs();
        let mut session = lock(&self.shared);
        if session.runs == self.number {
            session.running = None;
            session.failed = result.err().map(|e| e.to_string());
        }
    }

    fn epochs(&self) -> Result<(), Error> {
        let Examples { inputs, targets, .. } = &*self.examples;
        let network = &self.page.network;
        let (weights, memory, before, done) = {
            let session = lock(&self.shared);
            let done = session.course.epochs.last().map_or(0, |e| e.number);
            (session.weights.clone(), session.memory.clone(), session.checkpoint.clone(), done)
        };
        let mut fit = network.fit(&weights, (inputs, targets), None, &self.options)?;
        // Order and random state go on; weights and states are those of the page.
        let fresh = fit.checkpoint()?;
        let mut at = before.unwrap_or_else(|| fresh.clone());
        (at.weights, at.epoch, at.done) = (fresh.weights, done, false);
        if matches!(self.options.method, Method::Rule(_)) {
            at.states = memory.states.into_iter().map(Kept::F64).collect();
            at.steps = memory.steps;
        }
        fit.restore(&at)?;
        let mut evaluator = Evaluator::new(network, inputs.rows, Precision::F64)?;
        let mut told = Instant::now();
        let mut epochs = Vec::new();
        while let Some(epoch) = fit.next() {
            epochs.push(epoch?);
            if told.elapsed() >= EVERY {
                if !self.tell(&fit, &mut epochs, &mut evaluator)? {
                    return Ok(());
                }
                told = Instant::now();
            }
        }
        self.tell(&fit, &mut epochs, &mut evaluator).map(drop)
    }

    /// Puts what is new into the session; whether to go on.
    fn tell(
        &self,
        fit: &Fit,
        epochs: &mut Vec<Epoch>,
        evaluator: &mut Evaluator,
    ) -> Result<bool, Error> {
        let weights = fit.weights()?;
        let checkpoint = fit.checkpoint()?;
        let accuracy = self.accuracy(evaluator, &weights)?;
        let mut session = lock(&self.shared);
        // Another page, other rows or another run: these numbers are of nothing any more.
        let same = session.page.as_ref().is_some_and(|page| Arc::ptr_eq(page, &self.page));
        if session.runs != self.number || !same {
            return Ok(false);
        }
        if let (Some(share), Some(last)) = (accuracy, epochs.last()) {
            session.course.accuracy.push((last.number as f64, share));
        }
        session.course.epochs.append(epochs);
        session.weights = weights;
        let states = checkpoint.states.iter().map(Kept::to_f64).collect();
        session.memory = Memory { steps: checkpoint.steps, states };
        session.checkpoint = Some(checkpoint);
        session.bind()?;
        Ok(session.running == Some(self.number))
    }

    /// The share of the rows that are decided right.
    fn accuracy(
        &self,
        evaluator: &mut Evaluator,
        weights: &[(matgrad::expr::graph::NodeId, matgrad::expr::matrix::Matrix)],
    ) -> Result<Option<f64>, Error> {
        let Some(classes) = &self.examples.classes else { return Ok(None) };
        evaluator.weights(weights.iter().map(|(n, m)| (*n, m.data.as_slice())))?;
        let (predicted, _) = evaluator.run(&self.examples.inputs, None)?;
        let costs = Costs::default();
        let right = |(i, &class): (usize, &usize)| costs.decide(predicted.row(i)) == class;
        let count = classes.iter().enumerate().filter(|&row| right(row)).count();
        Ok(Some(count as f64 / classes.len().max(1) as f64))
    }
}

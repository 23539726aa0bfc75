//! A search for good settings: candidates are drawn at random, all are trained for some epochs, and
//! by successive halving (Jamieson & Talwalkar 2016) only the best of each rung for more of them.
//!
//! What a candidate scores is asked of a closure, so the search knows no tables and no files. Each
//! trial starts anew and stands on the candidate and its epochs alone: the same seed gives the same
//! trials with the same bits, for any number of threads, and after an interruption.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use matgrad_data::Random;
use serde_json::{Value, json};

use crate::Error;

/// The score of a candidate after so many epochs; `None` where it has none.
type Score<'a> = &'a (dyn Fn(&Candidate, usize) -> Result<Option<f64>, Error> + Sync);

/// What is drawn from, each on its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    /// Units of the hidden layers.
    pub hidden: Vec<Vec<usize>>,
    /// Functions of the library.
    pub activations: Vec<String>,
    /// Update rules of the library that have a learning rate.
    pub rules: Vec<String>,
    /// Least and greatest learning rate; its logarithm is uniform between them.
    pub rates: (f64, f64),
    /// Rows a step, `None` for all.
    pub batches: Vec<Option<usize>>,
    /// Least and greatest weight decay; its logarithm is uniform between them.
    pub weight_decays: (f64, f64),
}

/// One choice of the settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Units of the hidden layers.
    pub hidden: Vec<usize>,
    /// The function after each of them.
    pub activation: String,
    /// The update rule.
    pub rule: String,
    /// Its learning rate.
    pub rate: f64,
    /// Rows a step, `None` for all.
    pub batch: Option<usize>,
    /// λ of λ/2 Σ W².
    pub weight_decay: f64,
}

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Candidates of the first rung.
    pub candidates: usize,
    /// Epochs of the last rung.
    pub epochs: usize,
    /// One of so many goes on to the next rung, which has so many times the epochs; 1 is random
    /// search, all candidates for all epochs.
    pub factor: usize,
    /// Of the draws.
    pub seed: u64,
    /// Trials at a time; they change no bit.
    pub threads: usize,
}

/// A candidate that was trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// From 0; the last is the one of all epochs.
    pub rung: usize,
    /// The candidate's number, from 1.
    pub number: usize,
    /// For how many epochs it was trained.
    pub epochs: usize,
    /// What was tried.
    pub candidate: Candidate,
    /// Less is better; `None` where training diverged.
    pub score: Option<f64>,
}

impl Space {
    /// So many candidates; the first of them do not hang on how many follow.
    ///
    /// # Errors
    /// Nothing to draw from, or bounds that are not positive and in order.
    pub fn draw(&self, count: usize, seed: u64) -> Result<Vec<Candidate>, Error> {
        let empty = [
            (self.hidden.is_empty(), "layers"),
            (self.activations.is_empty(), "activations"),
            (self.rules.is_empty(), "update rules"),
            (self.batches.is_empty(), "batches"),
        ];
        if let Some((_, what)) = empty.iter().find(|(empty, _)| *empty) {
            return Err(Error::Input(format!("there are no {what} to try; name one or more")));
        }
        let bounds = [(self.rates, "learning rate"), (self.weight_decays, "weight decay")];
        for ((low, high), what) in bounds {
            let drawn = low > 0.0 && low <= high && high.is_finite();
            // A setting that is given is not drawn, and may be 0.
            if !(drawn || low == high && low >= 0.0) {
                return Err(Error::Input(format!(
                    "a {what} cannot be drawn from {low} to {high}: its logarithm is uniform, so \
                     both must be above 0 and in order"
                )));
            }
        }
        let mut random = Random::seed(seed);
        let between = |random: &mut Random, (low, high): (f64, f64)| {
            let share = random.uniform();
            if low == high { low } else { (low.ln() + share * (high.ln() - low.ln())).exp() }
        };
        let draw = |_| Candidate {
            hidden: self.hidden[random.below(self.hidden.len())].clone(),
            activation: self.activations[random.below(self.activations.len())].clone(),
            rule: self.rules[random.below(self.rules.len())].clone(),
            rate: between(&mut random, self.rates),
            batch: self.batches[random.below(self.batches.len())],
            weight_decay: between(&mut random, self.weight_decays),
        };
        Ok((0..count).map(draw).collect())
    }

    /// As JSON, to tell whether a kept trial is of this search.
    pub fn to_json(&self) -> Value {
        json!({
            "hidden": self.hidden, "activations": self.activations, "rules": self.rules,
            "rates": self.rates, "batches": self.batches, "weight_decays": self.weight_decays,
        })
    }
}

impl Plan {
    /// Candidates and epochs of each rung: the last has all epochs, and none less than one epoch or
    /// one candidate.
    pub fn rungs(&self) -> Vec<(usize, usize)> {
        let (mut candidates, mut epochs) = (self.candidates.max(1), self.epochs.max(1));
        let mut later = 0;
        while self.factor > 1 && candidates / self.factor > 0 && epochs / self.factor > 0 {
            (candidates, epochs, later) =
                (candidates / self.factor, epochs / self.factor, later + 1);
        }
        let (mut rungs, mut candidates) = (Vec::new(), self.candidates.max(1));
        for left in (0..=later).rev() {
            let divisor = (0..left).fold(1, |all, _| all * self.factor);
            rungs.push((candidates, (self.epochs / divisor).max(1)));
            candidates /= self.factor;
        }
        rungs
    }
}

impl Trial {
    /// A line of the file of trials.
    pub fn to_json(&self) -> Value {
        let Candidate { hidden, activation, rule, rate, batch, weight_decay } = &self.candidate;
        json!({
            "rung": self.rung, "trial": self.number, "epochs": self.epochs, "hidden": hidden,
            "activation": activation, "rule": rule, "rate": rate, "batch": batch,
            "weight_decay": weight_decay, "score": self.score,
        })
    }

    /// Reads such a line; `None` if it is none.
    pub fn from_json(line: &Value) -> Option<Trial> {
        let count = |name: &str| Some(line[name].as_u64()? as usize);
        let text = |name: &str| Some(line[name].as_str()?.to_string());
        let hidden = line["hidden"].as_array()?.iter().map(|n| Some(n.as_u64()? as usize));
        let candidate = Candidate {
            hidden: hidden.collect::<Option<_>>()?,
            activation: text("activation")?,
            rule: text("rule")?,
            rate: line["rate"].as_f64()?,
            batch: count("batch"),
            weight_decay: line["weight_decay"].as_f64()?,
        };
        let (rung, number, epochs) = (count("rung")?, count("trial")?, count("epochs")?);
        Some(Trial { rung, number, epochs, candidate, score: line["score"].as_f64() })
    }
}

/// Trials from best to worst: those of later rungs first, then by score, then by number.
pub fn ranked(trials: &[Trial]) -> Vec<&Trial> {
    let mut ranked: Vec<&Trial> = trials.iter().collect();
    let worst = |t: &Trial| t.score.unwrap_or(f64::INFINITY);
    ranked.sort_by(|a, b| {
        let by_score = worst(a).total_cmp(&worst(b));
        b.rung.cmp(&a.rung).then(by_score).then(a.number.cmp(&b.number))
    });
    ranked
}

/// Trains candidates by the plan. `score` trains one for so many epochs and says how bad it is
/// (`None`: it diverged); trials that are `known` are not trained again; `keep` is given all trials
/// there are after each of them, in the order of rungs and numbers.
///
/// # Errors
/// A space with nothing in it; the first error of `score` or `keep`.
pub fn search(
    space: &Space,
    plan: &Plan,
    known: &[Trial],
    score: Score,
    keep: &mut (dyn FnMut(&[Trial]) -> Result<(), Error> + Send),
) -> Result<Vec<Trial>, Error> {
    let candidates = space.draw(plan.candidates.max(1), plan.seed)?;
    let mut chosen: Vec<usize> = (1..=candidates.len()).collect();
    let mut trials: Vec<Trial> = Vec::new();
    for (rung, (count, epochs)) in plan.rungs().into_iter().enumerate() {
        if rung > 0 {
            let best = ranked(&trials).into_iter().filter(|t| t.rung + 1 == rung);
            chosen = best.filter(|t| t.score.is_some()).take(count).map(|t| t.number).collect();
            chosen.sort_unstable();
        }
        let mut open: Vec<Trial> = Vec::new();
        for &number in &chosen {
            let candidate = candidates[number - 1].clone();
            let trial = Trial { rung, number, epochs, candidate, score: None };
            let same = |t: &&Trial| Trial { score: None, ..(*t).clone() } == trial;
            match known.iter().find(same) {
                Some(found) => trials.push(found.clone()),
                None => open.push(trial),
            }
        }
        trials = run(open, trials, plan.threads, score, keep)?;
    }
    Ok(trials)
}

/// Trains the open trials, so many at a time, and adds them to those that are done.
fn run(
    open: Vec<Trial>,
    done: Vec<Trial>,
    threads: usize,
    score: Score,
    keep: &mut (dyn FnMut(&[Trial]) -> Result<(), Error> + Send),
) -> Result<Vec<Trial>, Error> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let shared = Mutex::new((done, keep));
    let one = |trial: &Trial| -> Result<(), Error> {
        let found = score(&trial.candidate, trial.epochs)?.filter(|s| s.is_finite());
        let mut guard = shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (trials, keep) = &mut *guard;
        trials.push(Trial { score: found, ..trial.clone() });
        trials.sort_by_key(|t| (t.rung, t.number));
        keep(trials)
    };
    let work = || -> Result<(), Error> {
        while let Some(trial) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
            if failed.load(Ordering::Relaxed) {
                break;
            }
            one(trial).inspect_err(|_| failed.store(true, Ordering::Relaxed))?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        let ended = workers.into_iter().map(|worker| worker.join());
        ended
            .map(|end| end.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect::<Vec<_>>()
            .into_iter()
            .collect::<Result<(), Error>>()
    })?;
    let (mut trials, _) = shared.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    trials.sort_by_key(|t| (t.rung, t.number));
    Ok(trials)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> Space {
        Space {
            hidden: vec![vec![8], vec![16, 8]],
            activations: vec!["tanh".into(), "relu".into()],
            rules: vec!["adam".into()],
            rates: (1e-4, 1e-1),
            batches: vec![Some(32), None],
            weight_decays: (1e-6, 1e-2),
        }
    }

    fn plan(threads: usize) -> Plan {
        Plan { candidates: 9, epochs: 20, factor: 3, seed: 3, threads }
    }

    /// A bowl whose bottom is at a rate of 0.01; large rates diverge.
    fn bowl(candidate: &Candidate, epochs: usize) -> Result<Option<f64>, Error> {
        let far = (candidate.rate.log10() + 2.0).abs();
        Ok((candidate.rate < 0.05).then_some(far + 1.0 / epochs as f64))
    }

    #[test]
    fn rungs_end_with_all_epochs() {
        let rungs = |candidates, epochs, factor| {
            Plan { candidates, epochs, factor, seed: 0, threads: 1 }.rungs()
        };
        assert_eq!(rungs(9, 20, 3), [(9, 2), (3, 6), (1, 20)]);
        assert_eq!(rungs(10, 4, 3), [(10, 1), (3, 4)], "an epoch is the least");
        assert_eq!(rungs(7, 20, 1), [(7, 20)], "random search");
        assert_eq!(rungs(2, 20, 3), [(2, 20)]);
    }

    #[test]
    fn the_best_go_on_with_the_same_bits_for_any_threads_and_after_a_stop() {
        let mut states = Vec::new();
        let mut keep = |trials: &[Trial]| {
            states.push(trials.to_vec());
            Ok(())
        };
        let whole = search(&space(), &plan(1), &[], &bowl, &mut keep).unwrap();
        assert_eq!(
            whole.iter().map(|t| t.rung).collect::<Vec<_>>(),
            [[0; 9].as_slice(), &[1; 3], &[2]].concat()
        );
        let best = ranked(&whole)[0];
        let least = whole.iter().filter_map(|t| t.score).fold(f64::INFINITY, f64::min);
        assert_eq!((best.rung, best.epochs, best.score), (2, 20, Some(least)));
        assert_eq!(search(&space(), &plan(3), &[], &bowl, &mut |_| Ok(())).unwrap(), whole);
        for state in &states {
            let lines: Vec<Trial> =
                state.iter().map(|t| Trial::from_json(&t.to_json()).expect("a trial")).collect();
            assert_eq!(&lines, state);
            let trained = AtomicUsize::new(0);
            let count = |candidate: &Candidate, epochs: usize| {
                trained.fetch_add(1, Ordering::Relaxed);
                bowl(candidate, epochs)
            };
            let resumed = search(&space(), &plan(2), &lines, &count, &mut |_| Ok(())).unwrap();
            assert_eq!(resumed, whole);
            assert_eq!(trained.into_inner(), whole.len() - state.len(), "none is trained again");
        }
        let first = space().draw(4, 3).unwrap();
        assert_eq!(first, space().draw(9, 3).unwrap()[..4]);
        assert_ne!(first, space().draw(4, 4).unwrap());
    }

    #[test]
    fn errors_end_the_search() {
        let stopped = |_: &Candidate, _: usize| Err(Error::Run("stopped".into()));
        let error = search(&space(), &plan(2), &[], &stopped, &mut |_| Ok(())).unwrap_err();
        assert_eq!(error.to_string(), "stopped");
        let empty = Space { rules: Vec::new(), ..space() };
        let error = empty.draw(1, 0).unwrap_err().to_string();
        assert_eq!(error, "there are no update rules to try; name one or more");
        let none = Space { weight_decays: (0.0, 0.0), ..space() };
        assert!(none.draw(2, 0).unwrap().iter().all(|c| c.weight_decay == 0.0));
        let turned = Space { rates: (0.1, 0.0), ..space() };
        assert!(turned.draw(1, 0).unwrap_err().to_string().contains("learning rate"));
    }
}

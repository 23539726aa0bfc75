//! The verb `tune`: a search for good settings, then the best of them trained as `train` does.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use matgrad::Error;
use matgrad::file::write_atomically;
use matgrad::tune::{Candidate, Plan, Space, Trial, ranked, search};
use serde_json::{Value, json};

use crate::args::train::Train;
use crate::output::no_stream;
use crate::prepare::{Prepared, Ready, batch, options, usage, usual_epochs};
use crate::train::{complete, files, interruption, warn};
use crate::{Failure, Talk, say};

/// Search for good settings. What is given as for `train` stays as it is.
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  matgrad tune data.csv --target y -o best.model
  matgrad tune data.csv --target y --candidates 50 --trials trials.jsonl -o best.model
  matgrad tune data.csv --target y --trials trials.jsonl -o best.model --resume")]
pub struct Tune {
    #[command(flatten)]
    pub train: Train,
    /// How many settings are drawn
    #[arg(long, default_value_t = 27, value_parser = clap::value_parser!(u32).range(1..))]
    pub candidates: u32,
    /// One of so many goes on to the next rung, for so many times the epochs; 1 trains all for all
    /// epochs
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub factor: u32,
    /// Units of hidden layers, such as 64,32 (repeatable; 0 for none)
    #[arg(long, value_name = "UNITS", conflicts_with = "hidden",
          default_values = ["0", "8", "16", "64", "16,8", "64,32", "128,64"])]
    pub try_hidden: Vec<String>,
    /// Activations
    #[arg(long, value_name = "NAME", value_delimiter = ',', conflicts_with = "activation",
          default_values = ["tanh", "relu"])]
    pub try_activation: Vec<String>,
    /// Update rules
    #[arg(long, value_name = "NAME", value_delimiter = ',', conflicts_with = "optimizer",
          default_values = ["adam", "nesterov"])]
    pub try_optimizer: Vec<String>,
    /// Learning rates from LOW to HIGH
    #[arg(long, value_name = "LOW:HIGH", default_value = "1e-4:1e-1")]
    pub try_rate: String,
    /// Rows a step, or full
    #[arg(long, value_name = "ROWS", value_delimiter = ',', conflicts_with = "batch",
          default_values = ["16", "32", "128"])]
    pub try_batch: Vec<String>,
    /// Weight decays from LOW to HIGH
    #[arg(
        long,
        value_name = "LOW:HIGH",
        conflicts_with = "weight_decay",
        default_value = "1e-6:1e-1"
    )]
    pub try_weight_decay: String,
    /// A trial a line, as JSON, written whole after each trial; with --resume those in it are not
    /// trained again
    #[arg(long, value_name = "FILE.jsonl")]
    pub trials: Option<PathBuf>,
}

fn bounds(text: &str, flag: &str) -> Result<(f64, f64), Failure> {
    let pair = text.split_once(':').unwrap_or((text, text));
    match (pair.0.parse(), pair.1.parse()) {
        (Ok(low), Ok(high)) if 0.0 < low && low <= high => Ok((low, high)),
        _ => Err(usage(format!(
            "{flag} {text}: write LOW:HIGH, above 0 and in order, such as 1e-4:1e-1"
        ))),
    }
}

/// What is searched: a setting given as for `train` is the only one of its kind.
fn space(args: &Tune) -> Result<Space, Failure> {
    let train = &args.train;
    if train.network.is_some() {
        let message = "--network: tune tries layers; leave it out, or use train".into();
        return Err(usage(message));
    }
    let units = |text: &String| {
        let each = text.split(',').map(|n| n.trim().parse::<usize>());
        let wrong = |_| usage(format!("--try-hidden {text}: write numbers of units, as 64,32"));
        each.collect::<Result<Vec<usize>, _>>().map_err(wrong)
    };
    let one = |given: &Option<String>, tried: &[String]| {
        given.as_ref().map_or(tried.to_vec(), |name| vec![name.clone()])
    };
    let rate = train.set.iter().find_map(|s| s.strip_prefix("lr="));
    Ok(Space {
        hidden: match train.hidden.as_slice() {
            [] => args.try_hidden.iter().map(units).collect::<Result<_, _>>()?,
            given => vec![given.to_vec()],
        },
        activations: one(&train.activation, &args.try_activation),
        rules: one(&train.optimizer, &args.try_optimizer),
        rates: bounds(rate.unwrap_or(&args.try_rate), "--try-rate")?,
        batches: one(&train.batch, &args.try_batch)
            .iter()
            .map(|text| batch(text, if train.batch.is_some() { "--batch" } else { "--try-batch" }))
            .collect::<Result<_, _>>()?,
        weight_decays: match train.weight_decay {
            Some(given) => (given, given),
            None => bounds(&args.try_weight_decay, "--try-weight-decay")?,
        },
    })
}

/// The flags of `train` for a candidate.
fn flags(base: &Train, candidate: &Candidate, epochs: usize) -> Train {
    let mut train = base.clone();
    train.hidden = candidate.hidden.clone();
    train.activation = Some(candidate.activation.clone());
    train.optimizer = Some(candidate.rule.clone());
    train.set.retain(|setting| !setting.starts_with("lr="));
    train.set.push(format!("lr={:?}", candidate.rate));
    train.batch = Some(candidate.batch.map_or("full".into(), |rows| rows.to_string()));
    train.weight_decay = Some(candidate.weight_decay);
    train.epochs = Some(epochs);
    // The course of a trial is known from its start.
    train.schedule.get_or_insert_with(|| "cosine".into());
    train
}

/// The best validation score of a candidate; `None` where training diverges.
fn score(args: &Train, prepared: &Prepared, asked: &AtomicBool) -> Result<Option<f64>, Failure> {
    let mut options = options(args)?;
    options.threads = 1;
    let ready = Ready::new(args, prepared, options.weights_precision())?;
    ready.fill_in(&mut options, args)?;
    let mut fit = ready.fit(&options)?;
    for epoch in fit.by_ref() {
        match epoch {
            Ok(_) => {}
            Err(Error::Run(_)) => return Ok(None),
            Err(other) => return Err(other.into()),
        }
        if asked.load(Ordering::SeqCst) {
            let message = "interrupted; go on with --resume, if --trials names a file".into();
            return Err(Failure { code: 130, message });
        }
    }
    Ok(fit.checkpoint()?.best.map(|(score, _)| score))
}

/// The trials of a file whose first line is this.
fn known(path: &Path, first: &Value) -> Result<Vec<Trial>, Failure> {
    let wrong = |what: &str| {
        Failure::input(format!(
            "{} cannot be resumed: {what}; give the same flags, or --force without --resume",
            path.display()
        ))
    };
    let text = crate::read_text(path)?;
    let mut lines = text.lines().map(serde_json::from_str::<Value>);
    let header = lines.next().and_then(Result::ok);
    let header = header.ok_or_else(|| wrong("its first line is not that of a search"))?;
    if header != *first {
        return Err(wrong("it holds the trials of another search"));
    }
    let trials = lines.map(|line| line.ok().as_ref().and_then(Trial::from_json));
    trials.collect::<Option<_>>().ok_or_else(|| wrong("a line of it is no trial"))
}

/// The trials as a table, the best first.
fn shown(trials: &[Trial]) -> String {
    let mut text = String::from(
        "trial  epochs      score  hidden      activation  rule            rate    batch  decay\n",
    );
    for trial in ranked(trials) {
        let c = &trial.candidate;
        let hidden: Vec<String> = c.hidden.iter().map(usize::to_string).collect();
        let score = trial.score.map_or("diverged".into(), |score| format!("{score:.5}"));
        let batch = c.batch.map_or("full".into(), |rows| rows.to_string());
        text += &format!(
            "{:>5}{:>8}{score:>11}  {:<12}{:<12}{:<12}{:>8.1e}{batch:>9}  {:.1e}\n",
            trial.number,
            trial.epochs,
            hidden.join(","),
            c.activation,
            c.rule,
            c.rate,
            c.weight_decay,
        );
    }
    text
}

/// Searches, prints the trials, and trains the best again to keep it.
///
/// # Errors
/// What is wrong with flags, table or training; an interruption.
pub fn tune(args: &Tune, talk: &Talk) -> Result<(), Failure> {
    let mut train = args.train.clone();
    train.validation_fraction.get_or_insert(0.2);
    no_stream("--trials", args.trials.as_deref(), "a file, written whole after each trial,")?;
    let talk = &files(&train, &[("--trials", args.trials.as_deref())], talk)?;
    let space = space(args)?;
    let prepared = Prepared::deal(&train, Prepared::table(&train)?, None)?;
    warn(&train, &prepared, talk);
    let plan = Plan {
        candidates: args.candidates as usize,
        epochs: train.epochs.unwrap_or_else(|| usual_epochs(prepared.train.len().div_ceil(32))),
        factor: args.factor as usize,
        seed: train.seed,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
    };
    // All that a score hangs on; what is written where does not matter.
    let mut same = train.clone();
    (same.output, same.report, same.log, same.tensorboard) = (None, None, None, None);
    (same.resume, same.force, same.threads, same.checkpoint_every) = (false, false, 1, None);
    let first = json!({
        "search": space.to_json(), "rungs": plan.rungs(), "seed": plan.seed,
        "data": crate::report::hash(&train.data), "flags": format!("{same:?}"),
    });
    let before = match &args.trials {
        Some(path) if train.resume && path.exists() => known(path, &first)?,
        Some(_) | None => Vec::new(),
    };
    let asked = interruption()?;
    let talks = !talk.quiet && !talk.json;
    let count: usize = plan.rungs().iter().map(|rung| rung.0).sum();
    if talks {
        let (rows, held) = (prepared.train.len(), prepared.validation.len());
        talk.tell(format!("{count} trials on {rows} rows, judged by {held}, seed {}", plan.seed));
    }
    // The search knows errors of the crate alone; what ended it is kept here.
    let failure = std::sync::Mutex::new(None);
    let ended = || failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let judge = |candidate: &Candidate, epochs: usize| {
        score(&flags(&train, candidate, epochs), &prepared, &asked).map_err(|why| {
            let message = why.message.clone();
            ended().get_or_insert(why);
            Error::Input(message)
        })
    };
    let mut keep = |trials: &[Trial]| {
        if talks {
            talk.tell(format!("{} of {count} trials", trials.len()));
        }
        let Some(path) = &args.trials else { return Ok(()) };
        let lines = std::iter::once(first.clone()).chain(trials.iter().map(Trial::to_json));
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        write_atomically(path, text.as_bytes())
    };
    let found = search(&space, &plan, &before, &judge, &mut keep);
    if let Some(why) = ended().take() {
        return Err(why);
    }
    let trials = found?;
    if talk.json {
        trials.iter().try_for_each(|trial| say(format!("{}\n", trial.to_json())))?;
    } else {
        talk.say(format!("{}\n", shown(&trials)))?;
    }
    let best = ranked(&trials)[0];
    if best.score.is_none() {
        let message = "every trial diverged; try smaller rates (--try-rate)".into();
        return Err(Failure { code: 1, message });
    }
    let mut train = flags(&train, &best.candidate, best.epochs);
    train.resume = false;
    // Its metrics are data; where a file is, they are talk.
    let talk = Talk { quiet: talk.quiet || !talk.streams, ..*talk };
    complete(&train, options(&train)?, &prepared, &asked, &talk)
}

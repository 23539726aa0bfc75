//! The verb `train`: a table in, a model and metrics out.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use matgrad::data::Encoder;
use matgrad::expr::graph::NodeId;
use matgrad::expr::matrix::Matrix;
use matgrad::metrics::Metrics;
use matgrad::{
    Checkpoint, Costs, Epoch, Fit, FitOptions, Method, Model, Network, Precision, Rows, Training,
};
use serde_json::json;

use crate::args::train::Train;
use crate::baselines::baselines;
use crate::encoded::Encoded;
use crate::log::Log;
use crate::output::{self, is_stream, no_stream, outputs};
use crate::prepare::{Prepared, Ready, options};
use crate::tables::{confusion, header, measure, memory, sampled, table};
use crate::{Failure, Talk, folds, input, say};

/// Set by the first Ctrl-C or termination signal; the second ends the process at once.
///
/// # Errors
/// Signals that cannot be handled.
pub fn interruption() -> Result<Arc<AtomicBool>, Failure> {
    let asked = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&asked);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    })
    .map_err(|e| Failure::run(format!("signals cannot be handled: {e}")))?;
    Ok(asked)
}

/// A fit with the model that it makes.
struct Session<'a> {
    args: &'a Train,
    options: &'a FitOptions,
    network: &'a Network,
    encoder: &'a Encoder,
    costs: &'a Costs,
    asked: &'a AtomicBool,
    course: Vec<(String, String)>,
}

/// How the epochs of a fit ended.
struct Ran {
    interrupted: bool,
    log: Option<Log>,
}

/// What a checkpoint's course hangs on: the options, and the rows themselves.
fn course(options: &FitOptions, train: &Encoded) -> Vec<(String, String)> {
    let weights = train.weights.as_ref().map(|w| Rows::of(w, Precision::F64));
    let parts = [Some(&*train.inputs), Some(&*train.targets), weights.as_ref()];
    let sums: Vec<String> =
        parts.into_iter().flatten().map(|rows| format!("{:08x}", rows.crc32())).collect();
    let mut course = options.course();
    course.push(("training rows".into(), format!("crc32:{}", sums.join("-"))));
    course
}

impl Session<'_> {
    fn model(&self, (weights, checkpoint): (Vec<(NodeId, Matrix)>, Checkpoint)) -> Model {
        let training = Training {
            rule: self.options.method.text().to_string(),
            settings: self.options.settings.clone(),
            course: self.course.clone(),
            checkpoint,
        };
        Model {
            network: self.network.clone(),
            weights,
            encoder: self.encoder.clone(),
            costs: self.costs.clone(),
            seed: self.args.seed,
            precision: self.options.weights_precision(),
            training: Some(training),
        }
    }

    fn resume(&self, fit: &mut Fit, path: &Path) -> Result<(), Failure> {
        let found = Model::load(path)?;
        let cannot =
            |why: &str| Failure::input(format!("{} cannot be resumed: {why}", path.display()));
        let training = found.training.ok_or_else(|| cannot("it holds no checkpoint"))?;
        if found.network.source != self.network.source
            || found.encoder != *self.encoder
            || found.costs != *self.costs
        {
            return Err(cannot("the network or the table is another one; give the same flags"));
        }
        if training.rule != self.options.method.text()
            || training.settings != self.options.settings
            || found.seed != self.args.seed
            || found.precision != self.options.weights_precision()
        {
            return Err(cannot(
                "the update rule, its settings, the seed or the precision differ; give the same flags",
            ));
        }
        let pairs = training.course.iter().zip(&self.course);
        let others = pairs.filter(|(then, now)| then != now);
        let others: Vec<String> = others
            .map(|((name, then), (_, now))| format!("{name} was {then} and is {now}"))
            .collect();
        if !others.is_empty() {
            let why = format!("{}; give the flags that it was begun with", others.join(", "));
            return Err(cannot(&why));
        }
        Ok(fit.restore(&training.checkpoint)?)
    }

    /// Runs the epochs; whether it was interrupted, and how the log went.
    fn run(&self, fit: &mut Fit, epochs: &mut Vec<Epoch>, talk: &Talk) -> Result<Ran, Failure> {
        let log = self.args.log.as_deref();
        let mut log = log.map(|path| Log::open(path, self.args.resume)).transpose()?;
        let talks = !talk.quiet && !talk.json;
        let terminal = talks && std::io::stderr().is_terminal();
        let most = self.options.epochs;
        let bar = if terminal {
            let style = "{bar:30} epoch {pos}/{len}  {msg}  {per_sec}  {eta} left";
            let style = indicatif::ProgressStyle::with_template(style);
            let style = style.map_err(Failure::run)?;
            indicatif::ProgressBar::new(most as u64).with_style(style)
        } else {
            indicatif::ProgressBar::hidden()
        };
        while let Some(epoch) = fit.next() {
            let epoch = epoch?;
            epochs.push(epoch);
            bar.set_position(epoch.number as u64);
            let validation = epoch.validation_loss.map_or(String::new(), |v| format!(" / {v:.4}"));
            let rate = epoch.learning_rate.map_or(String::new(), |r| format!("  rate {r:.2e}"));
            let shown = format!("loss {:.4}{validation}{rate}", epoch.train_loss);
            if talks && !terminal {
                output::tell(format!(
                    "epoch {}/{most}  {shown}  {:.1} s",
                    epoch.number, epoch.seconds
                ));
            }
            bar.set_message(shown);
            if let Some(log) = &mut log {
                log.add(&epoch, talk);
            }
            let due =
                self.args.checkpoint_every.is_some_and(|n| epoch.number.is_multiple_of(n.max(1)));
            let stopped = self.asked.load(Ordering::SeqCst);
            if let Some(path) = self.args.output.as_ref().filter(|_| due || stopped) {
                keep(&self.model((fit.weights()?, fit.checkpoint()?)), path)?;
            }
            if stopped {
                bar.abandon();
                return Ok(Ran { interrupted: true, log });
            }
        }
        bar.finish_and_clear();
        Ok(Ran { interrupted: false, log })
    }
}

/// Writes a model to a file or to standard output.
///
/// # Errors
/// Where it cannot be written.
pub fn keep(model: &Model, path: &Path) -> Result<(), Failure> {
    output::write(path, &model.bytes()?)
}

/// Warnings about columns that are shown.
const WARNINGS: usize = 5;

/// A table in, a model and metrics out.
///
/// # Errors
/// What is wrong with flags, table, network or training.
pub fn train(args: &Train, talk: &Talk) -> Result<(), Failure> {
    let talk = &files(args, &[], talk)?;
    let options = options(args)?;
    if let (Method::Search(solver), Some(rows)) = (&options.method, options.batch)
        && args.batch.is_some()
    {
        let name = solver.name();
        return Err(Failure::usage(format!(
            "--batch {rows}: {name} takes all rows at once; leave it out, or say full"
        )));
    }
    if let Some(folds) = args.folds {
        return folds::run(args, &options, usize::from(folds), talk);
    }
    let prepared = Prepared::deal(args, Prepared::table(args)?, None)?;
    warn(args, &prepared, talk);
    let asked = interruption()?;
    complete(args, options, &prepared, &asked, talk)
}

/// Fails where the files of the flags, and these more, cannot be read or written together; how to
/// talk beside them.
///
/// # Errors
/// Which of them, and why.
pub fn files(args: &Train, more: &[output::Named], talk: &Talk) -> Result<Talk, Failure> {
    let weights = args.class_weight.as_deref().map(Path::new);
    input::read_once(&[
        ("DATA", Some(&args.data)),
        ("--test", args.test.as_deref()),
        ("--network", args.network.as_deref()),
        ("--optimizer", args.optimizer.as_deref().map(Path::new)),
        ("--start", args.start.as_deref()),
        ("--class-weight", weights),
        ("--cost-matrix", args.cost_matrix.as_deref()),
    ])?;
    let folder = args.tensorboard.as_deref();
    no_stream("--tensorboard", folder, "a folder")?;
    if let Some(path) = folder.filter(|path| path.exists() && !path.is_dir()) {
        return Err(Failure::unwritten(path, "it is no folder"));
    }
    let model = args.output.as_deref();
    if args.resume || args.checkpoint_every.is_some() {
        no_stream("--output", model, "a file, to keep checkpoints in,")?;
    }
    let mut all = vec![("--output", model)];
    all.extend([("--report", args.report.as_deref()), ("--log", args.log.as_deref())]);
    all.extend(more);
    output::distinct(&[&all[..], &[("--tensorboard", folder)]].concat())?;
    outputs(&all, args.force || args.resume, talk)
}

/// Says what the flags and the table have that one may not expect.
pub fn warn(args: &Train, prepared: &Prepared, talk: &Talk) {
    let warnings = prepared.encoder.warnings();
    warnings.iter().take(WARNINGS).for_each(|w| talk.warn(w));
    if warnings.len() > WARNINGS {
        talk.warn(format!("and {} more", warnings.len() - WARNINGS));
    }
    for (flag, given) in [("--loss", &args.loss), ("--activation", &args.activation)] {
        if args.network.is_some() && given.is_some() {
            talk.warn(format!("{flag} is left out: the page of --network says all of it"));
        }
    }
    let (all, out) = (prepared.data.rows, prepared.left_out());
    if out > 0 {
        talk.warn(format!("{out} of {all} rows are left out: no target, or weight 0"));
    }
    let kept = prepared.train.len() + prepared.validation.len();
    for (flag, share, held, rows) in [
        ("--test-fraction", args.test_fraction, &prepared.test, all - out),
        ("--validation-fraction", args.validation_fraction, &prepared.validation, kept),
    ] {
        if let Some(share) = share.filter(|_| held.is_empty()) {
            talk.warn(format!("{flag} {share} of {rows} rows holds back none"));
        }
    }
}

/// The fit of prepared rows to its end: epochs, model, metrics.
///
/// # Errors
/// What is wrong with network or training; an interruption.
pub fn complete(
    args: &Train,
    mut options: FitOptions,
    prepared: &Prepared,
    asked: &AtomicBool,
    talk: &Talk,
) -> Result<(), Failure> {
    let started = Instant::now();
    let ready = Ready::new(args, prepared, options.weights_precision())?;
    ready.fill_in(&mut options, args)?;
    if !talk.quiet && !talk.json {
        let (method, rows) = (options.method.name(), ready.train.inputs.len());
        output::tell(format!("{method} on {rows} rows, seed {}", args.seed));
    }
    let network = &ready.network;
    let (encoder, costs) = (&prepared.encoder, &prepared.costs);
    let course = match args.output {
        Some(_) => course(&options, &ready.train),
        None => Vec::new(),
    };
    let session = Session { args, options: &options, network, encoder, costs, asked, course };
    let mut fit = ready.fit(&options)?;
    if let Some(path) = args.output.as_ref().filter(|path| args.resume && path.exists()) {
        session.resume(&mut fit, path)?;
    }
    let mut epochs = Vec::new();
    let Ran { interrupted, log } = session.run(&mut fit, &mut epochs, talk)?;
    let model = session.model(match args.output {
        Some(_) => fit.into_parts()?,
        // Nobody goes on from there.
        None => {
            let parts = (fit.weights()?, fit.place().clone());
            drop(fit);
            parts
        }
    });
    if interrupted {
        let epoch = model.training.as_ref().map_or(0, |t| t.checkpoint.epoch);
        let kept = match &args.output {
            Some(path) if is_stream(path) => "the checkpoint is on standard output".into(),
            Some(path) => {
                format!("the checkpoint is in {}; go on with --resume", path.display())
            }
            None => "nothing was kept; name a file with -o MODEL".into(),
        };
        let message = format!("interrupted after epoch {epoch}; {kept}");
        return Err(Failure { code: 130, message });
    }
    if let Some(path) = &args.output {
        keep(&model, path)?;
    }
    if let Some(folder) = &args.tensorboard {
        crate::report::events(folder, &epochs)?;
    }
    report(args, talk, &options, prepared, &model, (started, &epochs))?;
    log.map_or(Ok(()), Log::finish)
}

fn report(
    args: &Train,
    talk: &Talk,
    options: &FitOptions,
    prepared: &Prepared,
    model: &Model,
    (started, course): (Instant, &[Epoch]),
) -> Result<(), Failure> {
    let part = |rows: &[usize]| match rows {
        [] => Ok(None),
        rows => measure(model, &prepared.data, rows).map(Some),
    };
    let parts = [&prepared.train, &prepared.validation, &prepared.test];
    let [train_rows, validation_rows, test_rows] = parts.map(|rows| sampled(rows));
    let train = measure(model, &prepared.data, &train_rows)?;
    let validation = part(&validation_rows)?;
    let other = args
        .test
        .as_deref()
        .map(|path| table(path, header(&model.encoder), &memory()))
        .transpose()?;
    let other = other.map(|table| ((0..table.rows).collect::<Vec<usize>>(), table));
    let test = match &other {
        Some((rows, table)) => Some(measure(model, table, rows)?),
        None => part(&test_rows)?,
    };
    if let Some(path) = &args.report {
        let data = &prepared.data;
        let mut parts = vec![
            ("train", data, &*train_rows),
            ("validation", data, &*validation_rows),
            ("test", data, &*test_rows),
        ];
        parts.extend(other.as_ref().map(|(rows, table)| ("test", table, rows.as_slice())));
        parts.retain(|part| !part.2.is_empty());
        let train = Some((data, &*train_rows));
        crate::report::write(path, model, train, &parts, course, &args.data)?;
    }
    let whole = (&prepared.data, &*train_rows);
    let last = match &other {
        Some((rows, table)) => (table, rows.as_slice()),
        None if !prepared.test.is_empty() => (&prepared.data, &*test_rows),
        None => whole,
    };
    let beside = match args.baselines {
        true => baselines(model, whole, last)?.to_vec(),
        false => Vec::new(),
    };
    let seconds = started.elapsed().as_secs_f64();
    tell(args, talk, (options, model, seconds), &[Some(train), validation, test], &beside)
}

/// Prints what the parts measure, and the baselines beside them.
fn tell(
    args: &Train,
    talk: &Talk,
    (options, model, seconds): (&FitOptions, &Model, f64),
    [train, validation, test]: &[Option<Metrics>; 3],
    beside: &[(&'static str, Metrics)],
) -> Result<(), Failure> {
    let epochs = model.training.as_ref().map_or(0, |t| t.checkpoint.epoch);
    if talk.json {
        let each =
            |m: &Option<Metrics>| m.as_ref().map_or(serde_json::Value::Null, Metrics::to_json);
        let mut report = json!({
            "epochs": epochs, "seconds": seconds, "seed": args.seed, "train": each(train),
            "validation": each(validation), "test": each(test),
            "model": args.output.as_ref().map(|p| p.display().to_string()),
        });
        for (name, m) in beside {
            report["baselines"][name] = m.to_json();
        }
        return say(format!("{report}\n"));
    }
    talk.say(format!(
        "{epochs} epochs of {} in {seconds:.2} s, seed {}\n",
        options.method.name(),
        args.seed
    ))?;
    // Baselines have longer names; they are measured on the last of these parts.
    let width = if beside.is_empty() { 11 } else { 20 };
    for (what, m) in [("train", train), ("validation", validation), ("test", test)] {
        if let Some(m) = m {
            talk.say(format!("{what:<width$}{m}\n"))?;
        }
    }
    for (name, m) in beside {
        talk.say(format!("{name:<width$}{m}\n"))?;
    }
    if let Some(last) = test.as_ref().or(train.as_ref()) {
        confusion(last, talk)?;
    }
    match &args.output {
        Some(path) if is_stream(path) => Ok(()),
        Some(path) => talk.say(format!("model in {}\n", path.display())),
        None => {
            talk.tell("no model was written; name a file with -o MODEL");
            Ok(())
        }
    }
}

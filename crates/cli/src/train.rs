//! The verb `train`: a table in, a model and metrics out.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use matgrad::data::{Encoder, EncoderOptions, Header, Scaling, Table, TargetKind, Values, split};
use matgrad::metrics::Metrics;
use matgrad::{
    Around, Clip, Costs, Epoch, Fit, FitOptions, Method, Model, Network, Precision, Schedule, Stop,
    Training, UpdateRule,
};
use serde_json::json;

use crate::args::{Bits, Scaled, Train};
use crate::costs::costs;
use crate::folds;
use crate::tables::{Examples, confusion, examples, header, measure, table};
use crate::{Failure, Talk, may_write, read_text, say};

fn usage(message: String) -> Failure {
    Failure { code: 2, message }
}

fn fraction(value: Option<f64>, flag: &str) -> Result<Option<f64>, Failure> {
    match value {
        Some(f) if !(f > 0.0 && f < 1.0) => {
            Err(usage(format!("{flag} {f}: a share between 0 and 1 is wanted")))
        }
        other => Ok(other),
    }
}

/// The fit that the flags ask for.
fn options(args: &Train) -> Result<FitOptions, Failure> {
    let batch = match args.batch.as_str() {
        "full" => None,
        number => Some(number.parse().ok().filter(|&n: &usize| n > 0).ok_or_else(|| {
            usage(format!("--batch {number}: a number of rows or `full` is wanted"))
        })?),
    };
    let method: Method = match args.optimizer.as_deref() {
        Some(file) if file.ends_with(".eq") => {
            UpdateRule::parse(file, &read_text(Path::new(file))?)?.into()
        }
        Some(name) => Method::named(name)?,
        None => Method::named(if batch.is_none() { "rprop" } else { "adam" })?,
    };
    let mut settings = Vec::new();
    for setting in &args.set {
        let parsed = setting
            .split_once('=')
            .and_then(|(n, v)| Some((n.to_string(), v.parse::<f64>().ok()?)));
        settings.push(parsed.ok_or_else(|| usage(format!("--set {setting}: write NAME=NUMBER")))?);
    }
    method.settings(&settings)?;
    let clip = match (args.clip_value, args.clip_norm) {
        (Some(bound), _) => Clip::Value(bound),
        (None, Some(bound)) => Clip::Norm(bound),
        (None, None) => Clip::None,
    };
    if let Some(bound) = args.clip_value.or(args.clip_norm).filter(|b| b.is_nan() || *b <= 0.0) {
        return Err(usage(format!("a gradient cannot be clipped at {bound}: it must be above 0")));
    }
    Ok(FitOptions {
        settings,
        batch,
        seed: args.seed,
        precision: if args.precision == Bits::F64 { Precision::F64 } else { Precision::F32 },
        stop: Stop {
            patience: args.patience,
            min_improvement: args.min_improvement,
            metric: args.stop_metric.clone(),
            generalization_loss: args.generalization_loss,
            progress: args.progress,
            time_limit: args.time_limit,
            target_loss: args.target_loss,
        },
        schedule: match &args.schedule {
            Some(text) => text.parse().map_err(|e: matgrad::Error| usage(e.to_string()))?,
            // More epochs can be asked for on resuming, so nothing may hang on their number.
            None if args.epochs.is_some() || batch.is_none() => Schedule::Constant,
            None => Schedule::Cosine,
        },
        warmup: args.warmup,
        threads: args.threads,
        around: Around { clip, decay: args.decoupled_weight_decay, max_norm: args.max_norm },
        ..FitOptions::new(method)
    })
}

/// A table with its rows dealt out, and what was learnt from the training rows.
pub struct Prepared {
    /// The table.
    pub data: Table,
    encoder: Encoder,
    costs: Costs,
    train: Vec<usize>,
    validation: Vec<usize>,
    /// Rows to test on.
    pub test: Vec<usize>,
}

impl Prepared {
    /// Reads the table.
    ///
    /// # Errors
    /// A table that cannot be read.
    pub fn table(args: &Train) -> Result<Table, Failure> {
        table(&args.data, if args.no_header { Header::Absent } else { Header::Auto })
    }

    /// Deals out the rows: those to test on by a share, or the fold of this number of so many.
    ///
    /// # Errors
    /// Flags, columns or values that are wrong.
    pub fn deal(
        args: &Train,
        data: Table,
        fold: Option<(usize, usize)>,
    ) -> Result<Prepared, Failure> {
        let test_fraction = fraction(args.test_fraction, "--test-fraction")?;
        let validation_fraction = fraction(args.validation_fraction, "--validation-fraction")?;
        let targets: Result<Vec<usize>, _> = args.target.iter().map(|t| data.column(t)).collect();
        let targets = targets?;
        let (all, inputs) = counted(args, &data, &targets)?;
        let kind = TargetKind::resolve(TargetKind::Auto, &data, &targets, &all);
        let strata = (kind == TargetKind::Classes).then(|| data.strata(targets[0]));
        let hold = |rows: &[usize], share: Option<f64>| match share {
            Some(f) => split(rows, strata.as_deref(), f, args.seed),
            None => (rows.to_vec(), Vec::new()),
        };
        let (kept, test) = match fold {
            None => hold(&all, test_fraction),
            Some(fold) => folds::hold(&all, strata.as_deref(), fold, args.seed)?,
        };
        let (train, validation) = hold(&kept, validation_fraction);
        let scaling = match args.standardize {
            Scaled::Auto => Scaling::Auto,
            Scaled::Standardize => Scaling::Standardize,
            Scaled::Minmax => Scaling::MinMax,
            Scaled::None => Scaling::None,
        };
        let options = EncoderOptions {
            targets,
            target_kind: kind,
            inputs: Some(inputs),
            scaling,
            allow_missing_targets: true,
            ..EncoderOptions::default()
        };
        let encoder = Encoder::fit(&data, &train, &options)?;
        let costs = costs(args, &encoder, &data, &train)?;
        Ok(Prepared { data, encoder, costs, train, validation, test })
    }

    fn left_out(&self) -> usize {
        self.data.rows - self.train.len() - self.validation.len() - self.test.len()
    }

    fn examples(&self, rows: &[usize]) -> Result<Examples, Failure> {
        examples(&self.encoder, &self.costs, &self.data, rows)
    }
}

/// Rows that count (some target is there, and the weight is not 0), and the input columns.
fn counted(
    args: &Train,
    data: &Table,
    targets: &[usize],
) -> Result<(Vec<usize>, Vec<usize>), Failure> {
    let weight = args.weight_column.as_deref().map(|name| data.column(name)).transpose()?;
    let given = |&column: &usize, row: usize| match &data.columns[column].values {
        Values::Numbers(numbers) => !numbers[row].is_nan(),
        Values::Categories { codes, .. } => codes[row].is_some(),
    };
    let zero = |row: usize| match weight.map(|column| &data.columns[column].values) {
        Some(Values::Numbers(numbers)) => numbers[row] == 0.0,
        Some(Values::Categories { .. }) | None => false,
    };
    let counts = |row: &usize| targets.iter().any(|t| given(t, *row)) && !zero(*row);
    let input = |column: &usize| !targets.contains(column) && Some(*column) != weight;
    let rows = (0..data.rows).filter(counts).collect();
    Ok((rows, (0..data.columns.len()).filter(input).collect()))
}

/// Units from which a layer is safe from the death of all its rectifiers.
const WIDE: usize = 32;

fn network(args: &Train, prepared: &Prepared, train: &Examples) -> Result<Network, Failure> {
    if let Some(file) = &args.network {
        return Ok(Network::parse(&file.display().to_string(), &read_text(file)?)?);
    }
    let known = |name: &str| matgrad::library::standard().names.contains(name);
    for name in args.activation.iter().chain(&args.loss) {
        if !known(name) {
            let names = matgrad::library::standard().names.iter().map(String::as_str);
            let near = matgrad::expr::diagnostic::nearest(name, names);
            let near = near.map_or(String::new(), |n| format!("; did you mean {n}?"));
            return Err(Failure::input(format!("there is no function {name}{near}")));
        }
    }
    let smoothing = args.label_smoothing;
    if !(0.0..1.0).contains(&smoothing) {
        return Err(usage(format!("--label-smoothing {smoothing}: a share from 0 is wanted")));
    }
    let kind = prepared.encoder.target_kind();
    let narrow = args.hidden.iter().any(|&units| units < WIDE);
    let usual = if narrow { "tanh" } else { "relu" };
    let activation = args.activation.as_deref().unwrap_or(usual);
    let mut layers = Network::layers(train.inputs.cols, train.targets.cols)
        .activation(activation)
        .weight_decay(args.weight_decay)
        .l1(args.l1)
        .label_smoothing(if kind == TargetKind::Classes { smoothing } else { 0.0 });
    if let Some(weights) = &train.weights {
        layers = layers.row_weights(weights.cols);
    }
    if let Some(matrix) = &prepared.costs.matrix {
        layers = layers.costs(matrix);
    }
    for &units in args.hidden.iter().filter(|&&u| u > 0) {
        layers = layers.dense(units);
    }
    let usual = if kind == TargetKind::Classes { "cross_entropy" } else { "mse" };
    let loss = args.loss.as_deref().unwrap_or(usual);
    Ok(Network::parse("layers", &layers.loss(loss).equations())?)
}

/// Rows as matrices, and the network for them.
struct Ready {
    network: Network,
    train: Examples,
    validation: Option<Examples>,
}

impl Ready {
    fn new(args: &Train, prepared: &Prepared) -> Result<Ready, Failure> {
        let mut train = prepared.examples(&prepared.train)?;
        let mut validation = match prepared.validation.as_slice() {
            [] => None,
            rows => Some(prepared.examples(rows)?),
        };
        let parts = || std::iter::once(&train).chain(&validation);
        let width = parts().filter_map(|part| Some(part.weights.as_ref()?.cols)).max();
        if let Some(columns) = width {
            std::iter::once(&mut train).chain(&mut validation).for_each(|part| part.widen(columns));
        }
        Ok(Ready { network: network(args, prepared, &train)?, train, validation })
    }

    /// Decides what the flags leave open, by the size of the work.
    fn fill_in(&self, options: &mut FitOptions, args: &Train) -> Result<(), Failure> {
        let rows = self.train.inputs.rows;
        let steps = options.batch.map_or(1, |size| rows.div_ceil(size).max(1));
        options.epochs = args.epochs.unwrap_or((20_000 / steps).clamp(10, 300));
        let rate = ["lr", "learning_rate", "eta", "η"];
        let given = options.settings.iter().any(|(name, _)| rate.contains(&name.as_str()));
        if options.method.name() == "adam" && !given {
            let initial = self.network.initial(args.seed)?;
            let weights: usize = initial.iter().map(|(_, m)| m.data.len()).sum();
            let rate = (0.3 / (weights as f64).sqrt()).clamp(1e-3, 1e-2);
            options.settings.push(("lr".into(), rate));
        }
        Ok(())
    }

    fn fit<'a>(&'a self, options: &'a FitOptions) -> Result<Fit<'a>, Failure> {
        let Ready { network, train, validation } = self;
        let held = validation.as_ref();
        let fit = network.fit(
            &network.initial(options.seed)?,
            (&train.inputs, &train.targets),
            held.map(|v| (&v.inputs, &v.targets)),
            options,
        )?;
        Ok(match &train.weights {
            Some(weights) => fit.weighted(weights, held.and_then(|v| v.weights.as_ref()))?,
            None => fit,
        })
    }
}

/// A model of the training rows, without logs or checkpoints.
///
/// # Errors
/// What does not fit together.
pub fn fitted(args: &Train, options: &FitOptions, prepared: &Prepared) -> Result<Model, Failure> {
    let ready = Ready::new(args, prepared)?;
    let mut options = options.clone();
    ready.fill_in(&mut options, args)?;
    let mut fit = ready.fit(&options)?;
    fit.by_ref().try_for_each(|epoch| epoch.map(drop))?;
    let weights = fit.weights()?;
    drop(fit);
    Ok(Model {
        network: ready.network,
        weights,
        encoder: prepared.encoder.clone(),
        costs: prepared.costs.clone(),
        seed: options.seed,
        precision: options.weights_precision(),
        training: None,
    })
}

/// Set by the first Ctrl-C or termination signal; the second ends the process at once.
fn interruption() -> Result<Arc<AtomicBool>, Failure> {
    let asked = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&asked);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    })
    .map_err(|e| Failure { code: 1, message: format!("signals cannot be handled: {e}") })?;
    Ok(asked)
}

/// A fit with the model that it makes.
struct Session<'a> {
    args: &'a Train,
    options: &'a FitOptions,
    network: &'a Network,
    encoder: &'a Encoder,
    costs: &'a Costs,
}

impl Session<'_> {
    fn model(&self, fit: &Fit) -> Result<Model, Failure> {
        let training = Training {
            rule: self.options.method.text().to_string(),
            settings: self.options.settings.clone(),
            checkpoint: fit.checkpoint()?,
        };
        Ok(Model {
            network: self.network.clone(),
            weights: fit.weights()?,
            encoder: self.encoder.clone(),
            costs: self.costs.clone(),
            seed: self.args.seed,
            precision: self.options.weights_precision(),
            training: Some(training),
        })
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
        Ok(fit.restore(&training.checkpoint)?)
    }

    /// Runs the epochs; whether it was interrupted.
    fn run(&self, fit: &mut Fit, epochs: &mut Vec<Epoch>, talk: &Talk) -> Result<bool, Failure> {
        let asked = interruption()?;
        let mut log = match &self.args.log {
            Some(path) => {
                let mut options = std::fs::File::options();
                options
                    .create(true)
                    .write(true)
                    .append(self.args.resume)
                    .truncate(!self.args.resume);
                let failed =
                    |e| Failure::input(format!("{} cannot be written: {e}", path.display()));
                Some(options.open(path).map_err(failed)?)
            }
            None => None,
        };
        let talks = !talk.quiet && !talk.json;
        let terminal = talks && std::io::stderr().is_terminal();
        let most = self.options.epochs;
        let bar = if terminal {
            let style = "{bar:30} epoch {pos}/{len}  {msg}  {per_sec}  {eta} left";
            let style = indicatif::ProgressStyle::with_template(style);
            let style = style.map_err(|e| Failure { code: 1, message: e.to_string() })?;
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
                eprintln!("epoch {}/{most}  {shown}  {:.1} s", epoch.number, epoch.seconds);
            }
            bar.set_message(shown);
            if let Some(log) = &mut log {
                let line = json!({
                    "epoch": epoch.number, "train_loss": epoch.train_loss,
                    "validation_loss": epoch.validation_loss,
                    "learning_rate": epoch.learning_rate, "seconds": epoch.seconds,
                });
                writeln!(log, "{line}").map_err(Failure::input)?;
            }
            let due =
                self.args.checkpoint_every.is_some_and(|n| epoch.number.is_multiple_of(n.max(1)));
            let stopped = asked.load(Ordering::SeqCst);
            if let Some(path) = self.args.output.as_ref().filter(|_| due || stopped) {
                self.model(fit)?.save(path)?;
            }
            if stopped {
                bar.abandon();
                return Ok(true);
            }
        }
        bar.finish_and_clear();
        Ok(false)
    }
}

/// Warnings about columns that are shown.
const WARNINGS: usize = 5;

/// A table in, a model and metrics out.
///
/// # Errors
/// What is wrong with flags, table, network or training.
pub fn train(args: &Train, talk: &Talk) -> Result<(), Failure> {
    let started = Instant::now();
    for path in args.output.iter().chain(&args.log).chain(&args.report) {
        may_write(path, args.force || args.resume)?;
    }
    let mut options = options(args)?;
    if let Some(folds) = args.folds {
        return folds::run(args, &options, usize::from(folds), talk);
    }
    let prepared = Prepared::deal(args, Prepared::table(args)?, None)?;
    if !talk.quiet {
        let warnings = prepared.encoder.warnings();
        warnings.iter().take(WARNINGS).for_each(|w| eprintln!("warning: {w}"));
        if warnings.len() > WARNINGS {
            eprintln!("warning: and {} more", warnings.len() - WARNINGS);
        }
        let (all, out) = (prepared.data.rows, prepared.left_out());
        if out > 0 {
            eprintln!("warning: {out} of {all} rows are left out: no target, or weight 0");
        }
    }
    let ready = Ready::new(args, &prepared)?;
    ready.fill_in(&mut options, args)?;
    if !talk.quiet && !talk.json {
        let (method, rows) = (options.method.name(), ready.train.inputs.rows);
        eprintln!("{method} on {rows} rows, seed {}", args.seed);
    }
    let network = &ready.network;
    let (encoder, costs) = (&prepared.encoder, &prepared.costs);
    let session = Session { args, options: &options, network, encoder, costs };
    let mut fit = ready.fit(&options)?;
    if let Some(path) = args.output.as_ref().filter(|path| args.resume && path.exists()) {
        session.resume(&mut fit, path)?;
    }
    let mut epochs = Vec::new();
    let interrupted = session.run(&mut fit, &mut epochs, talk)?;
    let model = session.model(&fit)?;
    if interrupted {
        let epoch = model.training.as_ref().map_or(0, |t| t.checkpoint.epoch);
        let kept = match &args.output {
            Some(path) => {
                format!("the checkpoint is in {}; go on with --resume", path.display())
            }
            None => "nothing was kept; name a file with -o MODEL".into(),
        };
        let message = format!("interrupted after epoch {epoch}; {kept}");
        return Err(Failure { code: 130, message });
    }
    if let Some(path) = &args.output {
        model.save(path)?;
    }
    if let Some(folder) = &args.tensorboard {
        crate::report::events(folder, &epochs)?;
    }
    report(args, talk, &options, &prepared, &model, (started, &epochs))
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
    let train = measure(model, &prepared.data, &prepared.train)?;
    let validation = part(&prepared.validation)?;
    let other = args.test.as_deref().map(|path| table(path, header(&model.encoder))).transpose()?;
    let other = other.map(|table| ((0..table.rows).collect::<Vec<usize>>(), table));
    let test = match &other {
        Some((rows, table)) => Some(measure(model, table, rows)?),
        None => part(&prepared.test)?,
    };
    if let Some(path) = &args.report {
        let data = &prepared.data;
        let mut parts = vec![
            ("train", data, prepared.train.as_slice()),
            ("validation", data, prepared.validation.as_slice()),
            ("test", data, prepared.test.as_slice()),
        ];
        parts.extend(other.as_ref().map(|(rows, table)| ("test", table, rows.as_slice())));
        parts.retain(|part| !part.2.is_empty());
        let train = Some((data, prepared.train.as_slice()));
        crate::report::write(path, model, train, &parts, course, &args.data)?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let epochs = model.training.as_ref().map_or(0, |t| t.checkpoint.epoch);
    if talk.json {
        let each =
            |m: &Option<Metrics>| m.as_ref().map_or(serde_json::Value::Null, Metrics::to_json);
        let report = json!({
            "epochs": epochs, "seconds": seconds, "seed": args.seed, "train": train.to_json(),
            "validation": each(&validation), "test": each(&test),
            "model": args.output.as_ref().map(|p| p.display().to_string()),
        });
        return say(format!("{report}\n"));
    }
    say(format!(
        "{epochs} epochs of {} in {seconds:.2} s, seed {}\n",
        options.method.name(),
        args.seed
    ))?;
    for (what, m) in
        [("train", Some(&train)), ("validation", validation.as_ref()), ("test", test.as_ref())]
    {
        if let Some(m) = m {
            say(format!("{what:<11}{m}\n"))?;
        }
    }
    confusion(test.as_ref().unwrap_or(&train))?;
    match &args.output {
        Some(path) => say(format!("model in {}\n", path.display())),
        None if !talk.quiet => {
            eprintln!("no model was written; name a file with -o MODEL");
            Ok(())
        }
        None => Ok(()),
    }
}

//! From flags and a table to a fit: rows dealt out, columns learnt, settings filled in.

use std::path::Path;
use std::sync::Arc;

use matgrad::data::{
    Encoder, EncoderOptions, Header, Memory, Scaling, Table, TargetKind, Values, split,
};
use matgrad::expr::graph::NodeId;
use matgrad::expr::matrix::Matrix;
use matgrad::{
    Around, Clip, Costs, Fit, FitOptions, Method, Model, Network, Precision, Schedule, Stop,
    UpdateRule,
};

use crate::args::train::{Bits, Scaled, Train};
use crate::costs::costs;
use crate::encoded::{Encoded, encoded, widened};
use crate::tables::{Examples, examples, table, targets};
use crate::{Failure, folds, input, read_text};

/// A wrong use of flags.
pub fn usage(message: String) -> Failure {
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

/// Rows a step; `None` for all.
///
/// # Errors
/// Neither a number above 0 nor `full`.
pub fn batch(text: &str, flag: &str) -> Result<Option<usize>, Failure> {
    if text == "full" {
        return Ok(None);
    }
    let rows = text.parse().ok().filter(|&rows: &usize| rows > 0);
    let wrong = || usage(format!("{flag} {text}: a number of rows or `full` is wanted"));
    rows.map(Some).ok_or_else(wrong)
}

/// An update rule or a solver: a page, or a name.
///
/// # Errors
/// What is wrong with the page, or a name that is not there.
pub fn method(what: &str) -> Result<Method, Failure> {
    if !what.ends_with(".eq") && what != "-" {
        return Ok(Method::named(what)?);
    }
    let path = Path::new(what);
    Ok(UpdateRule::parse(&input::shown(path), &read_text(path)?)?.into())
}

/// Fails where a method does not have a setting, or has no use for its number.
fn bounded(method: &Method, settings: &[(String, f64)]) -> Result<(), Failure> {
    method.settings(settings)?;
    for (name, value) in settings {
        let rate = RATES.contains(&name.as_str());
        if !value.is_finite() || rate && *value < 0.0 {
            let wanted = if rate { "a number from 0" } else { "a finite number" };
            return Err(usage(format!("--set {name}={value}: {wanted} is wanted")));
        }
    }
    Ok(())
}

/// What the step size is called.
const RATES: [&str; 4] = ["lr", "learning_rate", "eta", "η"];

/// The fit that the flags ask for.
///
/// # Errors
/// Flags that are wrong.
pub fn options(args: &Train) -> Result<FitOptions, Failure> {
    let batch = batch(args.batch.as_deref().unwrap_or("32"), "--batch")?;
    let usual = if batch.is_none() { "rprop" } else { "adam" };
    let method = method(args.optimizer.as_deref().unwrap_or(usual))?;
    let mut settings = Vec::new();
    for setting in &args.set {
        let parsed = setting
            .split_once('=')
            .and_then(|(n, v)| Some((n.to_string(), v.parse::<f64>().ok()?)));
        settings.push(parsed.ok_or_else(|| usage(format!("--set {setting}: write NAME=NUMBER")))?);
    }
    bounded(&method, &settings)?;
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
        threads: useful_threads(args.threads),
        around: Around { clip, decay: args.decoupled_weight_decay, max_norm: args.max_norm },
        ..FitOptions::new(method)
    })
}

/// Threads that are of use: many more than there are cores only wait for each other, and a system
/// does not have any number of them.
pub fn useful_threads(asked: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    asked.clamp(1, (4 * cores).max(16))
}

/// What a table may take of memory.
///
/// # Errors
/// A share that is none.
fn memory(args: &Train) -> Result<Memory, Failure> {
    let share = args.memory_share;
    if !(0.0..=1.0).contains(&share) {
        return Err(usage(format!("--memory-share {share}: a share from 0 to 1 is wanted")));
    }
    let memory = Memory::share(share);
    Ok(Memory { folder: args.scratch.clone().unwrap_or(memory.folder), ..memory })
}

/// A table with its rows dealt out, and what was learnt from the training rows.
pub struct Prepared {
    /// The table.
    pub data: Table,
    /// Columns to matrices and back.
    pub encoder: Encoder,
    /// Weights and costs.
    pub costs: Costs,
    /// Rows to train on.
    pub train: Vec<usize>,
    /// Rows to validate on.
    pub validation: Vec<usize>,
    /// Rows to test on.
    pub test: Vec<usize>,
    /// The model to go on from.
    start: Option<Model>,
}

impl Prepared {
    /// Reads the table.
    ///
    /// # Errors
    /// A table that cannot be read.
    pub fn table(args: &Train) -> Result<Table, Failure> {
        let header = if args.no_header { Header::Absent } else { Header::Auto };
        table(&args.data, header, &memory(args)?)
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
        let targets = targets(&data, &args.target)?;
        let (all, inputs) = counted(args, &data, &targets)?;
        let kind = TargetKind::resolve(TargetKind::Auto, &data, &targets, &all);
        // A list of rows is long where a table is, so that none is made which is not wanted.
        let splits = fold.is_some() || test_fraction.or(validation_fraction).is_some();
        let strata = (splits && kind == TargetKind::Classes).then(|| data.strata(targets[0]));
        let hold = |rows: Vec<usize>, share: Option<f64>| match share {
            Some(f) => split(&rows, strata.as_deref(), f, args.seed),
            None => (rows, Vec::new()),
        };
        let (kept, test) = match fold {
            None => hold(all, test_fraction),
            Some(fold) => folds::hold(&all, strata.as_deref(), fold, args.seed)?,
        };
        let (train, validation) = hold(kept, validation_fraction);
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
        let start = args.start.as_deref().map(input::model).transpose()?;
        let encoder = match &start {
            Some(model) => known(&model.encoder, &data, &options.targets)?,
            None => Encoder::fit(&data, &train, &options)?,
        };
        let costs = costs(args, &encoder, &data, &train)?;
        Ok(Prepared { data, encoder, costs, train, validation, test, start })
    }

    /// Rows without a target, or of weight 0.
    pub fn left_out(&self) -> usize {
        self.data.rows - self.train.len() - self.validation.len() - self.test.len()
    }
}

/// The encoder of the model to go on from, if it has these targets.
fn known(encoder: &Encoder, data: &Table, targets: &[usize]) -> Result<Encoder, Failure> {
    let mut own = encoder.target_columns(data)?;
    let mut asked = targets.to_vec();
    own.sort_unstable();
    asked.sort_unstable();
    if own != asked {
        let names: Vec<&str> =
            own.iter().map(|&column| data.columns[column].name.as_str()).collect();
        return Err(usage(format!("--target: the model to go on from has {}", names.join(", "))));
    }
    Ok(encoder.clone())
}

/// Rows that count (some target is there, and the weight is not 0), and the input columns.
fn counted(
    args: &Train,
    data: &Table,
    targets: &[usize],
) -> Result<(Vec<usize>, Vec<usize>), Failure> {
    let weight = args.weight_column.as_deref().map(|name| data.column(name)).transpose()?;
    let given = |&column: &usize, row: usize| match &data.columns[column].values {
        Values::Numbers(numbers) => numbers.get(row).is_some_and(|x| !x.is_nan()),
        Values::Categories { codes, .. } => codes.get(row).is_some(),
    };
    let zero = |row: usize| match weight.map(|column| &data.columns[column].values) {
        Some(Values::Numbers(numbers)) => numbers.get(row) == Some(0.0),
        Some(Values::Categories { .. }) | None => false,
    };
    let counts = |row: &usize| targets.iter().any(|t| given(t, *row)) && !zero(*row);
    let input = |column: &usize| !targets.contains(column) && Some(*column) != weight;
    let rows = (0..data.rows).filter(counts).collect();
    Ok((rows, (0..data.columns.len()).filter(input).collect()))
}

/// Units from which a layer is safe from the death of all its rectifiers.
const WIDE: usize = 32;

/// Fails where the library has no function of the name that a flag gives.
pub fn known_function(flag: &str, name: &str) -> Result<(), Failure> {
    let names = &matgrad::library::standard().names;
    if names.contains(name) {
        return Ok(());
    }
    let near = matgrad::expr::diagnostic::nearest(name, names.iter().map(String::as_str));
    let help = near.map_or_else(
        || {
            "an activation is one such as tanh, relu or gelu, a loss one such as mse or huber"
                .into()
        },
        |near| format!("did you mean {near}?"),
    );
    Err(Failure::input(format!("{flag}: there is no function {name}; {help}")))
}

fn network(args: &Train, prepared: &Prepared, train: &Encoded) -> Result<Network, Failure> {
    if let Some(model) = &prepared.start {
        return Ok(model.network.clone());
    }
    if let Some(file) = &args.network {
        return Ok(Network::parse(&file.display().to_string(), &read_text(file)?)?);
    }
    args.activation.iter().try_for_each(|name| known_function("--activation", name))?;
    args.loss.iter().try_for_each(|name| known_function("--loss", name))?;
    let smoothing = args.label_smoothing;
    for (flag, share) in [("--label-smoothing", smoothing), ("--dropout", args.dropout)] {
        if !(0.0..1.0).contains(&share) {
            return Err(usage(format!("{flag} {share}: a share from 0, below 1, is wanted")));
        }
    }
    if !(args.input_noise >= 0.0 && args.input_noise.is_finite()) {
        let given = args.input_noise;
        return Err(usage(format!("--input-noise {given}: a deviation from 0 is wanted")));
    }
    let kind = prepared.encoder.target_kind();
    let hidden = if args.hidden.is_empty() { &[16][..] } else { &args.hidden };
    let narrow = hidden.iter().any(|&units| units < WIDE);
    let usual = if narrow { "tanh" } else { "relu" };
    let activation = args.activation.as_deref().unwrap_or(usual);
    let mut layers = Network::layers(train.inputs.cols(), train.targets.cols())
        .activation(activation)
        .weight_decay(args.weight_decay.unwrap_or(1e-3))
        .l1(args.l1)
        .label_smoothing(if kind == TargetKind::Classes { smoothing } else { 0.0 });
    if let Some(weights) = &train.weights {
        layers = layers.row_weights(weights.cols);
    }
    if let Some(matrix) = &prepared.costs.matrix {
        layers = layers.costs(matrix);
    }
    if args.input_noise > 0.0 {
        layers = layers.noise(args.input_noise);
    }
    for &units in hidden.iter().filter(|&&u| u > 0) {
        layers = layers.dense(units);
        if args.dropout > 0.0 {
            layers = layers.dropout(args.dropout);
        }
    }
    let usual = if kind == TargetKind::Classes { "cross_entropy" } else { "mse" };
    let loss = args.loss.as_deref().unwrap_or(usual);
    Ok(Network::parse("layers", &layers.loss(loss).equations())?)
}

/// The epochs of 20,000 steps, at so many steps an epoch.
pub fn usual_epochs(steps: usize) -> usize {
    (20_000 / steps).clamp(10, 300)
}

/// Rows as matrices, and the network for them.
pub struct Ready {
    /// The network.
    pub network: Network,
    /// Rows to train on.
    pub train: Encoded,
    validation: Option<Examples>,
    /// Weights to go on from.
    start: Option<Vec<(NodeId, Matrix)>>,
}

impl Ready {
    /// Encodes the rows in a precision and writes the network.
    ///
    /// # Errors
    /// What does not fit together.
    pub fn new(args: &Train, prepared: &Prepared, precision: Precision) -> Result<Ready, Failure> {
        let Prepared { encoder, costs, data, .. } = prepared;
        let place = (precision, &memory(args)?);
        let mut train = encoded(encoder, costs, data, &prepared.train, place)?;
        let mut validation = match prepared.validation.as_slice() {
            [] => None,
            rows => Some(examples(encoder, costs, data, rows)?),
        };
        let held = validation.as_mut().map(|v| (&mut v.weights, v.inputs.rows));
        let count = train.inputs.len();
        let mut parts: Vec<_> = held.into_iter().chain([(&mut train.weights, count)]).collect();
        if let Some(columns) = parts.iter().filter_map(|(w, _)| Some(w.as_ref()?.cols)).max() {
            for (weights, rows) in &mut parts {
                **weights = Some(widened(weights.take(), *rows, columns));
            }
        }
        let start = prepared.start.as_ref().map(|model| model.weights.clone());
        Ok(Ready { network: network(args, prepared, &train)?, train, validation, start })
    }

    /// Decides what the flags leave open, by the size of the work.
    ///
    /// # Errors
    /// A network whose sizes are not known.
    pub fn fill_in(&self, options: &mut FitOptions, args: &Train) -> Result<(), Failure> {
        let rows = self.train.inputs.len();
        let steps = options.batch.map_or(1, |size| rows.div_ceil(size).max(1));
        options.epochs = args.epochs.unwrap_or(usual_epochs(steps));
        let given = options.settings.iter().any(|(name, _)| RATES.contains(&name.as_str()));
        if options.method.name() == "adam" && !given {
            let initial = self.network.initial(args.seed)?;
            let weights: usize = initial.iter().map(|(_, m)| m.data.len()).sum();
            let rate = (0.3 / (weights as f64).sqrt()).clamp(1e-3, 1e-2);
            options.settings.push(("lr".into(), rate));
        }
        Ok(())
    }

    /// The fit, before its first epoch.
    ///
    /// # Errors
    /// What does not fit together.
    pub fn fit<'a>(&'a self, options: &'a FitOptions) -> Result<Fit<'a>, Failure> {
        let Ready { network, train, validation, start } = self;
        let held = validation.as_ref();
        let weights = match start {
            Some(weights) => weights.clone(),
            None => network.initial(options.seed)?,
        };
        let fit = network.fit_rows(
            &weights,
            (Arc::clone(&train.inputs), Arc::clone(&train.targets)),
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
    let ready = Ready::new(args, prepared, options.weights_precision())?;
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

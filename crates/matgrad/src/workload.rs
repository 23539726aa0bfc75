//! Stored workloads: a folder with the layers, initial weights and row orders of a training or an
//! inference, so that systems can be timed on the same work.
//!
//! `meta.json` says layers, activation, output, batch, epochs, rule and where the data are;
//! `W0.npy b0.npy …` are the initial weights, `CW0.npy Cb0.npy …` those of convolutions (channels
//! out, in, height, width), `perm.npy` the order of the rows in each epoch.

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use matgrad_data::npy::{self, Single};
use matgrad_expr::graph::NodeId;
use matgrad_expr::matrix::Matrix;
use serde_json::Value;

use crate::weights::{channel_last, kernel};
use crate::{
    Around, Batch, Engine, Error, Network, Precision, Predictor, Rows, TrainingStep, UpdateRule,
};

/// A workload, read into memory.
pub struct Workload {
    /// Its name.
    pub name: String,
    /// Whether it is an inference.
    pub inference: bool,
    /// Its equations.
    pub network: Network,
    /// Rows a step or a call.
    pub batch: usize,
    /// How many times over the training rows.
    pub epochs: usize,
    rule: UpdateRule,
    settings: Vec<(String, f64)>,
    weights: Vec<(NodeId, Rows<'static>)>,
    orders: Option<Vec<u32>>,
    train: Option<Part>,
    test: Part,
    classes: bool,
}

/// Inputs and targets.
struct Part {
    x: Rows<'static>,
    y: Rows<'static>,
}

/// What a pass over rows shows: the mean loss, and the accuracy, or R² for numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Mean over the rows.
    pub loss: f64,
    /// Accuracy of classes, R² of numbers.
    pub score: f64,
}

fn input(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::Input(format!("{}: {what}", path.display()))
}

impl Workload {
    /// Reads a workload's folder.
    ///
    /// # Errors
    /// A file that is absent or of another form; a family of networks that is not known.
    pub fn read(folder: &Path) -> Result<Workload, Error> {
        let path = folder.join("meta.json");
        let text = std::fs::read_to_string(&path).map_err(|e| {
            input(&path, format!("{e}; a workload is a folder with meta.json, weights and orders"))
        })?;
        let meta: Value = serde_json::from_str(&text).map_err(|e| input(&path, e))?;
        let lacks = |key: &str| input(&path, format!("it has no proper \"{key}\""));
        let word = |key: &str| meta[key].as_str().ok_or_else(|| lacks(key));
        let count = |key: &str| meta[key].as_u64().map(|n| n as usize).ok_or_else(|| lacks(key));
        let family = word("family")?;
        if !["mlp", "conv", "infer"].contains(&family) {
            let message = format!("the family {family} is not known; mlp, conv and infer are");
            return Err(input(&path, message));
        }
        let layers = meta["layers"].as_array().into_iter().flatten();
        let layers: Vec<usize> = layers.filter_map(Value::as_u64).map(|n| n as usize).collect();
        let [flat, .., outputs] = layers[..] else { return Err(lacks("layers")) };
        let kernels = kernels(&meta).ok_or_else(|| lacks("conv"))?;
        // Convolutions are of square pictures with one window each way until `flat` are left.
        let side = kernels.iter().rev().fold(
            kernels.last().map_or(0, |last| (flat as f64 / last[1] as f64).sqrt() as u32),
            |side, kernel| side * 2 + kernel[2] as u32 - 1,
        );
        let inputs = match kernels.first() {
            Some(first) => (side * side) as usize * first[0],
            None => flat,
        };
        let output = word("output")?;
        let page = equations(&layers, &kernels, side, word("hidden")?, output);
        let network = page.ok_or_else(|| lacks("output"))?;
        let network = Network::parse(&path.display().to_string(), &network)?;
        let (rule, settings) = match meta["opt"]["name"].as_str() {
            Some(name) if name != "none" => rule(name, &meta["opt"])?,
            Some(_) | None => (UpdateRule::named("sgd")?, Vec::new()),
        };
        let weights = weights(folder, &network, &kernels)?;
        let data = folder.join(word("data_dir")?);
        let classes = output == "softmax_ce";
        let part = |kind: &str| -> Result<Part, Error> {
            let Single { rows, cols, data: x, .. } =
                npy::read_f32(&data.join(format!("X_{kind}.npy")))?;
            let path = data.join(format!("y_{kind}.npy"));
            let Single { rows: found, cols: width, data: y, .. } = npy::read_f32(&path)?;
            if cols != inputs || found != rows || (!classes && width != outputs) {
                return Err(input(&path, "inputs and targets do not fit the layers"));
            }
            let y = if classes { one_hot(&y, outputs) } else { y };
            Ok(Part { x: Rows::single(cols, x), y: Rows::single(outputs, y) })
        };
        let orders = match meta["shuffle"].as_bool() {
            Some(true) => Some(npy::read(&folder.join("perm.npy"))?.data),
            Some(false) | None => None,
        };
        Ok(Workload {
            name: word("name")?.to_string(),
            inference: family == "infer",
            network,
            batch: count("batch")?.max(1),
            epochs: count("epochs")?,
            rule,
            settings,
            weights,
            orders: orders.map(|all| all.iter().map(|&row| row as u32).collect()),
            train: if family == "infer" { None } else { Some(part("train")?) },
            test: part("test")?,
            classes,
        })
    }

    /// Training rows.
    pub fn rows(&self) -> usize {
        self.train.as_ref().map_or(0, |part| part.x.len())
    }

    /// Whether one batch of all rows in their order stays in its place.
    fn stays(&self) -> bool {
        self.orders.is_none() && self.batch >= self.rows()
    }

    /// The compiled step with the initial weights.
    ///
    /// # Errors
    /// What cannot be compiled.
    pub fn step(&self) -> Result<TrainingStep, Error> {
        let network = &self.network;
        let shared = network.row_inputs();
        let fixed = if self.stays() { &shared[..] } else { &[] };
        let mut step = TrainingStep::compile(
            &network.equations,
            network.objective,
            &self.rule,
            &self.settings,
            Batch { symbol: network.batch, rows: self.batch, fixed },
            Precision::F32,
            Around::default(),
        )?;
        self.begin(&mut step.engine)?;
        Ok(step)
    }

    /// Writes the initial weights.
    fn begin(&self, engine: &mut Engine) -> Result<(), Error> {
        self.weights.iter().try_for_each(|(node, value)| {
            engine.gather(*node, value, &(0..value.len()).collect::<Vec<_>>())
        })
    }

    /// All epochs, or the first so many steps.
    ///
    /// # Errors
    /// Rows that the program cannot take.
    pub fn train(&self, step: &mut TrainingStep, limit: Option<usize>) -> Result<(), Error> {
        let Some(Part { x, y }) = &self.train else { return Ok(()) };
        let rows = x.len();
        let mut order: Vec<usize> = (0..rows).collect();
        for epoch in 0..self.epochs {
            if let Some(orders) = &self.orders {
                let stored = orders[epoch * rows..].iter();
                order.iter_mut().zip(stored).for_each(|(to, &row)| *to = row as usize);
            }
            for part in order.chunks(self.batch) {
                if limit.is_some_and(|limit| step.steps() >= limit) {
                    return Ok(());
                }
                if !self.stays() || !step.loaded {
                    step.engine.set_rows(part.len())?;
                    step.engine.gather(self.network.input, x, part)?;
                    step.engine.gather(self.network.target, y, part)?;
                    step.loaded = true;
                }
                step.run()?;
            }
        }
        Ok(())
    }

    /// Loss and score on the training rows, and the score on the test rows, with a step's weights.
    ///
    /// # Errors
    /// What cannot be compiled.
    pub fn measure(&self, step: &TrainingStep) -> Result<(Option<Outcome>, Outcome), Error> {
        let mut forward = self.forward(1024)?;
        for (node, _) in &self.weights {
            forward.write(*node, &step.engine.read(*node)?)?;
        }
        let train = self.train.as_ref().map(|part| self.outcome(&mut forward, part)).transpose()?;
        Ok((train, self.outcome(&mut forward, &self.test)?))
    }

    fn forward(&self, rows: usize) -> Result<Engine, Error> {
        let network = &self.network;
        let (outputs, rows) = ([network.output, network.loss], Some((network.batch, rows)));
        let graph = &network.equations.graph;
        let mut engine = Engine::new(graph, &outputs, &[], &HashMap::new(), rows, Precision::F32)?;
        self.begin(&mut engine)?;
        Ok(engine)
    }

    fn outcome(&self, forward: &mut Engine, part: &Part) -> Result<Outcome, Error> {
        let rows: Vec<usize> = (0..part.x.len()).collect();
        let (mut loss, mut right, mut error) = (0.0, 0, 0.0);
        for chunk in rows.chunks(1024) {
            forward.set_rows(chunk.len())?;
            forward.gather(self.network.input, &part.x, chunk)?;
            forward.gather(self.network.target, &part.y, chunk)?;
            forward.step();
            loss += forward.number(self.network.loss)? * chunk.len() as f64;
            let output = forward.read(self.network.output)?;
            for (found, &row) in output.chunks(output.len() / chunk.len()).zip(chunk) {
                let wanted: Vec<f64> = part.y.row(row).collect();
                right += usize::from(largest(found) == largest(&wanted));
                error += found.iter().zip(&wanted).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
            }
        }
        let n = rows.len() as f64;
        let score = if self.classes { right as f64 / n } else { 1.0 - error / spread(&part.y) };
        Ok(Outcome { loss: loss / n, score })
    }

    /// Times single calls of an inference: rows in from memory, the output back in memory. Runs
    /// for the given seconds after a warm-up, at least 50 calls; the times in seconds.
    ///
    /// # Errors
    /// What cannot be compiled.
    pub fn calls(&self, seconds: f64, threads: usize) -> Result<Vec<f64>, Error> {
        let matrix = |(node, value): &(NodeId, Rows)| (*node, value.select(0..value.len()));
        let weights: Vec<(NodeId, Matrix)> = self.weights.iter().map(matrix).collect();
        let predictor = Predictor::<f32>::new(&self.network, &weights, self.batch)?;
        let mut session = predictor.session();
        session.set_threads(threads);
        let (from, to) = predictor.widths();
        let calls = self.test.x.as_f32().chunks_exact(self.batch * from);
        let calls: Vec<&[f32]> = calls.take(64).collect();
        let mut result = vec![0.0f32; self.batch * to];
        let mut times = Vec::new();
        let mut begun: Option<Instant> = None;
        let warm = if self.batch == 1 { 300 } else { 20 };
        for k in 0.. {
            let call = calls[k % calls.len()];
            let start = Instant::now();
            session.run(call, &mut result)?;
            let time = start.elapsed().as_secs_f64();
            match begun {
                None if k >= warm => begun = Some(Instant::now()),
                None => {}
                Some(begun) => {
                    times.push(time);
                    if begun.elapsed().as_secs_f64() >= seconds && times.len() >= 50 {
                        break;
                    }
                }
            }
        }
        Ok(times)
    }
}

/// Channels in, channels out and side of the window of each convolution.
fn kernels(meta: &Value) -> Option<Vec<[usize; 3]>> {
    let each = meta["conv"].as_array().into_iter().flatten().map(|kernel| {
        let number = |k: usize| kernel[k].as_u64().map(|n| n as usize).filter(|&n| n > 0);
        Some([number(0)?, number(1)?, number(2)?])
    });
    each.collect()
}

/// Initial weights: those of convolutions, then those of layers.
fn weights(
    folder: &Path,
    network: &Network,
    kernels: &[[usize; 3]],
) -> Result<Vec<(NodeId, Rows<'static>)>, Error> {
    let mut weights = Vec::new();
    for (k, parameters) in network.equations.parameters().chunks(2).enumerate() {
        let (kind, k) = match k.checked_sub(kernels.len()) {
            Some(k) => ("", k),
            None => ("C", k),
        };
        let path = |letter: &str| folder.join(format!("{kind}{letter}{k}.npy"));
        let Single { dims, rows, cols, data } = npy::read_f32(&path("W"))?;
        let of = |matrix| Rows::of(&matrix, Precision::F32);
        let wide = || data.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let weight = match (&dims[..], kernels.last()) {
            (&[to, from, h, w], _) => of(kernel(&wide(), [to, from, h, w])),
            (_, Some(last)) if kind.is_empty() && k == 0 => {
                of(channel_last(&Matrix::new(rows, cols, wide()), last[1]))
            }
            _ => Rows::single(cols, data),
        };
        let bias = npy::read_f32(&path("b"))?.data;
        let bias = Rows::single(bias.len(), bias);
        weights.extend(parameters.iter().copied().zip([weight, bias]));
    }
    Ok(weights)
}

fn equations(
    layers: &[usize],
    kernels: &[[usize; 3]],
    side: u32,
    hidden: &str,
    output: &str,
) -> Option<String> {
    let inputs = kernels.first().map_or(layers[0], |k| (side * side) as usize * k[0]);
    let mut builder = Network::layers(inputs, layers[layers.len() - 1]).activation(hidden);
    if let Some(first) = kernels.first() {
        builder = builder.picture(side, side, first[0] as u32);
    }
    for &[_, channels, size] in kernels {
        builder = builder.conv2d(channels, size as u32, 1, 0).maxpool(2);
    }
    for &units in &layers[1..layers.len() - 1] {
        builder = builder.dense(units);
    }
    match output {
        "softmax_ce" => Some(builder.loss("cross_entropy").equations()),
        "linear_mse" => Some(builder.loss("mse").equations()),
        "sigmoid_half_sse" => Some(builder.output("sigmoid").loss("half_sse").equations()),
        _ => None,
    }
}

fn rule(name: &str, options: &Value) -> Result<(UpdateRule, Vec<(String, f64)>), Error> {
    let with = |pairs: &[(&str, &str)]| {
        let number = |&(ours, theirs): &(&str, &str)| {
            options[theirs].as_f64().map(|value| (ours.to_string(), value))
        };
        pairs.iter().filter_map(number).collect::<Vec<_>>()
    };
    let momentum = options["momentum"].as_f64().unwrap_or(0.0) > 0.0;
    Ok(match name {
        "sgd" if momentum => {
            (UpdateRule::named("momentum")?, with(&[("η", "lr"), ("μ", "momentum")]))
        }
        "sgd" => (UpdateRule::named("sgd")?, with(&[("η", "lr")])),
        "rprop" => {
            let names = [
                ("Δ₀", "lr"),
                ("η⁺", "eta_plus"),
                ("η⁻", "eta_minus"),
                ("Δmin", "step_min"),
                ("Δmax", "step_max"),
            ];
            (UpdateRule::named("rprop")?, with(&names))
        }
        "adam" => {
            let names = [("η", "lr"), ("β₁", "beta1"), ("β₂", "beta2"), ("ε", "eps")];
            (UpdateRule::named("adam")?, with(&names))
        }
        other => (UpdateRule::named(other)?, with(&[("η", "lr")])),
    })
}

fn one_hot(classes: &[f32], width: usize) -> Vec<f32> {
    let mut rows = vec![0.0; classes.len() * width];
    for (row, &class) in rows.chunks_mut(width).zip(classes) {
        if let Some(entry) = row.get_mut(class as usize) {
            *entry = 1.0;
        }
    }
    rows
}

fn largest(row: &[f64]) -> usize {
    (1..row.len()).fold(0, |best, k| if row[k] > row[best] { k } else { best })
}

/// Σ (y − mean)² over rows and columns.
fn spread(y: &Rows) -> f64 {
    let rows: Vec<Vec<f64>> = (0..y.len()).map(|i| y.row(i).collect()).collect();
    let width = rows.first().map_or(0, Vec::len);
    let column = |c: usize| {
        let mean = rows.iter().map(|row| row[c]).sum::<f64>() / rows.len() as f64;
        rows.iter().map(|row| (row[c] - mean).powi(2)).sum::<f64>()
    };
    (0..width).map(column).sum()
}

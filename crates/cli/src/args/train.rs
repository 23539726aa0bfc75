//! The flags of `train`, which `tune` takes too.

use std::path::PathBuf;

use clap::ValueEnum;

use super::number::{above_zero, finite, from_one, from_zero};

/// Precision of a program.
#[derive(Clone, Copy, Debug, ValueEnum, PartialEq, Eq)]
pub enum Bits {
    /// 32 bits
    F32,
    /// 64 bits
    F64,
}

/// How a class is decided on.
#[derive(Clone, Copy, Debug, ValueEnum, PartialEq, Eq)]
pub enum Decided {
    /// The most probable class
    Probable,
    /// The class of least expected cost
    Cheapest,
}

/// How inputs are scaled.
#[derive(Clone, Copy, Debug, ValueEnum, PartialEq, Eq)]
pub enum Scaled {
    /// Standardize; columns that share one scale, such as pixels, by one deviation for all
    Auto,
    /// Mean 0, deviation 1
    Standardize,
    /// From 0 to 1
    Minmax,
    /// As they are
    None,
}

/// Train a network on a table.
#[derive(clap::Args, Clone, Debug)]
#[command(before_help = "\
Examples:
  matgrad train iris.csv --target class
  matgrad train data.csv --no-header --target 35 --hidden 8,3 --optimizer rprop --batch full -o m.safetensors
  matgrad train houses.csv --target price --optimizer adam --set lr=0.01 --epochs 100 --test-fraction 0.2")]
pub struct Train {
    /// A table: CSV (also .gz), NPY; pictures: a folder of class folders (PNG, JPEG), IDX; Parquet or
    /// Arrow where built in; - is standard input
    pub data: PathBuf,
    /// Target column, by name or number from 1 (repeatable, or a list with commas)
    #[arg(long, required = true)]
    pub target: Vec<String>,
    /// The table has no header
    #[arg(long)]
    pub no_header: bool,
    /// A page of equations
    #[arg(long, conflicts_with = "hidden")]
    pub network: Option<PathBuf>,
    /// A model to go on from: its equations, its weights and what it knows of the columns
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["network", "hidden", "activation",
          "loss", "weight_decay", "l1", "label_smoothing", "standardize", "dropout", "input_noise"])]
    pub start: Option<PathBuf>,
    /// Units of the hidden layers (default: 16; 0 for none)
    #[arg(long, value_delimiter = ',')]
    pub hidden: Vec<usize>,
    /// Activation of the hidden layers (default: relu, where none has less than 32 units, else tanh)
    #[arg(long)]
    pub activation: Option<String>,
    /// Loss (default: cross_entropy for classes, mse for numbers)
    #[arg(long)]
    pub loss: Option<String>,
    /// Weights of the classes in the loss: balanced, cost (from the cost matrix), or a file of
    /// `label,weight` lines
    #[arg(long, value_name = "balanced|cost|FILE")]
    pub class_weight: Option<String>,
    /// Column that weighs the rows in the loss; rows of weight 0 are left out
    #[arg(long, value_name = "COLUMN")]
    pub weight_column: Option<String>,
    /// Costs: a row for each true class, a column for each decision, in the order of the labels or
    /// with the labels as first row and column
    #[arg(long, value_name = "FILE")]
    pub cost_matrix: Option<PathBuf>,
    /// How a class is decided on (default: cheapest, where there are costs and the loss does not
    /// hold them already)
    #[arg(long, value_enum, requires = "cost_matrix", value_name = "HOW")]
    pub decide: Option<Decided>,
    /// Share of the hidden units that each step leaves out
    #[arg(long, default_value_t = 0.0, value_name = "SHARE", conflicts_with = "network")]
    pub dropout: f64,
    /// Deviation of the normal noise that each step adds to the scaled inputs
    #[arg(long, default_value_t = 0.0, value_name = "DEVIATION", conflicts_with = "network")]
    pub input_noise: f64,
    /// ε of the targets (1 − ε) Y + ε / K
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub label_smoothing: f64,
    /// λ of the term λ/2 Σ W² of the objective of layers (default: 0.001)
    #[arg(long, value_parser = from_zero)]
    pub weight_decay: Option<f64>,
    /// λ of the term λ Σ |W| of the objective of layers
    #[arg(long, value_parser = from_zero, default_value_t = 0.0, conflicts_with = "network")]
    pub l1: f64,
    /// λ of W ← W − η λ W beside the update rule, whatever the rule
    #[arg(long, value_parser = from_zero, default_value_t = 0.0)]
    pub decoupled_weight_decay: f64,
    /// Largest norm of the weights into one unit
    #[arg(long, value_parser = above_zero, value_name = "NORM")]
    pub max_norm: Option<f64>,
    /// Update rule, a name or a file.eq, or a solver, which takes all rows: lbfgs, scg, lm (default:
    /// rprop for full batches, else adam)
    #[arg(long)]
    pub optimizer: Option<String>,
    /// Hyperparameter, such as lr=0.01 (repeatable; adam's lr without it: 0.3/√n for n weights, but
    /// from 0.001 to 0.01)
    #[arg(long = "set", value_name = "NAME=NUMBER")]
    pub set: Vec<String>,
    /// Times over the training rows (default: those of 20,000 steps, but from 10 to 300)
    #[arg(long)]
    pub epochs: Option<usize>,
    /// Rows a step, or full (default: 32)
    #[arg(long)]
    pub batch: Option<String>,
    /// Of weights, split and order
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Most threads of a step, no more than 4 a core, or 16; they change no bit of the result
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// A table to test on
    #[arg(long, conflicts_with = "test_fraction")]
    pub test: Option<PathBuf>,
    /// Share of the rows to test on
    #[arg(long)]
    pub test_fraction: Option<f64>,
    /// Train and test so many times, each fold of the rows tested once; classes keep their shares
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(2..),
          conflicts_with_all = ["test", "test_fraction", "output", "log", "report", "tensorboard"])]
    pub folds: Option<u16>,
    /// Share of the training rows to validate on
    #[arg(long)]
    pub validation_fraction: Option<f64>,
    /// Stop after so many epochs in which the validation rows show nothing better
    #[arg(long, requires = "validation_fraction")]
    pub patience: Option<usize>,
    /// By how much the metric must be better to count
    #[arg(long, value_parser = from_zero, default_value_t = 0.0, requires = "validation_fraction")]
    pub min_improvement: f64,
    /// Metric of the validation rows that decides which weights are the best, such as accuracy
    #[arg(long, default_value = "loss", value_name = "METRIC", requires = "validation_fraction")]
    pub stop_metric: String,
    /// Stop when the validation loss is so many percent above its lowest (Prechelt's GL, each 5
    /// epochs)
    #[arg(long, value_parser = from_zero, value_name = "PERCENT", requires = "validation_fraction")]
    pub generalization_loss: Option<f64>,
    /// Stop when the mean training loss of 5 epochs is less than so many thousandths above the
    /// lowest of them (Prechelt's P5)
    #[arg(long, value_parser = from_zero, value_name = "THOUSANDTHS")]
    pub progress: Option<f64>,
    /// Stop when an epoch ends after so many seconds
    #[arg(long, value_parser = from_zero, value_name = "SECONDS")]
    pub time_limit: Option<f64>,
    /// Stop when the loss (the validation loss, where there is one) is at most this
    #[arg(long, value_parser = finite, value_name = "LOSS")]
    pub target_loss: Option<f64>,
    /// Of the learning rate: constant, step:EVERY:FACTOR, exponential:FACTOR, cosine,
    /// inverse:DECAY, plateau:PATIENCE:FACTOR (default: cosine, where neither --epochs nor a full
    /// batch is asked for, else constant)
    #[arg(long)]
    pub schedule: Option<String>,
    /// Epochs over which the learning rate rises to its full size
    #[arg(long, default_value_t = 0, value_name = "EPOCHS")]
    pub warmup: usize,
    /// Largest entry of a gradient
    #[arg(long, value_name = "SIZE", conflicts_with = "clip_norm")]
    pub clip_value: Option<f64>,
    /// Largest norm of all gradients together
    #[arg(long, value_name = "NORM")]
    pub clip_norm: Option<f64>,
    /// Scaling of the inputs, fitted on the training rows
    #[arg(long, value_enum, default_value = "auto", value_name = "HOW")]
    pub standardize: Scaled,
    /// Inside the program
    #[arg(long, value_enum, default_value = "f32")]
    pub precision: Bits,
    /// Of the memory: a table, and its encoded rows, that are larger are kept on the disk
    #[arg(long, default_value_t = crate::tables::SHARE, value_name = "SHARE")]
    pub memory_share: f64,
    /// Folder for them, on a disk (default: $TMPDIR, or /var/tmp)
    #[arg(long, value_name = "FOLDER")]
    pub scratch: Option<PathBuf>,
    /// Where to write the model; - is standard output, and metrics are talk then
    #[arg(short, long)]
    pub output: Option<PathBuf>,
    /// Write the model, from which training can go on, after each so many epochs
    #[arg(long, value_parser = from_one, value_name = "EPOCHS", requires = "output")]
    pub checkpoint_every: Option<usize>,
    /// Go on from the checkpoint in the output, where there is one; give the other flags again
    #[arg(long, requires = "output")]
    pub resume: bool,
    /// Write a page about the model: card, metrics beside baselines, charts, equations
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Measure beside it what needs no network: logistic or ridge regression, and the majority class
    /// or the mean (a report has them always)
    #[arg(long)]
    pub baselines: bool,
    /// Write the course of training for TensorBoard
    #[arg(long, value_name = "FOLDER")]
    pub tensorboard: Option<PathBuf>,
    /// An epoch a line, as JSON
    #[arg(long)]
    pub log: Option<PathBuf>,
    /// Overwrite files
    #[arg(long)]
    pub force: bool,
}

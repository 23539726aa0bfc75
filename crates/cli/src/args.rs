//! What the command line takes. One item a flag: parser, help and completions come from it.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Backpropagation in matrix form, from the equation to the trained model.
#[derive(Parser)]
#[command(
    name = "matgrad",
    version,
    max_term_width = 100,
    before_help = "\
Examples:
  matgrad derive net.eq                                   the gradients, as equations
  matgrad derive -e \"norm2(X*w - y)^2\" --wrt w            of one expression
  matgrad train iris.csv --target class -o iris.model     a table in, a model out
  matgrad predict iris.model new.csv                      labels for new rows"
)]
pub struct Arguments {
    /// One JSON value on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// Nothing on standard error but errors
    #[arg(long, global = true)]
    pub quiet: bool,
    /// Colour of messages
    #[arg(long, global = true, value_enum, default_value = "auto")]
    pub color: Color,
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

/// When to colour.
#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
pub enum Color {
    /// On terminals, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How equations are printed.
#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
pub enum Format {
    /// As in the textbooks
    Unicode,
    /// Without signs beyond ASCII
    Ascii,
    /// For TeX, with amsmath and amssymb
    Latex,
    /// For web pages
    Mathml,
    /// A Python module
    Numpy,
    /// A Julia file
    Julia,
    /// One JSON value
    Json,
    /// Short for --form index
    Index,
    /// Short for --form vec
    Vec,
}

/// What a derivation is written as.
#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
pub enum Form {
    /// Matrix equations
    Matrix,
    /// Entry by entry, with sums and indices
    Index,
    /// Each layer's Jacobian, transposed, times the gradient after it
    Vec,
    /// The proof by differentials, a law a line
    Differential,
    /// What goes back through convolutions, by fold and as the full convolution with the flipped
    /// kernel
    Convolution,
}

/// A stage to print.
#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
pub enum Stage {
    /// The page, in canonical form
    Equations,
    /// The nodes of the graph
    Graph,
    /// The derived equations
    Gradients,
    /// The program of a training step
    Plan,
    /// Operations and bytes of each equation, beside those of explicit Jacobians
    Cost,
    /// An update rule of the library
    Optimizer,
}

/// The verbs.
#[derive(Subcommand)]
pub enum Verb {
    /// Print the gradients of a page or an expression
    #[command(
        before_help = "Examples:\n  matgrad derive net.eq\n  matgrad derive net.eq --format latex\n  matgrad derive net.eq --rolled\n  matgrad derive net.eq --form differential\n  matgrad derive -e \"x'*A*x\" --wrt x --steps"
    )]
    Derive {
        /// A page of equations, or -
        file: Option<PathBuf>,
        /// One expression instead
        #[arg(short, long, conflicts_with = "file", allow_hyphen_values = true)]
        expression: Option<String>,
        /// With respect to this name (repeatable; default: all parameters)
        #[arg(long)]
        wrt: Vec<String>,
        /// How to print
        #[arg(long, value_enum, default_value = "unicode")]
        format: Format,
        /// As what: all but matrix equations are text, LaTeX, MathML or JSON
        #[arg(long, value_enum, default_value = "matrix")]
        form: Form,
        /// Equal layers as one recurrence with a layer index, and its proof by induction
        #[arg(long, conflicts_with = "form")]
        rolled: bool,
        /// Also print the proof, rule by rule
        #[arg(long)]
        steps: bool,
        /// Print this Jacobian instead, in block form, and its product; OUT may be a gradient:
        /// d_W:W is the Hessian
        #[arg(long, value_name = "OUT:IN", conflicts_with_all = ["steps", "wrt", "form", "rolled"])]
        jacobian: Option<String>,
    },
    /// Print a stage
    #[command(
        before_help = "Examples:\n  matgrad show equations net.eq\n  matgrad show cost net.eq\n  matgrad show optimizer adam"
    )]
    Show {
        /// Which
        #[arg(value_enum)]
        stage: Stage,
        /// A page of equations, or the name of an update rule
        what: String,
    },
    /// Check gradients, the proof and adjoints against numbers, and the program against the meaning
    #[command(
        before_help = "Examples:\n  matgrad check net.eq\n  matgrad check iris.model --json\n  matgrad check net.eq --samples 5 --certificate net.json"
    )]
    Check {
        /// A page of equations or a model
        file: PathBuf,
        /// Of the sampled values
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Largest relative difference
        #[arg(long, default_value_t = 1e-7)]
        tolerance: f64,
        /// How many seeds, each with shapes and values of its own
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
        samples: u64,
        /// Compare along so many random directions instead of entry by entry (default: entry by
        /// entry, up to 5000 entries)
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
        directions: Option<u16>,
        /// Write all that was checked, as JSON
        #[arg(long, value_name = "FILE.json")]
        certificate: Option<PathBuf>,
        /// Overwrite the certificate
        #[arg(long)]
        force: bool,
    },
    /// Evaluate a page on given arrays
    #[command(
        before_help = "Example:\n  matgrad compute net.eq --set X=x.npy --set Y=y.npy --gradients --out results"
    )]
    Compute {
        /// A page of equations
        file: PathBuf,
        /// NAME=FILE.npy or NAME=NUMBER
        #[arg(long = "set", value_name = "NAME=VALUE")]
        set: Vec<String>,
        /// Gradients too
        #[arg(long)]
        gradients: bool,
        /// The numbers of a Jacobian, as J_OUT_IN.npy (repeatable); d_W:W is the Hessian
        #[arg(long, value_name = "OUT:IN")]
        jacobian: Vec<String>,
        /// Inside the program
        #[arg(long, value_enum, default_value = "f64")]
        precision: Bits,
        /// Folder for one .npy a value
        #[arg(long, default_value = ".")]
        out: PathBuf,
        /// Overwrite files
        #[arg(long)]
        force: bool,
    },
    /// Train a network on a table
    Train(Box<Train>),
    /// Search for good settings, then train the best of them
    Tune(Box<crate::tune::Tune>),
    /// Metrics of a model on a table
    #[command(before_help = "Example:\n  matgrad evaluate iris.model iris.csv --json")]
    Evaluate {
        /// A model
        model: PathBuf,
        /// A table with the target
        data: PathBuf,
        /// Write a page about it
        #[arg(long, value_name = "FILE.html")]
        report: Option<PathBuf>,
        /// Overwrite the page
        #[arg(long)]
        force: bool,
    },
    /// Predictions of a model for a table, as CSV
    #[command(
        before_help = "Examples:\n  matgrad predict iris.model new.csv\n  matgrad predict iris.model new.csv --proba -o predictions.csv"
    )]
    Predict {
        /// A model
        model: PathBuf,
        /// A table
        data: PathBuf,
        /// Where to write (default: standard output)
        #[arg(short, long)]
        output: Option<PathBuf>,
        /// Probabilities of the classes too
        #[arg(long)]
        proba: bool,
        /// Overwrite the output
        #[arg(long)]
        force: bool,
    },
    /// Every number of one example: forward, backward, update
    Explain(Box<Explain>),
    /// Time a stored workload; prints one JSON line
    #[command(before_help = "Example:\n  matgrad bench workloads/mnist-like/seed0 --threads 2")]
    Bench {
        /// A folder with meta.json, weights and orders; or a name, looked for in $BENCH_DATA/work
        workload: PathBuf,
        /// Most threads of a step
        #[arg(long, default_value_t = 1)]
        threads: usize,
        /// Which initial weights and orders, where the folder has several
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// How long calls of an inference are timed
        #[arg(long, default_value_t = 1.0)]
        seconds: f64,
        /// Also time each instruction of a step
        #[arg(long)]
        profile: bool,
    },
    /// Write a model for other programs
    Export(crate::exchange::Export),
    /// Make a model of an ONNX graph
    Import(crate::exchange::Import),
    /// A page in the browser: equations, gradients, matrices and training, on this machine alone
    #[command(
        before_help = "Examples:\n  matgrad studio                     the worked example\n  matgrad studio net.eq iris.csv\n  matgrad studio iris.csv            with a page of layers"
    )]
    Studio {
        /// A page of equations, a table, or both in this order
        #[arg(num_args = 0..=2, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Where to listen; port 0 is any that is free
        #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS:PORT")]
        listen: std::net::SocketAddr,
    },
    /// Print a page in canonical form
    #[command(before_help = "Examples:\n  matgrad fmt net.eq\n  cat net.eq | matgrad fmt -")]
    Fmt {
        /// A page of equations, or -
        file: PathBuf,
    },
    /// Manual pages: one to standard output, or one for each verb into a folder
    #[command(before_help = "Examples:\n  matgrad man | man -l -\n  matgrad man man1")]
    Man {
        /// Folder for matgrad.1 and one file for each verb
        folder: Option<PathBuf>,
        /// Overwrite files
        #[arg(long)]
        force: bool,
    },
    /// Completions for a shell
    #[command(before_help = "Example:\n  matgrad completions bash > matgrad.bash")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// How an explanation is printed.
#[derive(Clone, Copy, ValueEnum, PartialEq, Eq)]
pub enum Shown {
    /// Lines
    Text,
    /// A page that needs nothing else
    Html,
    /// A document on amsmath
    Latex,
    /// An array
    Json,
}

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
    /// Target column, by name or number from 1 (repeatable)
    #[arg(long, required = true, value_delimiter = ',')]
    pub target: Vec<String>,
    /// The table has no header
    #[arg(long)]
    pub no_header: bool,
    /// A page of equations
    #[arg(long, conflicts_with = "hidden")]
    pub network: Option<PathBuf>,
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
    /// ε of the targets (1 − ε) Y + ε / K
    #[arg(long, default_value_t = 0.0, value_name = "SHARE")]
    pub label_smoothing: f64,
    /// λ of the term λ/2 Σ W² of the objective of layers (default: 0.001)
    #[arg(long)]
    pub weight_decay: Option<f64>,
    /// λ of the term λ Σ |W| of the objective of layers
    #[arg(long, default_value_t = 0.0, conflicts_with = "network")]
    pub l1: f64,
    /// λ of W ← W − η λ W beside the update rule, whatever the rule
    #[arg(long, default_value_t = 0.0)]
    pub decoupled_weight_decay: f64,
    /// Largest norm of the weights into one unit
    #[arg(long, value_name = "NORM")]
    pub max_norm: Option<f64>,
    /// Update rule, a name or a file.eq, or a solver: lbfgs, scg, lm (default: rprop for full
    /// batches, else adam)
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
    /// Most threads of a step; they change no bit of the result
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
    #[arg(long, default_value_t = 0.0, requires = "validation_fraction")]
    pub min_improvement: f64,
    /// Metric of the validation rows that decides which weights are the best, such as accuracy
    #[arg(long, default_value = "loss", value_name = "METRIC", requires = "validation_fraction")]
    pub stop_metric: String,
    /// Stop when the validation loss is so many percent above its lowest (Prechelt's GL, each 5
    /// epochs)
    #[arg(long, value_name = "PERCENT", requires = "validation_fraction")]
    pub generalization_loss: Option<f64>,
    /// Stop when the mean training loss of 5 epochs is less than so many thousandths above the
    /// lowest of them (Prechelt's P5)
    #[arg(long, value_name = "THOUSANDTHS")]
    pub progress: Option<f64>,
    /// Stop when an epoch ends after so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub time_limit: Option<f64>,
    /// Stop when the loss (the validation loss, where there is one) is at most this
    #[arg(long, value_name = "LOSS")]
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
    /// Where to write the model
    #[arg(short, long)]
    pub output: Option<PathBuf>,
    /// Write the model, from which training can go on, after each so many epochs
    #[arg(long, value_name = "EPOCHS", requires = "output")]
    pub checkpoint_every: Option<usize>,
    /// Go on from the checkpoint in the output, where there is one; give the other flags again
    #[arg(long, requires = "output")]
    pub resume: bool,
    /// Write a page about the model: card, metrics beside baselines, charts, equations
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
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

/// Every number of one example.
#[derive(clap::Args)]
#[command(
    before_help = "Examples:\n  matgrad explain iris.model iris.csv --row 3\n  matgrad explain iris.model iris.csv --row 3 --contributions\n  matgrad explain net.eq row.csv --entry \"d_W1[2,1]\" --digits 6\n  matgrad explain net.eq row.csv --format latex"
)]
pub struct Explain {
    /// A model, or a page of equations
    pub model: PathBuf,
    /// A table
    pub data: PathBuf,
    /// Row of the table, from 1 (repeatable: a small batch)
    #[arg(short = 'e', long, default_value = "1", value_delimiter = ',')]
    pub row: Vec<usize>,
    /// Why this entry is what it is, such as d_W1[3,2] (repeatable)
    #[arg(long, value_name = "NAME[ROW,COLUMN]")]
    pub entry: Vec<String>,
    /// What each input contributes to the decision on each row
    #[arg(long)]
    pub contributions: bool,
    /// Digits after the point
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u8).range(1..=17))]
    pub digits: u8,
    /// Target columns, for a page of equations
    #[arg(long)]
    pub target: Vec<String>,
    /// The table has no header
    #[arg(long)]
    pub no_header: bool,
    /// Learning rate of the update that is shown
    #[arg(long, default_value_t = 0.5)]
    pub lr: f64,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: Shown,
}

//! What the command line takes. One item a flag: parser, help and completions come from it.

use std::path::PathBuf;

use self::train::{Bits, Train};
use clap::builder::{NonEmptyStringValueParser, TypedValueParser};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

pub mod number;
pub mod train;

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

/// The definitions: every flag with a value takes a negative number for one, so that what it says of
/// numbers is said of those too.
pub fn command() -> clap::Command {
    let negative = |arg: clap::Arg| match arg.get_action().takes_values() {
        true => arg.allow_negative_numbers(true),
        false => arg,
    };
    Arguments::command().mut_subcommands(|verb| verb.mut_args(negative))
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
    /// An update rule or a solver
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
        /// A page of equations, a model, or -
        file: Option<PathBuf>,
        /// One expression instead
        #[arg(short, long, conflicts_with = "file", allow_hyphen_values = true)]
        expression: Option<String>,
        /// With respect to this name (repeatable, or several with commas; default: all parameters)
        #[arg(long, value_name = "NAME", value_delimiter = ',',
              value_parser = NonEmptyStringValueParser::new().map(|name| name.trim().to_string()))]
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
        /// Also print the proof, rule by rule, as text or JSON
        #[arg(long)]
        steps: bool,
        /// Print this Jacobian instead, in block form, and its product, as text or JSON; OUT may be a
        /// gradient: d_W:W is the Hessian
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
        /// A page of equations, a model, or an update rule: its page, its name, or that of a solver
        what: String,
    },
    /// Check gradients, the proof and adjoints against numbers, and the program against the meaning
    #[command(
        before_help = "Examples:\n  matgrad check net.eq\n  matgrad check iris.model --json\n  matgrad check net.eq --samples 5 --certificate net.json"
    )]
    Check {
        /// A page of equations or a model, or -
        file: PathBuf,
        /// Of the sampled values
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Largest relative difference
        #[arg(long, default_value_t = 1e-7, value_parser = number::from_zero)]
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
        /// NAME=FILE.npy or NAME=NUMBER; a file may be -
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
        /// A model, or -
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
        /// A model, or -
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
        /// Most threads of a step; no more than 4 a core, or 16
        #[arg(long, default_value_t = 1)]
        threads: usize,
        /// Which initial weights and orders, where the folder has several
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// How long calls of an inference are timed
        #[arg(long, default_value_t = 1.0, value_parser = number::from_zero)]
        seconds: f64,
        /// Also time each instruction of a step
        #[arg(long)]
        profile: bool,
    },
    /// Write a model for other programs
    Export(crate::exchange::Export),
    /// Make a model of an ONNX graph, or of a page of equations and weights by name
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

/// Every number of one example.
#[derive(clap::Args)]
#[command(
    before_help = "Examples:\n  matgrad explain iris.model iris.csv --row 3\n  matgrad explain iris.model iris.csv --row 3 --contributions\n  matgrad explain net.eq row.csv --entry \"d_W1[2,1]\" --digits 6\n  matgrad explain net.eq row.csv --format latex"
)]
pub struct Explain {
    /// A model, or a page of equations, or -
    pub model: PathBuf,
    /// A table
    pub data: PathBuf,
    /// Row of the table, from 1 (repeatable: a small batch)
    #[arg(long, default_value = "1", value_delimiter = ',')]
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
    #[arg(long, default_value_t = 0.5, value_parser = number::from_zero)]
    pub lr: f64,
    /// How to print
    #[arg(long, value_enum, default_value = "text")]
    pub format: Shown,
}

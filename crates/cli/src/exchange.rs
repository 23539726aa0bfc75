//! The verbs that exchange models with other programs: export, import.

use std::path::{Path, PathBuf};

use matgrad::calculus::derive;
use matgrad::expr::program::{self, numpy::NUMPY};
use matgrad::weights::{self, Layout};
use matgrad::{Method, Model, Network, UpdateRule};
use matgrad_codegen::{Language, Real, Source, Style, columns, inference, training};
use serde_json::{Value, json};

use crate::input::read_bytes;
use crate::output::{is_stream, no_stream, outputs};
use crate::prepare::known_function;
use crate::train::keep;
use crate::{Failure, Talk, input, may_write, output, read_text, say};

/// Write a model for other programs.
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  matgrad export iris.model --onnx iris.onnx      the table's preparation included
  matgrad export iris.model --numpy iris.py       the equations and their gradients
  matgrad export iris.model --c iris              iris.h and iris.c: C99, static memory
  matgrad export iris.model --rust iris --training --rows 32
                                                  a training step, as a crate without std")]
pub struct Export {
    /// A model, or -
    model: PathBuf,
    #[command(flatten)]
    to: To,
    /// In generated code: one training step in 64 bits instead of the forward pass in 32
    #[arg(long, conflicts_with_all = ["onnx", "numpy"])]
    training: bool,
    /// In generated code: the most rows of a batch
    #[arg(long, default_value_t = 1, conflicts_with_all = ["onnx", "numpy"])]
    rows: usize,
    /// Overwrite files
    #[arg(long)]
    force: bool,
}

/// As what.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct To {
    /// An ONNX graph from the table to the prediction
    #[arg(long, value_name = "FILE")]
    onnx: Option<PathBuf>,
    /// A NumPy module: objective and gradients of given arrays
    #[arg(long, value_name = "FILE")]
    numpy: Option<PathBuf>,
    /// NAME.h and NAME.c, NAME that of the folder: C99, static memory, no allocation
    #[arg(long, value_name = "FOLDER")]
    c: Option<PathBuf>,
    /// A Rust crate without std and without dependencies
    #[arg(long, value_name = "FOLDER")]
    rust: Option<PathBuf>,
}

/// Make a model of an ONNX graph, or of a page of equations and weights by name.
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  matgrad import mnist-8.onnx --loss cross_entropy -o mnist.model
  matgrad import net.safetensors --network net.eq --layout pytorch --map names.txt -o net.model
  matgrad import net.npz --network net.eq --map W1=fc1/kernel --map b1=fc1/bias -o net.model")]
pub struct Import {
    /// An ONNX file; with --network, weights as .safetensors or .npz
    file: PathBuf,
    /// The page of equations that the weights are for
    #[arg(long, value_name = "FILE.eq", conflicts_with = "loss")]
    network: Option<PathBuf>,
    /// Which tensor of the file a parameter takes, or a file of such lines (repeatable; default:
    /// that of its own name)
    #[arg(long, value_name = "OURS=THEIRS|FILE", requires = "network")]
    map: Vec<String>,
    /// How the file has its matrices, where their shapes leave it open
    #[arg(long, value_enum, requires = "network")]
    layout: Option<Laid>,
    /// For training on (default: cross entropy after a softmax or sigmoid, else mse)
    #[arg(long)]
    loss: Option<String>,
    /// Where to write the model
    #[arg(short, long)]
    output: PathBuf,
    /// Overwrite the output
    #[arg(long)]
    force: bool,
}

/// Whose way of laying out weights.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Laid {
    /// Matrices out × in, kernels out × in × height × width, flattened pictures channel first
    Pytorch,
    /// Matrices in × out, kernels height × width × in × out, flattened pictures channel last
    Keras,
}

/// Writes a model in the form that is asked for.
pub fn export(args: &Export, talk: &Talk) -> Result<(), Failure> {
    let To { onnx, numpy, c, rust } = &args.to;
    no_stream("--c", c.as_deref(), "a folder")?;
    no_stream("--rust", rust.as_deref(), "a folder")?;
    let files = [("--onnx", onnx.as_deref()), ("--numpy", numpy.as_deref())];
    let talk = &outputs(&files, args.force, talk)?;
    let model = input::model(&args.model)?;
    if let Some(path) = onnx {
        let graph = matgrad_onnx::export(&model).map_err(Failure::input)?;
        let bytes = matgrad_onnx::export::bytes(&graph);
        output::write(path, &bytes)?;
        report(talk, path, bytes.len())?;
    }
    if let Some(path) = numpy {
        let network = &model.network;
        let equations = &network.equations;
        let parameters = equations.parameters();
        let derived = derive(&equations.graph, network.objective, &parameters);
        let derived = derived.map_err(Failure::input)?;
        let text = program::module(&NUMPY, &derived.graph, derived.objective, &derived.gradients);
        output::write(path, text.as_bytes())?;
        report(talk, path, text.len())?;
    }
    for (folder, language) in [(c, Language::C), (rust, Language::Rust)] {
        if let Some(folder) = folder {
            generate(&model, language, folder, args, talk)?;
        }
    }
    Ok(())
}

/// Writes the files of generated code and says how large they are.
fn generate(
    model: &Model,
    language: Language,
    folder: &Path,
    args: &Export,
    talk: &Talk,
) -> Result<(), Failure> {
    let name = folder.file_name().and_then(|n| n.to_str()).unwrap_or_default().replace('-', "_");
    let notes = columns(&model.encoder);
    let real = if args.training { Real::F64 } else { Real::F32 };
    let style = Style { language, real, name: &name, notes: &notes };
    let (network, weights, rows) = (&model.network, &model.weights, args.rows.max(1));
    let source = if args.training {
        let (rule, settings) = rule(model)?;
        training(network, weights, rows, (&rule, &settings), &style)
    } else {
        inference(network, weights, rows, &style)
    };
    let Source { files, memory, constants } = source.map_err(Failure::input)?;
    let paths: Vec<PathBuf> = files.iter().map(|(file, _)| folder.join(file)).collect();
    for path in &paths {
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(|e| Failure::unwritten(parent, e))?;
        may_write(path, args.force)?;
    }
    for (path, (_, text)) in paths.iter().zip(&files) {
        output::write(path, text.as_bytes())?;
        if !talk.json {
            report(talk, path, text.len())?;
        }
    }
    if talk.json {
        let each = paths.iter().zip(&files);
        let files = each.map(|(path, (_, text))| json!({"file": path, "bytes": text.len()}));
        let files: Vec<Value> = files.collect();
        return say(format!(
            "{}\n",
            json!({"files": files, "memory": memory, "constants": constants})
        ));
    }
    say(format!("{memory} bytes of memory, {constants} bytes of constants\n"))
}

/// The update rule that the model was trained by, with its settings.
fn rule(model: &Model) -> Result<(UpdateRule, Vec<(String, f64)>), Failure> {
    let Some(training) = &model.training else {
        return Err(Failure::input(
            "the model does not say by which update rule it was trained; train it on before, with \
             `matgrad train DATA --target … --start MODEL -o NEW`, and export that",
        ));
    };
    if Method::named(&training.rule).is_ok() {
        return Err(Failure::input(format!(
            "the model was trained by {}, which searches and is no step; train it by an update rule",
            training.rule
        )));
    }
    Ok((UpdateRule::parse("the model's rule", &training.rule)?, training.settings.clone()))
}

/// Reads a graph or weights and writes the model.
pub fn import(args: &Import, talk: &Talk) -> Result<(), Failure> {
    input::read_once(&[("FILE", Some(&args.file)), ("--network", args.network.as_deref())])?;
    let talk = &outputs(&[("--output", Some(&args.output))], args.force, talk)?;
    let model = match &args.network {
        Some(page) => named(args, page, talk)?,
        None => graph(args)?,
    };
    keep(&model, &args.output)?;
    if talk.json {
        let network = &model.network.source;
        return say(format!("{}\n", json!({"equations": network})));
    }
    talk.say(&model.network.source)
}

/// A page with the weights of a file.
fn named(args: &Import, page: &Path, talk: &Talk) -> Result<Model, Failure> {
    let network = Network::parse(&page.display().to_string(), &read_text(page)?)?;
    let layout = args.layout.map(|laid| match laid {
        Laid::Pytorch => Layout::OutFirst,
        Laid::Keras => Layout::InFirst,
    });
    let tensors = weights::read(&args.file)?;
    let found = weights::named(&network, &tensors, &pairs(&args.map)?, layout)
        .map_err(|e| Failure::input(format!("{}: {e}", args.file.display())))?;
    if !found.unused.is_empty() {
        talk.warn(format!("not used of {}: {}", args.file.display(), found.unused.join(", ")));
    }
    Ok(Model::plain(network, found.weights)?)
}

/// The pairs of `--map`: each OURS=THEIRS, or a file of such lines.
fn pairs(given: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let mut lines = Vec::new();
    for one in given {
        match one.contains('=') {
            true => lines.push((format!("--map {one}"), one.clone())),
            false => {
                let text = read_text(Path::new(one))?;
                let numbered = text.lines().enumerate();
                lines.extend(numbered.map(|(k, line)| (format!("{one}:{}", k + 1), line.into())));
            }
        }
    }
    let mut pairs = Vec::new();
    for (place, line) in lines {
        let line = line.split('#').next().unwrap_or("").trim();
        match line.split_once('=') {
            Some((ours, theirs)) => pairs.push((ours.trim().into(), theirs.trim().into())),
            None if line.is_empty() => {}
            None => return Err(Failure::input(format!("{place}: write OURS=THEIRS"))),
        }
    }
    Ok(pairs)
}

fn graph(args: &Import) -> Result<Model, Failure> {
    let bytes = read_bytes(&args.file)?;
    args.loss.iter().try_for_each(|name| known_function("--loss", name))?;
    let folder = args.file.parent().filter(|p| !p.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let model = matgrad_onnx::import(&bytes, Some(folder), args.loss.as_deref());
    model.map_err(|e| Failure::input(format!("{}: {e}", args.file.display())))
}

fn report(talk: &Talk, path: &Path, bytes: usize) -> Result<(), Failure> {
    match talk.json {
        true => say(format!("{}\n", json!({"file": path.display().to_string(), "bytes": bytes}))),
        false if is_stream(path) => Ok(()),
        false => say(format!("{} ({bytes} bytes)\n", path.display())),
    }
}

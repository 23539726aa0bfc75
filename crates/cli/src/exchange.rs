//! The verbs that exchange models with other programs: export, import.

use std::path::{Path, PathBuf};

use matgrad::calculus::derive;
use matgrad::expr::numpy;
use matgrad::library::standard;
use matgrad::{Model, write_atomically};

use crate::{Failure, Talk, may_write, say};

/// Write a model for other programs.
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  matgrad export iris.model --onnx iris.onnx      the table's preparation included
  matgrad export iris.model --numpy iris.py       the equations and their gradients")]
pub struct Export {
    /// A model
    model: PathBuf,
    #[command(flatten)]
    to: To,
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
}

/// Make a model of an ONNX graph.
#[derive(clap::Args)]
#[command(before_help = "\
Example:
  matgrad import mnist-8.onnx --loss cross_entropy -o mnist.model")]
pub struct Import {
    /// An ONNX file
    file: PathBuf,
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

fn write(path: &Path, force: bool, bytes: &[u8]) -> Result<(), Failure> {
    may_write(path, force)?;
    Ok(write_atomically(path, bytes)?)
}

/// Writes a model in the form that is asked for.
pub fn export(args: &Export, talk: &Talk) -> Result<(), Failure> {
    let model = Model::load(&args.model)?;
    if let Some(path) = &args.to.onnx {
        let graph = matgrad_onnx::export(&model).map_err(Failure::input)?;
        let bytes = matgrad_onnx::export::bytes(&graph);
        write(path, args.force, &bytes)?;
        report(talk, path, bytes.len())?;
    }
    if let Some(path) = &args.to.numpy {
        let network = &model.network;
        let equations = &network.equations;
        let parameters = equations.parameters();
        let derived = derive(&equations.graph, network.objective, &parameters, standard());
        let derived = derived.map_err(Failure::input)?;
        let text = numpy::module(&derived.graph, derived.objective, &derived.gradients);
        write(path, args.force, text.as_bytes())?;
        report(talk, path, text.len())?;
    }
    Ok(())
}

/// Reads a graph and writes the model.
pub fn import(args: &Import, talk: &Talk) -> Result<(), Failure> {
    may_write(&args.output, args.force)?;
    let cannot =
        |e: std::io::Error| Failure::input(format!("{} cannot be read: {e}", args.file.display()));
    let bytes = std::fs::read(&args.file).map_err(cannot)?;
    if let Some(loss) = args.loss.as_ref().filter(|l| !standard().names.contains(l.as_str())) {
        return Err(Failure::input(format!("there is no function {loss}")));
    }
    let folder = args.file.parent().filter(|p| !p.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let model = matgrad_onnx::import(&bytes, Some(folder), args.loss.as_deref());
    let model = model.map_err(|e| Failure::input(format!("{}: {e}", args.file.display())))?;
    model.save(&args.output)?;
    if talk.json {
        let network = &model.network.source;
        return say(format!("{}\n", serde_json::json!({"equations": network})));
    }
    say(&model.network.source)
}

fn report(talk: &Talk, path: &Path, bytes: usize) -> Result<(), Failure> {
    match talk.json {
        true => say(format!(
            "{}\n",
            serde_json::json!({"file": path.display().to_string(), "bytes": bytes})
        )),
        false => say(format!("{} ({bytes} bytes)\n", path.display())),
    }
}

//! The command line of matgrad: data to standard output, talk to standard error.
//!
//! A library of one function, so that `python -m matgrad` is the same program as the binary.

mod args;
mod baselines;
mod bench;
mod costs;
mod encoded;
mod equations;
mod exchange;
mod folds;
mod forms;
mod prepare;
mod report;
mod studio;
mod tables;
mod train;
mod tune;

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{IsTerminal, Read, Write};
use std::path::Path;

use args::{Arguments, Color, Verb};
use clap::{CommandFactory, Parser};

/// Why a verb did not do what it was asked, with the exit code.
pub(crate) struct Failure {
    /// As promised: 1 running, 2 usage, 3 input, 4 a check.
    pub code: u8,
    /// What is said.
    pub message: String,
}

impl Failure {
    /// A wrong input.
    pub fn input(message: impl Display) -> Failure {
        Failure { code: 3, message: message.to_string() }
    }
}

impl From<matgrad::Error> for Failure {
    fn from(error: matgrad::Error) -> Failure {
        let code = if matches!(error, matgrad::Error::Run(_)) { 1 } else { 3 };
        Failure { code, message: error.to_string() }
    }
}

impl From<matgrad::data::Error> for Failure {
    fn from(error: matgrad::data::Error) -> Failure {
        Failure::input(error)
    }
}

/// What all verbs share.
pub(crate) struct Talk {
    /// JSON on standard output.
    pub json: bool,
    /// No talk.
    pub quiet: bool,
}

/// Does what these arguments ask, the first of which is the program's name; the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            error.print().ok();
            return if error.use_stderr() { 2 } else { 0 };
        }
    };
    let color = match arguments.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::env::var_os("NO_COLOR").is_none() && std::io::stderr().is_terminal(),
    };
    let talk = Talk { json: arguments.json, quiet: arguments.quiet };
    match run(arguments.verb, &talk) {
        Ok(()) => 0,
        Err(failure) => {
            let marked = failure.message.starts_with("error");
            let (on, off) = if color { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
            match marked {
                true => eprintln!("{}", failure.message.trim_end()),
                false => eprintln!("{on}error{off}: {}", failure.message.trim_end()),
            }
            failure.code
        }
    }
}

fn run(verb: Verb, talk: &Talk) -> Result<(), Failure> {
    match verb {
        Verb::Derive { file, expression, wrt, format, form, rolled, steps, jacobian } => {
            let format = if talk.json { args::Format::Json } else { format };
            if let Some(asked) = jacobian {
                return equations::jacobian(file.as_deref(), expression.as_deref(), &asked, talk);
            }
            let asked = equations::Asked {
                file: file.as_deref(),
                expression: expression.as_deref(),
                wrt: &wrt,
            };
            match (rolled, forms::form_of(form, format)) {
                (true, _) => forms::rolled(&asked, format),
                (false, args::Form::Matrix) => equations::derive(&asked, format, steps),
                (false, form) => forms::form(&asked, form, format),
            }
        }
        Verb::Show { stage, what } => equations::show(stage, &what),
        Verb::Check { file, seed, tolerance, samples, directions, certificate, force } => {
            let directions = directions.map(usize::from);
            let how = matgrad::certificate::Checking { seed, samples, directions };
            equations::check(&file, how, tolerance, certificate.as_deref(), force, talk)
        }
        Verb::Compute { file, set, gradients, jacobian, precision, out, force } => {
            equations::compute(&file, &set, gradients, &jacobian, precision, &out, force)
        }
        Verb::Train(args) => train::train(&args, talk),
        Verb::Tune(args) => tune::tune(&args, talk),
        Verb::Evaluate { model, data, report, force } => {
            tables::evaluate(&model, &data, report.as_deref().map(|path| (path, force)), talk)
        }
        Verb::Predict { model, data, output, proba, force } => {
            tables::predict(&model, &data, output.as_deref(), proba, force)
        }
        Verb::Explain(asked) => tables::explain(&asked, talk),
        Verb::Bench { workload, threads, seed, seconds, profile } => {
            bench::bench(&workload, threads, seed, seconds, profile, talk)
        }
        Verb::Export(args) => exchange::export(&args, talk),
        Verb::Import(args) => exchange::import(&args, talk),
        Verb::Studio { files, listen } => studio::studio(&files, listen, talk),
        Verb::Fmt { file } => equations::format(&file),
        Verb::Man { folder, force } => man(folder.as_deref(), force),
        Verb::Completions { shell } => {
            clap_complete::generate(
                shell,
                &mut Arguments::command(),
                "matgrad",
                &mut std::io::stdout(),
            );
            Ok(())
        }
    }
}

/// Manual pages from the definitions of the arguments.
fn man(folder: Option<&Path>, force: bool) -> Result<(), Failure> {
    let page = |command: &clap::Command| {
        let mut text = Vec::new();
        clap_mangen::Man::new(command.clone())
            .render(&mut text)
            .map_err(|e| Failure { code: 1, message: format!("a manual page: {e}") })?;
        Ok::<_, Failure>(String::from_utf8_lossy(&text).into_owned())
    };
    let mut command = Arguments::command();
    command.build();
    let Some(folder) = folder else { return say(page(&command)?) };
    std::fs::create_dir_all(folder)
        .map_err(|e| Failure::input(format!("{}: {e}", folder.display())))?;
    let mut files = vec![(folder.join("matgrad.1"), page(&command)?)];
    for verb in command.get_subcommands() {
        let name = format!("matgrad-{}", verb.get_name());
        files.push((folder.join(format!("{name}.1")), page(&verb.clone().display_name(&name))?));
    }
    files.iter().try_for_each(|(file, _)| may_write(file, force))?;
    for (file, text) in files {
        matgrad::write_atomically(&file, text.as_bytes())?;
    }
    Ok(())
}

/// The text of a file, or of standard input.
///
/// # Errors
/// A file that cannot be read or is no text.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|e| Failure::input(format!("standard input: {e}")))?;
        return Ok(text);
    }
    std::fs::read_to_string(path)
        .map_err(|e| Failure::input(format!("{} cannot be read: {e}", path.display())))
}

/// Prints without a panic when nobody reads any more.
///
/// # Errors
/// Standard output that takes no more.
pub(crate) fn say(text: impl Display) -> Result<(), Failure> {
    match write!(std::io::stdout().lock(), "{text}") {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure { code: 1, message: format!("standard output: {e}") })
        }
        _ => Ok(()),
    }
}

/// Fails where a file stands and may not be overwritten, or its folder does not take files.
///
/// # Errors
/// Which of them it is.
pub(crate) fn may_write(path: &Path, force: bool) -> Result<(), Failure> {
    if path == Path::new("-") {
        return Ok(());
    }
    if path.exists() && !force {
        return Err(Failure::input(format!(
            "{} exists; use --force to overwrite it",
            path.display()
        )));
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let probe = folder.join(format!(".matgrad-{}", std::process::id()));
    std::fs::File::create(&probe)
        .and_then(|_| std::fs::remove_file(&probe))
        .map_err(|e| Failure::input(format!("{} cannot be written: {e}", path.display())))
}

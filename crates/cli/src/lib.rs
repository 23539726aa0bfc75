//! The command line of matgrad: data to standard output, talk to standard error.
//!
//! A library of one function, so that `python -m matgrad` is the same program as the binary.

mod args;
mod baselines;
mod bench;
mod compute;
mod costs;
mod encoded;
mod equations;
mod exchange;
mod folds;
mod forms;
mod input;
mod log;
mod output;
mod predict;
mod prepare;
mod report;
mod show;
mod studio;
mod tables;
mod train;
mod tune;

use std::ffi::OsString;
use std::fmt::Display;
use std::io::IsTerminal;
use std::path::Path;

use args::{Arguments, Color, Verb};
use clap::FromArgMatches;

pub(crate) use input::read_text;
pub(crate) use output::{may_write, say};

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

    /// A wrong use of the command line.
    pub fn usage(message: impl Display) -> Failure {
        Failure { code: 2, message: message.to_string() }
    }

    /// What went wrong on the way.
    pub fn run(message: impl Display) -> Failure {
        Failure { code: 1, message: message.to_string() }
    }

    /// A file that takes no more, or never did.
    pub fn unwritten(path: &Path, why: impl Display) -> Failure {
        Failure::run(format!("{} cannot be written: {why}", path.display()))
    }
}

impl From<matgrad::Error> for Failure {
    fn from(error: matgrad::Error) -> Failure {
        match error {
            matgrad::Error::Run(message) => Failure::run(message),
            matgrad::Error::Data(error) => error.into(),
            matgrad::Error::Equations(errors) => Failure::input(errors),
            matgrad::Error::Input(message) => Failure::input(message),
        }
    }
}

impl From<matgrad::data::Error> for Failure {
    fn from(error: matgrad::data::Error) -> Failure {
        match matches!(error, matgrad::data::Error::Write { .. }) {
            true => Failure::run(error),
            false => Failure::input(error),
        }
    }
}

/// What all verbs share.
pub(crate) struct Talk {
    /// JSON on standard output.
    pub json: bool,
    /// No talk.
    pub quiet: bool,
    /// A file is written to standard output, where nothing else may stand.
    pub streams: bool,
}

/// Does what these arguments ask, the first of which is the program's name; the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let found = args::command().try_get_matches_from(arguments);
    let arguments = match found.and_then(|found| Arguments::from_arg_matches(&found)) {
        Ok(arguments) => arguments,
        Err(error) => {
            match args::number::refused(&error) {
                Some(said) => output::tell(format!("error: {said}")),
                None => error.print().unwrap_or_default(),
            }
            return if error.use_stderr() { 2 } else { 0 };
        }
    };
    let color = match arguments.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::env::var_os("NO_COLOR").is_none() && std::io::stderr().is_terminal(),
    };
    let talk = Talk { json: arguments.json, quiet: arguments.quiet, streams: false };
    match run(arguments.verb, &talk) {
        Ok(()) => 0,
        Err(failure) => {
            let marked = failure.message.starts_with("error");
            let (on, off) = if color { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
            match marked {
                true => output::tell(failure.message.trim_end()),
                false => output::tell(format!("{on}error{off}: {}", failure.message.trim_end())),
            }
            failure.code
        }
    }
}

fn run(verb: Verb, talk: &Talk) -> Result<(), Failure> {
    match verb {
        Verb::Derive { file, expression, wrt, format, form, rolled, steps, jacobian } => {
            let form = forms::form_of(form, format);
            let format = if talk.json { args::Format::Json } else { format };
            if let Some(asked) = jacobian {
                let asked = (&*asked, format);
                return equations::jacobian(file.as_deref(), expression.as_deref(), asked);
            }
            let asked = equations::Asked {
                file: file.as_deref(),
                expression: expression.as_deref(),
                wrt: &wrt,
            };
            let told = matches!(format, args::Format::Unicode | args::Format::Json);
            if steps && (rolled || form != args::Form::Matrix || !told) {
                return Err(Failure::usage(
                    "--steps is the proof of the matrix equations, as text or JSON; leave --form, \
                     --rolled and other formats out",
                ));
            }
            match (rolled, form) {
                (true, _) => forms::rolled(&asked, format),
                (false, args::Form::Matrix) => equations::derive(&asked, format, steps),
                (false, form) => forms::form(&asked, form, format),
            }
        }
        Verb::Show { stage, what } => show::show(stage, &what, talk),
        Verb::Check { file, seed, tolerance, samples, directions, certificate, force } => {
            let directions = directions.map(usize::from);
            let how = matgrad::certificate::Checking { seed, samples, directions };
            equations::check(&file, how, tolerance, certificate.as_deref(), force, talk)
        }
        Verb::Compute { file, set, gradients, jacobian, precision, out, force } => {
            let asked = compute::Asked { set, gradients, jacobian, precision, out, force };
            compute::compute(&file, &asked, talk)
        }
        Verb::Train(args) => train::train(&args, talk),
        Verb::Tune(args) => tune::tune(&args, talk),
        Verb::Evaluate { model, data, report, force } => {
            tables::evaluate(&model, &data, report.as_deref().map(|path| (path, force)), talk)
        }
        Verb::Predict { model, data, output, proba, force } => {
            predict::predict(&model, &data, output.as_deref(), proba, force, talk)
        }
        Verb::Explain(asked) => tables::explain(&asked, talk),
        Verb::Bench { workload, threads, seed, seconds, profile } => {
            bench::bench(&workload, threads, seed, seconds, profile, talk)
        }
        Verb::Export(args) => exchange::export(&args, talk),
        Verb::Import(args) => exchange::import(&args, talk),
        Verb::Studio { files, listen } => studio::studio(&files, listen, talk),
        Verb::Fmt { file } => show::format(&file, talk),
        Verb::Man { folder, force } => man(folder.as_deref(), force),
        Verb::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut args::command(), "matgrad", &mut text);
            say(String::from_utf8_lossy(&text))
        }
    }
}

/// Manual pages from the definitions of the arguments.
fn man(folder: Option<&Path>, force: bool) -> Result<(), Failure> {
    let page = |command: &clap::Command| {
        let mut text = Vec::new();
        clap_mangen::Man::new(command.clone())
            .render(&mut text)
            .map_err(|e| Failure::run(format!("a manual page: {e}")))?;
        Ok::<_, Failure>(String::from_utf8_lossy(&text).into_owned())
    };
    let mut command = args::command();
    command.build();
    let Some(folder) = folder.filter(|folder| !output::is_stream(folder)) else {
        return say(page(&command)?);
    };
    std::fs::create_dir_all(folder).map_err(|e| Failure::unwritten(folder, e))?;
    let mut files = vec![(folder.join("matgrad.1"), page(&command)?)];
    for verb in command.get_subcommands() {
        let name = format!("matgrad-{}", verb.get_name());
        files.push((folder.join(format!("{name}.1")), page(&verb.clone().display_name(&name))?));
    }
    files.iter().try_for_each(|(file, _)| may_write(file, force))?;
    for (file, text) in files {
        output::write(&file, text.as_bytes())?;
    }
    Ok(())
}

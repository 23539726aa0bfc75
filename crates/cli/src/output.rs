//! What leaves the program: data on standard output, talk on standard error, and files.

use std::fmt::Display;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use matgrad::file::{folder, followed, write_atomically};

use crate::{Failure, Talk};

/// How standard output, or input, is written as a file.
pub fn is_stream(path: &Path) -> bool {
    path == Path::new("-")
}

/// Prints without a panic when nobody reads any more.
///
/// # Errors
/// Standard output that takes no more.
pub fn say(text: impl Display) -> Result<(), Failure> {
    print(text.to_string().as_bytes())
}

fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    match output.write_all(bytes).and_then(|()| output.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::run(format!("standard output: {e}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A line on standard error. Talk stops no work: where nobody listens, it is lost.
pub fn tell(text: impl Display) {
    std::io::stderr().lock().write_all(format!("{text}\n").as_bytes()).ok();
}

impl Talk {
    /// A line on standard error, unless there is to be no talk.
    pub fn tell(&self, text: impl Display) {
        if !self.quiet {
            tell(text);
        }
    }

    /// A line about what one may not expect.
    pub fn warn(&self, text: impl Display) {
        self.tell(format!("warning: {text}"));
    }

    /// Text for people: on standard output, and among the talk where a file goes there.
    ///
    /// # Errors
    /// Standard output that takes no more.
    pub fn say(&self, text: impl Display) -> Result<(), Failure> {
        match self.streams {
            false => say(text),
            true if self.quiet => Ok(()),
            true => {
                std::io::stderr().lock().write_all(text.to_string().as_bytes()).ok();
                Ok(())
            }
        }
    }
}

/// Writes a file whole or not at all, or to standard output.
///
/// # Errors
/// Where it cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    match is_stream(path) {
        true => print(bytes),
        false => Ok(write_atomically(path, bytes)?),
    }
}

/// A file to be written, by the flag that names it.
pub type Named<'a> = (&'static str, Option<&'a Path>);

/// Fails, before anything runs, where a command could not write all its files: two of them are the
/// same, or one may not be written. How the command talks beside them.
///
/// # Errors
/// Which of them it is.
pub fn outputs(files: &[Named], force: bool, talk: &Talk) -> Result<Talk, Failure> {
    distinct(files)?;
    let given = || files.iter().filter_map(|&(flag, path)| Some((flag, path?)));
    given().try_for_each(|(_, path)| may_write(path, force))?;
    let streams = given().find(|(_, path)| is_stream(path));
    match streams {
        // A log is lines of JSON, of which the report is the last.
        Some((flag, _)) if talk.json && flag != "--log" => Err(Failure::usage(format!(
            "{flag} - and --json both write to standard output; name a file"
        ))),
        found => Ok(Talk { streams: found.is_some(), ..*talk }),
    }
}

/// Fails where two of these files are the same.
///
/// # Errors
/// Which two.
pub fn distinct(files: &[Named]) -> Result<(), Failure> {
    let given: Vec<_> = files.iter().filter_map(|&(flag, path)| Some((flag, path?))).collect();
    for (k, (flag, path)) in given.iter().enumerate() {
        for (before, other) in &given[..k] {
            if place(path) == place(other) {
                let shown = path.display();
                return Err(Failure::usage(format!(
                    "{before} and {flag} are both {shown}; name a file for each"
                )));
            }
        }
    }
    Ok(())
}

/// Where a file is, or is to be: two names of one file have the same.
fn place(path: &Path) -> PathBuf {
    if is_stream(path) {
        return path.to_path_buf();
    }
    let end = followed(path).unwrap_or(path.to_path_buf());
    match (folder(&end).canonicalize(), end.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        (_, _) => end,
    }
}

/// Refuses a stream where a folder is wanted.
///
/// # Errors
/// The flag and what it wants.
pub fn no_stream(flag: &str, path: Option<&Path>, wanted: &str) -> Result<(), Failure> {
    match path {
        Some(path) if is_stream(path) => {
            Err(Failure::usage(format!("{flag} -: {wanted} is wanted, not standard output")))
        }
        Some(_) | None => Ok(()),
    }
}

/// Fails where a file stands and may not be overwritten, or its folder does not take files.
///
/// # Errors
/// Which of them it is.
pub fn may_write(path: &Path, force: bool) -> Result<(), Failure> {
    if is_stream(path) {
        return Ok(());
    }
    // A link that leads nowhere is there too.
    if path.symlink_metadata().is_ok() && !force {
        return Err(Failure::input(format!(
            "{} exists; use --force to overwrite it",
            path.display()
        )));
    }
    let cannot = |e: std::io::Error| Failure::unwritten(path, e);
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(cannot(ErrorKind::IsADirectory.into())),
        Ok(found) if !found.is_file() => Ok(()),
        Ok(_) | Err(_) => {
            let end = followed(path).map_err(cannot)?;
            let probe = folder(&end).join(format!(".matgrad-{}", std::process::id()));
            let made = std::fs::File::create(&probe);
            made.and_then(|_| std::fs::remove_file(&probe)).map_err(cannot)
        }
    }
}

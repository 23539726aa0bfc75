//! The log of a fit: an epoch a line, as JSON.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use matgrad::Epoch;
use serde_json::json;

use crate::output::is_stream;
use crate::{Failure, Talk};

/// A log that is being written. What keeps it from being written does not end the fit, which may be
/// hours old: it is said at once, and is the failure of the command after all else is done.
pub struct Log {
    path: PathBuf,
    to: Box<dyn Write>,
    failed: Option<Failure>,
}

impl Log {
    /// Begins a log, or goes on with it.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn open(path: &Path, goes_on: bool) -> Result<Log, Failure> {
        let mut options = std::fs::File::options();
        options.create(true).write(true).append(goes_on).truncate(!goes_on);
        let to: Box<dyn Write> = match is_stream(path) {
            true => Box::new(std::io::stdout()),
            false => Box::new(options.open(path).map_err(|e| Failure::unwritten(path, e))?),
        };
        Ok(Log { path: path.to_path_buf(), to, failed: None })
    }

    /// Adds an epoch.
    pub fn add(&mut self, epoch: &Epoch, talk: &Talk) {
        if self.failed.is_some() {
            return;
        }
        let line = json!({
            "epoch": epoch.number, "train_loss": epoch.train_loss,
            "validation_loss": epoch.validation_loss,
            "learning_rate": epoch.learning_rate, "seconds": epoch.seconds,
        });
        let written = self.to.write_all(format!("{line}\n").as_bytes());
        let Err(why) = written.and_then(|()| self.to.flush()) else { return };
        // Whoever reads standard output may stop.
        if is_stream(&self.path) && why.kind() == ErrorKind::BrokenPipe {
            return;
        }
        let failure = Failure::unwritten(&self.path, why);
        talk.warn(format!("{}; the fit goes on without a log", failure.message));
        self.failed = Some(failure);
    }

    /// Fails if a line could not be written.
    ///
    /// # Errors
    /// The file, and why.
    pub fn finish(self) -> Result<(), Failure> {
        match self.failed {
            Some(failure) => Err(Failure::run(format!(
                "{}; the log is incomplete, all else is done",
                failure.message
            ))),
            None => Ok(()),
        }
    }
}

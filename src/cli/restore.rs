//! `landfall restore`: a log out of a backup, without a server.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::error::{CliError, CommandError};
use super::output::{Output, Progress, size};
use crate::config::DATA;
use crate::log::{BackupError, Contents, DraftError, RestoreError, restore};

/// Makes a log out of a backup, in a folder that has none; `landfall serve` goes on with it
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The file that `landfall backup` wrote; `-` is the standard input
    file: PathBuf,
    /// Folder for the log, as that of `landfall serve`
    #[arg(long, env = "LANDFALL_DATA", value_name = "DIR", default_value = DATA)]
    data: PathBuf,
    /// Print what was restored as JSON
    #[arg(long)]
    json: bool,
}

/// The reason why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum NotRestored {
    /// The backup cannot be opened.
    #[error("cannot read {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The backup cannot be used.
    #[error("{}: {source}\n  nothing was restored", path.display())]
    Backup {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: BackupError,
    },
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(RestoreError),
}

impl CommandError for NotRestored {
    // The exit code, as in sysexits: 65 bad data, 66 no input, 73 something is in the way, 74 input or output.
    fn exit_code(&self) -> u8 {
        match self {
            Self::Backup { source: BackupError::Read(_), .. } => 74,
            Self::Backup { .. } => 65,
            Self::Open { .. } => 66,
            Self::Folder(RestoreError::Draft(DraftError::Occupied { .. })) => 73,
            Self::Folder(_) => 74,
        }
    }
}

impl RestoreArgs {
    /// Runs the command.
    ///
    /// # Errors
    /// Nothing was restored; the folder has the log that it had, or none.
    pub fn run(self) -> Result<ExitCode, CliError> {
        let mut progress = Progress::new("restored");
        let restored = self.restore(&mut progress);
        progress.end();
        let contents = restored?;
        Output::detect(self.json).print(&self.summary(&contents))?;
        Ok(ExitCode::SUCCESS)
    }

    fn restore(&self, progress: &mut Progress) -> Result<Contents, NotRestored> {
        let path = || self.file.clone();
        let input: Box<dyn Read> = if self.file == Path::new("-") {
            Box::new(io::stdin().lock())
        } else {
            Box::new(File::open(&self.file).map_err(|source| NotRestored::Open { path: path(), source })?)
        };
        restore(BufReader::new(Watched { input, progress }), &self.data).map_err(|error| match error {
            RestoreError::Backup(source) => NotRestored::Backup { path: path(), source },
            other => NotRestored::Folder(other),
        })
    }

    fn summary(&self, contents: &Contents) -> String {
        let Contents { made_at, release, events, last, bytes } = contents;
        let data = self.data.display();
        if self.json {
            let told = json!({
                "data": data.to_string(), "made_at": made_at, "release": release, "events": events, "last": last,
                "bytes": bytes,
            });
            return format!("{told}\n");
        }
        format!(
            "Restored {events} events ({}) into {data}: all that landfall {release} knew at {made_at}.\n\nEnvironments' \
             tokens and admin tokens work as they did. The server's own admin token is not in a backup: `landfall serve \
             --data {data}` makes a new one, unless admin.token or admin.token_file has one.\n",
            size(*bytes)
        )
    }
}

/// A reader that shows its progress to a person who waits.
struct Watched<'a, R> {
    input: R,
    progress: &'a mut Progress,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.input.read(buffer)?;
        self.progress.add(bytes);
        Ok(bytes)
    }
}

//! `landfall backup`: everything that a running server knows, in one file.

use std::fs::{File, Permissions, TryLockError};
use std::io::{self, BufReader, IsTerminal, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::client::Client;
use super::error::{CliError, CommandError};
use super::output::{Progress, size};
use crate::log::{BackupError, Contents, END_RECORD_BYTES, check, check_end};

/// The backup's name until it is whole ends so.
const PARTIAL: &str = ".partial";

/// Takes a backup of a running server, which goes on meanwhile; `landfall restore` makes a log of it
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file; one that is there is replaced once the backup is whole. `-` is the standard output
    file: PathBuf,
}

/// The reason why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// Another one is being written there.
    #[error("{path} is being written by another backup; wait for it, or name another file")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written.
    #[error("cannot write {path}: {source}\n  nothing else was changed")]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The server's answer is no backup.
    #[error(
        "what came is no whole backup: {source}\n  nothing was kept of it; is the server another release?"
    )]
    NotWhole {
        /// The trouble with it.
        source: BackupError,
    },
    /// The server cannot make one.
    #[error("there is no backup: {source}\n  what is there of earlier backups was left alone")]
    Damaged {
        /// The damage in its log.
        source: BackupError,
    },
    /// It is no text.
    #[error("a backup is no text: name a file, or lead the standard output into one")]
    Terminal,
}

impl CommandError for SaveError {
    // The exit code, as in sysexits: 64 usage, 65 bad data, 74 output, 75 try again, 76 protocol.
    fn exit_code(&self) -> u8 {
        match self {
            Self::Terminal => 64,
            Self::Damaged { .. } => 65,
            Self::Write { .. } => 74,
            Self::Busy { .. } => 75,
            Self::NotWhole { .. } => 76,
        }
    }
}

impl From<BackupError> for SaveError {
    fn from(source: BackupError) -> Self {
        match source {
            BackupError::DamagedLog { .. } => Self::Damaged { source },
            _ => Self::NotWhole { source },
        }
    }
}

impl BackupArgs {
    /// Runs the command.
    pub async fn run(self, client: &Client) -> Result<ExitCode, CliError> {
        if self.file == Path::new("-") {
            return print(client).await;
        }
        let mut partial = Partial::create(&self.file)?;
        let mut progress = Progress::new("taken");
        let taken = client
            .stream(&["backup"], |data| {
                progress.add(data.len());
                partial.write(data)
            })
            .await;
        progress.end();
        taken?;
        let contents = partial.finish()?;
        client.output.print(&self.summary(client, &contents))?;
        Ok(ExitCode::SUCCESS)
    }

    fn summary(&self, client: &Client, contents: &Contents) -> String {
        let Contents { made_at, release, events, last, bytes } = contents;
        let file = self.file.display();
        if client.output.json {
            let file = file.to_string();
            let told = json!({
                "file": file, "made_at": made_at, "release": release, "events": events, "last": last, "bytes": bytes,
            });
            return format!("{told}\n");
        }
        format!(
            "Backed up {events} events ({}) to {file}, as of {made_at}.\n\nIt holds the hashes of all tokens: keep it as \
             you keep the data folder. `landfall restore FILE --data DIR` makes a log of it.\n",
            size(*bytes)
        )
    }
}

/// To the standard output, as it comes. Its end is looked at here; whoever reads it checks all of it, as `landfall restore`
/// does.
async fn print(client: &Client) -> Result<ExitCode, CliError> {
    let mut stdout = io::stdout().lock();
    if stdout.is_terminal() {
        return Err(SaveError::Terminal.into());
    }
    let (mut bytes, mut last) = (0, Vec::new());
    let write = |data: &[u8]| {
        bytes += data.len();
        last.extend(&data[data.len().saturating_sub(END_RECORD_BYTES)..]);
        last.drain(..last.len().saturating_sub(END_RECORD_BYTES));
        stdout.write_all(data).map_err(CliError::Output)
    };
    client.stream(&["backup"], write).await?;
    stdout.flush().map_err(CliError::Output)?;
    check_end(&last).map_err(SaveError::from)?;
    if client.output.json {
        eprintln!("{}", json!({"file": "-", "bytes": bytes}));
    }
    Ok(ExitCode::SUCCESS)
}

/// A backup beside its place until it is whole. A failure removes it; what a kill leaves, the next one takes over.
struct Partial<'a> {
    place: &'a Path,
    path: PathBuf,
    file: File,
    is_kept: bool,
}

impl<'a> Partial<'a> {
    fn create(place: &'a Path) -> Result<Self, SaveError> {
        let mut path = place.as_os_str().to_owned();
        path.push(PARTIAL);
        let path = PathBuf::from(path);
        let failed = |source| SaveError::Write { path: path.clone(), source };
        let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(failed)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(SaveError::Busy { path }),
            locked => locked.map_err(|error| failed(error.into()))?,
        }
        // Another process that had the lock may have put the file into its place meanwhile: it is not written over.
        let is_same = |there: io::Result<std::fs::Metadata>| {
            let ours = file.metadata()?;
            Ok(there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())))
        };
        if !is_same(path.symlink_metadata()).map_err(failed)? {
            return Err(SaveError::Busy { path });
        }
        file.set_permissions(Permissions::from_mode(0o600)).map_err(failed)?;
        file.set_len(0).map_err(failed)?;
        Ok(Self { place, path, file, is_kept: false })
    }

    fn write(&mut self, data: &[u8]) -> Result<(), CliError> {
        self.file.write_all(data).map_err(|source| self.failed(source).into())
    }

    /// Checks what is on the disk, and puts it into its place.
    fn finish(mut self) -> Result<Contents, SaveError> {
        self.file.sync_all().map_err(|source| self.failed(source))?;
        let written = File::open(&self.path).map_err(|source| self.failed(source))?;
        let contents = check(BufReader::new(written))?;
        std::fs::rename(&self.path, self.place).map_err(|source| self.failed(source))?;
        self.is_kept = true;
        let folder = self.place.parent().filter(|folder| !folder.as_os_str().is_empty());
        let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
        synced.map_err(|source| self.failed(source))?;
        Ok(contents)
    }

    fn failed(&self, source: io::Error) -> SaveError {
        SaveError::Write { path: self.path.clone(), source }
    }
}

impl Drop for Partial<'_> {
    fn drop(&mut self) {
        if !self.is_kept {
            // The next backup takes it over where it cannot be removed.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

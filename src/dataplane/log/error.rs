//! Reasons why the log does not open, cannot be read or cannot be written, and the next step for each.

use std::io;
use std::path::{Path, PathBuf};

use crate::log::codec::CodecError;

/// The reason why the log does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made or entered.
    #[error("the data folder {path} cannot be used: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// It was closed meanwhile.
    #[error("{path} is closed: after a failed write it is opened again by itself")]
    Closed {
        /// The log's path.
        path: PathBuf,
    },
    /// Somebody else has it.
    #[error(
        "{path} is in use by another landfall; stop that one, or give this one a folder of its own with --data"
    )]
    InUse {
        /// The database or the journal.
        path: PathBuf,
    },
    /// A log that is not shared lies where one that is shared is to be.
    #[error(
        "{path} has a log of its own, and log.shared is set: name an empty folder with --data, which is filled from the \
         stream (`landfall share` puts this log there), or take log.shared out of the configuration"
    )]
    Alone {
        /// The folder.
        path: PathBuf,
    },
    /// A replica of a log that is shared lies there.
    #[error(
        "{path} is a replica of a log that several share: set log.shared, or name another folder with --data"
    )]
    Replica {
        /// The folder.
        path: PathBuf,
    },
    /// A replica of another name made it.
    #[error(
        "{path} was made by a replica with another name: its events in the stream stand under that one. Set log.shared.replica to it, \
         or name an empty folder with --data once that replica has shipped everything"
    )]
    Renamed {
        /// The outbox.
        path: PathBuf,
    },
    /// It was made in another role.
    #[error(
        "{path} was made with log.shared.role = \"{was}\", and has another part of the log than this role needs: name an empty folder \
         with --data, and keep this one until its replica has shipped everything"
    )]
    Role {
        /// The outbox.
        path: PathBuf,
        /// The other role.
        was: String,
    },
    /// A build from before the first release wrote it.
    #[error(
        "{path} has layout {found} of a build from before the first release, which no release reads: go on with that \
         build, or begin anew in an empty data folder (--data)"
    )]
    Older {
        /// The database.
        path: PathBuf,
        /// Its layout.
        found: u64,
    },
    /// A newer release wrote it.
    #[error(
        "{path} has layout {found}, this release knows up to {known}; run the newer release, or restore an older backup"
    )]
    Newer {
        /// The database or the journal.
        path: PathBuf,
        /// Its layout.
        found: u64,
        /// The newest layout that this release reads.
        known: u64,
    },
    /// It is not what was written.
    #[error("{}", damaged(path, reason))]
    Damaged {
        /// The database.
        path: PathBuf,
        /// The part that does not fit.
        reason: String,
    },
    /// The journal is not what was written.
    #[error(
        "{path} is damaged or no landfall journal ({reason}); nothing was changed. Restore a backup into a new folder \
         (`landfall restore`), or keep what is whole (`landfall salvage`)"
    )]
    DamagedJournal {
        /// The journal.
        path: PathBuf,
        /// The trouble with it.
        reason: String,
    },
    /// The operating system refused.
    #[error("{path} cannot be opened: {source}")]
    Io {
        /// The database or the journal.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// The reason why a change is not in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The queue is full.
    #[error("the log cannot keep up; try again")]
    Busy,
    /// The disk refused it.
    #[error("the log cannot be written; the server's own log says why")]
    Unwritable,
    /// The stream that replicas share does not take it now.
    #[error("the stream that the replicas share takes no change now; try again")]
    Away,
    /// The log's files were deleted or replaced, so it would be lost.
    #[error("the log's files were deleted or replaced under the running server; /status says what to do")]
    Astray,
    /// Another change was made that the decision did not see.
    #[error("other changes were made at the same moment, again and again; try again")]
    Outdated,
    /// The log was closed.
    #[error("the log is closed: the server is shutting down")]
    Closed,
}

/// The reason why the log's files are not the open ones any more, so that new events go with the process.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Astray {
    /// The folder is gone, and with it the files.
    #[error("the data folder {0} was deleted")]
    Folder(PathBuf),
    /// A file is gone.
    #[error("{0} was deleted")]
    Deleted(PathBuf),
    /// Another file has its name.
    #[error("{0} is another file than the one that the log has open")]
    Replaced(PathBuf),
    /// Nobody knows.
    #[error("{0} cannot be looked at: {1}")]
    Hidden(PathBuf, io::ErrorKind),
}

/// The reason why events cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store is closed for the moment, after a failure to write.
    #[error("the log is closed after a failed write and will be opened again")]
    Closed,
    /// The database cannot be read, or is damaged.
    #[error(transparent)]
    Database(#[from] Fault),
    /// The entry is whole, and no event that this release knows.
    #[error("entry {sequence}: {source}")]
    Entry {
        /// Its sequence number.
        sequence: u64,
        /// The trouble with it.
        source: CodecError,
    },
}

/// The reason why the open database does not do what it is asked to.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It is not what was written.
    #[error("{}", damaged(path, reason))]
    Damaged {
        /// The database.
        path: PathBuf,
        /// The event that is damaged, where it is one.
        event: Option<u64>,
        /// The part that does not fit.
        reason: String,
    },
    /// The operating system refused.
    #[error("{path} cannot be read or written: {source}")]
    Disk {
        /// The database.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl ReadError {
    /// The same as an error of opening the log at `path`.
    pub(super) fn at_opening(self, path: &Path) -> OpenError {
        match self {
            Self::Database(fault) => fault.into(),
            Self::Closed => OpenError::Closed { path: path.to_owned() },
            other => OpenError::Damaged { path: path.to_owned(), reason: other.to_string() },
        }
    }

    /// The event that is damaged; 0 where the damage is not that of one event. Nothing where nothing is damaged.
    pub(in crate::log) fn damaged_event(&self) -> Option<u64> {
        match self {
            Self::Database(Fault::Damaged { event, .. }) => Some(event.unwrap_or(0)),
            _ => None,
        }
    }
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Damaged { path, reason, .. } => Self::Damaged { path, reason },
            Fault::Disk { path, source } if source.kind() == io::ErrorKind::ResourceBusy => {
                Self::InUse { path }
            }
            Fault::Disk { path, source } => Self::Io { path, source },
        }
    }
}

fn damaged(path: &Path, reason: &str) -> String {
    format!(
        "{} is damaged or no landfall database ({reason}); nothing was changed. Restore a backup into a new folder \
         (`landfall restore`), or keep what is whole (`landfall salvage`)",
        path.display()
    )
}

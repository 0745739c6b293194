//! Why the log does not open, cannot be read or cannot be written, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::log::codec::CodecError;

/// Why the log does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made or entered.
    #[error("the data folder {path} cannot be used: {source}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else has it.
    #[error(
        "{path} is in use by another landfall; stop that one, or give this one a folder of its own with --data"
    )]
    InUse {
        /// The database or the journal.
        path: PathBuf,
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
        /// Why.
        source: io::Error,
    },
}

/// Why events cannot be read.
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

/// Why the open database does not do what it is asked to.
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
        /// Why.
        source: redb::Error,
    },
}

impl ReadError {
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
            Fault::Disk { path, source: redb::Error::DatabaseAlreadyOpen } => Self::InUse { path },
            Fault::Disk { path, source: redb::Error::Io(source) } => Self::Io { path, source },
            Fault::Disk { path, source } => Self::Io { path, source: io::Error::other(source) },
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

/// Trouble, before it is known with which database.
pub(super) enum Trouble {
    /// It is not what was written.
    Damage { event: Option<u64>, reason: String },
    /// The operating system refused.
    Disk(redb::Error),
}

impl Trouble {
    /// Something that is not one event is not what was written.
    pub(super) fn damage(reason: impl Into<String>) -> Self {
        Self::Damage { event: None, reason: reason.into() }
    }

    /// The event is not what was written.
    pub(super) fn damaged_event(sequence: u64, what: &str) -> Self {
        Self::Damage { event: Some(sequence), reason: format!("event {sequence} {what}") }
    }

    /// Of the database at `path`.
    pub(super) fn at(self, path: &Path) -> Fault {
        let path = path.to_owned();
        match self {
            Self::Damage { event, reason } => Fault::Damaged { path, event, reason },
            Self::Disk(source) => Fault::Disk { path, source },
        }
    }
}

impl From<redb::Error> for Trouble {
    fn from(error: redb::Error) -> Self {
        use redb::Error as E;
        let is_damage = match &error {
            // A page that should be there lies behind the end, or says of itself what cannot be.
            E::Io(source) => matches!(
                source.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput
            ),
            E::Corrupted(_)
            | E::LockPoisoned(_)
            | E::TableDoesNotExist(_)
            | E::TableIsMultimap(_)
            | E::TableIsNotMultimap(_)
            | E::TableTypeMismatch { .. }
            | E::TypeDefinitionChanged { .. }
            | E::UpgradeRequired(_) => true,
            _ => false,
        };
        if is_damage { Self::damage(error.to_string()) } else { Self::Disk(error) }
    }
}

macro_rules! from_redb {
    ($($error:ident),*) => {
        $(impl From<redb::$error> for Trouble {
            fn from(error: redb::$error) -> Self {
                redb::Error::from(error).into()
            }
        })*
    };
}

from_redb!(CommitError, DatabaseError, StorageError, TableError, TransactionError);

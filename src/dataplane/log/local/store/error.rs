//! Errors of redb, and what they mean.

use std::io;
use std::path::Path;

use crate::log::error::Fault;

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
            Self::Disk(redb::Error::Io(source)) => Fault::Disk { path, source },
            Self::Disk(error @ redb::Error::DatabaseAlreadyOpen) => {
                Fault::Disk { path, source: io::Error::new(io::ErrorKind::ResourceBusy, error) }
            }
            Self::Disk(error) => Fault::Disk { path, source: io::Error::other(error) },
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

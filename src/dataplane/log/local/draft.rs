//! A new log in a folder that has none.
//!
//! It goes into a database under another name, which becomes the log's only when it is whole. A crash before that leaves no
//! log, and at most that file.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::files::{DATABASE, JOURNAL, OUTBOX};
use super::store::{self, Store};
use crate::log::error::OpenError;

/// Name of a database until it is whole, before some random characters.
const PREFIX: &str = "landfall.restoring-";

/// The reason why there is no new log. The folder has none then, as before.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// There is a log.
    #[error(
        "{path} is there already, and nothing was changed: name a folder of its own (--data of a restore, --to of a \
         salvage), or stop the landfall that uses it and move it and its log away first"
    )]
    Occupied {
        /// The database or the journal.
        path: PathBuf,
    },
    /// The new database cannot be written.
    #[error(transparent)]
    Database(#[from] OpenError),
    /// The operating system refused.
    #[error("{path} cannot be written: {source}")]
    Io {
        /// The folder, or the database.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// A folder in which a log is to be.
pub(in crate::log) struct Draft<'a> {
    dir: &'a Path,
    database: PathBuf,
}

impl<'a> Draft<'a> {
    /// In the folder `dir`, which need not be there, and has no log.
    pub(in crate::log) fn of(dir: &'a Path) -> Result<Self, DraftError> {
        let database = dir.join(DATABASE);
        for path in [&database, &dir.join(JOURNAL), &dir.join(OUTBOX)] {
            // A name that leads nowhere is in the way, too.
            if path.symlink_metadata().is_ok() {
                return Err(DraftError::Occupied { path: path.clone() });
            }
        }
        Ok(Self { dir, database })
    }

    /// Lets `fill` put everything into it, and makes it the log if that succeeds.
    pub(in crate::log) fn fill<T, E: From<DraftError>>(
        self,
        fill: impl FnOnce(&Store) -> Result<T, E>,
    ) -> Result<T, E> {
        let is_new = !self.dir.exists();
        let filled = self.filled(fill);
        if filled.is_err() && is_new {
            // Anything else that is in it by now stays.
            let _ = std::fs::remove_dir(self.dir);
        }
        filled
    }

    fn filled<T, E: From<DraftError>>(&self, fill: impl FnOnce(&Store) -> Result<T, E>) -> Result<T, E> {
        let failed = |source| DraftError::Io { path: self.dir.to_owned(), source };
        store::make_private(self.dir).map_err(failed)?;
        let draft = NamedTempFile::with_prefix_in(PREFIX, self.dir).map_err(failed)?;
        let file = draft.as_file().try_clone().map_err(failed)?;
        let store = Store::of_file(file, draft.path().to_owned(), false).map_err(DraftError::from)?;
        let filled = fill(&store)?;
        drop(store);
        draft.as_file().sync_all().map_err(failed)?;
        // Somebody may have made a log meanwhile: theirs is not overwritten.
        draft.persist_noclobber(&self.database).map_err(|refused| match refused.error.kind() {
            io::ErrorKind::AlreadyExists => DraftError::Occupied { path: self.database.clone() },
            _ => failed(refused.error),
        })?;
        File::open(self.dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
        Ok(filled)
    }
}

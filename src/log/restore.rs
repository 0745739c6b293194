//! A backup → a log in a folder that has none.
//!
//! Everything goes into a database under another name, which becomes the log's only when the backup was read to its end
//! and found whole. A crash before that leaves no log, and at most that file.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::backup::{BackupError, Contents, Reader, Record};
use super::store::{self, OpenError, Store};
use super::{codec, journal, snapshot};
use crate::model::deployments::Rules;

/// What the database is called until it is whole, before some random characters.
const PREFIX: &str = "landfall.restoring-";
/// Events that wait for a commit, in bytes.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Longest base that is read: it is as large as the fold's state, some hundred megabytes at most.
const BASE_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// Why nothing was restored. The folder has no log then, as before.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup is none, or not whole.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// There is a log.
    #[error(
        "{path} is there already, and nothing was changed: restore into a folder of its own with --data DIR, or stop the \
         landfall that uses it and move it and its log away first"
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
        /// Why.
        source: io::Error,
    },
}

/// Makes a log in the folder `dir` out of the backup `input`; `dir` is made if it does not exist. Returns what is in it.
///
/// # Errors
/// There is a log already, the backup is not whole or not for this release, or the disk refuses. Then there is no log
/// in `dir` but one that was there before.
pub fn restore(input: impl Read, dir: &Path) -> Result<Contents, RestoreError> {
    let database = dir.join(store::FILE_NAME);
    for path in [&database, &dir.join(journal::FILE_NAME)] {
        // A name that leads nowhere is in the way, too.
        if path.symlink_metadata().is_ok() {
            return Err(RestoreError::Occupied { path: path.clone() });
        }
    }
    // A file that is no backup leaves no trace.
    let reader = Reader::open(input)?;
    let is_new = !dir.exists();
    let restored = into(reader, dir, &database);
    if restored.is_err() && is_new {
        // What else might be in it by now stays.
        let _ = std::fs::remove_dir(dir);
    }
    restored
}

fn into(reader: Reader<impl Read>, dir: &Path, database: &Path) -> Result<Contents, RestoreError> {
    let failed = |source| RestoreError::Io { path: dir.to_owned(), source };
    store::make_private(dir).map_err(failed)?;
    let draft = NamedTempFile::with_prefix_in(PREFIX, dir).map_err(failed)?;
    let file = draft.as_file().try_clone().map_err(failed)?;
    let contents = fill(Store::of_file(file, draft.path().to_owned())?, reader)?;
    draft.as_file().sync_all().map_err(failed)?;
    // Somebody may have made a log meanwhile: theirs is not overwritten.
    draft.persist_noclobber(database).map_err(|refused| match refused.error.kind() {
        io::ErrorKind::AlreadyExists => RestoreError::Occupied { path: database.to_owned() },
        _ => failed(refused.error),
    })?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
    Ok(contents)
}

/// Puts what the backup holds into the store, and closes it.
fn fill(store: Store, mut reader: Reader<impl Read>) -> Result<Contents, RestoreError> {
    let (mut base, mut batch, mut batch_bytes) = (Vec::new(), Vec::new(), 0);
    loop {
        match reader.next()? {
            Record::Base(piece) if base.len() + piece.len() <= BASE_BYTES_MAX => base.extend(piece),
            Record::Base(_) => return Err(unreadable_base(&reader).into()),
            Record::Event(sequence, bytes) => {
                // What `landfall serve` could not read is refused here and now.
                codec::decode(&bytes).map_err(|source| BackupError::Event { sequence, source })?;
                batch_bytes += bytes.len();
                batch.push((sequence, bytes));
            }
            Record::End(contents) => {
                store.put_events(&batch)?;
                put_base(&store, &reader, &base)?;
                return Ok(contents);
            }
        }
        if batch_bytes >= BATCH_BYTES {
            store.put_events(&batch)?;
            batch.clear();
            batch_bytes = 0;
        }
    }
}

fn put_base(store: &Store, reader: &Reader<impl Read>, base: &[u8]) -> Result<(), RestoreError> {
    let thinned = reader.head().thinned;
    if base.is_empty() && thinned == 0 {
        return Ok(());
    }
    // Its rules are those of the settings, which `landfall serve` gives it.
    let folded = snapshot::decode(base, &Rules::default()).ok_or_else(|| unreadable_base(reader))?;
    if folded.view.applied < thinned {
        return Err(unreadable_base(reader).into());
    }
    Ok(store.put_base(base, thinned)?)
}

fn unreadable_base(reader: &Reader<impl Read>) -> BackupError {
    BackupError::Base { release: reader.head().release.clone() }
}

#[cfg(test)]
mod tests;

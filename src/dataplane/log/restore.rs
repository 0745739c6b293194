//! A backup → a log in a folder that has none.
//!
//! Everything goes into a draft, which becomes the log only when the backup was read to its end and found whole.

use std::io::Read;
use std::path::Path;

use super::backup::{BackupError, Contents, Reader, Record};
use super::error::OpenError;
use super::local::draft::{Draft, DraftError};
use super::local::store::Store;
use super::{codec, snapshot};
use crate::model::deployments::Rules;

/// Events that wait for a commit, in bytes.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// Longest base that is read: it is as large as the fold's state, some hundred megabytes at most.
const BASE_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// The reason why nothing was restored. The folder has no log then, as before.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup is none, or not whole.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// There is a log, or the new one cannot be written.
    #[error(transparent)]
    Draft(#[from] DraftError),
}

impl From<OpenError> for RestoreError {
    fn from(error: super::OpenError) -> Self {
        Self::Draft(error.into())
    }
}

/// Makes a log in the folder `dir` out of the backup `input`; `dir` is made if it does not exist. Returns what is in it.
///
/// # Errors
/// There is a log already, the backup is not whole or not for this release, or the disk refuses. Then there is no log
/// in `dir` but one that was there before.
pub fn restore(input: impl Read, dir: &Path) -> Result<Contents, RestoreError> {
    let draft = Draft::of(dir)?;
    // A file that is no backup leaves no trace.
    let reader = Reader::open(input)?;
    draft.fill(|store| fill(store, reader))
}

/// Puts what the backup holds into the store, and closes it.
fn fill(store: &Store, mut reader: Reader<impl Read>) -> Result<Contents, RestoreError> {
    let (mut base, mut batch, mut batch_bytes) = (Vec::new(), Vec::new(), 0);
    loop {
        match reader.next()? {
            Record::Base(piece) if base.len() + piece.len() <= BASE_BYTES_MAX => base.extend(piece),
            Record::Base(_) => return Err(unreadable_base(&reader).into()),
            Record::Event(sequence, bytes) => {
                // An event that `landfall serve` could not read is refused here and now.
                codec::decode(&bytes).map_err(|source| BackupError::Event { sequence, source })?;
                batch_bytes += bytes.len();
                batch.push((sequence, bytes));
            }
            Record::End(contents) => {
                store.put_events(&batch)?;
                put_base(store, &reader, &base)?;
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

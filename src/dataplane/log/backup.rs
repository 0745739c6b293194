//! A backup: the log's ground state as one stream of bytes, which tells by itself whether it is whole.
//!
//! ```text
//!  0  magic "landfall backup\n"   16  version (4 bytes)
//! 20  records, one after the other: kind (1 byte), length (4 bytes), so many bytes:
//!     h  first: when it was made (8, ms since 1970), the last event (8), the last event up to which retention removed
//!        observations (8), the release that made it (text)
//!     b  a piece of what retention folded of them (the base), in order; none where it removed nothing
//!     e  an event: its sequence number (8) and its bytes, as the codec writes them; in order, and without holes but those
//!        that retention made
//!     d  last, where the log itself is damaged: the damaged event (8), 0 where it is not one event. This is no backup
//!     z  last: how many events (8), SHA-256 of everything before this digest (32)
//! ```
//!
//! All numbers are little-endian. Nothing follows the last record. `tests/golden` pins the bytes of each version.

mod read;
mod write;

use std::io;

use super::codec::CodecError;
use crate::model::time::Time;

pub use read::check;
pub(super) use read::{Reader, Record};
pub use write::Backup;

const MAGIC: &[u8; 16] = b"landfall backup\n";
/// The format that this release writes, and the newest that it reads.
const VERSION: u32 = 1;
/// Longest record that is read. The largest event fits into half a journal, and the base comes in pieces.
const RECORD_BYTES_MAX: u32 = 16 * 1024 * 1024;
/// Longest text that names a release.
const RELEASE_BYTES_MAX: usize = 64;

/// Kinds of records.
const HEAD: u8 = b'h';
const BASE: u8 = b'b';
const EVENT: u8 = b'e';
const DAMAGED: u8 = b'd';
const END: u8 = b'z';

/// Lengths of the records that can be the last one.
const END_BYTES: u32 = 40;
const DAMAGED_BYTES: u32 = 8;
/// As many last bytes of a stream tell how it ends.
pub const END_RECORD_BYTES: usize = 5 + END_BYTES as usize;

/// A backup's account of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) made_at: Time,
    /// The last event in it; 0 for none.
    pub(super) last: u64,
    /// The last event up to which retention had removed observations; 0 for none.
    pub(super) thinned: u64,
    /// The release that made it.
    pub(super) release: String,
}

/// The contents of a backup that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The time when it was made.
    pub made_at: Time,
    /// The release that made it.
    pub release: String,
    /// The last event in it; 0 for none.
    pub last: u64,
    /// The number of its events: fewer than `last` where retention removed observations.
    pub events: u64,
    /// Its length.
    pub bytes: u64,
}

/// The reason why something is no backup that can be used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The operating system refused.
    #[error("it cannot be read: {0}")]
    Read(#[source] io::Error),
    /// It begins otherwise.
    #[error("it is no backup of landfall")]
    Foreign,
    /// A later release made it.
    #[error(
        "it has version {found} of the format, this release reads up to {VERSION}: use the newer release"
    )]
    Newer {
        /// Its version.
        found: u32,
    },
    /// It ends too soon.
    #[error("it is cut short: it breaks off after byte {bytes}, before its last record; take another one")]
    CutShort {
        /// The end of its last whole piece.
        bytes: u64,
    },
    /// It is not what was written.
    #[error("it is damaged ({reason}, before byte {bytes}); take another one")]
    Damaged {
        /// The fault.
        reason: &'static str,
        /// The number of bytes that were read.
        bytes: u64,
    },
    /// The log that it was to be of is damaged.
    #[error("{}", damaged_log(*event))]
    DamagedLog {
        /// The first event that is damaged; 0 where the damage is not that of one event.
        event: u64,
    },
    /// An event in it is none that this release reads.
    #[error("event {sequence} in it: {source}")]
    Event {
        /// Its sequence number.
        sequence: u64,
        /// The trouble with it.
        source: CodecError,
    },
    /// The rest of removed observations is not in the layout of this release.
    #[error(
        "what retention kept of removed observations is in the layout of landfall {release}, which made it: restore it \
         with that release"
    )]
    Base {
        /// The release that made it.
        release: String,
    },
}

fn damaged_log(event: u64) -> String {
    let what = if event > 0 { format!("event {event} of it is") } else { "it is".to_owned() };
    format!(
        "the server's log is damaged: {what} not what was written. Keep the backups that there are; restore the latest one \
         into a new folder (`landfall restore`), or stop the server and keep what is whole (`landfall salvage`)"
    )
}

/// Checks the last bytes of a stream that was to be a backup.
///
/// # Errors
/// It ends otherwise, or says that the log is damaged.
pub fn check_end(last: &[u8]) -> Result<(), BackupError> {
    let record = |kind: u8, length: u32| [&[kind][..], &length.to_le_bytes()].concat();
    let is_end = |kind, length: u32| {
        let from = last.len().checked_sub(5 + length as usize);
        from.is_some_and(|from| last[from..].starts_with(&record(kind, length)))
    };
    match last.last_chunk() {
        _ if is_end(END, END_BYTES) => Ok(()),
        Some(event) if is_end(DAMAGED, DAMAGED_BYTES) => {
            Err(BackupError::DamagedLog { event: u64::from_le_bytes(*event) })
        }
        _ => Err(BackupError::CutShort { bytes: last.len() as u64 }),
    }
}

#[cfg(test)]
pub(super) mod tests;

//! The ground state, whole: what a backup takes out of a database, and what a restore puts into a new one.
//!
//! It is every event, what retention folded of those that it removed, and how far it removed them. The latest snapshot is
//! no part of it, and the session belongs to the journal that lies beside this database.

use std::fs::File;
use std::path::PathBuf;

use redb::backends::FileBackend;
use redb::{Database, OwnedAccessGuard, ReadableDatabase};

use super::{CACHE_BYTES_MAX, EVENTS, META, META_THINNED, OpenError, ReadError, SNAPSHOTS, Snapshot, Store};
use super::{begin_write, last_event, open_error};

/// The ground state as it stood at one moment. The database keeps the pages of that moment as long as this lives.
pub(in crate::log) struct Ground {
    /// The last event; 0 for none.
    pub(in crate::log) last: u64,
    /// The last event up to which observations were removed; 0 for none.
    pub(in crate::log) thinned: u64,
    base: Option<OwnedAccessGuard<&'static [u8]>>,
    events: redb::Range<'static, u64, &'static [u8]>,
}

impl Ground {
    /// The base snapshot's bytes; empty where retention removed nothing yet.
    pub(in crate::log) fn base(&self) -> &[u8] {
        self.base.as_ref().map_or(&[], OwnedAccessGuard::value)
    }

    /// Hands the next event, as bytes with its sequence number, to `take`; nothing after the last one.
    pub(in crate::log) fn next_event<T>(
        &mut self,
        take: impl FnOnce(u64, &[u8]) -> T,
    ) -> Option<Result<T, ReadError>> {
        Some(match self.events.next()? {
            Ok((sequence, bytes)) => Ok(take(sequence.value(), bytes.value())),
            Err(error) => Err(ReadError::Storage(error.into())),
        })
    }
}

impl Store {
    /// Everything that cannot be folded again, from one read transaction.
    pub(in crate::log) fn ground(&self) -> Result<Ground, ReadError> {
        let read = || -> Result<Ground, redb::Error> {
            let transaction = self.database.begin_read()?;
            let (meta, events) = (transaction.open_table(META)?, transaction.open_table(EVENTS)?);
            Ok(Ground {
                last: last_event(&events, &meta)?,
                thinned: meta.get(META_THINNED)?.map_or(0, |thinned| thinned.value()),
                base: transaction.open_table(SNAPSHOTS)?.get_owned(Snapshot::Base.key())?,
                events: events.range(1..)?,
            })
        };
        Ok(read()?)
    }

    /// The database in `file`, which lies at `path`; a new one where that is empty.
    pub(in crate::log) fn of_file(file: File, path: PathBuf) -> Result<Self, OpenError> {
        let created = FileBackend::new(file).and_then(|backend| {
            Database::builder().set_cache_size(CACHE_BYTES_MAX).create_with_backend(backend)
        });
        let database = created.map_err(|error| open_error(&path, error))?;
        Self::prepare(database, path)
    }

    /// Puts events in as they are, in one durable commit.
    pub(in crate::log) fn put_events(&self, events: &[(u64, Vec<u8>)]) -> Result<(), OpenError> {
        let write = || -> Result<(), redb::Error> {
            let transaction = begin_write(&self.database)?;
            {
                let mut table = transaction.open_table(EVENTS)?;
                for (sequence, bytes) in events {
                    table.insert(sequence, bytes.as_slice())?;
                }
            }
            transaction.commit()?;
            Ok(())
        };
        write().map_err(|error| self.failed(error))
    }

    /// Puts in what retention kept of what it removed up to the event `thinned`, in one durable commit.
    pub(in crate::log) fn put_base(&self, base: &[u8], thinned: u64) -> Result<(), OpenError> {
        let write = || -> Result<(), redb::Error> {
            let transaction = begin_write(&self.database)?;
            transaction.open_table(SNAPSHOTS)?.insert(Snapshot::Base.key(), base)?;
            transaction.open_table(META)?.insert(META_THINNED, thinned)?;
            transaction.commit()?;
            Ok(())
        };
        write().map_err(|error| self.failed(error))
    }
}

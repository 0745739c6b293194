//! The redb tables. The only place that knows redb.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};

use super::codec::{self, CodecError};
use crate::model::event::Event;

/// Every event by its sequence number, from 1, without holes.
const EVENTS: TableDefinition<u64, &[u8]> = TableDefinition::new("events");
/// Facts about the store itself.
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// What was folded from the events, by [`Snapshot`].
const SNAPSHOTS: TableDefinition<&str, &[u8]> = TableDefinition::new("snapshots");
/// In [`META`]: the last event up to which observations were removed.
const META_THINNED: &str = "thinned";
/// In [`META`]: which layout of tables this is.
const META_LAYOUT: &str = "layout";
/// The layout that this release reads and writes.
const LAYOUT: u64 = 1;
/// The database's name in the data folder.
const FILE_NAME: &str = "landfall.redb";
/// Pages that redb keeps in memory. The log is written at its end and read from its beginning to its end, so a
/// larger cache would only be larger.
const CACHE_BYTES_MAX: usize = 16 * 1024 * 1024;

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
        /// The database.
        path: PathBuf,
    },
    /// A newer release wrote it.
    #[error(
        "{path} has layout {found}, this release knows up to {LAYOUT}; run the newer release, or restore an older backup"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its layout.
        found: u64,
    },
    /// It is not what was written.
    #[error(
        "{path} is damaged or no landfall database ({reason}); nothing was changed. Move it away and restore a backup, \
         or start with an empty folder"
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What redb or the codec says.
        reason: String,
    },
    /// The operating system refused.
    #[error("{path} cannot be opened: {source}")]
    Io {
        /// The database.
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
    /// redb says so.
    #[error("the log cannot be read: {0}")]
    Storage(#[from] redb::Error),
    /// The entry is not an event.
    #[error("entry {sequence}: {source}")]
    Entry {
        /// Its sequence number.
        sequence: u64,
        /// What is wrong with it.
        source: CodecError,
    },
}

/// Why events were not written; none of the batch was.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error(transparent)]
    Storage(#[from] redb::Error),
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// An open database.
#[derive(Clone)]
pub(super) struct Store {
    database: Arc<Database>,
    path: PathBuf,
}

impl Store {
    /// Opens the database in `dir`, making both where they do not exist.
    pub(super) fn open(dir: &Path) -> Result<Self, OpenError> {
        // Who pulls what is nobody else's business on this machine, and the admin token lies here, too.
        let private = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
        private.map_err(|source| OpenError::Folder { path: dir.to_owned(), source })?;
        let path = dir.join(FILE_NAME);
        let opened = Database::builder().set_cache_size(CACHE_BYTES_MAX).create(&path);
        let database = opened.map_err(|error| open_error(&path, error))?;
        Self::prepare(database, path)
    }

    /// Makes the tables of a new database, and refuses one whose layout is not known.
    pub(super) fn prepare(database: Database, path: PathBuf) -> Result<Self, OpenError> {
        let damaged =
            |error: redb::Error| OpenError::Damaged { path: path.clone(), reason: error.to_string() };
        let found = layout(&database).map_err(damaged)?;
        match found {
            Some(LAYOUT) => {}
            Some(found) => return Err(OpenError::Newer { path, found }),
            None => create_tables(&database).map_err(damaged)?,
        }
        Ok(Self { database: Arc::new(database), path })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends all of `events` in one durable commit and returns the sequence number of the first.
    pub(super) fn append<'a>(&self, events: impl Iterator<Item = &'a Event>) -> Result<u64, WriteError> {
        let transaction = self.database.begin_write().map_err(redb::Error::from)?;
        let first = {
            let mut table = transaction.open_table(EVENTS).map_err(redb::Error::from)?;
            let last = table.last().map_err(redb::Error::from)?.map_or(0, |(sequence, _)| sequence.value());
            let mut buffer = Vec::new();
            for (sequence, event) in (last + 1..).zip(events) {
                codec::encode(event, &mut buffer)?;
                table.insert(sequence, buffer.as_slice()).map_err(redb::Error::from)?;
            }
            last + 1
        };
        transaction.commit().map_err(redb::Error::from)?;
        Ok(first)
    }

    /// Every event after the one with the sequence number `after`, in order, as the database stands now.
    pub(super) fn events_after(&self, after: u64) -> Result<Events, ReadError> {
        let transaction = self.database.begin_read().map_err(redb::Error::from)?;
        let table = transaction.open_table(EVENTS).map_err(redb::Error::from)?;
        let range = table.range(after + 1..).map_err(redb::Error::from)?;
        Ok(Events { range })
    }

    /// The events with these sequence numbers, as the database stands now; those that are not there are passed over.
    pub(super) fn events_at(
        &self,
        sequences: impl Iterator<Item = u64>,
    ) -> Result<impl Iterator<Item = Result<(u64, Event), ReadError>>, ReadError> {
        let transaction = self.database.begin_read().map_err(redb::Error::from)?;
        let table = transaction.open_table(EVENTS).map_err(redb::Error::from)?;
        Ok(sequences.filter_map(move |sequence| match table.get(sequence) {
            Ok(bytes) => bytes.map(|bytes| decoded(sequence, bytes.value())),
            Err(error) => Some(Err(ReadError::Storage(error.into()))),
        }))
    }

    /// A snapshot's bytes.
    pub(super) fn snapshot(&self, which: Snapshot) -> Result<Option<Vec<u8>>, ReadError> {
        let transaction = self.database.begin_read().map_err(redb::Error::from)?;
        let table = transaction.open_table(SNAPSHOTS).map_err(redb::Error::from)?;
        let bytes = table.get(which.key()).map_err(redb::Error::from)?;
        Ok(bytes.map(|bytes| bytes.value().to_vec()))
    }

    /// Keeps a snapshot in place of the one before.
    pub(super) fn keep_snapshot(&self, which: Snapshot, bytes: &[u8]) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(SNAPSHOTS)?.insert(which.key(), bytes)?;
        transaction.commit()?;
        Ok(())
    }

    /// Removes the observations up to the event `through`, at most `events_max` events at a time; returns whether
    /// there are more. Everything else in the log stays.
    pub(super) fn remove_observations(&self, through: u64, events_max: u64) -> Result<bool, redb::Error> {
        let transaction = self.database.begin_write()?;
        let end = {
            let mut meta = transaction.open_table(META)?;
            let thinned = meta.get(META_THINNED)?.map_or(0, |thinned| thinned.value());
            let end = through.min(thinned.saturating_add(events_max));
            let is_other = |_: u64, bytes: &[u8]| !matches!(codec::decode(bytes), Ok(Event::Observed(_)));
            transaction.open_table(EVENTS)?.retain_in(thinned + 1..=end, is_other)?;
            meta.insert(META_THINNED, end)?;
            end
        };
        transaction.commit()?;
        Ok(end < through)
    }
}

/// Which snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) enum Snapshot {
    /// Of everything, as of some moment: a shortcut.
    Latest,
    /// Of everything that retention removed: what folding begins with.
    Base,
}

impl Snapshot {
    fn key(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Base => "base",
        }
    }
}

/// The store, or nothing while it is closed after a failure. Cloning shares it.
#[derive(Clone)]
pub(super) struct Slot(Arc<Mutex<Option<Store>>>);

impl Slot {
    pub(super) fn new(store: Store) -> Self {
        Self(Arc::new(Mutex::new(Some(store))))
    }

    pub(super) fn get(&self) -> Option<Store> {
        self.lock().clone()
    }

    pub(super) fn set(&self, store: Option<Store>) {
        *self.lock() = store;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Store>> {
        // What it guards is whole at every instant, whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Events in log order, each with its sequence number.
pub struct Events {
    range: redb::Range<'static, u64, &'static [u8]>,
}

impl Iterator for Events {
    type Item = Result<(u64, Event), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.range.next()? {
            Ok((sequence, bytes)) => decoded(sequence.value(), bytes.value()),
            Err(error) => Err(ReadError::Storage(error.into())),
        })
    }
}

fn decoded(sequence: u64, bytes: &[u8]) -> Result<(u64, Event), ReadError> {
    match codec::decode(bytes) {
        Ok(event) => Ok((sequence, event)),
        Err(source) => Err(ReadError::Entry { sequence, source }),
    }
}

fn layout(database: &Database) -> Result<Option<u64>, redb::Error> {
    match database.begin_read()?.open_table(META) {
        Ok(meta) => Ok(meta.get(META_LAYOUT)?.map(|layout| layout.value())),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn create_tables(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(META)?.insert(META_LAYOUT, LAYOUT)?;
    transaction.open_table(EVENTS)?;
    transaction.open_table(SNAPSHOTS)?;
    transaction.commit()?;
    Ok(())
}

fn open_error(path: &Path, error: DatabaseError) -> OpenError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse { path },
        DatabaseError::Storage(redb::StorageError::Io(source))
            if source.kind() != io::ErrorKind::InvalidData =>
        {
            OpenError::Io { path, source }
        }
        other => OpenError::Damaged { path, reason: other.to_string() },
    }
}

//! The redb tables. The only place that knows redb.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use super::codec::{self, CodecError};
use super::frame::Frame;
use crate::model::event::Event;

mod ground;

pub(super) use ground::Ground;

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
/// In [`META`]: a random number by which the journal's frames are known to belong to this database as it is now.
const META_SESSION: &str = "session";
/// The layout that this release writes.
const LAYOUT: u64 = 2;
/// The first layout, which had no journal beside it; otherwise the same.
const LAYOUT_WITHOUT_JOURNAL: u64 = 1;
/// The database's name in the data folder.
pub(super) const FILE_NAME: &str = "landfall.redb";
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
    /// The journal is not what was written.
    #[error(
        "{path} is damaged or no landfall journal ({reason}); nothing was changed. Restore a backup of the whole \
         folder, or move this file away to go on without the events that only it holds"
    )]
    DamagedJournal {
        /// The journal.
        path: PathBuf,
        /// What is wrong with it.
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

/// An open database.
#[derive(Clone)]
pub(super) struct Store {
    database: Arc<Database>,
    path: PathBuf,
}

impl Store {
    /// Opens the database in `dir`, making both where they do not exist.
    pub(super) fn open(dir: &Path) -> Result<Self, OpenError> {
        make_private(dir).map_err(|source| OpenError::Folder { path: dir.to_owned(), source })?;
        let path = dir.join(FILE_NAME);
        let file = open_private(&path).map_err(|source| OpenError::Io { path: path.clone(), source })?;
        Self::of_file(file, path)
    }

    /// Makes the tables of a new database, and refuses one whose layout is not known.
    pub(super) fn prepare(database: Database, path: PathBuf) -> Result<Self, OpenError> {
        let store = Self { database: Arc::new(database), path };
        match layout(&store.database).map_err(|error| store.failed(error))? {
            Some(LAYOUT | LAYOUT_WITHOUT_JOURNAL) => {}
            Some(found) => return Err(OpenError::Newer { path: store.path, found, known: LAYOUT }),
            None => create_tables(&store.database).map_err(|error| store.failed(error))?,
        }
        Ok(store)
    }

    fn failed(&self, error: redb::Error) -> OpenError {
        let path = self.path.clone();
        match error {
            redb::Error::Io(source) if source.kind() != io::ErrorKind::InvalidData => {
                OpenError::Io { path, source }
            }
            other => OpenError::Damaged { path, reason: other.to_string() },
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The sequence number of the last event, 0 for none, and the session that the journal's frames must be of.
    pub(super) fn head(&self) -> Result<(u64, Option<u64>), OpenError> {
        let read = || -> Result<_, redb::Error> {
            let transaction = self.database.begin_read()?;
            let meta = transaction.open_table(META)?;
            let last = last_event(&transaction.open_table(EVENTS)?, &meta)?;
            Ok((last, meta.get(META_SESSION)?.map(|session| session.value())))
        };
        read().map_err(|error| self.failed(error))
    }

    /// Takes over what a journal holds, and begins a new session: in one durable commit.
    pub(super) fn begin_session(&self, frames: &[Frame], session: u64) -> Result<(), OpenError> {
        let write = || -> Result<(), redb::Error> {
            let transaction = begin_write(&self.database)?;
            insert(&transaction, frames)?;
            {
                let mut meta = transaction.open_table(META)?;
                meta.insert(META_SESSION, session)?;
                meta.insert(META_LAYOUT, LAYOUT)?;
            }
            transaction.commit()?;
            Ok(())
        };
        write().map_err(|error| self.failed(error))
    }

    /// Takes over what it does not have yet of `frames`, in one durable commit.
    pub(super) fn append(&self, frames: &[Frame]) -> Result<(), redb::Error> {
        let transaction = begin_write(&self.database)?;
        insert(&transaction, frames)?;
        transaction.commit()?;
        Ok(())
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
        let transaction = begin_write(&self.database)?;
        transaction.open_table(SNAPSHOTS)?.insert(which.key(), bytes)?;
        transaction.commit()?;
        Ok(())
    }

    /// Removes the observations up to the event `through`, at most `events_max` events at a time; returns whether
    /// there are more. Everything else in the log stays.
    pub(super) fn remove_observations(&self, through: u64, events_max: u64) -> Result<bool, redb::Error> {
        let transaction = begin_write(&self.database)?;
        let end = {
            let mut meta = transaction.open_table(META)?;
            let thinned = meta.get(META_THINNED)?.map_or(0, |thinned| thinned.value());
            let end = through.min(thinned.saturating_add(events_max));
            let is_other = |_: u64, bytes: &[u8]| !codec::decode(bytes).is_ok_and(|it| it.is_observed());
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

/// Makes the data folder where it does not exist. Who pulls what is nobody else's business on this machine, and the
/// admin token lies here, too.
pub(super) fn make_private(dir: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Opens a file of the data folder, which is made if it does not exist. Nobody else may read it, nor one that was made by
/// a release that let them.
fn open_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// The events of `frames` that are not there yet.
fn insert(transaction: &WriteTransaction, frames: &[Frame]) -> Result<(), redb::Error> {
    let mut events = transaction.open_table(EVENTS)?;
    let last = last_event(&events, &transaction.open_table(META)?)?;
    for (sequence, bytes) in frames.iter().flat_map(Frame::entries) {
        if sequence > last {
            events.insert(sequence, bytes)?;
        }
    }
    Ok(())
}

/// The last event there is, or was before retention removed it.
fn last_event(
    events: &impl ReadableTable<u64, &'static [u8]>,
    meta: &impl ReadableTable<&'static str, u64>,
) -> Result<u64, redb::Error> {
    let last = events.last()?.map_or(0, |(sequence, _)| sequence.value());
    Ok(meta.get(META_THINNED)?.map_or(last, |thinned| thinned.value().max(last)))
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

/// Each commit saves what a crash would make the next opening gather from the whole file. That costs a commit more, and
/// nobody waits for one: pulls wait for the journal.
fn begin_write(database: &Database) -> Result<WriteTransaction, redb::TransactionError> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

fn create_tables(database: &Database) -> Result<(), redb::Error> {
    let transaction = begin_write(database)?;
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

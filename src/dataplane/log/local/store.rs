//! The redb tables. The only place that knows redb.
//!
//! redb has checksums of its pages, but looks at them only after a crash; and it panics over some pages that are damaged.
//! So each event and the head have a checksum here, which is looked at whenever they are read; every number after
//! `thinned` must be there; and a panic comes back as damage (`guard`).

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use super::files::{DATABASE as FILE_NAME, JOURNAL, OpenFiles};
use crate::log::codec;
use crate::log::engine::Snapshot;
use crate::log::error::{Fault, OpenError};
use crate::log::frame::Frame;
use crate::model::event::Event;

mod entry;
mod error;
#[cfg(any(test, feature = "shared"))]
mod followed;
mod guard;
mod layout;
mod opening_mark;
pub(in crate::log) mod pages;
mod read;
mod whole;

pub(in crate::log) use entry::Head;
use error::Trouble;
#[cfg(any(test, feature = "shared"))]
pub(in crate::log) use followed::Followed;
#[cfg(test)]
pub(in crate::log) use guard::is_asking;
use guard::{Guarded, guarded};
pub(in crate::log) use opening_mark::Trial;

/// Every event by its sequence number, from 1, with a checksum ([`entry`]).
const ENTRIES: TableDefinition<u64, &[u8]> = TableDefinition::new("entries");
/// The [`Head`], under [`HEAD_KEY`].
const HEAD: TableDefinition<&str, &[u8]> = TableDefinition::new("head");
const HEAD_KEY: &str = "head";
/// States folded from the events, by [`Snapshot`]. Their bytes have a checksum of their own.
const SNAPSHOTS: TableDefinition<&str, &[u8]> = TableDefinition::new("snapshots");

/// An open database.
#[derive(Clone)]
pub(in crate::log) struct Store {
    database: Arc<Guarded<Database>>,
    path: PathBuf,
}

impl Store {
    /// Opens the database in `dir`, making both where they do not exist.
    pub(in crate::log) fn open(dir: &Path) -> Result<Self, OpenError> {
        make_private(dir).map_err(|source| OpenError::Folder { path: dir.to_owned(), source })?;
        let path = dir.join(FILE_NAME);
        let is_new = path.metadata().map_or(true, |database| database.len() == 0);
        // The journal is made after the database, so one that is there had a database.
        if is_new && dir.join(JOURNAL).exists() {
            let reason = "it is missing or empty, and its journal is there".to_owned();
            return Err(OpenError::Damaged { path, reason });
        }
        let file = open_private(&path).map_err(|source| OpenError::Io { path: path.clone(), source })?;
        Self::of_file(file, path, Trial::is_left_in(dir))
    }

    /// The database's path.
    pub(in crate::log) fn path(&self) -> &Path {
        &self.path
    }

    /// Facts about it as a whole.
    pub(in crate::log) fn head(&self) -> Result<Head, Fault> {
        self.read(|transaction| head_of(&transaction.open_table(HEAD)?))
    }

    /// Takes over what a journal holds, and begins a new session: in one durable commit.
    pub(in crate::log) fn begin_session(&self, frames: &[Frame], session: u64) -> Result<(), Fault> {
        self.write(|transaction, head| {
            head.session = session;
            insert(transaction, head, frames)
        })?;
        // redb keeps the commit before the last one, too, and one bit of its file says which is which. That one is to
        // have this session as well: what the journal had for the session before is written over from now on.
        self.write(|_, _| Ok(()))
    }

    /// Takes over what it does not have yet of `frames`, in one durable commit.
    pub(in crate::log) fn append(&self, frames: &[Frame]) -> Result<(), Fault> {
        self.write(|transaction, head| insert(transaction, head, frames))
    }

    /// A snapshot's bytes.
    pub(in crate::log) fn snapshot(&self, which: Snapshot) -> Result<Option<Vec<u8>>, Fault> {
        self.read(|transaction| {
            let bytes = transaction.open_table(SNAPSHOTS)?.get(which.key())?;
            Ok(bytes.map(|bytes| bytes.value().to_vec()))
        })
    }

    /// Keeps a snapshot in place of the one before.
    pub(in crate::log) fn keep_snapshot(&self, which: Snapshot, bytes: &[u8]) -> Result<(), Fault> {
        self.write(|transaction, _| {
            transaction.open_table(SNAPSHOTS)?.insert(which.key(), bytes)?;
            Ok(())
        })
    }

    /// Removes the events up to the number `through` that `is_removed` says, looking at `events_max` at most; returns
    /// whether there are more. Everything else in the log stays, damaged events too.
    pub(in crate::log) fn remove(
        &self,
        through: u64,
        is_removed: fn(&Event) -> bool,
        events_max: u64,
    ) -> Result<bool, Fault> {
        self.write(|transaction, head| {
            let end = through.min(head.thinned.saturating_add(events_max));
            let mut removed = 0;
            let stays = |sequence: u64, bytes: &[u8]| {
                let event = entry::unseal(sequence, bytes).map(codec::decode);
                let goes = matches!(event, Some(Ok(event)) if is_removed(&event));
                removed += u64::from(goes);
                !goes
            };
            transaction.open_table(ENTRIES)?.retain_in(head.thinned + 1..=end, stays)?;
            head.thinned = head.thinned.max(end);
            head.entries = head.entries.saturating_sub(removed);
            Ok(end < through)
        })
    }

    fn read<T>(&self, work: impl FnOnce(&ReadTransaction) -> Result<T, Trouble>) -> Result<T, Fault> {
        guarded(|| work(&self.database.begin_read()?)).map_err(|trouble| trouble.at(&self.path))
    }

    /// Does `work`, and writes the head that it leaves: all of it in one durable commit, or nothing.
    fn write<T>(
        &self,
        work: impl FnOnce(&WriteTransaction, &mut Head) -> Result<T, Trouble>,
    ) -> Result<T, Fault> {
        let write = || {
            let transaction = begin_write(&self.database)?;
            let mut head = head_of(&transaction.open_table(HEAD)?)?;
            let done = work(&transaction, &mut head)?;
            transaction.open_table(HEAD)?.insert(HEAD_KEY, head.encode().as_slice())?;
            transaction.commit()?;
            Ok(done)
        };
        guarded(write).map_err(|trouble| trouble.at(&self.path))
    }
}

/// The store, or nothing while it is closed after a failure. Cloning shares it.
#[derive(Clone)]
pub(in crate::log) struct Slot(Arc<Mutex<Option<Store>>>);

impl Slot {
    pub(in crate::log) fn new(store: Store) -> Self {
        Self(Arc::new(Mutex::new(Some(store))))
    }

    pub(in crate::log) fn get(&self) -> Option<Store> {
        self.lock().clone()
    }

    /// The open database of the folder `dir`, whose files are these; nothing while it cannot be opened.
    pub(in crate::log) fn open_again(&self, dir: &Path, files: &OpenFiles) -> Option<Store> {
        if let Some(store) = self.get() {
            return Some(store);
        }
        if let Err(astray) = files.check() {
            // Another database would be made or opened, to which what waits does not belong.
            tracing::error!(%astray, "the database of the log is not opened again");
            return None;
        }
        match Store::open(dir) {
            Ok(store) => {
                tracing::info!("the database of the log is open again");
                self.set(Some(store.clone()));
                Some(store)
            }
            Err(error) => {
                tracing::error!(%error, "the database of the log does not open");
                None
            }
        }
    }

    pub(in crate::log) fn set(&self, store: Option<Store>) {
        *self.lock() = store;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Store>> {
        // The guarded value is whole at every instant, even after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the data folder where it does not exist. The pulls are nobody else's business on this machine, and the
/// admin token lies here, too.
pub(in crate::log) fn make_private(dir: &Path) -> io::Result<()> {
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

/// The head that the table holds.
fn head_of(table: &impl ReadableTable<&'static str, &'static [u8]>) -> Result<Head, Trouble> {
    let bytes = table.get(HEAD_KEY)?.ok_or_else(|| Trouble::damage("its head is missing"))?;
    Head::decode(bytes.value()).ok_or_else(|| Trouble::damage("its head has another checksum"))
}

/// The events of `frames` that are not there yet.
fn insert(transaction: &WriteTransaction, head: &mut Head, frames: &[Frame]) -> Result<(), Trouble> {
    let mut table = transaction.open_table(ENTRIES)?;
    let last = table.last()?.map_or(0, |(sequence, _)| sequence.value());
    if last.max(head.thinned) != head.last {
        return Err(Trouble::damage(format!("its last event is {last} and should be {}", head.last)));
    }
    let mut sealed = Vec::new();
    for (sequence, bytes) in frames.iter().flat_map(Frame::entries) {
        if sequence > head.last {
            entry::seal(sequence, bytes, &mut sealed);
            table.insert(sequence, sealed.as_slice())?;
            (head.last, head.entries) = (sequence, head.entries + 1);
        }
    }
    Ok(())
}

/// Each commit saves what a crash would make the next opening gather from the whole file. That costs a commit more, and
/// nobody waits for one: pulls wait for the journal.
fn begin_write(database: &Database) -> Result<WriteTransaction, Trouble> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

#[cfg(test)]
mod tests;

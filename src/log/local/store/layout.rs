//! The layouts of the database that were ever written: a new one is made, an old one is brought to today's.
//!
//! - 1: events in `events`; facts as numbers in `meta`.
//! - 2: the same, with a journal beside it and its session in `meta`.
//! - 3: events with checksums in `entries`, facts with one in `head`; `meta` has the layout alone.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError};

use super::error::Trouble;
use super::guard::{Guarded, guarded};
use super::{ENTRIES, HEAD, HEAD_KEY, Head, OpenError, SNAPSHOTS, Store, begin_write, entry};

/// The layout that this release writes.
const LAYOUT: u64 = 3;
/// Until layout 3: every event by its sequence number.
const EVENTS: TableDefinition<u64, &[u8]> = TableDefinition::new("events");
/// Numbers by their names.
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// In [`META`]: which layout of tables this is.
const META_LAYOUT: &str = "layout";
/// In [`META`] until layout 3: what is in the [`Head`] now.
const META_THINNED: &str = "thinned";
const META_SESSION: &str = "session";
/// Pages that redb keeps in memory. The log is written at its end and read from its beginning to its end, so a
/// larger cache would only be larger.
const CACHE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Events that get their checksums in one commit.
const MOVED_MAX: usize = 20_000;

impl Store {
    /// The database in `file`, which lies at `path`; a new one where that is empty. One that `is_suspect` is looked at page by
    /// page.
    pub(in crate::log) fn of_file(file: File, path: PathBuf, is_suspect: bool) -> Result<Self, OpenError> {
        let create = || {
            let backend = FileBackend::new(file)?;
            Ok(Database::builder().set_cache_size(CACHE_BYTES_MAX).create_with_backend(backend)?)
        };
        let database = guarded(create).map_err(|trouble| trouble.at(&path))?;
        Self::prepare(database, path, is_suspect)
    }

    /// Makes the tables of a new database, brings an old one to today's layout, and refuses one whose layout is not known.
    pub(in crate::log) fn prepare(
        database: Database,
        path: PathBuf,
        is_suspect: bool,
    ) -> Result<Self, OpenError> {
        let mut database = Guarded::new(database);
        let prepared = guarded(|| prepare(&mut database, is_suspect)).map_err(|trouble| trouble.at(&path))?;
        match prepared {
            Ok(()) => Ok(Self { database: Arc::new(database), path }),
            Err(found) => Err(OpenError::Newer { path, found, known: LAYOUT }),
        }
    }
}

/// The layout is to be known afterwards; else it is returned.
fn prepare(database: &mut Database, is_suspect: bool) -> Result<Result<(), u64>, Trouble> {
    if is_suspect && !database.check_integrity()? {
        return Err(Trouble::damage("its last opening ended the process, and its pages do not fit together"));
    }
    match layout(database)? {
        None => create_tables(database)?,
        Some(LAYOUT) if has_head(database)? => {}
        Some(1..=LAYOUT) => upgrade(database)?,
        Some(found) => return Ok(Err(found)),
    }
    Ok(Ok(()))
}

/// The layout; nothing where no table was ever made.
fn layout(database: &Database) -> Result<Option<u64>, Trouble> {
    let transaction = database.begin_read()?;
    match transaction.open_table(META) {
        Ok(meta) => match meta.get(META_LAYOUT)? {
            Some(layout) => Ok(Some(layout.value())),
            None => Err(Trouble::damage("it does not say which layout it has")),
        },
        Err(TableError::TableDoesNotExist(_)) if transaction.list_tables()?.next().is_none() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn has_head(database: &Database) -> Result<bool, Trouble> {
    match database.begin_read()?.open_table(HEAD) {
        Ok(_) => Ok(true),
        Err(TableError::TableDoesNotExist(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn create_tables(database: &Database) -> Result<(), Trouble> {
    let transaction = begin_write(database)?;
    transaction.open_table(META)?.insert(META_LAYOUT, LAYOUT)?;
    transaction.open_table(HEAD)?.insert(HEAD_KEY, Head::default().encode().as_slice())?;
    transaction.open_table(ENTRIES)?;
    transaction.open_table(SNAPSHOTS)?;
    transaction.commit()?;
    Ok(())
}

/// Gives every event its checksum, a bounded number in each commit. A crash in between leaves some in the old table,
/// and no head: the next opening goes on.
fn upgrade(database: &mut Database) -> Result<(), Trouble> {
    // A checksum is to vouch for what was written, not for what became of it: here redb's own decide, this once.
    if !database.check_integrity()? {
        return Err(Trouble::damage("its pages have other checksums"));
    }
    let transaction = begin_write(database)?;
    // An older release is not to take it for its own from here on.
    transaction.open_table(META)?.insert(META_LAYOUT, LAYOUT)?;
    transaction.open_table(EVENTS)?;
    transaction.commit()?;
    while has_moved(database)? {}

    let transaction = begin_write(database)?;
    {
        let (entries, mut meta) = (transaction.open_table(ENTRIES)?, transaction.open_table(META)?);
        let last = entries.last()?.map_or(0, |(sequence, _)| sequence.value());
        let mut take = |name| Ok::<_, Trouble>(meta.remove(name)?.map_or(0, |number| number.value()));
        let (thinned, session) = (take(META_THINNED)?, take(META_SESSION)?);
        let head = Head {
            session,
            last: last.max(thinned),
            thinned,
            entries: redb::ReadableTableMetadata::len(&entries)?,
        };
        transaction.open_table(HEAD)?.insert(HEAD_KEY, head.encode().as_slice())?;
        transaction.open_table(SNAPSHOTS)?;
    }
    transaction.delete_table(EVENTS)?;
    transaction.commit()?;
    Ok(())
}

/// Moves the next events from the old table. Returns whether there were any.
fn has_moved(database: &Database) -> Result<bool, Trouble> {
    let transaction = begin_write(database)?;
    let mut last = None;
    {
        let (mut events, mut entries) = (transaction.open_table(EVENTS)?, transaction.open_table(ENTRIES)?);
        let mut sealed = Vec::new();
        for row in events.range::<u64>(..)?.take(MOVED_MAX) {
            let (sequence, bytes) = row?;
            entry::seal(sequence.value(), bytes.value(), &mut sealed);
            entries.insert(sequence.value(), sealed.as_slice())?;
            last = Some(sequence.value());
        }
        if let Some(last) = last {
            events.retain_in(..=last, |_, _| false)?;
        }
    }
    transaction.commit()?;
    Ok(last.is_some())
}

//! The layout of the database's tables: made in a new one, looked for in one that is there.
//!
//! Layout 4: events with checksums in `entries`, facts with one in `head`, folded states in `snapshots`; `meta` has the
//! layout alone. Layouts 1 to 3 were written by builds from before the first release, and are refused.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase, TableDefinition, TableError};

use super::error::Trouble;
use super::guard::{Guarded, guarded};
use super::{ENTRIES, HEAD, HEAD_KEY, Head, OpenError, SNAPSHOTS, Store, begin_write};

/// The layout that this release writes.
const LAYOUT: u64 = 4;
/// Numbers by their names.
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// In [`META`]: which layout of tables this is.
const META_LAYOUT: &str = "layout";
/// Pages that redb keeps in memory. The log is written at its end and read from its beginning to its end, so a
/// larger cache would only be larger.
const CACHE_BYTES_MAX: usize = 16 * 1024 * 1024;

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

    /// Makes the tables of a new database, and refuses one that has another layout than today's.
    pub(in crate::log) fn prepare(
        database: Database,
        path: PathBuf,
        is_suspect: bool,
    ) -> Result<Self, OpenError> {
        let mut database = Guarded::new(database);
        match guarded(|| prepare(&mut database, is_suspect)).map_err(|trouble| trouble.at(&path))? {
            LAYOUT => Ok(Self { database: Arc::new(database), path }),
            found if found < LAYOUT => Err(OpenError::Older { path, found }),
            found => Err(OpenError::Newer { path, found, known: LAYOUT }),
        }
    }
}

/// Makes the tables where there are none. Returns the layout.
fn prepare(database: &mut Database, is_suspect: bool) -> Result<u64, Trouble> {
    if is_suspect && !database.check_integrity()? {
        return Err(Trouble::damage("its last opening ended the process, and its pages do not fit together"));
    }
    match layout(database)? {
        Some(0) => Err(Trouble::damage("its layout is none that was ever written")),
        Some(found) => Ok(found),
        None => create_tables(database).map(|()| LAYOUT),
    }
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

fn create_tables(database: &Database) -> Result<(), Trouble> {
    let transaction = begin_write(database)?;
    transaction.open_table(META)?.insert(META_LAYOUT, LAYOUT)?;
    transaction.open_table(HEAD)?.insert(HEAD_KEY, Head::default().encode().as_slice())?;
    transaction.open_table(ENTRIES)?;
    transaction.open_table(SNAPSHOTS)?;
    transaction.commit()?;
    Ok(())
}

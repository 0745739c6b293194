//! The engine on this machine's disk: a journal makes durable, a database keeps.
//!
//! A commit of the database costs some ten writes however little is in it; a frame of the journal costs one, and one sync.
//! So `append` writes to the journal alone, and the flusher moves many frames at once from there into the database.

mod flusher;

pub(super) mod draft;
pub(super) mod files;
pub(super) mod journal;
pub(super) mod pace;
pub(super) mod salvage;
pub(super) mod scrub;
pub(super) mod store;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;

use super::engine::{Deliver, Engine, EngineHealth, Events, Group, Kept, Numbered, Refusal, Snapshot, Whole};
use super::error::{Astray, OpenError, ReadError};
use crate::model::event::Event;
use files::OpenFiles;
use flusher::{Flusher, Progress};
use journal::Journal;
use scrub::Scrubber;
use store::{Slot, Store};

/// A log in a folder of this machine. Nobody else can open it meanwhile.
pub(super) struct Local {
    dir: PathBuf,
    slot: Slot,
    failures: Counter,
    scrubber: Scrubber,
    /// The writer; nothing before the beginning and after the end.
    writing: Mutex<Option<Writing>>,
    flusher: OnceLock<Flusher>,
    #[cfg(test)]
    pub(super) disks: Disks,
}

struct Writing {
    journal: Journal,
    /// The last act that was appended since the beginning. A reader of the log saw those before.
    last_act: u64,
    deliver: Deliver,
}

impl Local {
    /// The log in the folder `dir`, which is made if it does not exist. Failures to write the database are counted in
    /// `failures`. Nothing is written to a log that is there.
    ///
    /// # Errors
    /// Another process has it open, its format is not this program's, or it is damaged.
    pub(super) fn open(dir: &Path, failures: Counter) -> Result<Self, OpenError> {
        Ok(Self::of(Store::open(dir)?, failures))
    }

    /// The log whose database is open.
    pub(super) fn of(store: Store, failures: Counter) -> Self {
        Self {
            dir: store.path().parent().map(Path::to_owned).unwrap_or_default(),
            slot: Slot::new(store),
            failures,
            scrubber: Scrubber::default(),
            writing: Mutex::default(),
            flusher: OnceLock::new(),
            #[cfg(test)]
            disks: Disks::default(),
        }
    }

    /// The open database. It is closed for moments after a failure.
    pub(super) fn store(&self) -> Result<Store, ReadError> {
        self.slot.get().ok_or(ReadError::Closed)
    }

    fn open_journal(&self, store: &Store) -> Result<Journal, OpenError> {
        #[cfg(test)]
        if let Some(half_pages) = self.disks.half_pages {
            let journal = Journal::open_sized(&self.dir, store, half_pages)?;
            return Ok(journal.with_disk(|disk| match &self.disks.wrap {
                Some(wrap) => wrap(disk),
                None => disk,
            }));
        }
        Journal::open(&self.dir, store)
    }

    fn writing(&self) -> MutexGuard<'_, Option<Writing>> {
        // A frame that was torn by a panic is like one that was torn by a crash: the next write goes over it.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for Local {
    fn begin(&self, deliver: Deliver) -> Result<(), OpenError> {
        let store = self.store().map_err(|error| error.at_opening(&self.dir))?;
        let journal = self.open_journal(&store)?;
        let failed = |source| OpenError::Io { path: store.path().to_owned(), source };
        let files = OpenFiles::of(&self.dir).map_err(failed)?;
        let (half_bytes, progress) = (journal.half_bytes(), journal.progress());
        let (slot, dir, failures) = (self.slot.clone(), self.dir.clone(), self.failures.clone());
        self.flusher.get_or_init(|| Flusher::new(slot, dir, files, half_bytes, progress, failures));
        *self.writing() = Some(Writing { journal, last_act: 0, deliver });
        Ok(())
    }

    fn append(
        &self,
        group: &mut Group,
        seen: Option<u64>,
        durable: &mut dyn FnMut(),
    ) -> Result<u64, Refusal> {
        let closed = || Refusal::Unwritable("it is closed".to_owned());
        let mut writing = self.writing();
        let writing = writing.as_mut().ok_or_else(closed)?;
        let flusher = self.flusher.get().ok_or_else(closed)?;
        let unwritable = |error: journal::WriteError| Refusal::Unwritable(error.to_string());
        if group.events().is_empty() {
            return writing.journal.unspoil().map(|()| writing.journal.last()).map_err(unwritable);
        }
        if seen.is_some_and(|seen| writing.last_act > seen) {
            return Err(Refusal::Outdated { by: writing.last_act });
        }
        writing.journal.write(group.frame_mut()).map_err(unwritable)?;
        durable();
        let last_act = group.last_act();
        let (frame, events) = group.take();
        let (first, last) = (frame.first(), frame.last());
        if let Some(place) = last_act {
            writing.last_act = first + place as u64;
        }
        flusher.take(frame);
        (writing.deliver)(Numbered { era: 0, first, events });
        Ok(last)
    }

    fn keep(&self, now: Instant, is_asked: bool) -> Kept {
        self.flusher.get().map_or(Kept { is_all: true, due: None }, |flusher| flusher.keep(now, is_asked))
    }

    fn events_after(&self, after: u64) -> Result<Events, ReadError> {
        self.store()?.events_after(after)
    }

    fn events_at(&self, numbers: &[u64]) -> Result<Vec<(u64, Event)>, ReadError> {
        self.store()?.events_at(numbers.iter().copied())?.collect()
    }

    fn whole(&self) -> Result<Whole, ReadError> {
        Ok(self.store()?.whole()?)
    }

    fn snapshot(&self, which: Snapshot) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.store()?.snapshot(which)?)
    }

    fn keep_snapshot(&self, which: Snapshot, _era: u64, bytes: &[u8]) -> Result<(), ReadError> {
        Ok(self.store()?.keep_snapshot(which, bytes)?)
    }

    fn remove(
        &self,
        through: u64,
        is_removed: fn(&Event) -> bool,
        events_max: u64,
    ) -> Result<bool, ReadError> {
        Ok(self.store()?.remove(through, is_removed, events_max)?)
    }

    fn scrub(&self, now: Instant) -> Duration {
        self.scrubber.step(self.slot.get().as_ref(), now)
    }

    fn check_place(&self) -> Result<(), Astray> {
        self.flusher.get().map_or(Ok(()), |flusher| flusher.files().check())
    }

    fn health(&self) -> EngineHealth {
        let progress = self.flusher.get().map(Flusher::progress);
        let found = self.scrubber.found();
        EngineHealth {
            is_keeping_refused: progress.is_some_and(Progress::is_failing),
            free_bytes: progress.map_or(0, Progress::free_bytes),
            damaged_events: found.damaged,
            scrubbed_at: found.ended_at,
        }
    }

    fn close(&self) {
        if let Some(flusher) = self.flusher.get() {
            // Nobody keeps anything any more: an append that waits for room is not to wait for ever.
            flusher.progress().failing();
        }
        *self.writing() = None;
        self.slot.set(None);
    }
}

/// A smaller journal, on a disk of a test's own.
#[cfg(test)]
#[derive(Default)]
pub(super) struct Disks {
    pub(super) half_pages: Option<u32>,
    pub(super) wrap: Option<Wrap>,
}

/// Makes a disk of the real one.
#[cfg(test)]
type Wrap = Box<dyn Fn(Box<dyn journal::Disk>) -> Box<dyn journal::Disk> + Send + Sync>;

//! The flusher: takes what the journal made durable into the database, many frames at once.
//!
//! It holds the frames in memory until the database has them; the journal's size bounds how many these can be. While the
//! database fails, it is opened again every second, and the journal goes on as long as it has room.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;

use super::files::OpenFiles;
use super::store::{Slot, Store};
use crate::log::engine::Kept;
use crate::log::frame::Frame;

/// How long a frame stays in the journal alone while little happens.
const KEEP_PAUSE: Duration = Duration::from_secs(1);
/// Pause between two attempts with a database that failed.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// How far journal and database are: what the journal waits for, and how much room it has.
pub(in crate::log) struct Progress {
    half_bytes: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// The last event that the database has.
    kept: u64,
    /// The database cannot be written, or nobody does it any more.
    failing: bool,
    /// What is used of the half that is being filled.
    used_bytes: usize,
    /// The last event in the other half.
    other_last: u64,
}

impl Progress {
    /// Of a journal whose halves have so many bytes.
    pub(in crate::log) fn new(half_bytes: usize) -> Self {
        Self { half_bytes, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Notes what is used of the half that is being filled, and the last event in the other one.
    pub(in crate::log) fn filled(&self, used_bytes: usize, other_last: u64) {
        let mut state = self.lock();
        (state.used_bytes, state.other_last) = (used_bytes, other_last);
    }

    /// What the journal can take before it has to wait for the database.
    pub(in crate::log) fn free_bytes(&self) -> u64 {
        let state = self.lock();
        let other = if state.other_last <= state.kept { self.half_bytes } else { 0 };
        (self.half_bytes - state.used_bytes + other) as u64
    }

    /// Waits until the database has the event `sequence`; false if it cannot be written.
    pub(in crate::log) fn wait_until_kept(&self, sequence: u64) -> bool {
        let waiting = |state: &mut State| state.kept < sequence && !state.failing;
        let state = self.changed.wait_while(self.lock(), waiting).unwrap_or_else(PoisonError::into_inner);
        state.kept >= sequence
    }

    pub(in crate::log) fn is_failing(&self) -> bool {
        self.lock().failing
    }

    pub(in crate::log) fn kept(&self, sequence: u64) {
        let mut state = self.lock();
        (state.kept, state.failing) = (sequence, false);
        drop(state);
        self.changed.notify_all();
    }

    pub(in crate::log) fn failing(&self) {
        self.lock().failing = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Two plain values are whole at every instant, whoever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the database has yet to take.
pub(super) struct Flusher {
    slot: Slot,
    dir: PathBuf,
    files: OpenFiles,
    pending: Mutex<Pending>,
    /// At this many bytes the database takes them.
    bytes_max: usize,
    /// When they are to be taken at the latest; held while they are.
    due: Mutex<Option<Instant>>,
    progress: Arc<Progress>,
    failures: Counter,
}

#[derive(Default)]
struct Pending {
    frames: Vec<Frame>,
    bytes: usize,
}

impl Flusher {
    /// A flusher for the database in `dir`, which is open in `slot`, behind a journal that says in `progress` how far it
    /// is and whose halves have `half_bytes`.
    pub(super) fn new(
        slot: Slot,
        dir: PathBuf,
        files: OpenFiles,
        half_bytes: usize,
        progress: Arc<Progress>,
        failures: Counter,
    ) -> Self {
        // Each half empties in pieces, so there is room long before the other one is full.
        let bytes_max = half_bytes / 4;
        Self {
            slot,
            dir,
            files,
            pending: Mutex::default(),
            bytes_max,
            due: Mutex::default(),
            progress,
            failures,
        }
    }

    /// Takes charge of a frame that is durable.
    pub(super) fn take(&self, frame: Frame) {
        let mut pending = locked(&self.pending);
        pending.bytes += frame.bytes().len();
        pending.frames.push(frame);
    }

    /// Lets the database take what is pending, if it is time for that, or at once where that `is_asked`.
    pub(super) fn keep(&self, now: Instant, is_asked: bool) -> Kept {
        let mut due = locked(&self.due);
        let bytes = locked(&self.pending).bytes;
        if bytes == 0 {
            return Kept { is_all: true, due: None };
        }
        let at = *due.get_or_insert(now + KEEP_PAUSE);
        let is_waiting = self.progress.is_failing() && self.slot.get().is_none() && now < at;
        let is_much = bytes >= self.bytes_max && !self.progress.is_failing();
        if is_waiting || !(is_asked || is_much || at <= now) {
            return Kept { is_all: false, due: *due };
        }
        let is_all = self.flush();
        *due = match is_all {
            true => None,
            false => Some(now + RETRY_PAUSE),
        };
        Kept { is_all, due: *due }
    }

    /// Lets the database take what is pending now. Returns whether it did.
    fn flush(&self) -> bool {
        let Some(store) = self.store() else { return self.fail() };
        let Pending { frames, bytes } = std::mem::take(&mut *locked(&self.pending));
        match store.append(&frames) {
            Ok(()) => {
                self.progress.kept(frames.last().map_or(0, Frame::last));
                true
            }
            Err(error) => {
                let mut pending = locked(&self.pending);
                let later = std::mem::replace(&mut pending.frames, frames);
                pending.frames.extend(later);
                pending.bytes += bytes;
                tracing::error!(%error, "the database of the log cannot be written; its journal goes on while it has room");
                self.fail()
            }
        }
    }

    /// The open database; nothing while it cannot be opened.
    fn store(&self) -> Option<Store> {
        if let Some(store) = self.slot.get() {
            return Some(store);
        }
        if let Err(astray) = self.files.check() {
            // Another database would be made or opened, to which these frames do not belong.
            tracing::error!(%astray, "the database of the log is not opened again");
            return None;
        }
        match Store::open(&self.dir) {
            Ok(store) => {
                tracing::info!("the database of the log is open again");
                self.slot.set(Some(store.clone()));
                Some(store)
            }
            Err(error) => {
                tracing::error!(%error, "the database of the log does not open");
                None
            }
        }
    }

    /// redb refuses everything after a failed write, so the database is closed here and opened again.
    fn fail(&self) -> bool {
        self.failures.inc();
        self.slot.set(None);
        self.progress.failing();
        false
    }

    /// Where the log's files are.
    pub(super) fn files(&self) -> &OpenFiles {
        &self.files
    }

    /// How far journal and database are.
    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in them is whole at every instant, whoever panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

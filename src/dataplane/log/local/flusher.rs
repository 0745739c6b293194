//! The flusher: takes what the journal made durable into the database, many frames at once.
//!
//! It holds the frames in memory until the database has them; the journal's size bounds how many these can be. While the
//! database fails, it is opened again every second, and the journal goes on as long as it has room.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use prometheus_client::metrics::counter::Counter;

use super::files::OpenFiles;
use super::pace::{self, Waiting};
use super::store::Slot;
use crate::log::engine::Kept;
use crate::log::frame::Frame;

/// The progress of journal and database: the journal waits for it, and knows its room by it.
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
    /// The used bytes of the half that is being filled.
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

    /// Room in the journal, in bytes, until it has to wait for the database.
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
        // Two plain values are whole at every instant, even after a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The frames that the database has yet to take.
pub(super) struct Flusher {
    slot: Slot,
    dir: PathBuf,
    files: OpenFiles,
    pending: Mutex<Pending>,
    /// At this many bytes the database takes them.
    bytes_max: usize,
    /// The latest time at which they are to be taken; held while they are.
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
        let is_failing = self.progress.is_failing();
        let waiting = Waiting {
            bytes: locked(&self.pending).bytes,
            bytes_max: self.bytes_max,
            is_failing,
            is_closed: is_failing && self.slot.get().is_none(),
        };
        pace::keep(&mut due, &waiting, now, is_asked, || self.flush())
    }

    /// Lets the database take what is pending now. Returns whether it did.
    fn flush(&self) -> bool {
        let Some(store) = self.slot.open_again(&self.dir, &self.files) else { return self.fail() };
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

    /// redb refuses everything after a failed write, so the database is closed here and opened again.
    fn fail(&self) -> bool {
        self.failures.inc();
        self.slot.set(None);
        self.progress.failing();
        false
    }

    /// The log's files.
    pub(super) fn files(&self) -> &OpenFiles {
        &self.files
    }

    /// The progress of journal and database.
    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Its contents are whole at every instant, even after a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

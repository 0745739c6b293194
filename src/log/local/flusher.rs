//! The keeper: takes what the journal made durable into the database, many frames at once.
//!
//! It works on the thread that folds, so a snapshot is never ahead of the database. It holds the frames in memory until the
//! database has them; the journal's size bounds how many these can be. While the database fails, it is opened again from
//! second to second, and the journal goes on as long as it has room.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;

use super::place::Footing;
use crate::log::frame::Frame;
use super::journal::Journal;
use super::store::{Slot, Store};

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
pub(in crate::log) struct Keeper {
    slot: Slot,
    dir: PathBuf,
    footing: Arc<Footing>,
    pending: Vec<Frame>,
    pending_bytes: usize,
    /// At this many bytes the database takes them.
    bytes_max: usize,
    /// When they are to be taken at the latest.
    due: Instant,
    progress: Arc<Progress>,
    failures: Counter,
}

impl Keeper {
    /// A keeper for the database in `dir`, which is open in `slot`, behind `journal`.
    pub(in crate::log) fn new(
        slot: Slot,
        dir: PathBuf,
        footing: Arc<Footing>,
        journal: &Journal,
        failures: Counter,
    ) -> Self {
        // Each half empties in pieces, so there is room long before the other one is full.
        let (bytes_max, progress) = (journal.half_bytes() / 4, journal.progress());
        let due = Instant::now();
        Self { slot, dir, footing, pending: Vec::new(), pending_bytes: 0, bytes_max, due, progress, failures }
    }

    /// Takes charge of a frame that is durable.
    pub(in crate::log) fn take(&mut self, frame: Frame) {
        if self.pending.is_empty() {
            self.due = Instant::now() + KEEP_PAUSE;
        }
        self.pending_bytes += frame.bytes().len();
        self.pending.push(frame);
    }

    /// How long the thread may sleep; nothing if nothing is pending.
    pub(in crate::log) fn due_in(&self) -> Option<Duration> {
        (!self.pending.is_empty()).then(|| self.due.saturating_duration_since(Instant::now()))
    }

    /// Lets the database take what is pending, if it is time for that.
    pub(in crate::log) fn keep_if_due(&mut self) {
        let is_much = self.pending_bytes >= self.bytes_max && !self.progress.is_failing();
        if is_much || self.due_in().is_some_and(|left| left.is_zero()) {
            self.keep();
        }
    }

    /// Lets the database take what is pending now. Returns whether it has everything.
    pub(in crate::log) fn keep(&mut self) -> bool {
        let Some(last) = self.pending.last().map(Frame::last) else { return true };
        match self.store().map(|store| store.append(&self.pending)) {
            Some(Ok(())) => {
                self.pending.clear();
                self.pending_bytes = 0;
                self.progress.kept(last);
                true
            }
            Some(Err(error)) => {
                tracing::error!(%error, "the database of the log cannot be written; its journal goes on while it has room");
                self.fail();
                false
            }
            None => false,
        }
    }

    /// The open database; nothing while it cannot be opened.
    pub(in crate::log) fn store(&mut self) -> Option<Store> {
        if let Some(store) = self.slot.get() {
            return Some(store);
        }
        if self.progress.is_failing() && Instant::now() < self.due {
            return None;
        }
        if let Err(astray) = self.footing.check() {
            // Another database would be made or opened, to which these frames do not belong.
            tracing::error!(%astray, "the database of the log is not opened again");
            self.fail();
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
                self.fail();
                None
            }
        }
    }

    /// redb refuses everything after a failed write, so the database is closed here and opened again.
    fn fail(&mut self) {
        self.failures.inc();
        self.slot.set(None);
        self.progress.failing();
        self.due = Instant::now() + RETRY_PAUSE;
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // Nobody takes anything any more: who waits is not to wait for ever.
        self.progress.failing();
    }
}

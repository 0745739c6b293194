//! The slow pass: events that nobody asks for are read once a day, too, so that damage is known while a backup is young.
//!
//! A few events, then a pause: it costs next to nothing. What it finds stops no pull; it is counted, and said with what to do.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::store::{Fault, Slot, Store};

/// Events that are read without a pause: a millisecond's worth.
const EVENTS: u64 = 1_000;
/// Longest time that a pass takes, and from the beginning of one to that of the next.
const PASS: Duration = Duration::from_secs(24 * 60 * 60);
/// Before the first one, so that what is small is known at once.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// Longest pause within a pass.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Shortest: of a log so large that a day is too short.
const PAUSE_MIN: Duration = Duration::from_millis(20);

/// Findings of the passes.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::log) struct Found {
    /// Damaged events, of the last whole pass or of the one under way, whichever found more.
    pub(in crate::log) damaged: u64,
    /// When the last pass ended.
    pub(in crate::log) ended_at: Option<Instant>,
}

/// Where the passes say what they found.
#[derive(Clone, Default)]
pub(in crate::log) struct Findings(Arc<Mutex<Found>>);

impl Findings {
    pub(in crate::log) fn get(&self) -> Found {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, found: Found) {
        // Two plain values are whole at every instant, whoever panicked.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }
}

/// Starts the thread that makes the passes, until the other end of `stop` is gone.
pub(in crate::log) fn start(slot: Slot, findings: Findings, stop: Receiver<()>) -> std::io::Result<JoinHandle<()>> {
    let work = move || {
        let mut pause = PAUSE_FIRST;
        let (mut pass, mut began) = (Pass::default(), Instant::now());
        while stop.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            let Some(store) = slot.get() else { continue };
            let step = pass.step(&store, EVENTS, &findings);
            pause = step.map_or(PAUSE_MAX, |last| {
                PASS.div_f64((last as f64 / EVENTS as f64).max(1.0)).clamp(PAUSE_MIN, PAUSE_MAX)
            });
            if pass.is_done {
                pause = PASS.saturating_sub(began.elapsed());
                (pass, began) = (Pass::default(), Instant::now() + pause);
            }
        }
    };
    std::thread::Builder::new().name("log-scrub".to_owned()).spawn(work)
}

/// One pass over the log.
#[derive(Default)]
pub(in crate::log) struct Pass {
    through: u64,
    damaged: u64,
    is_done: bool,
}

impl Pass {
    /// Reads the next `events` events; tells how many there are in all, where that can be read.
    pub(in crate::log) fn step(&mut self, store: &Store, events: u64, findings: &Findings) -> Option<u64> {
        let last = match store.head() {
            Ok(head) => head.last,
            Err(fault) => {
                self.note(&fault, findings);
                self.is_done = matches!(fault, Fault::Damaged { .. });
                return None;
            }
        };
        let end = last.min(self.through + events);
        for fault in store.damage(self.through, end) {
            self.note(&fault, findings);
        }
        self.through = end;
        self.is_done = end == last;
        if self.is_done {
            // The base of retention is read whole for this, too.
            if let Err(fault) = store.ground() {
                self.note(&fault, findings);
            }
            findings.set(Found { damaged: self.damaged, ended_at: Some(Instant::now()) });
        }
        Some(last)
    }

    /// Whether it came to the log's end.
    #[cfg(test)]
    pub(in crate::log) fn is_done(&self) -> bool {
        self.is_done
    }

    fn note(&mut self, fault: &Fault, findings: &Findings) {
        let Fault::Damaged { reason, path, .. } = fault else {
            tracing::warn!(%fault, "the log cannot be read through");
            return;
        };
        self.damaged += 1;
        let before = findings.get();
        findings.set(Found { damaged: before.damaged.max(self.damaged), ..before });
        // One is as bad as many, and a page that is gone is many.
        if self.damaged == 1 {
            tracing::error!(
                %reason, path = %path.display(),
                "the log is damaged; pulls go on. Restore the latest whole backup into a new folder (`landfall restore`), \
                 or stop the server and keep what is whole (`landfall salvage`)"
            );
        }
    }
}

#[cfg(test)]
mod tests;

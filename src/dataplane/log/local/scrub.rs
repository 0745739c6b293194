//! The slow pass: events that nobody asks for are read once a day, too, so that damage is known while a backup is young.
//!
//! A few events, then a pause: it costs next to nothing. Damage stops no pull; it is counted, and said with what to do.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::store::Store;
use crate::log::error::Fault;

/// Events that are read without a pause: a millisecond's worth.
const EVENTS: u64 = 1_000;
/// Longest time that a pass takes, and from the beginning of one to that of the next.
const PASS: Duration = Duration::from_secs(24 * 60 * 60);
/// Longest pause within a pass.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Shortest: of a log so large that a day is too short.
const PAUSE_MIN: Duration = Duration::from_millis(20);

/// Findings of the passes.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::log) struct Found {
    /// Damaged events, of the last whole pass or of the one under way, whichever found more.
    pub(in crate::log) damaged: u64,
    /// The time when the last pass ended.
    pub(in crate::log) ended_at: Option<Instant>,
}

/// Makes the passes, a piece at a time.
#[derive(Default)]
pub(in crate::log) struct Scrubber {
    pass: Mutex<Option<Pass>>,
    findings: Findings,
}

impl Scrubber {
    /// Reads the next piece of the database, if that is open; returns the pause until the next one.
    pub(in crate::log) fn step(&self, store: Option<&Store>, now: Instant) -> Duration {
        let Some(store) = store else { return PAUSE_MAX };
        let mut passing = self.pass.lock().unwrap_or_else(PoisonError::into_inner);
        let pass = passing.get_or_insert_with(|| Pass::new(now));
        let step = pass.step(store, EVENTS, now, &self.findings);
        if pass.is_done {
            let began = pass.began;
            *passing = None;
            return PASS.saturating_sub(now - began);
        }
        step.map_or(PAUSE_MAX, |last| {
            PASS.div_f64((last as f64 / EVENTS as f64).max(1.0)).clamp(PAUSE_MIN, PAUSE_MAX)
        })
    }

    /// Findings of the passes.
    pub(in crate::log) fn found(&self) -> Found {
        self.findings.get()
    }
}

/// The findings of the passes.
#[derive(Default)]
struct Findings(Mutex<Found>);

impl Findings {
    fn get(&self) -> Found {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, found: Found) {
        // Two plain values are whole at every instant, even after a panic.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }
}

/// One pass over the log.
struct Pass {
    began: Instant,
    through: u64,
    damaged: u64,
    is_done: bool,
}

impl Pass {
    fn new(began: Instant) -> Self {
        Self { began, through: 0, damaged: 0, is_done: false }
    }

    /// Reads the next `events` events; tells how many there are in all, where that can be read.
    fn step(&mut self, store: &Store, events: u64, now: Instant, findings: &Findings) -> Option<u64> {
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
            if let Err(fault) = store.whole() {
                self.note(&fault, findings);
            }
            findings.set(Found { damaged: self.damaged, ended_at: Some(now) });
        }
        Some(last)
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

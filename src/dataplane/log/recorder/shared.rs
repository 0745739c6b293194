//! State that the writer shares with those who hand over and those who ask.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::clock::Clock;
use crate::log::counters::Counters;
use crate::log::engine::Engine;
use crate::log::error::Astray;
use crate::log::health::Health;
use crate::log::in_flight::InFlight;
use crate::log::meter::Meters;
use crate::model::time::Time;

pub(in crate::log) struct Shared {
    pub(in crate::log) counters: Counters,
    pub(in crate::log) engine: Arc<dyn Engine>,
    pub(in crate::log) clock: Clock,
    /// Losses that are not in the log yet.
    pub(super) gap: Mutex<Option<Gap>>,
    /// The meters: what each token may write, and what is counted instead.
    pub(super) meters: Meters,
    pub(super) writable: AtomicBool,
    /// The loss of the log's files that the last look found.
    pub(super) astray: Mutex<Option<Astray>>,
    /// The last time when something was made durable.
    pub(super) written_at: Mutex<Option<Instant>>,
    pub(super) in_flight: Arc<InFlight>,
}

/// Observations that were lost, and since when.
#[derive(Clone, Copy)]
pub(super) struct Gap {
    pub(super) from: Time,
    pub(super) lost: u64,
}

impl Shared {
    pub(super) fn new(engine: Arc<dyn Engine>, counters: Counters, clock: Clock) -> Self {
        Self {
            counters,
            engine,
            clock,
            gap: Mutex::default(),
            meters: Meters::default(),
            writable: AtomicBool::new(true),
            astray: Mutex::default(),
            written_at: Mutex::default(),
            in_flight: Arc::default(),
        }
    }

    pub(super) fn health(&self) -> Health {
        let engine = self.engine.health();
        let ago = |at: Instant| self.clock.instant().saturating_duration_since(at);
        Health {
            astray: locked(&self.astray).clone(),
            writable: self.writable.load(Ordering::Relaxed),
            database_writable: !engine.is_keeping_refused,
            journal_free_bytes: engine.free_bytes,
            written_ago: locked(&self.written_at).map(ago),
            damaged_events: engine.damaged_events,
            scrubbed_ago: engine.scrubbed_at.map(ago),
            sharing: self.engine.sharing(),
        }
    }

    /// Notes that so many events are durable, and with them the `gap`; more may have been lost meanwhile.
    pub(super) fn written(&self, events: u64, gap: Option<Gap>) {
        if let Some(written) = gap {
            let mut pending = locked(&self.gap);
            if let Some(gap) = pending.as_mut() {
                gap.lost -= written.lost;
                gap.from = self.clock.now();
            }
            *pending = pending.filter(|gap| gap.lost > 0);
        }
        self.counters.entries.inc_by(events);
        self.counters.commits.inc();
        *locked(&self.written_at) = Some(self.clock.instant());
        if !self.writable.swap(true, Ordering::Relaxed) {
            tracing::info!("the log is written again");
        }
    }

    /// Counts observations that are lost; a gap will say so in the log.
    pub(super) fn lose(&self, at: Time, lost: u64) {
        if lost > 0 {
            self.counters.lost.inc_by(lost);
            locked(&self.gap).get_or_insert(Gap { from: at, lost: 0 }).lost += lost;
        }
    }
}

/// A poisoned lock means that some thread panicked; what it guards here is whole at every instant.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! Old observations leave the log; what they proved stays.
//!
//! The age of one is counted in time that the log lived through ([`LogTime::lived`]), not read off the clock: one that
//! is a year ahead makes nothing older by more than a day, and one that was set back removes nothing either.
//!
//! What is removed is folded into the base snapshot first, which every later fold begins with. So deployments, their
//! evidence and the history of tokens remain, and only questions about a moment before the base can no longer be
//! answered. A crash between the two steps loses nothing: what is left over is not folded twice, and removed later.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::snapshot;
use super::store::{Fault, OpenError, ReadError, Slot, Snapshot, Store};
use super::view::{View, Views, base};
use crate::clock;
use crate::model::deployments::Rules;
use crate::model::log_time::LogTime;
use crate::model::time::{Span, Time};

/// How often the log's beginning is looked at.
const PAUSE: Duration = Duration::from_secs(600);
/// Fewer old events than this stay for now: each move of the base writes it anew.
const EVENTS_MIN: u64 = 10_000;
/// Events that one move takes at most.
const EVENTS_MAX: u64 = 500_000;
/// Events removed in one commit: few enough that a pull that waits for its own does not notice.
const REMOVED_MAX: u64 = 2_000;

/// Why nothing was removed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ThinError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Database(#[from] Fault),
    #[error("the base cannot be written: {0}")]
    Base(#[from] postcard::Error),
}

/// Starts the thread that removes what is older than `keep`, until the other end of `stop` is gone.
pub(super) fn start(
    slot: Slot,
    views: Views,
    rules: Rules,
    keep: Span,
    stop: Receiver<()>,
) -> std::io::Result<JoinHandle<()>> {
    let work = move || {
        while stop.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
            let Some(store) = slot.get() else { continue };
            let lived = views.latest().state.time().lived_until(clock::now());
            match thin(&store, &rules, lived - keep, EVENTS_MIN) {
                Ok(0) => {}
                Ok(events) => tracing::info!(events, "old observations left the log; what they proved stays"),
                Err(error) => tracing::warn!(%error, "old observations could not be removed"),
            }
        }
    };
    std::thread::Builder::new().name("log-retention".to_owned()).spawn(work)
}

/// Moves what came before the log had lived for `until` into the base, if that is at least `events_min` events, and
/// removes it. Returns how many events moved.
pub(super) fn thin(store: &Store, rules: &Rules, until: Span, events_min: u64) -> Result<u64, ThinError> {
    let mut base = base(store, rules)?;
    let before = base.applied;
    let mut time = base.state.time().clone();
    for entry in store.events_after(before)? {
        let (sequence, event) = entry?;
        time.take(&event);
        let is_recent = event.is_observed() && time.lived() >= until;
        if is_recent || sequence - before > EVENTS_MAX {
            break;
        }
        base.apply(sequence, &event);
    }
    let moved = base.applied - before;
    if moved >= events_min {
        store.keep_snapshot(Snapshot::Base, &snapshot::encode(&base)?)?;
    }
    let through = if moved >= events_min { base.applied } else { before };
    while store.remove_observations(through, REMOVED_MAX)? {}
    Ok(if moved >= events_min { moved } else { 0 })
}

/// Why a question about the past has no answer.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// The observations are gone.
    #[error("the observations before {before} were removed by the log's retention")]
    Removed {
        /// The first moment that can be asked about.
        before: Time,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// The log as it was at `at`: everything folded again that people are shown as observed until then, and nothing later.
/// `whole` is the time of the log as a whole: what the clock said is put right by what comes later.
pub(super) fn view_at(store: &Store, rules: &Rules, whole: &LogTime, at: Time) -> Result<View, PastError> {
    let mut view = base(store, rules)?;
    let mut time = view.state.time().clone();
    if let Some(before) = time.furthest().map(|line| whole.shown(line)).filter(|before| at < *before) {
        return Err(PastError::Removed { before });
    }
    for entry in store.events_after(view.applied)? {
        let (sequence, event) = entry?;
        let line = time.take(&event);
        // Within the jitter a later entry can still be in time.
        if whole.shown(line) <= at {
            view.apply(sequence, &event);
        }
    }
    Ok(view)
}

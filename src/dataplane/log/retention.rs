//! Old observations leave the log; what they proved stays.
//!
//! The age of one is counted in time that the log lived through ([`LogTime::lived`]), not read off the clock: one that
//! is a year ahead makes nothing older by more than a day, and one that was set back removes nothing either.
//!
//! Observations are folded into the base snapshot before they are removed, and every later fold begins with it. So
//! deployments, their evidence and the history of tokens remain, and only questions about a moment before the base can
//! no longer be answered. A crash between the two steps loses nothing: observations that are left over are not folded
//! twice, and removed later.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::engine::{Engine, Snapshot};
use super::error::{OpenError, ReadError};
use super::placing::placed;
use super::publisher::Views;
use super::snapshot::{self, base};
use super::view::View;
use crate::clock;
use crate::model::deployments::Rules;
use crate::model::event::Event;
use crate::model::log_time::LogTime;
use crate::model::time::{Span, Time};

/// Pause between two looks at the log's beginning.
const PAUSE: Duration = Duration::from_secs(600);
/// Fewer old events than this stay for now: each move of the base writes it anew.
const EVENTS_MIN: u64 = 10_000;
/// Events that one move takes at most.
const EVENTS_MAX: u64 = 500_000;
/// Events removed in one commit: few enough that a pull that waits for its own does not notice.
const REMOVED_MAX: u64 = 2_000;

/// The reason why nothing was removed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ThinError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Engine(#[from] ReadError),
    #[error("the base cannot be written: {0}")]
    Base(#[from] postcard::Error),
}

/// Starts the thread that removes what is older than `keep`, until the other end of `stop` is gone.
pub(super) fn start(
    engine: Arc<dyn Engine>,
    views: Views,
    rules: Rules,
    keep: Span,
    stop: Receiver<()>,
) -> std::io::Result<JoinHandle<()>> {
    let work = move || {
        while stop.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
            let lived = views.latest().state.time().lived_until(clock::now());
            match thin(&*engine, &rules, lived - keep, EVENTS_MIN) {
                // While the disk fails, there is a message about that already.
                Ok(0)
                | Err(ThinError::Engine(ReadError::Closed) | ThinError::Open(OpenError::Closed { .. })) => {}
                Ok(events) => tracing::info!(events, "old observations left the log; what they proved stays"),
                Err(error) => tracing::warn!(%error, "old observations could not be removed"),
            }
        }
    };
    std::thread::Builder::new().name("log-retention".to_owned()).spawn(work)
}

/// Moves what came before the log had lived for `until` into the base, if that is at least `events_min` events, and
/// removes it. Returns how many events moved.
pub(super) fn thin(
    engine: &dyn Engine,
    rules: &Rules,
    until: Span,
    events_min: u64,
) -> Result<u64, ThinError> {
    let era = engine.era();
    let mut base = base(engine, rules)?;
    let (before, before_it) = (base.applied, base.clone());
    let end = end_of_old(engine, &base, until)?;
    let moved = if end - before >= events_min { end - before } else { 0 };
    if moved > 0 {
        for entry in engine.events_after(before)? {
            let (sequence, event) = entry?;
            if sequence > end {
                break;
            }
            base.apply(sequence, &event);
            if base.late.is_due() {
                base = placed(engine, &before_it, sequence, None)?;
            }
        }
        if base.late.held > 0 {
            // Held events are nowhere else.
            return Ok(0);
        }
        engine.keep_snapshot(Snapshot::Base, era, &snapshot::encode(&base)?)?;
    }
    while engine.remove(before + moved, Event::is_observed, REMOVED_MAX)? {}
    Ok(moved)
}

/// The last event that may go into the base. It is an observation, and no event before it is later on the log's line: a
/// question about a time after the base has to find everything in it that came before, and nothing that came later.
fn end_of_old(engine: &dyn Engine, base: &View, until: Span) -> Result<u64, ReadError> {
    let mut time = base.state.time().clone();
    let (mut end, mut latest) = (base.applied, time.furthest());
    let mut last_observed = base.applied;
    for entry in engine.events_after(base.applied)? {
        let (sequence, event) = entry?;
        latest = latest.max(Some(time.take(&event)));
        let is_recent = event.is_observed() && time.lived() >= until;
        if is_recent {
            break;
        }
        if sequence - base.applied > EVENTS_MAX {
            // An act that was stamped while the clock was far ahead would otherwise keep everything until then.
            return Ok(if end == base.applied { last_observed } else { end });
        }
        if event.is_observed() {
            last_observed = sequence;
            if time.furthest() >= latest {
                end = sequence;
            }
        }
    }
    Ok(end)
}

/// The reason why a question about the past has no answer.
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

/// The log as it was at `at`: everything folded again that people are shown as observed until then, and nothing later, but
/// that environments are those of today, by today's names: they are how one asks.
/// `whole` is the time of the log as a whole: what the clock said is put right by what comes later.
pub(super) fn view_at(
    engine: &dyn Engine,
    rules: &Rules,
    whole: &LogTime,
    at: Time,
) -> Result<View, PastError> {
    let mut view = base(engine, rules)?;
    let mut time = view.state.time().clone();
    if let Some(before) = time.furthest().map(|line| whole.shown(line)).filter(|before| at < *before) {
        return Err(PastError::Removed { before });
    }
    if rules.lateness > Span::default() {
        // Clocks of several machines are not put right by what comes later.
        return Ok(placed(engine, &view, u64::MAX, Some(at))?);
    }
    for entry in engine.events_after(view.applied)? {
        let (sequence, event) = entry?;
        let line = time.take(&event);
        // Within the jitter a later entry can still be in time.
        if whole.shown(line) <= at {
            view.apply(sequence, &event);
        } else {
            view.call_as_today(&event);
        }
    }
    Ok(view)
}

//! Evidence that comes late: a replica that was cut off for an hour ships what it saw when it is back.
//!
//! In the order in which it comes it would show what was never so: nodes that pulled a version before a rollout look like a
//! rollback after it. So it is held, and counts for no deployment, until its writer says that it has caught up
//! ([`Event::CaughtUp`]). Then the deployments are folded again, with each late event before the first one that was observed
//! after it (`placing.rs`). All of this is decided by the log alone, so each replica does the same.

use serde::{Deserialize, Serialize};

use crate::model::deployments::State;
use crate::model::event::Event;
use crate::model::time::{Span, Time};

/// An observation further behind the latest one than this comes late, where several servers write the log: more than clocks of
/// machines that are cared for differ, and than a stream is away while it elects a leader.
#[cfg(any(test, feature = "shared"))]
pub(super) const LATENESS: Span = Span::from_mins(2);

/// Late events that are held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    /// Their number.
    pub held: u64,
    /// The time of the earliest of them.
    pub from: Option<Time>,
    /// Their writer has caught up: they are to be put in their places.
    is_due: bool,
}

impl Late {
    /// Takes the log's next event into account, before `state` does. Returns whether it is held.
    pub(super) fn holds(&mut self, event: &Event, state: &State) -> bool {
        if matches!(event, Event::CaughtUp { .. }) {
            self.is_due |= self.held > 0;
        }
        let is_late = is_late(event, state.time().furthest(), state.rules().lateness);
        if is_late {
            self.held += 1;
            self.from = Some(self.from.map_or(event.at(), |from| from.min(event.at())));
        }
        is_late
    }

    /// Tells whether what is held is to be put in its place: see `placing.rs`.
    pub(super) fn is_due(&self) -> bool {
        self.is_due
    }
}

/// Tells whether the event is evidence that came late behind an observation of the time `furthest`.
pub(super) fn is_late(event: &Event, furthest: Option<Time>, lateness: Span) -> bool {
    lateness > Span::default()
        && event.is_observed()
        && furthest.is_some_and(|furthest| furthest.since(event.at()) > lateness)
}

//! The writer's look besides its queue: at this machine's clock, and at the place that it writes to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::shared::{Shared, locked};
use crate::clock::ClockMonitor;
use crate::model::act::Action;
use crate::model::event::Event;

/// Longest pause between two looks.
pub(super) const LOOK_PAUSE: Duration = Duration::from_secs(2);

/// Watches the clock and the log's place.
pub(super) struct Watch {
    pub(super) clock: ClockMonitor,
    shared: Arc<Shared>,
    looked_at: Instant,
}

impl Watch {
    pub(super) fn new(clock: ClockMonitor, shared: Arc<Shared>) -> Self {
        let looked_at = shared.clock.instant();
        Self { clock, shared, looked_at }
    }

    /// Looks whether the log is in its place, if nobody did so for a while.
    pub(super) fn look_if_due(&mut self) {
        if self.shared.clock.instant() >= self.looked_at + LOOK_PAUSE {
            self.is_astray();
        }
    }

    /// Tells whether a change would be lost although it was written. A backup takes everything along to where it is not.
    pub(super) fn would_lose(&mut self, change: &Event) -> bool {
        let is_backup = matches!(change, Event::Acted(act) if act.action == Action::BackupTaken);
        !is_backup && self.is_astray()
    }

    fn is_astray(&mut self) -> bool {
        self.looked_at = self.shared.clock.instant();
        let found = self.shared.engine.check_place().err();
        let mut known = locked(&self.shared.astray);
        if found != *known {
            match &found {
                Some(astray) => tracing::error!(
                    %astray,
                    "the log's files are not in their place: nothing outlives this process; /status says what to do"
                ),
                None => tracing::info!("the log's files are in their place again"),
            }
            known.clone_from(&found);
        }
        found.is_some()
    }
}

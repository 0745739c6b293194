//! The writer's look besides its queue: at this machine's clock, and at the log's files.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Shared, locked};
use crate::clock::ClockMonitor;
use crate::log::local::place::Footing;
use crate::model::act::Action;
use crate::model::event::Event;

/// Longest pause between two looks.
pub(super) const LOOK_PAUSE: Duration = Duration::from_secs(2);

/// The writer's eyes.
pub(super) struct Eyes {
    /// On the clock.
    pub(super) watch: ClockMonitor,
    footing: Arc<Footing>,
    shared: Arc<Shared>,
    looked_at: Instant,
}

impl Eyes {
    pub(super) fn new(watch: ClockMonitor, footing: Arc<Footing>, shared: Arc<Shared>) -> Self {
        Self { watch, footing, shared, looked_at: Instant::now() }
    }

    /// Looks where the log's files are, if nobody did so for a while.
    pub(super) fn glance(&mut self) {
        if self.looked_at.elapsed() >= LOOK_PAUSE {
            self.is_astray();
        }
    }

    /// Whether a change would be lost although it was written. A backup takes everything along to where it is not.
    pub(super) fn would_lose(&mut self, change: &Event) -> bool {
        let is_backup = matches!(change, Event::Acted(act) if act.action == Action::BackupTaken);
        !is_backup && self.is_astray()
    }

    fn is_astray(&mut self) -> bool {
        self.looked_at = Instant::now();
        let found = self.footing.check().err();
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

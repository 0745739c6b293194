//! Everything that is folded from the log up to one event, and what folding begins with.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::acts::Acts;
use crate::model::deploy::Deploys;
use crate::model::deployments::{Rules, State};
use crate::model::directory::Directory;
use crate::model::event::Event;

/// Everything that was folded from the log up to one event.
#[derive(Clone)]
pub struct View {
    /// Environments and tokens.
    pub directory: Directory,
    /// Deployments.
    pub state: State,
    /// Plans of deploys.
    pub deploys: Deploys,
    /// Where administrators' acts are in the log.
    pub(super) acts: Acts,
    /// The sequence number of the last event in it; 0 for none.
    pub applied: u64,
}

impl View {
    /// Nothing folded yet.
    pub(super) fn new(rules: &Rules) -> Self {
        Self {
            directory: Directory::default(),
            state: State::new(rules.clone()),
            deploys: Deploys::default(),
            acts: Acts::default(),
            applied: 0,
        }
    }

    /// Takes the log's next event into account. Returns whether the fold could.
    pub(super) fn apply(&mut self, sequence: u64, event: &Event) -> bool {
        self.directory.apply(event);
        self.deploys.apply(event);
        self.acts.apply(sequence, event);
        let state = &mut self.state;
        // A fault in the fold must never take tokens, and so pulls, with it.
        let applied = catch_unwind(AssertUnwindSafe(|| state.apply(event))).is_ok();
        if !applied {
            tracing::error!(
                sequence,
                "the fold could not take an event; please report it with `landfall export`"
            );
        }
        self.applied = sequence;
        applied
    }
}

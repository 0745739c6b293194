//! Everything that is folded from the log up to one event, and what folding begins with.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::acts::Acts;
use super::late::Late;
use crate::model::act::Action;
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
    /// The places of administrators' acts in the log.
    pub(super) acts: Acts,
    /// Evidence that came late.
    pub(super) late: Late,
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
            late: Late::default(),
            applied: 0,
        }
    }

    /// Takes an event into account that came after the time of the view: an environment is called as it is today, and one that
    /// was deleted since is none.
    pub(super) fn call_as_today(&mut self, event: &Event) {
        let is_of_name = |action: &Action| {
            matches!(action, Action::EnvironmentRenamed { .. } | Action::EnvironmentDeleted { .. })
        };
        if event.act().is_some_and(|act| is_of_name(&act.action)) {
            self.state.apply(event);
        }
    }

    /// Evidence that came late and counts for no deployment yet, since its writer has not caught up.
    pub fn late(&self) -> &Late {
        &self.late
    }

    /// Takes the log's next event into account. Returns whether the fold could.
    pub(super) fn apply(&mut self, sequence: u64, event: &Event) -> bool {
        self.apply_besides(sequence, event);
        if self.late.holds(event, &self.state) {
            return true;
        }
        self.apply_state(sequence, event)
    }

    /// Takes it into account in everything but the deployments.
    pub(super) fn apply_besides(&mut self, sequence: u64, event: &Event) {
        self.directory.apply(event);
        self.deploys.apply(event);
        self.acts.apply(sequence, event);
        self.applied = sequence;
    }

    /// Takes it into account in the deployments alone. Returns whether the fold could.
    pub(super) fn apply_state(&mut self, sequence: u64, event: &Event) -> bool {
        let state = &mut self.state;
        // A fault in the fold must never take tokens, and so pulls, with it.
        let applied = catch_unwind(AssertUnwindSafe(|| state.apply(event))).is_ok();
        if !applied {
            tracing::error!(
                sequence,
                "the fold could not take an event; please report it with `landfall export`"
            );
        }
        applied
    }
}

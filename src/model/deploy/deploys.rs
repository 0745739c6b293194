//! The fold of plans: each with what administrators made of it.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::act::Action;
use crate::model::event::{EnvironmentName, Event};
use crate::model::planned::Planned;
use crate::model::time::Time;

/// Most plans that can be asked about; older ones stay in the log.
const PLANS_MAX: usize = 1_000;

/// The latest plans. A clone is cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deploys(Arc<VecDeque<Followed>>);

/// A plan, and what administrators made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    /// The plan.
    pub planned: Arc<Planned>,
    /// When it was made.
    pub planned_at: Time,
    /// When Landfall had told the cluster all of it.
    pub applied_at: Option<Time>,
    /// Where its application stopped, unless all of it was applied since.
    pub interrupted: Option<Interruption>,
}

/// Where the application of a plan stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interruption {
    /// When.
    pub at: Time,
    /// What was changed, e.g. `deployment/web in shop`.
    pub applied: Vec<String>,
    /// What was not.
    pub not_applied: Vec<String>,
    /// Why.
    pub why: String,
}

impl Deploys {
    /// Takes the log's next event into account.
    pub fn apply(&mut self, event: &Event) {
        if let Some(act) = event.act() {
            self.act(act.at, &act.action);
        }
    }

    fn act(&mut self, at: Time, action: &Action) {
        match action {
            Action::DeployPlanned(planned) => self.planned(planned, at),
            Action::DeployApplied { id, .. } => {
                if let Some(followed) = self.with_id_mut(id) {
                    followed.applied_at = followed.applied_at.or(Some(at));
                    followed.interrupted = None;
                }
            }
            Action::DeployInterrupted { id, applied, not_applied, why, .. } => {
                if let Some(followed) = self.with_id_mut(id) {
                    followed.interrupted = Some(Interruption {
                        at,
                        applied: applied.clone(),
                        not_applied: not_applied.clone(),
                        why: why.clone(),
                    });
                }
            }
            // A new environment of that name is another one.
            Action::EnvironmentDeleted { name } => {
                Arc::make_mut(&mut self.0).retain(|followed| followed.planned.environment != *name);
            }
            Action::EnvironmentRenamed { from, to } => {
                let plans = Arc::make_mut(&mut self.0).iter_mut();
                for followed in plans.filter(|followed| followed.planned.environment == *from) {
                    Arc::make_mut(&mut followed.planned).environment.clone_from(to);
                }
            }
            Action::EnvironmentCreated { .. }
            | Action::EnvironmentUpdated { .. }
            | Action::TokenCreated { .. }
            | Action::TokenRevoked { .. }
            | Action::TokenRotated { .. }
            | Action::AdminTokenCreated { .. }
            | Action::AdminTokenRevoked { .. }
            | Action::PublisherTokenCreated { .. }
            | Action::ReleaseAdded(_)
            | Action::ReleaseEdited(_)
            | Action::ReleaseYanked { .. }
            | Action::ReleaseDeleted { .. }
            | Action::BackupTaken => {}
        }
    }

    fn planned(&mut self, planned: &Planned, planned_at: Time) {
        let plans = Arc::make_mut(&mut self.0);
        if plans.len() >= PLANS_MAX {
            plans.pop_front();
        }
        let planned = Arc::new(planned.clone());
        plans.push_back(Followed { planned, planned_at, applied_at: None, interrupted: None });
    }

    fn with_id_mut(&mut self, id: &str) -> Option<&mut Followed> {
        Arc::make_mut(&mut self.0).iter_mut().find(|followed| followed.planned.id == id)
    }

    /// The plan with this identifier.
    pub fn with_id(&self, id: &str) -> Option<&Followed> {
        self.0.iter().find(|followed| followed.planned.id == id)
    }

    /// The plans for an environment, newest first.
    pub fn of<'a>(&'a self, env: &'a EnvironmentName) -> impl Iterator<Item = &'a Followed> {
        self.0.iter().rev().filter(move |followed| followed.planned.environment == *env)
    }
}

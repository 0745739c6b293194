//! The fold of plans: each with what administrators made of it.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::act::Action;
use crate::model::event::{EnvironmentName, Event};
use crate::model::planned::Planned;
use crate::model::time::{Span, Time};

/// Most plans that can be asked about; older ones stay in the log.
const PLANS_MAX: usize = 1_000;

/// A server that began a plan and wrote no end for so long is taken for dead: it would have stopped by itself after a minute.
const CARRYING_OUT_MAX: Span = Span::from_mins(3);

/// The latest plans. A clone is cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deploys(Arc<VecDeque<Followed>>);

/// A plan, and what administrators made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    /// The plan.
    pub planned: Arc<Planned>,
    /// The time when it was made.
    pub planned_at: Time,
    /// The time when Landfall had told the cluster all of it.
    pub applied_at: Option<Time>,
    /// The place where its application stopped, unless all of it was applied since.
    pub interrupted: Option<Interruption>,
}

/// A stop in the middle of applying a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interruption {
    /// The time.
    pub at: Time,
    /// The workloads that were changed, e.g. `deployment/web in shop`.
    pub applied: Vec<String>,
    /// The workloads that were not.
    pub not_applied: Vec<String>,
    /// The reason.
    pub why: String,
    /// No end was written down: it is being carried out, or the server that did so died.
    pub is_open: bool,
}

impl Followed {
    /// It as what it is when its server dies: begun, with an end that nobody wrote down.
    fn begun(&self, at: Time) -> Interruption {
        let workloads = self.planned.aim.iter().flat_map(|aim| {
            aim.targets.iter().map(|target| format!("{} in {}", target.workload(), aim.namespace))
        });
        Interruption {
            at,
            applied: Vec::new(),
            not_applied: workloads.collect(),
            why: "it is being carried out, or the server that did so ended: no end is written down yet"
                .to_owned(),
            is_open: true,
        }
    }

    /// Tells whether a server is carrying it out at `now`, as far as the log says.
    fn is_under_way(&self, now: Time) -> bool {
        self.interrupted.as_ref().is_some_and(|it| it.is_open && now.since(it.at) < CARRYING_OUT_MAX)
    }
}

impl Deploys {
    /// The plan that a server is carrying out in this environment at `now`.
    pub fn under_way<'a>(&'a self, env: &'a EnvironmentName, now: Time) -> Option<&'a Followed> {
        self.of(env).find(|followed| followed.is_under_way(now))
    }

    /// Takes the log's next event into account.
    pub fn apply(&mut self, event: &Event) {
        if let Some(act) = event.act() {
            self.act(act.at, &act.action);
        }
    }

    fn act(&mut self, at: Time, action: &Action) {
        match action {
            Action::DeployPlanned(planned) => self.planned(planned, at),
            Action::DeployBegun { id, .. } => {
                if let Some(followed) = self.with_id_mut(id) {
                    followed.interrupted = Some(followed.begun(at));
                }
            }
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
                        is_open: false,
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
            | Action::ReleaseDated { .. }
            | Action::TicketUsed { .. }
            | Action::ReplicaForgotten { .. }
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

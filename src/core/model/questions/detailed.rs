//! Deployments with everything that a page opens: their rollouts and the pulls behind them.

use serde::Serialize;

use super::curve::Curve;
use super::timeline::{Group, in_any, on_first_page, page};
use crate::model::deployments::State;
use crate::model::names::EnvironmentName;
use crate::model::time::Time;
use crate::wire::{ChangeEvidence, Deployment, Revision};

/// Changes of a deployment that are told with everything behind them: as many as somebody reads.
const CHANGES_MAX: usize = 100;

/// A page of an environment's story, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DetailedTimeline {
    /// The deployments.
    pub deployments: Vec<DetailedDeployment>,
    /// The value of `before` that gets the next page.
    pub next: Option<String>,
    /// Revisions of workloads with images that were not seen to run, the newest first; on the first page.
    pub revisions: Vec<Revision>,
    /// The number of older revisions that are left out.
    pub revisions_left_out: u64,
}

/// A deployment with what is behind it; of very many changes, the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DetailedDeployment {
    /// The deployment.
    pub deployment: Deployment,
    /// The rollout of each of its changes.
    pub curves: Vec<Curve>,
    /// The pulls behind each of its changes.
    pub evidence: Vec<ChangeEvidence>,
    /// The number of its changes that are left out.
    pub more: usize,
}

impl DetailedDeployment {
    fn of(group: &Group<'_>, state: &State, env: &EnvironmentName) -> Self {
        let mut deployment = group.view(state, env);
        let more = deployment.changes.len().saturating_sub(CHANGES_MAX);
        deployment.changes.truncate(CHANGES_MAX);
        let shown = || group.0.iter().take(CHANGES_MAX);
        Self {
            deployment,
            curves: shown().map(|rollout| Curve::of(rollout, state)).collect(),
            evidence: shown().map(|rollout| rollout.evidence(state)).collect(),
            more,
        }
    }
}

/// At most `limit` deployments of `env` as they look at `now`, with what is behind them; `before` as for `timeline`.
pub fn detailed_timeline(
    state: &State,
    env: &EnvironmentName,
    now: Time,
    limit: usize,
    before: Option<&str>,
) -> DetailedTimeline {
    let (deployments, next) =
        page(state, env, now, limit, before, |group| DetailedDeployment::of(group, state, env));
    let (revisions, revisions_left_out) = on_first_page(state, env, now, limit, before);
    DetailedTimeline { deployments, next, revisions, revisions_left_out }
}

/// The deployment with this identifier and what is behind it, as it looks at `now`.
pub fn detailed_deployment(state: &State, id: &str, now: Time) -> Option<DetailedDeployment> {
    in_any(state, id, now, |group, env| DetailedDeployment::of(group, state, env))
}

//! Deployments with everything that a page opens: their rollouts and the pulls behind them.

use serde::Serialize;

use super::curve::Curve;
use super::view::{ChangeEvidence, Deployment};
use super::{Group, asked, grouped, in_any};
use crate::model::deployments::State;
use crate::model::event::EnvironmentName;
use crate::model::time::Time;

/// A page of an environment's story, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Story {
    /// The deployments.
    pub chapters: Vec<Chapter>,
    /// What to ask for as `before` to get the next page.
    pub next: Option<String>,
}

/// A deployment with what is behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chapter {
    /// The deployment.
    pub deployment: Deployment,
    /// The rollout of each of its changes.
    pub curves: Vec<Curve>,
    /// The pulls behind each of its changes.
    pub evidence: Vec<ChangeEvidence>,
}

impl Chapter {
    fn of(group: &Group<'_>, state: &State, env: &EnvironmentName) -> Self {
        Self {
            deployment: group.view(state, env),
            curves: group.0.iter().map(Curve::of).collect(),
            evidence: group.0.iter().map(super::Step::evidence).collect(),
        }
    }
}

/// At most `limit` deployments of `env` as they look at `now`, with what is behind them; `before` as for `timeline`.
pub fn story(state: &State, env: &EnvironmentName, now: Time, limit: usize, before: Option<&str>) -> Story {
    let asked = asked(state, env, now);
    let groups = grouped(state, &asked);
    let end =
        before.and_then(|id| groups.iter().position(|group| group.id(env) == id)).unwrap_or(groups.len());
    let start = end.saturating_sub(limit);
    let chapters = groups[start..end].iter().rev().map(|group| Chapter::of(group, state, env)).collect();
    Story { chapters, next: (start > 0 && start < end).then(|| groups[start].id(env)) }
}

/// The deployment with this identifier and what is behind it, as it looks at `now`.
pub fn chapter(state: &State, id: &str, now: Time) -> Option<Chapter> {
    in_any(state, id, now, |group, env| Chapter::of(group, state, env))
}

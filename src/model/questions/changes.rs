//! What changed in a stretch of time, and the history of one service.

use serde::Serialize;
use utoipa::ToSchema;

use super::compare::fixes_and_pull_requests;
use super::incomplete::{Incomplete, incomplete};
use super::release::ReleaseView;
use super::timeline::grouped;
use super::view::{Change, Deployment, Kind, Phase};
use super::{Asked, asked};
use crate::model::deployments::State;
use crate::model::event::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::time::Time;

/// What changed in an environment between two times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Changes {
    /// Where.
    pub environment: EnvironmentName,
    /// From this time on.
    pub from: Time,
    /// Up to this time.
    pub until: Time,
    /// The deployments that began in between, the newest first.
    pub deployments: Vec<Deployment>,
    /// How many of them were rollbacks.
    pub rollbacks: usize,
    /// The releases that came and stayed or were taken back, in the order in which they came.
    pub releases: Vec<ReleaseView>,
    /// The releases that were taken back.
    pub reverted: Vec<ReleaseView>,
    /// How many fixes came.
    pub fixes: usize,
    /// The pull requests that came, in rising order.
    pub pull_requests: Vec<u64>,
    /// What the answer may lack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Incomplete>,
}

/// What changed in `env` from `from` on and before `until`, as it looks at `now`.
pub fn changes(state: &State, env: &EnvironmentName, from: Time, until: Time, now: Time) -> Changes {
    let asked = asked(state, env, now);
    let groups = grouped(state, &asked);
    let mut deployments: Vec<Deployment> = groups
        .iter()
        .filter(|group| group.started_at(state).is_some_and(|at| at >= from && at < until))
        .map(|group| group.view(state, env))
        .collect();
    let landed = |deployment: &Deployment| deployment.state != Phase::Aborted;
    let of = |pick: fn(&Change) -> &Vec<ReleaseView>| -> Vec<ReleaseView> {
        let mut releases: Vec<ReleaseView> = Vec::new();
        for release in deployments.iter().filter(|it| landed(it)).flat_map(|it| &it.changes).flat_map(pick) {
            if !releases.iter().any(|known| known.id == release.id) {
                releases.push(release.clone());
            }
        }
        releases
    };
    let (releases, reverted) = (of(|change| &change.releases), of(|change| &change.reverted));
    let (fixes, pull_requests) = fixes_and_pull_requests(&releases);
    deployments.reverse();
    Changes {
        environment: env.clone(),
        from,
        until,
        rollbacks: deployments.iter().filter(|deployment| deployment.kind == Kind::Rollback).count(),
        deployments,
        releases,
        reverted,
        fixes,
        pull_requests,
        incomplete: incomplete(state, env, now),
    }
}

/// The history of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct History {
    /// Where.
    pub environment: EnvironmentName,
    /// Of which repository.
    pub repository: Repository,
    /// Its changes, the newest first.
    pub changes: Vec<Change>,
    /// There are older ones.
    pub is_cut: bool,
}

/// The latest `limit` changes of one service of `env` as they look at `now`; nothing where the environment never
/// pulled the repository.
pub fn history(
    state: &State,
    env: &EnvironmentName,
    repository: &Repository,
    now: Time,
    limit: usize,
) -> Option<History> {
    let (repository, service) = state.environment(env)?.named_service(repository)?;
    let asked = Asked::of(state, repository, service, now);
    let steps = asked.steps();
    let changes = steps.iter().rev().take(limit).map(|step| step.view(state)).collect();
    Some(History {
        environment: env.clone(),
        repository: repository.clone(),
        changes,
        is_cut: steps.len() > limit,
    })
}

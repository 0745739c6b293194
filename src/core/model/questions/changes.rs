//! Changes in a stretch of time, and the history of one service.

use super::compare::fixes_and_pull_requests;
use super::incomplete::incomplete;
use super::revisions::unseen_revisions;
use super::service::{ServiceAt, services_at};
use super::timeline::grouped;
use crate::model::deployments::State;
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::time::Time;
use crate::wire::{Changes, Deployment, History, Kind, Phase, Release, ServiceChange};

/// Tells what changed in `env` from `from` on and before `until`, as it looks at `now`.
pub fn changes(state: &State, env: &EnvironmentName, from: Time, until: Time, now: Time) -> Changes {
    let asked = services_at(state, env, now);
    let groups = grouped(state, &asked);
    let mut deployments: Vec<Deployment> = groups
        .iter()
        .filter(|group| group.started_at(state).is_some_and(|at| at >= from && at < until))
        .map(|group| group.view(state, env))
        .collect();
    let landed = |deployment: &Deployment| deployment.state != Phase::Aborted;
    let of = |pick: fn(&ServiceChange) -> &Vec<Release>| -> Vec<Release> {
        let mut releases: Vec<Release> = Vec::new();
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

/// The latest `limit` changes of one service of `env` as they look at `now`; nothing where the environment never
/// pulled the repository.
pub fn history(
    state: &State,
    env: &EnvironmentName,
    repository: &Repository,
    now: Time,
    limit: usize,
) -> Option<History> {
    let tracked = state.environment(env)?;
    let (repository, service) = tracked.named_service(repository)?;
    let asked = ServiceAt::of(state, tracked, repository, service, now);
    let rollouts = asked.rollouts();
    let changes = rollouts.iter().rev().take(limit).map(|rollout| rollout.view(state)).collect();
    let (revisions, revisions_left_out) = unseen_revisions(state, env, Some(repository), now, limit);
    Some(History {
        environment: env.clone(),
        repository: repository.clone(),
        changes,
        is_cut: rollouts.len() > limit,
        revisions,
        revisions_left_out,
    })
}

//! Everything that the observations of an environment derive, as `landfall replay` prints it.

use super::convert::failed;
use super::rollout::RolloutAt;
use super::running::local;
use super::service::{ServiceAt, attempts, services_at};
use super::watched::bypass;
use crate::model::deployments::State;
use crate::model::names::EnvironmentName;
use crate::model::time::Time;
use crate::wire::{Replayed, ReplayedDeployment, ReplayedImage, ReplayedService};

/// Derives what `replay` prints of `env`.
pub fn replayed(state: &State, env: &EnvironmentName, now: Time) -> Replayed {
    let service = |asked: &ServiceAt| {
        let running = asked.running(None);
        let workloads = running.as_ref().map(|it| it.workloads.clone()).unwrap_or_default();
        let pulled = running.as_ref().map(|it| it.pulled.clone()).unwrap_or_default();
        let current = running.map(|running| ReplayedImage {
            digest: running.digest,
            version: running.version,
            state: running.state,
            confidence: running.confidence,
            since: running.since,
            last_seen_at: running.seen.last_seen_at,
            confirmed_at: running.confirmed_at,
        });
        let view = |rollout: RolloutAt<'_>| {
            let change = rollout.view(state);
            ReplayedDeployment {
                digest: change.to.digest,
                version: change.to.version,
                from: change.from.map(|from| from.digest),
                kind: change.kind,
                state: change.state,
                confidence: change.confidence,
                started_at: change.started_at,
                settled_at: change.settled_at,
                clients: change.clients,
                releases_reverted: change.reverted.into_iter().map(|release| release.version).collect(),
                reason: change.reason,
            }
        };
        let deployments = asked.rollouts().into_iter().map(view).collect();
        (
            asked.repository.clone(),
            ReplayedService { current, workloads, pulled, beside: asked.images_beside(None), deployments },
        )
    };
    let asked = services_at(state, env, now);
    let attempts = attempts(state.environment(env), &asked);
    let attempts = attempts.map(|(repository, attempt)| failed(state, repository, &attempt)).collect();
    let services = asked.iter().map(service).filter(|(_, service)| service.current.is_some()).collect();
    let here = state.time().now(now);
    let bypass = state.environment(env).map(|tracked| bypass(tracked, here)).unwrap_or_default();
    Replayed { services, local: local(state, env), attempts, bypass }
}

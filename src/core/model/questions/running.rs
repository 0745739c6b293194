//! Services that run in an environment, and pulls of people's machines.

use super::convert::failed;
use super::image::version;
use super::incomplete::incomplete;
use super::service::{ServiceAt, attempts, services_at};
use super::watched::{bypass, witnesses};
use crate::model::deployments::attempts::Attempt;
use crate::model::deployments::{EnvironmentState, PulledLocally, State};
use crate::model::names::EnvironmentName;
use crate::model::oci::{Repository, Tag};
use crate::model::time::Time;
use crate::wire::{LocalPull, Running, RunningService};

/// Tells what runs in `env` at `now`.
pub fn running(state: &State, env: &EnvironmentName, now: Time) -> Running {
    let (asked, tracked) = (services_at(state, env, now), state.environment(env));
    let gap_at = tracked.and_then(EnvironmentState::gap_at);
    let here = state.time().now(now);
    let attempts: Vec<_> = attempts(tracked, &asked).collect();
    let failing = attempts.iter().filter(|(_, attempt)| attempt.is_failing(here));
    let service = |asked: &ServiceAt<'_>| {
        let refused_since = refused_since(asked, &attempts).map(|at| state.shown(at));
        Some(RunningService { refused_since, ..asked.running(gap_at)? })
    };
    Running {
        environment: env.clone(),
        at: now,
        services: asked.iter().filter_map(service).collect(),
        failing: failing.map(|(repository, attempt)| failed(state, repository, attempt)).collect(),
        unstarted: asked.iter().filter_map(ServiceAt::unstarted).collect(),
        bypass: tracked.map(|tracked| bypass(tracked, here)).unwrap_or_default(),
        witnesses: tracked.map(|tracked| witnesses(state, tracked, here)).unwrap_or_default(),
        incomplete: incomplete(state, env, now),
    }
}

/// The time since which nodes of a service are refused for their token, if they were refused after it was last seen.
fn refused_since(asked: &ServiceAt<'_>, attempts: &[(&Repository, Attempt)]) -> Option<Time> {
    let seen_at = asked.service.current()?.rollout.last_at;
    let first = attempts.partition_point(|(repository, _)| *repository < asked.repository);
    let here = attempts[first..].iter().take_while(|(repository, _)| *repository == asked.repository);
    let refused = here.filter(|(_, attempt)| attempt.is_refused_token() && attempt.last_at > seen_at);
    refused.map(|(_, attempt)| attempt.first_at.max(seen_at)).min()
}

/// The pulls by people's machines in `env`, in log order.
pub fn local(state: &State, env: &EnvironmentName) -> Vec<LocalPull> {
    let Some(tracked) = state.environment(env) else { return Vec::new() };
    let view = |local: &PulledLocally| LocalPull {
        repository: local.repository.clone(),
        digest: local.digest,
        version: version(state, &local.repository, &local.digest, local.tag.as_ref().map(Tag::as_str)),
        at: state.shown(local.at),
        client: local.client.clone(),
        agent: local.agent.clone(),
        reason: local.reason.clone(),
    };
    tracked.local().map(view).collect()
}

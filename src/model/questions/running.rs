//! Services that run in an environment, and pulls of people's machines.

use super::convert::failed;
use super::image::version;
use super::incomplete::incomplete;
use super::service::{attempts, services_at};
use crate::model::deployments::{EnvironmentState, PulledLocally, State};
use crate::model::names::EnvironmentName;
use crate::model::oci::Tag;
use crate::model::time::Time;
use crate::wire::{LocalPull, Running};

/// Tells what runs in `env` at `now`.
pub fn running(state: &State, env: &EnvironmentName, now: Time) -> Running {
    let (asked, tracked) = (services_at(state, env, now), state.environment(env));
    let gap_at = tracked.and_then(EnvironmentState::gap_at);
    let here = state.time().now(now);
    let failing = attempts(tracked, &asked).filter(|(_, attempt)| attempt.is_failing(here));
    Running {
        environment: env.clone(),
        at: now,
        services: asked.iter().filter_map(|asked| asked.running(gap_at)).collect(),
        failing: failing.map(|(repository, attempt)| failed(state, repository, &attempt)).collect(),
        incomplete: incomplete(state, env, now),
    }
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

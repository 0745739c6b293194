//! A release, and where it runs.

use super::image::{release_of, tag};
use super::service::ServiceAt;
use crate::model::deployments::State;
use crate::model::releases::Release;
use crate::model::time::Time;
use crate::wire::{self, ReleasePlace};

/// A release, with the environments that run it at `now`.
pub fn release(state: &State, release: &Release, now: Time) -> wire::Release {
    let environments = state.environments().filter_map(|(name, tracked)| {
        let service = tracked.service_of(&release.repository)?;
        let asked = ServiceAt::of(state, tracked, &release.repository, service, now);
        let current = asked.runs()?;
        let runs = release_of(state, &release.repository, &current.rollout.digest, tag(&current.rollout))?;
        (runs.id == release.id).then(|| ReleasePlace {
            name: name.clone(),
            since: state.shown(current.rollout.opened_at),
            seen: asked.seen(current, tracked.gap_at()),
        })
    });
    wire::Release { environments: Some(environments.collect()), ..wire::Release::from(release) }
}

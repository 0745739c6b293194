//! The way of one release: since when it is live, where a later one took its place, where it was rolled back.

use super::image::{image, release_of, tag};
use super::service::ServiceAt;
use super::standing::stands;
use super::states::Standing;
use super::taken_back::TakenBack;
use crate::model::deployments::State;
use crate::model::names::EnvironmentName;
use crate::model::releases::Release;
use crate::model::time::Time;
use crate::wire::{Absence, Image, Seen};

/// The environments that run, or ran, a service of a release's repository, in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Environment by environment.
    pub stays: Vec<Stay>,
}

/// The stay of a release in one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    /// The environment.
    pub environment: EnvironmentName,
    /// Its standing: contained in what runs, rolled back, or never there.
    pub state: Standing,
    /// Since when it is contained in what runs; for what was rolled back, since when it is gone.
    pub since: Option<Time>,
    /// Time when it, or a later release that contains it, first came.
    pub first_at: Option<Time>,
    /// The image that runs, or, where nothing of the service runs, ran last.
    pub running: Image,
    /// Nothing of the service runs, and since when.
    pub absent: Option<Absence>,
    /// Age of that.
    pub seen: Seen,
    /// This very release runs, and not a later one that contains it.
    pub is_itself: bool,
}

/// Tells where `release` went, as it looks at `now`.
pub fn trace(state: &State, release: &Release, now: Time) -> Trace {
    let stays = state.environments().filter_map(|(name, tracked)| {
        let (repository, service) = tracked.named_service(&release.repository)?;
        stay(&ServiceAt::of(state, tracked, repository, service, now), name, tracked.gap_at(), release)
    });
    Trace { stays: stays.collect() }
}

fn stay(
    asked: &ServiceAt<'_>,
    name: &EnvironmentName,
    gap_at: Option<Time>,
    release: &Release,
) -> Option<Stay> {
    let (state, repository) = (asked.state, asked.repository);
    let current = asked.service.current()?;
    let stands = stands(asked, &[&release.version], &TakenBack::default())?;
    let since = stands.has_since().then(|| state.shown(stands.opened.opened_at));
    let found = release_of(state, repository, &current.rollout.digest, tag(&current.rollout));
    Some(Stay {
        environment: name.clone(),
        state: stands.standing,
        since,
        first_at: stands.first.map(|rollout| state.shown(rollout.opened_at)),
        running: image(state, repository, &current.rollout.digest, tag(&current.rollout)),
        absent: asked.absence(),
        seen: asked.seen(current, gap_at),
        is_itself: asked.runs().is_some() && found.is_some_and(|found| found.id == release.id),
    })
}

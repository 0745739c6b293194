//! Is an environment up to date, and if not, what does it lack?

use super::compare::fixes_and_pull_requests;
use super::convert::of_image;
use super::image::{Placed, image, release_of, tag};
use super::incomplete::incomplete;
use super::service::{ServiceAt, services_at};
use crate::model::deployments::rollout::Rollout;
use crate::model::deployments::{EnvironmentState, State};
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::releases::{Behind, Named, Number, Relation};
use crate::model::time::{Span, Time};
use crate::wire::{self, AbsentService, Missing, MissingService, ReleaseRef};

/// Tells what `env` lacks at `now`.
pub fn missing(state: &State, env: &EnvironmentName, now: Time) -> Missing {
    let gap_at = state.environment(env).and_then(EnvironmentState::gap_at);
    let asked = services_at(state, env, now);
    let services: Vec<MissingService> =
        asked.iter().filter_map(|asked| service(asked, gap_at, now)).collect();
    Missing {
        environment: env.clone(),
        at: now,
        up_to_date: services.iter().all(|service| service.up_to_date),
        services,
        absent: asked.iter().filter_map(|asked| absent(asked, gap_at)).collect(),
        incomplete: incomplete(state, env, now),
    }
}

/// The service, where nothing of it runs any more.
fn absent(asked: &ServiceAt<'_>, gap_at: Option<Time>) -> Option<AbsentService> {
    let (current, absence) = (asked.service.current()?, asked.absence()?);
    let rollout = &current.rollout;
    Some(AbsentService {
        repository: asked.repository.clone(),
        last: image(asked.state, asked.repository, &rollout.digest, tag(rollout)),
        absence,
        seen: asked.seen(current, gap_at),
    })
}

/// The service, by that of its images which lacks most; none where nothing of it runs.
pub(super) fn service(asked: &ServiceAt<'_>, gap_at: Option<Time>, now: Time) -> Option<MissingService> {
    let lacking = asked.parts().filter_map(|rollout| with(asked, rollout, gap_at, now));
    lacking.reduce(|most, other| if other.missing.len() > most.missing.len() { other } else { most })
}

/// The service, as far as it runs the image of `rollout`.
fn with(asked: &ServiceAt<'_>, rollout: &Rollout, gap_at: Option<Time>, now: Time) -> Option<MissingService> {
    let (state, repository, current) = (asked.state, asked.repository, asked.runs()?);
    let placed = Placed::of(state, repository, &rollout.digest, tag(rollout));
    let running = placed.named();
    let is_pre = running.version.and_then(Number::parse).is_some_and(|number| number.is_prerelease());
    let line = state.catalogue().line(repository);
    let latest = line.and_then(|line| line.latest(is_pre));
    let Behind { later, unknown } = line.map(|line| line.behind(running, is_pre)).unwrap_or_default();
    let mut missing: Vec<wire::Release> =
        later.into_iter().map(|it| wire::Release::from(it.as_ref())).collect();
    let mut unordered: Vec<ReleaseRef> =
        unknown.into_iter().map(|it| ReleaseRef::from(it.as_ref())).collect();
    let mut latest = latest.map(|latest| wire::Release::from(latest.as_ref()));
    for (image, is_known_later) in elsewhere(state, repository, running, now) {
        if !is_known_later {
            unordered.push(image.into());
            continue;
        }
        let is_later = latest.as_ref().is_none_or(|latest| is_later(state, latest, &image));
        if is_later {
            latest = Some(image.clone());
        }
        missing.push(image);
    }
    let (fixes, pull_requests) = fixes_and_pull_requests(&missing);
    let first_at = missing.iter().map(|release| release.created_at).min();
    Some(MissingService {
        repository: repository.clone(),
        running: image(state, repository, &rollout.digest, tag(rollout)),
        seen: asked.seen(current, gap_at),
        latest,
        up_to_date: missing.is_empty() && unordered.is_empty(),
        behind_since_s: first_at.map(|first_at| now.since(first_at).max(Span::from_ms(0)).ms() / 1000),
        missing,
        unordered,
        fixes,
        pull_requests,
    })
}

/// Images of `repository` that other environments run, that nobody registered, and that are later than `running`, or may be: with
/// it, whether it is known to be.
fn elsewhere(
    state: &State,
    repository: &Repository,
    running: Named<'_>,
    now: Time,
) -> Vec<(wire::Release, bool)> {
    let mut images: Vec<(wire::Release, bool)> = Vec::new();
    for (_, tracked) in state.environments() {
        let Some(service) = tracked.service_of(repository) else { continue };
        let asked = ServiceAt::of(state, tracked, repository, service, now);
        let Some(current) = asked.runs() else { continue };
        let (digest, tag) = (&current.rollout.digest, tag(&current.rollout));
        let release = release_of(state, repository, digest, tag);
        if release.is_some_and(|release| release.is_registered)
            || images.iter().any(|(image, _)| image.digest == Some(*digest))
        {
            continue;
        }
        let here = Placed::of(state, repository, digest, tag);
        let is_later = match state.catalogue().relation(repository, running, here.named()) {
            // The catalogue has it among those that are later.
            Relation::Later if release.is_some() => continue,
            Relation::Later => true,
            Relation::Unknown => false,
            Relation::Earlier | Relation::Same | Relation::Incomparable => continue,
        };
        let since = state.shown(current.rollout.opened_at);
        images.push((of_image(repository, *digest, here.into_version(), since), is_later));
    }
    images
}

fn is_later(state: &State, than: &wire::Release, image: &wire::Release) -> bool {
    let Some(digest) = image.digest else { return false };
    // A release without an image is found by its version.
    let than_digest = than.digest.unwrap_or(digest);
    let from = Named { digest: &than_digest, version: Some(&than.version) };
    let to = Named { digest: &digest, version: Some(&image.version) };
    state.catalogue().relation(&image.repository, from, to) == Relation::Later
}

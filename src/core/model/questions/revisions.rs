//! Revisions of workloads, as their clusters remember them, of images that nothing saw run: history of the time when no witness
//! watched, which nothing proves.

use std::collections::BTreeMap;

use super::image::image;
use super::service::ServiceAt;
use crate::model::deployments::witness::Revision as Found;
use crate::model::deployments::{EnvironmentState, State};
use crate::model::names::EnvironmentName;
use crate::model::oci::{Repository, Tag};
use crate::model::time::Time;
use crate::wire::Revision;

/// The revisions of workloads of `env` with images that were not seen to run, the newest first: those of one repository, where
/// one is named; at most `limit`, and the number of those that are left out.
pub(super) fn unseen_revisions(
    state: &State,
    env: &EnvironmentName,
    of: Option<&Repository>,
    now: Time,
    limit: usize,
) -> (Vec<Revision>, u64) {
    let Some(tracked) = state.environment(env) else { return Default::default() };
    let mut by_service: BTreeMap<&Repository, Vec<&Found>> = BTreeMap::new();
    for found in tracked.witnesses().revisions() {
        let served = |digest| tracked.has_served(&found.repository, &digest);
        let is_own = found.name.host.is_none() || found.digest.is_some_and(served);
        if is_own && of.is_none_or(|of| found.repository == *of) {
            by_service.entry(&found.repository).or_default().push(found);
        }
    }
    let unseen = by_service.into_values().flat_map(|found| unseen(state, tracked, found, now));
    let mut unseen: Vec<&Found> = unseen.collect();
    unseen.sort_by(|one, other| other.cmp(one));
    let left_out = unseen.len().saturating_sub(limit) as u64;
    (unseen.into_iter().take(limit).map(|found| view(state, found)).collect(), left_out)
}

/// Those of one service with images that were not seen to run, by digest or by tag.
fn unseen<'a>(
    state: &State,
    tracked: &EnvironmentState,
    mut found: Vec<&'a Found>,
    now: Time,
) -> Vec<&'a Found> {
    let service = found.first().and_then(|found| tracked.named_service(&found.repository));
    if let Some((repository, service)) = service {
        let asked = ServiceAt::of(state, tracked, repository, service, now);
        for seen in asked.rollouts() {
            let (digest, tag) = (seen.rollout.digest, &seen.rollout.tag);
            found.retain(|it| it.digest != Some(digest) && (it.tag.is_none() || it.tag != *tag));
        }
    }
    found
}

fn view(state: &State, found: &Found) -> Revision {
    let (version, release_id) = named(state, found);
    Revision {
        made_at: state.shown(found.made_at),
        repository: found.repository.clone(),
        version,
        digest: found.digest,
        release_id,
        workload: found.name.workload.clone(),
        namespace: found.name.namespace.clone(),
        container: found.name.container.clone(),
        witness: found.witness.clone(),
    }
}

/// The version of its image and the identifier of the release, as far as they are known: by the digest, or by the tag alone.
fn named(state: &State, found: &Found) -> (Option<String>, Option<String>) {
    let tag = found.tag.as_ref().map(Tag::as_str);
    match &found.digest {
        Some(digest) => {
            let image = image(state, &found.repository, digest, tag);
            (image.version, image.release_id)
        }
        None => {
            let line = state.catalogue().line(&found.repository);
            let release = line.and_then(|line| line.with_version(tag?));
            (tag.map(str::to_owned), release.map(|release| release.id.clone()))
        }
    }
}

//! The way from what runs to what is wanted: its kind, and the releases that come or go with it.

use std::sync::Arc;

use super::world::World;
use crate::model::event::EnvironmentName;
use crate::model::oci::Digest;
use crate::model::planned::{DeployKind, Releases};
use crate::model::questions::history;
use crate::model::releases::{Change, ChangeKind, Named, Number, Relation, Release};
use crate::wire::RunningService;

/// Versions that a plan names at most on each side.
const VERSIONS_MAX: usize = 200;
/// Titles of fixes that a plan names on each side.
const TITLES_MAX: usize = 3;
/// Changes of the service that are looked through for the image.
const HISTORY_MAX: usize = 4_096;

/// The way from what runs to what is wanted.
pub(super) struct Passage {
    pub(super) kind: DeployKind,
    pub(super) gained: Vec<Release>,
    pub(super) lost: Vec<Release>,
    /// The image was in the environment before: nodes may hold it.
    pub(super) was_there: bool,
}

impl Passage {
    /// The way to `release` in `env`, which `runs` this of its repository.
    pub(super) fn of(
        world: &World<'_>,
        env: &EnvironmentName,
        release: &Release,
        runs: Option<&RunningService>,
    ) -> Self {
        let was_there = was_there(world, env, release);
        let only = |kind, gained: Vec<Release>| Self { kind, gained, lost: Vec::new(), was_there };
        let Some(runs) = runs else { return only(DeployKind::Initial, vec![release.clone()]) };
        if release.digest() == Some(runs.digest) {
            return only(DeployKind::Unchanged, Vec::new());
        }
        let (catalogue, repository) = (world.state.catalogue(), &release.repository);
        let from = named(&runs.digest, runs.version.as_deref());
        // An image that is not known has no digest; any that the catalogue does not know either stands for it.
        let unknown = Digest::of(release.id.as_bytes());
        let digest = release.digest().unwrap_or(unknown);
        let to = named(&digest, Some(&release.version));
        let known = runs.release_id.as_deref().and_then(|id| catalogue.with_id(id));
        let running = || owned(known.into_iter().collect());
        let or = |found: Vec<Release>, other: Vec<Release>| if found.is_empty() { other } else { found };
        match catalogue.relation(repository, from, to) {
            Relation::Later => {
                let gained = owned(catalogue.between(repository, from, to));
                only(DeployKind::Upgrade, or(gained, vec![release.clone()]))
            }
            Relation::Earlier => {
                let lost = or(owned(catalogue.between(repository, to, from)), running());
                Self { kind: DeployKind::Rollback, gained: Vec::new(), lost, was_there }
            }
            Relation::Same => only(DeployKind::Rebuild, Vec::new()),
            Relation::Incomparable => {
                let line = catalogue.line(repository);
                let apart = owned(line.map(|line| line.apart(from, to)).unwrap_or_default());
                let has = |image: Named<'_>, other: &Release| {
                    line.and_then(|line| line.contains(image, &[&other.version])) == Some(true)
                };
                let (lost, gained) = apart.into_iter().partition(|other| has(from, other));
                Self { kind: DeployKind::Changed, gained, lost, was_there }
            }
            // First-seen order is all there is, as for deployments that happened.
            Relation::Unknown if was_there => {
                Self { kind: DeployKind::Rollback, gained: Vec::new(), lost: running(), was_there }
            }
            Relation::Unknown => only(DeployKind::Changed, vec![release.clone()]),
        }
    }
}

/// Tells whether the environment ran the release's image before.
fn was_there(world: &World<'_>, env: &EnvironmentName, release: &Release) -> bool {
    let ran = history(world.state, env, &release.repository, world.now, HISTORY_MAX);
    ran.iter().flat_map(|history| &history.changes).any(|change| {
        release
            .digest()
            .map_or(change.to.version.as_ref() == Some(&release.version), |it| it == change.to.digest)
    })
}

/// A version that can tell an order: a tag such as `latest` names no version.
fn named<'a>(digest: &'a Digest, version: Option<&'a str>) -> Named<'a> {
    Named { digest, version: version.filter(|version| Number::parse(version).is_some()) }
}

fn owned(found: Vec<&Arc<Release>>) -> Vec<Release> {
    found.into_iter().map(|release| Release::clone(release)).collect()
}

/// The releases as a plan's record keeps them.
pub(super) fn recorded(releases: &[Release]) -> Releases {
    let changes = || releases.iter().flat_map(|release| &release.changes);
    let is_security = |change: &&Change| change.kind == ChangeKind::Security;
    let fixes = || changes().filter(|change| change.kind == ChangeKind::Fix || is_security(change));
    Releases {
        versions: releases.iter().take(VERSIONS_MAX).map(|release| release.version.clone()).collect(),
        count: releases.len() as u64,
        fixes: fixes().count() as u64,
        security_fixes: changes().filter(is_security).count() as u64,
        titles: fixes().map(|change| change.title.clone()).take(TITLES_MAX).collect(),
    }
}

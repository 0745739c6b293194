//! The way from what runs to what is wanted: its kind, and the releases that come or go with it.

use std::sync::Arc;

use super::world::World;
use crate::model::event::EnvironmentName;
use crate::model::oci::Digest;
use crate::model::planned::{DeployKind, Releases};
use crate::model::questions::history;
use crate::model::releases::{Change, ChangeKind, Named, Number, Relation, Release};
use crate::model::time::Time;
use crate::wire::{Image, Kind, Phase, RunningService, ServiceChange};

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
    /// Some image of the service was.
    pub(super) has_run: bool,
    /// The rollback that took the release from the environment, where nothing brought it back since.
    pub(super) rolled_back: Option<RolledBack>,
}

/// A rollback that took a release from an environment.
pub(super) struct RolledBack {
    pub(super) at: Time,
    pub(super) from: String,
    pub(super) to: String,
    /// The fixes that it took away.
    pub(super) fixes: Releases,
}

impl Passage {
    /// The way to `release` in `env`, which `runs` this of its repository.
    pub(super) fn of(
        world: &World<'_>,
        env: &EnvironmentName,
        release: &Release,
        runs: Option<&RunningService>,
    ) -> Self {
        let ran = history(world.state, env, &release.repository, world.now, HISTORY_MAX);
        let ran = ran.map(|history| history.changes).unwrap_or_default();
        let was_there = ran.iter().any(|change| is_of(release, &change.to));
        let (kind, gained, lost) = Self::way(world, release, runs, was_there);
        let rolled_back =
            if kind == DeployKind::Unchanged { None } else { rolled_back(world, release, &ran) };
        Self { kind, gained, lost, was_there, has_run: !ran.is_empty(), rolled_back }
    }

    /// The kind of the way to `release`, and the releases that come and that go.
    fn way(
        world: &World<'_>,
        release: &Release,
        runs: Option<&RunningService>,
        was_there: bool,
    ) -> (DeployKind, Vec<Release>, Vec<Release>) {
        let only = |kind, gained: Vec<Release>| (kind, gained, Vec::new());
        let Some(runs) = runs else { return only(DeployKind::Initial, vec![release.clone()]) };
        if is_image_of(release, runs) {
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
                (DeployKind::Rollback, Vec::new(), lost)
            }
            Relation::Same => only(DeployKind::Rebuild, Vec::new()),
            Relation::Incomparable => {
                let line = catalogue.line(repository);
                let apart = owned(line.map(|line| line.apart(from, to)).unwrap_or_default());
                let has = |image: Named<'_>, other: &Release| {
                    line.and_then(|line| line.contains(image, &[&other.version])) == Some(true)
                };
                let (lost, gained) = apart.into_iter().partition(|other| has(from, other));
                (DeployKind::Changed, gained, lost)
            }
            // First-seen order is all there is, as for deployments that happened.
            Relation::Unknown if was_there => (DeployKind::Rollback, Vec::new(), running()),
            Relation::Unknown => only(DeployKind::Changed, vec![release.clone()]),
        }
    }
}

/// Tells whether an image is one of the release.
fn is_of(release: &Release, image: &Image) -> bool {
    release.digest().map_or(image.version.as_ref() == Some(&release.version), |it| it == image.digest)
}

/// Tells whether what runs is an image of the release: one of those that are known, or, where none is, one of its name.
pub(super) fn is_image_of(release: &Release, runs: &RunningService) -> bool {
    match release.digest() {
        Some(_) => release.all_digests().any(|digest| *digest == runs.digest),
        None => runs.version.as_ref() == Some(&release.version),
    }
}

/// The latest rollback that took `release` away, unless a later change brought it back. `ran`: the latest change first.
fn rolled_back(world: &World<'_>, release: &Release, ran: &[ServiceChange]) -> Option<RolledBack> {
    let counts = |change: &&ServiceChange| change.state != Phase::Aborted;
    let brought_it = |change: &&ServiceChange| {
        is_of(release, &change.to) || change.releases.iter().any(|brought| brought.id == release.id)
    };
    let mut since_then = ran.iter().filter(counts).take_while(|change| !brought_it(change));
    let took_it = |change: &&ServiceChange| {
        change.kind == Kind::Rollback
            && (change.from.iter().any(|from| is_of(release, from))
                || change.reverted.iter().any(|reverted| reverted.id == release.id))
    };
    let change = since_then.find(took_it)?;
    let line = world.state.catalogue().line(&release.repository);
    let reverted = change.reverted.iter().filter_map(|it| line?.with_version(&it.version));
    Some(RolledBack {
        at: change.started_at,
        from: change.from.as_ref().map_or_else(|| release.version.clone(), Image::label),
        to: change.to.label(),
        fixes: recorded(&owned(reverted.collect())),
    })
}

/// A version that can tell an order: a tag such as `latest` names no version.
pub(super) fn named<'a>(digest: &'a Digest, version: Option<&'a str>) -> Named<'a> {
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

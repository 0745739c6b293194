//! Images: the release that one belongs to, and the version by which people know it.

use std::sync::Arc;

use crate::model::deployments::State;
use crate::model::deployments::rollout::Rollout;
use crate::model::oci::{Digest, Repository, Tag};
use crate::model::releases::{Line, Named, Number, Release};
use crate::wire::Image;

/// The tag that a rollout's image was pulled by last.
pub(super) fn tag(rollout: &Rollout) -> Option<&str> {
    rollout.tag.as_ref().map(Tag::as_str)
}

/// An image by its digest and its tag.
pub(super) fn image(state: &State, repository: &Repository, digest: &Digest, tag: Option<&str>) -> Image {
    let release = release_of(state, repository, digest, tag);
    Image {
        digest: *digest,
        version: version(state, repository, digest, tag),
        release_id: release.map(|release| release.id.clone()),
    }
}

/// The release that an image belongs to: by its digest; by its labels, which may have been learned in another repository;
/// by its tag, where that release knows no image.
pub(super) fn release_of<'a>(
    state: &'a State,
    repository: &Repository,
    digest: &Digest,
    tag: Option<&str>,
) -> Option<&'a Arc<Release>> {
    let line = state.catalogue().line(repository)?;
    let by_content = || line.with_digest(&registered(state, line, digest, tag)?);
    let by_labels = || line.with_labels(&state.labels(digest)?);
    let named = line.with_digest(digest).or_else(by_content).or_else(by_labels);
    let tagged = || line.with_version(tag?).filter(|release| release.digest().is_none());
    match named.filter(|release| !yields(line, release, tag)) {
        Some(release) => Some(release),
        None => tagged(),
    }
}

/// The digest by which an image is registered, where that is a platform's of its index, or the index around it: whoever
/// registers names one, and nodes ask for the other. Builds may share platforms, so it is no release whose version
/// the tag contradicts.
fn registered(state: &State, line: &Line, digest: &Digest, tag: Option<&str>) -> Option<Digest> {
    let number = tag.and_then(Number::parse);
    let is_meant = |release: &Release| {
        let own = Number::parse(&release.version);
        number.as_ref().zip(own).is_none_or(|(number, own)| number.is_part_of(&own))
    };
    let registers = |digest: &&Digest| {
        let release = line.with_digest(digest);
        release.is_some_and(|release| release.digests.contains(*digest) && is_meant(release))
    };
    let mut found = state.akin(digest).filter(registers);
    let first = found.next()?;
    let release = line.with_digest(first);
    found.all(|other| line.with_digest(other) == release).then_some(*first)
}

/// An image as the catalogue can place it.
pub(super) struct Placed {
    digest: Digest,
    version: Option<String>,
}

impl Placed {
    pub(super) fn of(state: &State, repository: &Repository, digest: &Digest, tag: Option<&str>) -> Self {
        let line = state.catalogue().line(repository).filter(|line| line.with_digest(digest).is_none());
        let registered = line.and_then(|line| registered(state, line, digest, tag));
        let version = ordered_version(state, repository, digest, tag);
        Self { digest: registered.unwrap_or(*digest), version }
    }

    /// Its version, if that tells an order.
    pub(super) fn into_version(self) -> Option<String> {
        self.version
    }

    pub(super) fn named(&self) -> Named<'_> {
        Named { digest: &self.digest, version: self.version.as_deref() }
    }
}

/// Tells whether a version that only labels tell of gives way to the tag, which says another one: it is a base image's, or
/// does not change from build to build. Images that share it show that, and so does a release that bears the tag's name.
fn yields(line: &Line, labelled: &Release, tag: Option<&str>) -> bool {
    if labelled.is_registered {
        return false;
    }
    let Some((tag, number)) = tag.and_then(|tag| Some((tag, Number::parse(tag)?))) else { return false };
    let is_another = || Number::parse(&labelled.version).is_none_or(|label| !number.is_part_of(&label));
    let is_shared = || labelled.all_digests().nth(1).is_some();
    let is_released = || line.with_version(tag).is_some_and(|release| release.is_registered);
    is_another() && (is_shared() || is_released())
}

/// The version by which people know an image: its release's, else its labels', else its tag. A label that is no number,
/// as `main`, says less than a tag.
pub(super) fn version(
    state: &State,
    repository: &Repository,
    digest: &Digest,
    tag: Option<&str>,
) -> Option<String> {
    let ordered = ordered_version(state, repository, digest, tag);
    let label = || state.labels(digest)?.version.map(str::to_owned);
    ordered.or_else(|| tag.map(str::to_owned)).or_else(label)
}

/// A version that can tell an order: a tag such as `latest` names no version.
fn ordered_version(
    state: &State,
    repository: &Repository,
    digest: &Digest,
    tag: Option<&str>,
) -> Option<String> {
    if let Some(release) = release_of(state, repository, digest, tag) {
        return Some(release.version.clone());
    }
    let is_number = |version: &&str| Number::parse(version).is_some();
    let line = state.catalogue().line(repository);
    // Labels that gave way to the tag have a release of their own.
    let gave_way = line.is_some_and(|line| line.with_digest(digest).is_some());
    let label = state.labels(digest).and_then(|labels| labels.version).filter(is_number);
    label.filter(|_| !gave_way).or(tag.filter(is_number)).map(str::to_owned)
}

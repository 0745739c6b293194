//! Images: the release that one belongs to, and the version by which people know it.

use std::sync::Arc;

use crate::model::deployments::State;
use crate::model::deployments::rollout::Rollout;
use crate::model::oci::{Digest, Repository, Tag};
use crate::model::releases::{Number, Release};
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

/// The release that an image belongs to: by its digest, by the version in its labels, which may have been learned in
/// another repository, or by its tag where that release knows no image.
pub(super) fn release_of<'a>(
    state: &'a State,
    repository: &Repository,
    digest: &Digest,
    tag: Option<&str>,
) -> Option<&'a Arc<Release>> {
    let line = state.catalogue().line(repository)?;
    let by_label = || line.with_version(state.labelled_version(digest)?);
    let by_tag = || line.with_version(tag?).filter(|release| release.digest().is_none());
    line.with_digest(digest).or_else(by_label).or_else(by_tag)
}

/// From the catalogue, else from the image's labels, else the tag it was pulled by.
pub(super) fn version(
    state: &State,
    repository: &Repository,
    digest: &Digest,
    tag: Option<&str>,
) -> Option<String> {
    let released = release_of(state, repository, digest, tag);
    let released = released.map(|release| release.version.as_str());
    released.or_else(|| state.labelled_version(digest)).or(tag).map(str::to_owned)
}

/// A version that can tell an order: a tag such as `latest` names no version.
pub(super) fn ordered_version(
    state: &State,
    repository: &Repository,
    digest: &Digest,
    tag: Option<&str>,
) -> Option<String> {
    let line = state.catalogue().line(repository);
    match line.and_then(|line| line.with_digest(digest)) {
        Some(released) => Some(released.version.clone()),
        None => version(state, repository, digest, tag.filter(|tag| Number::parse(tag).is_some())),
    }
}

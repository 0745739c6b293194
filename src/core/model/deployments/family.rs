//! The image that a manifest stands for: itself, or an index that contains it.
//!
//! Builds that differ in nothing but their provenance share their platform manifests, so a manifest may stand for several
//! images. The node's own requests decide, then the image that the service runs; never another node, another environment, or a
//! guess.

use crate::model::oci::Digest;

use super::content::Contents;
use super::images::Images;

/// A manifest, and everything that contains it.
pub(super) struct Family<'a> {
    manifest: Digest,
    above: Vec<Digest>,
    contents: &'a Contents,
}

impl<'a> Family<'a> {
    /// The family of `manifest`, as far as it is known.
    pub(super) fn of(manifest: Digest, contents: &'a Contents) -> Self {
        Self { manifest, above: contents.above(&manifest), contents }
    }

    /// Tells whether a request for the manifest may be part of a pull of `image`.
    pub(super) fn has(&self, image: &Digest) -> bool {
        *image == self.manifest || self.above.contains(image)
    }

    /// The image that it stands for where no pull under way tells: the one that the node showed last, else the `current`
    /// one of the service, else the only one that there is, else the manifest itself.
    pub(super) fn image(&self, images: &Images, current: Option<Digest>) -> Digest {
        if self.above.is_empty() {
            return self.manifest;
        }
        let held = images.latest_of(|image| self.has(image));
        let known = held.or(current.filter(|image| self.has(image)));
        known.or_else(|| self.contents.only_top(&self.manifest)).unwrap_or(self.manifest)
    }
}

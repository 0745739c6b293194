//! The pull that a request for a manifest is part of: platform manifests follow their index, or come before it in the log.

use super::{JITTER, OpenPull, OpenPulls, PULL, is_index, is_part};
use crate::model::deployments::images::Images;
use crate::model::event::Observation;
use crate::model::oci::Digest;
use crate::model::time::Time;

impl OpenPulls {
    /// Forgets the pulls of what turned out to be no image.
    pub(crate) fn forget(&mut self, digest: &Digest) {
        self.open.retain(|open| open.digest != *digest);
    }

    /// The image of the latest pull under way of one that `is_it`.
    pub(crate) fn latest_of(&self, at: Time, is_it: impl Fn(&Digest) -> bool) -> Option<Digest> {
        let open = self.open.iter().rev().find(|open| at.since(open.first_at) <= PULL && is_it(&open.digest));
        open.map(|open| open.digest)
    }

    /// The index that the node is just reading, when `observation` asks for a manifest that none of its pulls is known to contain:
    /// a platform manifest follows its index at once, by digest, and was not asked for by HEAD before; so does an index in
    /// an index, before anything else. `images` are those that the node holds.
    pub(crate) fn reading_index(
        &mut self,
        observation: &Observation,
        digest: &Digest,
        images: &Images,
    ) -> Option<Digest> {
        if !is_part(observation) {
            return None;
        }
        let is_known = images.holds(digest) || self.open.iter().any(|open| open.digest == *digest);
        let latest = self.latest(observation.at)?;
        let follows = !is_index(observation) || !latest.is_followed;
        (!is_known && follows && latest.is_index && latest.got).then_some(latest.digest)
    }

    /// Makes the pull that only a manifest was heard of one of `top`, if that is what it `is_part_of`: its index was logged
    /// after it. Returns its beginning and the image that it was taken for.
    pub(crate) fn retarget(
        &mut self,
        at: Time,
        top: Digest,
        is_part_of: impl Fn(&Digest) -> bool,
    ) -> Option<(Time, Digest)> {
        let is_early = |open: &&mut OpenPull| {
            let is_near = at.since(open.first_at) <= JITTER && open.first_at.since(at) <= JITTER;
            is_near && open.digest != top && open.part.as_ref().is_some_and(&is_part_of)
        };
        let open = self.open.iter_mut().rev().find(is_early)?;
        let before = (open.first_at, open.digest);
        (open.digest, open.starts) = (top, 0);
        Some(before)
    }
}

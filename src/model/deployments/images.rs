//! Images that a place, a node or a workload, is known to have: all that the rules remember of it.

use serde::{Deserialize, Serialize};

use crate::model::oci::Digest;
use crate::model::time::Time;

/// Most images that are remembered of a place; the one seen longest ago makes room.
const IMAGES_MAX: usize = 6;

/// The images of one place, as far as evidence tells; the latest that it showed is the last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Images(Vec<HeldImage>);

/// An image that a place holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct HeldImage {
    digest: Digest,
    /// The latest time that the place showed it; none where it was only pre-pulled.
    shown_at: Option<Time>,
}

impl Images {
    /// Tells whether `digest` is known to be here.
    pub(crate) fn holds(&self, digest: &Digest) -> bool {
        self.0.iter().any(|held| held.digest == *digest)
    }

    /// Tells whether `digest` is in the cache here because it ran, if it `ran_before`, or was pre-pulled.
    pub(crate) fn caches(&self, digest: &Digest, ran_before: bool) -> bool {
        self.0.iter().any(|held| held.digest == *digest && (ran_before || held.shown_at.is_none()))
    }

    /// The latest time that this place showed `digest`.
    pub(crate) fn shown_at(&self, digest: &Digest) -> Option<Time> {
        self.0.iter().find(|held| held.digest == *digest)?.shown_at
    }

    /// Tells whether this place showed `digest` at or after `since`.
    pub(crate) fn showed(&self, digest: &Digest, since: Time) -> bool {
        self.shown_at(digest).is_some_and(|at| at >= since)
    }

    /// The image shown last of those that are one that `is_it`.
    pub(crate) fn latest_of(&self, is_it: impl Fn(&Digest) -> bool) -> Option<Digest> {
        self.0.iter().rev().map(|held| held.digest).find(is_it)
    }

    /// Notes that `digest` is here, shown at `shown_at` or only pre-pulled.
    pub(crate) fn add(&mut self, digest: Digest, shown_at: Option<Time>) {
        let known = self.0.iter().position(|held| held.digest == digest);
        let before = known.and_then(|index| self.0.remove(index).shown_at);
        if self.0.len() >= IMAGES_MAX {
            self.0.remove(0);
        }
        self.0.push(HeldImage { digest, shown_at: shown_at.max(before) });
    }
}

//! Images that a place, a node or a workload, is known to have: all that the rules remember of it.

use serde::{Deserialize, Serialize};

use crate::model::oci::Digest;
use crate::model::time::{Span, Time};

/// Most images that are remembered of a place; the one seen longest ago makes room.
const IMAGES_MAX: usize = 6;

/// A pod that nobody takes away asks again after so long at most: a kubelet's longest pause is 5 min, and what it started
/// before that may take 15 min to fail, as a pull whose content does not come; a container that runs for longer is none that
/// ends at once.
const TRY: Span = Span::from_mins(20);

/// So many times it has asked before, where its containers end again and again: one that starts again once is as any other.
const TRIES: u16 = 2;

/// Tells whether a pod that tried at `before` may be what tries again at `at`.
pub(super) fn may_try_again(before: Time, at: Time) -> bool {
    at.since(before) <= TRY
}

/// The images of one place, as far as evidence tells; the latest that it showed is the last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Images(Vec<HeldImage>);

/// An image that a place holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct HeldImage {
    digest: Digest,
    /// The latest time that the place showed it; none where it was only pre-pulled.
    shown_at: Option<Time>,
    /// The first of the times that it did, one after the other as a pod that ends again and again asks, and their number.
    tried_since: Time,
    tries: u16,
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

    /// The time since when a pod of `digest` that ends again and again has asked for it here, up to `at`.
    pub(crate) fn tried_since(&self, digest: &Digest, at: Time) -> Option<Time> {
        let held = self.0.iter().find(|held| held.digest == *digest && held.tries >= TRIES)?;
        held.shown_at.is_some_and(|shown_at| may_try_again(shown_at, at)).then_some(held.tried_since)
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
        let known = known.map(|index| self.0.remove(index));
        if self.0.len() >= IMAGES_MAX {
            self.0.remove(0);
        }
        self.0.reserve_exact(1);
        self.0.push(HeldImage::of(digest, shown_at, known));
    }
}

impl HeldImage {
    /// The image `digest`, shown at `shown_at` or only pre-pulled, where `known` is what was known of it.
    fn of(digest: Digest, shown_at: Option<Time>, known: Option<Self>) -> Self {
        let before = known.and_then(|known| known.shown_at);
        let goes_on = before.zip(shown_at).is_some_and(|(before, at)| may_try_again(before, at));
        let (since, tries) = match known {
            Some(known) if goes_on || shown_at.is_none() => (known.tried_since, known.tries),
            _ => (shown_at.unwrap_or_default(), 0),
        };
        let tries = tries.saturating_add(u16::from(shown_at.is_some()));
        Self { digest, shown_at: shown_at.max(before), tried_since: since, tries }
    }
}

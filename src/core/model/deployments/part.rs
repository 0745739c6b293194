//! Parts: a rollout that stood still before it came to most of the service.
//!
//! The rule, by number, is that of README.md (14).

use crate::model::time::{Span, Time};

use super::candidate::Candidate;
use super::correction::{Assumption, Finding};
use super::current::Current;
use super::past::{Outcome, PastRollout};
use super::rollouts::{Facts, Rollouts};
use super::rule::Rule;
use super::takeover::{SMALL_SERVICE, WHOLE};

/// Tells whether `of` are half of a `whole` that is not small, or less.
fn is_half(of: u32, whole: u32) -> bool {
    whole > SMALL_SERVICE && of.saturating_mul(2) <= whole
}

impl PastRollout {
    /// Tells whether it came to a part of the service, and another image took its place there.
    pub fn is_part(&self) -> bool {
        !self.ran_before && is_half(self.rollout.nodes, self.expected)
    }
}

impl Current {
    /// Tells whether it stands for a part of the service, as far as it goes: for half of one that is not small, or less. Pods
    /// of a whole rollout come to more nodes than that.
    pub fn is_part(&self, settle: Span) -> bool {
        self.is_part_of(self.whole(), settle)
    }

    /// Tells whether people are told so: also where its predecessor was such a part, of a service as large as before that.
    pub fn is_part_as_told(&self, settle: Span) -> bool {
        self.is_part_of(self.whole_as_told(), settle)
    }

    /// Tells whether it came to most of the service, as far as people are told.
    pub fn is_most(&self) -> bool {
        u64::from(self.rollout.nodes) * WHOLE.1 >= u64::from(self.whole_as_told()) * WHOLE.0
    }

    fn is_part_of(&self, whole: u32, settle: Span) -> bool {
        // Few pods may touch most nodes, and all of them may share few: where both are heard, both say how far it came.
        let [before, earlier] = self.pods_before;
        let is_half_of_pods =
            || !self.is_most() && is_half(self.rollout.starts.most_without(settle), before.min(earlier));
        !self.ran_before && (is_half(self.rollout.nodes, whole) || is_half_of_pods())
    }

    /// The number of pods that it started, where each is heard. One that crashes is heard again and again, so that two
    /// rollouts have to agree.
    pub(super) fn pods(&self) -> u32 {
        if self.asks_always() { self.rollout.starts.total().max(self.pods_hidden) } else { 0 }
    }
}

impl Rollouts {
    /// Tells whether pods of the image before were heard last, where the current image came to less than most of the
    /// service: it rolls out no more, and the rest may never have moved.
    pub fn ends_with_stragglers(&self) -> bool {
        self.current.as_ref().is_some_and(|current| {
            let was_last = |candidate: &Candidate| {
                candidate.unanswered_nodes > 0 && candidate.rollout.last_at > current.rollout.last_at
            };
            let is_before = |candidate: &&Candidate| {
                current.from.as_ref().is_some_and(|from| from.digest == candidate.rollout.digest)
            };
            !current.is_most() && self.candidates.iter().filter(is_before).any(was_last)
        })
    }

    /// Gives up `old`, a part that stood still, if `candidate` is what ran before it: the service never moved. Else
    /// `old` is given back.
    pub(super) fn given_up(
        &mut self,
        old: Current,
        candidate: &Candidate,
        now: Time,
        facts: Facts<'_>,
    ) -> Option<Current> {
        let back = &candidate.rollout;
        let is_back = old.from.as_ref().is_some_and(|from| from.digest == back.digest);
        let has_stood = old.settles_at(facts.settle) <= back.opened_at;
        if !(is_back && has_stood && old.is_part(facts.settle)) {
            return Some(old);
        }
        let Some(mut before) = self.take_last(1, facts).pop() else { return Some(old) };
        if before.rollout.digest != back.digest {
            self.add_to_history(before, facts);
            return Some(old);
        }
        let (was, found) = (Assumption::Replaced, Finding::Deployed);
        before.rollout.correct(back.correction(now, was, found, Rule::Share));
        before.rollout.go_on(back.clone());
        let [pods_hidden, earlier] = old.pods_before;
        let came_at = back.opened_at;
        self.current =
            Some(Current { came_at, pods_hidden, pods_before: [earlier; 2], ..Current::again(before) });
        let part = PastRollout { outcome: Outcome::Aborted, ..old.into_past(back.opened_at, facts.settle) };
        self.add_to_history(part, facts);
        None
    }
}

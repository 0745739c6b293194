//! Parts: a rollout that stood still before it came to most of the service.
//!
//! The rule, by number, is that of README.md (14).

use crate::model::time::Time;

use super::candidate::Candidate;
use super::correction::{Assumption, Finding};
use super::current::Current;
use super::past::{Outcome, PastRollout};
use super::rollouts::{Facts, Rollouts};
use super::rule::Rule;
use super::takeover::{SMALL_SERVICE, WHOLE};

impl Current {
    /// Tells whether it stands for a part of the service, as far as it goes: for half of one that is not small, or less. Pods
    /// of a whole rollout come to more nodes than that.
    pub fn is_part(&self) -> bool {
        self.is_part_of(self.whole())
    }

    /// Tells whether people are told so: also where its predecessor was such a part, of a service as large as before that.
    pub fn is_part_as_told(&self) -> bool {
        self.is_part_of(self.whole_as_told())
    }

    /// Tells whether it came to most of the service, as far as people are told.
    pub fn is_most(&self) -> bool {
        u64::from(self.rollout.nodes) * WHOLE.1 >= u64::from(self.whole_as_told()) * WHOLE.0
    }

    fn is_part_of(&self, whole: u32) -> bool {
        !self.ran_before && whole > SMALL_SERVICE && self.rollout.nodes.saturating_mul(2) <= whole
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

    /// Where `old` was a part that stood still, and `candidate` is what ran before it, the part was given up and the service
    /// never moved. Else `old` is given back.
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
        if !(is_back && has_stood && old.is_part()) {
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
        self.current = Some(Current::again(before));
        let part = PastRollout { outcome: Outcome::Aborted, ..old.into_past(back.opened_at, facts.settle) };
        self.add_to_history(part, facts);
        None
    }
}

//! Candidates: images beside the current one, and what their sightings say of them.

use serde::{Deserialize, Serialize};

use crate::model::time::{Span, Time};

use super::correction::{Assumption, Finding};
use super::current::Current;
use super::past::{Outcome, PastRollout};
use super::rollout::Rollout;
use super::rule::Rule;
use super::sighting::Sighting;

/// An image beside the current one: it may replace it, or be a canary, or only straggle.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// The rollout of its image.
    pub rollout: Rollout,
    /// The image was current before.
    pub ran_before: bool,
    /// It ran before in networks that the current image did not come to, and nothing else asked for it: another cluster
    /// that has not moved yet.
    pub(super) is_elsewhere: bool,
    /// All places that showed it had tried to run it since before the current image came, or it is one alone that had tried
    /// to get it: pods that nobody took away, of a rollout that is over.
    pub(super) is_left_over: bool,
    /// It opened when the current rollout was complete and nobody had straggled: no old pods were left.
    pub(super) opened_when_complete: bool,
    /// It was current before the current image first was: the way down.
    pub(super) is_older_than_current: bool,
    /// The number of times that another node asked for it after quiet time, and none for the current image since.
    pub(super) lone_arrivals: u32,
    /// The number of `nodes_at_opening` that held it already.
    pub(super) nodes_caching: u32,
    /// The number of nodes that showed the current image when it opened.
    pub(super) nodes_at_opening: u32,
    /// A node that held it fetched it again: caches were emptied, and cannot explain who did not ask.
    pub(super) was_refetched: bool,
    /// The number of nodes that pulled it since the last pull of the current image.
    pub(super) unanswered_nodes: u32,
    /// The time of the first of these pulls.
    pub(super) unanswered_since: Option<Time>,
    /// The number of pulls by nodes that had moved to the current image and now show this one.
    pub(super) nodes_returned: u32,
    /// Pods of the current image were heard to start again when it opened.
    pub(super) is_noisy: bool,
    /// The number of pulls of the current image by nodes that had shown this one.
    pub(super) nodes_left: u32,
    /// The latest of these.
    pub(super) left_at: Option<Time>,
    /// It was asked for again after that: its nodes run both.
    pub(super) is_kept: bool,
}

impl Candidate {
    /// Adds a sighting of this image beside `current`.
    pub(super) fn add(&mut self, sighting: &Sighting, current: &Current, settle: Span) {
        if self.left_at.is_some_and(|left_at| sighting.at.since(left_at) > settle) {
            (self.is_kept, self.nodes_left) = (true, 0);
        }
        let rollout = &mut self.rollout;
        let arrived = sighting.arrivals(rollout.opened_at);
        let is_new = arrived > 0 || current.asks_always() && !rollout.is_latest(&sighting.place);
        self.lone_arrivals += u32::from(is_new && sighting.at.since(rollout.last_at) > settle);
        let unanswered = sighting.arrivals(self.unanswered_since.unwrap_or(sighting.at));
        rollout.add(sighting, arrived, true);
        self.unanswered_nodes = self.unanswered_nodes.saturating_add(unanswered);
        self.unanswered_since.get_or_insert(sighting.at);
        let moved = &current.rollout;
        self.is_elsewhere = self.is_elsewhere && !moved.blocks.have(&sighting.place);
        // Content that comes to several nodes is mended; containers that go on to end on them are no news.
        let is_tried = sighting.tried_since.is_some_and(|since| since < current.came_at);
        self.is_left_over &= is_tried && (sighting.was_held() || self.rollout.nodes <= 1);
        self.nodes_returned += u32::from(sighting.before.showed(&moved.digest, moved.opened_at));
        self.was_refetched |= sighting.is_refetched();
    }

    /// Tells whether nodes were seen to ask for it, or for the current image, although they hold it.
    pub(super) fn asks_always(&self, current: &Current) -> bool {
        current.asks_always() || self.rollout.checks > 0
    }

    /// The stretch in which it is compared with the current image: as long as its nodes took to come.
    pub(super) fn stretch(&self, settle: Span) -> Span {
        self.rollout.last_arrival().since(self.rollout.opened_at).max(settle)
    }

    /// Tells whether nodes that hold it need not ask for it: none of them was seen to ask nevertheless.
    pub(super) fn is_cached(&self) -> bool {
        self.nodes_caching > 0 && self.rollout.checks == 0 && !self.was_refetched
    }

    /// The number of `nodes` that would ask for it in a rollout.
    pub(super) fn expected(&self, nodes: u32) -> u32 {
        if !self.is_cached() || self.nodes_at_opening == 0 {
            return nodes;
        }
        let asking = u64::from(self.nodes_at_opening - self.nodes_caching) * u64::from(nodes);
        u32::try_from(asking.div_ceil(u64::from(self.nodes_at_opening))).unwrap_or(nodes)
    }

    /// Notes a sighting of the current image, whose node is `new` to it or not, while that `is_rolling` out or not.
    pub(super) fn note_current_seen(
        &mut self,
        sighting: &Sighting,
        new: bool,
        is_rolling: bool,
        settle: Span,
    ) {
        if sighting.before.showed(&self.rollout.digest, self.rollout.opened_at) && !self.is_kept {
            self.note_left(sighting.at, settle);
        }
        self.lone_arrivals = 0;
        // While it rolls out, a new node ends the way back. Else it only speaks against it: a pod moved, or restarted.
        self.unanswered_nodes = if new && is_rolling { 0 } else { self.unanswered_nodes.saturating_sub(1) };
        if self.unanswered_nodes == 0 {
            self.unanswered_since = None;
        }
    }

    /// Notes that a node of it showed the current image at `at`.
    fn note_left(&mut self, at: Time, settle: Span) {
        // One of several pods there may have started again, as pods do; those that replace others start together.
        let is_together = self.left_at.is_some_and(|left_at| at.since(left_at) <= settle);
        self.left_at = Some(at);
        if self.is_noisy && !is_together {
            return;
        }
        if self.nodes_left == 0 && self.outcome(at, settle) == Some(Outcome::Mixed) {
            let (was, now) = (Assumption::Minority, Finding::GivenUp);
            let correction = self.rollout.correction(at, was, now, Rule::Share);
            self.rollout.correct(correction);
        }
        self.nodes_left += 1;
    }

    /// The number of nodes that make it complete.
    pub fn nodes_to_complete(&self, current: &Current, settle: Span) -> u32 {
        self.expected(current.nodes(self.stretch(settle)))
    }

    /// The way in which it ended, as it looks at `now`; none while nodes are coming to it.
    pub fn outcome(&self, now: Time, settle: Span) -> Option<Outcome> {
        if now.since(self.rollout.last_arrival()) <= settle {
            None
        } else if self.nodes_left > 0 {
            Some(Outcome::Aborted)
        } else {
            Some(Outcome::Mixed)
        }
    }

    /// Tells whether it stood still beside the current image by `now`, and was not given up, whether it goes on since or not.
    pub fn has_stood(&self, now: Time, settle: Span) -> bool {
        match self.outcome(now, settle) {
            None => self.nodes_left == 0 && self.rollout.arrivals.longest_pause() > settle,
            outcome => outcome == Some(Outcome::Mixed),
        }
    }

    /// The past deployment that it is when it ended at `at` without replacing `current`.
    pub(super) fn into_past(
        self,
        current: &Current,
        outcome: Outcome,
        at: Time,
        settle: Span,
    ) -> PastRollout {
        PastRollout {
            from: Some(current.rollout.tagged()),
            outcome,
            progressed_at: self.rollout.last_arrival(),
            settled_at: None,
            ended_at: at,
            ran_before: self.ran_before,
            rule: Rule::Share,
            stragglers: 0,
            expected: self.nodes_to_complete(current, settle),
            size: current.size_shown(at),
            rollout: self.rollout.closed(),
        }
    }
}

//! The current image of a service: its rollout, and when that is over.
//!
//! The rules, by number, are those of README.md.

use serde::{Deserialize, Serialize};

use crate::model::time::{Span, Time};

use super::correction::Correction;
use super::past::{Outcome, PastRollout};
use super::rollout::{Rollout, TaggedDigest};
use super::rule::Rule;
use super::size::Size;

/// A rollout is over after a pause of so many times its longest pause …
const PAUSE_FACTOR: i64 = 2;

/// … though never before this, or the settle time, has passed: pods do not start faster than they pull, see [`super::PULL`].
const PAUSE_MIN: Span = Span::from_secs(60);

/// Silence says something where an image would have been heard of so many times.
const HEARD_TIMES: i64 = 2;

/// A rollout or a candidate that did not go on for so many settle times, a working day, stood still.
const STANDSTILL_SETTLES: i64 = 48;

/// The length of a standstill.
pub(super) fn standstill(settle: Span) -> Span {
    Span::from_ms(settle.ms().saturating_mul(STANDSTILL_SETTLES))
}

/// The image that runs, as far as the pulls tell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Current {
    /// The rollout of its image.
    pub rollout: Rollout,
    /// The time when it came: that of its opening, or when it came back after a part of the service had another one.
    pub(super) came_at: Time,
    /// The image that it replaced.
    pub from: Option<TaggedDigest>,
    /// The time when quiet time had passed without a new node.
    pub settled_at: Option<Time>,
    /// The number of pulls of the image it replaced, while it rolled out.
    pub stragglers: u32,
    /// The image was current before.
    pub ran_before: bool,
    /// The rule by which it became current.
    pub rule: Rule,
    /// The last arrival that belongs to the rollout, not to later scaling.
    pub(super) last_progress: Time,
    /// The longest pause between two arrivals of the rollout.
    pub(super) longest_pause: Span,
    /// The longest pause of the rollout before: the same pods start as slowly.
    pub(super) previous_longest_pause: Span,
    /// The number of pulls that the rollout before began within the settle time; none where there was no other.
    pub(super) previous_starts: Option<u32>,
    /// Nodes that came after its rollout, one soon after the other: how many at most, how many now, and when the last did.
    pub(super) nodes_added: u32,
    pub(super) nodes_adding: u32,
    pub(super) added_at: Time,
    /// The number of pods that it started before a part was given up in its favour.
    pub(super) pods_hidden: u32,
    /// The number of pods that the two rollouts before started, the latest first, where nodes ask always; 0 elsewhere.
    pub(super) pods_before: [u32; 2],
    /// The number of nodes to be expected when it became current.
    pub(super) expected: u32,
    /// The number of nodes that make it complete: as many as the whole rollout before came to, less those that caches hide.
    pub(super) nodes_to_complete: u32,
    /// The number of its predecessor's nodes, where the nodes' caches hid most of this one's.
    pub(super) nodes_hidden: u32,
    /// The size of the service when it came.
    pub(super) size: Size,
    /// The number of its nodes that had to ask for it: caches hide the others.
    pub(super) asking: u32,
}

impl Current {
    /// The first image of a service.
    pub(super) fn first(rollout: Rollout) -> Self {
        let last_progress = rollout.opened_at;
        Self {
            came_at: rollout.opened_at,
            rollout,
            from: None,
            settled_at: None,
            stragglers: 0,
            ran_before: false,
            rule: Rule::First,
            last_progress,
            longest_pause: Span::default(),
            previous_longest_pause: Span::default(),
            previous_starts: None,
            nodes_added: 0,
            nodes_adding: 0,
            added_at: last_progress,
            pods_hidden: 0,
            pods_before: [0; 2],
            expected: 0,
            nodes_to_complete: 0,
            nodes_hidden: 0,
            size: Size::unknown(last_progress),
            asking: 0,
        }
    }

    /// An image that was taken for replaced, and runs.
    pub(super) fn again(past: PastRollout) -> Self {
        Self {
            from: past.from,
            settled_at: past.settled_at,
            stragglers: past.stragglers,
            ran_before: past.ran_before,
            rule: past.rule,
            last_progress: past.progressed_at,
            expected: past.expected,
            nodes_to_complete: past.expected,
            nodes_hidden: past.rollout.nodes,
            size: past.size,
            asking: past.expected,
            ..Self::first(past.rollout)
        }
    }

    /// Notes that nodes `arrived` at `at`: the rollout goes on, or had settled before.
    pub(super) fn progress(&mut self, at: Time, arrived: u32, settle: Span) {
        if arrived == 0 || self.settled_at.is_some() {
            return;
        }
        if at > self.ends_at(settle).max(self.last_progress + settle) {
            self.settled_at = Some(self.last_progress + settle);
        } else {
            self.longest_pause = self.longest_pause.max(at.since(self.last_progress));
            self.last_progress = self.last_progress.max(at);
        }
    }

    /// The end of the rollout, if no further node comes: after twice the longest pause, its own or that of the rollout
    /// before. Once it is complete, no pause counts for more than the settle time. Before a second node came, the pace is
    /// unknown and the settle time stands for it, unless one node is all there is.
    pub(super) fn ends_at(&self, settle: Span) -> Time {
        let is_pace_known = self.rollout.nodes > 1 || self.expected <= 1;
        let twice = |span: Span| Span::from_ms(span.ms().saturating_mul(PAUSE_FACTOR));
        let pause = twice(if self.is_complete() {
            self.longest_pause.min(settle)
        } else {
            self.longest_pause.max(self.previous_longest_pause).min(twice(settle))
        });
        let least = if is_pace_known { PAUSE_MIN.min(settle) } else { settle };
        self.last_progress + pause.max(least)
    }

    /// Tells whether as many nodes came to it as to the image before.
    pub(super) fn is_complete(&self) -> bool {
        self.rollout.nodes >= self.nodes_to_complete
    }

    /// Tells whether its nodes were seen to ask although they hold it: then silence means something.
    pub fn asks_always(&self) -> bool {
        self.rollout.checks > 0
    }

    /// Tells whether its pods were heard to start again after its rollout, on nodes that hold it.
    pub(super) fn starts_again(&self) -> bool {
        self.asks_always() && self.rollout.pulls > self.rollout.starts.total()
    }

    /// The time in which a way back may turn out to have been a straggler.
    pub(super) fn hold(&self, settle: Span) -> Span {
        self.ends_at(settle).since(self.last_progress).max(settle)
    }

    /// The same for a single pull: while nodes are left that may still come, until the rollout stood still.
    pub(super) fn hold_single(&self, settle: Span) -> Span {
        if self.is_complete() { self.hold(settle) } else { self.hold(settle).max(standstill(settle)) }
    }

    /// The time when it settled, or will have if no further node comes.
    pub fn settles_at(&self, settle: Span) -> Time {
        self.settled_at.unwrap_or(self.last_progress + settle)
    }

    /// The last arrival that belongs to the rollout, not to later scaling.
    pub fn progressed_at(&self) -> Time {
        self.last_progress
    }

    /// Notes that nodes `arrived` at `at`, after its rollout.
    pub(super) fn add_later(&mut self, at: Time, arrived: u32, settle: Span) {
        if arrived > 0 {
            let before = if at.since(self.added_at) > settle { 0 } else { self.nodes_adding };
            (self.nodes_adding, self.added_at) = (before.saturating_add(arrived), at);
            self.nodes_added = self.nodes_added.max(self.nodes_adding);
        }
    }

    /// The number of nodes that the service is told to have by those that came to it later at once: pods were added, where they
    /// are more than twice as many as it rolled out to. Nodes that are replaced bring each pod to a new one or two.
    pub(super) fn nodes_scaled(&self) -> u32 {
        let rolled_out = self.rollout.arrivals.total();
        if self.nodes_added > rolled_out.saturating_mul(2) { rolled_out + self.nodes_added } else { 0 }
    }

    /// The number of nodes that make it whole: of the size of the service, those that caches do not hide.
    pub fn whole(&self) -> u32 {
        // A takeover by rule 5 showed that the service is smaller than it was.
        if self.rule == Rule::Alone { 0 } else { self.expected.max(self.nodes_to_complete) }
    }

    /// The number of nodes that make it whole as far as people are told: few that came to the image before show nothing of
    /// the size of the service, for a part may be given up unheard behind caches.
    pub fn whole_as_told(&self) -> u32 {
        if self.rule == Rule::Alone { 0 } else { self.whole().max(self.asking) }
    }

    /// The size for a successor that opens at `at`. A way back that caches hide says nothing of it at all.
    pub(super) fn size_shown(&self, at: Time) -> Size {
        let came = self.rollout.arrivals.total().max(self.nodes_scaled());
        // The nodes that came to it later are the service as it was known before it, in however many steps they came.
        let seen = if self.nodes_hidden > 0 { self.size.nodes } else { self.rollout.nodes };
        self.size.after(came, self.size.nodes.min(seen), self.is_most(), at)
    }

    /// The size to go on with when it turns out to run after others.
    pub(super) fn size_kept(&self, at: Time) -> Size {
        Size { nodes: self.size_shown(at).nodes, ..self.size }
    }

    /// The number of images right before it that the rest of the service may run as well as what ran before them.
    pub fn parts_before(&self) -> usize {
        usize::try_from(self.size.parts_before).unwrap_or(usize::MAX)
    }

    /// The number of nodes that came to it within the best stretch of such length.
    pub(super) fn nodes(&self, stretch: Span) -> u32 {
        self.rollout.arrivals.best(stretch).max(self.nodes_hidden)
    }

    /// Tells whether these are more than `limit`, without counting them all.
    pub(super) fn has_more_nodes(&self, limit: u32, stretch: Span) -> bool {
        self.nodes_hidden > limit || self.rollout.arrivals.exceeds(limit, stretch)
    }

    /// The pause that separates steps: longer than the settle time, and than twice the longest of its own rollout.
    pub(super) fn step(&self, settle: Span) -> Span {
        let twice = Span::from_ms(self.longest_pause.ms().saturating_mul(PAUSE_FACTOR));
        settle.max(twice)
    }

    /// The most nodes that came to it in one step.
    pub(super) fn nodes_in_step(&self, step: Span) -> u32 {
        self.rollout.arrivals.most_without(step).max(self.nodes_hidden)
    }

    /// Tells whether it would have been heard of several times between `from` and `until`, as often as it was before.
    pub(super) fn was_due(&self, from: Time, until: Time) -> bool {
        let heard = i64::from(self.rollout.pulls.saturating_sub(self.rollout.starts.total()));
        let while_heard = from.since(self.last_progress).ms().max(1);
        until.since(from).ms().saturating_mul(heard) >= while_heard.saturating_mul(HEARD_TIMES)
    }

    /// Notes that so many pulls were stragglers, and what that takes back.
    pub(super) fn add_stragglers(&mut self, pulls: u32, corrections: impl IntoIterator<Item = Correction>) {
        self.stragglers = self.stragglers.saturating_add(pulls);
        corrections.into_iter().for_each(|correction| self.rollout.correct(correction));
    }

    /// The past deployment that it is when another image replaced it at `at`.
    pub(super) fn into_past(self, at: Time, settle: Span) -> PastRollout {
        let (settles_at, expected) = (self.settles_at(settle), self.whole_as_told());
        let size = self.size_kept(at);
        // An image that was never ready did not settle, however long it stood.
        let has_stood = self.settled_at.is_some() || !self.rollout.was_never_ready();
        PastRollout {
            from: self.from,
            outcome: Outcome::Replaced,
            progressed_at: self.last_progress,
            settled_at: (has_stood && settles_at <= at).then_some(settles_at),
            ended_at: at,
            ran_before: self.ran_before,
            rule: self.rule,
            stragglers: self.stragglers,
            expected,
            size,
            rollout: self.rollout.closed(),
        }
    }
}

//! Claims: the image that runs, the images that claim to follow it, and the rules by which one of them does.
//!
//! The rules, by number, are those of README.md.

use serde::{Deserialize, Serialize};

use crate::model::time::{Span, Time};

use super::pull::{Node, PULL};
use super::rollout::{Rollout, TaggedDigest};
use super::verdict::{Assumption, Correction, Finding, Rule};

/// The part of the nodes that speaks for the service: two fifths of those that would ask. A canary has less; a whole
/// rollout may show less than all, for several pods may find place on one node.
const SHARE: (u64, u64) = (2, 5);

/// Of so few nodes one is enough: pods of a small service may all find place on one node, and a canary needs many.
const SMALL_SERVICE: u32 = 3;

/// So many nodes, each after quiet time and none on the running image meanwhile, speak for the service too: it was
/// scaled down. A canary is few pods of many, and the others would be heard of.
const LONE_ARRIVALS: u32 = 2;

/// The same where caches hide most nodes: a third of the few that would ask.
const SHARE_CACHED: (u64, u64) = (1, 3);

/// A rollout is over after a pause of so many times its longest pause …
const PAUSE_FACTOR: i64 = 2;

/// … though never before this, or the settle time, has passed: pods do not start faster than they pull.
const PAUSE_MIN: Span = PULL;

/// A rollout or a claim that did not go on for so many settle times, a working day, stood still.
const STANDSTILL: i64 = 48;

/// The length of a standstill.
pub(super) fn standstill(settle: Span) -> Span {
    Span::from_ms(settle.ms().saturating_mul(STANDSTILL))
}

/// The image that runs, as far as the pulls tell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Current {
    /// Its course.
    pub rollout: Rollout,
    /// The image that it replaced.
    pub from: Option<TaggedDigest>,
    /// The time when quiet time had passed without a new node.
    pub settled_at: Option<Time>,
    /// Pulls of the image it replaced, while it rolled out.
    pub stragglers: u32,
    /// It was up before.
    pub ran_before: bool,
    /// The rule by which it took over.
    pub rule: Rule,
    /// The last arrival that belongs to the rollout, not to later scaling.
    last_progress: Time,
    longest_pause: Span,
    /// The longest pause of the rollout before: the same pods start as slowly.
    previous_longest_pause: Span,
    /// The number of pulls that the rollout before began within the settle time; none where there was no other.
    previous_starts: Option<u32>,
    /// The number of nodes to be expected when it took over.
    expected: u32,
    /// The number of nodes that make it whole: as many as the whole rollout before came to, less those that caches hide.
    nodes_to_complete: u32,
    /// The number of its predecessor's nodes, where the nodes' caches hid most of this one's.
    nodes_hidden: u32,
}

/// An image that claims to follow the one that runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// Its course.
    pub rollout: Rollout,
    /// It was up before.
    pub ran_before: bool,
    /// It began when the rollout was whole and nobody had straggled: no old pods were left.
    pub(super) opened_when_complete: bool,
    /// It was up before the running image first was: the way down.
    pub(super) is_older_than_current: bool,
    /// The number of times that another node asked for it after quiet time, and none for the running image since.
    pub(super) lone_arrivals: u32,
    /// The number of `nodes_then` that held it already when it opened.
    pub(super) nodes_caching: u32,
    pub(super) nodes_at_opening: u32,
    /// A node that held it fetched it again: caches were emptied, and cannot explain who did not ask.
    pub(super) was_refetched: bool,
    /// Nodes that pulled it since the last pull of the main image.
    pub(super) unanswered_nodes: u32,
    pub(super) unanswered_since: Option<Time>,
    /// Nodes that had moved to the main image and now show this one.
    pub(super) nodes_returned: u32,
    /// Pulls of the main image by nodes that had shown this one.
    pub(super) nodes_left: u32,
}

/// A deployment that is over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PastRollout {
    /// Its course.
    pub rollout: Rollout,
    /// The image that ran before.
    pub from: Option<TaggedDigest>,
    /// The way in which it ended.
    pub outcome: Outcome,
    /// The last arrival that belongs to the rollout.
    pub progressed_at: Time,
    /// The time when quiet time had passed without a new node, if it came to that.
    pub settled_at: Option<Time>,
    /// The time when it was over.
    pub ended_at: Time,
    /// It was up before.
    pub ran_before: bool,
    /// The rule by which it took over; of a claim that came to nothing, the one that it did not meet.
    pub rule: Rule,
    /// Pulls of the image it replaced, while it rolled out.
    pub stragglers: u32,
    /// The nodes that would have made it whole.
    pub expected: u32,
}

/// The speed with which a way back is believed that began during a rollout, or that a single pull shows: shown as soon as it may
/// be true, kept only when the settle time passed in which it could have turned out to be a straggler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finality {
    Provisional,
    Final,
}

/// Ends of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It ran until another took over.
    Replaced,
    /// It stayed a minority, and was not seen to be given up.
    Mixed,
    /// It was given up.
    Aborted,
}

impl Current {
    pub(super) fn first(rollout: Rollout) -> Self {
        let last_progress = rollout.opened_at;
        Self {
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
            expected: 0,
            nodes_to_complete: 0,
            nodes_hidden: 0,
        }
    }

    pub(super) fn replacing(old: &Current, candidate: Candidate, rule: Rule, settle: Span) -> Self {
        let full = old.nodes(candidate.stretch(settle));
        let size = old.rollout.arrivals.total().max(old.nodes_hidden);
        Self {
            from: Some(old.rollout.named()),
            settled_at: None,
            stragglers: 0,
            ran_before: candidate.ran_before,
            rule,
            last_progress: candidate.rollout.last_arrival(),
            longest_pause: candidate.rollout.arrivals.longest_pause(),
            previous_longest_pause: old.longest_pause,
            previous_starts: Some(old.rollout.starts.best(settle)),
            expected: candidate.expected(full),
            nodes_to_complete: candidate.expected(size),
            nodes_hidden: if candidate.is_cached() { full } else { 0 },
            rollout: candidate.rollout,
        }
    }

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
    /// before. Once it is whole, no pause counts for more than the settle time. Before a second node came, the pace is
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

    /// Whether as many nodes came to it as to the image before.
    pub(super) fn is_complete(&self) -> bool {
        self.rollout.nodes >= self.nodes_to_complete
    }

    /// Whether its nodes were seen to ask although they hold it: then silence means something.
    pub(super) fn asks_always(&self) -> bool {
        self.rollout.checks > 0
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

    /// The number of nodes to be expected when it took over.
    pub fn expected(&self) -> u32 {
        self.expected
    }

    /// The number of nodes that came to it within the best stretch of such length.
    pub(super) fn nodes(&self, stretch: Span) -> u32 {
        self.rollout.arrivals.best(stretch).max(self.nodes_hidden)
    }

    /// Takes a claim for stragglers after all.
    pub(super) fn absorb_stragglers(&mut self, candidate: &Candidate, at: Time, settle: Span) {
        self.stragglers = self.stragglers.saturating_add(candidate.rollout.pulls);
        let straggler_correction = candidate.straggler_correction(self, at, settle, Rule::Stragglers);
        straggler_correction.into_iter().for_each(|correction| self.rollout.correct(correction));
    }

    pub(super) fn into_past(self, at: Time, settle: Span) -> PastRollout {
        let settles_at = self.settles_at(settle);
        PastRollout {
            from: self.from,
            outcome: Outcome::Replaced,
            progressed_at: self.last_progress,
            settled_at: (settles_at <= at).then_some(settles_at),
            ended_at: at,
            ran_before: self.ran_before,
            rule: self.rule,
            stragglers: self.stragglers,
            expected: self.expected,
            rollout: self.rollout.closed(),
        }
    }
}

impl Candidate {
    /// Whether all its pulls may come from pods that the running image has not replaced yet: it ran before, and its
    /// claim began while the rollout went on. A tag that said otherwise before and says this now excludes that; so
    /// does a way back by every node that had gone along.
    pub(super) fn may_be_stragglers(&self, current: &Current, settle: Span) -> bool {
        let all_returned = self.nodes_returned > 0 && self.nodes_returned >= current.rollout.nodes;
        self.ran_before
            && !self.is_tag_moved(current)
            && !all_returned
            && !self.opened_when_complete
            && self.rollout.opened_at <= current.ends_at(settle)
    }

    fn is_tag_moved(&self, current: &Current) -> bool {
        self.rollout.tag.is_some() && self.rollout.tag == current.rollout.tag
    }

    /// Whether a single pull is all that speaks for a way back.
    pub(super) fn is_doubtful(&self, current: &Current) -> bool {
        self.ran_before && self.rollout.nodes <= 1 && current.rollout.nodes > 1
    }

    /// Whether it may follow the image that runs, or be the way back. What began during the rollout does if the
    /// rollout stopped, and since its last pull several nodes showed this image and none came to the other.
    pub(super) fn may_take_over(
        &self,
        current: &Current,
        now: Time,
        settle: Span,
        finality: Finality,
    ) -> bool {
        let hold = if finality == Finality::Final { current.hold(settle) } else { Span::default() };
        if self.may_be_stragglers(current, settle) {
            return self.unanswered_nodes > 1 && now > current.ends_at(settle) + hold;
        }
        let hold = if finality == Finality::Final { current.hold_single(settle) } else { Span::default() };
        !self.is_contradicted(current, settle)
            && (!self.is_doubtful(current) || now >= self.rollout.opened_at + hold)
    }

    /// Whether silence speaks against a way back: where every start asks, one that was answered is over, and a single
    /// one by a node that had not gone along is an old pod that started again, not a rollout of several.
    fn is_contradicted(&self, current: &Current, settle: Span) -> bool {
        let is_answered = self.unanswered_nodes == 0;
        let is_one_of_many = self.nodes_returned == 0 && self.rollout.pulls == 1 && current.nodes(settle) > 1;
        self.ran_before && self.asks_always(current) && (is_answered || is_one_of_many)
    }

    /// Whether its pulls come from old pods, as far as they tell.
    pub(super) fn looks_like_stragglers(&self, current: &Current, settle: Span) -> bool {
        self.may_be_stragglers(current, settle) || self.is_contradicted(current, settle)
    }

    /// Whether people see it: as a claim, or as a way back that just opened.
    pub(super) fn is_shown(&self, current: &Current, now: Time, settle: Span) -> bool {
        let just_opened = self.nodes_returned > 0 && now <= current.ends_at(settle);
        just_opened || self.may_take_over(current, now, settle, Finality::Provisional)
    }

    /// Whether nodes were seen to ask for it, or for the image that runs, although they hold it.
    fn asks_always(&self, current: &Current) -> bool {
        current.asks_always() || self.rollout.checks > 0
    }

    /// The stretch in which it is compared with the image that runs: as long as its nodes took to come.
    pub(super) fn stretch(&self, settle: Span) -> Span {
        self.rollout.last_arrival().since(self.rollout.opened_at).max(settle)
    }

    /// Whether nodes that hold it need not ask for it: none of them was seen to ask nevertheless.
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

    /// The rule by which it takes over at `now`, if it does.
    pub(super) fn winning_rule(
        &self,
        current: &Current,
        now: Time,
        settle: Span,
        finality: Finality,
    ) -> Option<Rule> {
        if !self.may_take_over(current, now, settle, finality) {
            return None;
        }
        let rule = self.rule_met(current, settle)?;
        Some(if self.may_be_stragglers(current, settle) {
            Rule::Stragglers
        } else if self.is_doubtful(current) {
            Rule::Hold
        } else if self.is_tag_moved(current) && self.rollout.opened_at <= current.ends_at(settle) {
            Rule::MovedTag
        } else {
            rule
        })
    }

    /// Whether it is few pods on nodes that many share. Where every start asks, pods can be told from nodes; but a pod
    /// that crashes starts again and again, so what two rollouts agree on counts.
    fn is_few_pods(&self, current: &Current, settle: Span) -> bool {
        let Some(before) = current.previous_starts.filter(|_| current.asks_always() && !self.ran_before)
        else {
            return false;
        };
        let starts = current.rollout.starts.best(self.stretch(settle)).min(before);
        starts > SMALL_SERVICE && u64::from(self.rollout.pulls) * SHARE.1 < u64::from(starts) * SHARE.0
    }

    /// The rule by which it speaks for the service, if it does: enough of the nodes that would ask for it did, or
    /// there is no other way to read what few did.
    fn rule_met(&self, current: &Current, settle: Span) -> Option<Rule> {
        let nodes = current.nodes(self.stretch(settle));
        let reaches = |expected: u32, (part, whole): (u64, u64)| {
            expected <= SMALL_SERVICE || u64::from(self.rollout.nodes) * whole >= u64::from(expected) * part
        };
        let may_be_hidden = !self.asks_always(current);
        if reaches(nodes, SHARE) && !self.is_few_pods(current, settle) {
            Some(Rule::Share)
        } else if self.lone_arrivals >= LONE_ARRIVALS {
            Some(Rule::Alone)
        } else if may_be_hidden && self.is_cached() && reaches(self.expected(nodes), SHARE_CACHED) {
            Some(Rule::Caches)
        } else {
            (may_be_hidden && self.is_older_than_current).then_some(Rule::WayDown)
        }
    }

    /// A pull of the main image at `at`, by `node`, which is `new` to it.
    pub(super) fn note_pull_of_current(
        &mut self,
        at: Time,
        node: &Node,
        new: bool,
        is_rolling: bool,
        settle: Span,
    ) {
        if node.showed(&self.rollout.digest, self.rollout.opened_at) {
            if self.nodes_left == 0 && self.outcome(at, settle) == Some(Outcome::Mixed) {
                let correction =
                    self.rollout.correction(at, Assumption::Minority, Finding::GivenUp, Rule::Share);
                self.rollout.correct(correction);
            }
            self.nodes_left += 1;
        }
        self.lone_arrivals = 0;
        // While it rolls out, a new node ends the way back. Else it only speaks against it: a pod moved, or restarted.
        self.unanswered_nodes = if new && is_rolling { 0 } else { self.unanswered_nodes.saturating_sub(1) };
        if self.unanswered_nodes == 0 {
            self.unanswered_since = None;
        }
    }

    /// Notes what its victory over `old` at `now` takes back of what was thought before.
    pub(super) fn correct(&mut self, old: &Current, now: Time, settle: Span, rule: Rule) {
        let was_mixed = self.rollout.arrivals.longest_pause() > settle;
        let was_silent = self.rollout.opened_at.since(old.rollout.last_at) > settle;
        let is_hidden = matches!(rule, Rule::Caches | Rule::WayDown | Rule::Hold) && was_silent;
        let was = if was_mixed { Assumption::Minority } else { Assumption::Replaced };
        if was_mixed || is_hidden {
            let correction = self.rollout.correction(now, was, Finding::Deployed, rule);
            self.rollout.correct(correction);
        }
    }

    /// That it was no way back, where people saw one.
    pub(super) fn straggler_correction(
        &self,
        current: &Current,
        at: Time,
        settle: Span,
        rule: Rule,
    ) -> Option<Correction> {
        let was_seen = self.is_shown(current, at, settle);
        was_seen.then(|| self.rollout.correction(at, Assumption::WayBack, Finding::Straggler, rule))
    }

    /// The number of nodes that would have made it whole.
    pub fn nodes_to_complete(&self, current: &Current, settle: Span) -> u32 {
        self.expected(current.nodes(self.stretch(settle)))
    }

    /// Its state at `now`.
    pub fn outcome(&self, now: Time, settle: Span) -> Option<Outcome> {
        if now.since(self.rollout.last_arrival()) <= settle {
            None
        } else if self.nodes_left > 0 {
            Some(Outcome::Aborted)
        } else {
            Some(Outcome::Mixed)
        }
    }

    pub(super) fn into_past(
        self,
        current: &Current,
        outcome: Outcome,
        at: Time,
        settle: Span,
    ) -> PastRollout {
        PastRollout {
            from: Some(current.rollout.named()),
            outcome,
            progressed_at: self.rollout.last_arrival(),
            settled_at: None,
            ended_at: at,
            ran_before: self.ran_before,
            rule: Rule::Share,
            stragglers: 0,
            expected: self.nodes_to_complete(current, settle),
            rollout: self.rollout.closed(),
        }
    }
}

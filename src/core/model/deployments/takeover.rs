//! Takeovers: the rules by which a candidate becomes the current image.
//!
//! The rules, by number, are those of README.md.

use crate::model::time::{Span, Time};

use super::candidate::Candidate;
use super::correction::{Assumption, Correction, Finding};
use super::current::Current;
use super::rule::Rule;

/// The part of the nodes that is enough: two fifths of those that would ask. A canary has less; a whole
/// rollout may show less than all, for several pods may find place on one node.
const SHARE: (u64, u64) = (2, 5);

/// The part of the nodes that is the whole: pods of one rollout share nodes, those of the next may share others.
pub(super) const WHOLE: (u64, u64) = (3, 4);

/// Of so few nodes one is enough: pods of a small service may all find place on one node, and a canary needs many.
pub(super) const SMALL_SERVICE: u32 = 3;

/// So many nodes, each after quiet time and none on the current image meanwhile, are enough too: the service was
/// scaled down. A canary is few pods of many, and the others would be heard of.
const LONE_ARRIVALS: u32 = 2;

/// The part of the nodes that is enough where caches hide most of them: a third of the few that would ask.
const SHARE_CACHED: (u64, u64) = (1, 3);

/// Ways to judge a candidate whose pulls may still turn out to be stragglers, see rules 8 and 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finality {
    /// For an answer now: it may win as soon as it may be true.
    Provisional,
    /// For good: it wins once the time has passed in which it could turn out to be wrong.
    Final,
}

impl Candidate {
    /// The rule by which it replaces the current image at `now`, if it does.
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

    /// Tells whether it may replace the current image at `now`. A way back that began during the rollout may once the
    /// rollout has stopped, if since its last pull several nodes showed this image and none came to the other.
    pub(super) fn may_take_over(
        &self,
        current: &Current,
        now: Time,
        settle: Span,
        finality: Finality,
    ) -> bool {
        // An image that witnesses saw beside the current one stays beside it until newer evidence speaks for it.
        if self.is_elsewhere || self.is_left_over || !self.rollout.has_news() {
            return false;
        }
        let hold = if finality == Finality::Final { current.hold(settle) } else { Span::default() };
        if self.may_be_stragglers(current, settle) {
            return self.unanswered_nodes > 1 && now > current.ends_at(settle) + hold;
        }
        let hold = if finality == Finality::Final { current.hold_single(settle) } else { Span::default() };
        !self.is_contradicted(current, settle)
            && (!self.is_doubtful(current) || now >= self.rollout.opened_at + hold)
    }

    /// Tells whether all its pulls may come from pods that the current image has not replaced yet: it ran before, and its
    /// first pull came while the rollout went on. A tag that was moved back excludes that, and so does a way back by
    /// every node that had gone along.
    pub(super) fn may_be_stragglers(&self, current: &Current, settle: Span) -> bool {
        let all_returned = self.nodes_returned > 0 && self.nodes_returned >= current.rollout.nodes;
        self.ran_before
            && !self.is_tag_moved(current)
            && !all_returned
            && !self.opened_when_complete
            && self.rollout.opened_at <= current.ends_at(settle)
    }

    /// Tells whether the tag of the current image names this one now.
    fn is_tag_moved(&self, current: &Current) -> bool {
        self.rollout.tag.is_some() && self.rollout.tag == current.rollout.tag
    }

    /// Tells whether a single node is all that speaks for a way back.
    pub(super) fn is_doubtful(&self, current: &Current) -> bool {
        self.ran_before && self.rollout.nodes <= 1 && current.rollout.nodes > 1
    }

    /// Tells whether silence speaks against a way back: where every start asks, one that was answered is over, and a single
    /// one by a node that had not gone along is an old pod that started again, not a rollout of several.
    fn is_contradicted(&self, current: &Current, settle: Span) -> bool {
        let is_answered = self.unanswered_nodes == 0;
        let several = current.nodes(settle).max(current.whole()) > 1;
        let is_one_of_many = self.nodes_returned == 0 && self.rollout.pulls == 1 && several;
        self.ran_before && self.asks_always(current) && (is_answered || is_one_of_many)
    }

    /// Tells whether its pulls come from old pods, as far as they tell.
    pub(super) fn looks_like_stragglers(&self, current: &Current, settle: Span) -> bool {
        self.is_elsewhere
            || self.is_left_over
            || self.may_be_stragglers(current, settle)
            || self.is_contradicted(current, settle)
    }

    /// Tells whether people are shown it: as a candidate, or as a way back that just opened.
    pub(super) fn is_shown(&self, current: &Current, now: Time, settle: Span) -> bool {
        let just_opened = self.nodes_returned > 0 && now <= current.ends_at(settle);
        let is_told = self.rollout.told.is_some();
        is_told || just_opened || self.may_take_over(current, now, settle, Finality::Provisional)
    }

    /// The rule that its pulls meet, if any: enough of the nodes that would ask for it did, or nothing else explains
    /// what few did.
    fn rule_met(&self, current: &Current, settle: Span) -> Option<Rule> {
        let stretch = self.stretch(settle);
        // So many expected nodes are few enough for what it has to be that part of them.
        let most = |(part, whole): (u64, u64)| {
            let most = u64::from(self.rollout.nodes_unseen()) * whole / part;
            u32::try_from(most).unwrap_or(u32::MAX).max(SMALL_SERVICE)
        };
        let may_be_hidden = !self.asks_always(current);
        let is_silence_known = || current.was_due(self.rollout.opened_at, self.rollout.last_at);
        // A rollout that goes on has not shown yet how many nodes ask.
        let is_early = !self.ran_before && self.rollout.opened_at <= current.ends_at(settle);
        let has_more_to_come = is_early && current.nodes_to_complete > most(SHARE);
        if !has_more_to_come
            && !current.has_more_nodes(most(SHARE), stretch)
            && !self.is_few_pods(current, settle)
            && !self.grows_in_steps(current, settle)
        {
            Some(Rule::Share)
        } else if self.lone_arrivals >= LONE_ARRIVALS && is_silence_known() {
            Some(Rule::Alone)
        } else if may_be_hidden
            && self.is_cached()
            && self.expected(current.nodes(stretch)) <= most(SHARE_CACHED)
        {
            Some(Rule::Caches)
        } else {
            (may_be_hidden && self.is_older_than_current).then_some(Rule::WayDown)
        }
    }

    /// Tells whether it came in steps, each of which is too small for the service, which itself came at once: a canary
    /// that grows.
    fn grows_in_steps(&self, current: &Current, settle: Span) -> bool {
        let step = current.step(settle);
        let (ours, theirs) = (self.rollout.arrivals.most_without(step), current.nodes_in_step(step));
        let is_below =
            |nodes: u32, (part, whole): (u64, u64)| u64::from(nodes) * whole < u64::from(theirs) * part;
        theirs > SMALL_SERVICE && is_below(ours, SHARE) && is_below(self.rollout.nodes, WHOLE)
    }

    /// Tells whether it is few pods on nodes that many share. Where every start asks, pods can be told from nodes; but a pod
    /// that crashes starts again and again, so what two rollouts agree on counts.
    fn is_few_pods(&self, current: &Current, settle: Span) -> bool {
        let Some(before) = current.previous_starts.filter(|_| current.asks_always() && !self.ran_before)
        else {
            return false;
        };
        let starts = current.rollout.starts.best(self.stretch(settle)).min(before);
        starts > SMALL_SERVICE && u64::from(self.rollout.pulls) * SHARE.1 < u64::from(starts) * SHARE.0
    }

    /// The current image that it becomes in place of `old`, by `rule`.
    pub(super) fn promoted(self, old: &Current, rule: Rule, settle: Span) -> Current {
        let full = old.nodes(self.stretch(settle));
        let size = old.rollout.arrivals.total().max(old.nodes_hidden);
        // A rollout that caches hide shows nothing of the service's size: that is as it was.
        let hidden = full.max(old.whole());
        let mut shown = old.size_shown(self.rollout.opened_at);
        // A takeover by rule 5 shows that the service is smaller than it was.
        if rule == Rule::Alone {
            shown.nodes = self.rollout.nodes;
        }
        Current {
            came_at: self.rollout.opened_at,
            from: Some(old.rollout.tagged()),
            settled_at: None,
            stragglers: 0,
            ran_before: self.ran_before,
            rule,
            last_progress: self.rollout.last_arrival(),
            longest_pause: self.rollout.arrivals.longest_pause(),
            previous_longest_pause: old.longest_pause,
            previous_starts: Some(old.rollout.starts.best(settle)),
            nodes_added: 0,
            nodes_adding: 0,
            added_at: self.rollout.last_arrival(),
            pods_hidden: 0,
            pods_before: [old.pods(), old.pods_before[0]],
            expected: self.expected(full),
            nodes_to_complete: self.expected(size),
            nodes_hidden: if self.is_cached() { hidden } else { 0 },
            size: shown,
            asking: self.expected(shown.nodes),
            rollout: self.rollout,
        }
    }

    /// Notes what is taken back when it replaces `old` at `now` by `rule`.
    pub(super) fn correct_assumptions(&mut self, old: &Current, now: Time, settle: Span, rule: Rule) {
        let was_mixed = self.rollout.arrivals.longest_pause() > settle;
        let was_silent = self.rollout.opened_at.since(old.rollout.last_at) > settle;
        let is_hidden = matches!(rule, Rule::Caches | Rule::WayDown | Rule::Hold) && was_silent;
        let was = if was_mixed { Assumption::Minority } else { Assumption::Replaced };
        if was_mixed || is_hidden {
            let correction = self.rollout.correction(now, was, Finding::Deployed, rule);
            self.rollout.correct(correction);
        }
    }

    /// The correction that it was no way back, where people were shown one.
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
}

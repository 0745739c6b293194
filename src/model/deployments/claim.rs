//! Claims: the image that runs, the images that claim to follow it, and the rules by which one of them does.
//!
//! The rules, by number, are those of README.md.

use serde::{Deserialize, Serialize};

use crate::model::time::{Span, Time};

use super::course::{Course, Named};
use super::pull::{Node, PULL};
use super::verdict::{Correction, Finding, Rule, Thought};

/// The part of the nodes that speaks for the service: two fifths of those that would ask. A canary has less; a whole
/// rollout may show less than all, for several pods may find place on one node.
const PART: (u64, u64) = (2, 5);

/// Of so few nodes one is enough: pods of a small service may all find place on one node, and a canary needs many.
const FEW: u32 = 3;

/// So many nodes, each after quiet time and none on the running image meanwhile, speak for the service too: it was
/// scaled down. A canary is few pods of many, and the others would be heard of.
const VOTES: u32 = 2;

/// The same where caches hide most nodes: a third of the few that would ask.
const PART_CACHED: (u64, u64) = (1, 3);

/// A rollout is over after a pause of so many times its longest pause …
const PAUSES: i64 = 2;

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
pub struct Main {
    /// Its course.
    pub course: Course,
    /// The image that it replaced.
    pub from: Option<Named>,
    /// The time when quiet time had passed without a new node.
    pub settled_at: Option<Time>,
    /// Pulls of the image it replaced, while it rolled out.
    pub stragglers: u32,
    /// It was up before.
    pub was_live: bool,
    /// The rule by which it took over.
    pub rule: Rule,
    /// The last arrival that belongs to the rollout, not to later scaling.
    last_progress: Time,
    longest_pause: Span,
    /// The longest pause of the rollout before: the same pods start as slowly.
    pace_before: Span,
    /// The number of pulls that the rollout before began within the settle time; none where there was no other.
    starts_before: Option<u32>,
    /// The number of nodes to be expected when it took over.
    expected: u32,
    /// The number of nodes that make it whole: as many as the whole rollout before came to, less those that caches hide.
    whole: u32,
    /// The number of its predecessor's nodes, where the nodes' caches hid most of this one's.
    hidden: u32,
}

/// An image that claims to follow the one that runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rival {
    /// Its course.
    pub course: Course,
    /// It was up before.
    pub was_live: bool,
    /// It began when the rollout was whole and nobody had straggled: no old pods were left.
    pub(super) is_late: bool,
    /// It was up before the running image first was: the way down.
    pub(super) is_down: bool,
    /// The number of times that another node asked for it after quiet time, and none for the running image since.
    pub(super) votes: u32,
    /// The number of `nodes_then` that held it already when it opened.
    pub(super) held_by: u32,
    pub(super) nodes_then: u32,
    /// A node that held it fetched it again: caches were emptied, and cannot explain who did not ask.
    pub(super) refetched: bool,
    /// Nodes that pulled it since the last pull of the main image.
    pub(super) run: u32,
    pub(super) run_from: Option<Time>,
    /// Nodes that had moved to the main image and now show this one.
    pub(super) returned: u32,
    /// Pulls of the main image by nodes that had shown this one.
    pub(super) left: u32,
}

/// A deployment that is over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Past {
    /// Its course.
    pub course: Course,
    /// The image that ran before.
    pub from: Option<Named>,
    /// The way in which it ended.
    pub end: End,
    /// The last arrival that belongs to the rollout.
    pub progressed_at: Time,
    /// The time when quiet time had passed without a new node, if it came to that.
    pub settled_at: Option<Time>,
    /// The time when it was over.
    pub ended_at: Time,
    /// It was up before.
    pub was_live: bool,
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
pub(super) enum Haste {
    Show,
    Keep,
}

/// Ends of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// It ran until another took over.
    Replaced,
    /// It stayed a minority, and was not seen to be given up.
    Mixed,
    /// It was given up.
    Aborted,
}

impl Main {
    pub(super) fn first(course: Course) -> Self {
        let last_progress = course.opened_at;
        Self {
            course,
            from: None,
            settled_at: None,
            stragglers: 0,
            was_live: false,
            rule: Rule::First,
            last_progress,
            longest_pause: Span::default(),
            pace_before: Span::default(),
            starts_before: None,
            expected: 0,
            whole: 0,
            hidden: 0,
        }
    }

    pub(super) fn follow(old: &Main, rival: Rival, rule: Rule, settle: Span) -> Self {
        let full = old.nodes(rival.stretch(settle));
        let size = old.course.arrivals.total().max(old.hidden);
        Self {
            from: Some(old.course.named()),
            settled_at: None,
            stragglers: 0,
            was_live: rival.was_live,
            rule,
            last_progress: rival.course.last_arrival(),
            longest_pause: rival.course.arrivals.longest_pause(),
            pace_before: old.longest_pause,
            starts_before: Some(old.course.starts.best(settle)),
            expected: rival.expected(full),
            whole: rival.expected(size),
            hidden: if rival.is_cached() { full } else { 0 },
            course: rival.course,
        }
    }

    pub(super) fn progress(&mut self, at: Time, arrived: u32, settle: Span) {
        if arrived == 0 || self.settled_at.is_some() {
            return;
        }
        if at > self.over_at(settle).max(self.last_progress + settle) {
            self.settled_at = Some(self.last_progress + settle);
        } else {
            self.longest_pause = self.longest_pause.max(at.since(self.last_progress));
            self.last_progress = self.last_progress.max(at);
        }
    }

    /// The end of the rollout, if no further node comes: after twice the longest pause, its own or that of the rollout
    /// before. Once it is whole, no pause counts for more than the settle time. Before a second node came, the pace is
    /// unknown and the settle time stands for it, unless one node is all there is.
    pub(super) fn over_at(&self, settle: Span) -> Time {
        let is_pace_known = self.course.nodes > 1 || self.expected <= 1;
        let twice = |span: Span| Span::from_ms(span.ms().saturating_mul(PAUSES));
        let pause = twice(if self.is_whole() {
            self.longest_pause.min(settle)
        } else {
            self.longest_pause.max(self.pace_before).min(twice(settle))
        });
        let least = if is_pace_known { PAUSE_MIN.min(settle) } else { settle };
        self.last_progress + pause.max(least)
    }

    /// Whether as many nodes came to it as to the image before.
    pub(super) fn is_whole(&self) -> bool {
        self.course.nodes >= self.whole
    }

    /// Whether its nodes were seen to ask although they hold it: then silence means something.
    pub(super) fn asks_always(&self) -> bool {
        self.course.checks > 0
    }

    /// The time in which a way back may turn out to have been a straggler.
    pub(super) fn hold(&self, settle: Span) -> Span {
        self.over_at(settle).since(self.last_progress).max(settle)
    }

    /// The same for a single pull: while nodes are left that may still come, until the rollout stood still.
    pub(super) fn hold_single(&self, settle: Span) -> Span {
        if self.is_whole() { self.hold(settle) } else { self.hold(settle).max(standstill(settle)) }
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
        self.course.arrivals.best(stretch).max(self.hidden)
    }

    /// Takes a claim for stragglers after all.
    pub(super) fn straggled(&mut self, rival: &Rival, at: Time, settle: Span) {
        self.stragglers = self.stragglers.saturating_add(rival.course.pulls);
        let strayed = rival.strayed(self, at, settle, Rule::Stragglers);
        strayed.into_iter().for_each(|correction| self.course.correct(correction));
    }

    pub(super) fn into_past(self, at: Time, settle: Span) -> Past {
        let settles_at = self.settles_at(settle);
        Past {
            from: self.from,
            end: End::Replaced,
            progressed_at: self.last_progress,
            settled_at: (settles_at <= at).then_some(settles_at),
            ended_at: at,
            was_live: self.was_live,
            rule: self.rule,
            stragglers: self.stragglers,
            expected: self.expected,
            course: self.course.closed(),
        }
    }
}

impl Rival {
    /// Whether all its pulls may come from pods that the running image has not replaced yet: it ran before, and its
    /// claim began while the rollout went on. A tag that said otherwise before and says this now excludes that; so
    /// does a way back by every node that had gone along.
    pub(super) fn straggles(&self, main: &Main, settle: Span) -> bool {
        let all_returned = self.returned > 0 && self.returned >= main.course.nodes;
        self.was_live
            && !self.is_tag_moved(main)
            && !all_returned
            && !self.is_late
            && self.course.opened_at <= main.over_at(settle)
    }

    fn is_tag_moved(&self, main: &Main) -> bool {
        self.course.tag.is_some() && self.course.tag == main.course.tag
    }

    /// Whether a single pull is all that speaks for a way back.
    pub(super) fn is_doubtful(&self, main: &Main) -> bool {
        self.was_live && self.course.nodes <= 1 && main.course.nodes > 1
    }

    /// Whether it may follow the image that runs, or be the way back. What began during the rollout does if the
    /// rollout stopped, and since its last pull several nodes showed this image and none came to the other.
    pub(super) fn claims(&self, main: &Main, now: Time, settle: Span, haste: Haste) -> bool {
        let hold = if haste == Haste::Keep { main.hold(settle) } else { Span::default() };
        if self.straggles(main, settle) {
            return self.run > 1 && now > main.over_at(settle) + hold;
        }
        let hold = if haste == Haste::Keep { main.hold_single(settle) } else { Span::default() };
        !self.is_refuted(main, settle) && (!self.is_doubtful(main) || now >= self.course.opened_at + hold)
    }

    /// Whether silence speaks against a way back: where every start asks, one that was answered is over, and a single
    /// one by a node that had not gone along is an old pod that started again, not a rollout of several.
    fn is_refuted(&self, main: &Main, settle: Span) -> bool {
        let is_answered = self.run == 0;
        let is_one_of_many = self.returned == 0 && self.course.pulls == 1 && main.nodes(settle) > 1;
        self.was_live && self.asks_always(main) && (is_answered || is_one_of_many)
    }

    /// Whether its pulls come from old pods, as far as they tell.
    pub(super) fn strays(&self, main: &Main, settle: Span) -> bool {
        self.straggles(main, settle) || self.is_refuted(main, settle)
    }

    /// Whether people see it: as a claim, or as a way back that just opened.
    pub(super) fn shows(&self, main: &Main, now: Time, settle: Span) -> bool {
        let just_opened = self.returned > 0 && now <= main.over_at(settle);
        just_opened || self.claims(main, now, settle, Haste::Show)
    }

    /// Whether nodes were seen to ask for it, or for the image that runs, although they hold it.
    fn asks_always(&self, main: &Main) -> bool {
        main.asks_always() || self.course.checks > 0
    }

    /// The stretch in which it is compared with the image that runs: as long as its nodes took to come.
    pub(super) fn stretch(&self, settle: Span) -> Span {
        self.course.last_arrival().since(self.course.opened_at).max(settle)
    }

    /// Whether nodes that hold it need not ask for it: none of them was seen to ask nevertheless.
    pub(super) fn is_cached(&self) -> bool {
        self.held_by > 0 && self.course.checks == 0 && !self.refetched
    }

    /// The number of `nodes` that would ask for it in a rollout.
    pub(super) fn expected(&self, nodes: u32) -> u32 {
        if !self.is_cached() || self.nodes_then == 0 {
            return nodes;
        }
        let asking = u64::from(self.nodes_then - self.held_by) * u64::from(nodes);
        u32::try_from(asking.div_ceil(u64::from(self.nodes_then))).unwrap_or(nodes)
    }

    /// The rule by which it takes over at `now`, if it does.
    pub(super) fn verdict(&self, main: &Main, now: Time, settle: Span, haste: Haste) -> Option<Rule> {
        if !self.claims(main, now, settle, haste) {
            return None;
        }
        let rule = self.speaks(main, settle)?;
        Some(if self.straggles(main, settle) {
            Rule::Stragglers
        } else if self.is_doubtful(main) {
            Rule::Hold
        } else if self.is_tag_moved(main) && self.course.opened_at <= main.over_at(settle) {
            Rule::MovedTag
        } else {
            rule
        })
    }

    /// Whether it is few pods on nodes that many share. Where every start asks, pods can be told from nodes; but a pod
    /// that crashes starts again and again, so what two rollouts agree on counts.
    fn is_few_pods(&self, main: &Main, settle: Span) -> bool {
        let Some(before) = main.starts_before.filter(|_| main.asks_always() && !self.was_live) else {
            return false;
        };
        let starts = main.course.starts.best(self.stretch(settle)).min(before);
        starts > FEW && u64::from(self.course.pulls) * PART.1 < u64::from(starts) * PART.0
    }

    /// The rule by which it speaks for the service, if it does: enough of the nodes that would ask for it did, or
    /// there is no other way to read what few did.
    fn speaks(&self, main: &Main, settle: Span) -> Option<Rule> {
        let nodes = main.nodes(self.stretch(settle));
        let reaches = |expected: u32, (part, whole): (u64, u64)| {
            expected <= FEW || u64::from(self.course.nodes) * whole >= u64::from(expected) * part
        };
        let may_be_hidden = !self.asks_always(main);
        if reaches(nodes, PART) && !self.is_few_pods(main, settle) {
            Some(Rule::Share)
        } else if self.votes >= VOTES {
            Some(Rule::Alone)
        } else if may_be_hidden && self.is_cached() && reaches(self.expected(nodes), PART_CACHED) {
            Some(Rule::Caches)
        } else {
            (may_be_hidden && self.is_down).then_some(Rule::WayDown)
        }
    }

    /// A pull of the main image at `at`, by `node`, which is `new` to it.
    pub(super) fn answered(&mut self, at: Time, node: &Node, new: bool, is_rolling: bool, settle: Span) {
        if node.showed(&self.course.digest, self.course.opened_at) {
            if self.left == 0 && self.end(at, settle) == Some(End::Mixed) {
                let correction = self.course.correction(at, Thought::Minority, Finding::GivenUp, Rule::Share);
                self.course.correct(correction);
            }
            self.left += 1;
        }
        self.votes = 0;
        // While it rolls out, a new node ends the way back. Else it only speaks against it: a pod moved, or restarted.
        self.run = if new && is_rolling { 0 } else { self.run.saturating_sub(1) };
        if self.run == 0 {
            self.run_from = None;
        }
    }

    /// Notes what its victory over `old` at `now` takes back of what was thought before.
    pub(super) fn correct(&mut self, old: &Main, now: Time, settle: Span, rule: Rule) {
        let was_mixed = self.course.arrivals.longest_pause() > settle;
        let was_silent = self.course.opened_at.since(old.course.last_at) > settle;
        let is_hidden = matches!(rule, Rule::Caches | Rule::WayDown | Rule::Hold) && was_silent;
        let was = if was_mixed { Thought::Minority } else { Thought::Replaced };
        if was_mixed || is_hidden {
            let correction = self.course.correction(now, was, Finding::Deployed, rule);
            self.course.correct(correction);
        }
    }

    /// That it was no way back, where people saw one.
    pub(super) fn strayed(&self, main: &Main, at: Time, settle: Span, rule: Rule) -> Option<Correction> {
        let was_seen = self.shows(main, at, settle);
        was_seen.then(|| self.course.correction(at, Thought::WayBack, Finding::Straggler, rule))
    }

    /// The number of nodes that would have made it whole.
    pub fn whole(&self, main: &Main, settle: Span) -> u32 {
        self.expected(main.nodes(self.stretch(settle)))
    }

    /// Its state at `now`.
    pub fn end(&self, now: Time, settle: Span) -> Option<End> {
        if now.since(self.course.last_arrival()) <= settle {
            None
        } else if self.left > 0 {
            Some(End::Aborted)
        } else {
            Some(End::Mixed)
        }
    }

    pub(super) fn into_past(self, main: &Main, end: End, at: Time, settle: Span) -> Past {
        Past {
            from: Some(main.course.named()),
            end,
            progressed_at: self.course.last_arrival(),
            settled_at: None,
            ended_at: at,
            was_live: self.was_live,
            rule: Rule::Share,
            stragglers: 0,
            expected: self.whole(main, settle),
            course: self.course.closed(),
        }
    }
}

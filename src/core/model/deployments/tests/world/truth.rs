//! The truth, from the pods alone, and the part of it that a request shows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::image::Image;
use super::play::Play;
use super::record::{Intent, Opened, Shown};
use crate::model::time::{Span, Time};

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Initial,
    Upgrade,
    /// The same version under another digest.
    Rebuild,
    Rollback,
    Restore,
    /// A part got it, and lost it again.
    Aborted,
    /// A rollout that was given up before half of the pods had it, or the undoing of one.
    GivenUp,
    /// One of several that run side by side.
    Beside,
}

/// A change of a service.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) image: usize,
    pub(super) from: Option<usize>,
    pub(super) kind: Kind,
    /// The kind, as it looks to somebody who missed what no request shows.
    pub(super) kind_seen: Kind,
    pub(super) from_seen: Option<usize>,
    pub(super) started_at: Time,
    pub(super) finished_at: Time,
    /// The first request of the first pull that shows it.
    pub(super) first: Option<Time>,
    /// Other times at which it may be said to have begun.
    pub(super) also: Vec<Time>,
    /// The pulls that show it, and from where.
    pub(super) proofs: Vec<(Time, Arc<str>)>,
    /// Tells whether it needs no telling: it never was the service.
    pub(super) is_optional: bool,
    /// Tells whether a request shows it before the next change.
    pub(super) is_observable: bool,
    /// The time when the next one began, or a part was ended.
    pub(super) until: Time,
    /// The time in which only a part ran it, and what the rest ran.
    pub(super) part: Option<(Time, Time, usize)>,
    pub(super) promoted_at: Option<Time>,
}

impl Change {
    /// Tells whether a single pull is all that shows it.
    pub(super) fn is_weak(&self) -> bool {
        self.proofs.len() == 1
    }
}

/// The truth about a service.
#[derive(Clone, Debug)]
pub(super) struct Truth {
    pub(super) changes: Vec<Change>,
    /// Times in which something was under way.
    pub(super) busy: Vec<(Time, Time)>,
    /// The ready pods by image, from each time on.
    pub(super) runs: Vec<(Time, BTreeMap<usize, usize>)>,
    /// The nodes that those pods are on, from the same times on.
    pub(super) nodes: Vec<(Time, BTreeMap<usize, usize>)>,
    /// Tells whether several versions run side by side.
    pub(super) is_many: bool,
}

impl Truth {
    pub(super) fn of(play: &Play, end: Time) -> Self {
        let record = &play.record;
        let is_many = record.opened.iter().any(|opened| opened.intent == Intent::Beside);
        let mut changes = Vec::new();
        let mut given_up: Option<usize> = None;
        for (place, opened) in record.opened.iter().enumerate() {
            let next = record.opened[place + 1..].iter().find(|next| next.intent != Intent::Beside);
            let until = opened.ended_at.or(next.map(|next| next.at)).unwrap_or(end);
            let mut change = change(opened, until, end);
            if opened.intent == Intent::Whole {
                // A rollout that was given up before half had it never was the service; nor was its undoing.
                let is_undoing = given_up.take().is_some_and(|before| before == opened.image);
                let is_given_up = !opened.reached_half;
                change.is_optional = is_given_up || is_undoing;
                given_up = opened.from.filter(|_| is_given_up);
            }
            changes.push(change);
        }
        let (runs, nodes) = (record.runs.clone(), record.nodes.clone());
        let mut truth = Self { changes, busy: Vec::new(), runs, nodes, is_many };
        truth.show(&record.shown);
        truth.name(&play.images);
        truth.busy = truth.changes.iter().map(|change| (change.started_at, change.finished_at)).collect();
        truth.busy.extend(record.absent.iter().map(|(from, until)| (*from, until.unwrap_or(end))));
        truth
    }

    /// Finds the requests that show each change.
    fn show(&mut self, shown: &[Shown]) {
        for place in 0..self.changes.len() {
            let change = &self.changes[place];
            let next =
                self.changes[place + 1..].iter().find(|next| !next.is_optional).map(|next| next.started_at);
            let until = if change.is_optional { Some(change.until) } else { next };
            let proofs: Vec<&Shown> = shown
                .iter()
                .filter(|shown| shown.serves && shown.image == change.image && shown.at >= change.started_at)
                .filter(|shown| until.is_none_or(|until| shown.at < until))
                .collect();
            let change = &mut self.changes[place];
            change.first = proofs.iter().map(|shown| shown.at).min();
            change.proofs = proofs.iter().map(|shown| (shown.at, shown.client.clone())).collect();
            change.proofs.sort();
            change.is_observable = change.first.is_some();
            let promoted_at = change.promoted_at;
            let later =
                change.proofs.iter().map(|(at, _)| *at).find(|at| promoted_at.is_some_and(|it| it <= *at));
            change.also.extend(later);
        }
    }

    /// Names the kinds, as they were and as they look.
    fn name(&mut self, images: &[Image]) {
        let (mut ran, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let (mut before, mut before_seen) = (None, None);
        for change in self.changes.iter_mut().filter(|change| !change.is_optional) {
            (change.from, change.from_seen) = (before, before_seen);
            change.kind = kind(images, before, change.image, &ran);
            change.kind_seen = kind(images, before_seen, change.image, &seen);
            ran.insert(change.image);
            before = Some(change.image);
            // Back to what an observer never saw leave: nothing shows it.
            change.is_observable &= before_seen != Some(change.image);
            if change.is_observable {
                seen.insert(change.image);
                before_seen = Some(change.image);
            }
        }
    }

    /// The changes that were the service.
    pub(super) fn whole(&self) -> impl DoubleEndedIterator<Item = &Change> {
        self.changes.iter().filter(|change| !change.is_optional)
    }

    /// The beginning of the change after that at `at`.
    pub(super) fn next_after(&self, at: Time) -> Option<Time> {
        self.whole().map(|change| change.started_at).find(|next| *next > at)
    }

    /// The ready pods by image.
    pub(super) fn running(&self, at: Time) -> Option<&BTreeMap<usize, usize>> {
        value_at(&self.runs, at)
    }

    /// The nodes of the ready pods by image.
    pub(super) fn nodes(&self, at: Time) -> Option<&BTreeMap<usize, usize>> {
        value_at(&self.nodes, at)
    }

    /// The image that more than half of the pods run.
    pub(super) fn majority(&self, at: Time) -> Option<usize> {
        let running = self.running(at)?;
        let all: usize = running.values().sum();
        running.iter().find(|(_, pods)| **pods * 2 > all).map(|(image, _)| *image)
    }

    /// Tells whether something is under way at `at`, or was until two minutes before.
    pub(super) fn is_busy(&self, at: Time) -> bool {
        self.busy.iter().any(|(from, until)| *from <= at && at <= *until + Span::from_mins(2))
    }

    /// The change that made what runs at `at`, if nothing is under way and requests have shown it for long enough.
    pub(super) fn settled(&self, at: Time) -> Option<&Change> {
        if self.is_busy(at) {
            return None;
        }
        let change = self.whole().rfind(|change| change.started_at <= at)?;
        let grace = if change.is_weak() { Span::from_mins(180) } else { Span::from_mins(10) };
        let is_known =
            change.is_observable && change.first? + grace <= at && !self.shows_what_was_given_up(at);
        is_known.then_some(change)
    }

    /// Tells whether the last that requests showed by `at` is a rollout that was given up, and that no pod runs: its containers
    /// end before they are ready, or caches hide its undoing so far.
    pub(super) fn shows_what_was_given_up(&self, at: Time) -> bool {
        let is_shown =
            |change: &&Change| change.first.is_some_and(|first| change.started_at <= at && first <= at);
        let mut of_service = self.changes.iter().filter(|it| !it.is_optional || it.kind == Kind::GivenUp);
        of_service.rfind(is_shown).is_some_and(|shown| {
            shown.kind == Kind::GivenUp
                && self.running(at).is_some_and(|runs| !runs.contains_key(&shown.image))
        })
    }
}

fn value_at<T>(values: &[(Time, T)], at: Time) -> Option<&T> {
    let after = values.partition_point(|(from, _)| *from <= at);
    after.checked_sub(1).map(|place| &values[place].1)
}

fn kind(images: &[Image], before: Option<usize>, image: usize, ran: &BTreeSet<usize>) -> Kind {
    match before {
        None => Kind::Initial,
        // A build of the same version that ran before is a way back, or forth again.
        Some(before) if images[before].version == images[image].version && !ran.contains(&image) => {
            Kind::Rebuild
        }
        Some(before) if image < before => Kind::Rollback,
        Some(_) if ran.contains(&image) => Kind::Restore,
        Some(_) => Kind::Upgrade,
    }
}

fn change(opened: &Opened, until: Time, end: Time) -> Change {
    let is_part = opened.intent == Intent::Part;
    let is_optional = opened.intent == Intent::Beside || is_part && opened.promoted_at.is_none();
    let kind = match opened.intent {
        Intent::Whole => Kind::GivenUp,
        Intent::Part => Kind::Aborted,
        Intent::Beside => Kind::Beside,
    };
    let part_until = opened.promoted_at.or(opened.ended_at).unwrap_or(end);
    Change {
        image: opened.image,
        from: opened.from,
        kind,
        kind_seen: kind,
        from_seen: None,
        started_at: opened.at,
        finished_at: opened.finished_at.or(opened.ended_at).unwrap_or(until).min(until.max(opened.at)),
        first: None,
        also: Vec::new(),
        proofs: Vec::new(),
        is_optional,
        is_observable: false,
        until,
        part: is_part.then(|| (opened.at, part_until, opened.from.unwrap_or(opened.image))),
        promoted_at: opened.promoted_at,
    }
}

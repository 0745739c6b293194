//! The rollouts of a service: sightings go in, and decide which image is current, which are candidates, what is over.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::model::time::{Span, Time};

use super::candidate::Candidate;
use super::correction::Correction;
use super::current::{Current, standstill};
use super::history::History;
use super::images::Images;
use super::lineage::Lineage;
use super::past::{Outcome, PastRollout};
use super::rollout::Rollout;
use super::rule::Rule;
use super::sighting::{Shows, Sighting};
use super::takeover::Finality;

/// Most candidates at the same time.
pub(super) const CANDIDATES_MAX: usize = 8;

/// The rollouts of one line of a service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Rollouts {
    pub(super) current: Option<Current>,
    pub(super) candidates: Vec<Candidate>,
    pub(super) history: History,
    /// Lines that turned out to run beside it, see [`super::lines::Lines`], which takes them.
    #[serde(skip)]
    pub(super) apart: Vec<Rollouts>,
}

impl Rollouts {
    /// A line that runs one image beside another line.
    pub(super) fn of(current: Current) -> Self {
        Self { current: Some(current), ..Self::default() }
    }

    /// The image that runs, as far as is known.
    pub fn current(&self) -> Option<&Current> {
        self.current.as_ref()
    }

    /// The images beside the current one, those left out that only straggle.
    pub fn candidates(&self, now: Time, settle: Span) -> impl Iterator<Item = &Candidate> {
        let current = self.current.as_ref();
        let is_shown = move |candidate: &&Candidate| {
            current.is_some_and(|current| candidate.is_shown(current, now, settle))
        };
        self.candidates.iter().filter(is_shown)
    }

    /// Tells whether no image of it was asked for more than once: jobs, init containers.
    pub fn ran_once(&self) -> bool {
        let past = self.history.iter().map(|past| &past.rollout);
        let mut all = past.chain(self.current.as_ref().map(|current| &current.rollout));
        all.all(Rollout::ran_once)
    }

    /// Deployments that are over, in the order in which they ended.
    pub fn past(&self) -> impl DoubleEndedIterator<Item = &PastRollout> {
        self.history.iter()
    }
}

/// Facts about a service that the rules need beside its sightings.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    /// Its name, as identities have it.
    pub(super) name: &'a str,
    /// Its images are pre-pulled, so nodes may hold what never ran.
    pub(super) is_prepulled: bool,
    pub(super) settle: Span,
}

impl Rollouts {
    /// Takes the next sighting into account. `known` are the images of every place that is known; only a new candidate
    /// looks at them (rule 6).
    pub(super) fn take<'k>(
        &mut self,
        sighting: &Sighting,
        known: impl Iterator<Item = &'k Images>,
        facts: Facts<'_>,
    ) {
        if sighting.shows == Shows::Absence {
            return; // what witnesses say of what is gone is not weighed: rule 18
        }
        if self.tell_job_apart(sighting, facts) {
            if let Some(line) = self.apart.last_mut() {
                line.take(sighting, known, facts);
            }
            return;
        }
        // A third image ends the race between two: what looks decided then is.
        let finality = if self.is_third(sighting) { Finality::Provisional } else { Finality::Final };
        self.decide(sighting.at, finality, facts);
        match &self.current {
            None => {
                let mut rollout = Rollout::new(sighting.digest, sighting.at);
                rollout.add(sighting, sighting.arrivals(sighting.at), true);
                self.current = Some(Current::first(rollout));
            }
            Some(current) if current.rollout.digest == sighting.digest => {
                self.add_to_current(sighting, facts.settle);
            }
            Some(_) => self.add_to_candidate(sighting, known, facts),
        }
        self.decide(sighting.at, Finality::Final, facts);
    }

    /// Tells whether the sighting is of an image that is neither the current one nor a candidate.
    fn is_third(&self, sighting: &Sighting) -> bool {
        self.current.as_ref().is_some_and(|current| current.rollout.digest != sighting.digest)
            && self.candidates.iter().all(|candidate| candidate.rollout.digest != sighting.digest)
    }

    /// Adds a sighting of the current image. Candidates that it shows to be stragglers are candidates no longer.
    fn add_to_current(&mut self, sighting: &Sighting, settle: Span) {
        let Some(current) = &mut self.current else { return };
        let arrived = sighting.arrivals(current.rollout.opened_at);
        let ends_at = current.ends_at(settle);
        // Assumptions and their rules are those of the moment before this sighting.
        let correction = |candidate: &Candidate| {
            let rule =
                if candidate.may_be_stragglers(current, settle) { Rule::Stragglers } else { Rule::Hold };
            candidate.straggler_correction(current, sighting.at, settle, rule)
        };
        let mut before: VecDeque<Option<Correction>> = self.candidates.iter().map(correction).collect();
        current.progress(sighting.at, arrived, settle);
        // A rollout that stood still before it was complete goes on.
        let in_rollout = sighting.at <= current.settles_at(settle) || !current.is_complete();
        current.rollout.add(sighting, arrived, in_rollout);
        if !in_rollout {
            current.add_later(sighting.at, arrived, settle);
        }
        let hold = current.hold_single(settle);
        let (mut stragglers, mut corrections) = (0, Vec::new());
        self.candidates.retain_mut(|candidate| {
            let correction = before.pop_front().flatten();
            candidate.note_current_seen(sighting, arrived > 0, sighting.at <= ends_at, settle);
            let in_time = candidate.rollout.opened_at <= ends_at || current.asks_always();
            let is_straggler = candidate.unanswered_nodes == 0 && candidate.ran_before && in_time;
            let in_hold = arrived > 0
                && candidate.is_doubtful(current)
                && sighting.at <= candidate.rollout.opened_at + hold;
            if is_straggler || in_hold {
                stragglers += candidate.rollout.pulls;
                corrections.extend(correction);
            }
            // A cluster that moved too.
            let has_followed =
                candidate.is_elsewhere && candidate.rollout.blocks.meet(&current.rollout.blocks);
            !(is_straggler || in_hold || has_followed)
        });
        current.add_stragglers(stragglers, corrections);
    }

    /// Adds a sighting of another image than the current one.
    fn add_to_candidate<'k>(
        &mut self,
        sighting: &Sighting,
        known: impl Iterator<Item = &'k Images>,
        facts: Facts<'_>,
    ) {
        let is_it = |candidate: &Candidate| candidate.rollout.digest == sighting.digest;
        let mut found = self.candidates.iter().position(is_it);
        if let Some(index) = found
            && self.begins_anew(&self.candidates[index], sighting, facts.settle)
        {
            let candidate = self.candidates.remove(index);
            self.close_candidate(candidate, sighting.at, facts);
            found = None;
        }
        if found.is_none() {
            self.open_candidate(sighting, known, facts);
        }
        let index = found.unwrap_or(self.candidates.len().saturating_sub(1));
        if let (Some(current), Some(candidate)) = (&self.current, self.candidates.get_mut(index)) {
            candidate.add(sighting, current, facts.settle);
        }
    }

    /// Tells whether the candidate stood still for so long that `sighting` opens it again: its stragglers are over, or a
    /// new node comes after a standstill.
    fn begins_anew(&self, candidate: &Candidate, sighting: &Sighting, settle: Span) -> bool {
        let Some(current) = &self.current else { return false };
        let is_new = sighting.arrivals(candidate.rollout.opened_at) > 0;
        let has_paused = sighting.at.since(candidate.rollout.last_arrival()) > standstill(settle);
        let are_stragglers_over = candidate.may_be_stragglers(current, settle)
            && sighting.at.since(candidate.rollout.last_at) > current.hold(settle);
        are_stragglers_over || has_paused && is_new
    }

    /// Closes a candidate that came to nothing: stragglers, or a deployment that stayed a minority.
    fn close_candidate(&mut self, candidate: Candidate, at: Time, facts: Facts<'_>) {
        let Some(current) = &mut self.current else { return };
        if candidate.looks_like_stragglers(current, facts.settle) {
            absorb(current, &candidate, at, facts.settle);
        } else {
            let outcome = if candidate.nodes_left > 0 { Outcome::Aborted } else { Outcome::Mixed };
            let past = candidate.into_past(current, outcome, at, facts.settle);
            self.add_to_history(past, facts);
        }
    }

    /// Opens a candidate for the image of `sighting`, which is to be added to it.
    fn open_candidate<'k>(
        &mut self,
        sighting: &Sighting,
        known: impl Iterator<Item = &'k Images>,
        facts: Facts<'_>,
    ) {
        if self.candidates.len() == CANDIDATES_MAX {
            let oldest = self.candidates.remove(0);
            self.close_candidate(oldest, sighting.at, facts);
        }
        let Some(current) = &self.current else { return };
        let (digest, opened_at) = (current.rollout.digest, current.rollout.opened_at);
        let first_ran_at = self.history.first_ran_at(&sighting.digest);
        let current_first_ran_at = self.history.first_ran_at(&digest).unwrap_or(opened_at);
        let ran_before = first_ran_at.is_some();
        // Only these can be in caches, and only then is every place asked.
        let may_be_cached = ran_before || facts.is_prepulled;
        let (mut on_current, mut on_any) = (Caching::default(), Caching::default());
        for images in known.take_while(|_| may_be_cached) {
            let is_caching = images.caches(&sighting.digest, ran_before);
            on_any.add(is_caching);
            if images.showed(&digest, opened_at) {
                on_current.add(is_caching);
            }
        }
        // A rollout that caches hid for the most part, or that came to a part, counts all nodes that the service was ever
        // seen on.
        let is_hidden =
            on_current.nodes * 2 < current.nodes(facts.settle).max(current.size_shown(sighting.at).nodes);
        let Caching { nodes: nodes_at_opening, caching: nodes_caching } =
            if is_hidden { on_any } else { on_current };
        self.candidates.push(Candidate {
            rollout: Rollout::new(sighting.digest, sighting.at),
            ran_before,
            is_elsewhere: ran_before && self.history.ran_at(&sighting.digest, &sighting.place),
            is_left_over: true,
            opened_when_complete: current.is_complete() && current.stragglers == 0,
            is_older_than_current: first_ran_at.is_some_and(|at| at < current_first_ran_at),
            lone_arrivals: 0,
            nodes_caching,
            nodes_at_opening,
            was_refetched: false,
            unanswered_nodes: 0,
            unanswered_since: None,
            nodes_returned: 0,
            is_noisy: current.starts_again(),
            nodes_left: 0,
            left_at: None,
            is_kept: false,
        });
    }

    /// Lets candidates that meet a rule at `now` replace the current image, the one that opened first before others.
    pub(super) fn decide(&mut self, now: Time, finality: Finality, facts: Facts<'_>) {
        while let Some(current) = &self.current {
            let rule = |candidate: &Candidate| candidate.winning_rule(current, now, facts.settle, finality);
            let mut rules = self.candidates.iter().map(rule).enumerate();
            let Some((index, rule)) = rules.find_map(|(index, rule)| Some((index, rule?))) else { return };
            let candidate = self.candidates.remove(index);
            self.promote(candidate, now, rule, facts);
        }
    }

    /// Puts a candidate in the place of the current image. The other candidates come to nothing.
    fn promote(&mut self, candidate: Candidate, now: Time, rule: Rule, facts: Facts<'_>) {
        let Some(mut candidate) = self.told_apart(candidate, facts) else { return };
        let Some(mut old) = self.current.take() else { return };
        let settle = facts.settle;
        if candidate.may_be_stragglers(&old, settle) {
            // Its first pulls were stragglers; it came back with those that nothing answered.
            candidate.rollout.opened_at = candidate.unanswered_since.unwrap_or(candidate.rollout.opened_at);
        }
        let at = candidate.rollout.opened_at;
        for other in std::mem::take(&mut self.candidates) {
            if other.looks_like_stragglers(&old, settle) {
                absorb(&mut old, &other, now, settle);
            } else {
                let past = other.into_past(&old, Outcome::Aborted, at, settle);
                self.add_to_history(past, facts);
            }
        }
        let Some(old) = self.given_up(old, &candidate, now, facts) else { return };
        candidate.correct_assumptions(&old, now, settle, rule);
        self.current = Some(candidate.promoted(&old, rule, settle));
        self.add_to_history(old.into_past(at, settle), facts);
    }

    /// Goes on with what another line has, which turned out to be this one under other names.
    pub(super) fn follow(&mut self, other: Self, facts: Facts<'_>) {
        let (Some(old), Some(mut new)) = (self.current.take(), other.current) else { return };
        let at = new.rollout.opened_at;
        for candidate in std::mem::take(&mut self.candidates) {
            let past = candidate.into_past(&old, Outcome::Aborted, at, facts.settle);
            self.add_to_history(past, facts);
        }
        (new.from, new.rule) = (Some(old.rollout.tagged()), Rule::Share);
        self.current = Some(new);
        self.add_to_history(old.into_past(at, facts.settle), facts);
    }

    /// Takes it back that it went on with what another line has: what it ran before under other names runs still, or what
    /// the other line has ran once, and the service goes on under the names before. Returns the other line.
    pub(super) fn unfollow(&mut self, sighting: &Sighting, facts: Facts<'_>) -> Option<Self> {
        let before = self.history.iter().next_back()?;
        let current = &self.current.as_ref()?.rollout;
        let [line, other, named] =
            [&before.rollout.tag, &current.tag, &sighting.tag].map(|tag| tag.as_ref().map(Lineage::of));
        let has_followed = before.outcome == Outcome::Replaced
            && self.current.as_ref()?.from.as_ref()?.digest == before.rollout.digest;
        let goes_on = current.ran_once() && line == named && line != other;
        if !has_followed || before.rollout.digest != sighting.digest && !goes_on {
            return None;
        }
        let other = self.current.take()?;
        self.current = self.take_last(1, facts).pop().map(Current::again);
        Some(Self::of(Current { from: None, ran_before: false, rule: Rule::First, ..other }))
    }

    pub(super) fn add_to_history(&mut self, past: PastRollout, facts: Facts<'_>) {
        self.history.add(past, |past| past.rollout.identity(facts.name));
    }
}

/// A count of nodes, and of those that hold an image.
#[derive(Clone, Copy, Default)]
struct Caching {
    nodes: u32,
    caching: u32,
}

impl Caching {
    fn add(&mut self, is_caching: bool) {
        self.nodes += 1;
        self.caching += u32::from(is_caching);
    }
}

/// Takes the pulls of a candidate for stragglers after all.
fn absorb(current: &mut Current, candidate: &Candidate, at: Time, settle: Span) {
    let correction = candidate.straggler_correction(current, at, settle, Rule::Stragglers);
    current.add_stragglers(candidate.rollout.pulls, correction);
}

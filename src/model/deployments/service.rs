//! One service: which image runs, which ones claim to follow it, and who was it before.
//!
//! The rules, by number, are those of README.md.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::agent::Runtime;
use crate::model::event::{EnvironmentName, Object, Observation};
use crate::model::oci::{Digest, Reference, Repository, Tag};
use crate::model::time::{Span, Time};

use super::claim::{Candidate, Current, Finality, Outcome, PastRollout, standstill};
use super::pull::{COMPLETE, Grade, Node, NodeKey, Pull};
use super::rollout::Rollout;
use super::verdict::{Correction, Rule};
use crate::model::sharded_map::ShardedMap;

/// Most nodes that are remembered for a service.
const NODES_MAX: usize = 16_384;

/// Most images that claim to follow the current one at the same time.
const CANDIDATES_MAX: usize = 8;

/// Most past deployments that are remembered for a service.
const PAST_MAX: usize = 4_096;

/// The weight of a past deployment, in nodes.
const DEPLOYMENT_WEIGHT: usize = 2;

/// A service: a repository in an environment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Service {
    /// Environment and repository, as identifiers name them.
    place: Arc<str>,
    nodes: ShardedMap<NodeKey, Node>,
    /// Open pulls in the order in which they end.
    open: BTreeSet<(Time, NodeKey, Digest)>,
    /// The latest time seen.
    clock: Time,
    current: Option<Current>,
    candidates: Vec<Candidate>,
    past: Arc<VecDeque<Arc<PastRollout>>>,
    /// The images before, as far as `past` goes.
    earlier_runs: Arc<BTreeMap<Digest, EarlierRuns>>,
    /// The opening of each of `past`, by its identity.
    opened: Arc<BTreeMap<u64, Time>>,
    forgotten: u64,
    is_prepulled: bool,
    /// Services were forgotten before this one came: it may have run before.
    may_have_run: bool,
    /// The latest time that a request for it was answered with an image.
    answered_at: Time,
    /// The time when [`super::State`] is to look at it again.
    pub(super) scheduled_at: Option<Time>,
    /// Pulls that ended and were not taken yet, see [`Service::take_completed`].
    #[serde(skip)]
    completed: Vec<CompletedPull>,
}

/// A pull that ended well: what it pulled works.
#[derive(Clone, Debug)]
pub(crate) struct CompletedPull {
    pub(crate) tag: Option<Tag>,
    pub(crate) digest: Digest,
    pub(crate) at: Time,
}

/// The meaning of a node's request.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestFacts {
    /// The index that a platform manifest turned out to belong to.
    pub(crate) index: Option<Digest>,
    /// The tag under which what was refused was asked for, where it is known.
    pub(crate) refused_tag: Option<Tag>,
}

/// An image that ran before.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct EarlierRuns {
    times: u32,
    first_at: Time,
}

impl Service {
    pub(crate) fn new(environment: &EnvironmentName, repository: &Repository, may_have_run: bool) -> Self {
        Self { place: format!("{environment}\0{repository}").into(), may_have_run, ..Self::default() }
    }

    /// The identity of the deployment that this course opened, in 48 bits: the same log gives the same.
    pub fn identity(&self, rollout: &Rollout) -> u64 {
        let text = format!("{}\0{}\0{}", self.place, rollout.digest, rollout.opened_at.ms());
        let digest = Digest::of(text.as_bytes());
        digest.as_bytes().first_chunk().map_or(0, |first| u64::from_be_bytes(*first) >> 16)
    }

    /// The opening of the deployment that is over and has this identity.
    pub fn opened_at(&self, identity: u64) -> Option<Time> {
        self.opened.get(&identity).copied()
    }

    /// Takes a node's request into account.
    pub(crate) fn node(
        &mut self,
        observation: &Observation,
        runtime: Runtime,
        index: Option<Digest>,
        settle: Span,
    ) -> RequestFacts {
        self.clock = self.clock.max(observation.at);
        self.complete_pulls(self.clock, settle);
        let key = NodeKey { client: observation.client.clone(), runtime };
        let Some(digest) = arrived(observation) else {
            // An address that was never answered is no node.
            let Some(node) = self.nodes.get_mut(&key) else { return RequestFacts::default() };
            node.last_at = node.last_at.max(observation.at);
            return RequestFacts { index: None, refused_tag: node.refused(observation) };
        };
        self.answered_at = self.answered_at.max(observation.at);
        if observation.object == Object::Blob {
            if let Some(node) = self.nodes.get_mut(&key) {
                node.last_at = node.last_at.max(observation.at);
                node.blob(observation, digest);
            }
            return RequestFacts::default();
        }
        let (node, gone) = self.nodes.bounded(&key, NODES_MAX, |node| node.last_at);
        self.forgotten = self.forgotten.saturating_add(gone);
        node.last_at = node.last_at.max(observation.at);
        let guessed = if index.is_none() { node.reading_index(observation, &digest) } else { None };
        let top = index.or(guessed).unwrap_or(digest);
        let begun = node.manifest(observation, top);
        if let Some(first_at) = begun.replaced {
            self.open.remove(&(first_at, key.clone(), top));
        }
        if let Some((first_at, digest)) = begun.dropped {
            self.open.remove(&(first_at, key.clone(), digest));
        }
        if let Some(first_at) = begun.at {
            self.open.insert((first_at, key, top));
        }
        RequestFacts { index: guessed, refused_tag: None }
    }

    /// The time when its next pull is complete.
    pub(crate) fn due_at(&self) -> Option<Time> {
        self.open.first().map(|(first_at, ..)| *first_at + COMPLETE)
    }

    /// Ends the pulls that are complete at `now`.
    pub(crate) fn complete_pulls_at(&mut self, now: Time, settle: Span) {
        self.clock = self.clock.max(now);
        self.complete_pulls(now, settle);
    }

    /// Notes that a node has an image that it need not run.
    pub(crate) fn prepull(&mut self, observation: &Observation, runtime: Runtime, index: Option<Digest>) {
        self.clock = self.clock.max(observation.at);
        let (Some(digest), Object::Manifest) = (arrived(observation), observation.object) else { return };
        self.answered_at = self.answered_at.max(observation.at);
        let key = NodeKey { client: observation.client.clone(), runtime };
        let (node, gone) = self.nodes.bounded(&key, NODES_MAX, |node| node.last_at);
        self.forgotten = self.forgotten.saturating_add(gone);
        self.is_prepulled = true;
        node.hold(index.unwrap_or(digest), None);
    }

    /// The service as it looks at `now`, should nothing more happen: open pulls that look well count, and what
    /// waits for time to pass is decided.
    pub(crate) fn at(&self, now: Time, settle: Span) -> Cow<'_, Self> {
        if self.open.is_empty() && self.candidates.is_empty() {
            return Cow::Borrowed(self); // nothing waits
        }
        let mut then = self.clone();
        then.complete_pulls(now, settle);
        for (first_at, key, digest) in std::mem::take(&mut then.open) {
            let node = then.nodes.get(&key);
            let pull = node.and_then(|node| node.as_of(&key, first_at, &digest, now));
            if let Some(pull) = pull {
                then.take(pull, settle);
            }
        }
        then.decide(now, settle, Finality::Provisional);
        Cow::Owned(then)
    }

    /// Ends the pulls that began long enough before `now`, in the order in which they began.
    fn complete_pulls(&mut self, now: Time, settle: Span) {
        while let Some((first_at, ..)) = self.open.first() {
            if now.since(*first_at) <= COMPLETE {
                break;
            }
            let Some((first_at, key, digest)) = self.open.pop_first() else { break };
            let pull = self.nodes.get_mut(&key).and_then(|node| node.close(&key, first_at, &digest));
            if let Some(pull) = pull {
                self.take(pull, settle);
            }
        }
    }

    /// Takes a complete pull into account.
    fn take(&mut self, pull: Pull, settle: Span) {
        // A third image ends the race between two: what looks decided then is.
        let is_third = self.current.as_ref().is_some_and(|current| current.rollout.digest != pull.digest)
            && self.candidates.iter().all(|candidate| candidate.rollout.digest != pull.digest);
        self.decide(pull.at, settle, if is_third { Finality::Provisional } else { Finality::Final });
        let current =
            self.current.as_ref().map(|current| (current.rollout.digest, current.rollout.opened_at));
        let before = self.nodes.get(&pull.node).cloned().unwrap_or_default();
        self.completed.push(CompletedPull { tag: pull.tag.clone(), digest: pull.digest, at: pull.at });
        let held = before.holds(&pull.digest);
        let arrived = |since: Time| match pull.is_shared {
            true => pull.starts,
            false => u32::from(!before.showed(&pull.digest, since)),
        };
        match current {
            None => {
                let mut rollout = Rollout::new(pull.digest, pull.at);
                rollout.add(&pull, arrived(pull.at), held, true);
                rollout.is_shared = pull.is_shared;
                self.current = Some(Current::first(rollout));
            }
            Some((digest, opened_at)) if digest == pull.digest => {
                self.pull_of_current(&pull, arrived(opened_at), held, &before, settle);
            }
            Some((digest, opened_at)) => {
                let was_refetched = held && !pull.is_shared && pull.grade == Grade::Transfer;
                let is_always = self.current.as_ref().is_some_and(Current::asks_always);
                let place = self.candidate(&pull, &before, settle);
                let candidate = &mut self.candidates[place];
                let since = candidate.rollout.opened_at;
                let is_new = arrived(since) > 0 || is_always && !candidate.rollout.is_latest(&pull.node);
                candidate.lone_arrivals +=
                    u32::from(is_new && pull.at.since(candidate.rollout.last_at) > settle);
                let in_run = arrived(candidate.unanswered_since.unwrap_or(pull.at));
                candidate.rollout.add(&pull, arrived(since), held, true);
                candidate.rollout.is_shared |= pull.is_shared;
                candidate.unanswered_nodes = candidate.unanswered_nodes.saturating_add(in_run);
                candidate.unanswered_since.get_or_insert(pull.at);
                candidate.nodes_returned += u32::from(before.showed(&digest, opened_at));
                candidate.was_refetched |= was_refetched;
            }
        }
        if let Some(node) = self.nodes.get_mut(&pull.node) {
            node.hold(pull.digest, Some(pull.at));
        }
        self.decide(pull.at, settle, Finality::Final);
    }

    /// A pull of the image that runs.
    fn pull_of_current(&mut self, pull: &Pull, arrived: u32, held: bool, node: &Node, settle: Span) {
        let Some(current) = &mut self.current else { return };
        let ends_at = current.ends_at(settle);
        // Earlier verdicts and their rules are those of the moment before this pull.
        let seen = |candidate: &Candidate| {
            let rule =
                if candidate.may_be_stragglers(current, settle) { Rule::Stragglers } else { Rule::Hold };
            candidate.straggler_correction(current, pull.at, settle, rule)
        };
        let mut seen: VecDeque<Option<Correction>> = self.candidates.iter().map(seen).collect();
        current.progress(pull.at, arrived, settle);
        current.rollout.add(pull, arrived, held, current.settled_at.is_none());
        current.rollout.is_shared |= pull.is_shared;
        let hold = current.hold_single(settle);
        let (mut stragglers, mut corrections) = (0, Vec::new());
        self.candidates.retain_mut(|candidate| {
            let straggler_correction = seen.pop_front().flatten();
            candidate.note_pull_of_current(pull.at, node, arrived > 0, pull.at <= ends_at, settle);
            let in_time = candidate.rollout.opened_at <= ends_at || current.asks_always();
            let is_straggler = candidate.unanswered_nodes == 0 && candidate.ran_before && in_time;
            let in_hold = arrived > 0
                && candidate.is_doubtful(current)
                && pull.at <= candidate.rollout.opened_at + hold;
            if is_straggler || in_hold {
                stragglers += candidate.rollout.pulls;
                corrections.extend(straggler_correction);
            }
            !(is_straggler || in_hold)
        });
        current.stragglers = current.stragglers.saturating_add(stragglers);
        corrections.into_iter().for_each(|correction| current.rollout.correct(correction));
    }

    /// The place of the rival that `pull` speaks for.
    fn candidate(&mut self, pull: &Pull, before: &Node, settle: Span) -> usize {
        let Some(current) = &self.current else { return 0 };
        if let Some(place) =
            self.candidates.iter().position(|candidate| candidate.rollout.digest == pull.digest)
        {
            let candidate = &self.candidates[place];
            let is_new = pull.is_shared || !before.showed(&pull.digest, candidate.rollout.opened_at);
            let absorb_stragglers = candidate.may_be_stragglers(current, settle);
            let paused = pull.at.since(candidate.rollout.last_arrival()) > standstill(settle);
            let is_over =
                absorb_stragglers && pull.at.since(candidate.rollout.last_at) > current.hold(settle);
            let begins_anew = is_over || paused && is_new;
            if !begins_anew {
                return place;
            }
            // Earlier verdicts on it are over; this begins anew.
            let candidate = self.candidates.remove(place);
            self.close_candidate(candidate, pull.at, settle);
        }
        self.add_candidate(pull, settle)
    }

    /// A claim that came to nothing: stragglers, or a deployment that stayed a minority.
    fn close_candidate(&mut self, candidate: Candidate, at: Time, settle: Span) {
        let Some(current) = &mut self.current else { return };
        if candidate.looks_like_stragglers(current, settle) {
            current.absorb_stragglers(&candidate, at, settle);
        } else {
            let outcome = if candidate.nodes_left > 0 { Outcome::Aborted } else { Outcome::Mixed };
            let past = candidate.into_past(current, outcome, at, settle);
            self.add_to_history(past);
        }
    }

    fn add_candidate(&mut self, pull: &Pull, settle: Span) -> usize {
        if self.candidates.len() == CANDIDATES_MAX {
            let oldest = self.candidates.remove(0);
            self.close_candidate(oldest, pull.at, settle);
        }
        let Some(current) = &self.current else { return 0 };
        let (digest, opened_at) = (current.rollout.digest, current.rollout.opened_at);
        let first_ran_at = self.earlier_runs.get(&pull.digest).map(|earlier_runs| earlier_runs.first_at);
        let current_first_ran_at =
            self.earlier_runs.get(&digest).map_or(opened_at, |earlier_runs| earlier_runs.first_at);
        let ran_before = first_ran_at.is_some();
        let (mut nodes_at_opening, mut nodes_caching) = (0, 0);
        // Only these can be in caches, and only then is every node asked.
        let may_be_cached = ran_before || self.is_prepulled;
        let nodes = self.nodes.values().filter(|node| may_be_cached && node.showed(&digest, opened_at));
        for node in nodes {
            nodes_at_opening += 1;
            nodes_caching += u32::from(node.caches(&pull.digest, ran_before));
        }
        self.candidates.push(Candidate {
            rollout: Rollout::new(pull.digest, pull.at),
            ran_before,
            opened_when_complete: current.is_complete() && current.stragglers == 0,
            is_older_than_current: first_ran_at.is_some_and(|at| at < current_first_ran_at),
            lone_arrivals: 0,
            nodes_caching,
            nodes_at_opening,
            was_refetched: false,
            unanswered_nodes: 0,
            unanswered_since: None,
            nodes_returned: 0,
            nodes_left: 0,
        });
        self.candidates.len() - 1
    }

    /// Lets the strongest claim win, if one does.
    fn decide(&mut self, now: Time, settle: Span, finality: Finality) {
        while let Some(current) = &self.current {
            let winning_rule = |candidate: &Candidate| candidate.winning_rule(current, now, settle, finality);
            let found = self
                .candidates
                .iter()
                .map(winning_rule)
                .enumerate()
                .find_map(|(place, rule)| Some((place, rule?)));
            let Some((place, rule)) = found else {
                return;
            };
            let candidate = self.candidates.remove(place);
            self.promote(candidate, now, settle, rule);
        }
    }

    /// The rival takes over.
    fn promote(&mut self, mut candidate: Candidate, now: Time, settle: Span, rule: Rule) {
        let Some(mut old) = self.current.take() else { return };
        if candidate.may_be_stragglers(&old, settle) {
            // Its first pulls were stragglers; it came back with the run that nothing answered.
            candidate.rollout.opened_at = candidate.unanswered_since.unwrap_or(candidate.rollout.opened_at);
        }
        let at = candidate.rollout.opened_at;
        let others = std::mem::take(&mut self.candidates);
        for other in others {
            if other.looks_like_stragglers(&old, settle) {
                old.absorb_stragglers(&other, now, settle);
            } else {
                let past = other.into_past(&old, Outcome::Aborted, at, settle);
                self.add_to_history(past);
            }
        }
        candidate.correct(&old, now, settle, rule);
        let current = Current::replacing(&old, candidate, rule, settle);
        self.add_to_history(old.into_past(at, settle));
        self.current = Some(current);
    }

    fn add_to_history(&mut self, past: PastRollout) {
        let identity = self.identity(&past.rollout);
        let (all, earlier_runs) = (Arc::make_mut(&mut self.past), Arc::make_mut(&mut self.earlier_runs));
        if past.outcome == Outcome::Replaced {
            let first_at = past.rollout.opened_at;
            earlier_runs.entry(past.rollout.digest).or_insert(EarlierRuns { times: 0, first_at }).times += 1;
        }
        Arc::make_mut(&mut self.opened).insert(identity, past.rollout.opened_at);
        all.push_back(Arc::new(past));
        if all.len() <= PAST_MAX {
            return;
        }
        let Some(oldest) = all.pop_front() else { return };
        let identity = self.identity(&oldest.rollout);
        Arc::make_mut(&mut self.opened).remove(&identity);
        if oldest.outcome != Outcome::Replaced {
            return;
        }
        let earlier_runs = Arc::make_mut(&mut self.earlier_runs);
        if let Entry::Occupied(mut times) = earlier_runs.entry(oldest.rollout.digest) {
            times.get_mut().times -= 1;
            if times.get().times == 0 {
                times.remove();
            }
        }
    }

    /// The image that runs.
    pub fn current(&self) -> Option<&Current> {
        self.current.as_ref()
    }

    /// The images that claim to follow, those that only straggle left out.
    pub fn candidates(&self, now: Time, settle: Span) -> impl Iterator<Item = &Candidate> {
        let current = self.current.as_ref();
        self.candidates
            .iter()
            .filter(move |candidate| current.is_some_and(|current| candidate.is_shown(current, now, settle)))
    }

    /// Deployments that are over, in the order in which they ended.
    pub fn past(&self) -> impl DoubleEndedIterator<Item = &PastRollout> {
        self.past.iter().map(Arc::as_ref)
    }

    /// The pulls that ended since this was last called. In a service as it looks at a time: those that look ended then.
    pub(crate) fn take_completed(&mut self) -> Vec<CompletedPull> {
        std::mem::take(&mut self.completed)
    }

    /// The pulls that look ended, in a service as it looks at a time.
    pub(crate) fn completed(&self) -> &[CompletedPull] {
        &self.completed
    }

    /// The strength of the evidence that it runs: nothing, a single pull, or more.
    pub(crate) fn proof(&self) -> u8 {
        match &self.current {
            None => 0,
            Some(current) if current.rollout.pulls <= 1 && self.past.is_empty() => 1,
            Some(_) => 2,
        }
    }

    /// The latest time that a request for it was answered with an image.
    pub(crate) fn answered_at(&self) -> Time {
        self.answered_at
    }

    /// The cost of remembering it: its nodes, and its past deployments, which take more each.
    pub(crate) fn weight(&self) -> usize {
        self.nodes.len() + DEPLOYMENT_WEIGHT * self.past.len()
    }

    /// Whether it may have run before its first deployment here: services were forgotten before it came.
    pub fn may_have_run(&self) -> bool {
        self.may_have_run
    }

    /// The number of nodes that were forgotten to stay within bounds.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The number of nodes that are remembered.
    pub fn nodes_remembered(&self) -> usize {
        self.nodes.len()
    }
}

/// The digest of an answer that is one: 2xx, and for a blob the one that was asked for.
pub(super) fn arrived(observation: &Observation) -> Option<Digest> {
    let asked = match observation.reference {
        Reference::Digest(digest) if observation.object == Object::Blob => Some(digest),
        _ => None,
    };
    let is_answer = (200..300).contains(&observation.status);
    if is_answer { observation.digest.or(asked) } else { None }
}

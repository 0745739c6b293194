//! A service: an image's repository in an environment. Its nodes' requests become sightings, and those decide its rollouts.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::agent::Runtime;
use crate::model::event::{EnvironmentName, Object, Observation};
use crate::model::oci::{Digest, Repository};
use crate::model::time::{Span, Time};

use super::candidate::Candidate;
use super::content::Contents;
use super::current::Current;
use super::family::Family;
use super::lines::Lines;
use super::nodes::{NodeKey, Nodes, RequestFacts};
use super::past::PastRollout;
use super::pull::{CompletedPull, answered_digest};
use super::rollout::Rollout;
use super::rollouts::{Facts, Rollouts};
use super::sighting::Sighting;
use super::takeover::Finality;

/// The weight of a past deployment, in nodes.
const DEPLOYMENT_WEIGHT: usize = 2;

/// A service. Its form in snapshots is that of its fields, one after the other.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Service {
    /// Environment and repository, as identities name them.
    name: Arc<str>,
    nodes: Nodes,
    lines: Lines,
    nodes_forgotten: u64,
    /// The image that was pre-pulled last, and when that began.
    prepulled: Option<(Digest, Time)>,
    /// Services were forgotten before this one came: it may have run before.
    may_have_run: bool,
    /// The latest time that a request for it was answered with an image.
    answered_at: Time,
    /// The time under which [`super::State`] lists it as due.
    pub(super) scheduled_at: Option<Time>,
    /// Pulls that are complete and were not taken yet, see [`Service::take_completed`].
    #[serde(skip)]
    completed: Vec<CompletedPull>,
}

impl Service {
    pub(crate) fn new(environment: &EnvironmentName, repository: &Repository, may_have_run: bool) -> Self {
        Self { name: format!("{environment}\0{repository}").into(), may_have_run, ..Self::default() }
    }

    /// The identity of the deployment that this rollout opened, in 48 bits: the same log gives the same.
    pub fn identity(&self, rollout: &Rollout) -> u64 {
        rollout.identity(&self.name)
    }

    /// The opening of the deployment that is over and has this identity.
    pub fn opened_at(&self, identity: u64) -> Option<Time> {
        self.lines.opened_at(identity)
    }

    /// The opening of the first deployment in which an image was current, as far as that is remembered.
    pub fn first_ran_at(&self, digest: &Digest) -> Option<Time> {
        let before = self.lines.iter().filter_map(|line| line.history.first_ran_at(digest));
        let now = self.current().map(|current| &current.rollout).filter(|it| it.digest == *digest);
        before.chain(now.map(|rollout| rollout.opened_at)).min()
    }

    /// Takes a node's request into account.
    pub(super) fn request(
        &mut self,
        observation: &Observation,
        runtime: Runtime,
        contents: &Contents,
        settle: Span,
    ) -> RequestFacts {
        self.complete_pulls(observation.at, settle);
        if answered_digest(observation).is_some() {
            self.answered_at = self.answered_at.max(observation.at);
        }
        let current = self.current().map(|current| current.rollout.digest);
        let facts = self.nodes.request(observation, runtime, contents, current);
        self.nodes_forgotten = self.nodes_forgotten.saturating_add(facts.nodes_forgotten);
        facts
    }

    /// Notes that a node has an image that it need not run.
    pub(super) fn prepull(&mut self, observation: &Observation, runtime: Runtime, contents: &Contents) {
        self.nodes.advance(observation.at);
        let (Some(digest), Object::Manifest) = (answered_digest(observation), observation.object) else {
            return;
        };
        self.answered_at = self.answered_at.max(observation.at);
        let current = self.current().map(|current| current.rollout.digest);
        let family = Family::of(digest, contents);
        let (top, forgotten) = self.nodes.prepull(&NodeKey::of(observation, runtime), &family, current);
        if self.prepulled.is_none_or(|(prepulled, _)| prepulled != top) {
            self.prepulled = Some((top, observation.at));
        }
        self.nodes_forgotten = self.nodes_forgotten.saturating_add(forgotten);
    }

    /// Notes that a node reads what is no image beside one.
    pub(super) fn reads_aside(&mut self, observation: &Observation, runtime: Runtime, digest: Digest) {
        self.nodes.reads_aside(&NodeKey::of(observation, runtime), digest);
    }

    /// Forgets the pulls of what turned out to be no image.
    pub(super) fn forget_pulls(&mut self, digest: &Digest) {
        self.nodes.forget_pulls(digest);
    }

    /// Tells whether nothing is known of any image of it.
    pub(super) fn is_blank(&self) -> bool {
        self.current().is_none() && self.nodes.are_idle() && self.prepulled.is_none()
    }

    /// The time when its next pull is complete.
    pub(crate) fn due_at(&self) -> Option<Time> {
        self.nodes.due_at()
    }

    /// Takes the pulls into account that are complete at `now`.
    pub(crate) fn complete_pulls(&mut self, now: Time, settle: Span) {
        let now = self.nodes.advance(now);
        while let Some((node, sighting)) = self.nodes.complete_next(now) {
            self.take(&node, &sighting, settle);
        }
    }

    /// The service as it looks at `now`, should nothing more happen: open pulls that look well count, and what
    /// waits for time to pass is decided.
    pub(crate) fn at(&self, now: Time, settle: Span) -> Cow<'_, Self> {
        if self.nodes.are_idle() && self.lines.are_decided() {
            return Cow::Borrowed(self); // nothing waits
        }
        let mut then = self.clone();
        while let Some((node, sighting)) = then.nodes.complete_next(now) {
            then.take(&node, &sighting, settle);
        }
        for open in then.nodes.take_open() {
            if let Some(sighting) = then.nodes.sighting_as_of(&open, now) {
                then.take(&open.1, &sighting, settle);
            }
        }
        let facts = Facts { name: &then.name, is_prepulled: then.prepulled.is_some(), settle };
        then.lines.decide(now, Finality::Provisional, facts);
        Cow::Owned(then)
    }

    /// Takes a sighting by a node into account.
    fn take(&mut self, node: &NodeKey, sighting: &Sighting, settle: Span) {
        let facts = Facts { name: &self.name, is_prepulled: self.prepulled.is_some(), settle };
        self.lines.take(sighting, self.nodes.images(), facts);
        self.nodes.showed(node, sighting);
        self.completed.push(CompletedPull::from(sighting));
    }

    /// The image that runs, as far as is known.
    pub fn current(&self) -> Option<&Current> {
        self.lines.main.current()
    }

    /// Images that run beside that, from the same repository: lines of their own.
    pub fn beside(&self) -> impl Iterator<Item = &Rollouts> {
        self.lines.beside.iter()
    }

    /// The images beside the current one, those left out that only straggle.
    pub fn candidates(&self, now: Time, settle: Span) -> impl Iterator<Item = &Candidate> {
        self.lines.main.candidates(now, settle)
    }

    /// The images before that another cluster, which pulls with the same token, was seen to run still.
    pub fn elsewhere(&self) -> impl Iterator<Item = &Rollout> {
        let candidates = self.lines.main.candidates.iter();
        candidates.filter(|candidate| candidate.is_elsewhere).map(|candidate| &candidate.rollout)
    }

    /// The line of the service itself.
    pub fn main(&self) -> &Rollouts {
        &self.lines.main
    }

    /// Tells whether another image was brought to the nodes since the current one came: who runs it now asks for nothing.
    pub fn may_have_moved(&self) -> bool {
        let brought = self.current().zip(self.prepulled);
        brought.is_some_and(|(current, (digest, at))| {
            digest != current.rollout.digest && at > current.rollout.opened_at && !current.asks_always()
        })
    }

    /// Every line that people are shown changes of: the service, and those beside it that did not only run once.
    pub fn lines(&self) -> impl Iterator<Item = &Rollouts> {
        let beside = self.lines.beside.iter().filter(|line| !line.ran_once());
        std::iter::once(&self.lines.main).chain(beside)
    }

    /// The image beside the current one that was seen last, be it by stragglers alone.
    pub fn latest_beside(&self) -> Option<&Rollout> {
        let all = self.lines.main.candidates.iter().map(|candidate| &candidate.rollout);
        all.max_by_key(|rollout| rollout.last_at)
    }

    /// Deployments that are over, in the order in which they ended.
    pub fn past(&self) -> impl DoubleEndedIterator<Item = &PastRollout> {
        self.lines.main.past()
    }

    /// The pulls that were completed since this was last called.
    pub(crate) fn take_completed(&mut self) -> Vec<CompletedPull> {
        std::mem::take(&mut self.completed)
    }

    /// The pulls that look complete, in a service as it looks at a time.
    pub(crate) fn completed(&self) -> &[CompletedPull] {
        &self.completed
    }

    /// The strength of the evidence that it runs: 0 for none, 1 for a single pull, 2 for more.
    pub(crate) fn evidence_strength(&self) -> u8 {
        match &self.lines.main.current {
            None => 0,
            Some(current) if current.rollout.pulls <= 1 && self.lines.main.history.is_empty() => 1,
            Some(_) => 2,
        }
    }

    /// The latest time that a request for it was answered with an image.
    pub(crate) fn answered_at(&self) -> Time {
        self.answered_at
    }

    /// The cost of remembering it: its nodes, and its past deployments, which take more each.
    pub(crate) fn weight(&self) -> usize {
        self.nodes.len() + DEPLOYMENT_WEIGHT * self.lines.weight()
    }

    /// Tells whether it may have run before its first deployment here: services were forgotten before it came.
    pub fn may_have_run(&self) -> bool {
        self.may_have_run
    }

    /// The number of nodes that were forgotten to stay within bounds.
    pub fn nodes_forgotten(&self) -> u64 {
        self.nodes_forgotten
    }

    /// The number of nodes that are remembered.
    pub fn nodes_remembered(&self) -> usize {
        self.nodes.len()
    }
}

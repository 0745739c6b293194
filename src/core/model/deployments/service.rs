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
use super::witness::{RunningImage, Update, Watch, Watching, Witnesses};

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
    /// Statements of witnesses about it.
    watch: Arc<Watch>,
    /// Pulls that are complete and were not taken note of yet, see [`Service::forget_completed`].
    #[serde(skip)]
    completed: Vec<CompletedPull>,
}

/// Pulls so shortly before a witness's last word may have brought what it had not seen run yet; of earlier ones it has told.
const UNDECIDED: Span = Span::from_secs(10);

/// Things that decide beside the requests of a service: the settle time, and the witnesses of its environment.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) settle: Span,
    pub(crate) witnesses: &'a Witnesses,
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
        setting: Setting<'_>,
    ) -> RequestFacts {
        self.complete_pulls(observation.at, setting);
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
    pub(crate) fn due_at(&mut self) -> Option<Time> {
        self.nodes.due_at()
    }

    /// Takes the pulls into account that are complete at `now`.
    pub(crate) fn complete_pulls(&mut self, now: Time, setting: Setting<'_>) {
        let now = self.nodes.advance(now);
        while let Some((node, sighting)) = self.nodes.complete_next(now) {
            self.take(&node, &sighting, setting);
        }
    }

    /// Takes into account what witnesses told at `at`: all that the witness `full_of` sees, or what changed.
    pub(super) fn hear(&mut self, updates: Vec<Update>, full_of: Option<&Arc<str>>, at: Time, settle: Span) {
        let current = self.current().map(|current| current.rollout.tagged());
        let watch = Arc::make_mut(&mut self.watch);
        let ran = watch.running();
        let jobs = updates.iter().filter(|update| !update.name.serves());
        let jobs: Vec<RunningImage> = jobs.flat_map(|update| &update.runs.images).cloned().collect();
        let Some(mut word) = watch.take(updates, full_of, current.as_ref(), at) else { return };
        let beside = self.lines.beside.iter().filter_map(Rollouts::current);
        word.beside = beside.map(|current| current.rollout.digest).collect();
        let facts = Facts { name: &self.name, is_prepulled: self.prepulled.is_some(), settle };
        let main = &mut self.lines.main;
        main.saw_until(at, &ran);
        main.hear(&word, facts);
        self.confirm(at, settle);
        let main = &self.lines.main;
        let current = main.current().map(|current| current.rollout.digest);
        jobs.iter().for_each(|image| self.lines.tell_job(image, at));
        let is_it = |line: &Rollouts| line.current().map(|it| it.rollout.digest) == current;
        self.lines.beside.retain(|line| !is_it(line));
    }

    /// Leaves to `witness` what a witness told that may be the same under its name before.
    pub(super) fn leave_to(&mut self, former: &Arc<str>, witness: &Arc<str>, at: Time, settle: Span) {
        Arc::make_mut(&mut self.watch).leave_to(former, witness);
        self.hear(Vec::new(), None, at, settle);
    }

    /// Forgets what a witness told that was retired at `at`. Where nobody else tells, pulls decide from then on, those since its
    /// last word among them.
    pub(super) fn retire(&mut self, witness: &Arc<str>, at: Time, setting: Setting<'_>) {
        let until = match self.watch.watching(setting.witnesses, at) {
            Watching::Alive { confirmed_at } => confirmed_at,
            Watching::Silent { since } => since,
            Watching::Never => return,
        };
        if Arc::make_mut(&mut self.watch).retire(witness) {
            self.hear(Vec::new(), None, at, setting.settle);
        } else {
            self.release(until, setting.settle);
        }
    }

    /// Takes the pulls for evidence that were made of what runs by `until`: until then witnesses have seen everything.
    pub(super) fn confirm(&mut self, until: Time, settle: Span) {
        let runs = self.watch.running();
        for pull in
            Arc::make_mut(&mut self.watch).take_pulled(|it| it.at <= until && runs.contains(&it.digest))
        {
            if until.since(pull.at) <= settle {
                self.lines.main.attach(&pull);
            }
        }
    }

    /// Tells whether a pull waits for that.
    pub(super) fn awaits(&self, until: Time) -> bool {
        self.watch.awaits(until)
    }

    /// The containers of workloads that `witness` told of and that `told` does not name: they are gone.
    pub(super) fn untold(
        &self,
        witness: &Arc<str>,
        told: impl Fn(&super::witness::WorkloadName) -> bool,
        at: Time,
    ) -> Vec<Update> {
        self.watch.untold(witness, told, at)
    }

    /// Statements of witnesses about it.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The service as it looks at `now`, should nothing more happen: open pulls that look well count, and what
    /// waits for time to pass is decided.
    pub(crate) fn at(&self, now: Time, setting: Setting<'_>) -> Cow<'_, Self> {
        let settle = setting.settle;
        let is_decided = match self.watch.watching(setting.witnesses, now) {
            Watching::Alive { .. } => true,
            Watching::Never => self.lines.are_decided(),
            Watching::Silent { since } => {
                self.lines.are_decided() && !self.watch.has_pulled_since(since - UNDECIDED)
            }
        };
        if self.nodes.are_idle() && is_decided {
            return Cow::Borrowed(self); // nothing waits
        }
        let mut then = self.clone();
        while let Some((node, sighting)) = then.nodes.complete_next(now) {
            then.take(&node, &sighting, setting);
        }
        for open in then.nodes.take_open() {
            if let Some(sighting) = then.nodes.sighting_as_of(&open, now) {
                then.take(&open.node, &sighting, setting);
            }
        }
        match then.watch.watching(setting.witnesses, now) {
            Watching::Alive { .. } => return Cow::Owned(then), // time alone decides nothing
            Watching::Silent { since } => then.release(since, settle),
            Watching::Never => {}
        }
        let facts = Facts { name: &then.name, is_prepulled: then.prepulled.is_some(), settle };
        then.lines.decide(now, Finality::Provisional, facts);
        Cow::Owned(then)
    }

    /// Takes a sighting by a node into account. Where witnesses watch, it is evidence of what they see, or shows in nothing
    /// that runs.
    fn take(&mut self, node: &NodeKey, sighting: &Sighting, setting: Setting<'_>) {
        match self.watch.watching(setting.witnesses, sighting.at) {
            // Pulls later than their last word may be decided without them.
            Watching::Alive { confirmed_at }
                if confirmed_at >= sighting.at && self.lines.main.attach(sighting) => {}
            Watching::Alive { .. } => Arc::make_mut(&mut self.watch).keep(sighting),
            Watching::Silent { since } => {
                self.release(since, setting.settle);
                self.decide_by(sighting, setting.settle);
            }
            Watching::Never => self.decide_by(sighting, setting.settle),
        }
        self.nodes.showed(node, sighting);
        self.completed.push(CompletedPull::from(sighting));
    }

    /// Hands the pulls to the rules that were made since the witnesses fell silent, and those so shortly before that what they
    /// brought may not have run yet.
    fn release(&mut self, since: Time, settle: Span) {
        let since = since - UNDECIDED;
        if !self.watch.has_pulled_since(since) {
            return;
        }
        for sighting in Arc::make_mut(&mut self.watch).take_pulled(|pull| pull.at > since) {
            self.decide_by(&sighting, settle);
        }
    }

    fn decide_by(&mut self, sighting: &Sighting, settle: Span) {
        let is_first = self.watch.ran_nothing() && Arc::make_mut(&mut self.watch).revive(sighting.at);
        let facts = Facts { name: &self.name, is_prepulled: self.prepulled.is_some(), settle };
        self.lines.take(sighting, self.nodes.images(), facts);
        if is_first {
            self.lines.main.revive(&sighting.digest, facts);
        }
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

    /// Tells whether an image is one of those that it runs or ran lately, or that was pulled for it.
    pub(super) fn knows(&self, digest: &Digest) -> bool {
        self.lines.has(digest) || self.watch.running().contains(digest)
    }

    /// Tells whether an image ever ran here, or was pulled, as far as that is remembered.
    pub(super) fn has_had(&self, digest: &Digest) -> bool {
        self.knows(digest)
            || self.first_ran_at(digest).is_some()
            || self.watch.has_pulled(digest)
            || self.nodes.know(digest)
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

    /// Forgets the pulls that are complete, once they were taken note of.
    pub(crate) fn forget_completed(&mut self) {
        self.completed.clear();
    }

    /// The pulls that were completed since then; in a service as it looks at a time, those that look complete.
    pub(crate) fn completed(&self) -> &[CompletedPull] {
        &self.completed
    }

    /// The strength of the evidence that it runs: 0 for none, 1 for a single pull, 2 for more.
    pub(crate) fn evidence_strength(&self) -> u8 {
        match &self.lines.main.current {
            None => 0,
            Some(current)
                if current.rollout.told.is_none()
                    && current.rollout.pulls <= 1
                    && self.lines.main.history.is_empty() =>
            {
                1
            }
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

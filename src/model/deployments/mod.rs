//! The fold from observations to deployments.
//!
//! Words and rules are below. In the code: requests become pulls
//! ([`pull`]), pulls of one image by several nodes a course ([`course`]), and courses claim a service ([`claim`],
//! [`service`]). Everything is bounded; every bound is a named constant in its file.
#![doc = include_str!("README.md")]

pub mod attempts;
pub mod claim;
mod environment;
pub mod pull;
pub mod rollout;
pub mod service;
#[cfg(test)]
mod tests;
pub mod verdict;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::act::Action;
use super::agent::{Puller, Runtime, puller};
use super::event::{EnvironmentName, Event, Excess, Facts, LeftOut, Object, Observation};
use super::log_time::LogTime;
use super::oci::{Digest, Reference, Repository};
use super::releases::{Catalogue, Labels};
use super::sharded_map::{ShardKey, ShardedMap};
use super::time::{Span, Time};
use attempts::Attempt;
use service::Service;

pub use environment::{EnvironmentState, Gap, Local};
pub use pull::PULL;

/// The version of the rules. A change of them that may change an answer raises it, and the log is folded again.
pub const RULES_VERSION: u32 = 6;

/// Most manifests, indexes and configs whose content is remembered.
const CONTENT_MAX: usize = 65_536;

/// Longest version or revision that labels may name; what is longer is cut.
const LABEL_CHARS_MAX: usize = 128;

/// The most steps on the way to a version: index → manifest → config.
const HOPS_MAX: usize = 3;

/// Settings of the derivation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Quiet time after which a rollout counts as settled.
    pub settle: Span,
}

impl Default for Rules {
    fn default() -> Self {
        Self { settle: Span::from_mins(10) }
    }
}

/// The result of the fold so far. A clone is cheap: what did not change is shared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    rules: Rules,
    environments: BTreeMap<EnvironmentName, Arc<EnvironmentState>>,
    content: ShardedMap<Digest, Content>,
    catalogue: Arc<Catalogue>,
    /// The latest observation's time.
    last_at: Option<Time>,
    /// Services with open pulls, by when the first of them is complete; [`Service::listed_at`] says under which time.
    due: BTreeSet<(Time, EnvironmentName, Repository)>,
    /// Environments are made and deleted by administrators' acts: one that is not there is none.
    is_governed: bool,
    /// The log's own time: every time that is kept here is on its line, but for those of the catalogue.
    time: LogTime,
}

/// Counts of things that were forgotten to stay within bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Services of environments.
    pub services: u64,
    /// Nodes of services.
    pub nodes: u64,
    /// Releases that only labels told of.
    pub releases: u64,
}

/// The content behind a digest, as far as it was read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Content {
    at: Time,
    /// It was read itself, not only named by another.
    is_read: bool,
    index: Option<Digest>,
    leads_to: Option<Digest>,
    /// The manifest whose config it is.
    config_of: Option<Digest>,
    labels: Option<Arc<ImageLabels>>,
}

/// Content of an image that is only known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// A manifest or an index.
    Manifest(Digest),
    /// An image config.
    Config(Digest),
}

/// Facts that labels or annotations state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ImageLabels {
    version: Option<String>,
    revision: Option<String>,
    created_at: Option<Time>,
}

impl ImageLabels {
    /// Nothing where they name neither version nor revision.
    fn of(labels: &BTreeMap<String, String>) -> Option<Self> {
        let text = |label: &str| {
            let text = labels.get(label).map(|text| text.trim()).filter(|text| !text.is_empty());
            text.map(|text| text.chars().take(LABEL_CHARS_MAX).collect::<String>())
        };
        let (version, revision) = (text("version"), text("revision"));
        let created_at = labels.get("created").and_then(|text| text.parse().ok());
        (version.is_some() || revision.is_some()).then_some(Self { version, revision, created_at })
    }

    fn labels(&self) -> Labels<'_> {
        Labels {
            version: self.version.as_deref(),
            revision: self.revision.as_deref(),
            created_at: self.created_at,
        }
    }
}

impl ShardKey for Digest {
    fn shard_hash(&self) -> u64 {
        self.as_bytes().first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
    }
}

impl State {
    /// Nothing seen yet.
    pub fn new(rules: Rules) -> Self {
        Self { rules, ..Self::default() }
    }

    /// Takes the log's next event into account.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Observed(observation) => self.observe(observation),
            Event::Learned { at, repository, digest, facts } => self.learn(*at, repository, *digest, facts),
            Event::Gap { from, until, lost } => {
                let (from, until) = (self.time.of(*from), self.time.of(*until));
                let gap = Gap { from, until, lost: *lost, token: None };
                for environment in self.environments.values_mut() {
                    Arc::make_mut(environment).gap(gap.clone());
                }
            }
            Event::Acted(act) => self.act(act.at, &act.action),
            Event::Refused { last, first_at, count } => self.refuse_alike(last, *first_at, *count),
            Event::LeftOut(left_out) => self.leave_out(left_out),
            Event::ClockStepped { at, by_ms } => self.time.stepped(*at, Span::from_ms(*by_ms)),
        }
    }

    fn act(&mut self, at: Time, action: &Action) {
        match action {
            Action::EnvironmentCreated { name, .. } => {
                self.is_governed = true;
                self.environments.insert(name.clone(), Arc::default());
            }
            Action::EnvironmentDeleted { name } => {
                self.environments.remove(name);
                self.due.retain(|(_, environment, _)| environment != name);
            }
            Action::ReleaseAdded(registration) => Arc::make_mut(&mut self.catalogue).add(registration, at),
            _ => {}
        }
    }

    /// Takes one observation into account.
    pub fn observe(&mut self, observation: &Observation) {
        let at = self.time.observed(observation.at);
        let observation = observation.placed(at);
        let observation = observation.as_ref();
        self.last_at = self.last_at.max(Some(at));
        if self.is_governed && !self.environments.contains_key(&observation.environment) {
            return; // it was deleted while this was on its way
        }
        let index = self.index_of(observation);
        let environment =
            Arc::make_mut(self.environments.entry(observation.environment.clone()).or_default());
        match puller(observation.token_kind, &observation.agent) {
            Puller::Node(runtime) => self.node(observation, runtime, index),
            Puller::Prepull(runtime) => {
                let (name, repository) = (&observation.environment, &observation.repository);
                let is_made = makes_a_service(observation);
                let gone = if is_made { environment.make_room(repository) } else { Vec::new() };
                environment
                    .update_service(name, repository, is_made, |it| it.prepull(observation, runtime, index));
                self.forget(name, &gone);
            }
            Puller::Laptop(reason) => environment.pulled_locally(observation, index, reason),
            Puller::Other => {}
        }
        self.complete_due_pulls();
    }

    /// Takes a node's request into account.
    fn node(&mut self, observation: &Observation, runtime: Runtime, index: Option<Digest>) {
        let Observation { environment: name, repository, at, .. } = observation;
        let settle = self.rules.settle;
        let Some(environment) = self.environments.get_mut(name).map(Arc::make_mut) else { return };
        let is_made = makes_a_service(observation);
        let gone = if is_made { environment.make_room(repository) } else { Vec::new() };
        let due = &mut self.due;
        let facts = environment.update_service(name, repository, is_made, |service| {
            let facts = service.node(observation, runtime, index, settle);
            if let (None, Some(due_at)) = (service.scheduled_at, service.due_at()) {
                service.scheduled_at = Some(due_at);
                due.insert((due_at, name.clone(), repository.clone()));
            }
            facts
        });
        let facts = facts.unwrap_or_default();
        if service::arrived(observation).is_none() {
            let attempt = Attempt {
                reference: facts.refused_tag.map_or_else(|| observation.reference.clone(), Reference::Tag),
                status: observation.status,
                first_at: *at,
                last_at: *at,
                count: 1,
                cleared_at: None,
            };
            environment.refuse(repository, attempt);
        }
        self.forget(name, &gone);
        if let (Some(child), Some(index)) = (observation.digest, facts.index) {
            self.place(*at, child, Some(index));
        }
    }

    /// Strikes services that were forgotten off the list of those that are to be looked at.
    fn forget(&mut self, name: &EnvironmentName, gone: &[(Repository, Arc<Service>)]) {
        for (repository, service) in gone {
            if let Some(at) = service.scheduled_at {
                self.due.remove(&(at, name.clone(), repository.clone()));
            }
        }
    }

    /// Takes refusals into account that were counted together.
    fn refuse_alike(&mut self, last: &Observation, first_at: Time, count: u64) {
        let (first_at, last_at) = (self.time.of(first_at), self.time.of(last.at));
        self.last_at = self.last_at.max(Some(last_at));
        let Puller::Node(_) = puller(last.token_kind, &last.agent) else { return };
        let Some(environment) = self.environments.get_mut(&last.environment) else { return };
        let attempt = Attempt {
            reference: last.reference.clone(),
            status: last.status,
            first_at,
            last_at,
            count,
            cleared_at: None,
        };
        Arc::make_mut(environment).refuse(&last.repository, attempt);
    }

    /// Notes what was left out because one token asked for more than is kept.
    fn leave_out(&mut self, left_out: &LeftOut) {
        let LeftOut { environment, token, from, until, count, what } = left_out;
        let (from, until) = (self.time.of(*from), self.time.of(*until));
        let Some(environment) = self.environments.get_mut(environment).map(Arc::make_mut) else { return };
        match what {
            Excess::Refusals => environment.leave_out(until, *count),
            Excess::Observations => {
                let token = Some(token.clone());
                environment.gap(Gap { from, until, lost: *count, token });
            }
        }
    }

    /// Ends complete pulls of services that nobody asks for just now, so that a question finds little to do.
    fn complete_due_pulls(&mut self) {
        let Some(now) = self.last_at else { return };
        let settle = self.rules.settle;
        while self.due.first().is_some_and(|(due_at, ..)| *due_at < now) {
            let Some((_, name, repository)) = self.due.pop_first() else { return };
            let Some(environment) = self.environments.get_mut(&name).map(Arc::make_mut) else { continue };
            let due_at = environment.update_service(&name, &repository, false, |service| {
                service.complete_pulls_at(now, settle);
                service.scheduled_at = service.due_at();
                service.scheduled_at
            });
            if let Some(due_at) = due_at.flatten() {
                self.due.insert((due_at, name, repository));
            }
        }
    }

    /// The index that a manifest belongs to, where it is known.
    fn index_of(&mut self, observation: &Observation) -> Option<Digest> {
        let (Object::Manifest, Some(digest)) = (observation.object, observation.digest) else { return None };
        if observation.parent.is_none() {
            let by_digest = matches!(observation.reference, Reference::Digest(_));
            return if by_digest { self.content.get(&digest)?.index } else { None };
        }
        if self.content.get(&digest).is_none_or(|content| content.index != observation.parent) {
            self.place(observation.at, digest, observation.parent);
        }
        observation.parent
    }

    fn place(&mut self, at: Time, child: Digest, index: Option<Digest>) {
        let content = self.content(at, child);
        content.index = index;
    }

    fn content(&mut self, at: Time, digest: Digest) -> &mut Content {
        let (content, _) = self.content.bounded(&digest, CONTENT_MAX, |content| content.at);
        content.at = content.at.max(at);
        content
    }

    fn learn(&mut self, clock_at: Time, repository: &Repository, digest: Digest, facts: &Facts) {
        let at = self.time.of(clock_at);
        let (labels, leads_to) = match facts {
            Facts::Index { children, labels } => {
                for &child in children.iter().take(CONTENT_MAX / 64) {
                    self.place(at, child, Some(digest));
                }
                (labels, children.first().copied())
            }
            Facts::Manifest { config, labels } => {
                self.content(at, *config).config_of = Some(digest);
                (labels, Some(*config))
            }
            Facts::Config { labels } => (labels, None),
        };
        let labels = ImageLabels::of(labels);
        let content = self.content(at, digest);
        content.is_read = true;
        content.leads_to = leads_to.or(content.leads_to);
        content.labels = labels.map(Arc::new).or_else(|| content.labels.take());
        let top = self.top_of(digest);
        if let Some(labels) = self.labels_of(&top).cloned() {
            Arc::make_mut(&mut self.catalogue).see(repository, top, &labels.labels(), clock_at);
        }
    }

    /// The manifest or index that people deploy: above a config its manifest, above that its index.
    fn top_of(&self, digest: Digest) -> Digest {
        let manifest = self.content.get(&digest).and_then(|content| content.config_of).unwrap_or(digest);
        self.content.get(&manifest).and_then(|content| content.index).unwrap_or(manifest)
    }

    /// Tells the releases that are known; they name versions and order.
    pub fn set_catalogue(&mut self, catalogue: Catalogue) {
        self.catalogue = Arc::new(catalogue);
    }

    /// The releases that are known.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Applies other rules from here on; what was judged stays as it was judged.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// The rules in use.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The latest observation's time, as people are shown it.
    pub fn last_at(&self) -> Option<Time> {
        self.last_at.map(|at| self.shown(at))
    }

    /// The log's own time.
    pub fn time(&self) -> &LogTime {
        &self.time
    }

    /// The time that people are shown for a time that is kept here.
    pub fn shown(&self, at: Time) -> Time {
        self.time.shown(at)
    }

    /// Lets the log's own time begin where a state ends that was kept without it.
    pub(crate) fn begin_time(&mut self) {
        if let Some(at) = self.last_at {
            self.time.observed(at);
        }
    }

    /// Every environment that pulled, in the order of the names.
    pub fn environments(&self) -> impl Iterator<Item = (&EnvironmentName, &EnvironmentState)> {
        self.environments.iter().map(|(name, tracked)| (name, tracked.as_ref()))
    }

    /// One environment.
    pub fn environment(&self, name: &EnvironmentName) -> Option<&EnvironmentState> {
        self.environments.get(name).map(Arc::as_ref)
    }

    /// The version that an image's labels name.
    pub fn labelled_version(&self, digest: &Digest) -> Option<&str> {
        self.labels_of(digest)?.version.as_deref()
    }

    /// The labels of an image: its own annotations, else its platform manifest's, else its config's.
    fn labels_of(&self, digest: &Digest) -> Option<&Arc<ImageLabels>> {
        let mut content = self.content.get(digest)?;
        for _ in 0..HOPS_MAX {
            if let Some(labels) = &content.labels {
                return Some(labels);
            }
            content = self.content.get(&content.leads_to?)?;
        }
        None
    }

    /// Whether this content is known to have been read.
    pub fn has_read(&self, digest: &Digest) -> bool {
        self.content.get(digest).is_some_and(|content| content.is_read)
    }

    /// The next unread part of an image on the way to its labels: itself, its first platform manifest, or its config.
    pub fn unread(&self, image: &Digest) -> Option<Unread> {
        let mut unread = Unread::Manifest(*image);
        for _ in 0..HOPS_MAX {
            let (Unread::Manifest(digest) | Unread::Config(digest)) = unread;
            let Some(content) = self.content.get(&digest).filter(|content| content.is_read) else {
                return Some(unread);
            };
            let next = content.leads_to?;
            let is_config = self.content.get(&next).is_some_and(|it| it.config_of == Some(digest));
            unread = if is_config { Unread::Config(next) } else { Unread::Manifest(next) };
        }
        None
    }

    /// Counts of things that were forgotten to stay within bounds, in all environments.
    pub fn forgotten(&self) -> Forgotten {
        let all = || self.environments.values();
        Forgotten {
            services: all().map(|it| it.services_forgotten()).sum(),
            nodes: all().map(|it| it.nodes_forgotten()).sum(),
            releases: self.catalogue.forgotten(),
        }
    }
}

/// Whether an observation shows that there is something to run: a manifest that was answered.
fn makes_a_service(observation: &Observation) -> bool {
    observation.object == Object::Manifest && service::arrived(observation).is_some()
}

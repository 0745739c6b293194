//! The fold from observations to deployments.
//!
//! Words and rules: ARCHITECTURE.md, "How deployments are derived". In the code: requests become pulls
//! ([`pull`]), pulls of one image by several nodes a course ([`course`]), and courses claim a service ([`claim`],
//! [`service`]). Everything is bounded; every bound is a named constant in its file.

pub mod claim;
pub mod course;
pub mod pull;
pub mod service;
pub(super) mod shards;
#[cfg(test)]
mod tests;
pub mod verdict;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::act::Action;
use super::agent::{Puller, puller};
use super::event::{EnvironmentName, Event, Facts, Method, Object, Observation};
use super::oci::{Digest, Reference, Repository, Tag};
use super::releases::{Catalogue, Labels};
use super::time::{Span, Time};
use pull::PULL;
use service::Service;
use shards::{Shards, Spread};

/// The version of the rules. A change of them that may change an answer raises it, and the log is folded again.
pub const RULES_VERSION: u32 = 4;

/// Most pulls by people's machines that are remembered for an environment.
const LOCAL_MAX: usize = 1_024;

/// Most manifests, indexes and configs whose content is remembered.
const CONTENT_MAX: usize = 65_536;

/// Longest version or revision that labels may name; what is longer is cut.
const LABEL_CHARS_MAX: usize = 128;

/// How far a version is looked for: index → manifest → config.
const HOPS_MAX: usize = 3;

/// What the fold can be told.
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

/// What the log says so far. A clone is cheap: what did not change is shared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    rules: Rules,
    environments: BTreeMap<EnvironmentName, Arc<Tracked>>,
    content: Shards<Digest, Content>,
    catalogue: Arc<Catalogue>,
    last_at: Option<Time>,
    /// Services with open pulls, by when the first of them is complete.
    due: BTreeSet<(Time, EnvironmentName, Repository)>,
}

/// An environment, as its pulls tell.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tracked {
    services: BTreeMap<Repository, Arc<Service>>,
    local: Arc<VecDeque<Local>>,
}

/// A pull by a person's machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Local {
    /// What was pulled.
    pub repository: Repository,
    /// Its top-level digest.
    pub digest: Digest,
    /// The tag, where one was named.
    pub tag: Option<Tag>,
    /// When it began.
    pub at: Time,
    /// From where.
    pub client: Arc<str>,
    /// By which program.
    pub agent: Arc<str>,
    /// Why it counts as local.
    pub reason: Arc<str>,
    /// The index was fetched: platform manifests follow it by digest.
    reads_index: bool,
}

/// What a digest is said to be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Content {
    at: Time,
    /// It was read itself, not only named by another.
    is_read: bool,
    index: Option<Digest>,
    leads_to: Option<Digest>,
    /// The manifest whose config it is.
    config_of: Option<Digest>,
    labels: Option<Arc<Said>>,
}

/// Content of an image that is only known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// A manifest or an index.
    Manifest(Digest),
    /// An image config.
    Config(Digest),
}

/// What labels or annotations say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Said {
    version: Option<String>,
    revision: Option<String>,
    created_at: Option<Time>,
}

impl Said {
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

impl Spread for Digest {
    fn spread(&self) -> u64 {
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
            Event::Gap { until, .. } => self.gap(*until),
            Event::Acted(act) => self.act(act.at, &act.action),
        }
    }

    fn act(&mut self, at: Time, action: &Action) {
        match action {
            Action::EnvironmentCreated { name, .. } => {
                self.environments.insert(name.clone(), Arc::default());
            }
            Action::EnvironmentDeleted { name } => {
                self.environments.remove(name);
            }
            Action::ReleaseAdded(told) => Arc::make_mut(&mut self.catalogue).add(told, at),
            _ => {}
        }
    }

    /// Takes one observation into account.
    pub fn observe(&mut self, observation: &Observation) {
        self.last_at = self.last_at.max(Some(observation.at));
        let index = self.index_of(observation);
        let settle = self.rules.settle;
        let environment =
            Arc::make_mut(self.environments.entry(observation.environment.clone()).or_default());
        match puller(observation.token_kind, &observation.agent) {
            Puller::Node(runtime) => {
                let service = environment.service(&observation.environment, &observation.repository);
                let was_idle = service.due_at().is_none();
                let guessed = service.node(observation, runtime, index, settle);
                if let Some(due_at) = service.due_at().filter(|_| was_idle) {
                    let repository = observation.repository.clone();
                    self.due.insert((due_at, observation.environment.clone(), repository));
                }
                if let (Some(child), Some(_)) = (observation.digest, guessed) {
                    self.place(observation.at, child, guessed);
                }
            }
            Puller::Prepull(runtime) => {
                environment.service(&observation.environment, &observation.repository).prepull(
                    observation,
                    runtime,
                    index,
                );
            }
            Puller::Laptop(reason) => environment.pulled_locally(observation, index, reason),
            Puller::Other => {}
        }
        self.wake();
    }

    /// Ends complete pulls of services that nobody asks for just now, so that a question finds little to do.
    fn wake(&mut self) {
        let Some(now) = self.last_at else { return };
        while self.due.first().is_some_and(|(due_at, ..)| *due_at < now) {
            let Some((_, name, repository)) = self.due.pop_first() else { return };
            let environment = self.environments.get_mut(&name).map(Arc::make_mut);
            let Some(service) = environment.and_then(|it| it.services.get_mut(&repository)) else { continue };
            let service = Arc::make_mut(service);
            service.wake(now, self.rules.settle);
            if let Some(due_at) = service.due_at() {
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

    fn learn(&mut self, at: Time, repository: &Repository, digest: Digest, facts: &Facts) {
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
        let said = Said::of(labels);
        let content = self.content(at, digest);
        content.is_read = true;
        content.leads_to = leads_to.or(content.leads_to);
        content.labels = said.map(Arc::new).or_else(|| content.labels.take());
        let top = self.top_of(digest);
        if let Some(said) = self.said(&top).cloned() {
            Arc::make_mut(&mut self.catalogue).see(repository, top, &said.labels(), at);
        }
    }

    /// The manifest or index that people deploy: above a config its manifest, above that its index.
    fn top_of(&self, digest: Digest) -> Digest {
        let manifest = self.content.get(&digest).and_then(|content| content.config_of).unwrap_or(digest);
        self.content.get(&manifest).and_then(|content| content.index).unwrap_or(manifest)
    }

    fn gap(&mut self, until: Time) {
        for environment in self.environments.values_mut() {
            for service in Arc::make_mut(environment).services.values_mut() {
                Arc::make_mut(service).gap(until);
            }
        }
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

    /// The latest observation's time.
    pub fn last_at(&self) -> Option<Time> {
        self.last_at
    }

    /// Every environment that pulled, in the order of the names.
    pub fn environments(&self) -> impl Iterator<Item = (&EnvironmentName, &Tracked)> {
        self.environments.iter().map(|(name, tracked)| (name, tracked.as_ref()))
    }

    /// One environment.
    pub fn environment(&self, name: &EnvironmentName) -> Option<&Tracked> {
        self.environments.get(name).map(Arc::as_ref)
    }

    /// The version that an image's labels name.
    pub fn labelled_version(&self, digest: &Digest) -> Option<&str> {
        self.said(digest)?.version.as_deref()
    }

    /// What the labels of an image say: its own annotations, else its platform manifest's, else its config's.
    fn said(&self, digest: &Digest) -> Option<&Arc<Said>> {
        let mut content = self.content.get(digest)?;
        for _ in 0..HOPS_MAX {
            if let Some(said) = &content.labels {
                return Some(said);
            }
            content = self.content.get(&content.leads_to?)?;
        }
        None
    }

    /// Whether this content is known to have been read.
    pub fn has_read(&self, digest: &Digest) -> bool {
        self.content.get(digest).is_some_and(|content| content.is_read)
    }

    /// What of an image was not read yet on the way to its labels: itself, its first platform manifest, or its config.
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

    /// How many nodes were forgotten to stay within bounds.
    pub fn forgotten(&self) -> u64 {
        let services = self.environments.values().flat_map(|environment| environment.services.values());
        services.map(|service| service.forgotten()).sum()
    }
}

impl Tracked {
    fn service(&mut self, environment: &EnvironmentName, repository: &Repository) -> &mut Service {
        let new = || Arc::new(Service::new(environment, repository));
        Arc::make_mut(self.services.entry(repository.clone()).or_insert_with(new))
    }

    fn pulled_locally(&mut self, observation: &Observation, index: Option<Digest>, reason: &str) {
        let (Object::Manifest, Some(digest)) = (observation.object, observation.digest) else { return };
        if !(200..300).contains(&observation.status) {
            return;
        }
        let tag = match &observation.reference {
            Reference::Tag(tag) => Some(tag),
            Reference::Digest(_) => None,
        };
        let digest = index.unwrap_or(digest);
        let recent = self.local.iter().rposition(|local| {
            local.client == observation.client
                && local.repository == observation.repository
                && observation.at.since(local.at) <= PULL
                && (local.digest == digest
                    || tag.is_none() && local.reads_index && !pull::is_index(observation))
        });
        let reads_index = observation.method == Method::Get && pull::is_index(observation);
        let local = Arc::make_mut(&mut self.local);
        if let Some(place) = recent {
            local[place].reads_index |= reads_index;
            return;
        }
        if local.len() == LOCAL_MAX {
            local.pop_front();
        }
        local.push_back(Local {
            repository: observation.repository.clone(),
            digest,
            tag: tag.cloned(),
            at: observation.at,
            client: observation.client.clone(),
            agent: observation.agent.clone(),
            reason: reason.into(),
            reads_index,
        });
    }

    /// The services, in the order of the repositories.
    pub fn services(&self) -> impl Iterator<Item = (&Repository, &Service)> {
        self.services.iter().map(|(repository, service)| (repository, service.as_ref()))
    }

    /// One service, with the repository as it is kept.
    pub fn named_service(&self, repository: &Repository) -> Option<(&Repository, &Service)> {
        self.services.get_key_value(repository).map(|(repository, service)| (repository, service.as_ref()))
    }

    /// One service.
    pub fn service_of(&self, repository: &Repository) -> Option<&Service> {
        self.services.get(repository).map(Arc::as_ref)
    }

    /// The pulls by people's machines, in log order.
    pub fn local(&self) -> impl Iterator<Item = &Local> {
        self.local.iter()
    }
}

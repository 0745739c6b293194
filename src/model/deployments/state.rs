//! The state of the fold: the environments and what the images are that run in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::act::Action;
use crate::model::agent::{Puller, Runtime, puller};
use crate::model::event::{EnvironmentName, Event, Excess, Facts, LeftOut, Observation};
use crate::model::log_time::LogTime;
use crate::model::oci::{Digest, Reference, Repository};
use crate::model::releases::{Catalogue, Labels};
use crate::model::time::{Span, Time};

use super::attempts::Attempt;
use super::content::{Contents, Unread};
use super::environment::{EnvironmentState, Gap};
use super::pull::{answered_digest, answered_manifest};
use super::rule::Rules;
use super::service::Service;

/// The result of the fold so far. A clone is cheap: what did not change is shared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    rules: Rules,
    environments: BTreeMap<EnvironmentName, Arc<EnvironmentState>>,
    contents: Contents,
    catalogue: Arc<Catalogue>,
    /// The latest observation's time.
    last_at: Option<Time>,
    /// Services with open pulls, by when the first of them is complete; [`Service::scheduled_at`] says under which time.
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

impl State {
    /// The state before the log's first event.
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
                    Arc::make_mut(environment).add_gap(gap.clone());
                }
            }
            Event::Acted(act) => self.act(act.at, &act.action),
            Event::Refused { last, first_at, count } => self.add_refusals(last, *first_at, *count),
            Event::LeftOut(left_out) => self.leave_out(left_out),
            Event::ClockStepped { at, by_ms } => self.time.stepped(*at, Span::from_ms(*by_ms)),
        }
    }

    /// Takes an administrator's action into account.
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
            Action::EnvironmentUpdated { .. }
            | Action::TokenCreated { .. }
            | Action::TokenRevoked { .. }
            | Action::TokenRotated { .. }
            | Action::AdminTokenCreated { .. }
            | Action::AdminTokenRevoked { .. }
            | Action::DeployPlanned(_)
            | Action::DeployApplied { .. }
            | Action::DeployInterrupted { .. }
            | Action::BackupTaken => {}
        }
    }

    /// Takes an observation into account: the log's next event, or a line of a trace.
    pub fn observe(&mut self, observation: &Observation) {
        let at = self.time.observed(observation.at);
        let observation = observation.placed(at);
        let observation = observation.as_ref();
        self.last_at = self.last_at.max(Some(at));
        if self.is_governed && !self.environments.contains_key(&observation.environment) {
            return; // it was deleted while this was on its way
        }
        let index = self.contents.index_of(observation);
        let environment =
            Arc::make_mut(self.environments.entry(observation.environment.clone()).or_default());
        match puller(observation.token_kind, &observation.agent) {
            Puller::Node(runtime) => self.node_request(observation, runtime, index),
            Puller::Prepull(runtime) => {
                let (name, repository) = (&observation.environment, &observation.repository);
                let is_made = answered_manifest(observation).is_some();
                let gone = if is_made { environment.make_room(repository) } else { Vec::new() };
                environment
                    .update_service(name, repository, is_made, |it| it.prepull(observation, runtime, index));
                self.unlist(name, &gone);
            }
            Puller::Laptop(reason) => environment.add_local(observation, index, reason),
            Puller::Other => {}
        }
        self.complete_due_pulls();
    }

    /// Takes a node's request into account.
    fn node_request(&mut self, observation: &Observation, runtime: Runtime, index: Option<Digest>) {
        let Observation { environment: name, repository, at, .. } = observation;
        let settle = self.rules.settle;
        let Some(environment) = self.environments.get_mut(name).map(Arc::make_mut) else { return };
        let is_made = answered_manifest(observation).is_some();
        let gone = if is_made { environment.make_room(repository) } else { Vec::new() };
        let due = &mut self.due;
        let facts = environment.update_service(name, repository, is_made, |service| {
            let facts = service.request(observation, runtime, index, settle);
            if let (None, Some(due_at)) = (service.scheduled_at, service.due_at()) {
                service.scheduled_at = Some(due_at);
                due.insert((due_at, name.clone(), repository.clone()));
            }
            facts
        });
        let facts = facts.unwrap_or_default();
        if answered_digest(observation).is_none() {
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
        self.unlist(name, &gone);
        if let (Some(child), Some(index)) = (observation.digest, facts.index) {
            self.contents.set_index(*at, child, Some(index));
        }
    }

    /// Strikes services that were forgotten off the list of those that are to be looked at.
    fn unlist(&mut self, name: &EnvironmentName, gone: &[(Repository, Arc<Service>)]) {
        for (repository, service) in gone {
            if let Some(at) = service.scheduled_at {
                self.due.remove(&(at, name.clone(), repository.clone()));
            }
        }
    }

    /// Takes refusals into account that were counted together.
    fn add_refusals(&mut self, last: &Observation, first_at: Time, count: u64) {
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
                environment.add_gap(Gap { from, until, lost: *count, token });
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
                service.complete_pulls(now, settle);
                service.scheduled_at = service.due_at();
                service.scheduled_at
            });
            if let Some(due_at) = due_at.flatten() {
                self.due.insert((due_at, name, repository));
            }
        }
    }

    /// Takes what was read of an image into account.
    fn learn(&mut self, clock_at: Time, repository: &Repository, digest: Digest, facts: &Facts) {
        let top = self.contents.learn(self.time.of(clock_at), digest, facts);
        if let Some(labels) = self.contents.labels(&top) {
            Arc::make_mut(&mut self.catalogue).see(repository, top, &labels.labels(), clock_at);
        }
    }

    /// Sets the releases that are known; they name versions and order.
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

    /// Every environment that pulled or was created, in the order of the names.
    pub fn environments(&self) -> impl Iterator<Item = (&EnvironmentName, &EnvironmentState)> {
        self.environments.iter().map(|(name, tracked)| (name, tracked.as_ref()))
    }

    /// The environment with this name, if it pulled or was created.
    pub fn environment(&self, name: &EnvironmentName) -> Option<&EnvironmentState> {
        self.environments.get(name).map(Arc::as_ref)
    }

    /// The release that an image's labels name.
    pub fn labels(&self, digest: &Digest) -> Option<Labels<'_>> {
        self.contents.labels(digest).map(|labels| labels.labels())
    }

    /// Tells whether this content is known to have been read.
    pub fn has_read(&self, digest: &Digest) -> bool {
        self.contents.has_read(digest)
    }

    /// The next unread part of an image on the way to its labels: itself, its first platform manifest, or its config.
    pub fn unread(&self, image: &Digest) -> Option<Unread> {
        self.contents.unread(image)
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

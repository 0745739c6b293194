//! The state of the fold: the environments and what the images are that run in them.

mod reports;
mod requests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::act::Action;
use crate::model::event::{EnvironmentName, Event, Facts};
use crate::model::former_names::FormerNames;
use crate::model::log_time::LogTime;
use crate::model::oci::{Digest, Repository};
use crate::model::releases::{Catalogue, Labels};
use crate::model::time::{Span, Time};

use super::content::{Contents, Unread};
use super::environment::{EnvironmentState, Gap};
use super::lately::PulledLately;
use super::rule::Rules;

/// The result of the fold so far. A clone is cheap: what did not change is shared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    rules: Rules,
    environments: BTreeMap<EnvironmentName, Arc<EnvironmentState>>,
    contents: Contents,
    catalogue: Arc<Catalogue>,
    /// The latest observation's time.
    last_at: Option<Time>,
    /// Services with open pulls, by when the first of them is complete; each service knows under which time (`scheduled_at`).
    due: BTreeSet<(Time, EnvironmentName, Repository)>,
    /// Environments are made and deleted by administrators' acts: one that is not there is none.
    is_governed: bool,
    /// Former names of environments.
    former: FormerNames,
    /// Images that were pulled lately.
    lately: PulledLately,
    /// The log's own time: every time that is kept here is on its line, but for those of the catalogue.
    time: LogTime,
    /// Time since which evidence of others may be missing: set by the caller, and no part of the fold.
    #[serde(skip)]
    complete_until: Option<Time>,
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
        Self { time: LogTime::new(rules.lateness), rules, ..Self::default() }
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
            Event::Reported(report) => self.report(report),
            Event::ClockStepped { at, by_ms } => self.time.stepped(*at, Span::from_ms(*by_ms)),
            Event::CaughtUp { .. } => {}
        }
    }

    /// Takes an administrator's action into account.
    fn act(&mut self, at: Time, action: &Action) {
        match action {
            Action::EnvironmentCreated { name, .. } => {
                self.is_governed = true;
                self.environments.insert(name.clone(), Arc::default());
            }
            Action::EnvironmentRenamed { from, to } => self.rename(from, to),
            Action::EnvironmentDeleted { name } => {
                self.former.forget(name);
                self.environments.remove(name);
                self.due.retain(|(_, environment, _)| environment != name);
            }
            Action::ReleaseAdded(registration) => Arc::make_mut(&mut self.catalogue).add(registration, at),
            Action::ReleaseEdited(registration) => Arc::make_mut(&mut self.catalogue).edit(registration),
            Action::ReleaseYanked { repository, version, is_yanked } => {
                Arc::make_mut(&mut self.catalogue).yank(repository, version, is_yanked.then_some(at));
            }
            Action::ReleaseDeleted { repository, version } => {
                Arc::make_mut(&mut self.catalogue).delete(repository, version);
            }
            Action::ReleaseDated { repository, version, committed_at } => {
                Arc::make_mut(&mut self.catalogue).date(repository, version, committed_at);
            }
            Action::TokenRevoked { environment, id } => {
                let (name, at) = (self.former.today(environment).clone(), self.time.of(at));
                self.retire(&name, id, at);
            }
            Action::TokenRotated { environment, id, successor, .. } => {
                let name = self.former.today(environment).clone();
                self.rotated(&name, id, successor);
            }
            Action::EnvironmentUpdated { .. }
            | Action::TokenCreated { .. }
            | Action::AdminTokenCreated { .. }
            | Action::AdminTokenRevoked { .. }
            | Action::PublisherTokenCreated { .. }
            | Action::DeployPlanned(_)
            | Action::DeployBegun { .. }
            | Action::DeployApplied { .. }
            | Action::DeployInterrupted { .. }
            | Action::TicketUsed { .. }
            | Action::ReplicaForgotten { .. }
            | Action::BackupTaken => {}
        }
    }

    /// An environment goes on under another name, with all that it has.
    pub fn rename(&mut self, from: &EnvironmentName, to: &EnvironmentName) {
        if let Some(environment) = self.environments.remove(from) {
            self.environments.insert(to.clone(), environment);
        }
        let called = |name: EnvironmentName| if name == *from { to.clone() } else { name };
        let due = std::mem::take(&mut self.due).into_iter();
        self.due = due.map(|(at, name, repository)| (at, called(name), repository)).collect();
        self.former.rename(from, to);
    }

    /// Takes what was read of an image into account.
    fn learn(&mut self, clock_at: Time, repository: &Repository, digest: Digest, facts: &Facts) {
        for top in self.contents.learn(self.time.of(clock_at), digest, facts) {
            if let Some(labels) = self.contents.labels(&top) {
                Arc::make_mut(&mut self.catalogue).see(repository, top, &labels.labels(), clock_at);
            }
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

    /// Time until which everything is known that several machines saw, where not all is.
    pub fn complete_until(&self) -> Option<Time> {
        self.complete_until
    }

    /// Says that what others saw since then may be missing.
    pub fn set_complete_until(&mut self, until: Time) {
        self.complete_until = Some(until);
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

    /// The images that were pulled lately, by anybody.
    pub fn lately(&self) -> &PulledLately {
        &self.lately
    }

    /// The name of today of an environment that was called `name` at some time.
    pub fn today<'a>(&'a self, name: &'a EnvironmentName) -> &'a EnvironmentName {
        self.former.today(name)
    }

    /// Tells whether a repository is known: some environment pulled from it, or the catalogue has it.
    pub fn knows(&self, repository: &Repository) -> bool {
        let is_pulled = |environment: &Arc<EnvironmentState>| environment.service_of(repository).is_some();
        self.catalogue.line(repository).is_some() || self.environments.values().any(is_pulled)
    }

    /// The release that an image's labels name.
    pub fn labels(&self, digest: &Digest) -> Option<Labels<'_>> {
        self.contents.labels(digest).map(|labels| labels.labels())
    }

    /// The manifests that are known to be in the index `digest`, and the indexes that are known to contain it.
    pub fn akin(&self, digest: &Digest) -> impl Iterator<Item = &Digest> {
        self.contents.akin(digest)
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

//! The state of one environment: its services, within a bound, and what may be missing of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::attempts::{Attempt, Attempts};
use super::content::Contents;
use super::family::Family;
use super::local::{LocalPulls, PulledLocally};
use super::pull::answered_manifest;
use super::runtimes::Runtimes;
use super::service::Service;
use super::witness::Witnesses;
use crate::model::agent::Runtime;
use crate::model::event::{EnvironmentName, Observation, TokenId, TokenKind};
use crate::model::oci::{Digest, Repository};
use crate::model::time::Time;

/// Most services of an environment that are remembered.
pub(super) const SERVICES_MAX: usize = 4_096;

/// Most nodes and deployments of an environment that are remembered in all, see [`Service::weight`].
const WEIGHT_MAX: usize = 524_288;

/// Services that are forgotten at a time, so that looking for them costs each newcomer little.
const FORGOTTEN_AT_ONCE: usize = 64;

/// Most stretches without all of their observations that are told apart; beyond them the oldest go.
const GAPS_MAX: usize = 16;

/// The services of an environment, and what is known beside them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EnvironmentState {
    services: BTreeMap<Repository, Arc<Service>>,
    /// The sum of the services' weights.
    weight: usize,
    attempts: Arc<Attempts>,
    local: Arc<LocalPulls>,
    runtimes: Arc<Runtimes>,
    gaps: VecDeque<Gap>,
    /// The time when observations were last missing.
    gap_at: Option<Time>,
    services_forgotten: u64,
    nodes_forgotten: u64,
    witnesses: Arc<Witnesses>,
}

/// A stretch in which observations are missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The time when the first one was lost.
    pub from: Time,
    /// The time when they were kept again.
    pub until: Time,
    /// The number of lost observations.
    pub lost: u64,
    /// The token that made more requests than are kept; none where the log could not be written.
    pub token: Option<TokenId>,
}

impl EnvironmentState {
    /// Changes the service of `repository` by `update`. One that is not there is made if `is_made`, else nothing is done.
    /// Returns the result of `update`.
    pub(super) fn update_service<T>(
        &mut self,
        environment: &EnvironmentName,
        repository: &Repository,
        is_made: bool,
        update: impl FnOnce(&mut Service) -> T,
    ) -> Option<T> {
        let may_have_run = self.services_forgotten > 0;
        let made = || Arc::new(Service::new(environment, repository, may_have_run));
        let service = match self.services.get_mut(repository) {
            Some(service) => service,
            None if is_made => self.services.entry(repository.clone()).or_insert_with(made),
            None => return None,
        };
        let service = Arc::make_mut(service);
        let (weight, forgotten) = (service.weight(), service.nodes_forgotten());
        let done = update(service);
        self.weight = self.weight + service.weight() - weight;
        self.nodes_forgotten += service.nodes_forgotten() - forgotten;
        if !service.completed().is_empty() {
            if self.attempts.has(repository) {
                Arc::make_mut(&mut self.attempts).clear(repository, service.completed());
            }
            service.forget_completed();
        }
        Some(done)
    }

    /// Forgets what was taken for an image and is none, and with it a service that is nothing else. Returns that.
    pub(super) fn forget_artifact(
        &mut self,
        repository: &Repository,
        digest: &Digest,
    ) -> Option<Arc<Service>> {
        if self.local.names(repository, digest) {
            Arc::make_mut(&mut self.local).forget(repository, digest);
        }
        let service = Arc::make_mut(self.services.get_mut(repository)?);
        service.forget_pulls(digest);
        if !service.is_blank() {
            return None;
        }
        self.weight -= service.weight();
        self.services.remove(repository)
    }

    /// Counts the refusals of a reference.
    pub(super) fn refuse(&mut self, repository: &Repository, attempt: Attempt) {
        let services = &self.services;
        Arc::make_mut(&mut self.attempts)
            .refuse(repository, attempt, |repository| services.contains_key(repository));
    }

    /// Counts refusals of which nothing else is known.
    pub(super) fn leave_out(&mut self, until: Time, count: u64) {
        Arc::make_mut(&mut self.attempts).leave_out(until, count);
    }

    /// Makes room for the service of `repository` where there is none left: forgets first what nothing proves yet, then
    /// what a single pull does, then the others; of each kind the longest silent. Returns what it forgot.
    pub(super) fn make_room(&mut self, repository: &Repository) -> Vec<(Repository, Arc<Service>)> {
        let mut gone = Vec::new();
        while self.is_full_for(repository) {
            let others = self.services.iter().filter(|(name, _)| *name != repository);
            let mut order: Vec<_> = others
                .map(|(name, service)| (service.evidence_strength(), service.answered_at(), name))
                .collect();
            let Some(last) = FORGOTTEN_AT_ONCE.min(order.len()).checked_sub(1) else { break };
            order.select_nth_unstable(last);
            let names: Vec<Repository> = order[..=last].iter().map(|(.., name)| (*name).clone()).collect();
            for name in names {
                let Some(service) = self.services.remove(&name) else { continue };
                self.weight -= service.weight();
                self.services_forgotten += 1;
                gone.push((name, service));
            }
        }
        gone
    }

    fn is_full_for(&self, repository: &Repository) -> bool {
        self.weight > WEIGHT_MAX
            || self.services.len() >= SERVICES_MAX && !self.services.contains_key(repository)
    }

    /// Notes that observations are missing.
    pub(super) fn add_gap(&mut self, gap: Gap) {
        self.gap_at = self.gap_at.max(Some(gap.until));
        // A gap that goes on is one gap.
        if let Some(last) = self.gaps.iter_mut().find(|it| it.token == gap.token && it.until >= gap.from) {
            last.until = last.until.max(gap.until);
            last.lost = last.lost.saturating_add(gap.lost);
            return;
        }
        if self.gaps.len() == GAPS_MAX {
            self.gaps.pop_front();
        }
        self.gaps.push_back(gap);
    }

    /// Tells what speaks against a node, if anything does. Notes one that was answered, where nothing does.
    pub(super) fn doubt_node(&mut self, observation: &Observation, runtime: Runtime) -> Option<&'static str> {
        let is_host = observation.token_kind == TokenKind::Host;
        let doubt = if is_host { None } else { self.runtimes.doubt(runtime, observation.at) };
        if doubt.is_none() && answered_manifest(observation).is_some() {
            self.runtimes.hear(runtime, &observation.client, observation.at);
        }
        doubt
    }

    /// Takes a pull by a person's machine into account.
    pub(super) fn add_local(&mut self, observation: &Observation, contents: &Contents, reason: &str) {
        if let Some(digest) = answered_manifest(observation) {
            Arc::make_mut(&mut self.local).add(observation, &Family::of(digest, contents), reason);
        }
    }

    /// The services, in the order of the repositories.
    pub fn services(&self) -> impl Iterator<Item = (&Repository, &Service)> {
        self.services.iter().map(|(repository, service)| (repository, service.as_ref()))
    }

    /// The service of `repository`, with the repository as it is kept.
    pub fn named_service(&self, repository: &Repository) -> Option<(&Repository, &Service)> {
        self.services.get_key_value(repository).map(|(repository, service)| (repository, service.as_ref()))
    }

    /// The service of `repository`.
    pub fn service_of(&self, repository: &Repository) -> Option<&Service> {
        self.services.get(repository).map(Arc::as_ref)
    }

    /// Tells whether it pulled this image from this repository, or ran it as one of the proxy's.
    pub fn has_served(&self, repository: &Repository, digest: &Digest) -> bool {
        self.service_of(repository).is_some_and(|service| service.has_had(digest))
    }

    /// The witnesses that report what runs.
    pub fn witnesses(&self) -> &Arc<Witnesses> {
        &self.witnesses
    }

    /// The same, to take a report into account.
    pub(super) fn witnesses_mut(&mut self) -> &mut Witnesses {
        Arc::make_mut(&mut self.witnesses)
    }

    /// The references that could not be pulled, in the order of the repositories.
    pub(crate) fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// The pulls by people's machines, in log order.
    pub fn local(&self) -> impl DoubleEndedIterator<Item = &PulledLocally> {
        self.local.iter()
    }

    /// The time when observations were last missing.
    pub fn gap_at(&self) -> Option<Time> {
        self.gap_at
    }

    /// The latest stretches without all of their observations, in the order in which they began.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.iter()
    }

    /// Tells whether what its services weigh was counted right.
    #[cfg(test)]
    pub(super) fn is_weighed_right(&self) -> bool {
        self.weight == self.services.values().map(|service| service.weight()).sum::<usize>()
    }

    /// The number of services that were forgotten to stay within bounds.
    pub fn services_forgotten(&self) -> u64 {
        self.services_forgotten
    }

    /// The number of nodes that were.
    pub fn nodes_forgotten(&self) -> u64 {
        self.nodes_forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Services that weigh as much as all may together: they make room for the one that is heard, and for no other.
    #[test]
    fn nodes_and_deployments_of_all_services_have_a_bound_together() {
        let environment: EnvironmentName = "production".parse().unwrap();
        let name = |number: usize| -> Repository { format!("made-up/{number}").parse().unwrap() };
        let mut tracked = EnvironmentState::default();
        for number in 0..3 * FORGOTTEN_AT_ONCE {
            tracked.update_service(&environment, &name(number), true, |_| ());
        }
        assert!(tracked.make_room(&name(0)).is_empty());
        let fair = tracked.weight;
        tracked.weight = WEIGHT_MAX + 1;
        let gone = tracked.make_room(&name(0));
        assert_eq!(gone.len(), 3 * FORGOTTEN_AT_ONCE - 1, "nothing that is left weighs too much");
        assert!(tracked.service_of(&name(0)).is_some());
        assert_eq!(tracked.services_forgotten(), gone.len() as u64);
        assert_eq!(WEIGHT_MAX + 1 - tracked.weight, fair);
    }
}

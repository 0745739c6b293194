//! Requests, one by one and counted together, on their way to the services that they are about.

use std::sync::Arc;

use super::State;
use crate::model::agent::{Puller, Runtime, puller};
use crate::model::deployments::attempts::Attempt;
use crate::model::deployments::environment::Gap;
use crate::model::deployments::pull::{answered_digest, answered_manifest};
use crate::model::deployments::service::{Service, Setting};
use crate::model::event::{EnvironmentName, Excess, LeftOut, Object, Observation, TokenKind};
use crate::model::oci::{Reference, Repository};
use crate::model::time::Time;

impl State {
    /// Takes an observation into account: the log's next event, or a line of a trace.
    pub fn observe(&mut self, observation: &Observation) {
        let at = self.time.observed(observation.at);
        let mut observation = observation.placed(at);
        let name = self.former.today(&observation.environment);
        if *name != observation.environment {
            // It was on its way while the environment got another name.
            observation.to_mut().environment = name.clone();
        }
        let observation = observation.as_ref();
        self.last_at = self.last_at.max(Some(at));
        if self.is_governed && !self.environments.contains_key(&observation.environment) {
            return; // it was deleted while this was on its way
        }
        if observation.token.is_unproven() {
            self.add_refusals(observation, at, 1);
            return self.complete_due_pulls();
        }
        // A scanner goes through everything that there is: nothing needs an image because one asked for it.
        if let Some(digest) = answered_manifest(observation)
            && observation.token_kind != TokenKind::Scanner
        {
            self.lately.note(&observation.environment, &observation.repository, &digest, at);
        }
        if self.is_of_artifact(observation) {
            self.artifact_request(observation);
            return self.complete_due_pulls();
        }
        self.contents.note_parent(observation);
        let environment = match self.environments.get_mut(&observation.environment) {
            Some(environment) => environment,
            None => self.environments.entry(observation.environment.clone()).or_default(),
        };
        let environment = Arc::make_mut(environment);
        match puller(observation.token_kind, &observation.agent) {
            Puller::Node(runtime) => match environment.doubt_node(observation, runtime) {
                None => self.node_request(observation, runtime),
                Some(reason) => environment.add_local(observation, &self.contents, reason),
            },
            Puller::Prepull(runtime) => {
                let (name, repository) = (&observation.environment, &observation.repository);
                let is_made = answered_manifest(observation).is_some();
                let gone = if is_made { environment.make_room(repository) } else { Vec::new() };
                let contents = &self.contents;
                environment.update_service(name, repository, is_made, |it| {
                    it.prepull(observation, runtime, contents);
                });
                self.unlist(name, &gone);
            }
            Puller::Laptop(reason) => environment.add_local(observation, &self.contents, reason),
            Puller::Other => {}
        }
        self.complete_due_pulls();
    }

    /// Tells whether a request is about something else than an image, by what it says or what is known of its digest.
    fn is_of_artifact(&self, observation: &Observation) -> bool {
        let asked = match observation.reference {
            Reference::Digest(digest) => Some(digest),
            Reference::Tag(_) => observation.digest,
        };
        let is_known = || asked.is_some_and(|digest| self.contents.is_artifact(&digest));
        observation.is_of_artifact() || observation.object == Object::Manifest && is_known()
    }

    /// Takes a request for something else than an image into account: what it is about is none from now on. A tag alone may
    /// name an image after all, so it says nothing of its digest.
    fn artifact_request(&mut self, observation: &Observation) {
        let Observation { environment: name, repository, at, reference, .. } = observation;
        let Some(digest) = answered_manifest(observation) else { return };
        let environment = self.environments.get_mut(name).map(Arc::make_mut);
        if let (Some(environment), Puller::Node(runtime)) =
            (environment, puller(observation.token_kind, &observation.agent))
        {
            environment
                .update_service(name, repository, false, |it| it.reads_aside(observation, runtime, digest));
        }
        let is_attachment = matches!(reference, Reference::Tag(tag) if tag.is_attachment());
        if is_attachment || !self.contents.note_artifact(*at, digest) {
            return;
        }
        let everywhere = self.environments.iter_mut();
        let gone: Vec<_> = everywhere
            .filter_map(|(name, it)| {
                Some((name.clone(), Arc::make_mut(it).forget_artifact(repository, &digest)?))
            })
            .collect();
        for (name, service) in gone {
            self.unlist(&name, &[(repository.clone(), service)]);
        }
    }

    /// Takes a node's request into account.
    fn node_request(&mut self, observation: &Observation, runtime: Runtime) {
        let Observation { environment: name, repository, at, .. } = observation;
        let settle = self.rules.settle;
        let Some(environment) = self.environments.get_mut(name).map(Arc::make_mut) else { return };
        let is_made = answered_manifest(observation).is_some();
        let gone = if is_made { environment.make_room(repository) } else { Vec::new() };
        let (due, contents) = (&mut self.due, &self.contents);
        let witnesses = Arc::clone(environment.witnesses());
        let setting = Setting { settle, witnesses: &witnesses };
        let facts = environment.update_service(name, repository, is_made, |service| {
            let facts = service.request(observation, runtime, contents, setting);
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
                is_unproven: false,
            };
            environment.refuse(repository, attempt);
        }
        self.unlist(name, &gone);
        if let (Some(child), Some(index)) = (observation.digest, facts.index) {
            self.contents.add_above(*at, child, index);
        }
    }

    /// Strikes services that were forgotten off the list of those that are to be looked at.
    pub(super) fn unlist(&mut self, name: &EnvironmentName, gone: &[(Repository, Arc<Service>)]) {
        for (repository, service) in gone {
            if let Some(at) = service.scheduled_at {
                self.due.remove(&(at, name.clone(), repository.clone()));
            }
        }
    }

    /// Takes refusals into account that were counted together.
    pub(super) fn add_refusals(&mut self, last: &Observation, first_at: Time, count: u64) {
        let (first_at, last_at) = (self.time.of(first_at), self.time.of(last.at));
        self.last_at = self.last_at.max(Some(last_at));
        let is_unproven = last.token.is_unproven();
        let name = self.former.today(&last.environment);
        let Some(environment) = self.environments.get_mut(name).map(Arc::make_mut) else { return };
        let is_about_a_node = match puller(last.token_kind, &last.agent) {
            Puller::Node(runtime) => environment.doubt_node(last, runtime).is_none(),
            Puller::Prepull(_) | Puller::Laptop(_) | Puller::Other => false,
        };
        if is_unproven || is_about_a_node && !last.is_of_artifact() {
            let (reference, status) = (last.reference.clone(), last.status);
            let attempt =
                Attempt { reference, status, first_at, last_at, count, cleared_at: None, is_unproven };
            environment.refuse(&last.repository, attempt);
        }
    }

    /// Notes what was left out because one token asked for more than is kept.
    pub(super) fn leave_out(&mut self, left_out: &LeftOut) {
        let LeftOut { environment, token, from, until, count, what } = left_out;
        let (from, until) = (self.time.of(*from), self.time.of(*until));
        let name = self.former.today(environment);
        let Some(environment) = self.environments.get_mut(name).map(Arc::make_mut) else { return };
        match what {
            Excess::Refusals => environment.leave_out(until, *count),
            Excess::Observations => {
                let token = Some(token.clone());
                environment.add_gap(Gap { from, until, lost: *count, token });
            }
        }
    }

    /// Ends complete pulls of services that nobody asks for just now, so that a question finds little to do.
    pub(super) fn complete_due_pulls(&mut self) {
        let Some(now) = self.last_at else { return };
        let settle = self.rules.settle;
        while self.due.first().is_some_and(|(due_at, ..)| *due_at < now) {
            let Some((_, name, repository)) = self.due.pop_first() else { return };
            let Some(environment) = self.environments.get_mut(&name).map(Arc::make_mut) else { continue };
            let witnesses = Arc::clone(environment.witnesses());
            let setting = Setting { settle, witnesses: &witnesses };
            let due_at = environment.update_service(&name, &repository, false, |service| {
                service.complete_pulls(now, setting);
                service.scheduled_at = service.due_at();
                service.scheduled_at
            });
            if let Some(due_at) = due_at.flatten() {
                self.due.insert((due_at, name, repository));
            }
        }
    }
}

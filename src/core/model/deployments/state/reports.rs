//! Reports of witnesses, on their way to the services that they are about.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::State;
use crate::model::deployments::content::Contents;
use crate::model::deployments::environment::EnvironmentState;
use crate::model::deployments::service::{Service, Setting};
use crate::model::deployments::witness::{Heard, RunningImage, Runs, Update, Watching, WorkloadName};
use crate::model::event::{EnvironmentName, TokenId};
use crate::model::oci::{Digest, Reference, Repository};
use crate::model::report::{self, Report, Statement};
use crate::model::time::Time;

impl State {
    /// Takes a report of a witness into account: the log's next event, or a line of a trace.
    pub fn report(&mut self, report: &Report) {
        let received_at = self.time.of(report.at);
        let name = self.former.today(&report.environment).clone();
        if self.is_governed && !self.environments.contains_key(&name) {
            return; // it was deleted while this was on its way
        }
        self.last_at = self.last_at.max(Some(received_at));
        self.complete_due_pulls();
        let environment = self.environments.entry(name.clone()).or_default();
        let witnesses = Arc::make_mut(environment).witnesses_mut();
        if !witnesses.takes(report, received_at) {
            return;
        }
        if let Some(latest) = report.latest() {
            witnesses.compare(&report.witness, self.time.of(latest), received_at);
        }
        for statement in &report.statements {
            match statement {
                Statement::Running(runs) => {
                    let at = self.date(&name, &report.witness, runs.at, received_at);
                    self.runs(&name, &report.witness, runs, at);
                }
                Statement::Alive { at: sign, since } => {
                    let at = self.date(&name, &report.witness, *sign, received_at);
                    self.alive(&name, &report.witness, at, (*sign, *since));
                }
                // It proves nothing, so it goes to no service.
                Statement::Past(found) => {
                    // One that was made later than it was told of has the time of a clock that is fast.
                    let made_at = self.time.of(found.at).min(received_at);
                    if let Some(environment) = self.environments.get_mut(&name).map(Arc::make_mut) {
                        environment.witnesses_mut().find(&report.witness, found, made_at);
                    }
                }
            }
        }
    }

    /// The time on the log's line of what a witness stamped `at`.
    fn date(&mut self, name: &EnvironmentName, witness: &Arc<str>, at: Time, received_at: Time) -> Time {
        let at = self.time.of(at);
        let environment = self.environments.get_mut(name).map(Arc::make_mut);
        environment.map_or(received_at, |it| it.witnesses_mut().date(witness, at, received_at))
    }

    fn runs(&mut self, name: &EnvironmentName, witness: &Arc<str>, told: &report::Runs, at: Time) {
        let Some(environment) = self.environments.get_mut(name).map(Arc::make_mut) else { return };
        let workload = WorkloadName {
            namespace: told.namespace.clone(),
            workload: told.workload.clone(),
            container: told.container.clone(),
            host: told.host.clone(),
        };
        let runs = runs(environment, &self.contents, told, at);
        let repository = &told.repository;
        if let Heard::Now(runs) = environment.witnesses_mut().hear(witness, repository, &workload, runs) {
            let update = Update { witness: witness.clone(), name: workload, runs };
            self.hear(name, repository, vec![update], None, at);
        }
    }

    /// A witness is alive, by a sign that it wrote with the beginning of what it has seen. Where that tells that it told all
    /// there is, what it lacks is gone.
    fn alive(&mut self, name: &EnvironmentName, witness: &Arc<str>, at: Time, (sign, since): (Time, Time)) {
        let Some(environment) = self.environments.get_mut(name).map(Arc::make_mut) else { return };
        let Some(full) = environment.witnesses_mut().alive(witness, at, sign, since) else {
            self.take_over(name, witness, at);
            self.leave_to(name, witness, at);
            return self.confirm(name);
        };
        environment.witnesses_mut().forget_bypass(witness);
        let mut updates: BTreeMap<Repository, Vec<Update>> = BTreeMap::new();
        for (repository, service) in environment.services() {
            let is_told = |it: &WorkloadName| full.contains_key(&(repository.clone(), it.clone()));
            let gone = service.untold(witness, is_told, at);
            if !gone.is_empty() || service.watch().is_overlong(witness) {
                updates.insert(repository.clone(), gone);
            }
        }
        for ((repository, name), runs) in full {
            let update = Update { witness: witness.clone(), name, runs };
            updates.entry(repository).or_default().push(update);
        }
        for (repository, updates) in updates {
            self.hear(name, &repository, updates, Some(witness), at);
        }
    }

    /// Hands to services what runs by the name of another registry and turned out to have been pulled through this proxy.
    fn take_over(&mut self, name: &EnvironmentName, witness: &Arc<str>, at: Time) {
        let Some(environment) = self.environments.get(name) else { return };
        let is_own = |repository: &Repository, digest: &Digest| environment.has_served(repository, digest);
        for (repository, name_of_it, runs) in environment.witnesses().own_bypass(witness, is_own) {
            let update = Update { witness: witness.clone(), name: name_of_it, runs };
            self.hear(name, &repository, vec![update], None, at);
        }
    }

    /// Leaves to a witness what one told that fell silent before it began, where it tells of the same: it has another name now.
    fn leave_to(&mut self, name: &EnvironmentName, witness: &Arc<str>, at: Time) {
        let (now, settle) = (self.last_at.unwrap_or_default(), self.rules.settle);
        let Some(environment) = self.environments.get_mut(name) else { return };
        for former in environment.witnesses().former_names(witness, now) {
            let is_of_both = |service: &Service| service.watch().shares(&former, witness);
            let of_both = environment.services().filter(|(_, service)| is_of_both(service));
            let of_both: Vec<Repository> = of_both.map(|(repository, _)| repository.clone()).collect();
            for repository in of_both {
                let leave = |service: &mut Service| service.leave_to(&former, witness, at, settle);
                Arc::make_mut(environment).update_service(name, &repository, false, leave);
            }
        }
    }

    /// Forgets the witnesses of an environment whose token was revoked at `at`: they tell nothing any more.
    pub(super) fn retire(&mut self, name: &EnvironmentName, token: &TokenId, at: Time) {
        let settle = self.rules.settle;
        let Some(environment) = self.environments.get_mut(name).map(Arc::make_mut) else { return };
        let witnesses = environment.witnesses().clone();
        for witness in environment.witnesses_mut().retire(token) {
            let is_told = |service: &Service| service.watch().is_told_by(&witness);
            let told = environment.services().filter(|(_, service)| is_told(service));
            let told: Vec<Repository> = told.map(|(repository, _)| repository.clone()).collect();
            for repository in told {
                let setting = Setting { settle, witnesses: &witnesses };
                environment.update_service(name, &repository, false, |it| it.retire(&witness, at, setting));
            }
        }
    }

    /// Notes that a token of an environment has a successor, which its witness reports with from then on.
    pub(super) fn rotated(&mut self, name: &EnvironmentName, token: &TokenId, successor: &TokenId) {
        if let Some(environment) = self.environments.get_mut(name) {
            Arc::make_mut(environment).witnesses_mut().rotated(token, successor);
        }
    }

    /// Lets pulls be evidence that witnesses have seen everything since.
    fn confirm(&mut self, name: &EnvironmentName) {
        let (now, settle) = (self.last_at.unwrap_or_default(), self.rules.settle);
        let Some(environment) = self.environments.get_mut(name) else { return };
        let until = |service: &Service| match service.watch().watching(environment.witnesses(), now) {
            Watching::Alive { confirmed_at } => Some(confirmed_at).filter(|until| service.awaits(*until)),
            Watching::Never | Watching::Silent { .. } => None,
        };
        let waiting: Vec<(Repository, Time)> = environment
            .services()
            .filter_map(|(repository, service)| Some((repository.clone(), until(service)?)))
            .collect();
        for (repository, until) in waiting {
            let environment = Arc::make_mut(environment);
            environment.update_service(name, &repository, false, |service| service.confirm(until, settle));
        }
    }

    /// Hands what a witness told to the service that it is about: all that the witness `full_of` sees, or what changed.
    fn hear(
        &mut self,
        name: &EnvironmentName,
        repository: &Repository,
        updates: Vec<Update>,
        full_of: Option<&Arc<str>>,
        at: Time,
    ) {
        let settle = self.rules.settle;
        let updates: Vec<Update> =
            updates.into_iter().filter_map(|update| self.own(name, repository, update)).collect();
        let Some(environment) = self.environments.get_mut(name).map(Arc::make_mut) else { return };
        let is_mended = |service: &Service| full_of.is_some_and(|it| service.watch().is_overlong(it));
        if updates.is_empty() && !environment.service_of(repository).is_some_and(is_mended) {
            return;
        }
        let is_made = updates.iter().any(|update| !update.runs.is_gone);
        let gone = if is_made { environment.make_room(repository) } else { Vec::new() };
        environment
            .update_service(name, repository, is_made, |service| service.hear(updates, full_of, at, settle));
        self.unlist(name, &gone);
    }

    /// The part of what was told that is about images of this proxy. By the name of another registry that is what was pulled
    /// through this proxy under the same path: nodes reach it by a host that it was not told of. The rest went around it.
    fn own(&mut self, name: &EnvironmentName, repository: &Repository, mut update: Update) -> Option<Update> {
        if update.name.host.is_none() {
            return Some(update);
        }
        let told = update.runs.clone();
        let environment = self.environments.get(name)?;
        update.runs.images.retain(|image| environment.has_served(repository, &image.digest));
        let is_all = update.runs.images.len() == told.images.len();
        let around = if is_all { Runs { images: Vec::new(), ..told } } else { told };
        let environment = Arc::make_mut(self.environments.get_mut(name)?);
        environment.witnesses_mut().hear_bypass(&update.witness, repository, &update.name, around);
        let is_tracked = || {
            let service = environment.service_of(repository);
            service.is_some_and(|service| service.watch().tells_of(&update.witness, &update.name))
        };
        let is_about = !update.runs.images.is_empty() || is_tracked();
        is_about.then_some(update)
    }
}

/// Images of a workload, by their top-level digests.
fn runs(environment: &EnvironmentState, contents: &Contents, told: &report::Runs, at: Time) -> Runs {
    let service = environment.service_of(&told.repository);
    let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let mut images: Vec<RunningImage> = Vec::new();
    for image in told.images.iter().filter(|image| image.running > 0) {
        let is_known = |digest: &Digest| service.is_some_and(|service| service.knows(digest));
        let digest = contents.top(&image.digest, is_known);
        let (running, ready, nodes) = (count(image.running), count(image.ready), count(image.nodes));
        match images.iter_mut().find(|known| known.digest == digest) {
            Some(known) => {
                known.running = known.running.saturating_add(running);
                known.ready = known.ready.saturating_add(ready);
                known.nodes = known.nodes.saturating_add(nodes);
            }
            None => {
                let tag = match &image.reference {
                    Some(Reference::Tag(tag)) => Some(tag.clone()),
                    Some(Reference::Digest(_)) | None => None,
                };
                images.push(RunningImage { digest, tag, running, ready, nodes });
            }
        }
    }
    let troubles = told.troubles.clone();
    Runs { at, images, desired: told.desired.map(count), is_gone: told.gone, troubles }
}

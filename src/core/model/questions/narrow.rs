//! The part of a view that a question is about: some services of it, one kind of change.

use super::compare::fixes_and_pull_requests;
use crate::model::releases::ChangeKind;
use crate::wire::{Changes, Comparison, Kind, Missing, MissingService, Release, ReleaseChange, Running};

/// The subject of a question.
#[derive(Clone, Copy, Debug, Default)]
pub struct Only<'a> {
    /// Of these services; of all where it names none.
    pub repositories: &'a [String],
    /// Changes of this kind alone. A fix may be of security.
    pub kind: Option<ChangeKind>,
}

impl Only<'_> {
    fn has(&self, repository: &str) -> bool {
        self.repositories.is_empty() || self.repositories.iter().any(|wanted| wanted == repository)
    }

    fn is_of_kind(&self, change: &ReleaseChange) -> bool {
        match self.kind {
            None => true,
            Some(ChangeKind::Fix) => change.is_fix(),
            Some(kind) => change.kind == kind.into(),
        }
    }

    /// The releases with the changes of the kind; those that have none go.
    fn releases(&self, releases: &mut Vec<Release>) {
        if self.kind.is_some() {
            releases.iter_mut().for_each(|release| release.changes.retain(|change| self.is_of_kind(change)));
            releases.retain(|release| !release.changes.is_empty());
        }
    }

    /// Leaves what runs of the services.
    pub fn running(&self, running: &mut Running) {
        running.services.retain(|service| self.has(service.repository.as_str()));
        running.failing.retain(|attempt| self.has(attempt.repository.as_str()));
        if !self.repositories.is_empty() {
            running.bypass.clear();
        }
    }

    /// Leaves what the services lack, of the kind.
    pub fn missing(&self, missing: &mut Missing) {
        missing.services.retain(|service| self.has(service.repository.as_str()));
        missing.absent.retain(|service| self.has(service.repository.as_str()));
        for service in &mut missing.services {
            self.releases(&mut service.missing);
            (service.fixes, service.pull_requests) = fixes_and_pull_requests(&service.missing);
        }
        missing.up_to_date = missing.services.iter().all(|service: &MissingService| service.up_to_date);
    }

    /// Leaves what changed of the services, of the kind.
    pub fn changes(&self, changes: &mut Changes) {
        for deployment in &mut changes.deployments {
            deployment.changes.retain(|change| self.has(change.repository.as_str()));
        }
        changes.deployments.retain(|deployment| !deployment.changes.is_empty());
        let is_back = |kind: &Kind| *kind == Kind::Rollback;
        let mut rollbacks = changes.deployments.iter().flat_map(|it| &it.changes).map(|change| &change.kind);
        changes.rollbacks = match self.repositories {
            [] => changes.rollbacks,
            _ => rollbacks.by_ref().filter(|kind| is_back(kind)).count(),
        };
        for releases in [&mut changes.releases, &mut changes.reverted] {
            releases.retain(|release| self.has(release.repository.as_str()));
            self.releases(releases);
        }
        (changes.fixes, changes.pull_requests) = fixes_and_pull_requests(&changes.releases);
    }

    /// Leaves the services of both sides.
    pub fn comparison(&self, comparison: &mut Comparison) {
        comparison.services.retain(|service| self.has(service.repository.as_str()));
    }
}

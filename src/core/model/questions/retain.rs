//! Images that a registry must keep: what runs, what a rollback would ask for, what was pulled lately, with the other manifests
//! of each.

use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::image::image;
use super::incomplete::incomplete;
use super::service::{ServiceAt, services_at};
use super::states::Reason;
use crate::model::deployments::lately::LATELY;
use crate::model::deployments::past::Outcome;
use crate::model::deployments::rollouts::Rollouts;
use crate::model::deployments::witness::Absence;
use crate::model::deployments::{EnvironmentState, State};
use crate::model::names::EnvironmentName;
use crate::model::oci::{Digest, Repository, Tag};
use crate::model::time::Time;
use crate::wire::{RetainReason, Retained, RetainedGap, RetainedImage};

/// Most images of a service before the current one that are kept for rollbacks: Kubernetes remembers as many revisions of a
/// Deployment.
pub const ROLLBACK_TARGETS: usize = 10;

/// An image that is kept.
#[derive(Default)]
struct Kept {
    reasons: BTreeMap<(Reason, EnvironmentName), Time>,
    tag: Option<Tag>,
    with: Option<Digest>,
}

/// The images that are kept, by repository and digest. Times are on the log's own line.
#[derive(Default)]
struct Keeping(BTreeMap<(Repository, Digest), Kept>);

/// Tells which images must not be deleted from the registry at `now`: those of one repository, where one is named.
pub fn retain(state: &State, of: Option<&Repository>, now: Time) -> Retained {
    let here = state.time().now(now);
    let mut keeping = Keeping::default();
    for (env, tracked) in state.environments() {
        let services = services_at(state, env, now);
        let meant = services.iter().filter(|service| of.is_none_or(|of| service.repository == of));
        meant.for_each(|service| keeping.service(env, service));
        keeping.revisions(env, tracked, of);
    }
    for (digest, place) in state.lately().at(here) {
        let env = state.today(&place.environment);
        if state.environment(env).is_some() && of.is_none_or(|of| place.repository == *of) {
            keeping.keep(&place.repository, digest, None, (Reason::PulledRecently, env, place.at));
        }
    }
    keeping.keep_akin(state);
    let gap = |(env, _): (&EnvironmentName, &EnvironmentState)| {
        Some(RetainedGap { environment: env.clone(), incomplete: incomplete(state, env, now)? })
    };
    Retained {
        at: now,
        known_since: state.lately().began_at().map(|at| state.shown(at)),
        digests: keeping.told(state),
        has_forgotten: state.lately().has_forgotten(here),
        incomplete: state.environments().filter_map(gap).collect(),
    }
}

impl Keeping {
    /// Keeps what a service runs, and what it ran before; of one that was removed for as long as pulls are remembered.
    fn service(&mut self, env: &EnvironmentName, asked: &ServiceAt<'_>) {
        let (repository, service) = (asked.repository, &asked.service);
        let absent = service.watch().absent().filter(|(absence, _)| *absence == Absence::Removed);
        if absent.is_some_and(|(_, since)| asked.now.since(since) > LATELY) {
            return;
        }
        for line in [service.main()].into_iter().chain(service.beside()) {
            if let Some(current) = line.current() {
                let rollout = &current.rollout;
                let reason = if absent.is_some() { Reason::RollbackTarget } else { Reason::Running };
                self.keep(
                    repository,
                    &rollout.digest,
                    rollout.tag.as_ref(),
                    (reason, env, rollout.opened_at),
                );
            }
            let settle = asked.state.rules().settle;
            for candidate in line.candidates(asked.now, settle) {
                let rollout = &candidate.rollout;
                self.keep(
                    repository,
                    &rollout.digest,
                    rollout.tag.as_ref(),
                    (Reason::Mixed, env, rollout.opened_at),
                );
            }
            self.rollback_targets(env, repository, line);
        }
        for workload in service.watch().workloads() {
            for image in workload.runs.images.iter().filter(|image| image.running > 0) {
                self.keep(
                    repository,
                    &image.digest,
                    image.tag.as_ref(),
                    (Reason::Running, env, workload.runs.at),
                );
            }
        }
    }

    /// Keeps the latest images of a line that were current before.
    fn rollback_targets(&mut self, env: &EnvironmentName, repository: &Repository, line: &Rollouts) {
        let current = line.current().map(|current| current.rollout.digest);
        let mut targets = BTreeSet::new();
        for past in line.past().rev().filter(|past| past.outcome == Outcome::Replaced) {
            let rollout = &past.rollout;
            if Some(rollout.digest) == current || !targets.insert(rollout.digest) {
                continue;
            }
            let reason = (Reason::RollbackTarget, env, past.ended_at);
            self.keep(repository, &rollout.digest, rollout.tag.as_ref(), reason);
            if targets.len() == ROLLBACK_TARGETS {
                return;
            }
        }
    }

    /// Keeps the images of revisions that a cluster remembers: `kubectl rollout undo` goes back to one of them.
    fn revisions(&mut self, env: &EnvironmentName, tracked: &EnvironmentState, of: Option<&Repository>) {
        for found in tracked.witnesses().revisions() {
            if let Some(digest) = found.digest
                && found.name.host.is_none()
                && of.is_none_or(|of| found.repository == *of)
            {
                let reason = (Reason::RollbackTarget, env, found.made_at);
                self.keep(&found.repository, &digest, found.tag.as_ref(), reason);
            }
        }
    }

    fn keep(
        &mut self,
        repository: &Repository,
        digest: &Digest,
        tag: Option<&Tag>,
        (reason, env, since): (Reason, &EnvironmentName, Time),
    ) {
        let kept = self.0.entry((repository.clone(), *digest)).or_default();
        if tag.is_some() {
            kept.tag = tag.cloned();
        }
        let known = kept.reasons.entry((reason, env.clone())).or_insert(since);
        *known = if reason == Reason::PulledRecently { since.max(*known) } else { since.min(*known) };
    }

    /// Keeps the platforms' manifests of what is kept, and the indexes around it, for the same reasons.
    fn keep_akin(&mut self, state: &State) {
        let mut more = Self::default();
        for ((repository, digest), kept) in &self.0 {
            for akin in state.akin(digest).filter(|akin| !self.0.contains_key(&(repository.clone(), **akin)))
            {
                if let Entry::Vacant(new) = more.0.entry((repository.clone(), *akin)) {
                    let with = Some(*digest);
                    new.insert(Kept { reasons: kept.reasons.clone(), tag: kept.tag.clone(), with });
                }
            }
        }
        self.0.extend(more.0);
    }

    /// The images as they are told, of each repository the best founded first, and of those the latest.
    fn told(self, state: &State) -> Vec<RetainedImage> {
        let mut kept: Vec<_> = self.0.into_iter().collect();
        kept.sort_by_cached_key(|((repository, digest), kept)| {
            let first = kept.reasons.iter().next().map(|((reason, _), since)| (*reason, Reverse(*since)));
            (repository.clone(), first, *digest)
        });
        let told =
            |((repository, digest), Kept { reasons, tag, with }): ((Repository, Digest), Kept)| {
                let version = image(state, &repository, &digest, tag.as_ref().map(Tag::as_str)).version;
                let reason = |((reason, environment), since): ((Reason, EnvironmentName), Time)| {
                    RetainReason { kind: reason.into(), environment, since: state.shown(since) }
                };
                let reasons = reasons.into_iter().map(reason).collect();
                RetainedImage { repository, digest, version, kept_with: with, reasons }
            };
        kept.into_iter().map(told).collect()
    }
}

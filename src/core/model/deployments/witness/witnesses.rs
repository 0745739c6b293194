//! The witnesses of an environment: which is alive, and what runs by names of other registries.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::names::TokenId;
use crate::model::oci::{Digest, Repository};
use crate::model::report::{self, Report};
use crate::model::time::{Span, Time};

use super::revisions::{Revision, Revisions};
use super::runs::{Runs, WorkloadName};
use super::voice::{Full, Heard, SILENT, Vigil, Witness};

/// Most witnesses of an environment; the one that was silent for longest makes room.
const WITNESSES_MAX: usize = 256;

/// A witness that has reported within this span is told of.
const TOLD_SPAN: Span = Span::from_mins(7 * 24 * 60);

/// Most containers of workloads whose images come from elsewhere that are remembered.
const BYPASS_MAX: usize = 1_024;

/// The witnesses of an environment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Witnesses {
    by_name: BTreeMap<Arc<str>, Witness>,
    /// Workloads of other registries' images that were not pulled through this proxy, as far as was known then.
    bypass: BTreeMap<(Repository, Arc<str>, WorkloadName), Runs>,
    revisions: Revisions,
}

/// The watch over a service at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watching {
    /// No witness ever told of it.
    Never,
    /// Every witness that tells of it is alive: so it was then.
    Alive {
        /// The time until which all of them have seen everything.
        confirmed_at: Time,
    },
    /// One of them is silent.
    Silent {
        /// The time until which all of them had seen everything.
        since: Time,
    },
}

/// A witness at a time.
#[derive(Clone, Copy, Debug)]
pub struct WitnessAt<'a> {
    /// Its name.
    pub name: &'a Arc<str>,
    /// Its state.
    pub vigil: Vigil,
    /// The time when its latest report was received.
    pub heard_at: Time,
    /// The time until which it has seen everything.
    pub seen_until: Option<Time>,
}

/// A workload of another registry's image.
#[derive(Clone, Copy, Debug)]
pub struct Bypass<'a> {
    /// The repository there.
    pub repository: &'a Repository,
    /// The workload, as people name it, and the registry's host.
    pub workload: &'a WorkloadName,
    /// Its images.
    pub runs: &'a Runs,
}

impl Witnesses {
    /// Tells whether a report is to be taken, and remembers that it came: it is new, and no other token's while the witness of
    /// that name is alive.
    pub(in crate::model::deployments) fn takes(&mut self, report: &Report, received_at: Time) -> bool {
        let name = &report.witness;
        if !self.by_name.contains_key(name) && self.by_name.len() >= WITNESSES_MAX {
            let silent = self.by_name.iter().min_by_key(|(_, witness)| witness.seen_until());
            let silent = silent.map(|(name, _)| name.clone());
            silent.map(|name| self.by_name.remove(&name));
        }
        let witness = self.by_name.entry(name.clone()).or_insert_with(|| Witness::new(received_at));
        witness.takes(&report.token, report.sequence, received_at)
    }

    /// Tells whether a report with this token is another's, which uses the name of a witness that is alive at `now`, on the
    /// log's line.
    pub fn refuses(&self, name: &str, token: &TokenId, now: Time) -> bool {
        self.by_name.get(name).is_some_and(|witness| witness.refuses(token, now))
    }

    /// The last report of a witness with this token that was taken.
    pub fn accepted_until(&self, name: &str, token: &TokenId) -> Option<u64> {
        self.by_name.get(name)?.accepted_until(token)
    }

    /// Notes that a token was made in place of another: it goes on with the names that the other uses.
    pub(in crate::model::deployments) fn rotated(&mut self, token: &TokenId, successor: &TokenId) {
        self.by_name.values_mut().for_each(|witness| witness.rotated(token, successor));
    }

    /// Forgets the witnesses that report with a token, which was revoked, what they told of other registries, and what they
    /// found. Returns their names.
    pub(in crate::model::deployments) fn retire(&mut self, token: &TokenId) -> Vec<Arc<str>> {
        let of_it = self.by_name.iter_mut().filter_map(|(name, it)| it.revoked(token).then(|| name.clone()));
        let retired: Vec<Arc<str>> = of_it.collect();
        for name in &retired {
            self.by_name.remove(name);
            self.forget_bypass(name);
            self.revisions.forget(name);
        }
        retired
    }

    /// Compares the clock of a witness with the log's, by the latest statement of a report.
    pub(in crate::model::deployments) fn compare(&mut self, name: &str, latest: Time, received_at: Time) {
        if let Some(witness) = self.by_name.get_mut(name) {
            witness.clock.compare(latest, received_at);
        }
    }

    /// The time on the log's line of a statement that a witness stamped `at`.
    pub(in crate::model::deployments) fn date(&mut self, name: &str, at: Time, received_at: Time) -> Time {
        let witness = self.by_name.get_mut(name);
        witness.map_or(received_at, |witness| witness.clock.date(at, received_at))
    }

    /// Takes a sign of life of a witness into account: it has seen everything from `since` until `at`, and wrote `sign` for
    /// that. Returns all that there is, where it began anew and has told that now.
    pub(in crate::model::deployments) fn alive(
        &mut self,
        name: &Arc<str>,
        at: Time,
        sign: Time,
        since: Time,
    ) -> Option<Full> {
        self.by_name.entry(name.clone()).or_default().alive(at, sign, since)
    }

    /// The names that a witness may have had before: those that were silent when it was first heard of, and are.
    pub(in crate::model::deployments) fn former_names(&self, name: &str, now: Time) -> Vec<Arc<str>> {
        let Some(witness) = self.by_name.get(name) else { return Vec::new() };
        let others = self.by_name.iter().filter(|(_, other)| other.may_be_former_of(witness, now));
        others.map(|(name, _)| name.clone()).collect()
    }

    /// Takes what a workload runs into account, where its witness has yet to tell everything.
    pub(in crate::model::deployments) fn hear(
        &mut self,
        name: &Arc<str>,
        repository: &Repository,
        workload: &WorkloadName,
        runs: Runs,
    ) -> Heard {
        let witness = self.by_name.get_mut(name);
        witness.map_or(Heard::Later, |witness| witness.hear(repository, workload, runs))
    }

    /// Notes what runs by the name of another registry.
    pub(in crate::model::deployments) fn hear_bypass(
        &mut self,
        name: &Arc<str>,
        repository: &Repository,
        workload: &WorkloadName,
        runs: Runs,
    ) {
        let key = (repository.clone(), name.clone(), workload.clone());
        if runs.images.is_empty() {
            self.bypass.remove(&key);
        } else if self.bypass.len() < BYPASS_MAX || self.bypass.contains_key(&key) {
            self.bypass.insert(key, runs);
        }
    }

    /// Forgets what a witness told of other registries: it has told everything anew.
    pub(in crate::model::deployments) fn forget_bypass(&mut self, name: &Arc<str>) {
        self.bypass.retain(|(_, witness, _), _| witness != name);
    }

    /// Keeps a revision of a workload that a witness found, made at `made_at`.
    pub(in crate::model::deployments) fn find(
        &mut self,
        name: &Arc<str>,
        found: &report::Revision,
        made_at: Time,
    ) {
        self.revisions.add(name, found, made_at);
    }

    /// The revisions of workloads that witnesses found, the oldest first.
    pub fn revisions(&self) -> impl DoubleEndedIterator<Item = &Revision> {
        self.revisions.iter()
    }

    /// Workloads of other registries' images, all of which came through this proxy after all, as `is_own` tells.
    pub(in crate::model::deployments) fn own_bypass(
        &self,
        name: &Arc<str>,
        is_own: impl Fn(&Repository, &Digest) -> bool,
    ) -> Vec<(Repository, WorkloadName, Runs)> {
        let of_it = self.bypass.iter().filter(|((_, witness, _), _)| witness == name);
        of_it
            .filter(|((repository, ..), runs)| runs.images.iter().all(|it| is_own(repository, &it.digest)))
            .map(|((repository, _, workload), runs)| (repository.clone(), workload.clone(), runs.clone()))
            .collect()
    }

    /// Workloads of other registries' images, as far as witnesses that are alive at `now` say.
    pub fn bypass(&self, now: Time) -> impl Iterator<Item = Bypass<'_>> {
        let is_alive =
            move |name: &str| self.seen_until(name).is_some_and(|until| now.since(until) <= SILENT);
        let all = self.bypass.iter().filter(move |((_, witness, _), _)| is_alive(witness));
        all.map(|((repository, _, workload), runs)| Bypass { repository, workload, runs })
    }

    /// The witnesses that reported within the week before `now`, in the order of their names.
    pub fn told(&self, now: Time) -> impl Iterator<Item = WitnessAt<'_>> {
        self.by_name
            .iter()
            .map(move |(name, witness)| WitnessAt {
                name,
                vigil: witness.vigil(now),
                heard_at: witness.heard_at(),
                seen_until: witness.seen_until(),
            })
            .filter(move |it| now.since(it.heard_at) <= TOLD_SPAN)
    }

    /// The time until which a witness has seen everything.
    fn seen_until(&self, name: &str) -> Option<Time> {
        self.by_name.get(name)?.seen_until()
    }

    /// The watch of these witnesses at `now`.
    pub(super) fn watching<'a>(&self, names: impl Iterator<Item = &'a Arc<str>>, now: Time) -> Watching {
        let mut oldest: Option<Time> = None;
        for name in names {
            let until = self.seen_until(name).unwrap_or(Time::from_ms(i64::MIN));
            oldest = Some(oldest.map_or(until, |oldest| oldest.min(until)));
        }
        match oldest {
            None => Watching::Never,
            Some(until) if now.since(until) <= SILENT => Watching::Alive { confirmed_at: until.min(now) },
            Some(until) => Watching::Silent { since: until },
        }
    }
}

//! Deployments of an environment, page by page, newest first, at the cost of what is shown.
//!
//! A group depends on the one before it, up to the last gap longer than the settle time: behind such a gap grouping
//! begins anew, so a page is grouped from the nearest gap before it and nothing older is looked at.

use std::collections::BTreeSet;

use super::incomplete::incomplete;
use super::revisions::unseen_revisions;
use super::rollout::{RolloutAt, sentence};
use super::service::{ServiceAt, services_at};
use super::states::{Confidence, Kind, Phase};
use crate::model::deployments::State;
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::time::{Span, Time};
use crate::wire::{Deployment, Evidence, Revision, ServiceChange, Timeline};

/// First stretch that a page looks back, in settle times; then four times as far, until it is full.
const LOOK_BACK: i64 = 64;

/// Changes that a deployment's summary names.
const SENTENCES_MAX: usize = 24;

/// At most `limit` deployments of `env` as they look at `now`, the newest first; those before the one with the
/// identifier `before`, where one is named.
pub fn timeline(
    state: &State,
    env: &EnvironmentName,
    now: Time,
    limit: usize,
    before: Option<&str>,
) -> Timeline {
    let (deployments, next) = page(state, env, now, limit, before, |group| group.view(state, env));
    let (revisions, revisions_left_out) = on_first_page(state, env, now, limit, before);
    Timeline { deployments, next, revisions, revisions_left_out, incomplete: incomplete(state, env, now) }
}

/// The revisions of workloads with images that were not seen to run, which stand on the first page.
pub(super) fn on_first_page(
    state: &State,
    env: &EnvironmentName,
    now: Time,
    limit: usize,
    before: Option<&str>,
) -> (Vec<Revision>, u64) {
    if before.is_some() { Default::default() } else { unseen_revisions(state, env, None, now, limit) }
}

/// Makes a page of deployments by `view`, and tells where the next one begins.
pub(super) fn page<T>(
    state: &State,
    env: &EnvironmentName,
    now: Time,
    limit: usize,
    before: Option<&str>,
    view: impl Fn(&Group<'_>) -> T,
) -> (Vec<T>, Option<String>) {
    let asked = services_at(state, env, now);
    let opened = |id: &str| asked.iter().find_map(|service| service.opened_at(id));
    let until = before.and_then(opened);
    let newest = asked.iter().filter_map(ServiceAt::newest).max().unwrap_or(now);
    let mut back = Span::from_ms(state.rules().settle.ms().max(1).saturating_mul(LOOK_BACK));
    loop {
        let grouped = grouped_since(state, &asked, until.unwrap_or(newest) - back);
        let groups = &grouped.groups;
        let place = until.and_then(|_| groups.iter().position(|group| Some(group.id().as_str()) == before));
        let end = place.unwrap_or(groups.len());
        if end <= limit && !grouped.is_all {
            back = Span::from_ms(back.ms().saturating_mul(4));
            continue;
        }
        let start = end.saturating_sub(limit);
        let next = (start > 0 && start < end).then(|| groups[start].id());
        return (groups[start..end].iter().rev().map(&view).collect(), next);
    }
}

/// The deployment with this identifier, its own or that of one of its changes, as it looks at `now`.
pub fn deployment(state: &State, id: &str, now: Time) -> Option<Deployment> {
    in_any(state, id, now, |group, env| group.view(state, env))
}

/// The pulls behind the deployment with this identifier.
pub fn evidence(state: &State, id: &str, now: Time) -> Option<Evidence> {
    in_any(state, id, now, |group, _| Evidence {
        deployment: group.id(),
        changes: group.0.iter().map(|rollout| rollout.evidence(state)).collect(),
    })
}

pub(super) fn in_any<T>(
    state: &State,
    id: &str,
    now: Time,
    view: impl Fn(&Group<'_>, &EnvironmentName) -> T,
) -> Option<T> {
    state.environments().find_map(|(env, _)| {
        let asked = services_at(state, env, now);
        let opened_at = asked.iter().find_map(|service| service.opened_at(id))?;
        let grouped = grouped_since(state, &asked, opened_at);
        let is_its = |group: &&Group<'_>| group.0.iter().any(|rollout| rollout.id() == id);
        grouped.groups.iter().find(is_its).map(|group| view(group, env))
    })
}

/// Changes that went out together.
pub(super) struct Group<'a>(pub(super) Vec<RolloutAt<'a>>);

/// The groups from some time on.
pub(super) struct Grouped<'a> {
    pub(super) groups: Vec<Group<'a>>,
    /// There are none before.
    is_all: bool,
}

/// Every group, in the order in which they opened.
pub(super) fn grouped<'a>(state: &State, asked: &'a [ServiceAt<'_>]) -> Vec<Group<'a>> {
    group(asked.iter().flat_map(ServiceAt::rollouts).collect(), state.rules().settle)
}

/// The groups that opened at `from` or later, and some before them.
pub(super) fn grouped_since<'a>(state: &State, asked: &'a [ServiceAt<'_>], from: Time) -> Grouped<'a> {
    let settle = state.rules().settle;
    let mut back = Span::from_ms(settle.ms().max(1).saturating_mul(2));
    loop {
        let mut is_all = true;
        let mut rollouts: Vec<RolloutAt<'a>> = Vec::new();
        for service in asked {
            let (since, all) = service.rollouts_since(from - back);
            rollouts.extend(since);
            is_all &= all;
        }
        if is_all {
            return Grouped { groups: group(rollouts, settle), is_all };
        }
        rollouts.sort_by_key(|rollout| rollout.rollout.opened_at);
        let gap = rollouts.windows(2).rposition(|pair| {
            let [before, after] = [&pair[0], &pair[1]].map(|rollout| rollout.rollout.opened_at);
            after <= from && after.since(before) > settle
        });
        if let Some(gap) = gap {
            return Grouped { groups: group(rollouts.split_off(gap + 1), settle), is_all };
        }
        back = Span::from_ms(back.ms().saturating_mul(4));
    }
}

fn group(mut rollouts: Vec<RolloutAt<'_>>, settle: Span) -> Vec<Group<'_>> {
    rollouts.sort_by(|a, b| (a.rollout.opened_at, a.repository).cmp(&(b.rollout.opened_at, b.repository)));
    let mut groups: Vec<Group<'_>> = Vec::new();
    // The services of the last one: two changes of one service are two deployments.
    let mut services: BTreeSet<&Repository> = BTreeSet::new();
    for rollout in rollouts {
        let last = groups.last_mut();
        let last = last.filter(|group| {
            let last = group.0.last().map(|last| last.rollout.opened_at);
            last.is_some_and(|last| rollout.rollout.opened_at.since(last) <= settle)
        });
        match last {
            Some(group) if services.insert(rollout.repository) => group.0.push(rollout),
            _ => {
                services = BTreeSet::from([rollout.repository]);
                groups.push(Group(vec![rollout]));
            }
        }
    }
    groups
}

impl Group<'_> {
    /// The identifier of the change that opened it.
    pub(super) fn id(&self) -> String {
        self.0.first().map(RolloutAt::id).unwrap_or_default()
    }

    pub(super) fn started_at(&self, state: &State) -> Option<Time> {
        self.0.first().map(|rollout| state.shown(rollout.rollout.opened_at))
    }

    /// The least settled state of its changes.
    pub(super) fn phase(&self) -> Phase {
        self.0.iter().map(|rollout| rollout.state).max().unwrap_or(Phase::RollingOut)
    }

    /// The gravest kind of its changes.
    pub(super) fn kind(&self, state: &State) -> Kind {
        self.0.iter().map(|rollout| rollout.kind(state)).max().unwrap_or(Kind::Changed)
    }

    pub(super) fn view(&self, state: &State, env: &EnvironmentName) -> Deployment {
        let changes: Vec<ServiceChange> = self.0.iter().map(|rollout| rollout.view(state)).collect();
        let phase = self.phase();
        let settled = changes.iter().filter_map(|change| change.settled_at).max();
        let confidence = self.0.iter().map(RolloutAt::confidence).min().unwrap_or(Confidence::Tentative);
        Deployment {
            id: self.id(),
            environment: env.clone(),
            state: phase.into(),
            kind: self.kind(state).into(),
            started_at: self.started_at(state).unwrap_or_default(),
            settled_at: settled.filter(|_| phase == Phase::Settled),
            confidence: confidence.into(),
            releases_landed: changes.iter().map(|change| change.releases.len()).sum(),
            releases_reverted: changes.iter().map(|change| change.reverted.len()).sum(),
            summary: summary(&changes),
            changes,
        }
    }
}

/// Says what happened, in a sentence; of very many changes, the first.
fn summary(changes: &[ServiceChange]) -> String {
    let mut sentences: Vec<String> = changes.iter().take(SENTENCES_MAX).map(sentence).collect();
    if let Some(more @ 1..) = changes.len().checked_sub(SENTENCES_MAX) {
        sentences.push(format!("and {more} more"));
    }
    sentences.join("; ")
}

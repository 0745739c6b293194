//! The card of an environment on the first page: what landed last, how it stands, how often it changes.

use super::charts::{Chart, rollout, spark};
use super::parts::{Badge, Label, When, count, short};
use crate::model::directory::Environment;
use crate::model::questions::{EnvironmentSummary, Kind, Latest, Phase};
use crate::model::time::Time;
use crate::wire::{self, ServiceChange};

/// An environment at a glance.
pub(super) struct Card<'a> {
    pub(super) name: &'a str,
    pub(super) description: &'a str,
    pub(super) color: &'a str,
    pub(super) badges: Vec<Badge>,
    pub(super) latest: Option<LatestView<'a>>,
    pub(super) seen: Option<When>,
    pub(super) counts: String,
    pub(super) spark: Chart,
    pub(super) has_token: bool,
    /// The visitor pinned it.
    pub(super) is_pinned: bool,
    /// The latest deployment began then.
    pub(super) moved_at: Option<Time>,
}

/// The latest deployment.
pub(super) struct LatestView<'a> {
    pub(super) id: &'a str,
    pub(super) kind: Badge,
    pub(super) changes: Vec<ChangeLine<'a>>,
    pub(super) more: usize,
    pub(super) when: When,
    pub(super) nodes: String,
    pub(super) releases: Option<String>,
    pub(super) curve: Option<Chart>,
}

/// `payment v12 → v14`
pub(super) struct ChangeLine<'a> {
    pub(super) repository: &'a str,
    pub(super) service: &'a str,
    pub(super) from: Option<Label>,
    pub(super) to: Label,
}

impl<'a> Card<'a> {
    /// `behind` is the number of its services that lack a release.
    pub(super) fn new(
        environment: &'a Environment,
        summary: &'a EnvironmentSummary,
        behind: usize,
        now: Time,
    ) -> Self {
        let tokens = environment.tokens_active(now) as u64;
        Self {
            name: environment.name.as_str(),
            description: &environment.description,
            color: &environment.color,
            badges: badges(environment, summary, behind, now),
            latest: summary.latest.as_ref().map(|latest| LatestView::new(latest, now)),
            seen: summary.last_seen_at.map(|at| When::new(at, now)),
            counts: format!(
                "{} · {}",
                count(summary.services as u64, "service"),
                count(tokens, "active token")
            ),
            spark: spark(&summary.spark),
            has_token: tokens > 0,
            is_pinned: false,
            moved_at: summary.latest.as_ref().map(|latest| latest.started_at),
        }
    }
}

fn badges(environment: &Environment, summary: &EnvironmentSummary, behind: usize, now: Time) -> Vec<Badge> {
    let state = summary.state.map(|state| Badge::of(wire::Phase::from(state).as_str()));
    let behind = (behind > 0).then(|| {
        let services = count(behind as u64, "service");
        Badge::of("behind")
            .labelled(format!("{services} behind"))
            .because(format!("Later releases of {services} are known."))
    });
    let is_warned = environment.tokens().any(|token| token.warnings(now).next().is_some());
    let marked = [
        ("failing", summary.failing > 0),
        ("incomplete", summary.is_incomplete),
        ("pulled_locally", summary.local_at.is_some()),
        ("warning", is_warned),
    ];
    let marked = marked.into_iter().filter(|(_, is_so)| *is_so).map(|(name, _)| Badge::of(name));
    state.into_iter().chain(behind).chain(marked).collect()
}

impl<'a> LatestView<'a> {
    pub(super) fn new(latest: &'a Latest, now: Time) -> Self {
        let landed: usize = latest.changes.iter().map(|change| change.releases.len()).sum();
        let reverted: usize = latest.changes.iter().map(|change| change.reverted.len()).sum();
        let is_moving = matches!(latest.state, Phase::RollingOut | Phase::Mixed);
        let releases = match (landed, reverted) {
            (_, 1..) => Some(format!("{} reverted", count(reverted as u64, "release"))),
            (1.., 0) if latest.kind != Kind::Initial => Some(count(landed as u64, "release")),
            _ => None,
        };
        Self {
            id: &latest.id,
            kind: Badge::of(wire::Kind::from(latest.kind).as_str()),
            changes: latest.changes.iter().map(ChangeLine::new).collect(),
            more: latest.more,
            when: When::new(latest.started_at, now),
            nodes: count(latest.nodes, "node"),
            releases,
            curve: latest.curve.as_ref().filter(|_| is_moving).map(rollout),
        }
    }
}

impl<'a> ChangeLine<'a> {
    pub(super) fn new(change: &'a ServiceChange) -> Self {
        Self {
            repository: change.repository.as_str(),
            service: short(&change.repository),
            from: change.from.as_ref().map(Label::from),
            to: Label::from(&change.to),
        }
    }
}

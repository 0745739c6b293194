//! Every environment at a glance: a card each, and the services × environments.
//!
//! Made for a page of a hundred environments with fifty services each: it looks at what runs and at the latest
//! deployment, and never at the whole history.

use super::attention::Attention;
use super::curve::Curve;
use super::incomplete::incomplete;
use super::matrix::{Row, rows};
use super::service::{ServiceAt, attempts, services_at};
use super::states::{Kind, Phase};
use super::timeline::{Group, grouped_since};
use crate::model::deployments::{EnvironmentState, State};
use crate::model::names::EnvironmentName;
use crate::model::time::{Span, Time};
use crate::wire::{Seen, ServiceChange};

/// Changes of the latest deployment that a card shows; the others are counted.
const SHOWN_MAX: usize = 5;
/// Days of a card's sparkline.
pub const SPARK_DAYS: usize = 14;
/// A pull by a person's machine is marked for so long.
const LOCAL_SHOWN: Span = Span::from_mins(24 * 60);
const DAY: Span = Span::from_mins(24 * 60);

/// Every environment at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overview {
    /// The environments, in the order in which they were asked for.
    pub environments: Vec<EnvironmentSummary>,
    /// Service by service, in the order of the repositories; the cells in the order of the environments.
    pub rows: Vec<Row>,
    /// The number of further rows.
    pub rows_more: usize,
    /// Things to look at.
    pub attention: Attention,
}

/// An environment at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentSummary {
    /// Its name.
    pub name: EnvironmentName,
    /// The number of services that run in it.
    pub services: usize,
    /// The least settled state of them; none where nothing runs.
    pub state: Option<Phase>,
    /// The number of references that somebody tries to pull and cannot.
    pub failing: usize,
    /// Something was left out of what is known of it, see [`Incomplete`](crate::wire::Incomplete).
    pub is_incomplete: bool,
    /// The latest pull that showed what runs, or until when witnesses saw it.
    pub last_seen_at: Option<Time>,
    /// Every service is unconfirmed, the last one since then.
    pub unconfirmed_since: Option<Time>,
    /// The latest deployment.
    pub latest: Option<Latest>,
    /// The latest pull by a person's machine within a day.
    pub local_at: Option<Time>,
    /// The number of changes of services that opened on each of the last days, the oldest first.
    pub spark: [u32; SPARK_DAYS],
}

/// The latest deployment of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// Its identifier.
    pub id: String,
    /// The gravest kind of its changes.
    pub kind: Kind,
    /// The least settled state of its changes.
    pub state: Phase,
    /// The first evidence.
    pub started_at: Time,
    /// Some of its changes.
    pub changes: Vec<ServiceChange>,
    /// The number of changes that are not shown.
    pub more: usize,
    /// The most nodes that showed one of its changes.
    pub nodes: u32,
    /// The rollout that reached most nodes.
    pub curve: Option<Curve>,
}

/// The environments with these names at `now`.
pub fn overview<'a>(
    state: &State,
    names: impl IntoIterator<Item = &'a EnvironmentName>,
    now: Time,
) -> Overview {
    let (mut environments, mut lanes) = (Vec::new(), Vec::new());
    for name in names {
        let asked = services_at(state, name, now);
        environments.push(EnvironmentSummary::of(state, name, &asked, now));
        lanes.push(asked);
    }
    let (rows, rows_more) = rows(state, &lanes);
    let names: Vec<&EnvironmentName> = environments.iter().map(|summary| &summary.name).collect();
    let attention = Attention::of(state, &names, &lanes, &rows, now);
    Overview { environments, rows, rows_more, attention }
}

impl EnvironmentSummary {
    fn of(state: &State, name: &EnvironmentName, asked: &[ServiceAt<'_>], now: Time) -> Self {
        let running: Vec<_> =
            asked.iter().filter_map(|asked| Some((asked.phase_now()?, asked.runs()?))).collect();
        let tracked = state.environment(name);
        let gap_at = tracked.and_then(EnvironmentState::gap_at);
        let seen: Vec<Seen> =
            asked.iter().filter_map(|asked| Some(asked.seen(asked.runs()?, gap_at))).collect();
        let unconfirmed: Option<Vec<Time>> = seen.iter().map(|seen| seen.unconfirmed_since).collect();
        let here = state.time().now(now);
        let failing = attempts(tracked, asked).filter(|(_, attempt)| attempt.is_failing(here)).count();
        let local_at = tracked.and_then(|it| it.local().last()).map(|local| local.at);
        Self {
            name: name.clone(),
            services: running.len(),
            state: running.iter().map(|(phase, _)| *phase).max(),
            failing,
            is_incomplete: incomplete(state, name, now).is_some(),
            unconfirmed_since: unconfirmed.and_then(|all| all.into_iter().max()),
            last_seen_at: seen.iter().map(|seen| seen.last_seen_at).max(),
            latest: latest_of(state, asked),
            local_at: local_at.filter(|at| here.since(*at) <= LOCAL_SHOWN).map(|at| state.shown(at)),
            spark: spark(asked, here),
        }
    }
}

/// The number of changes that opened on each of the last days.
fn spark(asked: &[ServiceAt<'_>], now: Time) -> [u32; SPARK_DAYS] {
    let mut days = [0; SPARK_DAYS];
    let start = now - Span::from_ms(DAY.ms() * SPARK_DAYS as i64);
    for asked in asked {
        let current = asked.service.current().map(|current| current.rollout.opened_at);
        let past = asked.service.past().rev().take_while(|past| past.ended_at >= start);
        for at in current.into_iter().chain(past.map(|past| past.rollout.opened_at)) {
            let day = at.since(start).ms().div_euclid(DAY.ms());
            if let Some(count) = usize::try_from(day).ok().and_then(|day| days.get_mut(day)) {
                *count += 1;
            }
        }
    }
    days
}

/// The latest deployment of `env` at `now`.
pub fn latest(state: &State, env: &EnvironmentName, now: Time) -> Option<Latest> {
    latest_of(state, &services_at(state, env, now))
}

/// The latest deployment: goes back only as far as its changes do.
fn latest_of(state: &State, asked: &[ServiceAt<'_>]) -> Option<Latest> {
    let newest = asked.iter().filter_map(ServiceAt::newest).max()?;
    grouped_since(state, asked, newest).groups.last().map(|group| Latest::of(state, group))
}

impl Latest {
    fn of(state: &State, group: &Group<'_>) -> Self {
        let most = group.0.iter().max_by_key(|rollout| rollout.rollout.nodes);
        Self {
            id: group.id(),
            kind: group.kind(state),
            state: group.phase(),
            started_at: group.started_at(state).unwrap_or_default(),
            changes: group.0.iter().take(SHOWN_MAX).map(|rollout| rollout.view(state)).collect(),
            more: group.0.len().saturating_sub(SHOWN_MAX),
            nodes: most.map_or(0, |rollout| rollout.rollout.nodes),
            curve: most.map(|rollout| Curve::of(rollout, state)),
        }
    }
}

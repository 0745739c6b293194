//! How often and how well a team ships, in the words of DORA, from pulls and releases alone.
//!
//! - *Deployment frequency*: changes that landed. First appearances and rollbacks are none, and neither is what was
//!   given up.
//! - *Lead time*: from when a release was made until the first node of an environment pulled it; only releases that say
//!   when they were made count.
//! - *Rollback rate*: rollbacks per change that landed. It stands for DORA's change failure rate: a failure that was
//!   mended by a later release cannot be told from a release.
//! - *Time to restore*: from the first node of what was rolled back until the first node of the rollback.
//!
//! "Accelerate" (Forsgren, Humble, Kim 2018), detailed 2; <https://dora.dev/guides/dora-metrics-four-keys/>

use std::collections::BTreeMap;

use serde::Serialize;

use super::rollout::RolloutAt;
use super::service::{ServiceAt, services_at};
use super::states::{Kind, Phase};
use crate::model::deployments::State;
use crate::model::names::EnvironmentName;
use crate::model::oci::{Digest, Repository};
use crate::model::time::{Span, Time};

/// Most weeks that are looked at.
pub const WEEKS_MAX: usize = 52;
const WEEK: Span = Span::from_mins(7 * 24 * 60);

/// The measures of some environments together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Insights {
    /// From this time on.
    pub from: Time,
    /// Up to this time.
    pub until: Time,
    /// All services together.
    pub whole: Measure,
    /// Service by service, in the order of the repositories; those with a change in that time.
    pub services: Vec<Service>,
}

/// The measures of one service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Service {
    /// The service's repository.
    pub repository: Repository,
    /// Its measures.
    pub measure: Measure,
}

/// The four measures.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Measure {
    /// Changes that landed.
    pub deployments: u32,
    /// Rollbacks.
    pub rollbacks: u32,
    /// Changes that landed, per week.
    pub per_week: f64,
    /// Rollbacks per change that landed; none where nothing landed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_rate: Option<f64>,
    /// The median lead time, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead_time_s: Option<i64>,
    /// The median time to restore, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_to_restore_s: Option<i64>,
    /// Week by week, the oldest first; the last one ends with the question.
    pub weeks: Vec<Week>,
}

/// One week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Week {
    /// Changes that landed.
    pub deployments: u32,
    /// Rollbacks.
    pub rollbacks: u32,
}

/// What is measured before it is averaged.
#[derive(Default)]
struct Tally {
    weeks: Vec<Week>,
    lead_times: Vec<Span>,
    restores: Vec<Span>,
}

/// The measures of the environments `names` over the `weeks` before `now`, at most a year.
pub fn insights<'a>(
    state: &State,
    names: impl IntoIterator<Item = &'a EnvironmentName>,
    weeks: usize,
    now: Time,
) -> Insights {
    let weeks = weeks.clamp(1, WEEKS_MAX);
    let from = now - Span::from_ms(WEEK.ms() * weeks as i64);
    let mut whole = Tally::new(weeks);
    let mut services: BTreeMap<Repository, Tally> = BTreeMap::new();
    for name in names {
        for asked in services_at(state, name, now) {
            let mut tally = Tally::new(weeks);
            tally.take(state, &asked, state.time().now(now) - now.since(from));
            whole.add(&tally);
            services.entry(asked.repository.clone()).or_insert_with(|| Tally::new(weeks)).add(&tally);
        }
    }
    let measured = services.into_iter().map(|(repository, tally)| (repository, tally.measure()));
    let changed = measured.filter(|(_, measure)| measure.deployments + measure.rollbacks > 0);
    let services = changed.map(|(repository, measure)| Service { repository, measure }).collect();
    Insights { from, until: now, whole: whole.measure(), services }
}

impl Tally {
    fn new(weeks: usize) -> Self {
        Self { weeks: vec![Week::default(); weeks], ..Self::default() }
    }

    fn take(&mut self, state: &State, asked: &ServiceAt<'_>, from: Time) {
        // When what runs had come, and since when each release has been out here.
        let mut came: BTreeMap<Digest, Time> = BTreeMap::new();
        for rollout in asked.rollouts() {
            let at = rollout.rollout.opened_at;
            let is_first = !came.contains_key(&rollout.rollout.digest);
            let week = at.since(from).ms().div_euclid(WEEK.ms());
            let week = usize::try_from(week).ok().and_then(|week| self.weeks.get_mut(week));
            if let Some(week) = week.filter(|_| rollout.state != Phase::Aborted) {
                match rollout.kind(state) {
                    Kind::Initial => {}
                    Kind::Rollback => {
                        week.rollbacks += 1;
                        let broken = rollout.from.as_ref().and_then(|(digest, _)| came.get(digest));
                        self.restores.extend(broken.map(|broken| at.since(*broken)));
                    }
                    Kind::Upgrade | Kind::Restore | Kind::Rebuild | Kind::Changed => {
                        week.deployments += 1;
                        if is_first {
                            self.lead_times.extend(lead_times(state, &rollout));
                        }
                    }
                }
            }
            came.insert(rollout.rollout.digest, at);
        }
    }

    fn add(&mut self, other: &Self) {
        for (week, more) in self.weeks.iter_mut().zip(&other.weeks) {
            week.deployments += more.deployments;
            week.rollbacks += more.rollbacks;
        }
        self.lead_times.extend(&other.lead_times);
        self.restores.extend(&other.restores);
    }

    fn measure(self) -> Measure {
        let deployments: u32 = self.weeks.iter().map(|week| week.deployments).sum();
        let rollbacks: u32 = self.weeks.iter().map(|week| week.rollbacks).sum();
        Measure {
            deployments,
            rollbacks,
            per_week: f64::from(deployments) / self.weeks.len() as f64,
            rollback_rate: (deployments > 0).then(|| f64::from(rollbacks) / f64::from(deployments)),
            lead_time_s: median(self.lead_times),
            time_to_restore_s: median(self.restores),
            weeks: self.weeks,
        }
    }
}

/// How long each release that came with this change had been made before.
fn lead_times(state: &State, rollout: &RolloutAt<'_>) -> Vec<Span> {
    let line = state.catalogue().line(rollout.repository);
    let releases = rollout.view(state).releases;
    let made = releases.iter().filter_map(|release| line?.with_version(&release.version)?.created_at);
    // A clock that is ahead of ours makes no release from the future.
    made.map(|made| state.shown(rollout.rollout.opened_at).since(made).max(Span::default())).collect()
}

/// The middle one, in whole seconds; of two, the mean.
fn median(mut spans: Vec<Span>) -> Option<i64> {
    spans.sort_unstable();
    let middle = spans.len() / 2;
    let high = spans.get(middle)?.ms();
    let low = if spans.len().is_multiple_of(2) { spans.get(middle.checked_sub(1)?)?.ms() } else { high };
    Some((low + high) / 2 / 1000)
}

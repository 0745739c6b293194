//! Frequency and quality of a team's shipping, in the words of DORA, from pulls and releases alone.
//!
//! - *Deployment frequency*: changes that landed. First appearances and rollbacks are none, and neither is what was
//!   given up.
//! - *Lead time*: from a commit until the first node of an environment pulled the release that brought it, for the
//!   releases that say when their commits were made; where none does, from when a release was made. The two are never mixed:
//!   a release with many commits would outweigh those without any.
//! - *Rollback rate*: rollbacks per change that landed. It stands for DORA's change failure rate: a failure that was
//!   mended by a later release cannot be told from a release.
//! - *Time to restore*: from the first node of what was rolled back until the first node of the rollback.
//!
//! "Accelerate" (Forsgren, Humble, Kim 2018), detailed 2; <https://dora.dev/guides/dora-metrics-four-keys/>

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;

use super::rollout::RolloutAt;
use super::service::{ServiceAt, services_at};
use super::states::{Kind, Phase};
use crate::model::deployments::State;
use crate::model::names::EnvironmentName;
use crate::model::oci::{Digest, Repository};
use crate::model::time::{Span, Time};

/// Most weeks that are looked at: a year begins the last of them.
pub const WEEKS_MAX: usize = 53;
/// A week.
pub const WEEK: Span = Span::from_mins(7 * 24 * 60);

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
    /// The lead time, where something tells of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lead_time: Option<LeadTime>,
    /// The median time to restore, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_to_restore_s: Option<i64>,
    /// Week by week, the oldest first; the last one may be short.
    pub weeks: Vec<Week>,
}

/// The time from making something to running it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LeadTime {
    /// The median, in seconds.
    pub median_s: i64,
    /// Its start.
    pub counts_from: Beginning,
    /// Their number.
    pub count: usize,
    /// Releases that say nothing of that, and are not in it.
    pub left_out: usize,
}

/// The start of a lead time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Beginning {
    /// From each commit.
    Commit,
    /// From when the release was made.
    Release,
}

/// One week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Week {
    /// Changes that landed.
    pub deployments: u32,
    /// Rollbacks.
    pub rollbacks: u32,
}

/// The measurements before they are averaged.
#[derive(Default)]
struct Tally {
    weeks: Vec<Week>,
    /// Of each commit of the releases that tell of theirs.
    commits: Vec<Span>,
    /// Of each other release that says when it was made.
    releases: Vec<Span>,
    /// Releases that tell of neither.
    silent: usize,
    restores: Vec<Span>,
}

/// The measures of the environments `names` in a stretch of time up to `now`: of its first year, where it is longer.
pub fn insights<'a>(
    state: &State,
    names: impl IntoIterator<Item = &'a EnvironmentName>,
    during: Range<Time>,
    now: Time,
) -> Insights {
    let (from, until) = (during.start, during.end.min(now));
    let length = until.since(from).ms().max(1);
    let weeks = usize::try_from((length - 1) / WEEK.ms() + 1).unwrap_or(WEEKS_MAX).min(WEEKS_MAX);
    // Rollouts have the log's times.
    let logged = |at: Time| state.time().now(now) - now.since(at);
    let logged = logged(from)..logged(until);
    let mut whole = Tally::new(weeks);
    let mut services: BTreeMap<Repository, Tally> = BTreeMap::new();
    for name in names {
        for asked in services_at(state, name, now) {
            let mut tally = Tally::new(weeks);
            tally.take(state, &asked, &logged);
            whole.add(&tally);
            services.entry(asked.repository.clone()).or_insert_with(|| Tally::new(weeks)).add(&tally);
        }
    }
    let measured = services.into_iter().map(|(repository, tally)| (repository, tally.measure(length)));
    let changed = measured.filter(|(_, measure)| measure.deployments + measure.rollbacks > 0);
    let services = changed.map(|(repository, measure)| Service { repository, measure }).collect();
    Insights { from, until, whole: whole.measure(length), services }
}

impl Tally {
    fn new(weeks: usize) -> Self {
        Self { weeks: vec![Week::default(); weeks], ..Self::default() }
    }

    fn take(&mut self, state: &State, asked: &ServiceAt<'_>, during: &Range<Time>) {
        // The time when each release came to run here.
        let mut came: BTreeMap<Digest, Time> = BTreeMap::new();
        for rollout in asked.rollouts() {
            let at = rollout.rollout.opened_at;
            let is_first = !came.contains_key(&rollout.rollout.digest);
            let week = at.since(during.start).ms().div_euclid(WEEK.ms());
            let week = usize::try_from(week).ok().and_then(|week| self.weeks.get_mut(week));
            let counts = at <= during.end && rollout.state != Phase::Aborted;
            if let Some(week) = week.filter(|_| counts) {
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
                            self.wait(state, &rollout);
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
        self.commits.extend(&other.commits);
        self.releases.extend(&other.releases);
        self.silent += other.silent;
        self.restores.extend(&other.restores);
    }

    /// The time from each commit, else from the release, to this change.
    fn wait(&mut self, state: &State, rollout: &RolloutAt<'_>) {
        let line = state.catalogue().line(rollout.repository);
        let came = state.shown(rollout.rollout.opened_at);
        // A clock that is ahead of ours makes nothing in the future.
        let since = |made: Time| came.since(made).max(Span::default());
        for release in rollout.view(state).releases {
            let known = line.and_then(|line| line.with_version(&release.version));
            match known.map(|known| (&known.committed_at[..], known.created_at)) {
                Some(([], Some(made))) => self.releases.push(since(made)),
                Some(([], None)) | None => self.silent += 1,
                Some((commits, _)) => self.commits.extend(commits.iter().map(|at| since(*at))),
            }
        }
    }

    fn measure(self, length_ms: i64) -> Measure {
        let deployments: u32 = self.weeks.iter().map(|week| week.deployments).sum();
        let rollbacks: u32 = self.weeks.iter().map(|week| week.rollbacks).sum();
        Measure {
            deployments,
            rollbacks,
            per_week: f64::from(deployments) * WEEK.ms() as f64 / length_ms as f64,
            rollback_rate: (deployments > 0).then(|| f64::from(rollbacks) / f64::from(deployments)),
            lead_time: lead_time(self.commits, self.releases, self.silent),
            time_to_restore_s: median(self.restores),
            weeks: self.weeks,
        }
    }
}

/// From the commits, where any is known; else from the releases.
fn lead_time(commits: Vec<Span>, releases: Vec<Span>, silent: usize) -> Option<LeadTime> {
    let (counts_from, spans, left_out) = if commits.is_empty() {
        (Beginning::Release, releases, silent)
    } else {
        (Beginning::Commit, commits, silent + releases.len())
    };
    let count = spans.len();
    median(spans).map(|median_s| LeadTime { median_s, counts_from, count, left_out })
}

/// The middle one, in whole seconds; of two, the mean.
fn median(mut spans: Vec<Span>) -> Option<i64> {
    spans.sort_unstable();
    let middle = spans.len() / 2;
    let high = spans.get(middle)?.ms();
    let low = if spans.len().is_multiple_of(2) { spans.get(middle.checked_sub(1)?)?.ms() } else { high };
    Some((low + high) / 2 / 1000)
}

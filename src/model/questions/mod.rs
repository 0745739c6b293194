//! The questions: state and time → plain views, which every surface only formats.
//!
//! Whoever asks tells the time: whether a rollout has settled depends on how long nothing came. Names and shapes are
//! those of the interface (`running`, `timeline`, `deployment`, `evidence`, `local`, and what `replay` prints).
#![doc = include_str!("README.md")]

mod changes;
mod compare;
mod curve;
mod find;
mod incomplete;
mod insights;
mod matrix;
mod missing;
mod overview;
mod release;
mod search;
mod step;
mod story;
#[cfg(test)]
mod tests;
mod timeline;
mod trace;
mod verify;
mod view;

use std::borrow::Cow;

use super::deployments::attempts::Attempt;
use super::deployments::candidate::Candidate;
use super::deployments::current::Current;
use super::deployments::past::{Outcome, PastRollout};
use super::deployments::rollout::Rollout;
use super::deployments::rule::Rule;
use super::deployments::service::Service;
use super::deployments::{EnvironmentState, PulledLocally, State};
use super::event::EnvironmentName;
use super::oci::Repository;
use super::time::Time;
use step::{Step, confidence, image, tag, version};

pub use changes::{Changes, History, changes, history};
pub(in crate::model) use compare::fixes_and_pull_requests;
pub use compare::{Ahead, ComparedService, Comparison, Side, compare};
pub use curve::Curve;
pub use find::{Finder, releases_of};
pub use incomplete::{GapView, Incomplete, in_words};
pub use insights::{Insights, Measure, Service as MeasuredService, Week, insights};
pub use matrix::{Cell, Mark, Row};
pub use missing::{Missing, MissingService, missing};
pub use overview::{Latest, Overview, Place, SPARK_DAYS, latest, overview};
pub use release::{ReleaseRef, ReleaseView, Source, Where, release};
pub use search::{Certainty, SearchMatch, Searched, StandsWhere, search};
pub use story::{Chapter, Story, chapter, story};
pub use timeline::{deployment, evidence, timeline};
pub use trace::{Stay, Trace, trace};
pub use verify::{Match, MatchedWord, ServiceStanding, Standing, Verified, verify};
pub use view::*;

/// What runs in `env` at `now`.
pub fn running(state: &State, env: &EnvironmentName, now: Time) -> Running {
    let (asked, tracked) = (asked(state, env, now), state.environment(env));
    let gap_at = tracked.and_then(EnvironmentState::gap_at);
    let here = state.time().now(now);
    let failing = attempts(tracked, &asked).filter(|(_, attempt)| attempt.is_failing(here));
    Running {
        environment: env.clone(),
        at: now,
        services: asked.iter().filter_map(|asked| asked.running(gap_at)).collect(),
        failing: failing
            .map(|(repository, attempt)| FailedAttempt::new(state, repository, &attempt))
            .collect(),
        incomplete: incomplete::incomplete(state, env, now),
    }
}

/// What could not be pulled, in the order of the repositories; what a pull that looks well shows to work is cleared.
fn attempts<'a>(
    tracked: Option<&'a EnvironmentState>,
    asked: &'a [Asked<'_>],
) -> impl Iterator<Item = (&'a Repository, Attempt)> {
    tracked.into_iter().flat_map(|tracked| tracked.attempts().iter()).flat_map(|(repository, attempts)| {
        let place = asked.binary_search_by(|asked| asked.repository.cmp(repository));
        let completed = place.map_or(&[][..], |place| asked[place].service.completed());
        attempts.iter().map(move |attempt| {
            let cleared_at =
                completed.iter().find_map(|completed| attempt.cleared_by(completed)).or(attempt.cleared_at);
            (repository, Attempt { cleared_at, ..attempt.clone() })
        })
    })
}

/// The pulls by people's machines in `env`, in log order.
pub fn local(state: &State, env: &EnvironmentName) -> Vec<LocalPull> {
    let Some(tracked) = state.environment(env) else { return Vec::new() };
    let view = |local: &PulledLocally| LocalPull {
        repository: local.repository.clone(),
        digest: local.digest,
        version: version(
            state,
            &local.repository,
            &local.digest,
            local.tag.as_ref().map(super::oci::Tag::as_str),
        ),
        at: state.shown(local.at),
        client: local.client.clone(),
        agent: local.agent.clone(),
        reason: local.reason.clone(),
    };
    tracked.local().map(view).collect()
}

/// What `replay` prints of `env`.
pub fn replayed(state: &State, env: &EnvironmentName, now: Time) -> Replayed {
    let service = |asked: &Asked| {
        let current = asked.running(None).map(|running| ReplayedCurrent {
            digest: running.digest,
            version: running.version,
            state: running.state,
            confidence: running.confidence,
            since: running.since,
            last_seen_at: running.last_seen_at,
        });
        let view = |step: Step<'_>| {
            let change = step.view(state);
            ReplayedDeployment {
                digest: change.to.digest,
                version: change.to.version,
                from: change.from.map(|from| from.digest),
                kind: change.kind,
                state: change.state,
                confidence: change.confidence,
                started_at: change.started_at,
                settled_at: change.settled_at,
                clients: change.clients,
                releases_reverted: change.reverted.into_iter().map(|release| release.version).collect(),
                reason: change.reason,
            }
        };
        let deployments = asked.steps().into_iter().map(view).collect();
        (asked.repository.clone(), ReplayedService { current, deployments })
    };
    let asked = asked(state, env, now);
    let attempts = attempts(state.environment(env), &asked);
    let attempts =
        attempts.map(|(repository, attempt)| FailedAttempt::new(state, repository, &attempt)).collect();
    let services = asked.iter().map(service).filter(|(_, service)| service.current.is_some()).collect();
    Replayed { services, local: local(state, env), attempts }
}

/// A service as it looks at a time. Its times are on the log's own line, `now` is too: what is shown of them is what
/// [`State::shown`] makes of them.
struct Asked<'a> {
    state: &'a State,
    repository: &'a Repository,
    service: Cow<'a, Service>,
    now: Time,
}

fn asked<'a>(state: &'a State, env: &EnvironmentName, now: Time) -> Vec<Asked<'a>> {
    let services = state.environment(env).into_iter().flat_map(EnvironmentState::services);
    services.map(|(repository, service)| Asked::of(state, repository, service, now)).collect()
}

impl<'a> Asked<'a> {
    fn of(state: &'a State, repository: &'a Repository, service: &'a Service, now: Time) -> Self {
        let now = state.time().now(now);
        Self { state, repository, service: service.at(now, state.rules().settle), now }
    }
}

impl Asked<'_> {
    /// What runs; `gap_at` is when observations of the environment were last missing.
    fn running(&self, gap_at: Option<Time>) -> Option<RunningService> {
        let settle = self.state.rules().settle;
        let (rollout, state) = (&self.service.current()?.rollout, self.phase_now()?);
        let image = image(self.state, self.repository, &rollout.digest, tag(rollout));
        let is_silent = self.now.since(rollout.last_at) > settle;
        let is_behind_gap = gap_at.is_some_and(|gap| gap > rollout.last_at);
        Some(RunningService {
            repository: self.repository.clone(),
            digest: rollout.digest,
            version: image.version,
            release_id: image.release_id,
            since: self.state.shown(rollout.opened_at),
            state,
            confidence: confidence(state, rollout),
            last_seen_at: self.state.shown(rollout.last_at),
            clients: rollout.nodes,
            unconfirmed_since: (is_silent || is_behind_gap).then(|| self.state.shown(rollout.last_at)),
        })
    }

    fn phase(&self, current: &Current) -> Phase {
        let settles_at = current.settles_at(self.state.rules().settle);
        if settles_at <= self.now { Phase::Settled } else { Phase::RollingOut }
    }

    /// The state of what runs; `mixed` where another image runs beside it.
    fn phase_now(&self) -> Option<Phase> {
        let (current, settle) = (self.service.current()?, self.state.rules().settle);
        let mut candidates = self.service.candidates(self.now, settle);
        let is_mixed =
            candidates.any(|candidate| candidate.outcome(self.now, settle) == Some(Outcome::Mixed));
        Some(if is_mixed { Phase::Mixed } else { self.phase(current) })
    }

    /// Every change, in the order in which they opened.
    fn steps(&self) -> Vec<Step<'_>> {
        self.steps_since(Time::from_ms(i64::MIN)).0
    }

    /// The changes that opened at `since` or later, in that order, and whether there are none before.
    fn steps_since(&self, since: Time) -> (Vec<Step<'_>>, bool) {
        let (mut is_all, mut older) = (true, 0);
        let mut steps: Vec<Step<'_>> = Vec::new();
        for past in self.service.past().rev() {
            if past.rollout.opened_at >= since {
                steps.push(self.past(past));
                continue;
            }
            is_all = false;
            // They stand in the order in which they ended. A candidate opens before the second takeover after it, so
            // behind three images that ran before `since` there are none after it.
            older += usize::from(past.outcome == Outcome::Replaced);
            if older == 3 {
                break;
            }
        }
        let now = self.steps_now();
        is_all &= now.iter().all(|step| step.rollout.opened_at >= since);
        steps.extend(now.into_iter().filter(|step| step.rollout.opened_at >= since));
        steps.sort_by_key(|step| (step.rollout.opened_at, step.rollout.digest));
        (steps, is_all)
    }

    /// When the latest image that ran opened.
    fn newest(&self) -> Option<Time> {
        self.service.current().map(|current| current.rollout.opened_at)
    }

    /// When the change opened that gave a deployment this identifier.
    fn opened_at(&self, id: &str) -> Option<Time> {
        let identity = timeline::identity(id)?;
        let is_it = |rollout: &&Rollout| self.service.identity(rollout) == identity;
        let now = || self.steps_now().into_iter().map(|step| step.rollout).find(is_it);
        self.service.opened_at(identity).or_else(|| now().map(|rollout| rollout.opened_at))
    }

    /// The current image, and the candidates beside it.
    fn steps_now(&self) -> Vec<Step<'_>> {
        let settle = self.state.rules().settle;
        let Some(current) = self.service.current() else { return Vec::new() };
        let mut steps: Vec<Step<'_>> = self
            .service
            .candidates(self.now, settle)
            .map(|candidate| self.candidate(current, candidate))
            .collect();
        let state = self.phase(current);
        steps.push(Step {
            repository: self.repository,
            service: &self.service,
            rollout: &current.rollout,
            from: current.from.as_ref().map(|from| (from.digest, from.tag())),
            state,
            progressed_at: current.progressed_at(),
            settled_at: (state == Phase::Settled).then(|| current.settles_at(settle)),
            ran_before: current.ran_before,
            rule: current.rule,
            stragglers: current.stragglers,
            expected: current.expected(),
        });
        steps
    }

    fn past<'b>(&'b self, past: &'b PastRollout) -> Step<'b> {
        Step {
            repository: self.repository,
            service: &self.service,
            rollout: &past.rollout,
            from: past.from.as_ref().map(|from| (from.digest, from.tag())),
            state: match past.outcome {
                Outcome::Replaced => Phase::Settled,
                Outcome::Mixed => Phase::Mixed,
                Outcome::Aborted => Phase::Aborted,
            },
            progressed_at: past.progressed_at,
            settled_at: past.settled_at,
            ran_before: past.ran_before,
            rule: past.rule,
            stragglers: past.stragglers,
            expected: past.expected,
        }
    }

    fn candidate<'b>(&'b self, current: &'b Current, candidate: &'b Candidate) -> Step<'b> {
        let settle = self.state.rules().settle;
        Step {
            repository: self.repository,
            service: &self.service,
            rollout: &candidate.rollout,
            from: Some((current.rollout.digest, tag(&current.rollout))),
            state: match candidate.outcome(self.now, settle) {
                None | Some(Outcome::Replaced) => Phase::RollingOut,
                Some(Outcome::Mixed) => Phase::Mixed,
                Some(Outcome::Aborted) => Phase::Aborted,
            },
            progressed_at: candidate.rollout.last_arrival(),
            settled_at: None,
            ran_before: candidate.ran_before,
            rule: Rule::Share,
            stragglers: 0,
            expected: candidate.nodes_to_complete(current, settle),
        }
    }
}

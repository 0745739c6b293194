//! A service as it looks at a time.

use std::borrow::Cow;

use super::image::{image, tag};
use super::rollout::{Rollout, confidence};
use super::states::Phase;
use crate::model::deployments::attempts::Attempt;
use crate::model::deployments::claim::{End, Main, Past, Rival};
use crate::model::deployments::course::Course;
use crate::model::deployments::service::Service;
use crate::model::deployments::verdict::Rule;
use crate::model::deployments::{State, Tracked};
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::time::Time;
use crate::wire::RunningService;

/// A service as it looks at a time. Its times are on the log's own line, `now` is too: what is shown of them is what
/// [`State::told`] makes of them.
pub(super) struct ServiceAt<'a> {
    pub(super) state: &'a State,
    pub(super) repository: &'a Repository,
    pub(super) service: Cow<'a, Service>,
    pub(super) now: Time,
}

/// The services of `env` at `now`, in the order of their repositories.
pub(super) fn services_at<'a>(state: &'a State, env: &EnvironmentName, now: Time) -> Vec<ServiceAt<'a>> {
    let services = state.environment(env).into_iter().flat_map(Tracked::services);
    services.map(|(repository, service)| ServiceAt::of(state, repository, service, now)).collect()
}

impl<'a> ServiceAt<'a> {
    pub(super) fn of(state: &'a State, repository: &'a Repository, service: &'a Service, now: Time) -> Self {
        let now = state.time().now(now);
        Self { state, repository, service: service.at(now, state.rules().settle), now }
    }
}

impl ServiceAt<'_> {
    /// What runs; `gap_at` is when observations of the environment were last missing.
    pub(super) fn running(&self, gap_at: Option<Time>) -> Option<RunningService> {
        let settle = self.state.rules().settle;
        let (course, state) = (&self.service.main()?.course, self.phase_now()?);
        let image = image(self.state, self.repository, &course.digest, tag(course));
        let is_silent = self.now.since(course.last_at) > settle;
        let is_behind_gap = gap_at.is_some_and(|gap| gap > course.last_at);
        Some(RunningService {
            repository: self.repository.clone(),
            digest: course.digest,
            version: image.version,
            release_id: image.release_id,
            since: self.state.told(course.opened_at),
            state: state.into(),
            confidence: confidence(state, course).into(),
            last_seen_at: self.state.told(course.last_at),
            clients: course.nodes,
            unconfirmed_since: (is_silent || is_behind_gap).then(|| self.state.told(course.last_at)),
        })
    }

    pub(super) fn phase(&self, main: &Main) -> Phase {
        let settles_at = main.settles_at(self.state.rules().settle);
        if settles_at <= self.now { Phase::Settled } else { Phase::RollingOut }
    }

    /// The state of what runs; `mixed` where another image runs beside it.
    pub(super) fn phase_now(&self) -> Option<Phase> {
        let (main, settle) = (self.service.main()?, self.state.rules().settle);
        let mut rivals = self.service.rivals(self.now, settle);
        let is_mixed = rivals.any(|rival| rival.end(self.now, settle) == Some(End::Mixed));
        Some(if is_mixed { Phase::Mixed } else { self.phase(main) })
    }

    /// Every change, in the order in which they opened.
    pub(super) fn rollouts(&self) -> Vec<Rollout<'_>> {
        self.rollouts_since(Time::from_ms(i64::MIN)).0
    }

    /// The changes that opened at `since` or later, in that order, and whether there are none before.
    pub(super) fn rollouts_since(&self, since: Time) -> (Vec<Rollout<'_>>, bool) {
        let (mut is_all, mut older) = (true, 0);
        let mut rollouts: Vec<Rollout<'_>> = Vec::new();
        for past in self.service.past().rev() {
            if past.course.opened_at >= since {
                rollouts.push(self.past(past));
                continue;
            }
            is_all = false;
            // They stand in the order in which they ended. A claim opens before the second takeover after it, so
            // behind three images that ran before `since` there are none after it.
            older += usize::from(past.end == End::Replaced);
            if older == 3 {
                break;
            }
        }
        let now = self.rollouts_now();
        is_all &= now.iter().all(|rollout| rollout.course.opened_at >= since);
        rollouts.extend(now.into_iter().filter(|rollout| rollout.course.opened_at >= since));
        rollouts.sort_by_key(|rollout| (rollout.course.opened_at, rollout.course.digest));
        (rollouts, is_all)
    }

    /// Time when the latest image that ran opened.
    pub(super) fn newest(&self) -> Option<Time> {
        self.service.main().map(|main| main.course.opened_at)
    }

    /// Time when the change opened that gave a deployment this identifier.
    pub(super) fn opened_at(&self, id: &str) -> Option<Time> {
        let identity = identity(id)?;
        let is_it = |course: &&Course| self.service.identity(course) == identity;
        let now = || self.rollouts_now().into_iter().map(|rollout| rollout.course).find(is_it);
        self.service.opened_at(identity).or_else(|| now().map(|course| course.opened_at))
    }

    /// The image that runs, and those that claim to follow it.
    fn rollouts_now(&self) -> Vec<Rollout<'_>> {
        let settle = self.state.rules().settle;
        let Some(main) = self.service.main() else { return Vec::new() };
        let mut rollouts: Vec<Rollout<'_>> =
            self.service.rivals(self.now, settle).map(|rival| self.rival(main, rival)).collect();
        let state = self.phase(main);
        rollouts.push(Rollout {
            repository: self.repository,
            service: &self.service,
            course: &main.course,
            from: main.from.as_ref().map(|from| (from.digest, from.tag())),
            state,
            progressed_at: main.progressed_at(),
            settled_at: (state == Phase::Settled).then(|| main.settles_at(settle)),
            was_live: main.was_live,
            rule: main.rule,
            stragglers: main.stragglers,
            expected: main.expected(),
        });
        rollouts
    }

    fn past<'b>(&'b self, past: &'b Past) -> Rollout<'b> {
        Rollout {
            repository: self.repository,
            service: &self.service,
            course: &past.course,
            from: past.from.as_ref().map(|from| (from.digest, from.tag())),
            state: match past.end {
                End::Replaced => Phase::Settled,
                End::Mixed => Phase::Mixed,
                End::Aborted => Phase::Aborted,
            },
            progressed_at: past.progressed_at,
            settled_at: past.settled_at,
            was_live: past.was_live,
            rule: past.rule,
            stragglers: past.stragglers,
            expected: past.expected,
        }
    }

    fn rival<'b>(&'b self, main: &'b Main, rival: &'b Rival) -> Rollout<'b> {
        let settle = self.state.rules().settle;
        Rollout {
            repository: self.repository,
            service: &self.service,
            course: &rival.course,
            from: Some((main.course.digest, tag(&main.course))),
            state: match rival.end(self.now, settle) {
                None | Some(End::Replaced) => Phase::RollingOut,
                Some(End::Mixed) => Phase::Mixed,
                Some(End::Aborted) => Phase::Aborted,
            },
            progressed_at: rival.course.last_arrival(),
            settled_at: None,
            was_live: rival.was_live,
            rule: Rule::Share,
            stragglers: 0,
            expected: rival.whole(main, settle),
        }
    }
}

/// What an identifier stands for, if it can be one.
fn identity(id: &str) -> Option<u64> {
    u64::from_str_radix(id.strip_prefix("dep_")?, 16).ok()
}

/// What could not be pulled, in the order of the repositories; what a pull that looks well shows to work is cleared.
pub(super) fn attempts<'a>(
    tracked: Option<&'a Tracked>,
    asked: &'a [ServiceAt<'_>],
) -> impl Iterator<Item = (&'a Repository, Attempt)> {
    tracked.into_iter().flat_map(|tracked| tracked.attempts().iter()).flat_map(|(repository, attempts)| {
        let place = asked.binary_search_by(|asked| asked.repository.cmp(repository));
        let ended = place.map_or(&[][..], |place| asked[place].service.ended());
        attempts.iter().map(move |attempt| {
            let cleared_at = ended.iter().find_map(|ended| attempt.cleared_by(ended)).or(attempt.cleared_at);
            (repository, Attempt { cleared_at, ..attempt.clone() })
        })
    })
}

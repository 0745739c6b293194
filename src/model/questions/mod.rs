//! The questions: state and time → plain views, which every surface only formats.
//!
//! Whoever asks tells the time: whether a rollout has settled depends on how long nothing came. Names and shapes are
//! those of the interface (`running`, `timeline`, `deployment`, `evidence`, `local`, and what `replay` prints).

mod changes;
mod compare;
mod find;
mod missing;
mod release;
mod search;
mod step;
mod verify;
mod view;

use std::borrow::Cow;

use super::deployments::claim::{End, Main, Past, Rival};
use super::deployments::service::{Attempt, Service};
use super::deployments::{Local, State};
use super::event::EnvironmentName;
use super::oci::{Digest, Repository};
use super::time::{Span, Time};
use step::{Step, confidence, image, sentence, tag, version};

pub use changes::{Changes, History, changes, history};
pub(in crate::model) use compare::fixes_and_pull_requests;
pub use compare::{Ahead, ComparedService, Comparison, Side, compare};
pub use find::{Finder, releases_of};
pub use missing::{Missing, MissingService, missing};
pub use release::{ReleaseRef, ReleaseView, Source, Where, release};
pub use search::{Certainty, SearchMatch, Searched, StandsWhere, search};
pub use verify::{Match, MatchedWord, ServiceStanding, Standing, Verified, verify};
pub use view::*;

/// After so long without a try nobody waits for the image any more: the kubelet tries every five minutes at least.
const GIVEN_UP: Span = Span::from_mins(30);

/// What runs in `env` at `now`.
pub fn running(state: &State, env: &EnvironmentName, now: Time) -> Running {
    let asked = asked(state, env, now);
    let is_failing =
        |attempt: &FailedAttempt| attempt.cleared_at.is_none() && now.since(attempt.last_at) <= GIVEN_UP;
    Running {
        environment: env.clone(),
        at: now,
        services: asked.iter().filter_map(Asked::running).collect(),
        failing: asked.iter().flat_map(Asked::attempts).filter(is_failing).collect(),
    }
}

/// At most `limit` deployments of `env` as they look at `now`, the newest first; those before the one with the
/// identifier `before`, where one is named.
pub fn timeline(
    state: &State,
    env: &EnvironmentName,
    now: Time,
    limit: usize,
    before: Option<&str>,
) -> Timeline {
    let asked = asked(state, env, now);
    let groups = grouped(state, &asked);
    let end =
        before.and_then(|id| groups.iter().position(|group| group.id(env) == id)).unwrap_or(groups.len());
    let start = end.saturating_sub(limit);
    let page = groups[start..end].iter().rev().map(|group| group.view(state, env)).collect();
    let next = (start > 0 && start < end).then(|| groups[start].id(env));
    Timeline { deployments: page, next }
}

/// The deployment with this identifier, as it looks at `now`.
pub fn deployment(state: &State, id: &str, now: Time) -> Option<Deployment> {
    in_any(state, id, now, |group, env| group.view(state, env))
}

/// The pulls behind the deployment with this identifier.
pub fn evidence(state: &State, id: &str, now: Time) -> Option<Evidence> {
    in_any(state, id, now, |group, _| Evidence {
        deployment: id.to_owned(),
        changes: group.0.iter().map(Step::evidence).collect(),
    })
}

/// The pulls by people's machines in `env`, in log order.
pub fn local(state: &State, env: &EnvironmentName) -> Vec<LocalPull> {
    let Some(tracked) = state.environment(env) else { return Vec::new() };
    let view = |local: &Local| LocalPull {
        repository: local.repository.clone(),
        digest: local.digest,
        version: version(
            state,
            &local.repository,
            &local.digest,
            local.tag.as_ref().map(super::oci::Tag::as_str),
        ),
        at: local.at,
        client: local.client.clone(),
        agent: local.agent.clone(),
        reason: local.reason.clone(),
    };
    tracked.local().map(view).collect()
}

/// What `replay` prints of `env`.
pub fn replayed(state: &State, env: &EnvironmentName, now: Time) -> Replayed {
    let service = |asked: &Asked| {
        let current = asked.running().map(|running| Current {
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
    let attempts = asked.iter().flat_map(Asked::attempts).collect();
    let services = asked.iter().map(service).filter(|(_, service)| service.current.is_some()).collect();
    Replayed { services, local: local(state, env), attempts }
}

/// A service as it looks at a time.
struct Asked<'a> {
    state: &'a State,
    repository: &'a Repository,
    service: Cow<'a, Service>,
    now: Time,
}

fn asked<'a>(state: &'a State, env: &EnvironmentName, now: Time) -> Vec<Asked<'a>> {
    let services = state.environment(env).into_iter().flat_map(super::deployments::Tracked::services);
    services.map(|(repository, service)| Asked::of(state, repository, service, now)).collect()
}

impl<'a> Asked<'a> {
    fn of(state: &'a State, repository: &'a Repository, service: &'a Service, now: Time) -> Self {
        Self { state, repository, service: service.at(now, state.rules().settle), now }
    }
}

impl Asked<'_> {
    fn attempts(&self) -> Vec<FailedAttempt> {
        let view = |attempt: &Attempt| FailedAttempt {
            repository: self.repository.clone(),
            reference: attempt.reference.clone(),
            status: attempt.status,
            cause: FailedAttempt::cause_of(attempt.status),
            first_at: attempt.first_at,
            last_at: attempt.last_at,
            count: attempt.count,
            cleared_at: attempt.cleared_at,
        };
        self.service.attempts().map(view).collect()
    }

    fn running(&self) -> Option<RunningService> {
        let settle = self.state.rules().settle;
        let main = self.service.main()?;
        let course = &main.course;
        let is_mixed = self
            .service
            .rivals(self.now, settle)
            .any(|rival| rival.end(self.now, settle) == Some(End::Mixed));
        let state = if is_mixed { Phase::Mixed } else { self.phase(main) };
        let image = image(self.state, self.repository, &course.digest, tag(course));
        let is_silent = self.now.since(course.last_at) > settle;
        let is_behind_gap = self.service.gap_at().is_some_and(|gap| gap > course.last_at);
        Some(RunningService {
            repository: self.repository.clone(),
            digest: course.digest,
            version: image.version,
            release_id: image.release_id,
            since: course.opened_at,
            state,
            confidence: confidence(state, course),
            last_seen_at: course.last_at,
            clients: course.nodes,
            unconfirmed_since: (is_silent || is_behind_gap).then_some(course.last_at),
        })
    }

    fn phase(&self, main: &Main) -> Phase {
        let settles_at = main.settles_at(self.state.rules().settle);
        if settles_at <= self.now { Phase::Settled } else { Phase::RollingOut }
    }

    /// Every change, in the order in which they opened.
    fn steps(&self) -> Vec<Step<'_>> {
        let settle = self.state.rules().settle;
        let mut steps: Vec<Step<'_>> = self.service.past().map(|past| self.past(past)).collect();
        if let Some(main) = self.service.main() {
            steps.extend(self.service.rivals(self.now, settle).map(|rival| self.rival(main, rival)));
            let state = self.phase(main);
            steps.push(Step {
                repository: self.repository,
                service: &self.service,
                course: &main.course,
                from: main.from.as_ref().map(|from| (from.digest, from.tag())),
                state,
                progressed_at: main.progressed_at(),
                settled_at: (state == Phase::Settled).then(|| main.settles_at(settle)),
                was_live: main.was_live,
                stragglers: main.stragglers,
                expected: main.expected(),
            });
        }
        steps.sort_by_key(|step| (step.course.opened_at, step.course.digest));
        steps
    }

    fn past<'b>(&'b self, past: &'b Past) -> Step<'b> {
        Step {
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
            stragglers: past.stragglers,
            expected: past.expected,
        }
    }

    fn rival<'b>(&'b self, main: &'b Main, rival: &'b Rival) -> Step<'b> {
        let settle = self.state.rules().settle;
        Step {
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
            stragglers: 0,
            expected: rival.whole(main, settle),
        }
    }
}

/// Changes that went out together.
struct Group<'a>(Vec<Step<'a>>);

fn grouped<'a>(state: &State, asked: &'a [Asked<'_>]) -> Vec<Group<'a>> {
    let mut steps: Vec<Step<'a>> = asked.iter().flat_map(Asked::steps).collect();
    steps.sort_by(|a, b| (a.course.opened_at, a.repository).cmp(&(b.course.opened_at, b.repository)));
    let mut groups: Vec<Group<'a>> = Vec::new();
    for step in steps {
        let fits = |group: &Group<'_>| {
            let last = group.0.last().map(|last| last.course.opened_at);
            let is_near = last.is_some_and(|last| step.course.opened_at.since(last) <= state.rules().settle);
            // Two changes of one service are two deployments.
            is_near && group.0.iter().all(|other| other.repository != step.repository)
        };
        match groups.last_mut() {
            Some(group) if fits(group) => group.0.push(step),
            _ => groups.push(Group(vec![step])),
        }
    }
    groups
}

fn in_any<T>(
    state: &State,
    id: &str,
    now: Time,
    view: impl Fn(&Group<'_>, &EnvironmentName) -> T,
) -> Option<T> {
    state.environments().find_map(|(env, _)| {
        let asked = asked(state, env, now);
        let groups = grouped(state, &asked);
        groups.iter().find(|group| group.id(env) == id).map(|group| view(group, env))
    })
}

impl Group<'_> {
    /// Derived from what opened it, so that the same log gives the same identifier.
    fn id(&self, env: &EnvironmentName) -> String {
        let Some(first) = self.0.first() else { return String::new() };
        let course = &first.course;
        let text = format!("{env}\0{}\0{}\0{}", first.repository, course.digest, course.opened_at.ms());
        format!("dep_{}", Digest::of(text.as_bytes()).short())
    }

    fn started_at(&self) -> Option<Time> {
        self.0.first().map(|step| step.course.opened_at)
    }

    fn view(&self, state: &State, env: &EnvironmentName) -> Deployment {
        let changes: Vec<Change> = self.0.iter().map(|step| step.view(state)).collect();
        let phase = changes.iter().map(|change| change.state).max_by_key(|state| match state {
            Phase::Aborted => 0,
            Phase::Settled => 1,
            Phase::Mixed => 2,
            Phase::RollingOut => 3,
        });
        let kind = changes.iter().map(|change| change.kind).max_by_key(|kind| match kind {
            Kind::Initial => 0,
            Kind::Rebuild => 1,
            Kind::Restore => 2,
            Kind::Upgrade => 3,
            Kind::Changed => 4,
            Kind::Rollback => 5,
        });
        let phase = phase.unwrap_or(Phase::RollingOut);
        let settled = changes.iter().filter_map(|change| change.settled_at).max();
        Deployment {
            id: self.id(env),
            environment: env.clone(),
            state: phase,
            kind: kind.unwrap_or(Kind::Changed),
            started_at: self.0.first().map(|step| step.course.opened_at).unwrap_or_default(),
            settled_at: settled.filter(|_| phase == Phase::Settled),
            confidence: changes.iter().map(|change| change.confidence).min().unwrap_or(Confidence::Tentative),
            releases_landed: changes.iter().map(|change| change.releases.len()).sum(),
            releases_reverted: changes.iter().map(|change| change.reverted.len()).sum(),
            summary: changes.iter().map(sentence).collect::<Vec<_>>().join("; "),
            changes,
        }
    }
}

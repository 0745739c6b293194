//! The fate of a plan: the pulls' word on it, and the reasons for their silence.

use std::sync::Arc;

use super::deploys::Followed;
use super::world::World;
use super::{commands, texts};
use crate::model::event::EnvironmentName;
use crate::model::oci::{Digest, Reference};
use crate::model::planned::{Caution, DeployKind, Planned};
use crate::model::questions::{fixes_and_pull_requests, running, seen_after, timeline};
use crate::model::releases::{Registration, Release};
use crate::model::time::{Span, Time};
use crate::wire::{
    self, Absence, Balance, Deploy, DeployState, Deployment, Image, Phase, ReleaseRef, Running,
    RunningService, RunningWorkload, Seen, SeenAfter, ServiceChange,
};

/// After so long without a pull of its image a plan counts as not seen.
const NOT_SEEN: Span = Span::from_mins(30);
/// Pulls that begin later than this after a plan are not laid to its account.
const ACCOUNT: Span = Span::from_mins(24 * 60);
/// A plan that is older than this is not applied: people agree to what they have just read.
const PLAN_AGE_MAX: Span = Span::from_mins(60);
/// Deployments of the environment that are looked through.
const DEPLOYMENTS_MAX: usize = 200;

/// The progress of a plan at the world's time.
pub fn follow(world: &World<'_>, followed: &Followed) -> Deploy {
    told(world, followed, &Course::of(world, &followed.planned.environment))
}

/// The progress of each of these plans for `env`, in their order.
pub fn follow_all<'a>(
    world: &World<'_>,
    env: &EnvironmentName,
    plans: impl Iterator<Item = &'a Followed>,
) -> Vec<Deploy> {
    let course = Course::of(world, env);
    plans.map(|followed| told(world, followed, &course)).collect()
}

/// The reason not to apply a plan any more as it was made, if there is one. One whose application was begun may go on.
pub fn outdated(world: &World<'_>, followed: &Followed) -> Option<String> {
    let planned = &followed.planned;
    if world.now.since(followed.planned_at) > PLAN_AGE_MAX {
        return Some(format!("{} is older than an hour", planned.id));
    }
    let runs = world.running(&planned.environment, &planned.repository).map(|runs| runs.digest);
    let is_other = runs != planned.from.as_ref().map(|from| from.digest);
    let another = if runs.is_some() { "another image" } else { "nothing of it any more, other" };
    (is_other && followed.interrupted.is_none())
        .then(|| format!("{} runs {another} than when {} was planned", planned.environment, planned.id))
}

/// The pulls of an environment, as far as they tell of plans for it.
struct Course {
    deployments: Vec<Deployment>,
    running: Running,
}

impl Course {
    fn of(world: &World<'_>, env: &EnvironmentName) -> Self {
        Self {
            deployments: timeline(world.state, env, world.now, DEPLOYMENTS_MAX, None).deployments,
            running: running(world.state, env, world.now),
        }
    }
}

fn told(world: &World<'_>, followed: &Followed, course: &Course) -> Deploy {
    let planned = &followed.planned;
    let found = Found::of(world, followed, course);
    let begun_at = followed.applied_at.unwrap_or(followed.planned_at);
    let is_late = world.now.since(begun_at) > NOT_SEEN;
    let state = match (found.observed_at, found.settled_at) {
        (Some(_), Some(_)) => DeployState::Settled,
        (Some(_), None) => DeployState::Observed,
        (None, _) if found.stood == Some(Phase::Settled) => DeployState::Settled,
        (None, _) if found.stood.is_some() => DeployState::Observed,
        (None, _) if is_late => DeployState::NotSeen,
        (None, _) if followed.applied_at.is_some() => DeployState::Applied,
        (None, _) => DeployState::Planned,
    };
    let from = planned.from.as_ref().map(|from| Image {
        digest: from.digest,
        version: from.version.clone(),
        release_id: from
            .version
            .as_deref()
            .and_then(|version| known(world, planned, version))
            .map(|it| it.id.clone()),
    });
    let causes = if state == DeployState::NotSeen { causes(world, followed, course) } else { Vec::new() };
    Deploy {
        id: planned.id.clone(),
        environment: planned.environment.clone(),
        release: release(world, followed),
        image: planned.image.clone(),
        kind: planned.kind.into(),
        from,
        state,
        planned_at: followed.planned_at,
        applied_at: followed.applied_at,
        interrupted: followed.interrupted.as_ref().map(Into::into),
        observed_at: found.observed_at,
        settled_at: found.settled_at,
        seen_after: found.seen_after,
        absent: found.absent,
        last_seen_at: found.seen.as_ref().map(|seen| seen.last_seen_at),
        age_s: found.seen.as_ref().map(|seen| seen.age_s),
        caveat: found.seen.and_then(|seen| seen.caveat),
        deployment_id: found.deployment_id,
        namespace: planned.aim.as_ref().map(|aim| aim.namespace.clone()),
        workloads: planned.aim.iter().flat_map(|aim| &aim.targets).map(Into::into).collect(),
        commands: commands::of(planned),
        gained: balance(world, planned, &planned.gained.versions),
        lost: balance(world, planned, &planned.lost.versions),
        warnings: texts::warnings(planned),
        stuck: stuck(planned, course),
        causes,
        text: texts::text(planned, found.since),
    }
}

/// The pulls' word on a plan.
#[derive(Default)]
struct Found {
    observed_at: Option<Time>,
    settled_at: Option<Time>,
    deployment_id: Option<String>,
    /// The time since when it runs, or has what it was chosen for, where it runs.
    since: Option<Time>,
    /// The state of what runs, where the plan moves nothing: it needs no further pull.
    stood: Option<Phase>,
    seen: Option<Seen>,
    seen_after: Option<SeenAfter>,
    /// Nothing of the service runs.
    absent: Option<Absence>,
}

impl Found {
    fn of(world: &World<'_>, followed: &Followed, course: &Course) -> Self {
        let planned = &followed.planned;
        let mut services = course.running.services.iter();
        let latest = services.find(|service| service.repository == planned.repository);
        let absent = latest.and_then(|latest| latest.absent.clone());
        let runs = latest.filter(|latest| latest.runs());
        let holds = runs.filter(|runs| is_it(planned, &runs.digest, runs.version.as_ref()));
        let found = Self::by_rollout(followed, course, runs.filter(|_| holds.is_none()));
        let found = found.or_else(|| Self::by_presence(followed, course, holds?));
        // An image that does not run any more does not stand.
        let found =
            found.map(|found| Self { settled_at: found.settled_at.filter(|_| runs.is_some()), ..found });
        let since = holds.map(|holds| brought_at(planned, course).unwrap_or(holds.since));
        let seen = holds.map(|holds| holds.seen.clone());
        let Some(mut found) = found else {
            // A plan that is applied all the same waits for its pulls.
            let is_begun = followed.applied_at.is_some() || followed.interrupted.is_some();
            let moves_nothing = planned.kind == DeployKind::Unchanged && !is_begun;
            let stood = holds.filter(|_| moves_nothing).map(|holds| holds.state.clone());
            return Self { since, stood, seen, absent, ..Self::default() };
        };
        // Quiet time tells an old pod that started again during the rollout from what came after it.
        if found.settled_at.is_some() && found.seen_after.is_none() {
            found.seen_after = seen_after(world.state, &planned.environment, &planned.repository, world.now);
        }
        if found.seen_after.is_some() {
            found.settled_at = None;
        }
        Self { since, seen, absent, ..found }
    }

    /// The first rollout of it that began after the plan, unless `other` runs: the image that is there instead.
    fn by_rollout(followed: &Followed, course: &Course, other: Option<&RunningService>) -> Option<Self> {
        let planned = &followed.planned;
        let rollouts = course.deployments.iter().filter_map(|it| Some((it, change_of(planned, it)?)));
        let (_, newest) = rollouts.clone().next()?;
        let (deployment, first) = rollouts.rev().find(|(_, change)| {
            let end = followed.planned_at + ACCOUNT;
            change.started_at >= followed.planned_at && change.started_at <= end
        })?;
        let is_over = matches!(newest.state, Phase::Settled | Phase::Aborted);
        Some(Self {
            observed_at: Some(first.started_at),
            settled_at: newest.settled_at.filter(|_| newest.state == Phase::Settled && other.is_none()),
            deployment_id: Some(deployment.id.clone()),
            since: None,
            stood: None,
            seen: None,
            absent: None,
            seen_after: other.filter(|_| is_over).map(|other| SeenAfter {
                image: Image {
                    digest: other.digest,
                    version: other.version.clone(),
                    release_id: other.release_id.clone(),
                },
                at: other.seen.last_seen_at,
            }),
        })
    }

    /// It ran before the plan: a pull of it since shows that it still does.
    fn by_presence(followed: &Followed, course: &Course, holds: &RunningService) -> Option<Self> {
        let last_seen_at = Some(holds.seen.last_seen_at).filter(|at| *at >= followed.planned_at)?;
        let opened = |it: &&Deployment| {
            change_of(&followed.planned, it).is_some_and(|change| change.started_at == holds.since)
        };
        Some(Self {
            observed_at: Some(last_seen_at),
            settled_at: (holds.state == Phase::Settled).then_some(last_seen_at),
            deployment_id: course.deployments.iter().find(opened).map(|deployment| deployment.id.clone()),
            ..Self::default()
        })
    }
}

/// The time of the latest deployment that brought the change for which the release was chosen.
fn brought_at(planned: &Planned, course: &Course) -> Option<Time> {
    let chosen = planned.chosen_for.as_ref()?;
    let changes = course.deployments.iter().flat_map(|deployment| &deployment.changes);
    let mut of_it = changes.filter(|change| change.repository == planned.repository);
    let brings = |change: &&ServiceChange| {
        let happened = change.state != Phase::Aborted;
        let brought = change.releases.iter().flat_map(|release| &release.changes);
        happened && brought.into_iter().any(|it| it.title == chosen.title && it.pr == chosen.pr)
    };
    of_it.find(brings).map(|change| change.started_at)
}

/// Tells whether an image is the planned one.
fn is_it(planned: &Planned, digest: &Digest, version: Option<&String>) -> bool {
    match &planned.digest {
        Some(wanted) => wanted == digest,
        None => version == Some(&planned.version),
    }
}

/// The part of a deployment that brings the planned image, if one does.
fn change_of<'d>(planned: &Planned, deployment: &'d Deployment) -> Option<&'d ServiceChange> {
    deployment.changes.iter().find(|change| {
        change.repository == planned.repository
            && is_it(planned, &change.to.digest, change.to.version.as_ref())
    })
}

/// The workloads of which containers with the planned image do not run, with the troubles of these alone.
fn stuck(planned: &Planned, course: &Course) -> Vec<RunningWorkload> {
    let Running { services, unstarted, .. } = &course.running;
    let services = services.iter().map(|it| (&it.repository, &it.workloads));
    let all = services.chain(unstarted.iter().map(|it| (&it.repository, &it.workloads)));
    let of_it = all.filter(|(repository, _)| **repository == planned.repository);
    let stuck = of_it.flat_map(|(_, workloads)| workloads).map(|workload| {
        let troubles = workload.troubles.iter().filter(|it| names(it.reference.as_ref(), planned));
        RunningWorkload { troubles: troubles.cloned().collect(), ..workload.clone() }
    });
    stuck.filter(|workload| !workload.troubles.is_empty()).collect()
}

/// Tells whether a reference names the planned image: by its digest, by the tag in the plan, or by a tag like its version.
fn names(reference: Option<&Reference>, planned: &Planned) -> bool {
    match reference {
        Some(Reference::Digest(digest)) => planned.digest == Some(*digest),
        Some(Reference::Tag(tag)) => {
            tag.as_str() == planned.version || planned.image.ends_with(&format!(":{}", tag.as_str()))
        }
        None => false,
    }
}

/// Reasons why no pull came, the likeliest first.
fn causes(world: &World<'_>, followed: &Followed, course: &Course) -> Vec<String> {
    let (planned, env) = (&followed.planned, &followed.planned.environment);
    let mut causes = Vec::new();
    for attempt in course.running.failing.iter().filter(|attempt| attempt.repository == planned.repository) {
        causes.push(format!("pulls of {} fail: {}", planned.repository, attempt.cause));
    }
    if !world.has_live_token(env) {
        causes.push(format!("no cluster token of {env} is accepted, so nodes cannot pull"));
    }
    if let Some(stop) = &followed.interrupted {
        let left = stop.not_applied.join(", ");
        causes.push(format!("its application stopped before {left}: {}", stop.why));
    } else if followed.applied_at.is_none() {
        causes.push("the plan's commands were not run, or for another namespace or cluster".to_owned());
    }
    let is_silent = |it: &Caution| matches!(it, Caution::HeldByNodes | Caution::PullPolicy { .. });
    if planned.cautions.iter().any(is_silent) {
        causes.push(
            "the nodes hold the image and, under imagePullPolicy IfNotPresent, ask for nothing: the rollout may be \
             done without a pull"
                .to_owned(),
        );
    }
    causes.push(format!(
        "the workload does not pull through {}, or its pods do not start: kubectl describe pod says why",
        world.registry_host
    ));
    causes
}

fn known<'a>(world: &World<'a>, planned: &Planned, version: &str) -> Option<&'a Arc<Release>> {
    world.state.catalogue().line(&planned.repository)?.with_version(version)
}

fn release(world: &World<'_>, followed: &Followed) -> ReleaseRef {
    let planned = &followed.planned;
    let named = Registration {
        digests: planned.digest.into_iter().collect(),
        ..Registration::named(planned.repository.clone(), planned.version.clone())
    };
    let known = known(world, planned, &planned.version);
    let release = known.map_or_else(
        || ReleaseRef::from(&Release::registered(named, followed.planned_at)),
        |release| ReleaseRef::from(release.as_ref()),
    );
    // A plan stays as it was made, whatever was registered since.
    ReleaseRef { digest: planned.digest, ..release }
}

fn balance(world: &World<'_>, planned: &Planned, versions: &[String]) -> Balance {
    let releases: Vec<wire::Release> = versions
        .iter()
        .filter_map(|version| known(world, planned, version))
        .map(|release| wire::Release::from(release.as_ref()))
        .collect();
    let (fixes, pull_requests) = fixes_and_pull_requests(&releases);
    Balance { releases, fixes, pull_requests }
}

//! What became of a plan: what the pulls say of it, and why they say nothing.

use std::sync::Arc;

use super::deploys::Followed;
use super::world::World;
use super::{commands, texts};
use crate::model::event::EnvironmentName;
use crate::model::oci::Digest;
use crate::model::planned::{Caution, Planned};
use crate::model::questions::{fixes_and_pull_requests, running, timeline};
use crate::model::releases::{Registration, Release};
use crate::model::time::{Span, Time};
use crate::wire::{self, Balance, Deploy, DeployState, Deployment, Image, Phase, ReleaseRef, Running};

/// After so long without a pull of its image a plan counts as not seen.
const NOT_SEEN: Span = Span::from_mins(30);
/// Pulls that begin later than this after a plan are not laid to its account.
const ACCOUNT: Span = Span::from_mins(24 * 60);
/// A plan that is older than this is not applied: people agree to what they have just read.
const PLAN_AGE_MAX: Span = Span::from_mins(60);
/// Deployments of the environment that are looked through.
const DEPLOYMENTS_MAX: usize = 200;

/// How far a plan is at the world's time.
pub fn follow(world: &World<'_>, followed: &Followed) -> Deploy {
    told(world, followed, &Course::of(world, &followed.planned.environment))
}

/// How far each of these plans for `env` is, in their order.
pub fn follow_all<'a>(
    world: &World<'_>,
    env: &EnvironmentName,
    plans: impl Iterator<Item = &'a Followed>,
) -> Vec<Deploy> {
    let course = Course::of(world, env);
    plans.map(|followed| told(world, followed, &course)).collect()
}

/// Why a plan is not to be applied any more as it was made, if so. One whose application was begun may go on.
pub fn outdated(world: &World<'_>, followed: &Followed) -> Option<String> {
    let planned = &followed.planned;
    if world.now.since(followed.planned_at) > PLAN_AGE_MAX {
        return Some(format!("{} is older than an hour", planned.id));
    }
    let runs = world.running(&planned.environment, &planned.repository).map(|runs| runs.digest);
    let is_other = runs != planned.from.as_ref().map(|from| from.digest);
    (is_other && followed.interrupted.is_none())
        .then(|| format!("{} runs another image than when {} was planned", planned.environment, planned.id))
}

/// What an environment's pulls tell of every plan for it.
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
    let seen = Seen::of(followed, course);
    let begun_at = followed.applied_at.unwrap_or(followed.planned_at);
    let is_late = world.now.since(begun_at) > NOT_SEEN;
    let state = match (seen.observed_at, seen.settled_at) {
        (Some(_), Some(_)) => DeployState::Settled,
        (Some(_), None) => DeployState::Observed,
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
        observed_at: seen.observed_at,
        settled_at: seen.settled_at,
        deployment_id: seen.deployment_id,
        namespace: planned.aim.as_ref().map(|aim| aim.namespace.clone()),
        workloads: planned.aim.iter().flat_map(|aim| &aim.targets).map(Into::into).collect(),
        commands: commands::of(planned),
        gained: balance(world, planned, &planned.gained.versions),
        lost: balance(world, planned, &planned.lost.versions),
        warnings: texts::warnings(planned),
        causes,
        text: texts::text(planned),
    }
}

/// What the pulls say.
#[derive(Default)]
struct Seen {
    observed_at: Option<Time>,
    settled_at: Option<Time>,
    deployment_id: Option<String>,
}

impl Seen {
    fn of(followed: &Followed, course: &Course) -> Self {
        let (planned, deployments) = (&followed.planned, &course.deployments);
        let is_it = |digest: &Digest, version: Option<&String>| match &planned.digest {
            Some(wanted) => wanted == digest,
            None => version == Some(&planned.version),
        };
        let change_of = |deployment: &Deployment| {
            let mut changes = deployment.changes.iter();
            let change = changes.find(|change| {
                change.repository == planned.repository
                    && is_it(&change.to.digest, change.to.version.as_ref())
            });
            change.cloned()
        };
        let end = followed.planned_at + ACCOUNT;
        // The first rollout of it that began after the plan.
        let began = deployments.iter().rev().filter_map(|it| Some((it, change_of(it)?)));
        for (deployment, change) in began {
            if change.started_at >= followed.planned_at && change.started_at <= end {
                return Self {
                    observed_at: Some(change.started_at),
                    settled_at: change.settled_at.filter(|_| change.state == Phase::Settled),
                    deployment_id: Some(deployment.id.clone()),
                };
            }
        }
        // It ran before the plan: a pull of it since shows that it still does.
        let service = course.running.services.iter().find(|service| {
            service.repository == planned.repository && is_it(&service.digest, service.version.as_ref())
        });
        let Some(service) = service.filter(|it| it.last_seen_at >= followed.planned_at) else {
            return Self::default();
        };
        let deployment = deployments
            .iter()
            .find(|it| change_of(it).is_some_and(|change| change.started_at == service.since));
        Self {
            observed_at: Some(service.last_seen_at),
            settled_at: (service.state == Phase::Settled).then_some(service.last_seen_at),
            deployment_id: deployment.map(|deployment| deployment.id.clone()),
        }
    }
}

/// Why no pull came, the likeliest first.
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
    // What was planned stays what was planned, whatever was registered since.
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

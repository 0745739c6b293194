//! What became of a plan: the fold of plans, and what the pulls say of each.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::plan::World;
use super::{Balance, Deploy, DeployState, Planned};
use crate::model::act::Action;
use crate::model::event::{EnvironmentName, Event};
use crate::model::oci::Digest;
use crate::model::questions::{
    Deployment, Image, Phase, ReleaseRef, ReleaseView, fixes_and_pull_requests, running, timeline,
};
use crate::model::releases::{Registration, Release};
use crate::model::time::{Span, Time};

/// Most plans that can be asked about; older ones stay in the log.
const PLANS_MAX: usize = 1_000;
/// After so long without a pull of its image a plan counts as not seen.
const NOT_SEEN: Span = Span::from_mins(30);
/// Pulls that begin later than this after a plan are not laid to its account.
const ACCOUNT: Span = Span::from_mins(24 * 60);
/// Deployments of the environment that are looked through.
const DEPLOYMENTS_MAX: usize = 200;

/// The latest plans. A clone is cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deploys(Arc<VecDeque<Followed>>);

/// A plan, and what administrators made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    /// The plan.
    pub planned: Arc<Planned>,
    /// When it was made.
    pub planned_at: Time,
    /// When Landfall told the cluster.
    pub applied_at: Option<Time>,
}

impl Deploys {
    /// Takes the log's next event into account.
    pub fn apply(&mut self, event: &Event) {
        let Event::Acted(act) = event else { return };
        match &act.action {
            Action::DeployPlanned(planned) => {
                let plans = Arc::make_mut(&mut self.0);
                if plans.len() >= PLANS_MAX {
                    plans.pop_front();
                }
                let planned = Arc::new(Planned::clone(planned));
                plans.push_back(Followed { planned, planned_at: act.at, applied_at: None });
            }
            Action::DeployApplied { id, .. } => {
                let mut plans = Arc::make_mut(&mut self.0).iter_mut();
                if let Some(followed) = plans.find(|followed| followed.planned.id == *id) {
                    followed.applied_at = followed.applied_at.or(Some(act.at));
                }
            }
            // A new environment of that name is another one.
            Action::EnvironmentDeleted { name } => {
                Arc::make_mut(&mut self.0).retain(|followed| followed.planned.environment != *name);
            }
            _ => {}
        }
    }

    /// The plan with this identifier.
    pub fn with_id(&self, id: &str) -> Option<&Followed> {
        self.0.iter().find(|followed| followed.planned.id == id)
    }

    /// The plans for an environment, newest first.
    pub fn of<'a>(&'a self, env: &'a EnvironmentName) -> impl Iterator<Item = &'a Followed> {
        self.0.iter().rev().filter(move |followed| followed.planned.environment == *env)
    }
}

/// How far a plan is at the world's time.
pub fn follow(world: &World<'_>, followed: &Followed) -> Deploy {
    let planned = &followed.planned;
    let seen = Seen::of(world, followed);
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
    Deploy {
        id: planned.id.clone(),
        environment: planned.environment.clone(),
        release: release(world, followed),
        image: planned.image.clone(),
        kind: planned.kind,
        from,
        state,
        planned_at: followed.planned_at,
        applied_at: followed.applied_at,
        observed_at: seen.observed_at,
        settled_at: seen.settled_at,
        deployment_id: seen.deployment_id,
        commands: planned.commands.clone(),
        gained: balance(world, planned, &planned.gained),
        lost: balance(world, planned, &planned.lost),
        warnings: planned.warnings.clone(),
        causes: if state == DeployState::NotSeen { causes(world, followed) } else { Vec::new() },
        text: planned.text.clone(),
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
    fn of(world: &World<'_>, followed: &Followed) -> Self {
        let planned = &followed.planned;
        let is_it = |digest: &Digest, version: Option<&String>| match &planned.digest {
            Some(wanted) => wanted == digest,
            None => version == Some(&planned.version),
        };
        let deployments =
            timeline(world.state, &planned.environment, world.now, DEPLOYMENTS_MAX, None).deployments;
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
        let services = running(world.state, &planned.environment, world.now).services;
        let service = services.into_iter().find(|service| {
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
fn causes(world: &World<'_>, followed: &Followed) -> Vec<String> {
    let (planned, env) = (&followed.planned, &followed.planned.environment);
    let mut causes = Vec::new();
    let failing = running(world.state, env, world.now).failing;
    for attempt in failing.iter().filter(|attempt| attempt.repository == planned.repository) {
        causes.push(format!("pulls of {} fail: {}", planned.repository, attempt.cause));
    }
    if !world.has_live_token(env) {
        causes.push(format!("no cluster token of {env} is accepted, so nodes cannot pull"));
    }
    if followed.applied_at.is_none() {
        causes.push("the plan's commands were not run, or for another namespace or cluster".to_owned());
    }
    if planned.warnings.iter().any(|warning| warning.kind == super::WarningKind::PullPolicy) {
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
    let releases: Vec<ReleaseView> = versions
        .iter()
        .filter_map(|version| known(world, planned, version))
        .map(|release| ReleaseView::from(release.as_ref()))
        .collect();
    let (fixes, pull_requests) = fixes_and_pull_requests(&releases);
    Balance { releases, fixes, pull_requests }
}

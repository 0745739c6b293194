//! Cautions for the person who carries a plan out: found when it is made, and put into words (`texts`) when it is shown.

use super::aim::Cluster;
use super::find::Found;
use super::found::{PullSecret, Surroundings};
use super::passage::Passage;
use super::world::World;
use crate::model::event::EnvironmentName;
use crate::model::planned::{Aim, Caution, DeployKind, SecretFlaw};
use crate::wire::{Phase, RunningService};

/// The facts that give reason for a caution.
pub(super) struct Sight<'a> {
    pub(super) world: &'a World<'a>,
    pub(super) env: &'a EnvironmentName,
    pub(super) found: &'a Found,
    /// The image that runs of the repository.
    pub(super) runs: Option<&'a RunningService>,
    pub(super) passage: &'a Passage,
    pub(super) cluster: Cluster<'a>,
    pub(super) aim: Option<&'a Aim>,
    /// Nodes can pull without a new secret.
    pub(super) can_pull: bool,
    /// Nobody named the workload.
    pub(super) is_guessed: bool,
}

/// Every caution, in the order in which they are shown.
pub(super) fn cautions(sight: &Sight<'_>) -> Vec<Caution> {
    let mut cautions = of_the_pulls(sight);
    match sight.cluster {
        Cluster::Closed => {}
        Cluster::Silent(why) => cautions.push(Caution::ClusterUnknown { why: why.to_owned() }),
        Cluster::Open(around) => cautions.extend(of_the_cluster(sight, around)),
    }
    cautions.extend(sight.is_guessed.then_some(Caution::WorkloadGuessed));
    cautions
}

/// Cautions that catalogue, pulls and tokens give reason for.
fn of_the_pulls(sight: &Sight<'_>) -> Vec<Caution> {
    let Sight { world, env, found, runs, passage, .. } = *sight;
    let is_asked = matches!(sight.cluster, Cluster::Open(_));
    let is_unchanged = passage.kind == DeployKind::Unchanged;
    let is_moving = |runs: &RunningService| matches!(runs.state, Phase::RollingOut | Phase::Mixed);
    let failing = world.failing(env, &found.release.repository);
    let when = |is: bool, caution| is.then_some(caution);
    [
        when(passage.kind == DeployKind::Rollback, Caution::Rollback),
        when(found.release.yanked_at.is_some(), Caution::Yanked),
        when(is_unchanged && !found.is_live, Caution::AlreadyRunning),
        when(found.is_live, Caution::AlreadyLive),
        when(runs.is_some_and(is_moving), Caution::RollingOut),
        passage.rolled_back.as_ref().map(|it| Caution::RolledBack {
            at: it.at,
            from: it.from.clone(),
            to: it.to.clone(),
            fixes: it.fixes.fixes,
            titles: it.fixes.titles.clone(),
        }),
        failing.map(|attempt| Caution::Failing { status: attempt.status }),
        when(!is_asked && !sight.can_pull, Caution::NoLiveToken),
        when(found.release.digest().is_none() && !is_unchanged, Caution::DigestUnknown),
        when(runs.is_none() && !passage.has_run, Caution::NeverSeen),
        when(!is_asked && passage.was_there && !is_unchanged, Caution::HeldByNodes),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Cautions that the cluster itself gives reason for.
fn of_the_cluster(sight: &Sight<'_>, around: &Surroundings) -> Vec<Caution> {
    let mut cautions = Vec::new();
    let namespace = || around.namespace.clone();
    if sight.aim.is_none() {
        cautions.push(Caution::NoWorkload { namespace: namespace() });
    }
    if !sight.can_pull {
        cautions.push(Caution::PullSecret { namespace: namespace(), flaw: flaw(around.secret) });
    }
    let targets = sight.aim.map(|aim| aim.targets.as_slice()).unwrap_or_default();
    // Under `Never` a node asks for nothing even where it never held the image.
    let containers: Vec<_> =
        around.silent(targets).filter(|it| sight.passage.was_there || it.policy == "Never").collect();
    if !containers.is_empty() && sight.passage.kind != DeployKind::Unchanged {
        cautions.push(Caution::PullPolicy { containers });
    }
    cautions
}

/// The reason for which a pull secret is of no use.
fn flaw(secret: PullSecret) -> SecretFlaw {
    match secret {
        PullSecret::Absent => SecretFlaw::Absent,
        PullSecret::OtherKind => SecretFlaw::OtherKind,
        PullSecret::OtherHost => SecretFlaw::OtherHost,
        PullSecret::Holds { .. } => SecretFlaw::NotAccepted,
    }
}

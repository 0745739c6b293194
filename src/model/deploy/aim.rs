//! Which workloads of a cluster a plan is aimed at, and what the cluster gives reason to say.

use super::commands;
use super::find::{NoPlan, Wish};
use super::found::{Aim, PullSecret, Surroundings, TARGETS_MAX};
use super::{DeployKind, Warning, WarningKind};
use crate::model::event::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::registries::Registries;

/// What is known of an environment's cluster.
#[derive(Clone, Copy)]
pub enum Cluster<'a> {
    /// Landfall has no access to it.
    Closed,
    /// It did not say what it has, for this reason.
    Silent(&'a str),
    /// What it says.
    Open(&'a Surroundings),
}

/// An environment has one namespace: its cluster's is not another one because a request says so.
pub(super) fn check_namespace(
    env: &EnvironmentName,
    wish: &Wish,
    open: Option<&Surroundings>,
) -> Result<(), NoPlan> {
    match (&wish.namespace, open) {
        (Some(wanted), Some(around)) if *wanted != around.namespace => Err(NoPlan::Invalid {
            field: "namespace",
            text: format!(
                "{env} is the namespace {} of its cluster, as the server's configuration says ([[cluster]]); leave \
                 `namespace` out",
                around.namespace
            ),
        }),
        _ => Ok(()),
    }
}

/// The workloads that the cluster has for the repository; nothing where it has none.
pub(super) fn aim(
    around: &Surroundings,
    repository: &Repository,
    registries: &Registries,
    wish: &Wish,
) -> Result<Option<Aim>, NoPlan> {
    let targets = around.targets(repository, registries, wish.workload.as_ref());
    if targets.len() > TARGETS_MAX {
        return Err(NoPlan::Invalid {
            field: "workload",
            text: format!(
                "{} workloads of the namespace {} use {repository}, and one deploy goes to {TARGETS_MAX} at most; name \
                 one of them",
                targets.len(),
                around.namespace
            ),
        });
    }
    let namespace = around.namespace.clone();
    Ok(Some(Aim { namespace, targets }).filter(|aim| !aim.targets.is_empty()))
}

/// What a plan means for its cluster.
pub(super) struct Sight<'a> {
    pub(super) env: &'a EnvironmentName,
    pub(super) repository: &'a Repository,
    /// The cluster's pull secret is good.
    pub(super) can_pull: bool,
    /// The image was in the environment before.
    pub(super) was_there: bool,
    pub(super) kind: DeployKind,
}

/// What the cluster itself gives reason to say.
pub(super) fn warnings(sight: &Sight<'_>, cluster: Cluster<'_>, aim: Option<&Aim>) -> Vec<Warning> {
    let Sight { env, repository, .. } = sight;
    let warning = |kind, text| Warning { kind, text };
    match cluster {
        Cluster::Closed => Vec::new(),
        Cluster::Silent(why) => vec![warning(
            WarningKind::ClusterUnknown,
            format!("the cluster of {env} did not say which workloads it has: {why}"),
        )],
        Cluster::Open(around) => {
            let mut warnings = Vec::new();
            if aim.is_none() {
                let text = format!(
                    "no workload of the namespace {} uses {repository}, or not the one that was named: Landfall applies \
                     nothing here. Make the workload first, or name its container with `workload` (KIND/NAME:CONTAINER)",
                    around.namespace
                );
                warnings.push(warning(WarningKind::NoWorkload, text));
            }
            if !sight.can_pull {
                warnings.push(warning(WarningKind::PullSecret, pull_secret(env, around)));
            }
            let targets = aim.map(|aim| aim.targets.as_slice()).unwrap_or_default();
            let silent: Vec<String> = around
                .silent(targets)
                .filter(|(_, policy)| sight.was_there || *policy == "Never")
                .map(|(container, policy)| format!("{container} ({policy})"))
                .collect();
            if !silent.is_empty() && sight.kind != DeployKind::Unchanged {
                let text = format!(
                    "nodes that hold the image ask for nothing under the imagePullPolicy of {}, and Landfall may not see \
                     the rollout; with Always each start asks",
                    silent.join(", ")
                );
                warnings.push(warning(WarningKind::PullPolicy, text));
            }
            warnings
        }
    }
}

fn pull_secret(env: &EnvironmentName, around: &Surroundings) -> String {
    let name = commands::pull_secret(env);
    let what = match around.secret {
        PullSecret::Absent => "is not there",
        PullSecret::OtherKind => "is no pull secret (kubernetes.io/dockerconfigjson)",
        PullSecret::OtherHost => "has no password for this proxy",
        PullSecret::Holds { .. } => "holds a token that is not accepted as this environment's cluster",
    };
    format!(
        "the secret {name} of the namespace {} {what}; the first commands make it anew with a new token and let the \
         default service account use it. Landfall makes the secret when it applies the plan, and adds it to pods that name \
         pull secrets; where pods rely on their service account, patch that yourself",
        around.namespace
    )
}

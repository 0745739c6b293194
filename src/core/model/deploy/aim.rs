//! The workloads of a cluster that a plan is aimed at.

use super::find::{NoPlan, Wish};
use super::found::Surroundings;
use crate::model::event::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::planned::{Aim, TARGETS_MAX};
use crate::model::registries::Registries;

/// The known facts of an environment's cluster.
#[derive(Clone, Copy)]
pub enum Cluster<'a> {
    /// Landfall has no access to it.
    Closed,
    /// It did not say what it has, for this reason.
    Silent(&'a str),
    /// Its text.
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
                 the namespace out",
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

//! How a release gets to an environment: found, planned, and followed until its pulls arrive.
//!
//! ```text
//! Wish → find → one release, or several candidates and nothing done
//!             → plan → Planned, aimed at workloads where a cluster says which (into the log) → follow → Deploy (the view)
//! ```
//!
//! Nothing here changes a cluster: a plan is what somebody may run, or `cluster` may apply, and what it would mean.
#![doc = include_str!("README.md")]

mod aim;
mod commands;
mod find;
mod follow;
mod found;
mod image;
mod plan;
#[cfg(test)]
mod tests;
mod workload;

use serde::{Deserialize, Serialize};

use super::event::EnvironmentName;
use super::oci::{Digest, Repository};
use crate::wire::{self, in_words};

pub use aim::Cluster;
pub use commands::{VERSION_LABEL, label, pull_secret};
pub use find::{CANDIDATES_MAX, NoPlan, Wish};
pub use follow::{Deploys, Followed, Interruption, follow, follow_all, outdated};
pub use found::{Aim, Container, Found, PullSecret, Surroundings, TARGETS_MAX, Target};
pub use plan::{Plan, World, plan};
pub use workload::{BadWorkload, Place, Workload, WorkloadKind, is_namespace};

/// A plan, as the log keeps it. Texts are bounded where they are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Its identifier, e.g. `dpl_f147a6a9931f`.
    pub id: String,
    /// Where.
    pub environment: EnvironmentName,
    /// Which service.
    pub repository: Repository,
    /// The release's version.
    pub version: String,
    /// The image's top-level digest, where one is known.
    pub digest: Option<Digest>,
    /// The image as a workload names it, through the proxy.
    pub image: String,
    /// What it would be.
    pub kind: DeployKind,
    /// What runs now.
    pub from: Option<Origin>,
    /// The versions that would come, in publishing order; at most 200.
    pub gained: Vec<String>,
    /// The versions that would be taken back, in publishing order; at most 200.
    pub lost: Vec<String>,
    /// Commands for a shell that do it, in their order.
    pub commands: Vec<String>,
    /// What whoever runs them should know first.
    pub warnings: Vec<Warning>,
    /// The plan in a sentence or two.
    pub text: String,
}

/// An image that a plan begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Its top-level digest.
    pub digest: Digest,
    /// Its version, where it is known.
    pub version: Option<String>,
}

/// What a deploy would be, seen from what runs. It is in the log: new ones go at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeployKind {
    /// The first image of a service.
    Initial,
    /// To a later release.
    Upgrade,
    /// To an earlier release, or back to what ran before.
    Rollback,
    /// The same version under another digest.
    Rebuild,
    /// To a release that cannot be compared.
    Changed,
    /// It runs already.
    Unchanged,
}

/// What whoever carries a plan out should know first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// What it is about.
    pub kind: WarningKind,
    /// In words, with what to do.
    pub text: String,
}

/// What a warning is about. It is in the log: new ones go at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// It takes releases back.
    Rollback,
    /// The image runs there already.
    AlreadyRunning,
    /// What runs contains the change that was asked for already.
    AlreadyLive,
    /// Another rollout of the service is going on.
    RollingOut,
    /// Nodes hold the image: under `IfNotPresent` they ask for nothing, and the log sees nothing.
    PullPolicy,
    /// No cluster token of the environment is accepted.
    NoLiveToken,
    /// No digest is known: the image is named by its tag, which can move.
    DigestUnknown,
    /// The environment never pulled the repository.
    NeverSeen,
    /// Nobody named the workload: its name is a guess.
    WorkloadGuessed,
    /// Pulls of the service fail at the moment.
    Failing,
    /// No workload that the cluster has uses the repository: the commands' workloads are named or guessed.
    NoWorkload,
    /// The cluster did not say what it has.
    ClusterUnknown,
    /// The cluster's pull secret is not there, or its token is not accepted.
    PullSecret,
}

in_words! {
    DeployKind => DeployKind { Initial, Upgrade, Rollback, Rebuild, Changed, Unchanged }
    WarningKind => DeployWarningKind {
        Rollback, AlreadyRunning, AlreadyLive, RollingOut, PullPolicy, NoLiveToken, DigestUnknown, NeverSeen,
        WorkloadGuessed, Failing, NoWorkload, ClusterUnknown, PullSecret,
    }
    WorkloadKind => WorkloadKind { Deployment, StatefulSet, DaemonSet, CronJob }
}

impl From<&Warning> for wire::DeployWarning {
    fn from(warning: &Warning) -> Self {
        Self { kind: warning.kind.into(), text: warning.text.clone() }
    }
}

impl From<&Target> for wire::DeployTarget {
    fn from(target: &Target) -> Self {
        let Target { kind, name, containers, init_containers } = target.clone();
        Self { kind: kind.into(), name, containers, init_containers }
    }
}

impl From<&Interruption> for wire::Interruption {
    fn from(interruption: &Interruption) -> Self {
        let Interruption { at, applied, not_applied, why } = interruption.clone();
        Self { at, applied, not_applied, why }
    }
}

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
use utoipa::ToSchema;

use super::event::EnvironmentName;
use super::oci::{Digest, Repository};
use super::questions::{ReleaseRef, ReleaseView};
use super::time::Time;

pub use aim::Cluster;
pub use commands::{VERSION_LABEL, label, pull_secret};
pub use find::{Candidate, NoPlan, Wish};
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DeployWarning)]
pub struct Warning {
    /// What it is about.
    pub kind: WarningKind,
    /// In words, with what to do.
    pub text: String,
}

/// What a warning is about. It is in the log: new ones go at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

/// How far a deploy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeployState {
    /// Nothing of it was seen yet.
    Planned,
    /// Landfall told the cluster.
    Applied,
    /// A pull of its image came with a token of its environment.
    Observed,
    /// Its rollout has settled.
    Settled,
    /// No pull came for a while.
    NotSeen,
}

/// Releases that come or go, and what they weigh.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Balance {
    /// The releases, in publishing order.
    pub releases: Vec<ReleaseView>,
    /// How many fixes, security fixes among them, they brought.
    pub fixes: usize,
    /// Their pull requests, in rising order.
    pub pull_requests: Vec<u64>,
}

/// A deploy, as every surface shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Deploy {
    /// Its identifier.
    pub id: String,
    /// Where.
    pub environment: EnvironmentName,
    /// Which release.
    pub release: ReleaseRef,
    /// The image as a workload names it, through the proxy.
    pub image: String,
    /// What it is, seen from what ran when it was planned.
    pub kind: DeployKind,
    /// What ran when it was planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<super::questions::Image>,
    /// How far it is.
    pub state: DeployState,
    /// When it was planned.
    pub planned_at: Time,
    /// When Landfall had told the cluster all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<Time>,
    /// Where its application stopped; nothing once all of it was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<Interruption>,
    /// The first pull of it since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<Time>,
    /// When its rollout had settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Time>,
    /// The deployment that its pulls made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
    /// The namespace of its workloads, where the cluster was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The workloads that the cluster has for it; none where it was not asked or has none.
    pub workloads: Vec<Target>,
    /// Commands for a shell that do it, in their order.
    pub commands: Vec<String>,
    /// What comes with it.
    pub gained: Balance,
    /// What it takes back.
    pub lost: Balance,
    /// What whoever carries it out should know first.
    pub warnings: Vec<Warning>,
    /// Why nothing was seen: what is likely, the likeliest first.
    pub causes: Vec<String>,
    /// The plan in a sentence or two.
    pub text: String,
}

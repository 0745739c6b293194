//! A deploy, as every surface shows it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deploys::Interruption;
use crate::model::event::EnvironmentName;
use crate::model::planned::{DeployKind, Target};
use crate::model::questions::{Image, ReleaseRef, ReleaseView};
use crate::model::time::Time;

/// What whoever carries a plan out should know first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DeployWarning)]
pub struct Warning {
    /// What it is about.
    pub kind: WarningKind,
    /// In words, with what to do.
    pub text: String,
}

/// What a warning is about.
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
    pub from: Option<Image>,
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

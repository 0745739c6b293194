//! Deploys: what was planned, how far it is, and what it means.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deployments::Image;
use super::release::{Release, ReleaseChange, ReleaseRef};
use super::words::words;
use crate::model::names::EnvironmentName;
use crate::model::time::Time;

/// A deploy, as every surface shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    pub workloads: Vec<DeployTarget>,
    /// Commands for a shell that do it, in their order.
    pub commands: Vec<String>,
    /// What comes with it.
    pub gained: Balance,
    /// What it takes back.
    pub lost: Balance,
    /// What whoever carries it out should know first.
    pub warnings: Vec<DeployWarning>,
    /// Why nothing was seen: what is likely, the likeliest first.
    pub causes: Vec<String>,
    /// The plan in a sentence or two.
    pub text: String,
}

/// Releases that come or go, and what they weigh.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Balance {
    /// The releases, in publishing order.
    pub releases: Vec<Release>,
    /// How many fixes, security fixes among them, they brought.
    pub fixes: usize,
    /// Their pull requests, in rising order.
    pub pull_requests: Vec<u64>,
}

/// A workload that a deploy goes to, and which of its containers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeployTarget {
    /// What it is.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
    /// The containers whose image changes.
    pub containers: Vec<String>,
    /// … and those that run before the others.
    pub init_containers: Vec<String>,
}

/// Where the application of a plan stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Interruption {
    /// When.
    pub at: Time,
    /// What was changed, e.g. `deployment/web in shop`.
    pub applied: Vec<String>,
    /// What was not.
    pub not_applied: Vec<String>,
    /// Why.
    pub why: String,
}

/// What whoever carries a plan out should know first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeployWarning {
    /// What it is about.
    pub kind: DeployWarningKind,
    /// In words, with what to do.
    pub text: String,
}

/// A release that may be meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Candidate {
    /// The release.
    pub release: ReleaseRef,
    /// The change that speaks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<ReleaseChange>,
}

words! {
    /// What can run pods of an image.
    WorkloadKind {
        /// `apps/v1` Deployment.
        Deployment = "deployment",
        /// `apps/v1` StatefulSet.
        StatefulSet = "statefulset",
        /// `apps/v1` DaemonSet.
        DaemonSet = "daemonset",
        /// `batch/v1` CronJob.
        CronJob = "cronjob",
    }
    /// What a deploy would be, seen from what runs.
    DeployKind {
        /// The first image of a service.
        Initial = "initial",
        /// To a later release.
        Upgrade = "upgrade",
        /// To an earlier release, or back to what ran before.
        Rollback = "rollback",
        /// The same version under another digest.
        Rebuild = "rebuild",
        /// To a release that cannot be compared.
        Changed = "changed",
        /// It runs already.
        Unchanged = "unchanged",
    }
    /// How far a deploy is.
    DeployState {
        /// Nothing of it was seen yet.
        Planned = "planned",
        /// Landfall told the cluster.
        Applied = "applied",
        /// A pull of its image came with a token of its environment.
        Observed = "observed",
        /// Its rollout has settled.
        Settled = "settled",
        /// No pull came for a while.
        NotSeen = "not_seen",
    }
    /// What a warning is about.
    DeployWarningKind {
        /// It takes releases back.
        Rollback = "rollback",
        /// The image runs there already.
        AlreadyRunning = "already_running",
        /// What runs contains the change that was asked for already.
        AlreadyLive = "already_live",
        /// Another rollout of the service is going on.
        RollingOut = "rolling_out",
        /// Nodes hold the image: under `IfNotPresent` they ask for nothing, and the log sees nothing.
        PullPolicy = "pull_policy",
        /// No cluster token of the environment is accepted.
        NoLiveToken = "no_live_token",
        /// No digest is known: the image is named by its tag, which can move.
        DigestUnknown = "digest_unknown",
        /// The environment never pulled the repository.
        NeverSeen = "never_seen",
        /// Nobody named the workload: its name is a guess.
        WorkloadGuessed = "workload_guessed",
        /// Pulls of the service fail at the moment.
        Failing = "failing",
        /// No workload that the cluster has uses the repository: the commands' workloads are named or guessed.
        NoWorkload = "no_workload",
        /// The cluster did not say what it has.
        ClusterUnknown = "cluster_unknown",
        /// The cluster's pull secret is not there, or its token is not accepted.
        PullSecret = "pull_secret",
    }
}

//! Deploys: what was planned, how far it is, and what it means.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deployments::Image;
use super::release::{Release, ReleaseChange, ReleaseRef};
use super::watched::{Absence, RunningWorkload};
use super::words::words;
use crate::model::names::EnvironmentName;
use crate::model::time::Time;

/// A deploy, as every surface shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deploy {
    /// Its identifier.
    pub id: String,
    /// The environment.
    pub environment: EnvironmentName,
    /// The release.
    pub release: ReleaseRef,
    /// The image as a workload names it, through the proxy.
    pub image: String,
    /// Its kind, seen from what ran when it was planned.
    pub kind: DeployKind,
    /// The image that ran when it was planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Image>,
    /// Its progress.
    pub state: DeployState,
    /// Time when it was planned.
    pub planned_at: Time,
    /// Time when Landfall had told the cluster all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<Time>,
    /// Point at which its application stopped; nothing once all of it was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<Interruption>,
    /// The first pull of it since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<Time>,
    /// Time when its rollout had settled; none once another image was seen after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Time>,
    /// Another image that was seen after it: this deploy is not what runs, or not all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen_after: Option<SeenAfter>,
    /// Nothing of the service runs there, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<Absence>,
    /// The latest pull of its image, while the service runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<Time>,
    /// Age of that at the time of the answer, in whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_s: Option<i64>,
    /// Changes that silence since then would hide, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caveat: Option<Cow<'static, str>>,
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
    /// Releases that come with it.
    pub gained: Balance,
    /// Releases that it takes back.
    pub lost: Balance,
    /// Warnings for the one who carries it out.
    pub warnings: Vec<DeployWarning>,
    /// Workloads of which containers with its image do not run although they should.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stuck: Vec<RunningWorkload>,
    /// Likely reasons why nothing was seen, the likeliest first.
    pub causes: Vec<String>,
    /// The plan in a sentence or two.
    pub text: String,
}

/// An image that was seen after another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeenAfter {
    /// The image.
    pub image: Image,
    /// Time when it was last seen.
    pub at: Time,
}

/// Releases that come or go, and what they weigh.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Balance {
    /// The releases, in publishing order.
    pub releases: Vec<Release>,
    /// Number of fixes in them, security fixes among them.
    pub fixes: usize,
    /// Their pull requests, in rising order.
    pub pull_requests: Vec<u64>,
}

/// A workload that a deploy goes to, and which of its containers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeployTarget {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
    /// The containers whose image changes.
    pub containers: Vec<String>,
    /// … and those that run before the others.
    pub init_containers: Vec<String>,
}

/// Point at which the application of a plan stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Interruption {
    /// The time of it.
    pub at: Time,
    /// Changes that were made, e.g. `deployment/web in shop`.
    pub applied: Vec<String>,
    /// Changes that were not made.
    pub not_applied: Vec<String>,
    /// The reason.
    pub why: String,
}

/// A warning for the one who carries a plan out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeployWarning {
    /// Its subject.
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
    /// Kinds of workloads that can run pods of an image.
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
    /// Kind of a deploy, seen from what runs.
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
    /// Progress of a deploy.
    DeployState {
        /// Nothing of it was seen yet.
        Planned = "planned",
        /// Landfall told the cluster.
        Applied = "applied",
        /// A pull of its image came with a token of its environment.
        Observed = "observed",
        /// Its rollout has settled, and no other image was seen after it.
        Settled = "settled",
        /// No pull came for a while.
        NotSeen = "not_seen",
    }
    /// Subjects of warnings.
    DeployWarningKind {
        /// It takes releases back.
        Rollback = "rollback",
        /// The image runs there already.
        AlreadyRunning = "already_running",
        /// The image that runs contains the change that was asked for already.
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
        /// The environment had the release before and was rolled back from it.
        RolledBack = "rolled_back",
        /// The release was yanked.
        Yanked = "yanked",
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

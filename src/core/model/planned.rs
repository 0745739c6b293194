//! The record of a planned deploy: facts alone, with no commands and no sentences.
//!
//! `deploy` makes a record, and makes the commands, the warnings and the text of it wherever a plan is shown. So their
//! wording can change, and plans that were made before are shown in the new one.

use serde::{Deserialize, Serialize};

use super::names::EnvironmentName;
use super::oci::{Digest, Repository};
use super::time::Time;

/// Most workloads that one deploy goes to: what is more is hardly one service.
pub const TARGETS_MAX: usize = 50;

/// A planned deploy. Its lists are bounded where they are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Its identifier, e.g. `dpl_f147a6a9931f`.
    pub id: String,
    /// The environment that it is for.
    pub environment: EnvironmentName,
    /// The service's repository.
    pub repository: Repository,
    /// The release's version.
    pub version: String,
    /// The image's top-level digest, where one is known.
    pub digest: Option<Digest>,
    /// The image as a workload names it, through the proxy.
    pub image: String,
    /// The kind of change that it would be.
    pub kind: DeployKind,
    /// The image that ran when it was planned.
    pub from: Option<Origin>,
    /// The change for which the release was chosen, where somebody asked for a change.
    pub chosen_for: Option<ChosenFor>,
    /// The releases that would come.
    pub gained: Releases,
    /// The releases that would be taken back.
    pub lost: Releases,
    /// The place that the commands are for.
    pub kubectl: Kubectl,
    /// The workloads that the cluster has for it; none where it was not asked or has none.
    pub aim: Option<Aim>,
    /// The workloads that somebody named, or the one that is guessed. Commands are for these where there is no aim.
    pub workloads: Vec<Workload>,
    /// The pull secret to make first, where the cluster could not pull without.
    pub new_secret: Option<NewSecret>,
    /// Cautions for the person who carries it out, in the order in which they are shown.
    pub cautions: Vec<Caution>,
}

/// The image that a plan begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Its top-level digest.
    pub digest: Digest,
    /// Its version, where it is known.
    pub version: Option<String>,
}

/// The change for which a release was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChosenFor {
    /// Its title, as its source has it.
    pub title: String,
    /// The pull request that brought it.
    pub pr: Option<u64>,
}

/// Releases that come with a plan or are lost by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Releases {
    /// Their versions, in publishing order; at most 200.
    pub versions: Vec<String>,
    /// Number of releases, those beyond the 200 among them.
    pub count: u64,
    /// Number of their fixes, security fixes among them.
    pub fixes: u64,
    /// Number of their security fixes.
    pub security_fixes: u64,
    /// The titles of the first fixes, as their source has them; at most 3.
    pub titles: Vec<String>,
}

/// The kind of change that a deploy would be, seen from what runs.
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

/// The place that `kubectl` is to work in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kubectl {
    /// The context; kubectl's current one without.
    pub context: Option<String>,
    /// The namespace; that of the context without.
    pub namespace: Option<String>,
}

/// Workloads that were found in the environment's cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aim {
    /// Their namespace.
    pub namespace: String,
    /// The workloads, at least one and at most [`TARGETS_MAX`].
    pub targets: Vec<Target>,
}

/// A workload that a deploy goes to, and which of its containers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
    /// The containers whose image changes.
    pub containers: Vec<String>,
    /// … and those that run before the others.
    pub init_containers: Vec<String>,
}

/// Something that runs pods of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
    /// The container that uses the image; one that is called as the image without.
    pub container: Option<String>,
}

/// The kinds of workloads that can run pods of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkloadKind {
    /// `apps/v1` Deployment.
    Deployment,
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// `apps/v1` DaemonSet.
    DaemonSet,
    /// `batch/v1` CronJob.
    CronJob,
}

/// A pull secret to make before anything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewSecret {
    /// The host, with its port, that it is for: that of the proxy.
    pub host: String,
    /// Set where a secret of its name, which is of no use, has to go first.
    pub replaces: bool,
}

/// Something to know before a plan is carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Caution {
    /// It takes releases back.
    Rollback,
    /// The image runs there already.
    AlreadyRunning,
    /// The image that runs contains the change that was asked for already.
    AlreadyLive,
    /// Another rollout of the service is going on.
    RollingOut,
    /// Pulls of the service fail at the moment.
    Failing {
        /// The latest refusal's status.
        status: u16,
    },
    /// No cluster token of the environment is accepted.
    NoLiveToken,
    /// No digest is known: the image is named by its tag, which can move.
    DigestUnknown,
    /// The environment never pulled the repository.
    NeverSeen,
    /// Nodes hold the image, and under `IfNotPresent` they would ask for nothing.
    HeldByNodes,
    /// The cluster did not say what it has.
    ClusterUnknown {
        /// The error, as the cluster's client tells it.
        why: String,
    },
    /// No workload of the cluster uses the repository.
    NoWorkload {
        /// The namespace that was looked through.
        namespace: String,
    },
    /// The cluster's pull secret is of no use.
    PullSecret {
        /// Its namespace.
        namespace: String,
        /// The reason.
        flaw: SecretFlaw,
    },
    /// The policies of these containers keep nodes from asking for an image that they hold.
    PullPolicy {
        /// The containers.
        containers: Vec<SilentContainer>,
    },
    /// Nobody named the workload: its name is a guess.
    WorkloadGuessed,
    /// The environment had the release and was rolled back from it, the latest time so.
    RolledBack {
        /// The rollback's first evidence.
        at: Time,
        /// The version that it left.
        from: String,
        /// The version that it went back to.
        to: String,
        /// Number of the fixes that it took away.
        fixes: u64,
        /// The titles of the first of them, as their source has them; at most 3.
        titles: Vec<String>,
    },
    /// The release was yanked.
    Yanked,
}

/// Reasons for which a cluster's pull secret is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecretFlaw {
    /// It is not there.
    Absent,
    /// A secret of its name is there, and it is none to pull with.
    OtherKind,
    /// It has no password for the proxy's host.
    OtherHost,
    /// Its token is not accepted as this environment's cluster.
    NotAccepted,
}

/// A container that may start without a pull.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilentContainer {
    /// KIND/NAME:CONTAINER.
    pub container: String,
    /// Its `imagePullPolicy`.
    pub policy: String,
}

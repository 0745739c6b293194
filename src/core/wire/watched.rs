//! Images that witnesses saw run, workload by workload.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deployments::Image;
use super::seen::Seen;
use super::words::{Phase, WitnessPhase};
use crate::model::oci::{Digest, Reference, Repository};
use crate::model::time::Time;

/// Images of a service that a container of a workload runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunningWorkload {
    /// The workload by kind and name.
    pub workload: Arc<str>,
    /// Its namespace, or what stands for one.
    pub namespace: Arc<str>,
    /// The witness that saw it.
    pub witness: Arc<str>,
    /// The container.
    pub container: Arc<str>,
    /// Image by image.
    pub images: Vec<WorkloadImage>,
    /// Containers of it that do not run although they should, as far as a witness that is alive tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<WorkloadTrouble>,
}

/// A witness of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WitnessSeen {
    /// Its name: that of its cluster or host.
    pub name: Arc<str>,
    /// Its state: only the reports of one that is `alive` are believed.
    pub state: WitnessPhase,
    /// Time when it reported last.
    pub heard_at: Time,
    /// Time until which it has seen everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_until: Option<Time>,
}

/// Containers of a workload that do not run although they should, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadTrouble {
    /// The reason in the runtime's word, e.g. `CrashLoopBackOff`.
    pub reason: Arc<str>,
    /// The reference that the workload names their image by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub reference: Option<Reference>,
    /// Number of containers.
    pub count: u64,
    /// Number of those that the workload wants, or has.
    pub of: u64,
}

/// Workloads of a service that never ran here, for its containers cannot be pulled, cannot start, or crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnstartedService {
    /// Its repository.
    pub repository: Repository,
    /// The workloads, each with its troubles.
    pub workloads: Vec<RunningWorkload>,
}

/// Nothing of a service runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Absence {
    /// `removed` or `scaled_to_zero`.
    pub state: Phase,
    /// Since when, as a witness told.
    pub since: Time,
}

/// A service of which nothing runs any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AbsentService {
    /// Its repository.
    pub repository: Repository,
    /// The image that ran last.
    pub last: Image,
    /// In what way nothing runs, and since when.
    #[serde(flatten)]
    pub absence: Absence,
    /// Age of that.
    #[serde(flatten)]
    pub seen: Seen,
}

/// The containers of a service that run an image which has a change, of all that run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CarrierPods {
    /// Number of those that are ready.
    pub ready: u32,
    /// Number of those that run.
    pub running: u32,
    /// Number of all containers of the service that run.
    pub of: u32,
}

/// Containers that run one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadImage {
    /// The image.
    #[serde(flatten)]
    pub image: Image,
    /// Number of containers that run.
    pub running: u32,
    /// Number of those that are ready.
    pub ready: u32,
    /// Number of nodes that they are on.
    pub nodes: u32,
}

/// An image that runs and was not pulled through this proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BypassImage {
    /// Its name, with the registry's host.
    pub image: String,
    /// Its digest.
    pub digest: Digest,
    /// The workloads that run it.
    pub workloads: Vec<String>,
}

/// An image that was pulled and runs nowhere: it was pulled ahead, it crashes, or a job ran it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PulledImage {
    /// The image.
    #[serde(flatten)]
    pub image: Image,
    /// The first pull.
    pub first_at: Time,
    /// The latest.
    pub last_at: Time,
    /// Number of nodes that pulled it.
    pub clients: u32,
    /// Witnesses that are alive have not seen it run for longer than the settle time since the first pull: pulls and
    /// witnesses contradict each other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub runs_nowhere: bool,
}

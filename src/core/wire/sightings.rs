//! Reports of a witness: the containers that a cluster or a host runs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words::words;
use crate::model::oci::{Digest, Reference, Repository};
use crate::model::time::Time;

/// A report of a witness. The same one again is nothing new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSightings {
    /// The name of the witness: that of its cluster or host.
    #[schema(min_length = 1, max_length = 256)]
    pub witness: String,
    /// The place of this report among those of the witness, from 1 on.
    #[schema(minimum = 1)]
    pub sequence: u64,
    /// Its parts, in the order in which they came to be.
    #[schema(max_items = 2000)]
    pub sightings: Vec<Sighting>,
}

/// One statement of a witness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Sighting {
    /// All that a container of a workload runs from a repository, in place of what was said before.
    Running(SightedWorkload),
    /// The witness has seen everything between two times: its watch did not break. A witness begins with a new `since`, tells
    /// of all that runs, and says this again: what it did not tell of is gone.
    Alive {
        /// Until when.
        at: Time,
        /// Since when.
        since: Time,
    },
    /// History that the witness found when it began: a revision of a workload. It is no evidence of its own time.
    Past(SightedRevision),
}

/// All that a container of a workload runs from a repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SightedWorkload {
    /// The time.
    pub at: Time,
    /// The witness's sight.
    pub source: WitnessSource,
    /// The namespace, or what stands for one: a compose project.
    pub namespace: Arc<str>,
    /// The workload by kind and name: `deployment/payment-service`.
    pub workload: Arc<str>,
    /// The container.
    pub container: Arc<str>,
    /// The repository in the image's name.
    pub repository: Repository,
    /// Image by image; none where nothing runs.
    #[schema(max_items = 64)]
    pub images: Vec<SightedImage>,
    /// The workload does not exist any more.
    #[serde(default)]
    pub gone: bool,
    /// Number of replicas that are wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<u64>,
    /// The registry's host in the image's name. Without one the image is the proxy's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Arc<str>>,
    /// Containers that do not run although they should.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16)]
    pub troubles: Vec<SightedTrouble>,
}

/// A revision of a workload, as its cluster remembers it: the workload was told to run these images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SightedRevision {
    /// Time when it was made.
    pub at: Time,
    /// The witness's sight.
    pub source: WitnessSource,
    /// The namespace.
    pub namespace: Arc<str>,
    /// The workload by kind and name: `deployment/payment-service`.
    pub workload: Arc<str>,
    /// The container.
    pub container: Arc<str>,
    /// The repository in the image's name.
    pub repository: Repository,
    /// The images that the container named.
    #[schema(max_items = 64)]
    pub images: Vec<NamedImage>,
    /// The registry's host in the image's name. Without one the image is the proxy's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Arc<str>>,
}

/// An image as a workload names it. One of its members is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamedImage {
    /// Its digest, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The reference that the workload names it by.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub reference: Option<Reference>,
}

/// Containers that do not run although they should, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SightedTrouble {
    /// The reason in the runtime's word, e.g. `CrashLoopBackOff`; with `Init:` before it where it is that of a container which
    /// comes before.
    #[schema(max_length = 64)]
    pub reason: Arc<str>,
    /// The reference that the workload names their image by.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub reference: Option<Reference>,
    /// Number of containers.
    pub count: u64,
}

/// Containers that run one image. One of `digest` and `image_id` is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SightedImage {
    /// Its digest: of the index, of a platform's manifest, or of the config.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The same as the runtime wrote it: `docker-pullable://app@sha256:…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 512)]
    pub image_id: Option<Arc<str>>,
    /// The reference that the workload names it by.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub reference: Option<Reference>,
    /// Number of containers that run.
    pub running: u64,
    /// Number of those that are ready.
    pub ready: u64,
    /// Number of nodes that they are on.
    #[serde(default)]
    pub nodes: u64,
}

/// State of a witness's reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SightingsAccepted {
    /// The last of its reports that was taken: what comes next has a greater number.
    pub accepted_until: u64,
}

words! {
    /// A witness's sight.
    WitnessSource {
        /// A Kubernetes cluster.
        Kubernetes = "kubernetes",
        /// A host with Docker or podman.
        Docker = "docker",
    }
}

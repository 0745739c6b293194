//! Workloads and their images, as witnesses name them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::oci::{Digest, Tag};
use crate::model::report::Trouble;
use crate::model::time::Time;

/// A container of a workload, as its witness names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct WorkloadName {
    /// The namespace, or what stands for one.
    pub namespace: Arc<str>,
    /// Its kind and name, e.g. `deployment/web`.
    pub workload: Arc<str>,
    /// The container.
    pub container: Arc<str>,
    /// The registry's host by which it names the image, where that is none of the proxy's known names.
    pub host: Option<Arc<str>>,
}

/// Images that a container of a workload runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// The time of the statement.
    pub at: Time,
    /// Image by image.
    pub images: Vec<RunningImage>,
    /// The number of replicas that are wanted, where it was told.
    pub desired: Option<u32>,
    /// The workload does not exist any more.
    pub is_gone: bool,
    /// Containers that do not run although they should.
    pub troubles: Vec<Trouble>,
}

/// Containers that run one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningImage {
    /// The top-level digest, as far as it is known.
    pub digest: Digest,
    /// The tag that the workload names.
    pub tag: Option<Tag>,
    /// The number of containers that run.
    pub running: u32,
    /// The number of those that are ready.
    pub ready: u32,
    /// The number of nodes that they are on.
    pub nodes: u32,
}

impl WorkloadName {
    /// Tells whether it serves: what Jobs run is no version of a service.
    pub(in crate::model::deployments) fn serves(&self) -> bool {
        !self.workload.starts_with("job/") && !self.workload.starts_with("cronjob/")
    }
}

impl Runs {
    /// Those of a workload that does not exist any more.
    pub(super) fn gone(at: Time) -> Self {
        Self { at, images: Vec::new(), desired: None, is_gone: true, troubles: Vec::new() }
    }

    pub(super) fn runs(&self, digest: &Digest) -> bool {
        self.images.iter().any(|image| image.digest == *digest)
    }
}

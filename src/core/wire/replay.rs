//! Output of `landfall replay`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::running::{BesideImage, FailedAttempt, LocalPull};
use super::watched::{BypassImage, PulledImage, RunningWorkload};
use super::words::{Confidence, Kind, Phase};
use crate::model::oci::{Digest, Repository};
use crate::model::time::Time;

/// An environment as the observations derive it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Replayed {
    /// Service by service.
    pub services: BTreeMap<Repository, ReplayedService>,
    /// Pulls by people's machines, in log order.
    pub local: Vec<LocalPull>,
    /// References that could not be pulled.
    pub attempts: Vec<FailedAttempt>,
    /// Images that run and were not pulled through this proxy, as far as witnesses say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bypass: Vec<BypassImage>,
}

/// One service of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ReplayedService {
    /// The image that runs.
    pub current: Option<ReplayedImage>,
    /// Images of its workloads, where a witness told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<RunningWorkload>,
    /// Images that were pulled and run nowhere, where a witness watches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pulled: Vec<PulledImage>,
    /// Images that run beside it from the same repository, or ran once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<BesideImage>,
    /// Its changes, in the order in which they opened.
    pub deployments: Vec<ReplayedDeployment>,
}

/// The image that a service runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReplayedImage {
    /// Its top-level digest.
    pub digest: Digest,
    /// Its version, where it is known.
    pub version: Option<String>,
    /// Its progress.
    pub state: Phase,
    /// Confidence in that.
    pub confidence: Confidence,
    /// The first evidence.
    pub since: Time,
    /// The latest evidence.
    pub last_seen_at: Time,
    /// A witness that is alive has seen it until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Time>,
}

/// One change of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReplayedDeployment {
    /// The top-level digest of what ran from then on.
    pub digest: Digest,
    /// Its version, where it is known.
    pub version: Option<String>,
    /// The image that ran before.
    pub from: Option<Digest>,
    /// Its kind.
    pub kind: Kind,
    /// Its progress.
    pub state: Phase,
    /// Confidence in that.
    pub confidence: Confidence,
    /// The first evidence.
    pub started_at: Time,
    /// Time when it settled.
    pub settled_at: Option<Time>,
    /// Number of nodes that showed it.
    pub clients: u32,
    /// The versions that it took back.
    pub releases_reverted: Vec<String>,
    /// The reason, in words.
    pub reason: String,
}

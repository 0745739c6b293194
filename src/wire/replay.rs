//! What `landfall replay` prints.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::running::{FailedAttempt, LocalPull};
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
}

/// One service of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReplayedService {
    /// What runs.
    pub current: Option<ReplayedImage>,
    /// Its changes, in the order in which they opened.
    pub deployments: Vec<ReplayedDeployment>,
}

/// What a service runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReplayedImage {
    /// Its top-level digest.
    pub digest: Digest,
    /// Its version, where it is known.
    pub version: Option<String>,
    /// Whether it still rolls out.
    pub state: Phase,
    /// How sure that is.
    pub confidence: Confidence,
    /// The first evidence.
    pub since: Time,
    /// The latest evidence.
    pub last_seen_at: Time,
}

/// One change of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReplayedDeployment {
    /// The top-level digest of what ran from then on.
    pub digest: Digest,
    /// Its version, where it is known.
    pub version: Option<String>,
    /// What ran before.
    pub from: Option<Digest>,
    /// What it is.
    pub kind: Kind,
    /// How far it is.
    pub state: Phase,
    /// How sure that is.
    pub confidence: Confidence,
    /// The first evidence.
    pub started_at: Time,
    /// When it settled.
    pub settled_at: Option<Time>,
    /// How many nodes showed it.
    pub clients: u32,
    /// The versions that it took back.
    pub releases_reverted: Vec<String>,
    /// Why, in words.
    pub reason: String,
}

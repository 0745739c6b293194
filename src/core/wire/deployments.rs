//! Deployments, their changes, and the pulls behind them.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::incomplete::Incomplete;
use super::release::Release;
use super::words::{Assumption, Confidence, EvidenceSource, Finding, Grade, Kind, Phase};
use crate::model::names::EnvironmentName;
use crate::model::oci::{Digest, Repository};
use crate::model::time::Time;

/// An image of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Image {
    /// Its top-level digest.
    pub digest: Digest,
    /// Its version, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its release, where the catalogue has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_id: Option<String>,
}

impl Image {
    /// Its version, or else its digest, short.
    pub fn label(&self) -> String {
        self.version.clone().unwrap_or_else(|| self.digest.short())
    }
}

/// One service's part of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceChange {
    /// The service's repository.
    pub repository: Repository,
    /// Its kind.
    pub kind: Kind,
    /// The image that ran before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Image>,
    /// The image that runs now.
    pub to: Image,
    /// Its own state.
    pub state: Phase,
    /// Its own first evidence.
    pub started_at: Time,
    /// Time when it settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Time>,
    /// Confidence in it.
    pub confidence: Confidence,
    /// The releases that came with it.
    pub releases: Vec<Release>,
    /// The releases that it took back.
    pub reverted: Vec<Release>,
    /// Number of nodes that showed it.
    pub clients: u32,
    /// The reason, in words.
    pub reason: String,
    /// Judgements that later observations took back, in order: the latest eight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corrections: Vec<Correction>,
}

/// An earlier judgement that a later observation took back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = CorrectionView)]
pub struct Correction {
    /// The time of it.
    pub at: Time,
    /// Of which image.
    #[serde(flatten)]
    pub image: Image,
    /// The earlier judgement.
    pub was: Assumption,
    /// The judgement that took its place.
    pub now: Finding,
    /// The rule that spoke.
    pub rule: Rule,
    /// The same in words.
    pub text: String,
}

/// A rule of the README of `deployments`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = RuleView)]
pub struct Rule {
    /// Its number there.
    pub number: u8,
    /// Its name there.
    pub name: Cow<'static, str>,
}

/// An environment's deployment: service changes that went out together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deployment {
    /// Its identifier: the same for the same log.
    pub id: String,
    /// The environment.
    pub environment: EnvironmentName,
    /// The least settled state of its changes.
    pub state: Phase,
    /// The gravest kind of its changes.
    pub kind: Kind,
    /// The first evidence.
    pub started_at: Time,
    /// Time when the last change settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Time>,
    /// The lowest confidence of its changes.
    pub confidence: Confidence,
    /// The changes, in the order in which they opened.
    pub changes: Vec<ServiceChange>,
    /// Number of releases that came with it.
    pub releases_landed: usize,
    /// Number of releases that it took back.
    pub releases_reverted: usize,
    /// The deployment in a sentence.
    pub summary: String,
}

/// A page of deployments, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Timeline {
    /// The deployments.
    pub deployments: Vec<Deployment>,
    /// The value of `before` that gets the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Revisions of workloads, as their clusters remember them, with images that were not seen to run, the newest first; on the
    /// first page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<Revision>,
    /// Number of older revisions that are left out.
    #[serde(default, skip_serializing_if = "super::incomplete::is_zero")]
    pub revisions_left_out: u64,
    /// Gaps that the answer may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Incomplete>,
}

/// A revision of a workload that a witness found when it began: its cluster remembers that the workload was told to run this
/// image. Nothing saw it run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Revision {
    /// Time when it was made, as the cluster says.
    pub made_at: Time,
    /// The repository of its image.
    pub repository: Repository,
    /// The version of its image, by which people know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The digest of its image, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The release that the image belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_id: Option<String>,
    /// The workload by kind and name.
    pub workload: Arc<str>,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// The container.
    pub container: Arc<str>,
    /// The witness that found it.
    pub witness: Arc<str>,
}

impl Revision {
    /// The image as people name it: by its version, else by the beginning of its digest.
    pub fn label(&self) -> String {
        let short = || self.digest.as_ref().map(Digest::short).unwrap_or_default();
        self.version.clone().unwrap_or_else(short)
    }
}

/// The pulls behind a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// The deployment.
    pub deployment: String,
    /// Change by change.
    pub changes: Vec<ChangeEvidence>,
}

/// The pulls behind one service's change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangeEvidence {
    /// The service's repository.
    pub repository: Repository,
    /// To what.
    pub digest: Digest,
    /// The reason, in words.
    pub reason: String,
    /// The rules that spoke, in the order in which they did.
    pub rules: Vec<Rule>,
    /// Judgements that later observations took back, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corrections: Vec<Correction>,
    /// Number of pulls; the list has the first and the last of them.
    pub pulls_total: u32,
    /// Pulls, in the order of their times.
    pub pulls: Vec<PullEvidence>,
}

/// One pull.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PullEvidence {
    /// Time when it began.
    pub at: Time,
    /// The source that it came from.
    pub source: EvidenceSource,
    /// From where.
    pub client: Arc<str>,
    /// The program that pulled, as it calls itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Arc<str>>,
    /// The tag, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Its strength as evidence.
    pub grade: Grade,
    /// True where the node came to the image with it.
    pub arrived: bool,
}

/// Changes in an environment between two times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changes {
    /// The environment.
    pub environment: EnvironmentName,
    /// From this time on.
    pub from: Time,
    /// Up to this time.
    pub until: Time,
    /// The deployments that began in between, the newest first.
    pub deployments: Vec<Deployment>,
    /// Number of rollbacks among them.
    pub rollbacks: usize,
    /// The releases that came and stayed or were taken back, in the order in which they came.
    pub releases: Vec<Release>,
    /// The releases that were taken back.
    pub reverted: Vec<Release>,
    /// Number of fixes that came.
    pub fixes: usize,
    /// The pull requests that came, in rising order.
    pub pull_requests: Vec<u64>,
    /// Gaps that the answer may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Incomplete>,
}

/// The history of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct History {
    /// The environment.
    pub environment: EnvironmentName,
    /// Of which repository.
    pub repository: Repository,
    /// Its changes, the newest first.
    pub changes: Vec<ServiceChange>,
    /// There are older ones.
    pub is_cut: bool,
    /// Revisions of its workloads, as their clusters remember them, with images that were not seen to run, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<Revision>,
    /// Number of older revisions that are left out.
    #[serde(default, skip_serializing_if = "super::incomplete::is_zero")]
    pub revisions_left_out: u64,
}

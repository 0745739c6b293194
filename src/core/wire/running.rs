//! Services that run in an environment, and pulls that fail there.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::incomplete::Incomplete;
use super::seen::Seen;
use super::watched::{Absence, BypassImage, PulledImage, RunningWorkload, UnstartedService, WitnessSeen};
use super::words::{Confidence, Phase};
use crate::model::names::EnvironmentName;
use crate::model::oci::{Digest, Reference, Repository};
use crate::model::time::Time;

/// Services that run in an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Running {
    /// The environment.
    pub environment: EnvironmentName,
    /// As of when.
    pub at: Time,
    /// Service by service, in the order of the repositories.
    pub services: Vec<RunningService>,
    /// References that somebody tries to pull and cannot, in the order of the repositories.
    pub failing: Vec<FailedAttempt>,
    /// Services that never ran here and whose workloads try to, as far as witnesses that are alive say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unstarted: Vec<UnstartedService>,
    /// Images that run and were not pulled through this proxy, as far as witnesses say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bypass: Vec<BypassImage>,
    /// Witnesses that reported within the last week, in the order of their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<WitnessSeen>,
    /// Gaps that the answer may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Incomplete>,
}

/// The image that one service runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunningService {
    /// The service's repository.
    pub repository: Repository,
    /// The digest that most of it runs, as far as the pulls tell.
    pub digest: Digest,
    /// Its version, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its release, where the catalogue has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release_id: Option<String>,
    /// Since when: the first evidence.
    pub since: Time,
    /// `mixed` where another image runs beside it; `removed` or `scaled_to_zero` where nothing of it runs, and the image is
    /// the last that did.
    pub state: Phase,
    /// Nothing of it runs, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<Absence>,
    /// Confidence in that.
    pub confidence: Confidence,
    /// Witnesses that are alive have seen it run until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Time>,
    /// Number of nodes that showed it.
    pub clients: u32,
    /// Its age.
    #[serde(flatten)]
    pub seen: Seen,
    /// Nodes that ask for it are refused since then, for their token was revoked or has expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_since: Option<Time>,
    /// Images that run beside it from the same repository, or ran once: of the last week.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<BesideImage>,
    /// Images of its workloads, where a witness told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<RunningWorkload>,
    /// Images that were pulled and run nowhere, where a witness watches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pulled: Vec<PulledImage>,
}

impl RunningService {
    /// Tells whether anything of it runs.
    pub fn runs(&self) -> bool {
        !matches!(self.state, Phase::Removed | Phase::ScaledToZero)
    }
}

/// An image that runs beside that of a service, from the same repository: another version that is kept, the other half of
/// a repository with two programs, a change that is looked at before it is merged, a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BesideImage {
    /// Its top-level digest.
    pub digest: Digest,
    /// Its version, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The first evidence.
    pub since: Time,
    /// Its age.
    #[serde(flatten)]
    pub seen: Seen,
    /// Number of nodes that showed it.
    pub clients: u32,
    /// A single pull is all that there ever was of it: it ran once, as far as anybody can tell.
    pub ran_once: bool,
}

/// A reference that could not be pulled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailedAttempt {
    /// Of which service.
    pub repository: Repository,
    /// The request as it was asked.
    #[schema(value_type = String)]
    pub reference: Reference,
    /// The latest refusal's status.
    pub status: u16,
    /// The cause, in words.
    pub cause: Cow<'static, str>,
    /// The first refusal.
    pub first_at: Time,
    /// The latest refusal.
    pub last_at: Time,
    /// Number of refusals.
    pub count: u64,
    /// Time when it worked after all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cleared_at: Option<Time>,
    /// Nothing proves that it was this environment: the client names it, with a secret that no token has. Such requests for
    /// a repository are counted together, and `reference` says `unproven` of them all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unproven: bool,
}

/// A pull by a person's machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LocalPull {
    /// The repository.
    pub repository: Repository,
    /// Its top-level digest.
    pub digest: Digest,
    /// Its version, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The time of it.
    pub at: Time,
    /// From where.
    pub client: Arc<str>,
    /// By which program.
    pub agent: Arc<str>,
    /// The reason why it counts as local.
    pub reason: Arc<str>,
}

//! The views: plain structs that every surface only formats. Their JSON is the interface's.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::deployments::State;
use crate::model::deployments::attempts::Attempt;
use crate::model::deployments::correction::{Assumption, Finding};
use crate::model::deployments::rule::Rule;
use crate::model::deployments::sighting::{EvidenceSource, Grade};
use crate::model::event::EnvironmentName;
use crate::model::oci::{Digest, Reference, Repository};
use crate::model::time::Time;

use super::incomplete::Incomplete;
use super::release::ReleaseView;

/// Whether a deployment goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nodes are still coming to it.
    RollingOut,
    /// No new node for the settle time.
    Settled,
    /// Two images run beside each other: a canary, a blue-green switch.
    Mixed,
    /// It was given up.
    Aborted,
    /// Nothing of it runs any more. No source of evidence can show that yet, so no answer says it.
    Removed,
}

impl Phase {
    /// How far from settled it is, to find the least settled of several.
    pub(super) fn unrest(self) -> u8 {
        match self {
            Self::Aborted | Self::Removed => 0,
            Self::Settled => 1,
            Self::Mixed => 2,
            Self::RollingOut => 3,
        }
    }

    /// The state as it is written in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RollingOut => "rolling_out",
            Self::Settled => "settled",
            Self::Mixed => "mixed",
            Self::Aborted => "aborted",
            Self::Removed => "removed",
        }
    }
}

/// What a deployment is, seen from what ran before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The first image of a service.
    Initial,
    /// To a later release.
    Upgrade,
    /// To an earlier release.
    Rollback,
    /// To a later release that ran before.
    Restore,
    /// The same version under another digest.
    Rebuild,
    /// To a release that cannot be compared.
    Changed,
}

impl Kind {
    /// How much it should be looked at, to find the gravest of several.
    pub(super) fn gravity(self) -> u8 {
        match self {
            Self::Initial => 0,
            Self::Rebuild => 1,
            Self::Restore => 2,
            Self::Upgrade => 3,
            Self::Changed => 4,
            Self::Rollback => 5,
        }
    }

    /// The kind as it is written in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Upgrade => "upgrade",
            Self::Rollback => "rollback",
            Self::Restore => "restore",
            Self::Rebuild => "rebuild",
            Self::Changed => "changed",
        }
    }
}

/// How sure an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Rolling out, or a single pull is all the evidence.
    Tentative,
    /// Settled by pulls.
    Likely,
    /// Seen to run by something that sees what runs. No source of evidence does yet, so no answer says it.
    Confirmed,
}

impl Confidence {
    /// The confidence as it is written in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tentative => "tentative",
            Self::Likely => "likely",
            Self::Confirmed => "confirmed",
        }
    }
}

/// An image of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
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

/// One service's part of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ServiceChange)]
pub struct Change {
    /// Which service.
    pub repository: Repository,
    /// What it is.
    pub kind: Kind,
    /// What ran before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Image>,
    /// What runs now.
    pub to: Image,
    /// Its own state.
    pub state: Phase,
    /// Its own first evidence.
    pub started_at: Time,
    /// When it settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Time>,
    /// How sure it is.
    pub confidence: Confidence,
    /// The releases that came with it.
    pub releases: Vec<ReleaseView>,
    /// The releases that it took back.
    pub reverted: Vec<ReleaseView>,
    /// How many nodes showed it.
    pub clients: u32,
    /// Why, in words.
    pub reason: String,
    /// What later observations took back, in order: the latest eight.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub corrections: Vec<CorrectionView>,
}

/// An earlier judgement that a later observation took back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CorrectionView {
    /// When.
    pub at: Time,
    /// Of which image.
    #[serde(flatten)]
    pub image: Image,
    /// What was thought of it.
    pub was: Assumption,
    /// What is thought of it now.
    pub now: Finding,
    /// The rule that spoke.
    pub rule: RuleView,
    /// The same in words.
    pub text: String,
}

/// A rule of the README of `deployments`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RuleView {
    /// Its number there.
    pub number: u8,
    /// Its name there.
    pub name: &'static str,
}

impl From<Rule> for RuleView {
    fn from(rule: Rule) -> Self {
        Self { number: rule.number(), name: rule.name() }
    }
}

/// An environment's deployment: service changes that went out together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Deployment {
    /// Its identifier: the same for the same log.
    pub id: String,
    /// Where.
    pub environment: EnvironmentName,
    /// The least settled state of its changes.
    pub state: Phase,
    /// The gravest kind of its changes.
    pub kind: Kind,
    /// The first evidence.
    pub started_at: Time,
    /// When the last change settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Time>,
    /// The lowest confidence of its changes.
    pub confidence: Confidence,
    /// The changes, in the order in which they opened.
    pub changes: Vec<Change>,
    /// How many releases came with it.
    pub releases_landed: usize,
    /// How many releases it took back.
    pub releases_reverted: usize,
    /// What happened, in a sentence.
    pub summary: String,
}

/// A page of deployments, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Timeline {
    /// The deployments.
    pub deployments: Vec<Deployment>,
    /// What to ask for as `before` to get the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// What the answer may lack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Incomplete>,
}

/// What runs in an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Running {
    /// Where.
    pub environment: EnvironmentName,
    /// As of when.
    pub at: Time,
    /// Service by service, in the order of the repositories.
    pub services: Vec<RunningService>,
    /// What somebody tries to pull and cannot, in the order of the repositories.
    pub failing: Vec<FailedAttempt>,
    /// What the answer may lack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Incomplete>,
}

/// What runs of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunningService {
    /// Which.
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
    /// `mixed` where another image runs beside it.
    pub state: Phase,
    /// How sure that is.
    pub confidence: Confidence,
    /// The latest pull that showed it. A node that has the image may ask for nothing: this is "last seen".
    pub last_seen_at: Time,
    /// How many nodes showed it.
    pub clients: u32,
    /// No pull has confirmed the answer since: for longer than the settle time, or since before a gap in the log. A
    /// node that has an image under `IfNotPresent` asks for nothing, so silence is no news, good or bad.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unconfirmed_since: Option<Time>,
}

/// The pulls behind a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Evidence {
    /// The deployment.
    pub deployment: String,
    /// Change by change.
    pub changes: Vec<ChangeEvidence>,
}

/// The pulls behind one service's change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangeEvidence {
    /// Which service.
    pub repository: Repository,
    /// To what.
    pub digest: Digest,
    /// Why, in words.
    pub reason: String,
    /// The rules that spoke, in the order in which they did.
    pub rules: Vec<RuleView>,
    /// What later observations took back, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub corrections: Vec<CorrectionView>,
    /// How many pulls there were; the list has the first and the last of them.
    pub pulls_total: u32,
    /// Pulls, in the order of their times.
    pub pulls: Vec<PullEvidence>,
}

/// One pull.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PullEvidence {
    /// When it began.
    pub at: Time,
    /// The source that it came from.
    pub source: EvidenceSource,
    /// From where.
    pub client: Arc<str>,
    /// The tag, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// What it proves.
    pub grade: Grade,
    /// Whether the node came to the image with it.
    pub arrived: bool,
}

/// A pull by a person's machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LocalPull {
    /// What.
    pub repository: Repository,
    /// Its top-level digest.
    pub digest: Digest,
    /// Its version, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When.
    pub at: Time,
    /// From where.
    pub client: Arc<str>,
    /// By which program.
    pub agent: Arc<str>,
    /// Why it counts as local.
    pub reason: Arc<str>,
}

/// What `replay` prints of an environment.
#[derive(Clone, Debug, Serialize)]
pub struct Replayed {
    pub(super) services: BTreeMap<Repository, ReplayedService>,
    pub(super) local: Vec<LocalPull>,
    pub(super) attempts: Vec<FailedAttempt>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct ReplayedService {
    pub(super) current: Option<ReplayedCurrent>,
    pub(super) deployments: Vec<ReplayedDeployment>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct ReplayedCurrent {
    pub(super) digest: Digest,
    pub(super) version: Option<String>,
    pub(super) state: Phase,
    pub(super) confidence: Confidence,
    pub(super) since: Time,
    pub(super) last_seen_at: Time,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct ReplayedDeployment {
    pub(super) digest: Digest,
    pub(super) version: Option<String>,
    pub(super) from: Option<Digest>,
    pub(super) kind: Kind,
    pub(super) state: Phase,
    pub(super) confidence: Confidence,
    pub(super) started_at: Time,
    pub(super) settled_at: Option<Time>,
    pub(super) clients: u32,
    pub(super) releases_reverted: Vec<String>,
    pub(super) reason: String,
}

/// A reference that could not be pulled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FailedAttempt {
    /// Of which service.
    pub repository: Repository,
    /// What was asked for.
    #[schema(value_type = String)]
    pub reference: Reference,
    /// The latest refusal's status.
    pub status: u16,
    /// What that means, in words.
    pub cause: &'static str,
    /// The first refusal.
    pub first_at: Time,
    /// The latest refusal.
    pub last_at: Time,
    /// How many there were.
    pub count: u64,
    /// When it worked after all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cleared_at: Option<Time>,
}

impl FailedAttempt {
    pub(super) fn new(state: &State, repository: &Repository, attempt: &Attempt) -> Self {
        Self {
            repository: repository.clone(),
            reference: attempt.reference.clone(),
            status: attempt.status,
            cause: Self::cause_of(attempt.status),
            first_at: state.shown(attempt.first_at),
            last_at: state.shown(attempt.last_at),
            count: attempt.count,
            cleared_at: attempt.cleared_at.map(|at| state.shown(at)),
        }
    }

    /// What a refusal means for those who wait for the image.
    pub(crate) fn cause_of(status: u16) -> &'static str {
        match status {
            401 => "the token was revoked or has expired",
            403 => "the registry withholds the repository",
            404 => "the registry does not have it",
            429 => "the registry asks for fewer requests",
            502 => "the registry cannot be reached, or broke off",
            504 => "the registry did not answer in time",
            500.. => "the registry failed",
            _ => "the registry refused",
        }
    }
}

//! Changes that were described loosely, and where they stand.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deployments::Image;
use super::release::{ReleaseChange, ReleaseRef};
use super::running::Incomplete;
use super::words::{Certainty, Confidence, Standing};
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::time::Time;

/// The answer to "is this live?".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Verified {
    /// Where.
    pub environment: EnvironmentName,
    /// As of when.
    pub at: Time,
    /// What was asked for.
    pub query: String,
    /// The answer.
    pub answer: Standing,
    /// Since when; for what was rolled back, since when it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// How sure the pulls make it, where they say something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// The answer in a sentence, and what to do next.
    pub text: String,
    /// The change that is meant; where the answer is `unknown` or `no_such_change`, the nearest candidates.
    pub matches: Vec<Match>,
    /// What the answer may lack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Incomplete>,
}

/// A change that may be meant, and where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Match {
    /// The first release that has it.
    pub release: ReleaseRef,
    /// The change.
    pub change: ReleaseChange,
    /// How much of the description it answers, 0 to 1.
    pub score: f64,
    /// Where it stands.
    pub state: Standing,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Every release that lists it.
    pub releases: Vec<ReleaseRef>,
    /// Service by service: the evidence.
    pub services: Vec<ServiceStanding>,
    /// Which words of the description it answers, and how.
    pub matched: Vec<MatchedWord>,
    /// Which words of the description it does not answer.
    pub unmatched: Vec<String>,
}

/// Where a change stands in one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceStanding {
    /// Which.
    pub repository: Repository,
    /// What it runs.
    pub running: Image,
    /// Where the change stands in it.
    pub state: Standing,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// How sure the pulls make what runs.
    pub confidence: Confidence,
    /// The latest pull that showed what runs.
    pub last_seen_at: Time,
    /// The deployment that brought it, or took it away: its evidence is one click away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
}

/// One word of a description and the word that answers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MatchedWord {
    /// As it was asked for.
    pub asked: String,
    /// As the change has it, where it is a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// How the one answers the other.
    pub by: Cow<'static, str>,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Searched {
    /// What was asked for.
    pub query: String,
    /// How sure it is that the first match is what was meant.
    pub certainty: Certainty,
    /// The best match first.
    pub matches: Vec<SearchMatch>,
}

/// A change that a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SearchMatch {
    /// The first release that has it.
    pub release: ReleaseRef,
    /// The change.
    pub change: ReleaseChange,
    /// How much of the description it answers, 0 to 1.
    pub score: f64,
    /// Every release that lists it.
    pub releases: Vec<ReleaseRef>,
    /// Where it stands, in the environments that run a service of its repository.
    pub environments: Vec<EnvironmentStanding>,
}

/// Where a change stands in one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = StandsWhere)]
pub struct EnvironmentStanding {
    /// The environment.
    pub name: EnvironmentName,
    /// Where the change stands in it.
    pub state: Standing,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}

//! Changes that were described loosely, and where they stand.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deployments::Image;
use super::incomplete::Incomplete;
use super::release::{ReleaseChange, ReleaseRef};
use super::seen::Seen;
use super::watched::{Absence, CarrierPods, RunningWorkload};
use super::words::{Certainty, Confidence, Standing};
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::time::Time;

/// The answer to "is this live?".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Verified {
    /// The environment.
    pub environment: EnvironmentName,
    /// As of when.
    pub at: Time,
    /// The request as it was asked.
    pub query: String,
    /// The answer.
    pub answer: Standing,
    /// Since when; for what was rolled back, since when it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Confidence by the pulls, where they say something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// The latest time for which the evidence shows it: when the service of it that was silent for longest was last seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Time>,
    /// Age of that at the time of the answer, in whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_s: Option<i64>,
    /// No pull has confirmed the answer since: for longer than the settle time, or since before a gap in the log. What
    /// is `live` was live when it was last seen, then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unconfirmed_since: Option<Time>,
    /// Changes that silence since then would hide, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caveat: Option<Cow<'static, str>>,
    /// The answer in a sentence, and what to do next.
    pub text: String,
    /// The change that is meant; where the answer is `unknown` or `no_such_change`, the nearest candidates.
    pub matches: Vec<Match>,
    /// Gaps that the answer may have.
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
    /// Share of the description that it answers, 0 to 1.
    pub score: f64,
    /// Its standing.
    pub state: Standing,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Every release that lists it.
    pub releases: Vec<ReleaseRef>,
    /// Service by service: the evidence.
    pub services: Vec<ServiceStanding>,
    /// Words of the description that it answers, and how.
    pub matched: Vec<MatchedWord>,
    /// Words of the description that it does not answer.
    pub unmatched: Vec<String>,
}

/// Standing of a change in one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceStanding {
    /// The service's repository.
    pub repository: Repository,
    /// The image that it runs, or, where nothing of it runs, ran last.
    pub running: Image,
    /// Nothing of it runs, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<Absence>,
    /// Standing of the change in it.
    pub state: Standing,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Confidence in what runs.
    pub confidence: Confidence,
    /// Age of what runs.
    #[serde(flatten)]
    pub seen: Seen,
    /// Images of its workloads, where a witness told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<RunningWorkload>,
    /// Containers that have the change, where witnesses that are alive see them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<CarrierPods>,
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
    /// The way in which the one answers the other.
    pub by: Cow<'static, str>,
}

/// Changes that a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Searched {
    /// The request as it was asked.
    pub query: String,
    /// Certainty that the first match is what was meant.
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
    /// Share of the description that it answers, 0 to 1.
    pub score: f64,
    /// Every release that lists it.
    pub releases: Vec<ReleaseRef>,
    /// Its standing in the environments that run a service of its repository.
    pub environments: Vec<EnvironmentStanding>,
}

/// Standing of a change in one environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = StandsWhere)]
pub struct EnvironmentStanding {
    /// The environment.
    pub name: EnvironmentName,
    /// Standing of the change in it.
    pub state: Standing,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Age of that: when the service of it that was silent for longest was last seen.
    #[serde(flatten)]
    pub seen: Seen,
}

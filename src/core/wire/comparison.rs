//! Releases that an environment lacks, and differences of two environments.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deployments::Image;
use super::incomplete::Incomplete;
use super::release::{Release, ReleaseRef};
use super::running::BesideImage;
use super::seen::Seen;
use super::watched::{Absence, AbsentService, RunningWorkload};
use super::words::Ahead;
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::time::Time;

/// Releases that an environment lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Missing {
    /// The environment.
    pub environment: EnvironmentName,
    /// As of when.
    pub at: Time,
    /// No service that runs is behind the latest release that is known of it.
    pub up_to_date: bool,
    /// Service by service, in the order of the repositories: those of which something runs.
    pub services: Vec<MissingService>,
    /// Services of which nothing runs any more: nothing is missing in them, and nothing of them is up to date.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<AbsentService>,
    /// Gaps that the answer may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Incomplete>,
}

/// Releases that one service lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissingService {
    /// The service's repository.
    pub repository: Repository,
    /// The image that it runs.
    pub running: Image,
    /// Age of what runs.
    #[serde(flatten)]
    pub seen: Seen,
    /// The latest release: in the order of releases, without pre-releases unless one is running. None where no
    /// release of the repository is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<Release>,
    /// Nothing is missing, as far as the catalogue knows, and the order of what it knows is certain.
    pub up_to_date: bool,
    /// The releases after the running one, in publishing order.
    pub missing: Vec<Release>,
    /// Releases, and images that run elsewhere, of which nobody knows whether they are later: ancestry (`parents`) or
    /// comparable versions would tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unordered: Vec<ReleaseRef>,
    /// Number of fixes in what is missing, security fixes among them.
    pub fixes: usize,
    /// Their pull requests, in rising order.
    pub pull_requests: Vec<u64>,
    /// Age of the first missing release, in whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind_since_s: Option<i64>,
}

/// Two environments, service by service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// The left environment.
    pub left: EnvironmentName,
    /// The right environment.
    pub right: EnvironmentName,
    /// Time when the left one is looked at.
    pub left_at: Time,
    /// Time when the right one is looked at.
    pub right_at: Time,
    /// Service by service, in the order of the repositories.
    pub services: Vec<ComparedService>,
    /// Gaps in what is known of the left environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_incomplete: Option<Incomplete>,
    /// Gaps in what is known of the right environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right_incomplete: Option<Incomplete>,
}

/// One service on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComparedService {
    /// The service's repository.
    pub repository: Repository,
    /// The image that the left side runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Image>,
    /// The image that the right side runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right: Option<Image>,
    /// Nothing of it runs on the left side any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_absent: Option<Absence>,
    /// Nothing of it runs on the right side any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right_absent: Option<Absence>,
    /// Age of the left image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_seen: Option<Seen>,
    /// Age of the right image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right_seen: Option<Seen>,
    /// Images that the left side runs beside that one, from the same repository.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_beside: Vec<BesideImage>,
    /// Images that the right side runs beside that one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub right_beside: Vec<BesideImage>,
    /// Images of the workloads of the left side, where a witness told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_workloads: Vec<RunningWorkload>,
    /// Images of those of the right side.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub right_workloads: Vec<RunningWorkload>,
    /// The relation of the two sides.
    pub relation: Ahead,
    /// The releases that one side has and the other lacks, in publishing order.
    pub releases: Vec<Release>,
    /// Number of fixes in those releases, security fixes among them.
    pub fixes: usize,
    /// The pull requests of those releases, in rising order.
    pub pull_requests: Vec<u64>,
}

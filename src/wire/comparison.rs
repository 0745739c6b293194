//! What an environment lacks of the releases, and what two environments differ by.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deployments::Image;
use super::release::Release;
use super::running::Incomplete;
use super::words::Ahead;
use crate::model::names::EnvironmentName;
use crate::model::oci::Repository;
use crate::model::time::Time;

/// What an environment lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Missing {
    /// Where.
    pub environment: EnvironmentName,
    /// As of when.
    pub at: Time,
    /// No service is behind the latest release that is known of it.
    pub up_to_date: bool,
    /// Service by service, in the order of the repositories.
    pub services: Vec<MissingService>,
    /// What the answer may lack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Incomplete>,
}

/// What one service lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissingService {
    /// Which.
    pub repository: Repository,
    /// What it runs.
    pub running: Image,
    /// The latest release: in the order of releases, without pre-releases unless one is running. None where no
    /// release of the repository is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<Release>,
    /// Nothing is missing, as far as the catalogue knows.
    pub up_to_date: bool,
    /// The releases after the running one, in publishing order.
    pub missing: Vec<Release>,
    /// How many fixes, security fixes among them, those brought.
    pub fixes: usize,
    /// Their pull requests, in rising order.
    pub pull_requests: Vec<u64>,
    /// How long ago the first missing release was made, in whole seconds.
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
    /// When the left one is looked at.
    pub left_at: Time,
    /// When the right one is looked at.
    pub right_at: Time,
    /// Service by service, in the order of the repositories.
    pub services: Vec<ComparedService>,
    /// What may be lacking of the left environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_incomplete: Option<Incomplete>,
    /// What may be lacking of the right environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right_incomplete: Option<Incomplete>,
}

/// One service on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ComparedService {
    /// Which.
    pub repository: Repository,
    /// What the left side runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Image>,
    /// What the right side runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right: Option<Image>,
    /// Which one is ahead.
    pub relation: Ahead,
    /// The releases that one side has and the other lacks, in publishing order.
    pub releases: Vec<Release>,
    /// How many fixes, security fixes among them, those releases brought.
    pub fixes: usize,
    /// The pull requests of those releases, in rising order.
    pub pull_requests: Vec<u64>,
}

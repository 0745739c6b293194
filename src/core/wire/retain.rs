//! Images that a registry must keep.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::incomplete::Incomplete;
use super::words::RetainKind;
use crate::model::names::EnvironmentName;
use crate::model::oci::{Digest, Repository};
use crate::model::time::Time;

/// Images that must not be deleted from the registry. Nothing is said of others that were never pulled through this proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Retained {
    /// As of when.
    pub at: Time,
    /// Time of the first pull that is known; none where there was none. Images of before that were not pulled since may run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_since: Option<Time>,
    /// The images, in the order of their repositories, of each the best founded first.
    pub digests: Vec<RetainedImage>,
    /// Pulls were forgotten to stay within bounds: images that were pulled lately may be missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_forgotten: bool,
    /// Environments of which pulls are missing that would name more images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incomplete: Vec<RetainedGap>,
}

/// An image that must not be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RetainedImage {
    /// Its repository.
    pub repository: Repository,
    /// Its digest.
    pub digest: Digest,
    /// The version by which people know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The image that it is kept with: it is a platform's manifest of that, or an index around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_with: Option<Digest>,
    /// The reasons, the best founded first.
    pub reasons: Vec<RetainReason>,
}

/// A reason to keep an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RetainReason {
    /// The reason.
    pub kind: RetainKind,
    /// The environment that it is kept for.
    pub environment: EnvironmentName,
    /// Time since which that is so; of `pulled_recently`, of the latest pull.
    pub since: Time,
}

/// Pulls of an environment that are missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RetainedGap {
    /// The environment.
    pub environment: EnvironmentName,
    /// Gaps in what is known of it.
    #[serde(flatten)]
    pub incomplete: Incomplete,
}

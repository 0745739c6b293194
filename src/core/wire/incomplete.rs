//! Gaps in what is known of an environment.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::names::TokenId;
use crate::model::time::Time;

/// Gaps in what is known of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Incomplete {
    /// Number of services that were forgotten, those that were silent for longest first, because the environment had more than
    /// are kept. One that runs may be among them, and one that comes back looks new.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub services_forgotten: u64,
    /// Number of refused requests that are not listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refusals_left_out: u64,
    /// The latest stretches of which not every pull is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<Gap>,
    /// Time until which everything is known that other servers of the log saw; what they saw since may be missing. None where
    /// nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete_until: Option<Time>,
    /// The same in words.
    pub text: String,
}

/// A stretch of which not every pull is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = GapView)]
pub struct Gap {
    /// Time when the first pull was lost.
    pub from: Time,
    /// Time when pulls were kept again.
    pub until: Time,
    /// Number of requests that were lost.
    pub lost: u64,
    /// The token that made more requests than are kept; none where the log could not be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenId>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}

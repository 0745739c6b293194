//! The replicas of a log that several share.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::time::Time;

/// A replica that said nothing for so long may be gone for good.
const GONE_AFTER_SECONDS: u64 = 60;

/// A replica of the log, as it last said how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplicaView {
    /// Its name, of its configuration.
    pub name: String,
    /// Its data folder's name among the writers of the stream.
    pub writer: String,
    /// Its release of Landfall.
    pub release: String,
    /// `full`, or `edge`: a server that forwards pulls and ships what it sees, and answers nothing.
    pub role: String,
    /// The number of events of its own that are in the stream.
    pub shipped: u64,
    /// The number of the last event of the log that it has; of an edge, which has the changes alone, their number.
    pub applied: u64,
    /// The last change that it has, by its number in the stream: the same to all replicas. 0 where it does not say so.
    #[serde(default)]
    pub changes: u64,
    /// Seconds since it had everything, and nothing of its own was left to ship.
    pub lag_seconds: u64,
    /// The time when it last said so.
    pub seen_at: Time,
    /// Seconds since then, by the stream's clock.
    #[serde(default)]
    pub silence_seconds: u64,
    /// Messages of this edge that were set aside: they cannot be read, or are not for an edge to say. Its credentials may be stolen.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub set_aside: u64,
    /// It has said nothing for a while: what it saw since may be missing in answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
    /// It ended, and everything that it saw is in the stream.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl ReplicaView {
    /// Tells whether it may be gone: forgetting one that is there would be a mistake.
    pub fn can_be_forgotten(&self) -> bool {
        self.silence_seconds >= GONE_AFTER_SECONDS
    }
}

/// A revocation that not every server of the log has confirmed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Revocation {
    /// The servers that have not: they take the token until they hear of it. A server that is cut off hears nothing; where it is gone for
    /// good, nobody pulls there.
    #[serde(default)]
    #[schema(required = true)]
    pub unconfirmed: Vec<String>,
}

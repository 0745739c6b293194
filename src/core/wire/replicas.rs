//! The replicas of a log that several share.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::time::Time;

/// A replica of the log, as it last said how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplicaView {
    /// Its name, of its configuration.
    pub name: String,
    /// Its data folder's name among the writers of the stream.
    pub writer: String,
    /// Its release of Landfall.
    pub release: String,
    /// `full`.
    pub role: String,
    /// The number of events of its own that are in the stream.
    pub shipped: u64,
    /// The number of the last event of the log that it has.
    pub applied: u64,
    /// Seconds since it had everything, and nothing of its own was left to ship.
    pub lag_seconds: u64,
    /// The time when it last said so.
    pub seen_at: Time,
    /// It has said nothing for a while: what it saw since may be missing in answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
}

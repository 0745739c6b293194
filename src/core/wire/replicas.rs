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
    /// It has said nothing for a while: what it saw since may be missing in answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
    /// It ended, and everything that it saw is in the stream.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left: bool,
}

impl ReplicaView {
    /// Those of `replicas` that may not have the latest change that one of them has: they go on as if it had not been made. One that
    /// ended goes on from the stream when it starts.
    pub fn unaware(replicas: &[Self]) -> Vec<&Self> {
        let latest = replicas.iter().map(|replica| replica.changes).max().unwrap_or(0);
        let is_unaware = |replica: &&Self| !replica.left && (replica.silent || replica.changes < latest);
        replicas.iter().filter(is_unaware).collect()
    }
}

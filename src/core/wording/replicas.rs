//! Replicas of a log that several servers share, in words.

use crate::wire::ReplicaView;

/// The part of the log that it has: an edge has the changes alone, under numbers of its own.
pub fn applied(replica: &ReplicaView) -> String {
    match (replica.role.as_str(), replica.applied) {
        ("edge", 1) => "1 change".to_owned(),
        ("edge", applied) => format!("{applied} changes"),
        (_, applied) => applied.to_string(),
    }
}

/// "none", "12 s", or "silent": how long ago a replica had everything, in a cell of a table.
pub fn lag(replica: &ReplicaView) -> String {
    match replica {
        ReplicaView { silent: true, .. } => "silent".to_owned(),
        ReplicaView { lag_seconds: 0, .. } => "none".to_owned(),
        ReplicaView { lag_seconds, .. } => format!("{lag_seconds} s"),
    }
}

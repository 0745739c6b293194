//! Replicas of a log that several servers share, in words.

use crate::wire::ReplicaView;

/// "none", "12 s", or "silent": how long ago a replica had everything, in a cell of a table.
pub fn lag(replica: &ReplicaView) -> String {
    match replica {
        ReplicaView { silent: true, .. } => "silent".to_owned(),
        ReplicaView { lag_seconds: 0, .. } => "none".to_owned(),
        ReplicaView { lag_seconds, .. } => format!("{lag_seconds} s"),
    }
}

//! Replicas of a log that several servers share, in words.

use super::agent::name;
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

/// Advice about a replica that may be gone for good.
pub fn gone_for_good(replica: &ReplicaView) -> Option<String> {
    let name = name(&replica.name);
    let says = if replica.left { "was stopped" } else { "says nothing" };
    replica
        .can_be_forgotten()
        .then(|| format!("{name} {says}. Where it is gone for good: landfall replicas forget {name}"))
}

/// A warning about an edge that says what is not for it to say.
pub fn set_aside(replica: &ReplicaView) -> Option<String> {
    let messages = match replica.set_aside {
        0 => return None,
        1 => "1 message".to_owned(),
        messages => format!("{messages} messages"),
    };
    let name = name(&replica.name);
    Some(format!(
        "{messages} of {name} were set aside: they cannot be read, or are not for an edge to say. Where it runs no later release than \
         the full replicas, somebody else has its credentials: revoke them in NATS"
    ))
}

/// The servers that have not confirmed `what` was done, if there are any.
pub fn unconfirmed(what: &str, names: &[String]) -> Option<String> {
    let named: Vec<_> = names.iter().map(|it| name(it)).collect();
    let told = || {
        format!(
            "Of the servers that share the log these have not confirmed {what}, and go on as before until they hear of it: {}",
            named.join(", ")
        )
    };
    (!named.is_empty()).then(told)
}

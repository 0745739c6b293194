//! Settings of the two streams, as JetStream's API has them (`STREAM.CREATE`, `STREAM.INFO`), and the judgement on those that
//! a stream has: one that could lose messages is not used.

use std::time::Duration;

use serde_json::{Value, json};

/// The copies that a stream has in a cluster.
pub(super) const COPIES: u64 = 3;
/// Time that the last beat of a replica that is gone stays known.
const BEAT_AGE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// Bounds at which a stream drops messages.
const BOUNDS: [&str; 4] = ["max_age", "max_msgs", "max_bytes", "max_msgs_per_subject"];

/// Settings of the stream `name` of a log: everything stays.
pub(super) fn of_log(name: &str) -> Value {
    json!({
        "name": name,
        "description": "The log of Landfall, which several replicas share",
        "subjects": [subjects(name)],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "allow_direct": true,
        "deny_delete": true,
        "deny_purge": true,
    })
}

/// Settings of the stream `name` of beats: the latest of each replica stays.
pub(super) fn of_beats(name: &str) -> Value {
    json!({
        "name": name,
        "description": "The last word of each replica of Landfall's log on itself",
        "subjects": [subjects(name)],
        "storage": "file",
        "max_msgs_per_subject": 1,
        "max_age": u64::try_from(BEAT_AGE_MAX.as_nanos()).unwrap_or(u64::MAX),
        "allow_direct": true,
    })
}

/// Judges the stream `name` of a log by its settings. Returns the number of its copies.
///
/// # Errors
/// It is not of Landfall, could lose messages, or cannot be read: why, with what to do.
pub(super) fn judge(name: &str, config: &Value) -> Result<u64, String> {
    let number = |name: &str| config[name].as_i64().unwrap_or(0);
    let is = |name: &str, value: &str| config[name].as_str() == Some(value);
    let subjects = subjects(name);
    let has_subjects = config["subjects"].as_array().is_some_and(|all| all.iter().any(|it| *it == *subjects));
    // At `max_bytes` a stream that discards what is new refuses messages, and they wait in the outbox.
    let drops = |bound: &&&str| number(bound) > 0 && !(**bound == "max_bytes" && is("discard", "new"));
    if !has_subjects {
        return Err(format!("its subjects are not `{subjects}`: it is not of Landfall, or was changed"));
    }
    if !is("storage", "file") {
        return Err(
            "it is in memory and does not survive its servers: make it with storage `file`".to_owned()
        );
    }
    if !is("retention", "limits") {
        return Err("it drops messages that were read: make it with retention `limits`".to_owned());
    }
    if let Some(bound) = BOUNDS.iter().find(drops) {
        return Err(format!("its {bound} drops old messages: set that to unlimited"));
    }
    if config["allow_direct"] != true {
        return Err("it does not allow direct reads: set allow_direct".to_owned());
    }
    Ok(u64::try_from(number("num_replicas")).unwrap_or(0))
}

fn subjects(name: &str) -> String {
    format!("{name}.>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_could_lose_messages_is_not_used() {
        let with = |name: &str, value: Value| {
            let mut config = of_log("landfall");
            (config["num_replicas"], config[name]) = (json!(3), value);
            judge("landfall", &config)
        };
        for (name, value) in [
            ("description", json!("an operator's own")),
            ("max_age", json!(0)),
            ("max_msgs", json!(-1)),
            // It takes nothing more then, and loses nothing.
            ("max_bytes", json!(1_000_000)),
        ] {
            assert_eq!(with(name, value.clone()), Ok(3), "{name} {value}");
        }
        for (name, value, why) in [
            ("subjects", json!(["other.>"]), "its subjects are not `landfall.>`"),
            ("subjects", json!(null), "its subjects are not `landfall.>`"),
            ("storage", json!("memory"), "it is in memory"),
            ("storage", json!(null), "it is in memory"),
            ("retention", json!("workqueue"), "it drops messages that were read"),
            ("retention", json!("interest"), "it drops messages that were read"),
            ("max_age", json!(86_400_000_000_000_u64), "its max_age drops old messages"),
            ("max_msgs", json!(1_000), "its max_msgs drops old messages"),
            ("max_msgs_per_subject", json!(1), "its max_msgs_per_subject drops old messages"),
            ("allow_direct", json!(false), "it does not allow direct reads"),
        ] {
            let refused = with(name, value.clone()).unwrap_err();
            assert!(refused.starts_with(why), "{name} {value}: {refused}");
        }
        let mut config = of_log("landfall");
        (config["max_bytes"], config["discard"]) = (json!(1_000_000), json!("old"));
        assert!(judge("landfall", &config).unwrap_err().starts_with("its max_bytes drops old messages"));
        assert!(judge("landfall", &of_beats("landfall")).is_err(), "beats are no log");
    }
}

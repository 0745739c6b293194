//! The JSON of the API: one set of plain types for writers and readers.
//!
//! ```text
//! model::questions, model::deploy → wire ← admin (REST), cli, mcp, wording
//! ```
//!
//! The questions and the deploys build these types themselves, so an answer is what it looks like from the start, and no
//! layer copies it into another form. Stored things (events, snapshots) have types of their own in the model; each becomes
//! wire in one place, by a `From`.
//!
//! A reader meets servers that are older and newer than itself. Members that a type does not name are ignored, those
//! that may be missing are optional, and a word that this version does not know is kept as it came (`words.rs`).

mod administration;
mod ask;
mod comparison;
mod deploy;
mod deployments;
mod incomplete;
mod release;
mod replay;
mod replicas;
mod retain;
mod running;
mod schema;
mod search;
mod seen;
mod sightings;
mod watched;
mod words;

pub use administration::*;
pub use ask::*;
pub use comparison::*;
pub use deploy::*;
pub use deployments::*;
pub use incomplete::*;
pub use release::*;
pub use replay::*;
pub use replicas::*;
pub use retain::*;
pub use running::*;
pub use search::*;
pub use seen::*;
pub use sightings::*;
pub use watched::*;
pub use words::*;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// An answer of another version that says more, or says it otherwise, is understood all the same.
    #[test]
    fn answers_of_other_versions_are_understood() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let running: Running = serde_json::from_value(json!({
            "environment": "production", "at": "2026-03-02T06:00:00Z", "mood": "good", "failing": [],
            "services": [{
                "repository": "shop/web", "digest": digest, "since": "2026-03-02T06:00:00Z", "state": "paused",
                "confidence": "confirmed", "last_seen_at": "2026-03-02T06:00:00Z", "age_s": 285, "clients": 3, "zone": "eu"
            }]
        }))
        .unwrap();
        let service = &running.services[0];
        assert_eq!((service.state.as_str(), service.confidence.as_str()), ("paused", "confirmed"));
        assert_eq!((service.version.as_deref(), running.incomplete.is_none()), (None, true));
        assert_eq!((service.seen.age_s, service.seen.unconfirmed_since), (285, None));
        let problem: Problem = serde_json::from_value(json!({"title": "No", "cause": 7})).unwrap();
        assert_eq!((problem.title.as_str(), problem.detail.as_str()), ("No", ""));
    }

    /// The stored types are others, and their words are the same.
    #[test]
    fn the_words_of_what_is_stored_are_the_same() {
        use crate::model::{act, event};
        for kind in event::TokenKind::ALL {
            assert_eq!(TokenKind::from(kind).as_str(), kind.as_str());
            assert_eq!(json!(TokenKind::from(kind)), json!(kind));
        }
        for role in act::Role::ALL {
            assert_eq!(json!(Role::from(role)), json!(role));
        }
    }
}

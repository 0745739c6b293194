//! The room of wording: answers, as they are on the wire → sentences. `ask`, the commands and the pages say those for people,
//! the agent's tools those of [`agent`].
//!
//! Nothing is looked up here. What comes from outside (titles, versions) is said as it is, and a terminal's commands clean
//! it; in sentences for agents it is quoted.

pub mod agent;
mod asked;
mod beside;
mod fleet;
mod listed;
mod search;
mod seen;
#[cfg(test)]
mod tests;
mod views;

pub use asked::{
    asked_back, before, cannot_answer, latest, named_release, new_environment, new_token, nobody_is_known,
    not_certain, nothing_before, token_state, tokens, tokens_everywhere, unknown_release, way_back,
};
pub use beside::{beside_as, beside_label, compared_beside, running_beside};
pub use fleet::{
    changes_everywhere, changes_of_kind, environments, history_everywhere, missing_everywhere,
    missing_of_kind, rollbacks_everywhere, running_everywhere, troubles, verified_everywhere,
};
pub use listed::counted;
pub use search::{registered_later, searched, verified};
pub use seen::{age, as_last_seen, deploy_seen, refused};
pub use views::{
    changes, compared_as_last_seen, comparison, history, lacks, missing, release, release_there, rollbacks,
    running, side_names, unordered,
};

use crate::model::time::Time;

/// The text, said of a time in the past where there is one.
pub fn as_of(past: Option<Time>, text: String) -> String {
    match past {
        Some(at) => format!("As of {at}: {text}"),
        None => text,
    }
}

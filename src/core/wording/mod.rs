//! The room of wording: answers, as they are on the wire → sentences. `ask`, the commands and the pages say those for people,
//! the agent's tools those of [`agent`].
//!
//! Nothing is looked up here. Text from outside (titles, versions) is said as it is, and a terminal's commands clean
//! it; in sentences for agents it is quoted.

mod absence;
pub mod agent;
mod asked;
mod beside;
mod dates;
mod fleet;
mod listed;
mod named;
mod replicas;
mod retain;
mod revisions;
mod search;
mod seen;
#[cfg(test)]
mod tests;
mod views;
mod watched;
mod witnesses;

pub use absence::{absent, gone, nothing_runs};
pub use asked::{
    asked_back, before, cannot_answer, latest, named_release, new_environment, new_token, no_reason_is_known,
    nobody_is_known, not_certain, nothing_before, nothing_to_take_back, only_yanked, token_state, tokens,
    tokens_everywhere, unknown_release, way_back,
};
pub use beside::{beside_as, beside_label, compared_beside, running_beside};
pub use fleet::{
    changes_everywhere, changes_of_kind, environments, history_everywhere, missing_everywhere,
    missing_of_kind, rollbacks_everywhere, running_everywhere, troubles, verified_everywhere,
};
pub use listed::counted;
pub use named::{changes_of, comparison_of, missing_of, rollbacks_of, running_of};
pub use replicas::{applied, gone_for_good, lag, set_aside, unconfirmed};
pub use retain::{kept_because, retained};
pub use revisions::{REVISIONS, older_revisions, revision};
pub use search::{alike, registered_later, searched, verified};
pub use seen::{age, as_last_seen, deploy_seen, refused};
pub use views::{
    changes, compared_as_last_seen, comparison, history, lacks, missing, release, release_there, rollbacks,
    running, side_names, unordered,
};
pub use watched::{all_stuck, apart, bypasses, confirmed, contradicted, stuck, told};
pub use witnesses::watched_by;

use crate::model::time::Time;

/// The text, said of a time in the past where there is one.
pub fn as_of(past: Option<Time>, text: String) -> String {
    match past {
        Some(at) => format!("As of {}: {text}", dates::day(at)),
        None => text,
    }
}

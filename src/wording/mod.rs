//! The room of wording: typed views → sentences for people, which `ask` and the commands say.
//!
//! Nothing is looked up here. What comes from outside (titles, versions) is said as it is; whoever shows it to a terminal
//! or to a model cleans or quotes it.

pub mod agent;
mod asked;
mod search;
mod views;

pub use asked::{
    asked_back, cannot_answer, named_release, new_environment, new_token, not_certain, token_state, tokens,
    unknown_release,
};
pub use search::{registered_later, searched, verified};
pub use views::{
    changes, comparison, history, lacks, missing, release, release_there, rollbacks, running, side_names,
};

use crate::model::time::Time;

/// The text, said of a time in the past where there is one.
pub fn as_of(past: Option<Time>, text: String) -> String {
    match past {
        Some(at) => format!("As of {at}: {text}"),
        None => text,
    }
}

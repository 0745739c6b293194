//! The fold from observations to deployments.
//!
//! Words and rules are below. The data goes one way through these files:
//!
//! ```text
//! state → environment → service: nodes → pull → sighting → lines → rollouts: current, candidate, takeover → past, history
//!       ↘ witness: witnesses → watch → word ↗
//! ```
//!
//! Everything is bounded; every bound is a named constant in its file.
#![doc = include_str!("README.md")]

mod arrivals;
pub mod attempts;
mod beside;
mod block;
pub mod candidate;
mod content;
pub mod correction;
pub mod current;
mod environment;
pub mod evidence;
mod family;
mod history;
mod images;
pub mod lately;
mod lineage;
mod lines;
mod local;
mod nodes;
mod part;
pub mod past;
pub mod pull;
pub mod rollout;
pub mod rollouts;
pub mod rule;
mod runtimes;
mod schedule;
pub mod service;
pub mod sighting;
mod size;
mod state;
mod tagged;
mod takeover;
#[cfg(test)]
mod tests;
pub mod witness;

pub use content::Unread;
pub use environment::{EnvironmentState, Gap};
pub use local::PulledLocally;
pub use pull::PULL;
pub use rule::{RULES_VERSION, Rules};
pub use state::{Forgotten, State};

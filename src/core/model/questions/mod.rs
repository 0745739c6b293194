//! The questions: state and time → plain views, which every surface only formats.
//!
//! The caller tells the time: whether a rollout has settled depends on how long nothing came. Names and shapes are
//! those of the interface (`running`, `timeline`, `deployment`, `evidence`, `local`, and what `replay` prints).
#![doc = include_str!("README.md")]

mod across;
mod attention;
mod changes;
mod compare;
mod convert;
mod curve;
mod detailed;
mod find;
mod image;
mod incomplete;
mod insights;
mod matrix;
mod missing;
mod narrow;
mod overview;
mod release;
mod replayed;
mod retain;
mod revisions;
mod rollout;
mod running;
mod search;
mod seen;
mod service;
mod standing;
mod states;
mod taken_back;
#[cfg(test)]
mod tests;
mod timeline;
mod trace;
#[cfg(test)]
mod truths;
mod verify;
mod watched;

pub use across::{Across, Place, Step, across};
pub use attention::{ATTENTION_MAX, Attention, Behind, Moved, Unpulled};
pub use changes::{changes, history};
pub(in crate::model) use compare::fixes_and_pull_requests;
pub use compare::{Side, compare};
pub use curve::Curve;
pub use detailed::{DetailedDeployment, DetailedTimeline, detailed_deployment, detailed_timeline};
pub use find::{Finder, releases_of};
pub use insights::{
    Beginning, Insights, LeadTime, Measure, Service as MeasuredService, WEEK, WEEKS_MAX, Week, insights,
};
pub use matrix::{Cell, Mark, Row};
pub use missing::missing;
pub use narrow::Only;
pub use overview::{EnvironmentSummary, Latest, Overview, SPARK_DAYS, latest, overview};
pub use release::release;
pub use replayed::replayed;
pub use retain::{ROLLBACK_TARGETS, retain};
pub use running::{local, running};
pub use search::search;
pub use seen::seen_after;
pub use states::{Confidence, Kind, Phase, Standing};
pub use timeline::{deployment, evidence, timeline};
pub use trace::{Stay, Trace, trace};
pub use verify::verify;

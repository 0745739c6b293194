//! Deployments that are over.

use serde::{Deserialize, Serialize};

use crate::model::time::Time;

use super::rollout::{Rollout, TaggedDigest};
use super::rule::Rule;
use super::size::Size;

/// A deployment that is over.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PastRollout {
    /// The rollout of its image.
    pub rollout: Rollout,
    /// The image that ran before.
    pub from: Option<TaggedDigest>,
    /// The way in which it ended.
    pub outcome: Outcome,
    /// The last arrival that belongs to the rollout.
    pub progressed_at: Time,
    /// The time when quiet time had passed without a new node, if it came to that.
    pub settled_at: Option<Time>,
    /// The time when it was over.
    pub ended_at: Time,
    /// The image had run before this deployment.
    pub ran_before: bool,
    /// The rule by which it became current; of a candidate that never did, the one that it did not meet.
    pub rule: Rule,
    /// The number of pulls of the image it replaced, while it rolled out.
    pub stragglers: u32,
    /// The number of nodes that would have made it complete.
    pub expected: u32,
    /// The size of the service, as far as it and those before it showed.
    pub(super) size: Size,
}

/// Ways in which a deployment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was current until another image replaced it.
    Replaced,
    /// It stayed a minority, and was not seen to be given up.
    Mixed,
    /// It was given up.
    Aborted,
}

//! Corrections: assumptions that later evidence took back.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::oci::{Digest, Tag};
use crate::model::time::Time;

use super::rule::Rule;

/// Most corrections that are kept for a deployment: the latest.
pub(crate) const CORRECTIONS_MAX: usize = 8;

/// Assumptions about an image that turned out to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assumption {
    /// It was replaced: the image after it ran.
    Replaced,
    /// It was on its way back.
    WayBack,
    /// A minority ran it.
    Minority,
}

/// Findings that replaced an assumption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The service runs it.
    Deployed,
    /// Old pods that were not replaced yet pulled it.
    Straggler,
    /// Its nodes left it.
    GivenUp,
    /// It runs beside the service: another version, another program, a job.
    Beside,
}

/// A finding that takes an earlier assumption back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The time of the correction.
    pub at: Time,
    /// The top-level digest of the image that it is about.
    pub digest: Digest,
    /// The tag it was pulled by last.
    pub tag: Option<Tag>,
    /// The client that pulled it first, where that is known.
    pub client: Option<Arc<str>>,
    /// The earlier assumption.
    pub was: Assumption,
    /// The finding that replaces it.
    pub now: Finding,
    /// The rule that decided.
    pub rule: Rule,
}

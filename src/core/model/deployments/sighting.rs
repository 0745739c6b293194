//! Sightings: the one form in which every source of evidence speaks to the rules.
//!
//! A source turns what it hears into sightings, in the order of their times. Pulls are one (`pull.rs`); what witnesses see run
//! (`witness/`) is evidence in the same form. The rules see sightings and nothing behind them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::oci::{Digest, Tag};
use crate::model::time::Time;

use super::images::Images;

/// A place said something of an image.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sighting {
    /// The node or the workload that it was seen at, as evidence names it. Of pulls, the address that they came from.
    pub(crate) place: Arc<str>,
    /// Of pulls, the program that made it, as it calls itself.
    pub(crate) agent: Option<Arc<str>>,
    /// The top-level digest.
    pub(crate) digest: Digest,
    /// The time of the sighting, on the log's own line.
    pub(crate) at: Time,
    /// The tag, where one was named.
    pub(crate) tag: Option<Tag>,
    /// Its strength, which names its source too.
    pub(crate) grade: Grade,
    /// Its meaning for the place.
    pub(crate) shows: Shows,
    /// The time since when the place had tried again and again to get the image, or to run it.
    pub(crate) tried_since: Option<Time>,
    /// The number of starts that it stands for: more than one where pods start together or places share a name.
    pub(crate) starts: u32,
    /// Several nodes stand behind this place, and cannot be told apart.
    pub(crate) is_shared: bool,
    /// The images that the place was known to have before.
    pub(crate) before: Images,
}

/// The meaning of a sighting for the place where it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shows {
    /// The image is here, as it was before: a restart, another pod.
    Presence {
        /// The latest time before that it was seen here.
        last_at: Time,
    },
    /// The image is here, and was not known to be before.
    Change,
    /// The image is not here any more. Pulls never say so, for nobody pulls in order to run nothing.
    Absence,
}

/// Strengths of evidence, the weakest first. Each belongs to one source; one of another source goes to the end, for
/// snapshots hold their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// A HEAD alone: the node has the image already, and asked whether its tag still says so.
    Check,
    /// The manifest was fetched.
    Pull,
    /// Content came too.
    Transfer,
    /// A witness saw it run.
    Running,
}

/// Sources of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EvidenceSource {
    /// Requests that the proxy answered.
    Pull,
    /// Statements of witnesses.
    Sighting,
}

impl Grade {
    /// The source that gives evidence of this strength.
    pub fn source(self) -> EvidenceSource {
        match self {
            Self::Check | Self::Pull | Self::Transfer => EvidenceSource::Pull,
            Self::Running => EvidenceSource::Sighting,
        }
    }

    /// The strength as it is written in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Pull => "pull",
            Self::Transfer => "transfer",
            Self::Running => "running",
        }
    }
}

impl EvidenceSource {
    /// The source as it is written in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Sighting => "sighting",
        }
    }
}

impl Sighting {
    /// The number of places that came to the image with this sighting, seen from a rollout that opened at `opened_at`.
    pub(crate) fn arrivals(&self, opened_at: Time) -> u32 {
        match self.shows {
            Shows::Absence => 0,
            Shows::Presence { .. } | Shows::Change if self.is_shared => self.starts,
            Shows::Presence { last_at } => u32::from(last_at < opened_at),
            Shows::Change => 1,
        }
    }

    /// Tells whether the place held the image before, run or pre-pulled.
    pub(crate) fn was_held(&self) -> bool {
        self.before.holds(&self.digest)
    }

    /// Tells whether the place fetched content that it had held: its cache was emptied.
    pub(crate) fn is_refetched(&self) -> bool {
        self.was_held() && !self.is_shared && self.grade == Grade::Transfer
    }
}

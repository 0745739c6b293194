//! The rule behind a verdict, and corrections of earlier verdicts.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::oci::{Digest, Tag};
use crate::model::time::Time;

/// Most corrections that are kept for a deployment: the latest.
pub(crate) const CORRECTIONS_MAX: usize = 8;

/// A rule of README.md by which something was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rule {
    /// The first image is main.
    First,
    /// Enough nodes came to it.
    Share,
    /// Nobody asks for the other any more.
    Alone,
    /// Caches hide the nodes that hold it.
    Caches,
    /// Nobody canaries the way down.
    WayDown,
    /// A pull of the image before is a straggler while main rolls out, and the way back when the rollout stops.
    Stragglers,
    /// A single pull is kept only after a hold.
    Hold,
    /// The tag itself was moved back.
    MovedTag,
    /// Several nodes ask from one address.
    SharedAddress,
    /// Quiet time passed.
    Settled,
    /// The order of releases tells the kind.
    Order,
}

impl Rule {
    /// Its number in README.md.
    pub fn number(self) -> u8 {
        match self {
            Self::First => 3,
            Self::Share => 4,
            Self::Alone => 5,
            Self::Caches => 6,
            Self::WayDown => 7,
            Self::Stragglers => 8,
            Self::Hold => 9,
            Self::MovedTag => 10,
            Self::SharedAddress => 11,
            Self::Settled => 12,
            Self::Order => 13,
        }
    }

    /// Its name there.
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "the first image",
            Self::Share => "the share",
            Self::Alone => "heard alone",
            Self::Caches => "caches",
            Self::WayDown => "the way down",
            Self::Stragglers => "stragglers",
            Self::Hold => "the hold",
            Self::MovedTag => "a moved tag",
            Self::SharedAddress => "a shared address",
            Self::Settled => "settled",
            Self::Order => "the order",
        }
    }
}

/// Earlier verdicts on an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thought {
    /// It was replaced: the image after it ran.
    Replaced,
    /// It was on its way back.
    WayBack,
    /// A minority ran it.
    Minority,
}

/// Later findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The service runs it.
    Deployed,
    /// Old pods that were not replaced yet pulled it.
    Straggler,
    /// Its nodes left it.
    GivenUp,
}

/// A later observation took an earlier judgement back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The time of the correction.
    pub at: Time,
    /// Of which image.
    pub digest: Digest,
    /// The tag it was pulled by last.
    pub tag: Option<Tag>,
    /// The client that pulled it first, where that is known.
    pub client: Option<Arc<str>>,
    /// The earlier verdict.
    pub was: Thought,
    /// The verdict that replaces it.
    pub now: Finding,
    /// The rule that spoke.
    pub rule: Rule,
}

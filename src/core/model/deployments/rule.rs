//! Rules of README.md: their version, their setting, their numbers and names.

use serde::{Deserialize, Serialize};

use crate::model::time::Span;

/// The version of the rules. A change of them that may change an answer raises it, and the log is folded again.
pub const RULES_VERSION: u32 = 14;

/// Settings of the derivation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// Quiet time after which a rollout counts as settled.
    pub settle: Span,
    /// With several machines that write the log: an observation further behind the latest one than this comes late, and counts in
    /// its own place once its writer has caught up. Zero where one machine writes: then its clock was set back.
    pub lateness: Span,
}

impl Default for Rules {
    fn default() -> Self {
        Self { settle: Span::from_mins(10), lateness: Span::default() }
    }
}

/// A rule that decided something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rule {
    /// The first image is the current one.
    First,
    /// Enough nodes came to it.
    Share,
    /// Nobody asks for the other any more.
    Alone,
    /// Caches hide the nodes that hold it.
    Caches,
    /// Nobody canaries the way down.
    WayDown,
    /// A pull of the image before is a straggler while the current one rolls out, and the way back when the rollout stops.
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
    /// Images that take turns run side by side.
    Beside,
    /// Lone pulls at a fixed period are a job's.
    Schedule,
    /// Something that sees what runs says so.
    Witness,
}

impl Rule {
    /// Its number in README.md, from 3 on: rules 1 and 2 decide what is evidence.
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
            Self::Beside => 15,
            Self::Schedule => 16,
            Self::Witness => 18,
        }
    }

    /// Its name in README.md.
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
            Self::Beside => "side by side",
            Self::Schedule => "a schedule",
            Self::Witness => "the witness",
        }
    }
}

//! The size of a service, in nodes, as far as the rollouts before an image show.
//!
//! The rule, by number, is that of README.md (14).

use serde::{Deserialize, Serialize};

use crate::model::time::{Span, Time};

/// The size of a service is remembered for so long while only few nodes come to its images: nobody leaves a part standing for
/// that.
const KEPT: Span = Span::from_mins(7 * 24 * 60);

/// The size of a service when an image came. The rules that decide what is current do not look at it: what is told does, and
/// what caches explain.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Size {
    /// Its nodes; 0 where nothing showed them.
    pub(super) nodes: u32,
    /// The opening of the first of the images in a row that each came to less than most of the service; that of the image
    /// itself where the one before came to most.
    pub(super) few_since: Time,
    /// The number of images right before that stood for a part each: the rest of the service may run any of them, and what
    /// ran before them.
    pub(super) parts_before: u32,
}

impl Size {
    /// The size of a service of which nothing is known when its first image comes at `at`.
    pub(super) fn unknown(at: Time) -> Self {
        Self { nodes: 0, few_since: at, parts_before: 0 }
    }

    /// The size for a successor that opens at `at`, when `came` nodes came to this image. Most of the service says how large it
    /// is now: `came`, or as many as are still `known` from before. A part does not, until [`KEPT`] has passed since the first of
    /// the parts in a row: nobody leaves one standing for longer.
    pub(super) fn after(self, came: u32, known: u32, is_most: bool, at: Time) -> Self {
        let parts_before = if is_most { 0 } else { self.parts_before + 1 };
        if !is_most && at.since(self.few_since) <= KEPT {
            return Self { nodes: self.nodes.max(came), few_since: self.few_since, parts_before };
        }
        Self { nodes: came.max(known), few_since: at, parts_before }
    }
}

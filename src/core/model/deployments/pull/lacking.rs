//! Content that a node tried to fetch and did not get. Runtimes keep the rest of an image, so a retry asks for its name and
//! for this alone; and a pod that nobody takes away tries for days.

use serde::{Deserialize, Serialize};

use crate::model::deployments::images::may_try_again;
use crate::model::oci::Digest;
use crate::model::time::{Span, Time};

/// A pull takes no longer than this, whatever comes.
pub(super) const LONGEST: Span = Span::from_mins(120);

/// Content that is due may take so long to come, or to fail, after what came before it: a layer is logged once it is
/// through, and nothing is heard of it until then.
pub(super) const CONTENT: Span = Span::from_mins(15);

/// Most images of which that is remembered; the one that was refused longest ago makes room.
const LACKING_MAX: usize = 8;

/// Content that one node lacks.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Lacking(Vec<Lack>);

/// A manifest or a blob of an image that was refused last, and did not come since.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Lack {
    image: Digest,
    content: Digest,
    /// The first refusal of those that follow each other as a node that goes on trying makes them.
    since: Time,
    refused_at: Time,
}

impl Lacking {
    /// The content that is lacking of `image` at `at`. Once no refusal was heard for longer than a pull takes, it may
    /// have come in another way, as a part of another repository's image.
    pub(super) fn of(&self, image: &Digest, at: Time) -> Option<Digest> {
        let lack = self.0.iter().find(|lack| lack.image == *image && at.since(lack.refused_at) <= LONGEST)?;
        Some(lack.content)
    }

    /// The time since when the node has tried to pull `image` again and again, up to `at`.
    pub(super) fn tried_since(&self, image: &Digest, at: Time) -> Option<Time> {
        let is_it = |lack: &&Lack| lack.image == *image && may_try_again(lack.refused_at, at);
        self.0.iter().find(is_it).map(|lack| lack.since)
    }

    /// Notes that `content` of `image` was refused.
    pub(super) fn add(&mut self, image: Digest, content: Digest, refused_at: Time) {
        let since = self.tried_since(&image, refused_at).unwrap_or(refused_at);
        self.0.retain(|lack| lack.image != image);
        if self.0.len() == LACKING_MAX {
            self.0.remove(0);
        }
        self.0.push(Lack { image, content, since, refused_at });
    }

    /// Notes that `content` came.
    pub(super) fn came(&mut self, content: &Digest) {
        self.0.retain(|lack| lack.content != *content);
    }
}

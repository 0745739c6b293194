//! A digest and its tag: an image as one that came after it remembers it.

use serde::{Deserialize, Serialize};

use crate::model::oci::{Digest, Tag};

/// A digest, and the tag it was pulled by last.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TaggedDigest {
    /// The top-level digest.
    pub digest: Digest,
    tag: Option<Tag>,
}

impl TaggedDigest {
    pub(crate) fn new(digest: Digest, tag: Option<Tag>) -> Self {
        Self { digest, tag }
    }

    /// The tag it was pulled by last.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_ref().map(Tag::as_str)
    }
}

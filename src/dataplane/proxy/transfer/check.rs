//! Checks on the body of a transfer.

use std::sync::Arc;

use bytes::Bytes;

use crate::model::oci::{Digest, Hasher};
use crate::proxy::verification::SharedHash;

/// Checks on a body.
pub enum BodyCheck {
    /// Hash a complete answer and withhold its end until the digest matches.
    Hash(Digest),
    /// Check only the length: the declared one, else the verified length of the blob.
    Length(Option<u64>),
    /// Check the length, and stop if a concurrent transfer of the same blob turns out invalid.
    Follow(Arc<SharedHash>),
}

impl From<Option<Digest>> for BodyCheck {
    fn from(verify: Option<Digest>) -> Self {
        verify.map_or(Self::Length(None), Self::Hash)
    }
}

/// The digest of a body, computed while it passes.
pub(super) struct Hashing {
    pub(super) expected: Digest,
    pub(super) hasher: Hasher,
    /// Last chunk, withheld. Without a declared length any chunk may be the last one.
    pub(super) held: Option<Bytes>,
}

impl Hashing {
    pub(super) fn new(expected: Digest) -> Self {
        Self { expected, hasher: expected.algorithm().hasher(), held: None }
    }

    pub(super) fn is_valid(&self) -> bool {
        self.hasher.clone().finish() == self.expected
    }
}

//! Names of writers and of acts.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A writer: the outbox of one data folder, by a number. Copies of a folder have the same one, which is a fault.
///
/// The upper half says the replica's name, as far as 64 bits can, and the lower one is random. So whoever may write under one
/// replica's name in the stream can be none of another one's writers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(in crate::log) struct WriterId(u128);

impl WriterId {
    /// Its length in bytes, and that of its random half.
    pub(in crate::log) const BYTES: usize = 16;
    pub(in crate::log) const RANDOM_BYTES: usize = 8;

    /// The writer of this random number.
    #[cfg(test)]
    pub(in crate::log) const fn new(random: u128) -> Self {
        Self(random)
    }

    /// A writer of the replica with this name.
    pub(in crate::log) fn of(name: &str, random: [u8; Self::RANDOM_BYTES]) -> Self {
        Self(u128::from(tag(name)) << 64 | u128::from(u64::from_le_bytes(random)))
    }

    /// Tells whether it is one of the replica with this name.
    pub(in crate::log) fn is_of(self, name: &str) -> bool {
        self.0 >> 64 == u128::from(tag(name))
    }

    /// The replica whose writer it is: the half that says its name, and nothing else.
    pub(in crate::log) fn replica(self) -> Self {
        Self(self.0 >> 64 << 64)
    }

    /// All writers of the same replica, from the first to the last.
    pub(super) fn of_same_replica(self) -> RangeInclusive<Self> {
        let Self(first) = self.replica();
        Self(first)..=Self(first | u128::from(u64::MAX))
    }

    /// The writer of this text, as [`fmt::Display`] writes it.
    #[cfg(feature = "shared")]
    pub(in crate::log) fn from_text(text: &str) -> Option<Self> {
        let is_text = text.len() == 2 * Self::BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u128::from_str_radix(text, 16).ok().filter(|_| is_text).map(Self)
    }

    pub(in crate::log) fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(u128::from_le_bytes(bytes))
    }

    pub(in crate::log) fn to_bytes(self) -> [u8; Self::BYTES] {
        self.0.to_le_bytes()
    }
}

/// The half of a writer that says the replica's name.
fn tag(name: &str) -> u64 {
    let sum: [u8; 32] = Sha256::digest(name.as_bytes()).into();
    sum.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

impl fmt::Display for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// An act: its writer, and the number that this gave it. Numbers of one writer's acts rise, and may leave some out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(in crate::log) struct ActId {
    pub(in crate::log) writer: WriterId,
    /// From 1.
    pub(in crate::log) number: u64,
}

//! Names of writers and of acts.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A writer: the outbox of one data folder, by a random number. Copies of a folder have the same one, which is a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(in crate::log) struct WriterId(u128);

impl WriterId {
    /// Its length in bytes.
    pub(in crate::log) const BYTES: usize = 16;

    /// The writer of this random number.
    #[cfg(test)]
    pub(in crate::log) fn new(random: u128) -> Self {
        Self(random)
    }

    pub(in crate::log) fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(u128::from_le_bytes(bytes))
    }

    pub(in crate::log) fn to_bytes(self) -> [u8; Self::BYTES] {
        self.0.to_le_bytes()
    }
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

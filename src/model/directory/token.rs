//! A token: what it is for, until when it is accepted, and how it was used.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::event::{TokenId, TokenKind};
use crate::model::time::Time;

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its public identifier.
    pub id: TokenId,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub kind: TokenKind,
    /// When it was made.
    pub created_at: Time,
    /// From when on it is refused.
    pub expires_at: Option<Time>,
    /// Since when it is refused.
    pub revoked_at: Option<Time>,
    /// The last observation that it made.
    pub last_used_at: Option<Time>,
    /// The address of that observation.
    pub last_used_from: Option<Arc<str>>,
    /// How many manifest requests it made that were answered 2xx.
    pub pulls: u64,
    pub(super) secret_sha256: [u8; 32],
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No environment has it.
    Unknown,
    /// It was revoked.
    Revoked,
    /// Its time is over.
    Expired,
}

impl Token {
    /// Whether the token is accepted at `now`.
    pub fn is_active(&self, now: Time) -> bool {
        self.check(now).is_ok()
    }

    /// Whether the token is accepted at `now`; if not, why.
    pub(super) fn check(&self, now: Time) -> Result<(), Refused> {
        check(self.revoked_at, self.expires_at, now)
    }
}

/// Whether a token with these ends is accepted at `now`; if not, why.
pub(super) fn check(revoked_at: Option<Time>, expires_at: Option<Time>, now: Time) -> Result<(), Refused> {
    if revoked_at.is_some() {
        Err(Refused::Revoked)
    } else if expires_at.is_some_and(|end| end <= now) {
        Err(Refused::Expired)
    } else {
        Ok(())
    }
}

//! A token of an environment: its kind, its end, its use.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::usage::{Usage, Warning};
use crate::model::event::{Object, Observation, TokenId, TokenKind};
use crate::model::time::Time;

/// Code of the answer to a client with a refused token.
pub(super) const UNAUTHORIZED: u16 = 401;

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its public identifier.
    pub id: TokenId,
    /// Its name, for people.
    pub name: String,
    /// The kind of clients that it is for: it decides what their pulls prove.
    pub kind: TokenKind,
    /// The time when it was created.
    pub created_at: Time,
    /// The time from which on it is refused, where it ends by itself.
    pub expires_at: Option<Time>,
    /// The time when it was revoked.
    pub revoked_at: Option<Time>,
    /// The last observation that it made.
    pub last_used_at: Option<Time>,
    /// The address of that observation.
    pub last_used_from: Option<Arc<str>>,
    /// The number of its manifest requests that were answered 2xx.
    pub pulls: u64,
    /// The token that took its place, and that it ends for.
    pub successor: Option<TokenId>,
    pub(super) secret_sha256: [u8; 32],
    pub(super) usage: Usage,
}

/// The reason why a token is refused.
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
    /// A token that was never used.
    pub(super) fn new(
        at: Time,
        id: TokenId,
        name: String,
        kind: TokenKind,
        secret_sha256: [u8; 32],
        expires_at: Option<Time>,
    ) -> Self {
        Self {
            id,
            name,
            kind,
            created_at: at,
            expires_at,
            revoked_at: None,
            last_used_at: None,
            last_used_from: None,
            pulls: 0,
            successor: None,
            secret_sha256,
            usage: Usage::default(),
        }
    }

    /// Makes its successor, of the same name, kind and usage; the token itself is refused from `ends_at` on.
    pub(super) fn rotate(
        &mut self,
        at: Time,
        ends_at: Time,
        successor: TokenId,
        secret_sha256: [u8; 32],
        expires_at: Option<Time>,
    ) -> Self {
        self.expires_at = Some(self.expires_at.map_or(ends_at, |end| end.min(ends_at)));
        self.successor = Some(successor.clone());
        let new = Self::new(at, successor, self.name.clone(), self.kind, secret_sha256, expires_at);
        Self { usage: self.usage.inherited(), ..new }
    }

    /// The warnings about its use, as of `now`.
    pub fn warnings(&self, now: Time) -> impl Iterator<Item = &Warning> {
        self.usage.warnings(now)
    }

    /// Records a use.
    pub(super) fn record(&mut self, observation: &Observation) {
        self.last_used_at = Some(observation.at);
        if self.last_used_from.as_ref() != Some(&observation.client) {
            self.last_used_from = Some(observation.client.clone());
        }
        if observation.object == Object::Manifest && observation.digest.is_some() {
            self.pulls += 1;
        }
        // People travel, and try other programs.
        if self.kind != TokenKind::Local && observation.status != UNAUTHORIZED {
            self.usage.record(observation);
        }
    }

    /// Notes that a witness reported with it.
    pub(super) fn reported(&mut self, at: Time) {
        self.last_used_at = Some(at);
    }

    /// The time since which the token is refused, as of `now`.
    pub fn ended_at(&self, now: Time) -> Option<Time> {
        let expired_at = self.expires_at.filter(|end| *end <= now);
        self.revoked_at.into_iter().chain(expired_at).min()
    }

    /// Tells whether the token is accepted at `now`.
    pub fn is_active(&self, now: Time) -> bool {
        self.check(now).is_ok()
    }

    /// Tells whether the token is accepted at `now`; if not, why.
    pub(super) fn check(&self, now: Time) -> Result<(), Refused> {
        check(self.revoked_at, self.expires_at, now)
    }
}

/// Tells whether a token with these ends is accepted at `now`; if not, why.
pub(super) fn check(revoked_at: Option<Time>, expires_at: Option<Time>, now: Time) -> Result<(), Refused> {
    if revoked_at.is_some() {
        Err(Refused::Revoked)
    } else if expires_at.is_some_and(|end| end <= now) {
        Err(Refused::Expired)
    } else {
        Ok(())
    }
}

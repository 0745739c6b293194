//! Fold of admin tokens, which let people see or change everything, and CI register releases.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::token::{Refused, check};
use crate::model::act::{Action, Role};
use crate::model::event::TokenId;
use crate::model::oci::Repository;
use crate::model::time::Time;

/// Admin tokens, those revoked too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admins {
    tokens: BTreeMap<TokenId, AdminToken>,
    by_secret: BTreeMap<[u8; 32], TokenId>,
}

/// An admin token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminToken {
    /// Its public identifier.
    pub id: TokenId,
    /// Its name, for people.
    pub name: String,
    /// The changes that it allows.
    pub role: Role,
    /// The repositories whose releases a publisher may register.
    pub repositories: Vec<Repository>,
    /// The time when it was created.
    pub created_at: Time,
    /// The time from which on it is refused, where it ends by itself.
    pub expires_at: Option<Time>,
    /// The time when it was revoked.
    pub revoked_at: Option<Time>,
}

impl AdminToken {
    fn new(created_at: Time, id: &TokenId, name: &str, role: Role, expires_at: Option<Time>) -> Self {
        let (id, name, repositories) = (id.clone(), name.to_owned(), Vec::new());
        Self { id, name, role, repositories, created_at, expires_at, revoked_at: None }
    }

    /// Tells whether the token is accepted at `now`.
    pub fn is_active(&self, now: Time) -> bool {
        check(self.revoked_at, self.expires_at, now).is_ok()
    }
}

impl Admins {
    /// The tokens, those revoked too, in the order of their identifiers.
    pub fn tokens(&self) -> impl Iterator<Item = &AdminToken> {
        self.tokens.values()
    }

    /// The token with this identifier.
    pub fn token(&self, id: &TokenId) -> Option<&AdminToken> {
        self.tokens.get(id)
    }

    /// Finds the token whose secret has this SHA-256, and tells whether it is accepted at `now`.
    ///
    /// The table is keyed by the hash of 190 random bits, so the time of a look-up tells nothing of a secret.
    pub fn authenticate(&self, secret_sha256: &[u8; 32], now: Time) -> Result<&AdminToken, Refused> {
        let id = self.by_secret.get(secret_sha256).ok_or(Refused::Unknown)?;
        let token = self.tokens.get(id).ok_or(Refused::Unknown)?;
        check(token.revoked_at, token.expires_at, now).map(|()| token)
    }

    fn add(&mut self, token: AdminToken, secret_sha256: [u8; 32]) {
        self.by_secret.insert(secret_sha256, token.id.clone());
        self.tokens.insert(token.id.clone(), token);
    }

    /// Applies an administrator's action, if it is about these tokens.
    pub(super) fn act(&mut self, at: Time, action: &Action) {
        match action {
            Action::AdminTokenCreated { id, name, role, secret_sha256, expires_at } => {
                self.add(AdminToken::new(at, id, name, *role, *expires_at), *secret_sha256);
            }
            Action::PublisherTokenCreated { id, name, repositories, secret_sha256, expires_at } => {
                let token = AdminToken::new(at, id, name, Role::Publisher, *expires_at);
                self.add(AdminToken { repositories: repositories.clone(), ..token }, *secret_sha256);
            }
            Action::AdminTokenRevoked { id } => {
                if let Some(token) = self.tokens.get_mut(id) {
                    token.revoked_at.get_or_insert(at);
                }
            }
            Action::EnvironmentCreated { .. }
            | Action::EnvironmentUpdated { .. }
            | Action::EnvironmentRenamed { .. }
            | Action::EnvironmentDeleted { .. }
            | Action::TokenCreated { .. }
            | Action::TokenRevoked { .. }
            | Action::TokenRotated { .. }
            | Action::ReleaseAdded(_)
            | Action::ReleaseEdited(_)
            | Action::ReleaseYanked { .. }
            | Action::ReleaseDeleted { .. }
            | Action::ReleaseDated { .. }
            | Action::DeployPlanned(_)
            | Action::DeployApplied { .. }
            | Action::DeployInterrupted { .. }
            | Action::DeployBegun { .. }
            | Action::TicketUsed { .. }
            | Action::ReplicaForgotten { .. }
            | Action::BackupTaken => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_token_is_accepted_until_it_ends() {
        let mut admins = Admins::default();
        let at = Time::from_ms;
        let id = |text: &str| TokenId::new(text);
        let made = |name: &str, secret: u8, expires_at| Action::AdminTokenCreated {
            id: id(name),
            name: name.into(),
            role: Role::Viewer,
            secret_sha256: [secret; 32],
            expires_at,
        };
        admins.act(at(1), &made("adm_1", 1, None));
        admins.act(at(1), &made("adm_2", 2, Some(at(100))));
        assert_eq!(admins.authenticate(&[1; 32], at(99)).unwrap().role, Role::Viewer);
        assert_eq!(admins.authenticate(&[2; 32], at(99)).unwrap().id, id("adm_2"));
        assert_eq!(admins.authenticate(&[2; 32], at(100)), Err(Refused::Expired));
        assert_eq!(admins.authenticate(&[3; 32], at(99)), Err(Refused::Unknown));
        for ms in [10, 20] {
            admins.act(at(ms), &Action::AdminTokenRevoked { id: id("adm_1") });
        }
        assert_eq!(admins.authenticate(&[1; 32], at(30)), Err(Refused::Revoked));
        assert_eq!(admins.token(&id("adm_1")).unwrap().revoked_at, Some(at(10)));
    }
}

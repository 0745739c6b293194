//! Fold of environments, their tokens and admin tokens.
#![doc = include_str!("README.md")]

mod addresses;
mod admins;
mod forgotten;
#[cfg(test)]
mod tests;
mod tickets;
mod token;
mod usage;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::act::{Action, TicketId};
use super::event::{EnvironmentName, Event, Observation, TokenId};
use super::former_names::FormerNames;
use super::time::Time;

pub use admins::{AdminToken, Admins};
pub use tickets::UsedTickets;
pub use token::{Refused, Token};
pub use usage::{Warning, WarningKind};

use addresses::Addresses;
use forgotten::ForgottenReplicas;
use token::UNAUTHORIZED;

/// Every environment and token, as the log says. Cloning is cheap: what did not change is shared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Directory {
    environments: BTreeMap<EnvironmentName, Arc<Environment>>,
    by_secret: Arc<BTreeMap<[u8; 32], (EnvironmentName, TokenId)>>,
    admins: Arc<Admins>,
    addresses: Addresses,
    former: FormerNames,
    used_tickets: Arc<UsedTickets>,
    forgotten: Arc<ForgottenReplicas>,
}

/// An environment and its tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Its name, which is its identity.
    pub name: EnvironmentName,
    /// A description, for people.
    pub description: String,
    /// The color of its badges, as `#rrggbb`.
    pub color: String,
    /// The time when it was created.
    pub created_at: Time,
    tokens: BTreeMap<TokenId, Token>,
}

impl Environment {
    /// Its tokens, those revoked too, in the order of their identifiers.
    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.values()
    }

    /// The token with this identifier.
    pub fn token(&self, id: &TokenId) -> Option<&Token> {
        self.tokens.get(id)
    }

    /// The number of tokens that are accepted at `now`.
    pub fn tokens_active(&self, now: Time) -> usize {
        self.tokens.values().filter(|token| token.is_active(now)).count()
    }
}

impl Directory {
    /// Environments in the order of their names.
    pub fn environments(&self) -> impl Iterator<Item = &Environment> {
        self.environments.values().map(Arc::as_ref)
    }

    /// The admin tokens.
    pub fn admins(&self) -> &Admins {
        &self.admins
    }

    /// The environment that has this name, or had it before, if it is one and exists.
    pub fn environment(&self, name: &str) -> Option<&Environment> {
        let name: EnvironmentName = name.parse().ok()?;
        self.environments.get(self.former.today(&name)).map(Arc::as_ref)
    }

    /// Tells whether a ticket was used up. One that ended is not remembered for ever: whoever asks has looked at its end.
    pub fn is_used(&self, ticket: &TicketId) -> bool {
        self.used_tickets.has(ticket)
    }

    /// Tells whether a server of the log was forgotten, and said nothing after what was `seen_at`.
    pub fn is_forgotten(&self, replica: &str, seen_at: Time) -> bool {
        self.forgotten.has(replica, seen_at)
    }

    /// Former names of environments.
    pub fn former(&self) -> &FormerNames {
        &self.former
    }

    /// Finds the token whose secret has this SHA-256, if it is accepted at `now`.
    ///
    /// The table is keyed by the hash of 190 random bits, so the time of a look-up tells nothing of a secret.
    pub fn authenticate(
        &self,
        secret_sha256: &[u8; 32],
        now: Time,
    ) -> Result<(&Environment, &Token), Refused> {
        let (environment, token) = self.owner(secret_sha256).ok_or(Refused::Unknown)?;
        token.check(now).map(|()| (environment, token))
    }

    /// Finds the token whose secret has this SHA-256, accepted or not.
    pub fn owner(&self, secret_sha256: &[u8; 32]) -> Option<(&Environment, &Token)> {
        let (name, id) = self.by_secret.get(secret_sha256)?;
        let environment = self.environments.get(name)?;
        let token = environment.tokens.get(id)?;
        let same = subtle::ConstantTimeEq::ct_eq(&token.secret_sha256[..], &secret_sha256[..]);
        bool::from(same).then_some((environment.as_ref(), token))
    }

    /// Takes the log's next event into account. Events that name what does not exist change nothing.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Observed(observation) => self.record(observation),
            Event::Acted(act) => self.act(act.at, &act.action),
            Event::Refused { last, .. } => {
                if let Some(token) = self.token_mut(&last.environment, &last.token) {
                    token.record(last);
                }
            }
            Event::Reported(report) => {
                if let Some(token) = self.token_mut(&report.environment, &report.token) {
                    token.reported(report.at);
                }
            }
            Event::Learned { .. }
            | Event::Gap { .. }
            | Event::LeftOut(_)
            | Event::ClockStepped { .. }
            | Event::CaughtUp { .. } => {}
        }
    }

    fn act(&mut self, at: Time, action: &Action) {
        match action {
            Action::EnvironmentCreated { name, description, color } => {
                let environment = Environment {
                    name: name.clone(),
                    description: description.clone(),
                    color: color.clone(),
                    created_at: at,
                    tokens: BTreeMap::new(),
                };
                self.environments.entry(name.clone()).or_insert_with(|| Arc::new(environment));
            }
            Action::EnvironmentUpdated { name, description, color } => {
                if let Some(environment) = self.environments.get_mut(name).map(Arc::make_mut) {
                    environment
                        .description
                        .clone_from(description.as_ref().unwrap_or(&environment.description.clone()));
                    environment.color.clone_from(color.as_ref().unwrap_or(&environment.color.clone()));
                }
            }
            Action::EnvironmentRenamed { from, to } => self.rename(from, to),
            Action::EnvironmentDeleted { name } => {
                self.former.forget(name);
                if self.environments.remove(name).is_some() {
                    Arc::make_mut(&mut self.by_secret).retain(|_, (owner, _)| owner != name);
                }
            }
            Action::TokenCreated { environment, id, name, kind, secret_sha256, expires_at } => {
                let token = Token::new(at, id.clone(), name.clone(), *kind, *secret_sha256, *expires_at);
                self.add(environment, token);
            }
            Action::TokenRevoked { environment, id } => {
                if let Some(token) = self.token_mut(environment, id) {
                    token.revoked_at.get_or_insert(at);
                }
            }
            Action::TokenRotated { environment, id, ends_at, successor, secret_sha256, expires_at } => {
                if let Some(old) = self.token_mut(environment, id) {
                    let token = old.rotate(at, *ends_at, successor.clone(), *secret_sha256, *expires_at);
                    self.add(environment, token);
                }
            }
            Action::AdminTokenCreated { .. }
            | Action::AdminTokenRevoked { .. }
            | Action::PublisherTokenCreated { .. } => {
                Arc::make_mut(&mut self.admins).act(at, action);
            }
            Action::TicketUsed { id, ends_at, .. } => {
                Arc::make_mut(&mut self.used_tickets).add(*id, *ends_at, at);
            }
            Action::ReplicaForgotten { name, seen_at } => {
                Arc::make_mut(&mut self.forgotten).add(name, *seen_at);
            }
            Action::ReleaseAdded(_)
            | Action::ReleaseEdited(_)
            | Action::ReleaseYanked { .. }
            | Action::ReleaseDeleted { .. }
            | Action::ReleaseDated { .. }
            | Action::DeployPlanned(_)
            | Action::DeployBegun { .. }
            | Action::DeployApplied { .. }
            | Action::DeployInterrupted { .. }
            | Action::BackupTaken => {}
        }
    }

    fn rename(&mut self, from: &EnvironmentName, to: &EnvironmentName) {
        let Some(mut environment) = self.environments.remove(from) else { return };
        Arc::make_mut(&mut environment).name.clone_from(to);
        self.environments.insert(to.clone(), environment);
        for (owner, _) in Arc::make_mut(&mut self.by_secret).values_mut() {
            if owner == from {
                owner.clone_from(to);
            }
        }
        self.former.rename(from, to);
    }

    fn add(&mut self, environment: &EnvironmentName, token: Token) {
        let Some(owner) = self.environments.get_mut(environment).map(Arc::make_mut) else { return };
        Arc::make_mut(&mut self.by_secret)
            .insert(token.secret_sha256, (environment.clone(), token.id.clone()));
        owner.tokens.insert(token.id.clone(), token);
    }

    fn record(&mut self, observation: &Observation) {
        let Some(token) = self.token_mut(&observation.environment, &observation.token) else { return };
        token.record(observation);
        if observation.status == UNAUTHORIZED || self.environments.len() < 2 {
            return;
        }
        let name = self.former.today(&observation.environment).clone();
        let other = self.addresses.record(&name, observation, &self.former);
        let Some((environment, token)) = other else { return };
        for (one, id, other) in [(&name, &observation.token, &environment), (&environment, &token, &name)] {
            let Some(token) = self.token_mut(one, id) else { continue };
            token.usage.warn(WarningKind::TwoEnvironments, observation.at, other.as_str(), || {
                format!(
                    "{} pulls with it for {one} and, in turns, with another token for {other}",
                    observation.client
                )
            });
        }
    }

    fn token_mut(&mut self, environment: &EnvironmentName, id: &TokenId) -> Option<&mut Token> {
        let environment = self.environments.get_mut(self.former.today(environment))?;
        Arc::make_mut(environment).tokens.get_mut(id)
    }
}

//! Version 1: an administrator's change was an event of its own and did not say who made it.
//!
//! `Observation` and `Facts` are those of today; a version that changes them takes a copy of them along here.

use serde::Deserialize;

use crate::model::act::{Action, Actor};
use crate::model::event::{EnvironmentName, Event, Facts, Observation, TokenId, TokenKind};
use crate::model::oci::{Digest, Repository};
use crate::model::time::Time;

pub(super) const VERSION: u8 = 1;

#[derive(Deserialize)]
pub(super) enum EventV1 {
    Observed(Observation),
    Learned {
        at: Time,
        repository: Repository,
        digest: Digest,
        facts: Facts,
    },
    EnvironmentCreated {
        at: Time,
        name: EnvironmentName,
        description: String,
        color: String,
    },
    EnvironmentUpdated {
        at: Time,
        name: EnvironmentName,
        description: Option<String>,
        color: Option<String>,
    },
    EnvironmentDeleted {
        at: Time,
        name: EnvironmentName,
    },
    TokenCreated {
        at: Time,
        environment: EnvironmentName,
        id: TokenId,
        name: String,
        kind: TokenKind,
        secret_sha256: [u8; 32],
        expires_at: Option<Time>,
    },
    TokenRevoked {
        at: Time,
        environment: EnvironmentName,
        id: TokenId,
    },
    Gap {
        from: Time,
        until: Time,
        lost: u64,
    },
}

impl From<EventV1> for Event {
    fn from(event: EventV1) -> Self {
        let (at, action) = match event {
            EventV1::Observed(observation) => return Self::Observed(observation),
            EventV1::Learned { at, repository, digest, facts } => {
                return Self::Learned { at, repository, digest, facts };
            }
            EventV1::Gap { from, until, lost } => return Self::Gap { from, until, lost },
            EventV1::EnvironmentCreated { at, name, description, color } => {
                (at, Action::EnvironmentCreated { name, description, color })
            }
            EventV1::EnvironmentUpdated { at, name, description, color } => {
                (at, Action::EnvironmentUpdated { name, description, color })
            }
            EventV1::EnvironmentDeleted { at, name } => (at, Action::EnvironmentDeleted { name }),
            EventV1::TokenCreated { at, environment, id, name, kind, secret_sha256, expires_at } => {
                (at, Action::TokenCreated { environment, id, name, kind, secret_sha256, expires_at })
            }
            EventV1::TokenRevoked { at, environment, id } => (at, Action::TokenRevoked { environment, id }),
        };
        action.by(Actor::default(), at)
    }
}

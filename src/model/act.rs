//! What administrators do, and who did it: every change that people or their programs ask for.
//!
//! An action says everything that the fold needs; the act around it says when, who, through what and from where.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::event::{EnvironmentName, Event, TokenId, TokenKind};
use super::time::Time;

/// One change, and who made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// When, by this machine's clock.
    pub at: Time,
    /// Who.
    pub by: Actor,
    /// What.
    pub action: Action,
}

/// Who changed something, through what and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Who.
    pub who: Who,
    /// Through what.
    pub through: Through,
    /// The address that the request came from, without the port; none where it is not known.
    pub from: Option<Arc<str>>,
}

/// Who changed something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Who {
    /// Not written down: the first format of the log did not.
    #[default]
    Unknown,
    /// Whoever holds the token of the server's token file.
    TokenFile,
    /// Whoever holds this admin token.
    AdminToken {
        /// Its public identifier.
        id: TokenId,
        /// Its name at that time.
        name: String,
    },
}

/// The surface that a change came through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Through {
    /// Not written down.
    #[default]
    Unknown,
    /// The REST API, by a client of somebody's own.
    Api,
    /// The command line.
    Cli,
    /// The dashboard, or a page's script with its session.
    Dashboard,
    /// The Model Context Protocol.
    Mcp,
    /// A forge's webhook.
    Webhook,
}

/// What an admin token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// To see, and to change nothing.
    Viewer,
    /// To see and to change.
    Admin,
}

/// A change. New ones go at the end (see `log::codec`); a large one goes into a box.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// An environment was made.
    EnvironmentCreated {
        /// Its name.
        name: EnvironmentName,
        /// What it is, for people.
        description: String,
        /// `#rrggbb`, for the badge.
        color: String,
    },
    /// An environment's description or colour was changed.
    EnvironmentUpdated {
        /// Which.
        name: EnvironmentName,
        /// The new description, if it changed.
        description: Option<String>,
        /// The new colour, if it changed.
        color: Option<String>,
    },
    /// An environment was deleted: its tokens are refused and it is tracked no more.
    EnvironmentDeleted {
        /// Which.
        name: EnvironmentName,
    },
    /// A token was made.
    TokenCreated {
        /// For which environment.
        environment: EnvironmentName,
        /// Its public identifier.
        id: TokenId,
        /// What people call it.
        name: String,
        /// What it is for.
        kind: TokenKind,
        /// The SHA-256 of the secret. The secret itself is kept nowhere.
        secret_sha256: [u8; 32],
        /// From when on it is refused.
        expires_at: Option<Time>,
    },
    /// A token was revoked.
    TokenRevoked {
        /// Of which environment.
        environment: EnvironmentName,
        /// Which.
        id: TokenId,
    },
    /// A token got a successor of the same name and kind, and ends itself a while later.
    TokenRotated {
        /// Of which environment.
        environment: EnvironmentName,
        /// Which.
        id: TokenId,
        /// From when on it is refused, if it does not end sooner.
        ends_at: Time,
        /// The successor's public identifier.
        successor: TokenId,
        /// The SHA-256 of the successor's secret.
        secret_sha256: [u8; 32],
        /// From when on the successor is refused.
        expires_at: Option<Time>,
    },
    /// An admin token was made.
    AdminTokenCreated {
        /// Its public identifier.
        id: TokenId,
        /// What people call it.
        name: String,
        /// What it allows.
        role: Role,
        /// The SHA-256 of the secret.
        secret_sha256: [u8; 32],
        /// From when on it is refused.
        expires_at: Option<Time>,
    },
    /// An admin token was revoked.
    AdminTokenRevoked {
        /// Which.
        id: TokenId,
    },
}

impl Action {
    /// The action as the log's next event.
    pub fn by(self, actor: Actor, at: Time) -> Event {
        Event::Acted(Box::new(Act { at, by: actor, action: self }))
    }
}

//! Acts of administrators, and their authors: every change that people or their programs ask for, and every backup.
//!
//! An action says everything that the fold needs; the act around it says when, who, through what and from where.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::names::{EnvironmentName, TokenId, TokenKind};
use super::oci::Repository;
use super::planned::Planned;
use super::releases::Registration;
use super::time::Time;

/// One change, and who made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// The time, by this machine's clock.
    pub at: Time,
    /// Its author.
    pub by: Actor,
    /// The change.
    pub action: Action,
}

/// The author of a change, with the surface and the address that it came through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// The person or program.
    pub who: Who,
    /// Through what.
    pub through: Through,
    /// The address that the request came from, without the port; none where it is not known.
    pub from: Option<Arc<str>>,
}

/// The author of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Who {
    /// Not written down: the first format of the log did not.
    #[default]
    Unknown,
    /// The holder of the token in the server's token file.
    TokenFile,
    /// The holder of this admin token.
    AdminToken {
        /// Its public identifier.
        id: TokenId,
        /// Its name at that time.
        name: String,
    },
    /// The sender of a webhook, who knows its secret.
    Webhook {
        /// The webhook's name at that time.
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

/// The rights of an admin token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// To see, and to change nothing.
    Viewer,
    /// To see and to change.
    Admin,
    /// To register releases of some repositories, and nothing else: what CI does.
    Publisher,
}

/// A change. A large one goes into a box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// An environment was made.
    EnvironmentCreated {
        /// Its name.
        name: EnvironmentName,
        /// Its description, for people.
        description: String,
        /// `#rrggbb`, for the badge.
        color: String,
    },
    /// An environment's description or colour was changed.
    EnvironmentUpdated {
        /// The environment.
        name: EnvironmentName,
        /// The new description, if it changed.
        description: Option<String>,
        /// The new colour, if it changed.
        color: Option<String>,
    },
    /// An environment was deleted: its tokens are refused and it is tracked no more.
    EnvironmentDeleted {
        /// The environment.
        name: EnvironmentName,
    },
    /// A token was made.
    TokenCreated {
        /// For which environment.
        environment: EnvironmentName,
        /// Its public identifier.
        id: TokenId,
        /// Its name for people.
        name: String,
        /// Its purpose.
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
        /// The token's public identifier.
        id: TokenId,
    },
    /// A token got a successor of the same name and kind, and ends itself a while later.
    TokenRotated {
        /// Of which environment.
        environment: EnvironmentName,
        /// The token's public identifier.
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
        /// Its name for people.
        name: String,
        /// Its rights.
        role: Role,
        /// The SHA-256 of the secret.
        secret_sha256: [u8; 32],
        /// From when on it is refused.
        expires_at: Option<Time>,
    },
    /// An admin token was revoked.
    AdminTokenRevoked {
        /// The token's public identifier.
        id: TokenId,
    },
    /// A release was registered, or more was told of one.
    ReleaseAdded(Box<Registration>),
    /// A deploy was planned: nothing is changed by it yet.
    DeployPlanned(Box<Planned>),
    /// A planned deploy was told to its cluster.
    DeployApplied {
        /// The plan's identifier.
        id: String,
        /// The environment.
        environment: EnvironmentName,
        /// The workloads that were changed, e.g. `deployment/web in shop`.
        workloads: Vec<String>,
    },
    /// A planned deploy was told to its cluster in part, or not at all.
    DeployInterrupted {
        /// The plan's identifier.
        id: String,
        /// The environment.
        environment: EnvironmentName,
        /// The workloads that were changed, e.g. `deployment/web in shop`.
        applied: Vec<String>,
        /// The workloads that were not.
        not_applied: Vec<String>,
        /// The reason.
        why: String,
    },
    /// A backup was taken: all that is known left the server.
    BackupTaken,
    /// A registered release was edited, and is this now.
    ReleaseEdited(Box<Registration>),
    /// A release was withdrawn, or is offered again. It stays known.
    ReleaseYanked {
        /// Of which repository.
        repository: Repository,
        /// Its version.
        version: String,
        /// It is withdrawn; else it is offered again.
        is_yanked: bool,
    },
    /// A publisher's token was made.
    PublisherTokenCreated {
        /// Its public identifier.
        id: TokenId,
        /// Its name for people.
        name: String,
        /// The repositories whose releases it may register.
        repositories: Vec<Repository>,
        /// The SHA-256 of the secret.
        secret_sha256: [u8; 32],
        /// From when on it is refused.
        expires_at: Option<Time>,
    },
    /// An environment got another name: its tokens and its history go on.
    EnvironmentRenamed {
        /// The name before.
        from: EnvironmentName,
        /// The name from now on.
        to: EnvironmentName,
    },
    /// A registered release was deleted from the catalogue.
    ReleaseDeleted {
        /// Of which repository.
        repository: Repository,
        /// Its version.
        version: String,
    },
    /// The times of the commits that are new in a release were told.
    ReleaseDated {
        /// Of which repository.
        repository: Repository,
        /// Its version.
        version: String,
        /// The time of each commit.
        committed_at: Vec<Time>,
    },
    /// A planned deploy is about to be told to its cluster: from here on, no other server of this log tells it anything.
    DeployBegun {
        /// The plan's identifier.
        id: String,
        /// The environment that it is for.
        environment: EnvironmentName,
    },
    /// A ticket was used up: no server of this log takes it again.
    TicketUsed {
        /// Its kind.
        kind: TicketKind,
        /// Its identifier.
        id: TicketId,
        /// From when on it would be refused anyway.
        ends_at: Time,
    },
    /// A server of the log that is gone for good was forgotten: answers wait for it no more, until it is heard again.
    ReplicaForgotten {
        /// Its name.
        name: String,
        /// Time of the last that was heard of it, in the stream's time: what it says later makes it known again.
        seen_at: Time,
    },
}

/// The number of a ticket: random, and no secret by itself.
pub type TicketId = [u8; 16];

/// Kinds of tickets: what a client carries sealed, so that any server of this log takes it, until it is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketKind {
    /// A browser's session.
    Session,
    /// A person's agreement to what a coding agent asks for.
    Agreement,
}

impl Action {
    /// The kind of action, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::EnvironmentCreated { .. } => "environment_created",
            Self::EnvironmentUpdated { .. } => "environment_updated",
            Self::EnvironmentDeleted { .. } => "environment_deleted",
            Self::TokenCreated { .. } => "token_created",
            Self::TokenRevoked { .. } => "token_revoked",
            Self::TokenRotated { .. } => "token_rotated",
            Self::AdminTokenCreated { .. } => "admin_token_created",
            Self::AdminTokenRevoked { .. } => "admin_token_revoked",
            Self::ReleaseAdded(_) => "release_added",
            Self::DeployPlanned(_) => "deploy_planned",
            Self::DeployApplied { .. } => "deploy_applied",
            Self::DeployInterrupted { .. } => "deploy_interrupted",
            Self::BackupTaken => "backup_taken",
            Self::ReleaseEdited(_) => "release_edited",
            Self::ReleaseYanked { is_yanked: true, .. } => "release_yanked",
            Self::ReleaseYanked { is_yanked: false, .. } => "release_unyanked",
            Self::ReleaseDeleted { .. } => "release_deleted",
            Self::ReleaseDated { .. } => "release_dated",
            Self::PublisherTokenCreated { .. } => "publisher_token_created",
            Self::EnvironmentRenamed { .. } => "environment_renamed",
            Self::DeployBegun { .. } => "deploy_begun",
            Self::TicketUsed { kind: TicketKind::Session, .. } => "logged_out",
            Self::TicketUsed { kind: TicketKind::Agreement, .. } => "agreed",
            Self::ReplicaForgotten { .. } => "replica_forgotten",
        }
    }

    /// The environment that it changes.
    pub fn environment(&self) -> Option<&EnvironmentName> {
        match self {
            Self::EnvironmentCreated { name, .. }
            | Self::EnvironmentUpdated { name, .. }
            | Self::EnvironmentDeleted { name }
            | Self::EnvironmentRenamed { to: name, .. } => Some(name),
            Self::TokenCreated { environment, .. }
            | Self::TokenRevoked { environment, .. }
            | Self::TokenRotated { environment, .. }
            | Self::DeployBegun { environment, .. }
            | Self::DeployApplied { environment, .. }
            | Self::DeployInterrupted { environment, .. } => Some(environment),
            Self::DeployPlanned(planned) => Some(&planned.environment),
            Self::AdminTokenCreated { .. }
            | Self::AdminTokenRevoked { .. }
            | Self::PublisherTokenCreated { .. }
            | Self::ReleaseAdded(_)
            | Self::ReleaseEdited(_)
            | Self::ReleaseYanked { .. }
            | Self::ReleaseDeleted { .. }
            | Self::ReleaseDated { .. }
            | Self::TicketUsed { .. }
            | Self::ReplicaForgotten { .. }
            | Self::BackupTaken => None,
        }
    }
}

/// Says what was done, as the rest of a sentence that begins with its author. No secrets.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EnvironmentCreated { name, .. } => write!(f, "created the environment {name}"),
            Self::EnvironmentUpdated { name, description, color } => {
                let description =
                    description.as_ref().map(|text| format!("description: \u{201c}{text}\u{201d}"));
                let color = color.as_ref().map(|text| format!("color: {text}"));
                let changes: Vec<_> = description.into_iter().chain(color).collect();
                write!(f, "changed the environment {name}: {}", changes.join(", "))
            }
            Self::EnvironmentRenamed { from, to } => write!(f, "renamed the environment {from} to {to}"),
            Self::EnvironmentDeleted { name } => {
                write!(f, "deleted the environment {name} and all its tokens")
            }
            Self::TokenCreated { environment, id, name, kind, expires_at, .. } => {
                write!(f, "made the {} token {name} ({id}) of {environment}", kind.as_str())?;
                until(f, *expires_at)
            }
            Self::TokenRevoked { environment, id } => write!(f, "revoked the token {id} of {environment}"),
            Self::TokenRotated { environment, id, ends_at, successor, expires_at, .. } => {
                write!(
                    f,
                    "rotated the token {id} of {environment}, which ends {ends_at}: its successor is {successor}"
                )?;
                until(f, *expires_at)
            }
            Self::AdminTokenCreated { id, name, role, expires_at, .. } => {
                write!(f, "made the {} token {name} ({id})", role.as_str())?;
                until(f, *expires_at)
            }
            Self::AdminTokenRevoked { id } => write!(f, "revoked the admin, viewer or publisher token {id}"),
            Self::PublisherTokenCreated { id, name, repositories, expires_at, .. } => {
                let repositories: Vec<&str> = repositories.iter().map(Repository::as_str).collect();
                write!(f, "made the publisher token {name} ({id}) for {}", repositories.join(", "))?;
                until(f, *expires_at)
            }
            Self::ReleaseAdded(told) => write!(f, "registered {} of {}", told.version, told.repository),
            Self::DeployPlanned(planned) => write!(
                f,
                "planned to deploy {} {} to {} ({})",
                planned.repository, planned.version, planned.environment, planned.id
            ),
            Self::DeployApplied { id, environment, workloads } => {
                write!(f, "carried out {id} in {environment}: {}", workloads.join(", "))
            }
            Self::DeployInterrupted { id, environment, applied, not_applied, why } => {
                let done = if applied.is_empty() { "nothing".to_owned() } else { applied.join(", ") };
                let left = not_applied.join(", ");
                write!(
                    f,
                    "began to carry out {id} in {environment}; applied: {done}; not applied: {left}; {why}"
                )
            }
            Self::DeployBegun { id, environment } => write!(f, "began to carry out {id} in {environment}"),
            Self::TicketUsed { kind: TicketKind::Session, .. } => f.write_str("logged out"),
            Self::TicketUsed { kind: TicketKind::Agreement, .. } => {
                f.write_str("agreed to what a coding agent asked for")
            }
            Self::ReplicaForgotten { name, seen_at } => {
                write!(f, "forgot the replica {name}, which was last heard of at {seen_at}")
            }
            Self::BackupTaken => f.write_str("took a backup"),
            Self::ReleaseEdited(told) => write!(f, "edited {} of {}", told.version, told.repository),
            Self::ReleaseYanked { repository, version, is_yanked } => {
                let done = if *is_yanked { "yanked" } else { "offered again" };
                write!(f, "{done} {version} of {repository}")
            }
            Self::ReleaseDeleted { repository, version } => {
                write!(f, "deleted the release {version} of {repository}")
            }
            Self::ReleaseDated { repository, version, committed_at } => {
                let s = if committed_at.len() == 1 { "" } else { "s" };
                write!(f, "told the times of {} commit{s} in {version} of {repository}", committed_at.len())
            }
        }
    }
}

fn until(f: &mut fmt::Formatter<'_>, end: Option<Time>) -> fmt::Result {
    end.map_or(Ok(()), |end| write!(f, ", until {end}"))
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Admin, Self::Publisher];

    /// The role as it is written in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Admin => "admin",
            Self::Publisher => "publisher",
        }
    }
}

impl Through {
    /// The surface as it is written in text and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Api => "api",
            Self::Cli => "cli",
            Self::Dashboard => "dashboard",
            Self::Mcp => "mcp",
            Self::Webhook => "webhook",
        }
    }
}

//! What administrators do, and who did it: every change that people or their programs ask for, and every backup.
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
    /// When, by this machine's clock.
    pub at: Time,
    /// Who.
    pub by: Actor,
    /// What.
    pub action: Action,
}

/// Who changed something, through what and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub who: Who,
    /// Through what.
    pub through: Through,
    /// The address that the request came from, without the port; none where it is not known.
    pub from: Option<Arc<str>>,
}

/// Who changed something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

/// What an admin token allows.
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
        /// Its name for people.
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
        /// Its name for people.
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
    /// A release was registered, or more was told of one.
    ReleaseAdded(Box<Registration>),
    /// A deploy was planned: nothing is changed by it yet.
    DeployPlanned(Box<Planned>),
    /// A planned deploy was told to its cluster.
    DeployApplied {
        /// The plan's identifier.
        id: String,
        /// Where.
        environment: EnvironmentName,
        /// What was changed, e.g. `deployment/web in shop`.
        workloads: Vec<String>,
    },
    /// A planned deploy was told to its cluster in part, or not at all.
    DeployInterrupted {
        /// The plan's identifier.
        id: String,
        /// Where.
        environment: EnvironmentName,
        /// What was changed, e.g. `deployment/web in shop`.
        applied: Vec<String>,
        /// What was not.
        not_applied: Vec<String>,
        /// Why.
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
}

impl Action {
    /// What kind of action it is, in a word.
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
            Self::PublisherTokenCreated { .. } => "publisher_token_created",
            Self::EnvironmentRenamed { .. } => "environment_renamed",
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
            | Self::BackupTaken => None,
        }
    }
}

/// What was done, as the rest of a sentence that begins with who did it. No secrets.
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
            Self::BackupTaken => f.write_str("took a backup"),
            Self::ReleaseEdited(told) => write!(f, "edited {} of {}", told.version, told.repository),
            Self::ReleaseYanked { repository, version, is_yanked } => {
                let done = if *is_yanked { "yanked" } else { "offered again" };
                write!(f, "{done} {version} of {repository}")
            }
            Self::ReleaseDeleted { repository, version } => {
                write!(f, "deleted the release {version} of {repository}")
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

//! Environments, tokens, and who changed what.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::deploy::Candidate;
use super::deployments::Deployment;
use super::release::Difference;
use super::words::words;
use crate::model::names::{EnvironmentName, TokenId};
use crate::model::oci::Repository;
use crate::model::time::Time;

/// An environment as the API shows it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Environment {
    /// Its name.
    pub name: EnvironmentName,
    /// A description for people.
    pub description: String,
    /// The colour of its badge: `#rrggbb`.
    pub color: String,
    /// Time when it was made.
    pub created_at: Time,
    /// Its latest deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_deployment: Option<Deployment>,
    /// Number of its tokens that are accepted.
    pub tokens_active: usize,
}

/// A token as the API lists it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Its public identifier.
    pub id: TokenId,
    /// Its name, for people.
    pub name: String,
    /// Its purpose.
    pub kind: TokenKind,
    /// Time when it was made.
    pub created_at: Time,
    /// From when on it is refused; never without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// Time when it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Time>,
    /// Its latest use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Time>,
    /// The address of its latest use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used_from: Option<String>,
    /// Number of pulls that it was used for.
    pub pulls: u64,
    /// The token that took its place when it was rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successor: Option<TokenId>,
    /// Warnings about its use.
    #[serde(default)]
    #[schema(required = true)]
    pub warnings: Vec<TokenWarning>,
}

/// Something about a token that somebody should look at.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenWarning {
    /// Its kind.
    pub kind: TokenWarningKind,
    /// The first time since it was last quiet for a month.
    pub since: Time,
    /// The last time.
    pub last_at: Time,
    /// The latest case, in words.
    pub detail: String,
}

/// A new token: the one answer that shows its secret. It cannot be printed by accident: it has no `Debug`.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct NewToken {
    /// Its public identifier.
    pub id: TokenId,
    /// Its name, for people.
    pub name: String,
    /// Its purpose.
    pub kind: TokenKind,
    /// The name that goes with the secret: the environment's.
    pub username: EnvironmentName,
    /// The secret.
    pub secret: String,
    /// The ready commands with the secret in them.
    #[serde(flatten)]
    pub instructions: Instructions,
    /// Time when it was made.
    pub created_at: Time,
    /// From when on it is refused; never without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// The token whose place it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<ReplacedToken>,
}

/// The ready commands beside a new token's secret.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Instructions {
    /// The proxy's host, and its port.
    pub registry: String,
    /// The command that makes a pull secret of it in a cluster.
    pub kubectl: String,
    /// The command that logs Docker in.
    pub docker_login: String,
    /// containerd's file for the proxy.
    pub hosts_toml: String,
    /// For a token of kind `agent`: the manifest of an agent that reports with it, for `kubectl apply`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

/// A token that was rotated.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReplacedToken {
    /// Its public identifier.
    pub id: TokenId,
    /// From when on it is refused.
    pub expires_at: Time,
}

/// An admin token as the API lists it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AdminToken {
    /// Its public identifier.
    pub id: TokenId,
    /// Its person or program.
    pub name: String,
    /// Its permissions.
    pub kind: Role,
    /// The repositories whose releases a publisher may register.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repositories: Vec<Repository>,
    /// Time when it was made.
    pub created_at: Time,
    /// From when on it is refused; never without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// Time when it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Time>,
}

/// A new admin token: the one answer that shows its secret. It cannot be printed by accident: it has no `Debug`.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct NewAdminToken {
    /// Its public identifier.
    pub id: TokenId,
    /// Its person or program.
    pub name: String,
    /// Its permissions.
    pub kind: Role,
    /// The repositories whose releases a publisher may register.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repositories: Vec<Repository>,
    /// The secret.
    pub secret: String,
    /// Time when it was made.
    pub created_at: Time,
    /// From when on it is refused; never without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

/// A page of the audit trail, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditTrail {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// The value of `before` that gets the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One change.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its place in the log.
    pub id: u64,
    /// The time of it.
    pub at: Time,
    /// The author.
    pub by: AuditActor,
    /// The surface that it came through.
    pub through: Through,
    /// The address that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Arc<str>>,
    /// The change, in a word.
    pub action: Cow<'static, str>,
    /// The environment, where it was in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentName>,
    /// The change, in words.
    pub summary: String,
}

/// The author of a change.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditActor {
    /// The credential that they showed: `admin_token`, `token_file`, `webhook` or `unknown`.
    pub kind: Cow<'static, str>,
    /// The admin token's identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<TokenId>,
    /// The admin token's name at that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The holder of the token, and its rights.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Caller {
    /// The holder.
    #[serde(flatten)]
    pub who: AuditActor,
    /// Its permissions.
    pub role: Role,
}

/// A refusal. RFC 9457 section 3: the members of the JSON object; `field`, `differences` and `candidates` are extensions
/// (section 3.2).
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The problem's name: `urn:landfall:problem:…`.
    #[serde(default)]
    #[schema(required = true)]
    pub r#type: String,
    /// The problem in words that stay the same.
    #[serde(default)]
    #[schema(required = true)]
    pub title: String,
    /// The answer's status.
    #[serde(default)]
    #[schema(required = true)]
    pub status: u16,
    /// The mistake in this case, and the way to mend it.
    #[serde(default)]
    #[schema(required = true)]
    pub detail: String,
    /// The field or parameter that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Fields that are registered already and otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// The releases of which one may be meant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<Candidate>,
}

words! {
    /// Purpose of a token; it decides what its pulls can prove.
    TokenKind {
        /// Image pull secrets of a cluster: its pulls are evidence for deployments.
        Cluster = "cluster",
        /// People's machines: always "pulled locally".
        Local = "local",
        /// A pre-pull DaemonSet: images arrive before they run.
        Prepull = "prepull",
        /// Scanners and update bots: presence only.
        Scanner = "scanner",
        /// Servers without a cluster: what their Docker daemons and podmans pull is evidence for deployments.
        Host = "host",
        /// Witnesses: they report what runs, and pull nothing.
        Agent = "agent",
    }
    /// Kinds of uses that are out of the ordinary.
    TokenWarningKind {
        /// It was used from a network that it was never used from before.
        NewNetwork = "new_network",
        /// It was used by a kind of program that never used it before.
        NewAgent = "new_agent",
        /// One address pulls with it and with a token of another environment, back and forth.
        TwoEnvironments = "two_environments",
    }
    /// Permissions of an admin token.
    Role {
        /// To see, and to change nothing.
        Viewer = "viewer",
        /// To see and to change.
        Admin = "admin",
        /// To register releases of some repositories, and nothing else.
        Publisher = "publisher",
    }
    /// The surface that a change came through.
    Through {
        /// Not written down.
        Unknown = "unknown",
        /// The REST API, by a client of somebody's own.
        Api = "api",
        /// The command line.
        Cli = "cli",
        /// The dashboard, or a page's script with its session.
        Dashboard = "dashboard",
        /// The Model Context Protocol.
        Mcp = "mcp",
        /// A forge's webhook.
        Webhook = "webhook",
    }
}

//! Tokens as the API shows them and as it takes them. A secret is in one of them alone.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::instructions::Instructions;
use crate::model::directory::{Token, WarningKind};
use crate::model::event::{EnvironmentName, TokenId, TokenKind};
use crate::model::secret::Secret;
use crate::model::time::Time;

/// A token as the API lists it.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub(in crate::admin) struct TokenView {
    id: TokenId,
    name: String,
    kind: TokenKind,
    pub(super) created_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_from: Option<String>,
    pulls: u64,
    /// The token that took its place when it was rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    successor: Option<TokenId>,
    /// Signs of misuse that somebody should look at.
    warnings: Vec<WarningView>,
}

/// Something about a token that somebody should look at.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenWarning)]
pub(in crate::admin) struct WarningView {
    kind: WarningKind,
    since: Time,
    last_at: Time,
    detail: String,
}

impl TokenView {
    pub(in crate::admin) fn new(token: &Token, now: Time) -> Self {
        let warnings = token.warnings(now).map(|warning| WarningView {
            kind: warning.kind,
            since: warning.since,
            last_at: warning.last_at,
            detail: warning.detail.clone(),
        });
        Self {
            id: token.id.clone(),
            name: token.name.clone(),
            kind: token.kind,
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            last_used_at: token.last_used_at,
            last_used_from: token.last_used_from.as_deref().map(str::to_owned),
            pulls: token.pulls,
            successor: token.successor.clone(),
            warnings: warnings.collect(),
        }
    }
}

/// A new token: the one answer that shows its secret.
#[derive(Serialize, ToSchema)]
pub(in crate::admin) struct NewToken {
    pub(in crate::admin) id: TokenId,
    pub(in crate::admin) name: String,
    pub(in crate::admin) kind: TokenKind,
    pub(in crate::admin) username: EnvironmentName,
    #[serde(serialize_with = "exposed")]
    #[schema(value_type = String)]
    pub(in crate::admin) secret: Secret,
    #[serde(flatten)]
    pub(in crate::admin) instructions: Instructions,
    pub(super) created_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) expires_at: Option<Time>,
    /// The token whose place it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::admin) replaces: Option<Replaced>,
}

/// A token that was rotated.
#[derive(Serialize, ToSchema)]
#[schema(as = ReplacedToken)]
pub(in crate::admin) struct Replaced {
    pub(super) id: TokenId,
    /// From when on it is refused.
    pub(in crate::admin) expires_at: Time,
}

pub(super) fn exposed<S: serde::Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

/// A new token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct TokenRequest {
    /// Name for people; one line.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]*[!-~][^\\u0000-\\u001F\\u007F-\\u009F]*$"
    )]
    pub(in crate::admin) name: String,
    /// Purpose; `cluster` unless told.
    pub(in crate::admin) kind: Option<TokenKind>,
    /// From when on it is refused; never unless told.
    pub(in crate::admin) expires_at: Option<Time>,
}

/// A rotation of a token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Rotation {
    /// Time for which the old token is accepted beside its successor, up to 90d; 24h unless told.
    #[schema(examples("24h"))]
    pub(super) overlap: Option<String>,
    /// From when on the successor is refused; after as long as the old one was to live, unless told.
    pub(super) expires_at: Option<Time>,
}

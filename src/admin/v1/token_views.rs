//! Tokens as the API shows them and as it takes them. A secret is in one of them alone.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::model::directory::Token;
use crate::model::event::{EnvironmentName, TokenId, TokenKind};
use crate::model::secret::Secret;
use crate::model::time::Time;
use crate::wire::{self, Instructions, ReplacedToken};

/// A token as the API lists it.
pub(in crate::admin) fn shown(token: &Token, now: Time) -> wire::Token {
    let warnings = token.warnings(now).map(|warning| wire::TokenWarning {
        kind: warning.kind.into(),
        since: warning.since,
        last_at: warning.last_at,
        detail: warning.detail.clone(),
    });
    wire::Token {
        id: token.id.clone(),
        name: token.name.clone(),
        kind: token.kind.into(),
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

/// A token that was just made, and its secret in the clear.
pub(in crate::admin) struct NewToken {
    pub(in crate::admin) id: TokenId,
    pub(in crate::admin) name: String,
    pub(in crate::admin) kind: TokenKind,
    pub(in crate::admin) username: EnvironmentName,
    pub(in crate::admin) secret: Secret,
    pub(in crate::admin) instructions: Instructions,
    pub(super) created_at: Time,
    pub(in crate::admin) expires_at: Option<Time>,
    /// The token whose place it takes.
    pub(in crate::admin) replaces: Option<ReplacedToken>,
}

impl From<NewToken> for wire::NewToken {
    fn from(token: NewToken) -> Self {
        let NewToken { id, name, kind, username, secret, instructions, created_at, expires_at, replaces } =
            token;
        let (kind, secret) = (kind.into(), secret.expose().to_owned());
        Self { id, name, kind, username, secret, instructions, created_at, expires_at, replaces }
    }
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
    #[schema(value_type = Option<wire::TokenKind>)]
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

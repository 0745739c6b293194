//! An environment's tokens: made, shown without their secret, revoked.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::caller::Admin;
use super::fields::{BODY_BYTES_MAX, json_body, line};
use super::instructions::instructions;
use super::params::{self, Params};
use super::problem::Problem;
use super::{Answer, App, json, random};
use crate::clock::now;
use crate::model::act::Action;
use crate::model::directory::{Directory, Environment, Token, WarningKind};
use crate::model::event::{EnvironmentName, TokenId, TokenKind};
use crate::model::secret::{PULL_PREFIX, Secret};
use crate::model::time::{Span, Time};
use crate::wire::{self, Instructions, ReplacedToken, in_words};

/// How many tokens an environment may have, the revoked ones too.
const TOKENS_MAX: usize = 10_000;
/// How long a rotated token is accepted beside its successor, unless told.
const OVERLAP: Span = Span::from_mins(24 * 60);
/// … and at most.
const OVERLAP_MAX: Span = Span::from_mins(90 * 24 * 60);
/// Longest name of a token.
const NAME_CHARS_MAX: usize = 100;

in_words! {
    TokenKind => TokenKind { Cluster, Local, Prepull, Scanner }
    WarningKind => TokenWarningKind { NewNetwork, NewAgent, TwoEnvironments }
}

/// A token as the API lists it.
pub(super) fn shown(token: &Token, now: Time) -> wire::Token {
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
pub(super) struct NewToken {
    pub(super) id: TokenId,
    pub(super) name: String,
    pub(super) kind: TokenKind,
    pub(super) username: EnvironmentName,
    pub(super) secret: Secret,
    pub(super) instructions: Instructions,
    created_at: Time,
    pub(super) expires_at: Option<Time>,
    /// The token whose place it takes.
    pub(super) replaces: Option<ReplacedToken>,
}

impl From<NewToken> for wire::NewToken {
    fn from(token: NewToken) -> Self {
        let NewToken { id, name, kind, username, secret, instructions, created_at, expires_at, replaces } =
            token;
        let (kind, secret) = (kind.into(), secret.expose().to_owned());
        Self { id, name, kind, username, secret, instructions, created_at, expires_at, replaces }
    }
}

/// What a new token is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenRequest {
    /// What people call it; one line.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]*[!-~][^\\u0000-\\u001F\\u007F-\\u009F]*$"
    )]
    pub(super) name: String,
    /// What it is for; `cluster` unless told.
    #[schema(value_type = Option<wire::TokenKind>)]
    pub(super) kind: Option<TokenKind>,
    /// From when on it is refused; never unless told.
    pub(super) expires_at: Option<Time>,
}

/// How a token is to be rotated.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    /// How long the old token is accepted beside its successor, up to 90d; 24h unless told.
    #[schema(examples("24h"))]
    overlap: Option<String>,
    /// From when on the successor is refused; after as long as the old one was to live, unless told.
    expires_at: Option<Time>,
}

/// Lists an environment's tokens, the revoked too, in the order in which they were made.
#[utoipa::path(get, path = "/environments/{env}/tokens", tag = "environments", operation_id = "list_tokens",
    responses((status = 200, body = [wire::Token])))]
pub(super) async fn list(State(app): State<Arc<App>>, params: Params) -> Answer {
    let (view, now) = (app.log.view(), now());
    let tokens = params.environment(&view.directory)?.tokens();
    let mut all: Vec<_> = tokens.map(|token| shown(token, now)).collect();
    all.sort_by_key(|token| token.created_at);
    json(StatusCode::OK, &all)
}

/// Makes a token. Its secret is shown this once, with the commands that use it.
#[utoipa::path(post, path = "/environments/{env}/tokens", tag = "environments", operation_id = "create_token",
    request_body = TokenRequest,
    responses((status = 201, body = wire::NewToken), (status = 409, description = "There are too many")))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    admin: Admin,
    params: Params,
    request: Request,
) -> Answer {
    let wanted: TokenRequest = json_body(request.into_body(), BODY_BYTES_MAX).await?;
    json(StatusCode::CREATED, &wire::NewToken::from(make(&app, &admin, params.get("env"), wanted).await?))
}

/// Makes a token.
pub(super) async fn make(
    app: &App,
    admin: &Admin,
    environment: &str,
    wanted: TokenRequest,
) -> Result<NewToken, Problem> {
    let (name, kind) = (name(wanted.name)?, wanted.kind.unwrap_or_default());
    let expires_at = wanted.expires_at;
    let secret = random::secret(PULL_PREFIX).map_err(no_randomness)?;

    let decided = app.decide(admin, |view, created_at| {
        let environment = params::named(&view.directory, environment)?;
        check_expiry(expires_at, created_at)?;
        check_room(environment)?;
        let (id, environment) = (new_id(&view.directory)?, environment.name.clone());
        let action = Action::TokenCreated {
            environment: environment.clone(),
            id: id.clone(),
            name: name.clone(),
            kind,
            secret_sha256: secret.sha256(),
            expires_at,
        };
        Ok((Some(action), (id, environment, created_at)))
    });
    let (id, environment, created_at) = decided.await?;
    tracing::info!(%environment, token = %id, kind = kind.as_str(), "token created");
    let instructions = instructions(&app.settings, &environment, &secret);
    let username = environment;
    Ok(NewToken { id, name, kind, username, secret, instructions, created_at, expires_at, replaces: None })
}

/// Gives a token a successor of the same name and kind, whose secret is shown this once.
///
/// The token itself is accepted for a while longer, so that nodes can change over.
#[utoipa::path(post, path = "/environments/{env}/tokens/{id}/rotate", tag = "environments",
    operation_id = "rotate_token", request_body = Rotation,
    responses((status = 201, body = wire::NewToken),
        (status = 409, description = "It is not accepted any more, or was rotated already")))]
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    admin: Admin,
    params: Params,
    request: Request,
) -> Answer {
    let Rotation { overlap: length, expires_at } = json_body(request.into_body(), BODY_BYTES_MAX).await?;
    let overlap = overlap(length.as_deref())?;
    json(StatusCode::CREATED, &wire::NewToken::from(turn(&app, &admin, &params, overlap, expires_at).await?))
}

/// Rotates the token that the path names.
pub(super) async fn turn(
    app: &App,
    admin: &Admin,
    params: &Params,
    overlap: Span,
    expires_at: Option<Time>,
) -> Result<NewToken, Problem> {
    let secret = random::secret(PULL_PREFIX).map_err(no_randomness)?;

    let decided = app.decide(admin, |view, now| {
        check_expiry(expires_at, now)?;
        let environment = params.environment(&view.directory)?;
        let old = token(environment, params)?;
        check_rotatable(old, now)?;
        check_room(environment)?;
        let ends_at = old.expires_at.map_or(now + overlap, |end| end.min(now + overlap));
        let lifetime = old.expires_at.map(|end| end.since(old.created_at));
        let successor = Successor {
            id: new_id(&view.directory)?,
            environment: environment.name.clone(),
            created_at: now,
            expires_at: expires_at.or(lifetime.map(|lifetime| now + lifetime)),
        };
        let action = Action::TokenRotated {
            environment: successor.environment.clone(),
            id: old.id.clone(),
            ends_at,
            successor: successor.id.clone(),
            secret_sha256: secret.sha256(),
            expires_at: successor.expires_at,
        };
        Ok((Some(action), (old.clone(), ends_at, successor)))
    });
    let (old, ends_at, Successor { id, environment, created_at, expires_at }) = decided.await?;
    tracing::info!(%environment, token = %old.id, successor = %id, "token rotated");
    Ok(NewToken {
        id,
        name: old.name,
        kind: old.kind,
        instructions: instructions(&app.settings, &environment, &secret),
        username: environment,
        secret,
        created_at,
        expires_at,
        replaces: Some(ReplacedToken { id: old.id, expires_at: ends_at }),
    })
}

/// A token that takes the place of another.
struct Successor {
    id: TokenId,
    environment: EnvironmentName,
    created_at: Time,
    expires_at: Option<Time>,
}

/// A token that is refused, or was rotated already, is not rotated.
fn check_rotatable(token: &Token, now: Time) -> Result<(), Problem> {
    let id = &token.id;
    if let Some(successor) = &token.successor {
        return Err(Problem::conflict(format!("`{id}` was rotated already; its successor is `{successor}`")));
    }
    if !token.is_active(now) {
        return Err(Problem::conflict(format!("`{id}` is not accepted any more; make a new token")));
    }
    Ok(())
}

/// Revokes a token: it is refused from the next request on. Repeating it changes nothing.
#[utoipa::path(delete, path = "/environments/{env}/tokens/{id}", tag = "environments",
    operation_id = "revoke_token", responses((status = 204, description = "It is revoked")))]
pub(super) async fn revoke(State(app): State<Arc<App>>, admin: Admin, params: Params) -> Answer {
    end(&app, &admin, &params).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Revokes the token that the path names.
pub(super) async fn end(app: &App, admin: &Admin, params: &Params) -> Result<(), Problem> {
    let decided = app.decide(admin, |view, _| {
        let environment = params.environment(&view.directory)?;
        let token = token(environment, params)?;
        let is_change = token.revoked_at.is_none();
        let (environment, id) = (environment.name.clone(), token.id.clone());
        let action = Action::TokenRevoked { environment: environment.clone(), id: id.clone() };
        Ok((is_change.then_some(action), (is_change, environment, id)))
    });
    let (is_change, environment, id) = decided.await?;
    if is_change {
        tracing::info!(%environment, token = %id, "token revoked");
    }
    Ok(())
}

/// The token that the path names.
fn token<'a>(environment: &'a Environment, params: &Params) -> Result<&'a Token, Problem> {
    let id = TokenId::new(params.get("id"));
    let unknown = || Problem::not_found(format!("`{}` has no token `{id}`", environment.name));
    environment.token(&id).ok_or_else(unknown)
}

fn check_room(environment: &Environment) -> Result<(), Problem> {
    if environment.tokens().count() >= TOKENS_MAX {
        let full = format!("an environment may have {TOKENS_MAX} tokens, the revoked too");
        return Err(Problem::conflict(full));
    }
    Ok(())
}

pub(super) fn overlap(text: Option<&str>) -> Result<Span, Problem> {
    let Some(text) = text else { return Ok(OVERLAP) };
    let span = text.parse().ok().filter(|span| (Span::from_ms(0)..=OVERLAP_MAX).contains(span));
    span.ok_or_else(|| Problem::invalid("overlap", "must be a length from 0m to 90d, e.g. 24h"))
}

/// A token has to be good for a while.
pub(super) fn check_expiry(expires_at: Option<Time>, now: Time) -> Result<(), Problem> {
    if expires_at.is_some_and(|end| end <= now) {
        return Err(Problem::invalid("expires_at", "must lie in the future"));
    }
    Ok(())
}

/// The name of a new token.
pub(super) fn name(text: String) -> Result<String, Problem> {
    let text = line("name", text, NAME_CHARS_MAX)?;
    match text.trim() {
        "" => Err(Problem::invalid("name", "must not be empty")),
        name => Ok(name.to_owned()),
    }
}

/// An identifier that no token of any environment has: observations name tokens by it alone.
fn new_id(directory: &Directory) -> Result<TokenId, Problem> {
    loop {
        let id = random::token_id("tok_").map_err(no_randomness)?;
        if directory.environments().all(|environment| environment.token(&id).is_none()) {
            return Ok(id);
        }
    }
}

/// What a client is told when the system gives no randomness.
pub(super) fn no_randomness(error: random::NoRandomness) -> Problem {
    tracing::error!(%error, "no token can be made");
    Problem::internal()
}

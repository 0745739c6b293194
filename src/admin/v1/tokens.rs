//! An environment's tokens: made, shown without their secret, revoked.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::instructions::Instructions;
use crate::admin::http::caller::Admin;
use crate::admin::http::fields::{BODY_BYTES_MAX, json_body, line};
use crate::admin::http::params::{self, Params};
use crate::admin::http::problem::Problem;
use crate::admin::state::random;
use crate::admin::{Answer, App, json};
use crate::clock::now;
use crate::model::act::Action;
use crate::model::directory::{Directory, Environment, Token, WarningKind};
use crate::model::event::{EnvironmentName, TokenId, TokenKind};
use crate::model::secret::{PULL_PREFIX, Secret};
use crate::model::time::{Span, Time};

/// How many tokens an environment may have, the revoked ones too.
const TOKENS_MAX: usize = 10_000;
/// How long a rotated token is accepted beside its successor, unless told.
const OVERLAP: Span = Span::from_mins(24 * 60);
/// … and at most.
const OVERLAP_MAX: Span = Span::from_mins(90 * 24 * 60);
/// Longest name of a token.
const NAME_CHARS_MAX: usize = 100;

/// A token as the API lists it.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub(in crate::admin) struct TokenView<'a> {
    id: &'a TokenId,
    name: &'a str,
    kind: TokenKind,
    created_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_from: Option<&'a str>,
    pulls: u64,
    /// The token that took its place when it was rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    successor: Option<&'a TokenId>,
    /// What about its use should be looked at.
    warnings: Vec<WarningView<'a>>,
}

/// Something about a token that somebody should look at.
#[derive(Serialize, ToSchema)]
#[schema(as = TokenWarning)]
pub(in crate::admin) struct WarningView<'a> {
    kind: WarningKind,
    since: Time,
    last_at: Time,
    detail: &'a str,
}

impl<'a> TokenView<'a> {
    pub(in crate::admin) fn new(token: &'a Token, now: Time) -> Self {
        let warnings = token.warnings(now).map(|warning| WarningView {
            kind: warning.kind,
            since: warning.since,
            last_at: warning.last_at,
            detail: &warning.detail,
        });
        Self {
            id: &token.id,
            name: &token.name,
            kind: token.kind,
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
            last_used_at: token.last_used_at,
            last_used_from: token.last_used_from.as_deref(),
            pulls: token.pulls,
            successor: token.successor.as_ref(),
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
    created_at: Time,
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
    id: TokenId,
    /// From when on it is refused.
    pub(in crate::admin) expires_at: Time,
}

fn exposed<S: serde::Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

/// What a new token is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct TokenRequest {
    /// What people call it; one line.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]*[!-~][^\\u0000-\\u001F\\u007F-\\u009F]*$"
    )]
    pub(in crate::admin) name: String,
    /// What it is for; `cluster` unless told.
    pub(in crate::admin) kind: Option<TokenKind>,
    /// From when on it is refused; never unless told.
    pub(in crate::admin) expires_at: Option<Time>,
}

/// How a token is to be rotated.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Rotation {
    /// How long the old token is accepted beside its successor, up to 90d; 24h unless told.
    #[schema(examples("24h"))]
    overlap: Option<String>,
    /// From when on the successor is refused; after as long as the old one was to live, unless told.
    expires_at: Option<Time>,
}

/// Lists an environment's tokens, the revoked too, in the order in which they were made.
#[utoipa::path(get, path = "/environments/{env}/tokens", tag = "environments", operation_id = "list_tokens",
    responses((status = 200, body = [TokenView])))]
pub(super) async fn list(State(app): State<Arc<App>>, params: Params) -> Answer {
    let (view, now) = (app.log.view(), now());
    let tokens = params.environment(&view.directory)?.tokens();
    let mut shown: Vec<_> = tokens.map(|token| TokenView::new(token, now)).collect();
    shown.sort_by_key(|token| token.created_at);
    json(StatusCode::OK, &shown)
}

/// Makes a token. Its secret is shown this once, with the commands that use it.
#[utoipa::path(post, path = "/environments/{env}/tokens", tag = "environments", operation_id = "create_token",
    request_body = TokenRequest,
    responses((status = 201, body = NewToken), (status = 409, description = "There are too many")))]
pub(super) async fn create(
    State(app): State<Arc<App>>,
    admin: Admin,
    params: Params,
    request: Request,
) -> Answer {
    let wanted: TokenRequest = json_body(request.into_body(), BODY_BYTES_MAX).await?;
    json(StatusCode::CREATED, &make(&app, &admin, params.get("env"), wanted).await?)
}

/// Makes a token.
pub(in crate::admin) async fn make(
    app: &App,
    admin: &Admin,
    environment: &str,
    wanted: TokenRequest,
) -> Result<NewToken, Problem> {
    let (name, kind) = (name(wanted.name)?, wanted.kind.unwrap_or_default());
    let expires_at = wanted.expires_at;
    let secret = random::secret(PULL_PREFIX).map_err(no_randomness)?;

    let _changing = app.changes.lock().await;
    let (view, created_at) = (app.log.view(), now());
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
    app.act(admin, created_at, action).await?;
    tracing::info!(%environment, token = %id, kind = kind.as_str(), "token created");
    let instructions = Instructions::new(&app.settings, &environment, &secret);
    let username = environment;
    Ok(NewToken { id, name, kind, username, secret, instructions, created_at, expires_at, replaces: None })
}

/// Gives a token a successor of the same name and kind, whose secret is shown this once.
///
/// The token itself is accepted for a while longer, so that nodes can change over.
#[utoipa::path(post, path = "/environments/{env}/tokens/{id}/rotate", tag = "environments",
    operation_id = "rotate_token", request_body = Rotation,
    responses((status = 201, body = NewToken),
        (status = 409, description = "It is not accepted any more, or was rotated already")))]
pub(super) async fn rotate(
    State(app): State<Arc<App>>,
    admin: Admin,
    params: Params,
    request: Request,
) -> Answer {
    let Rotation { overlap: length, expires_at } = json_body(request.into_body(), BODY_BYTES_MAX).await?;
    let overlap = overlap(length.as_deref())?;
    json(StatusCode::CREATED, &turn(&app, &admin, &params, overlap, expires_at).await?)
}

/// Rotates the token that the path names.
pub(in crate::admin) async fn turn(
    app: &App,
    admin: &Admin,
    params: &Params,
    overlap: Span,
    expires_at: Option<Time>,
) -> Result<NewToken, Problem> {
    let secret = random::secret(PULL_PREFIX).map_err(no_randomness)?;

    let _changing = app.changes.lock().await;
    let (view, now) = (app.log.view(), now());
    check_expiry(expires_at, now)?;
    let environment = params.environment(&view.directory)?;
    let old = token(environment, params)?;
    check_rotatable(old, now)?;
    check_room(environment)?;
    let ends_at = old.expires_at.map_or(now + overlap, |end| end.min(now + overlap));
    let lifetime = old.expires_at.map(|end| end.since(old.created_at));
    let expires_at = expires_at.or(lifetime.map(|lifetime| now + lifetime));
    let (id, environment) = (new_id(&view.directory)?, &environment.name);
    let action = Action::TokenRotated {
        environment: environment.clone(),
        id: old.id.clone(),
        ends_at,
        successor: id.clone(),
        secret_sha256: secret.sha256(),
        expires_at,
    };
    app.act(admin, now, action).await?;
    tracing::info!(%environment, token = %old.id, successor = %id, "token rotated");
    Ok(NewToken {
        id,
        name: old.name.clone(),
        kind: old.kind,
        username: environment.clone(),
        instructions: Instructions::new(&app.settings, environment, &secret),
        secret,
        created_at: now,
        expires_at,
        replaces: Some(Replaced { id: old.id.clone(), expires_at: ends_at }),
    })
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
pub(in crate::admin) async fn end(app: &App, admin: &Admin, params: &Params) -> Result<(), Problem> {
    let _changing = app.changes.lock().await;
    let view = app.log.view();
    let environment = params.environment(&view.directory)?;
    let token = token(environment, params)?;
    if token.revoked_at.is_none() {
        let (environment, id) = (environment.name.clone(), token.id.clone());
        tracing::info!(%environment, token = %id, "token revoked");
        app.act(admin, now(), Action::TokenRevoked { environment, id }).await?;
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

pub(in crate::admin) fn overlap(text: Option<&str>) -> Result<Span, Problem> {
    let Some(text) = text else { return Ok(OVERLAP) };
    let span = text.parse().ok().filter(|span| (Span::from_ms(0)..=OVERLAP_MAX).contains(span));
    span.ok_or_else(|| Problem::invalid("overlap", "must be a length from 0m to 90d, e.g. 24h"))
}

/// A token has to be good for a while.
pub(in crate::admin) fn check_expiry(expires_at: Option<Time>, now: Time) -> Result<(), Problem> {
    if expires_at.is_some_and(|end| end <= now) {
        return Err(Problem::invalid("expires_at", "must lie in the future"));
    }
    Ok(())
}

/// The name of a new token.
pub(in crate::admin) fn name(text: String) -> Result<String, Problem> {
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
pub(in crate::admin) fn no_randomness(error: random::NoRandomness) -> Problem {
    tracing::error!(%error, "no token can be made");
    Problem::internal()
}

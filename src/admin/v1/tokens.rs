//! An environment's tokens: made, shown without their secret, revoked.

use std::sync::Arc;

use axum::extract::State;

use super::instructions::instructions;
use super::token_views::{NewToken, Rotation, TokenRequest, shown};
use crate::admin::http::answers::{Created, List, Revoked};
use crate::admin::http::caller::Admin;
use crate::admin::http::fields::{Body, one_line};
use crate::admin::http::params::{self, Params};
use crate::admin::http::problem::Problem;
use crate::admin::state::Settings;
use crate::admin::state::changes::Changes;
use crate::admin::state::random;
use crate::clock::now;
use crate::log::Log;
use crate::model::act::Action;
use crate::model::directory::{Directory, Environment, Token};
use crate::model::event::{EnvironmentName, TokenId};
use crate::model::secret::PULL_PREFIX;
use crate::model::time::{Span, Time};
use crate::wire::{self, ReplacedToken, Revocation};

/// Tokens of an environment at most, the revoked ones too.
const TOKENS_MAX: usize = 10_000;
/// Time for which a rotated token is accepted beside its successor, unless told.
const OVERLAP: Span = Span::from_mins(24 * 60);
/// … and at most.
const OVERLAP_MAX: Span = Span::from_mins(90 * 24 * 60);
/// Longest name of a token.
const NAME_CHARS_MAX: usize = 100;

/// Lists an environment's tokens, the revoked too, in the order in which they were made.
#[utoipa::path(get, path = "/environments/{env}/tokens", tag = "environments", operation_id = "list_tokens")]
pub(super) async fn list(State(log): State<Log>, params: Params) -> Result<List<wire::Token>, Problem> {
    let (view, now) = (log.view(), now());
    let tokens = params.environment(&view.directory)?.tokens();
    let mut all: Vec<_> = tokens.map(|token| shown(token, now)).collect();
    all.sort_by_key(|token| token.created_at);
    Ok(List(all))
}

/// Makes a token. Its secret is shown this once, with the commands that use it.
#[utoipa::path(post, path = "/environments/{env}/tokens", tag = "environments", operation_id = "create_token",
    responses((status = 409, description = "One that is accepted has this name, or there are too many")))]
pub(super) async fn create(
    State(changes): State<Changes>,
    State(settings): State<Arc<Settings>>,
    admin: Admin,
    params: Params,
    Body(wanted): Body<TokenRequest>,
) -> Result<Created<wire::NewToken>, Problem> {
    let token = make(&changes, &settings, &admin, params.get("env"), wanted).await?;
    Ok(Created(token.into()))
}

/// Makes a token.
pub(in crate::admin) async fn make(
    changes: &Changes,
    settings: &Settings,
    admin: &Admin,
    environment: &str,
    wanted: TokenRequest,
) -> Result<NewToken, Problem> {
    let (name, kind) = (name(wanted.name)?, wanted.kind.unwrap_or_default());
    let expires_at = wanted.expires_at;
    let secret = random::secret(PULL_PREFIX)?;

    let decided = changes.decide(admin, |view, created_at| {
        let environment = params::exactly(&view.directory, environment)?;
        check_expiry(expires_at, created_at)?;
        check_room(environment)?;
        check_name(environment, &name, created_at)?;
        let (id, environment) = (new_id(&view.directory)?, environment.name.clone());
        let action = Action::TokenCreated {
            environment: environment.clone(),
            id: id.clone(),
            name: name.clone(),
            kind,
            secret_sha256: secret.sha256(),
            expires_at,
        };
        Ok::<_, Problem>((Some(action), (id, environment, created_at)))
    });
    let (id, environment, created_at) = decided.await?;
    tracing::info!(%environment, token = %id, kind = kind.as_str(), "token created");
    let instructions = instructions(settings, &environment, (&name, kind), &secret);
    let username = environment;
    Ok(NewToken { id, name, kind, username, secret, instructions, created_at, expires_at, replaces: None })
}

/// Gives a token a successor of the same name and kind, whose secret is shown this once.
///
/// The token itself is accepted for a while longer, so that nodes can change over.
#[utoipa::path(post, path = "/environments/{env}/tokens/{id}/rotate", tag = "environments",
    operation_id = "rotate_token",
    responses((status = 409, description = "It is not accepted any more, or was rotated already")))]
pub(super) async fn rotate(
    State(changes): State<Changes>,
    State(settings): State<Arc<Settings>>,
    admin: Admin,
    params: Params,
    Body(wanted): Body<Rotation>,
) -> Result<Created<wire::NewToken>, Problem> {
    let overlap = overlap(wanted.overlap.as_deref())?;
    let token = turn(&changes, &settings, &admin, &params, overlap, wanted.expires_at).await?;
    Ok(Created(token.into()))
}

/// Rotates the token that the path names.
pub(in crate::admin) async fn turn(
    changes: &Changes,
    settings: &Settings,
    admin: &Admin,
    params: &Params,
    overlap: Span,
    expires_at: Option<Time>,
) -> Result<NewToken, Problem> {
    let secret = random::secret(PULL_PREFIX)?;

    let decided = changes.decide(admin, |view, now| {
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
        Ok::<_, Problem>((Some(action), (old.clone(), ends_at, successor)))
    });
    let (old, ends_at, Successor { id, environment, created_at, expires_at }) = decided.await?;
    tracing::info!(%environment, token = %old.id, successor = %id, "token rotated");
    Ok(NewToken {
        id,
        instructions: instructions(settings, &environment, (&old.name, old.kind), &secret),
        name: old.name,
        kind: old.kind,
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
    operation_id = "revoke_token",
    responses((status = 204, description = "It is revoked, at every server of the log"),
        (status = 200, description = "It is revoked, and these servers of the log have not confirmed that yet")))]
pub(super) async fn revoke(
    State(changes): State<Changes>,
    admin: Admin,
    params: Params,
) -> Result<Revoked, Problem> {
    end(&changes, &admin, &params).await.map(Revoked)
}

/// Revokes the token that the path names.
pub(in crate::admin) async fn end(
    changes: &Changes,
    admin: &Admin,
    params: &Params,
) -> Result<Revocation, Problem> {
    let decided = changes.decide(admin, |view, _| {
        let environment = params.environment(&view.directory)?;
        let token = token(environment, params)?;
        let (environment, id) = (environment.name.clone(), token.id.clone());
        let is_change = token.revoked_at.is_none();
        let action = Action::TokenRevoked { environment: environment.clone(), id: id.clone() };
        Ok::<_, Problem>((is_change.then_some(action), (is_change, environment, id)))
    });
    let (is_change, environment, id) = decided.await?;
    if is_change {
        tracing::info!(%environment, token = %id, "token revoked");
    }
    Ok(changes.revocation().await)
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

/// Of two tokens of one name nobody could tell whose pulls are whose. A name is free again once its token is refused.
fn check_name(environment: &Environment, name: &str, now: Time) -> Result<(), Problem> {
    let Some(other) = holder(environment, name, now) else { return Ok(()) };
    let (env, id) = (&environment.name, &other.id);
    Err(Problem::conflict(format!(
        "`{env}` has a token `{name}` already ({id}), so none was made; choose another name, or give that one a successor: \
         landfall token rotate {env} {id}"
    )))
}

/// The token of this name that is accepted.
fn holder<'a>(environment: &'a Environment, name: &str, now: Time) -> Option<&'a Token> {
    environment.tokens().find(|token| token.name == name && token.is_active(now))
}

/// `name`, or the first of `name-2`, `name-3`, … that no token has which is accepted.
pub(in crate::admin) fn free_name(environment: &Environment, name: &str, now: Time) -> String {
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| holder(environment, name, now).is_none()).unwrap_or_default()
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
    let text = one_line("name", text, NAME_CHARS_MAX)?;
    match text.trim() {
        "" => Err(Problem::invalid("name", "must not be empty")),
        name => Ok(name.to_owned()),
    }
}

/// An identifier that no token of any environment has: observations name tokens by it alone.
fn new_id(directory: &Directory) -> Result<TokenId, Problem> {
    loop {
        let id = random::token_id("tok_")?;
        if directory.environments().all(|environment| environment.token(&id).is_none()) {
            return Ok(id);
        }
    }
}

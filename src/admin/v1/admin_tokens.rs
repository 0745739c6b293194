//! Admin and viewer tokens: made, shown without their secret, revoked. The token of the token file is none of them.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::IntoResponse;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::tokens::{check_expiry, name, no_randomness};
use crate::admin::http::caller::Admin;
use crate::admin::http::fields::{BODY_BYTES_MAX, json_body};
use crate::admin::http::params::Params;
use crate::admin::http::problem::Problem;
use crate::admin::state::random;
use crate::admin::{Answer, App, json};
use crate::clock::now;
use crate::model::act::{Action, Role};
use crate::model::directory::{AdminToken, Admins};
use crate::model::event::TokenId;
use crate::model::secret::{ADMIN_PREFIX, VIEWER_PREFIX};
use crate::model::time::Time;

/// How many admin tokens there may be, the revoked ones too.
const ADMIN_TOKENS_MAX: usize = 1_000;
/// Prefix of their public identifiers.
const ID_PREFIX: &str = "adm_";

/// An admin token as the API lists it.
#[derive(Serialize, ToSchema)]
#[schema(as = AdminToken)]
pub(in crate::admin) struct AdminTokenView<'a> {
    id: &'a TokenId,
    name: &'a str,
    kind: Role,
    created_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<Time>,
}

impl<'a> From<&'a AdminToken> for AdminTokenView<'a> {
    fn from(token: &'a AdminToken) -> Self {
        Self {
            id: &token.id,
            name: &token.name,
            kind: token.role,
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
        }
    }
}

/// A new admin token: the one answer that shows its secret.
#[derive(Serialize, ToSchema)]
pub(in crate::admin) struct NewAdminToken<'a> {
    id: &'a TokenId,
    name: &'a str,
    kind: Role,
    secret: &'a str,
    created_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
}

/// What a new admin or viewer token is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct AdminTokenRequest {
    /// Whose it is, or what uses it; one line.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]*[!-~][^\\u0000-\\u001F\\u007F-\\u009F]*$"
    )]
    name: String,
    /// What it allows; `viewer` unless told.
    kind: Option<Role>,
    /// From when on it is refused; never unless told.
    expires_at: Option<Time>,
}

/// Lists admin and viewer tokens, the revoked too, in the order in which they were made.
#[utoipa::path(get, path = "/admin-tokens", tag = "administration", operation_id = "list_admin_tokens",
    responses((status = 200, body = [AdminTokenView])))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Answer {
    let view = app.log.view();
    let mut shown: Vec<_> = view.directory.admins().tokens().map(AdminTokenView::from).collect();
    shown.sort_by_key(|token| token.created_at);
    json(StatusCode::OK, &shown)
}

/// Makes an admin or viewer token. Its secret is shown this once.
#[utoipa::path(post, path = "/admin-tokens", tag = "administration", operation_id = "create_admin_token",
    request_body = AdminTokenRequest,
    responses((status = 201, body = NewAdminToken), (status = 409, description = "There are too many")))]
pub(super) async fn create(State(app): State<Arc<App>>, admin: Admin, request: Request) -> Answer {
    let wanted: AdminTokenRequest = json_body(request.into_body(), BODY_BYTES_MAX).await?;
    let (name, role) = (name(wanted.name)?, wanted.kind.unwrap_or(Role::Viewer));
    let expires_at = wanted.expires_at;
    let prefix = if role == Role::Admin { ADMIN_PREFIX } else { VIEWER_PREFIX };
    let secret = random::secret(prefix).map_err(no_randomness)?;

    let _changing = app.changes.lock().await;
    let (view, created_at) = (app.log.view(), now());
    check_expiry(expires_at, created_at)?;
    if view.directory.admins().tokens().count() >= ADMIN_TOKENS_MAX {
        return Err(Problem::conflict(format!(
            "there may be {ADMIN_TOKENS_MAX} admin tokens, the revoked too"
        )));
    }
    let id = new_id(view.directory.admins())?;
    let action = Action::AdminTokenCreated {
        id: id.clone(),
        name: name.clone(),
        role,
        secret_sha256: secret.sha256(),
        expires_at,
    };
    app.act(&admin, created_at, action).await?;
    tracing::info!(token = %id, kind = role.as_str(), "admin token created");
    let secret = secret.expose();
    json(
        StatusCode::CREATED,
        &NewAdminToken { id: &id, name: &name, kind: role, secret, created_at, expires_at },
    )
}

/// Revokes an admin or viewer token: it is refused from the next request on. Repeating it changes nothing.
#[utoipa::path(delete, path = "/admin-tokens/{id}", tag = "administration", operation_id = "revoke_admin_token",
    responses((status = 204, description = "It is revoked")))]
pub(super) async fn revoke(State(app): State<Arc<App>>, admin: Admin, params: Params) -> Answer {
    let _changing = app.changes.lock().await;
    let view = app.log.view();
    let id = TokenId::new(params.get("id"));
    let unknown = || Problem::not_found(format!("there is no admin token `{id}`"));
    let token = view.directory.admins().token(&id).ok_or_else(unknown)?;
    if token.revoked_at.is_none() {
        tracing::info!(token = %id, "admin token revoked");
        app.act(&admin, now(), Action::AdminTokenRevoked { id }).await?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn new_id(admins: &Admins) -> Result<TokenId, Problem> {
    loop {
        let id = random::token_id(ID_PREFIX).map_err(no_randomness)?;
        if admins.token(&id).is_none() {
            return Ok(id);
        }
    }
}

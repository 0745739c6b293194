//! Admin, viewer and publisher tokens: made, shown without their secret, revoked. The token of the token file is none of them.

use std::collections::BTreeSet;

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::tokens::{check_expiry, name};
use crate::admin::http::answers::{Created, List, Revoked};
use crate::admin::http::caller::Admin;
use crate::admin::http::fields::Body;
use crate::admin::http::params::Params;
use crate::admin::http::problem::Problem;
use crate::admin::state::changes::Changes;
use crate::admin::state::random;
use crate::log::Log;
use crate::model::act::{Action, Role};
use crate::model::directory::{AdminToken, Admins};
use crate::model::event::TokenId;
use crate::model::oci::Repository;
use crate::model::secret::{ADMIN_PREFIX, PUBLISHER_PREFIX, VIEWER_PREFIX};
use crate::model::time::Time;
use crate::wire;

/// Admin tokens at most, the revoked ones too.
const ADMIN_TOKENS_MAX: usize = 1_000;
/// Repositories of a publisher at most.
const REPOSITORIES_MAX: usize = 100;
/// Prefix of their public identifiers.
const ID_PREFIX: &str = "adm_";

fn shown(token: &AdminToken) -> wire::AdminToken {
    wire::AdminToken {
        id: token.id.clone(),
        name: token.name.clone(),
        kind: token.role.into(),
        repositories: token.repositories.clone(),
        created_at: token.created_at,
        expires_at: token.expires_at,
        revoked_at: token.revoked_at,
    }
}

/// A new admin, viewer or publisher token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct AdminTokenRequest {
    /// Its person or program; one line.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = "^[^\\u0000-\\u001F\\u007F-\\u009F]*[!-~][^\\u0000-\\u001F\\u007F-\\u009F]*$"
    )]
    name: String,
    /// Role that it gives; `viewer` unless told.
    #[schema(value_type = Option<wire::Role>)]
    kind: Option<Role>,
    /// The repositories whose releases a publisher may register: needed for that kind, and for no other.
    #[serde(default)]
    #[schema(max_items = 100)]
    repositories: Vec<Repository>,
    /// From when on it is refused; never unless told.
    expires_at: Option<Time>,
}

/// Lists admin, viewer and publisher tokens, the revoked too, in the order in which they were made.
#[utoipa::path(get, path = "/admin-tokens", tag = "administration", operation_id = "list_admin_tokens")]
pub(super) async fn list(State(log): State<Log>) -> Result<List<wire::AdminToken>, Problem> {
    let view = log.view();
    let mut all: Vec<_> = view.directory.admins().tokens().map(shown).collect();
    all.sort_by_key(|token| token.created_at);
    Ok(List(all))
}

/// Makes an admin, viewer or publisher token. Its secret is shown this once.
#[utoipa::path(post, path = "/admin-tokens", tag = "administration", operation_id = "create_admin_token",
    responses((status = 409, description = "One that is accepted has this name, or there are too many")))]
pub(super) async fn create(
    State(changes): State<Changes>,
    admin: Admin,
    Body(wanted): Body<AdminTokenRequest>,
) -> Result<Created<wire::NewAdminToken>, Problem> {
    let (name, role) = (name(wanted.name)?, wanted.kind.unwrap_or(Role::Viewer));
    let (expires_at, repositories) = (wanted.expires_at, repositories(role, wanted.repositories)?);
    let prefix = match role {
        Role::Admin => ADMIN_PREFIX,
        Role::Viewer => VIEWER_PREFIX,
        Role::Publisher => PUBLISHER_PREFIX,
    };
    let secret = random::secret(prefix)?;

    let decided = changes.decide(&admin, |view, created_at| {
        check_expiry(expires_at, created_at)?;
        if view.directory.admins().tokens().count() >= ADMIN_TOKENS_MAX {
            let full = format!("there may be {ADMIN_TOKENS_MAX} admin tokens, the revoked too");
            return Err(Problem::conflict(full));
        }
        check_name(view.directory.admins(), &name, created_at)?;
        let id = new_id(view.directory.admins())?;
        let (name, secret_sha256) = (name.clone(), secret.sha256());
        let made = id.clone();
        let action = match role {
            Role::Viewer | Role::Admin => {
                Action::AdminTokenCreated { id, name, role, secret_sha256, expires_at }
            }
            Role::Publisher => {
                let repositories = repositories.clone();
                Action::PublisherTokenCreated { id, name, repositories, secret_sha256, expires_at }
            }
        };
        Ok((Some(action), (made, created_at)))
    });
    let (id, created_at) = decided.await?;
    tracing::info!(token = %id, kind = role.as_str(), "admin token created");
    let (kind, secret) = (role.into(), secret.expose().to_owned());
    Ok(Created(wire::NewAdminToken { id, name, kind, repositories, secret, created_at, expires_at }))
}

/// Of two tokens of one name the audit trail would not tell whose changes are whose.
fn check_name(admins: &Admins, name: &str, now: Time) -> Result<(), Problem> {
    let mut others = admins.tokens().filter(|token| token.name == name && token.is_active(now));
    let Some(other) = others.next() else { return Ok(()) };
    let id = &other.id;
    Err(Problem::conflict(format!(
        "there is a token `{name}` already ({id}), so none was made; choose another name, or revoke that one first: landfall \
         admin-token revoke {id}"
    )))
}

/// A publisher's repositories, each once; of another kind of token there are none.
fn repositories(role: Role, given: Vec<Repository>) -> Result<Vec<Repository>, Problem> {
    let wrong = |text: String| Err(Problem::invalid("repositories", text));
    match (role, given.len()) {
        (Role::Publisher, 0) => wrong("must name the repositories whose releases it may register".to_owned()),
        (Role::Publisher, 1..=REPOSITORIES_MAX) => {
            Ok(given.into_iter().collect::<BTreeSet<_>>().into_iter().collect())
        }
        (Role::Publisher, _) => wrong(format!("may have {REPOSITORIES_MAX} entries")),
        (Role::Viewer | Role::Admin, 0) => Ok(given),
        (Role::Viewer | Role::Admin, _) => wrong("are for a publisher's token".to_owned()),
    }
}

/// Revokes an admin, viewer or publisher token: it is refused from the next request on. Repeating it changes nothing.
#[utoipa::path(delete, path = "/admin-tokens/{id}", tag = "administration", operation_id = "revoke_admin_token",
    responses((status = 204, description = "It is revoked, at every server of the log"),
        (status = 200, description = "It is revoked, and these servers of the log have not confirmed that yet")))]
pub(super) async fn revoke(
    State(changes): State<Changes>,
    admin: Admin,
    params: Params,
) -> Result<Revoked, Problem> {
    let id = TokenId::new(params.get("id"));
    let unknown = || Problem::not_found(format!("there is no admin token `{id}`"));
    let revoked = changes.decide(&admin, |view, _| {
        let token = view.directory.admins().token(&id).ok_or_else(unknown)?;
        let is_change = token.revoked_at.is_none();
        Ok::<_, Problem>((is_change.then(|| Action::AdminTokenRevoked { id: id.clone() }), is_change))
    });
    if revoked.await? {
        tracing::info!(token = %id, "admin token revoked");
    }
    Ok(Revoked(changes.revocation().await))
}

fn new_id(admins: &Admins) -> Result<TokenId, Problem> {
    loop {
        let id = random::token_id(ID_PREFIX)?;
        if admins.token(&id).is_none() {
            return Ok(id);
        }
    }
}

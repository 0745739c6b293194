//! The caller of a request: found out once, by the guard, and handed to the handler.

use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{Extensions, HeaderMap, header};

use super::problem::Problem;
use crate::admin::state::changes::Author;
use crate::admin::state::holder::Holder;
use crate::listen::Slot;
use crate::model::act::{Actor, Role, Through, Who};
use crate::model::directory::Admins;
use crate::model::names::{EnvironmentName, TokenId};
use crate::model::oci::Repository;

/// The `User-Agent` of `landfall`'s own commands begins so.
pub const CLI_AGENT: &str = "landfall-cli/";

/// … and that of `landfall mcp` so.
pub const MCP_AGENT: &str = "landfall-mcp/";

/// The connection that a request came by.
#[derive(Clone)]
pub(in crate::admin) struct Connection {
    pub(in crate::admin) peer: IpAddr,
    pub(in crate::admin) local: IpAddr,
    pub(in crate::admin) slot: Option<Slot>,
}

impl Connection {
    /// As the listener noted it.
    pub(in crate::admin) fn of(extensions: &Extensions) -> Self {
        const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        extensions.get().cloned().unwrap_or(Self { peer: NOWHERE, local: NOWHERE, slot: None })
    }

    /// A good token, session or signature was shown on it.
    pub(in crate::admin) fn trust(&self) {
        if let Some(slot) = &self.slot {
            slot.mark_authenticated();
        }
    }
}

/// The caller: its name in the log, and its role. The guard puts one into every request that it lets through.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Caller {
    pub(in crate::admin) actor: Actor,
    pub(in crate::admin) role: Role,
}

impl Caller {
    /// Somebody whose token or session was accepted.
    pub(in crate::admin) fn new(holder: Holder, through: Through, extensions: &Extensions) -> Self {
        let connection = Connection::of(extensions);
        connection.trust();
        let from = Some(connection.peer.to_string().into());
        Self { actor: Actor { who: holder.who, through, from }, role: holder.role }
    }

    /// The proof that the caller may change things.
    pub(in crate::admin) fn admin(self) -> Result<Admin, Problem> {
        match self {
            Self { actor, role: Role::Admin } => Ok(Admin { actor }),
            Self { role: Role::Viewer, .. } => Err(Problem::viewer()),
            Self { role: Role::Publisher, .. } => Err(Problem::publisher()),
        }
    }
}

/// The client that a request with a token came through, as it calls itself.
pub(in crate::admin) fn through(headers: &HeaderMap) -> Through {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    match agent {
        Some(agent) if agent.starts_with(CLI_AGENT) => Through::Cli,
        Some(agent) if agent.starts_with(MCP_AGENT) => Through::Mcp,
        _ => Through::Api,
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(Problem::unauthorized)
    }
}

/// Somebody who may change things, by an admin's token or session. It can be made nowhere else.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Admin {
    actor: Actor,
}

impl Author for Admin {
    fn actor(&self) -> &Actor {
        &self.actor
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Admin {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Caller::from_request_parts(parts, state).await?.admin()
    }
}

/// A witness, by a token of kind `agent`: it reports for the environment of the token. The guard makes it, and nothing else.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Reporter {
    pub(super) environment: EnvironmentName,
    pub(super) token: TokenId,
}

impl Reporter {
    /// Tells whether it may report for this environment.
    pub(in crate::admin) fn check(&self, environment: &EnvironmentName) -> Result<(), Problem> {
        if self.environment == *environment { Ok(()) } else { Err(Problem::not_witnessed(environment)) }
    }

    /// The token.
    pub(in crate::admin) fn into_token(self) -> TokenId {
        self.token
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Reporter {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(Problem::no_witness)
    }
}

/// Somebody who may register releases: an admin, or a publisher for its repositories. It can be made nowhere else.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Publisher {
    actor: Actor,
    is_admin: bool,
}

impl Publisher {
    /// Tells whether releases of this repository may be registered.
    pub(in crate::admin) fn check(&self, admins: &Admins, repository: &Repository) -> Result<(), Problem> {
        let is_named = self.repositories(admins).is_none_or(|own| own.contains(repository));
        if is_named { Ok(()) } else { Err(Problem::not_published(repository)) }
    }

    /// The repositories whose releases it may register; all where it is an admin.
    pub(in crate::admin) fn repositories<'a>(&self, admins: &'a Admins) -> Option<&'a [Repository]> {
        match &self.actor.who {
            _ if self.is_admin => None,
            Who::AdminToken { id, .. } => {
                Some(admins.token(id).map_or(&[][..], |token| token.repositories.as_slice()))
            }
            Who::TokenFile | Who::Webhook { .. } | Who::Unknown => Some(&[]),
        }
    }

    /// Sees everything, too.
    pub(in crate::admin) fn is_admin(&self) -> bool {
        self.is_admin
    }
}

impl Author for Publisher {
    fn actor(&self) -> &Actor {
        &self.actor
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Publisher {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Caller::from_request_parts(parts, state).await? {
            Caller { actor, role: Role::Publisher } => Ok(Self { actor, is_admin: false }),
            caller => caller.admin().map(|Admin { actor }| Self { actor, is_admin: true }),
        }
    }
}

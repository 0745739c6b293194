//! Builds [`Observation`]s of requests and their answers.

use std::sync::Arc;

use http::header::USER_AGENT;
use http::{HeaderMap, StatusCode};

use super::auth::{EndedToken, Permit};
use super::headers::truncated;
use super::upstream::Target;
use crate::clock;
use crate::model::event::{EnvironmentName, Method, Object, Observation, TokenId, TokenKind};
use crate::model::oci::{Digest, Reference, Repository, Route};

/// Longest user agent that is kept, in bytes. Docker's complete one has some 200.
const AGENT_BYTES_MAX: usize = 512;
/// Longest user agent kept of a request with an invalid token: enough to tell the program.
const REFUSED_AGENT_BYTES_MAX: usize = 128;

/// An observation of a manifest or blob request that has no answer yet.
#[derive(Clone)]
pub(super) struct PendingObservation {
    environment: EnvironmentName,
    token: TokenId,
    token_kind: TokenKind,
    client: Arc<str>,
    agent: Arc<str>,
    method: Method,
    object: Object,
    pub(super) repository: Repository,
    pub(super) reference: Reference,
}

/// Outcome of a request, as it is recorded.
pub(super) struct ResponseSummary {
    pub(super) status: StatusCode,
    pub(super) digest: Option<Digest>,
    pub(super) media_type: Option<Arc<str>>,
    pub(super) bytes: u64,
    pub(super) parent: Option<Digest>,
}

impl ResponseSummary {
    /// Summary of a refusal, which delivers nothing.
    pub(super) fn refused(status: StatusCode) -> Self {
        Self { status, digest: None, media_type: None, bytes: 0, parent: None }
    }
}

/// Address and user agent of a client.
#[derive(Clone)]
pub(super) struct ClientIdentity {
    pub(super) address: Arc<str>,
    pub(super) agent: Arc<str>,
}

impl ClientIdentity {
    pub(super) fn new(address: Arc<str>, headers: &HeaderMap) -> Self {
        let agent = headers.get(USER_AGENT).map_or(&b""[..], |value| value.as_bytes());
        Self { address, agent: truncated(agent, AGENT_BYTES_MAX) }
    }
}

impl PendingObservation {
    /// Starts an observation, if `route` is a manifest or a blob.
    pub(super) fn new(
        permit: &Permit,
        client: &ClientIdentity,
        head: bool,
        route: &Route,
        target: &Target,
    ) -> Option<Self> {
        let token = (permit.environment().clone(), permit.token().clone(), permit.kind());
        Self::build(token, client, head, route, target)
    }

    /// Starts an observation of a request with a former token.
    pub(super) fn refused(
        token: &EndedToken,
        client: &ClientIdentity,
        head: bool,
        route: &Route,
        target: &Target,
    ) -> Option<Self> {
        let token = (token.environment.clone(), token.token.clone(), token.kind);
        let pending = Self::build(token, client, head, route, target)?;
        let agent = truncated(pending.agent.as_bytes(), REFUSED_AGENT_BYTES_MAX);
        Some(Self { agent, ..pending })
    }

    /// Starts an observation of a request with an unknown secret, by a client that names an environment. Anybody can send
    /// that, so none of its words are kept: neither the reference nor the agent.
    pub(super) fn unproven(
        environment: EnvironmentName,
        client: &ClientIdentity,
        head: bool,
        route: &Route,
        target: &Target,
    ) -> Option<Self> {
        let token = TokenId::unproven(&environment);
        let pending = Self::build((environment, token, TokenKind::Cluster), client, head, route, target)?;
        Some(Self { reference: Reference::unproven(), agent: "".into(), ..pending })
    }

    fn build(
        (environment, token, token_kind): (EnvironmentName, TokenId, TokenKind),
        client: &ClientIdentity,
        head: bool,
        route: &Route,
        target: &Target,
    ) -> Option<Self> {
        let (object, reference) = match route {
            Route::Manifest(_, reference) => (Object::Manifest, reference.clone()),
            Route::Blob(_, digest) => (Object::Blob, Reference::Digest(*digest)),
            _ => return None,
        };
        Some(Self {
            environment,
            token,
            token_kind,
            client: client.address.clone(),
            agent: client.agent.clone(),
            method: if head { Method::Head } else { Method::Get },
            object,
            repository: target.repository().clone(),
            reference,
        })
    }

    /// Digest that the client requested; `None` for a tag.
    pub(super) fn requested_digest(&self) -> Option<Digest> {
        match &self.reference {
            Reference::Digest(digest) => Some(*digest),
            Reference::Tag(_) => None,
        }
    }

    /// The client, as its environment knows it, and the repository that it asks for.
    pub(super) fn reader(&self) -> (EnvironmentName, Arc<str>, Repository) {
        (self.environment.clone(), self.client.clone(), self.repository.clone())
    }

    /// Completes the observation with the outcome and the current time.
    pub(super) fn complete(self, summary: ResponseSummary) -> Observation {
        Observation {
            at: clock::now(),
            environment: self.environment,
            token: self.token,
            token_kind: self.token_kind,
            client: self.client,
            agent: self.agent,
            method: self.method,
            repository: self.repository,
            reference: self.reference,
            digest: summary.digest,
            object: self.object,
            media_type: summary.media_type,
            status: summary.status.as_u16(),
            bytes: summary.bytes,
            parent: summary.parent,
        }
    }
}

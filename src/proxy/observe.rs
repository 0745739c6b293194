//! What passed → [`Observation`].

use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderName, USER_AGENT};
use http::{HeaderMap, StatusCode};

use super::auth::{Owner, Permit};
use super::upstream::Target;
use crate::clock;
use crate::model::event::{EnvironmentName, Method, Object, Observation, TokenId, TokenKind};
use crate::model::oci::{Digest, Reference, Repository, Route};

/// Longest user agent that is kept, in bytes. Docker's with all its parts has some 200.
const AGENT_BYTES_MAX: usize = 512;
/// The same of a request with a token that is not accepted: it says what kind of program asks.
const REFUSED_AGENT_BYTES_MAX: usize = 128;
/// Longest media type that is kept, in bytes; RFC 6838 §4.2 allows 127 for each half.
const MEDIA_TYPE_BYTES_MAX: usize = 255;
/// Distribution spec, "Pulling manifests": the digest of what was answered.
pub(super) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// One request for a manifest or a blob: who asks for what.
#[derive(Clone)]
pub(super) struct Pull {
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

/// How it was answered.
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) digest: Option<Digest>,
    pub(super) media_type: Option<Arc<str>>,
    pub(super) bytes: u64,
    pub(super) parent: Option<Digest>,
}

impl Answered {
    /// A refusal: nothing was pulled.
    pub(super) fn refused(status: StatusCode) -> Self {
        Self { status, digest: None, media_type: None, bytes: 0, parent: None }
    }
}

/// Who asks: from an address, with an agent.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) client: Arc<str>,
    pub(super) agent: Arc<str>,
}

impl Asker {
    pub(super) fn new(client: Arc<str>, headers: &HeaderMap) -> Self {
        let agent = headers.get(USER_AGENT).map_or(&b""[..], |value| value.as_bytes());
        Self { client, agent: clipped(agent, AGENT_BYTES_MAX) }
    }
}

impl Pull {
    /// The pull that `route` is, if it is one.
    pub(super) fn new(
        permit: &Permit,
        asker: &Asker,
        head: bool,
        route: &Route,
        target: &Target,
    ) -> Option<Self> {
        let owner = (permit.environment().clone(), permit.token().clone(), permit.kind());
        Self::by(owner, asker, head, route, target)
    }

    /// The same for a token that is accepted no more.
    pub(super) fn refused(
        owner: &Owner,
        asker: &Asker,
        head: bool,
        route: &Route,
        target: &Target,
    ) -> Option<Self> {
        let who = (owner.environment.clone(), owner.token.clone(), owner.kind);
        let pull = Self::by(who, asker, head, route, target)?;
        let agent = clipped(pull.agent.as_bytes(), REFUSED_AGENT_BYTES_MAX);
        Some(Self { agent, ..pull })
    }

    fn by(
        (environment, token, token_kind): (EnvironmentName, TokenId, TokenKind),
        asker: &Asker,
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
            client: asker.client.clone(),
            agent: asker.agent.clone(),
            method: if head { Method::Head } else { Method::Get },
            object,
            repository: target.repository().clone(),
            reference,
        })
    }

    /// The digest that the client named, if it named none by tag.
    pub(super) fn digest_asked_for(&self) -> Option<Digest> {
        match &self.reference {
            Reference::Digest(digest) => Some(*digest),
            Reference::Tag(_) => None,
        }
    }

    /// What was seen, as of now.
    pub(super) fn observed(self, answered: Answered) -> Observation {
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
            digest: answered.digest,
            object: self.object,
            media_type: answered.media_type,
            status: answered.status.as_u16(),
            bytes: answered.bytes,
            parent: answered.parent,
        }
    }
}

/// The digest that an answer says it has, if it says so in a way that is understood.
pub(super) fn digest_in(headers: &HeaderMap) -> Option<Digest> {
    headers.get(CONTENT_DIGEST)?.to_str().ok()?.parse().ok()
}

/// The answer's media type.
pub(super) fn media_type_in(headers: &HeaderMap) -> Option<Arc<str>> {
    headers.get(CONTENT_TYPE).map(|value| clipped(value.as_bytes(), MEDIA_TYPE_BYTES_MAX))
}

fn clipped(bytes: &[u8], bytes_max: usize) -> Arc<str> {
    String::from_utf8_lossy(&bytes[..bytes.len().min(bytes_max)]).into()
}

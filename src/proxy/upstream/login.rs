//! Authentication to a registry: none, Basic, or a bearer token.
//!
//! Credentials are first sent after a challenge, and from then on with each request, so that pulls cost no
//! refused requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderValue, Response, StatusCode, Uri};
use url::Url;

use super::challenge::{Challenge, challenges};
use super::connect::Reach;
use super::credentials::Credentials;
use super::issuer::{Issuer, scopes};
use super::pools::nearness_of;
use super::token::{Token, TokenCache, TokenResult};
use super::{Upstream, UpstreamBody, UpstreamError, UpstreamRequest, redirect};

/// Credentials that a request carried, stored in its response's extensions. A 401 or 403 to a bearer token
/// concerns the repository; any other concerns Landfall's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentCredentials {
    /// No credentials.
    None,
    /// The configured user and password.
    Basic,
    /// A token that the registry's token server issued for this repository.
    Bearer,
}

/// Login state of one upstream.
pub(super) struct Login {
    pub(super) credentials: Credentials,
    /// The registry has demanded Basic.
    wants_basic: AtomicBool,
    tokens: TokenCache,
    /// Tokens for hosts that the registry redirects to.
    pub(super) foreign_tokens: TokenCache,
}

enum Proof {
    Nothing,
    Basic(HeaderValue),
    Bearer(Arc<Token>),
    /// None, because this token server failed just now.
    Failed(Arc<Issuer>, UpstreamError),
}

impl Login {
    pub(super) fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            wants_basic: AtomicBool::new(false),
            tokens: TokenCache::default(),
            foreign_tokens: TokenCache::default(),
        }
    }
}

impl Upstream {
    /// Sends a request to the registry itself. If the registry or its token server refuses the credentials
    /// and newer ones exist, sends it again with those.
    pub(super) async fn send_authenticated(
        &self,
        uri: &Uri,
        request: &UpstreamRequest,
        name: &str,
    ) -> Result<Response<UpstreamBody>, UpstreamError> {
        let version = self.login.credentials.version();
        let answer = self.send_with_login(uri, request, name).await;
        if !is_refused(&answer) || !self.login.credentials.renew(version).await {
            return answer;
        }
        self.login.tokens.forget();
        self.send_with_login(uri, request, name).await
    }

    /// Sends a request with the cached proof, and again with a new one after a challenge.
    async fn send_with_login(
        &self,
        uri: &Uri,
        request: &UpstreamRequest,
        name: &str,
    ) -> Result<Response<UpstreamBody>, UpstreamError> {
        let proof = self.cached_proof(name).await;
        let refused = self.send_with_proof(&proof, uri, request).await?;
        if refused.status() != StatusCode::UNAUTHORIZED {
            return Ok(refused);
        }
        match self.proof_for_challenge(&refused, proof, name).await? {
            Some(proof) => {
                drop(refused);
                self.send_with_proof(&proof, uri, request).await
            }
            None => Ok(refused),
        }
    }

    async fn send_with_proof(
        &self,
        proof: &Proof,
        uri: &Uri,
        request: &UpstreamRequest,
    ) -> Result<Response<UpstreamBody>, UpstreamError> {
        let (authorization, sent) = match proof {
            Proof::Nothing | Proof::Failed(..) => (None, SentCredentials::None),
            Proof::Basic(value) => (Some(value), SentCredentials::Basic),
            Proof::Bearer(token) => (Some(&token.header), SentCredentials::Bearer),
        };
        let mut response =
            self.pools.send(Reach::Own, request.lane, request.outgoing(uri, authorization)).await?;
        response.extensions_mut().insert(sent);
        Ok(response)
    }

    /// Proof for the registry's last challenge.
    async fn cached_proof(&self, name: &str) -> Proof {
        if self.login.wants_basic.load(Ordering::Relaxed)
            && let Some(basic) = self.basic().await
        {
            return Proof::Basic(basic);
        }
        match self.login.tokens.cached(name, |issuer| self.token_from(issuer)).await {
            Some((_, Ok(token))) => Proof::Bearer(token),
            // The registry may serve the content anonymously; otherwise it sends a challenge.
            Some((issuer, Err(error))) => Proof::Failed(issuer, error),
            None => Proof::Nothing,
        }
    }

    /// Chooses a proof for the challenges of a refusal; `None` if all were rejected already. A token is
    /// preferred; a password is used if the token server gives no token.
    async fn proof_for_challenge(
        &self,
        refused: &Response<UpstreamBody>,
        rejected: Proof,
        name: &str,
    ) -> Result<Option<Proof>, UpstreamError> {
        let challenges = challenges(refused.headers());
        let demands_basic = challenges.iter().any(|challenge| challenge.scheme == "basic");
        let may_be_basic = demands_basic && !matches!(rejected, Proof::Basic(_));
        let basic = if may_be_basic { self.basic().await } else { None };
        if let Some((challenge, realm)) = challenges.iter().find_map(bearer_realm) {
            let issuer = self.issuer(challenge, realm, refused, name)?;
            match (self.token_for_challenge(issuer, rejected, name).await, &basic) {
                (Ok(token), _) => {
                    self.login.wants_basic.store(false, Ordering::Relaxed);
                    return Ok(Some(Proof::Bearer(token)));
                }
                (Err(UpstreamError::NoToken { .. }), Some(_)) => {}
                (Err(error), _) => return Err(error),
            }
        }
        if basic.is_some() {
            self.login.wants_basic.store(true, Ordering::Relaxed);
        }
        Ok(basic.map(Proof::Basic))
    }

    async fn token_for_challenge(&self, issuer: Issuer, rejected: Proof, name: &str) -> TokenResult {
        let rejected = match rejected {
            // A token server is asked only once for one request.
            Proof::Failed(asked, error) if *asked == issuer => return Err(error),
            Proof::Bearer(token) => Some(token),
            _ => None,
        };
        self.login.tokens.fresh(name, issuer, rejected.as_ref(), |issuer| self.token_from(issuer)).await
    }

    fn issuer(
        &self,
        challenge: &Challenge,
        realm: &str,
        refused: &Response<UpstreamBody>,
        name: &str,
    ) -> Result<Issuer, UpstreamError> {
        let realm: Url = redirect::follow_to_realm(
            &self.url,
            realm,
            &self.token_servers,
            self.login.credentials.are_configured(),
        )?;
        let reach = if redirect::same_host(&realm, &self.url) {
            Reach::Own
        } else {
            Reach::AtMost(nearness_of(refused))
        };
        let service = challenge.parameter("service").map(str::to_owned);
        Ok(Issuer { realm, service, scopes: scopes(name, challenge.parameter("scope")), reach })
    }

    async fn token_from(&self, issuer: Arc<Issuer>) -> TokenResult {
        let credential = self.login.credentials.get().await;
        issuer.issue(&self.pools, credential.as_deref()).await
    }

    async fn basic(&self) -> Option<HeaderValue> {
        self.login.credentials.get().await?.basic.clone()
    }
}

pub(super) fn bearer_realm(challenge: &Challenge) -> Option<(&Challenge, &str)> {
    let realm = challenge.parameter("realm").filter(|_| challenge.scheme == "bearer")?;
    Some((challenge, realm))
}

/// Whether the credentials were refused. ECR answers 403 to an expired password.
fn is_refused(answer: &Result<Response<UpstreamBody>, UpstreamError>) -> bool {
    let status = match answer {
        Ok(response) => response.status(),
        Err(UpstreamError::NoToken { status, .. }) => *status,
        Err(_) => return false,
    };
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

/// Marks a header value as sensitive, so that `Debug` hides it.
pub(super) fn hidden(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

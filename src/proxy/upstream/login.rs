//! Who Landfall is to a registry: nobody, a user by Basic, or the bearer of a token.
//!
//! Nothing is sent before the registry demands it once; then it is sent unasked, so that a pull costs no refused
//! requests.

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

/// What the request carried that a response answers; in the response's extensions. A 401 or 403 to a bearer of a
/// token is about this repository; to anybody else it is about Landfall's own settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentCredentials {
    /// No credentials.
    None,
    /// The configured user and password.
    Basic,
    /// A token that the registry's token server issued for this repository.
    Bearer,
}

/// The credentials of one upstream and what came of them.
pub(super) struct Login {
    pub(super) credentials: Credentials,
    /// The registry has demanded Basic.
    wants_basic: AtomicBool,
    tokens: TokenCache,
    /// Those of the places that it redirects to.
    pub(super) foreign_tokens: TokenCache,
}

enum Proof {
    Nothing,
    Basic(HeaderValue),
    Bearer(Arc<Token>),
    /// There is none: this token server failed a moment ago.
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
    /// Asks the registry itself. Where it or its token server refuses Landfall, and there are other credentials by now,
    /// it is asked again with those.
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

    /// Asks with what the registry demanded before, and once more with what it demands now.
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

    /// What the registry demanded earlier.
    async fn cached_proof(&self, name: &str) -> Proof {
        if self.login.wants_basic.load(Ordering::Relaxed)
            && let Some(basic) = self.basic().await
        {
            return Proof::Basic(basic);
        }
        match self.login.tokens.cached(name, |issuer| self.token_from(issuer)).await {
            Some((_, Ok(token))) => Proof::Bearer(token),
            // The registry may give it to nobody in particular, and else says so.
            Some((issuer, Err(error))) => Proof::Failed(issuer, error),
            None => Proof::Nothing,
        }
    }

    /// What answers the challenges of a refusal; nothing if nothing does that was not refused already. Where there are
    /// several, a token comes first, and a password where the token server gives none.
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
            // It is not asked twice for one request.
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

/// Whether somebody does not believe that Landfall may do this. ECR answers 403 to a password that has ended.
fn is_refused(answer: &Result<Response<UpstreamBody>, UpstreamError>) -> bool {
    let status = match answer {
        Ok(response) => response.status(),
        Err(UpstreamError::NoToken { status, .. }) => *status,
        Err(_) => return false,
    };
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

/// Marks a header value so that no `Debug` shows it.
pub(super) fn hidden(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

//! Authentication to a registry: none, Basic, or a bearer token.
//!
//! Credentials are first sent after a challenge, and from then on with each request, so that pulls cost no
//! refused requests.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::{HeaderValue, Response, StatusCode, Uri};
use url::Url;

use super::body::UpstreamBody;
use super::challenge::{Challenge, bearer_realm, challenges};
use super::connect::Reach;
use super::error::UpstreamError;
use super::issuer::{Issuer, scopes};
use super::login::SentCredentials;
use super::pools::nearness_of;
use super::redirect;
use super::registry::Upstream;
use super::request::UpstreamRequest;
use super::token::{Token, TokenResult};

enum Proof {
    Nothing,
    Basic(HeaderValue),
    Bearer(Arc<Token>),
    /// None, because this token server failed just now.
    Failed(Arc<Issuer>, UpstreamError),
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

/// Tells whether the credentials were refused. ECR answers 403 to an expired password.
fn is_refused(answer: &Result<Response<UpstreamBody>, UpstreamError>) -> bool {
    let status = match answer {
        Ok(response) => response.status(),
        Err(UpstreamError::NoToken { status, .. }) => *status,
        Err(_) => return false,
    };
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

//! Who Landfall is to a registry: nobody, a user by Basic, or the bearer of a token.
//!
//! Nothing is sent before the registry demands it once; then it is sent unasked, so that a pull costs no refused
//! requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Response, StatusCode, Uri};
use url::Url;

use super::challenge::{Challenge, challenges};
use super::connect::Reach;
use super::pools::nearness_of;
use super::token::{Issuer, Token, Tokens};
use super::{Ask, Content, Upstream, UpstreamError, place};

/// What the request carried that a response answers; in the response's extensions. A 401 or 403 to a bearer of a
/// token is about this repository; to anybody else it is about Landfall's own settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// No credentials.
    Nothing,
    /// The configured user and password.
    Basic,
    /// A token that the registry's token server issued for this repository.
    Bearer,
}

/// The configured credentials of one upstream and what came of them.
pub(super) struct Login {
    basic: Option<HeaderValue>,
    /// The registry has demanded Basic.
    wants_basic: AtomicBool,
    tokens: Tokens,
}

enum Proof {
    Nothing,
    Basic(HeaderValue),
    Bearer(Arc<Token>),
}

impl Login {
    /// # Errors
    /// Why such credentials cannot be sent (RFC 7617 §2).
    pub(super) fn new(username: Option<&str>, password: &str) -> Result<Self, &'static str> {
        let basic = match username {
            None if password.is_empty() => None,
            None => return Err("missing beside a password"),
            Some(name) if name.contains(':') => return Err("it must be without a colon"),
            Some(name) => {
                let encoded = STANDARD.encode(format!("{name}:{password}"));
                let value = HeaderValue::try_from(format!("Basic {encoded}"));
                Some(secret(value.map_err(|_| "it cannot stand in a header")?))
            }
        };
        Ok(Self { basic, wants_basic: AtomicBool::new(false), tokens: Tokens::default() })
    }
}

impl Upstream {
    /// Asks the registry itself: with what it demanded before, and once more with what it demands now.
    pub(super) async fn ask_as_oneself(
        &self,
        uri: &Uri,
        ask: &Ask,
        name: &str,
    ) -> Result<Response<Content>, UpstreamError> {
        let proof = self.proof_at_hand(name).await;
        let refused = self.ask_with(&proof, uri, ask).await?;
        if refused.status() != StatusCode::UNAUTHORIZED {
            return Ok(refused);
        }
        match self.proof_demanded(&refused, proof, name).await? {
            Some(proof) => {
                drop(refused);
                self.ask_with(&proof, uri, ask).await
            }
            None => Ok(refused),
        }
    }

    async fn ask_with(
        &self,
        proof: &Proof,
        uri: &Uri,
        ask: &Ask,
    ) -> Result<Response<Content>, UpstreamError> {
        let (authorization, carried) = match proof {
            Proof::Nothing => (None, Carried::Nothing),
            Proof::Basic(value) => (Some(value), Carried::Basic),
            Proof::Bearer(token) => (Some(&token.header), Carried::Bearer),
        };
        let mut response = self.pools.send(Reach::Own, ask.line, ask.outgoing(uri, authorization)).await?;
        response.extensions_mut().insert(carried);
        Ok(response)
    }

    /// What the registry demanded earlier.
    async fn proof_at_hand(&self, name: &str) -> Proof {
        if let (Some(basic), true) = (&self.login.basic, self.login.wants_basic.load(Ordering::Relaxed)) {
            return Proof::Basic(basic.clone());
        }
        // A token server that fails here is asked again, or named, after the registry's refusal.
        match self.login.tokens.at_hand(name, |issuer| self.token_from(issuer, name)).await {
            Some(Ok(Some(token))) => Proof::Bearer(token),
            _ => Proof::Nothing,
        }
    }

    /// What answers the challenges of a refusal; nothing if nothing does that was not refused already.
    async fn proof_demanded(
        &self,
        refused: &Response<Content>,
        spent: Proof,
        name: &str,
    ) -> Result<Option<Proof>, UpstreamError> {
        let challenges = challenges(refused.headers());
        if let Some(realm) = challenges.iter().find_map(bearer_realm) {
            let issuer = self.issuer(realm.0, realm.1, refused)?;
            let spent = if let Proof::Bearer(token) = &spent { Some(token) } else { None };
            let fetch = |issuer| self.token_from(issuer, name);
            let token = self.login.tokens.fresh(name, issuer, spent, fetch).await?;
            self.login.wants_basic.store(false, Ordering::Relaxed);
            return Ok(token.map(Proof::Bearer));
        }
        let demands_basic = challenges.iter().any(|challenge| challenge.scheme == "basic");
        match (&self.login.basic, spent) {
            (Some(basic), Proof::Nothing | Proof::Bearer(_)) if demands_basic => {
                self.login.wants_basic.store(true, Ordering::Relaxed);
                Ok(Some(Proof::Basic(basic.clone())))
            }
            _ => Ok(None),
        }
    }

    fn issuer(
        &self,
        realm: &str,
        service: Option<&str>,
        refused: &Response<Content>,
    ) -> Result<Issuer, UpstreamError> {
        let realm: Url = place::follow(&self.url, realm)?;
        let reach = if place::same_host(&realm, &self.url) {
            Reach::Own
        } else {
            Reach::AtMost(nearness_of(refused))
        };
        Ok(Issuer { realm, service: service.map(str::to_owned), reach })
    }

    async fn token_from(&self, issuer: Issuer, name: &str) -> Result<Option<Arc<Token>>, UpstreamError> {
        issuer.issue(&self.pools, self.login.basic.as_ref(), name, self.limits.head).await
    }
}

fn bearer_realm(challenge: &Challenge) -> Option<(&str, Option<&str>)> {
    let realm = challenge.parameter("realm").filter(|_| challenge.scheme == "bearer")?;
    Some((realm, challenge.parameter("service")))
}

/// Marks a header value so that no `Debug` shows it.
pub(super) fn secret(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

//! Bearer tokens for repositories (distribution spec's and Docker's token authentication): one fetch for many
//! waiters, kept until shortly before their end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout};
use url::Url;

use super::channel::Outgoing;
use super::connect::Reach;
use super::exchange::uri;
use super::limits::{
    TOKEN_ANSWER_BYTES_MAX, TOKEN_LIFE_DEFAULT, TOKEN_LIFE_MAX, TOKEN_RENEWAL_MARGIN, TOKENS_MAX,
};
use super::login::secret;
use super::pools::Pools;
use super::{Content, Line, UpstreamError, place};
use crate::clock;
use crate::model::time::Time;

/// What Landfall calls itself to a token server.
const AGENT: &str = concat!("landfall/", env!("CARGO_PKG_VERSION"));

/// A token for pulls from one repository.
pub(super) struct Token {
    pub(super) header: HeaderValue,
    renew_at: Instant,
}

/// Who issues tokens, as a challenge named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Issuer {
    pub(super) realm: Url,
    pub(super) service: Option<String>,
    pub(super) reach: Reach,
}

/// A token; nothing where the token server refuses Landfall.
type Issued = Result<Option<Arc<Token>>, UpstreamError>;

/// The tokens of one upstream, by repository.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<String, Fetch>>);

/// One fetch, under way or done. All who wait for it share its outcome.
#[derive(Clone)]
struct Fetch {
    issuer: Issuer,
    outcome: Arc<OnceCell<Issued>>,
}

impl Tokens {
    /// A token from a server that was named before, renewed when its end is near.
    pub(super) async fn at_hand<F>(&self, name: &str, issue: impl FnOnce(Issuer) -> F) -> Option<Issued>
    where
        F: Future<Output = Issued>,
    {
        let fetch = {
            let mut fetches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let fetch = fetches.get_mut(name)?;
            if fetch.is_over(None) {
                *fetch = Fetch::from(fetch.issuer.clone());
            }
            fetch.clone()
        };
        Some(fetch.outcome(issue).await)
    }

    /// A token from `issuer`, and another one than `spent`, which the registry has refused.
    pub(super) async fn fresh<F>(
        &self,
        name: &str,
        issuer: Issuer,
        spent: Option<&Arc<Token>>,
        issue: impl FnOnce(Issuer) -> F,
    ) -> Issued
    where
        F: Future<Output = Issued>,
    {
        let fetch = {
            let mut fetches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match fetches.get(name) {
                Some(fetch) if fetch.issuer == issuer && !fetch.is_over(spent) => fetch.clone(),
                _ => {
                    make_room(&mut fetches);
                    let fetch = Fetch::from(issuer);
                    fetches.insert(name.to_owned(), fetch.clone());
                    fetch
                }
            }
        };
        fetch.outcome(issue).await
    }
}

impl Fetch {
    /// Whether it is done and of no more use.
    fn is_over(&self, spent: Option<&Arc<Token>>) -> bool {
        match self.outcome.get() {
            None => false,
            Some(Ok(Some(token))) => {
                token.renew_at <= Instant::now() || spent.is_some_and(|spent| Arc::ptr_eq(spent, token))
            }
            Some(Ok(None) | Err(_)) => true,
        }
    }

    /// If who fetches goes away, the next in line fetches.
    async fn outcome<F: Future<Output = Issued>>(self, issue: impl FnOnce(Issuer) -> F) -> Issued {
        self.outcome.get_or_init(|| issue(self.issuer)).await.clone()
    }
}

impl From<Issuer> for Fetch {
    fn from(issuer: Issuer) -> Self {
        Self { issuer, outcome: Arc::default() }
    }
}

/// Repositories come and go; the tokens of those that went are dropped when the table is full.
fn make_room(fetches: &mut HashMap<String, Fetch>) {
    if fetches.len() >= TOKENS_MAX {
        fetches.retain(|_, fetch| !fetch.is_over(None));
    }
    if fetches.len() >= TOKENS_MAX {
        fetches.clear();
    }
}

/// A token server's answer.
#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
    issued_at: Option<String>,
}

impl Issuer {
    /// Asks for a token for pulls from repository `name`. Redirects are not followed: `basic` is in the request.
    pub(super) async fn issue(
        &self,
        pools: &Pools,
        basic: Option<&HeaderValue>,
        name: &str,
        limit: Duration,
    ) -> Issued {
        let mut url = self.realm.clone();
        if let Some(service) = &self.service {
            url.query_pairs_mut().append_pair("service", service);
        }
        url.query_pairs_mut().append_pair("scope", &format!("repository:{name}:pull"));

        let uri = uri(url.as_str())?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let outgoing = Outgoing {
            method: &Method::GET,
            uri: &uri,
            headers: &headers,
            authorization: basic,
            is_anew: false,
        };
        let response = pools.send(self.reach, Line::Small, outgoing).await?;
        match response.status() {
            StatusCode::OK => self.read(response.into_body(), limit).await.map(Some),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                tracing::warn!(server = place::shown(&self.realm), repository = name, "no token is granted");
                Ok(None)
            }
            status => Err(self.bad(&format!("status {status}"))),
        }
    }

    async fn read(&self, body: Content, limit: Duration) -> Result<Arc<Token>, UpstreamError> {
        let body = timeout(limit, Limited::new(body, TOKEN_ANSWER_BYTES_MAX).collect()).await;
        let host = || self.realm.host_str().unwrap_or_default().to_owned();
        let body = body.map_err(|_| UpstreamError::TimedOut { host: host(), limit })?;
        let body = body.map_err(|error| self.bad(&error.to_string()))?.to_bytes();
        // The error of serde_json could quote the token.
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| self.bad("no JSON of a token"))?;
        let life = life(answer.expires_in, answer.issued_at.as_deref(), clock::now());
        let text = answer.token.into_iter().chain(answer.access_token).find(|token| !token.is_empty());
        let text = text.ok_or_else(|| self.bad("no token in the answer"))?;
        let header = HeaderValue::try_from(format!("Bearer {text}"));
        let header = header.map_err(|_| self.bad("a token that cannot stand in a header"))?;
        let renew_at = Instant::now() + life.saturating_sub(TOKEN_RENEWAL_MARGIN.min(life / 4));
        Ok(Arc::new(Token { header: secret(header), renew_at }))
    }

    fn bad(&self, detail: &str) -> UpstreamError {
        let host = place::shown(&self.realm);
        UpstreamError::BadResponse { host, detail: format!("token server: {detail}") }
    }
}

/// How long a token is good from now on. `issued_at` counts only where it makes sense on this machine's clock.
fn life(expires_in_s: Option<u64>, issued_at: Option<&str>, now: Time) -> Duration {
    let whole = expires_in_s.map_or(TOKEN_LIFE_DEFAULT, Duration::from_secs).min(TOKEN_LIFE_MAX);
    let issued_at = issued_at.and_then(|text| text.parse::<Time>().ok());
    let age_ms = issued_at.map_or(0, |issued_at| now.since(issued_at).ms());
    let age = Duration::from_millis(u64::try_from(age_ms).unwrap_or(0));
    if age < whole { whole - age } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lives_as_long_as_its_server_says() {
        let now: Time = "2026-03-02T06:00:00Z".parse().unwrap();
        let cases = [
            (None, None, 60),
            (Some(300), None, 300),
            (Some(0), None, 0),
            (Some(300), Some("2026-03-02T05:59:00Z"), 240),
            (None, Some("2026-03-02T05:59:50.500Z"), 50),
            (Some(300), Some("2026-03-02T06:10:00Z"), 300),
            (Some(300), Some("2020-01-01T00:00:00Z"), 300),
            (Some(300), Some("yesterday"), 300),
            (Some(u64::MAX), None, 24 * 60 * 60),
        ];
        for (expires_in_s, issued_at, expected_s) in cases {
            let life = life(expires_in_s, issued_at, now);
            assert_eq!(life.as_secs(), expected_s, "{expires_in_s:?} {issued_at:?}");
        }
    }
}

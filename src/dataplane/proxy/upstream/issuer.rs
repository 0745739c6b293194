//! Requests to token servers (distribution's "Token Authentication Specification").

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use tokio::time::{Instant, timeout};
use url::Url;

use super::body::UpstreamBody;
use super::connect::Reach;
use super::connection::{NO_BODY, OutgoingRequest};
use super::credentials::{Credential, hidden};
use super::error::UpstreamError;
use super::limits::{REDIRECTS_MAX, SCOPES_MAX, TOKEN_ANSWER_BYTES_MAX, TOKEN_RENEWAL_MARGIN, TimeoutClass};
use super::pools::{Pools, nearness_of};
use super::redirect::{self, location, uri};
use super::request::Lane;
use super::token::{Token, TokenResult};
use super::token_response::TokenResponse;
use crate::clock;
use crate::config::Secret;

/// User agent towards token servers.
const AGENT: &str = concat!("landfall/", env!("CARGO_PKG_VERSION"));

/// OAuth2 client identifier.
const CLIENT: &str = "landfall";

/// Form of a token request.
enum TokenQuery<'a> {
    /// GET, with a user's password or anonymous.
    Get(Option<&'a HeaderValue>),
    /// POST, with a refresh token in place of a password.
    Post(Bytes),
}

/// A token server and the requested scopes, as named by a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Issuer {
    pub(super) realm: Url,
    pub(super) service: Option<String>,
    /// Requested scopes: `repository:NAME:pull`.
    pub(super) scopes: Vec<String>,
    pub(super) reach: Reach,
}

impl Issuer {
    /// Requests a token.
    ///
    /// Redirects are followed like a registry's; credentials go only to the realm's own origin.
    pub(super) async fn issue(&self, pools: &Pools, credential: Option<&Credential>) -> TokenResult {
        let query = match credential {
            Some(Credential { basic: None, secret, .. }) => TokenQuery::Post(self.form(secret)),
            Some(Credential { basic, .. }) => TokenQuery::Get(basic.as_ref()),
            None => TokenQuery::Get(None),
        };
        let mut url = match query {
            TokenQuery::Post(_) => self.realm.clone(),
            TokenQuery::Get(_) => self.with_query(),
        };
        let mut response = self.send(pools, &url, self.reach, &query).await?;
        let mut nearest = nearness_of(&response);
        for _ in 0..REDIRECTS_MAX {
            let Some(location) = location(&response) else {
                return self.read_token(response, credential.is_some(), pools.small_timeout()).await;
            };
            url = redirect::follow(&url, &location)?;
            if matches!(query, TokenQuery::Post(_)) && !self.may_repost(&response, &url) {
                return Err(self.bad("it redirects a request that only it may receive"));
            }
            let reach =
                if redirect::same_host(&url, &self.realm) { self.reach } else { self.reach.to(nearest) };
            // Dropping the response frees its connection for the next request.
            drop(response);
            response = self.send(pools, &url, reach, &query).await?;
            nearest = nearest.min(nearness_of(&response));
        }
        Err(UpstreamError::TooManyRedirects { limit: REDIRECTS_MAX })
    }

    /// The realm, with its own query, extended by service and scopes.
    fn with_query(&self) -> Url {
        let mut url = self.realm.clone();
        let mut query = url.query_pairs_mut();
        query.extend_pairs(self.service.iter().map(|service| ("service", service)));
        query.extend_pairs(self.scopes.iter().map(|scope| ("scope", scope)));
        drop(query);
        url
    }

    /// Form for a request with a refresh token (distribution's "OAuth2 Token Authentication"; RFC 6749 §6).
    fn form(&self, refresh_token: &Secret) -> Bytes {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token").append_pair("client_id", CLIENT);
        form.extend_pairs(self.service.iter().map(|service| ("service", service)));
        form.append_pair("scope", &self.scopes.join(" "))
            .append_pair("refresh_token", refresh_token.reveal());
        form.finish().into()
    }

    /// Tells whether a redirect keeps method and body (RFC 9110 §15.4.8 and §15.4.9) and stays on the realm's origin.
    fn may_repost(&self, response: &Response<UpstreamBody>, url: &Url) -> bool {
        let keeps = [StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT];
        keeps.contains(&response.status()) && redirect::same_origin(url, &self.realm)
    }

    async fn send(
        &self,
        pools: &Pools,
        url: &Url,
        reach: Reach,
        query: &TokenQuery<'_>,
    ) -> Result<Response<UpstreamBody>, UpstreamError> {
        let uri = uri(url.as_str())?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let (method, authorization, body) = match query {
            TokenQuery::Get(basic) => {
                let is_home = redirect::same_origin(url, &self.realm);
                (Method::GET, basic.filter(|_| is_home), &NO_BODY)
            }
            TokenQuery::Post(form) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
                (Method::POST, None, form)
            }
        };
        let (method, headers) = (&method, &headers);
        let outgoing = OutgoingRequest {
            method,
            uri: &uri,
            headers,
            authorization,
            body,
            timeout_class: TimeoutClass::Small,
            needs_new_connection: false,
        };
        pools.send(reach, Lane::Small, outgoing).await
    }

    async fn read_token(
        &self,
        response: Response<UpstreamBody>,
        as_user: bool,
        limit: Duration,
    ) -> TokenResult {
        let status = response.status();
        if !status.is_success() {
            return Err(UpstreamError::NoToken {
                server: redirect::without_secrets(&self.realm),
                scope: self.scopes.join(" "),
                status,
                retry_after: response.headers().get(RETRY_AFTER).cloned(),
                as_user,
            });
        }
        let body = timeout(limit, Limited::new(response.into_body(), TOKEN_ANSWER_BYTES_MAX).collect()).await;
        let host = || self.realm.host_str().unwrap_or_default().to_owned();
        let body = body.map_err(|_| UpstreamError::TimedOut { host: host(), limit })?;
        let body = body.map_err(|error| self.bad(&error.to_string()))?.to_bytes();
        let TokenResponse { token, lifetime } =
            TokenResponse::read(&body, clock::now()).map_err(|what| self.bad(what))?;
        let header = HeaderValue::try_from(format!("Bearer {token}"));
        let header = header.map_err(|_| self.bad("a token that cannot be sent in a header"))?;
        let renew_at = Instant::now() + lifetime.saturating_sub(TOKEN_RENEWAL_MARGIN.min(lifetime / 4));
        Ok(Token::new(hidden(header), renew_at))
    }

    fn bad(&self, detail: &str) -> UpstreamError {
        let host = redirect::without_secrets(&self.realm);
        UpstreamError::BadResponse { host, detail: format!("token server: {detail}") }
    }
}

/// Scopes for pulling repository `name`: its own, and those of the challenge, because a registry may know the
/// repository by another name than its path. Only pulling is requested.
pub(super) fn scopes(name: &str, challenged: Option<&str>) -> Vec<String> {
    let of = |name: &str| format!("repository:{name}:pull");
    let mut scopes: Vec<_> = Some(name).filter(|name| !name.is_empty()).map(of).into_iter().collect();
    for scope in challenged.unwrap_or_default().split_ascii_whitespace() {
        let named = scope.strip_prefix("repository:").and_then(|rest| rest.rsplit_once(':'));
        if let Some((other, _)) = named
            && !scopes.contains(&of(other))
            && scopes.len() < SCOPES_MAX
        {
            scopes.push(of(other));
        }
    }
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_pulling_what_is_pulled_and_what_the_challenge_says() {
        let cases: [(&str, Option<&str>, &[&str]); 9] = [
            ("a/b", None, &["repository:a/b:pull"]),
            ("a/b", Some(""), &["repository:a/b:pull"]),
            ("a/b", Some("repository:a/b:pull"), &["repository:a/b:pull"]),
            ("a/b", Some("repository:a/b:pull,push,delete"), &["repository:a/b:pull"]),
            ("a/b", Some("repository:x/b:push,pull"), &["repository:a/b:pull", "repository:x/b:pull"]),
            ("a/b", Some("registry:catalog:* repository:x:*"), &["repository:a/b:pull", "repository:x:pull"]),
            (
                "a/b",
                Some("repository:host:5000/b:pull"),
                &["repository:a/b:pull", "repository:host:5000/b:pull"],
            ),
            ("a/b", Some("nonsense repository: repository"), &["repository:a/b:pull"]),
            ("", None, &[]),
        ];
        for (name, challenged, expected) in cases {
            assert_eq!(scopes(name, challenged), expected, "{name} {challenged:?}");
        }
        let many: String = (0..100).map(|n| format!("repository:r{n}:pull ")).collect();
        assert_eq!(scopes("a", Some(&many)).len(), SCOPES_MAX);
    }
}

//! Asking a token server for a token (distribution's "Token Authentication Specification").

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use tokio::time::{Instant, timeout};
use url::Url;

use super::ask::Wait;
use super::channel::{NO_BODY, Outgoing};
use super::connect::Reach;
use super::credentials::Credential;
use super::error::UpstreamError;
use super::exchange::{location, uri};
use super::grant::Grant;
use super::limits::{
    REDIRECTS_MAX, SCOPES_MAX, SMALL_HEAD_TIMEOUT, TOKEN_ANSWER_BYTES_MAX, TOKEN_RENEWAL_MARGIN,
};
use super::login::hidden;
use super::pools::{Pools, nearness_of};
use super::token::{Issued, Token};
use super::{Content, Line, place};
use crate::clock;
use crate::config::Secret;

/// What Landfall calls itself to a token server.
const AGENT: &str = concat!("landfall/", env!("CARGO_PKG_VERSION"));

/// The same, as OAuth2 has it.
const CLIENT: &str = "landfall";

/// How a token server is asked.
enum Question<'a> {
    /// By GET, as a user or as nobody.
    Query(Option<&'a HeaderValue>),
    /// By POST, with a token in the place of a password.
    Form(Bytes),
}

/// Who issues tokens, and what for, as a challenge named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Issuer {
    pub(super) realm: Url,
    pub(super) service: Option<String>,
    /// What the token is to be good for: `repository:NAME:pull`.
    pub(super) scopes: Vec<String>,
    pub(super) reach: Reach,
}

impl Issuer {
    /// Asks for a token.
    ///
    /// Redirects are followed as a registry's are; credentials go to the realm's own origin alone.
    pub(super) async fn issue(&self, pools: &Pools, credential: Option<&Credential>) -> Issued {
        let question = match credential {
            Some(Credential { basic: None, secret, .. }) => Question::Form(self.form(secret)),
            Some(Credential { basic, .. }) => Question::Query(basic.as_ref()),
            None => Question::Query(None),
        };
        let mut url = match question {
            Question::Form(_) => self.realm.clone(),
            Question::Query(_) => self.with_query(),
        };
        let mut response = self.ask(pools, &url, self.reach, &question).await?;
        let mut nearest = nearness_of(&response);
        for _ in 0..REDIRECTS_MAX {
            let Some(location) = location(&response) else {
                return self.granted(response, credential.is_some()).await;
            };
            url = place::follow(&url, &location)?;
            if matches!(question, Question::Form(_)) && !self.may_be_told_again(&response, &url) {
                return Err(self.bad("it redirects what only itself may be told"));
            }
            let reach = if place::same_host(&url, &self.realm) { self.reach } else { self.reach.to(nearest) };
            // Its connection can go there.
            drop(response);
            response = self.ask(pools, &url, reach, &question).await?;
            nearest = nearest.min(nearness_of(&response));
        }
        Err(UpstreamError::TooManyRedirects { limit: REDIRECTS_MAX })
    }

    /// The realm, whose query stays, with what is asked for.
    fn with_query(&self) -> Url {
        let mut url = self.realm.clone();
        let mut query = url.query_pairs_mut();
        query.extend_pairs(self.service.iter().map(|service| ("service", service)));
        query.extend_pairs(self.scopes.iter().map(|scope| ("scope", scope)));
        drop(query);
        url
    }

    /// The same with a token that stands for a user (distribution's "OAuth2 Token Authentication"; RFC 6749 §6).
    fn form(&self, refresh_token: &Secret) -> Bytes {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token").append_pair("client_id", CLIENT);
        form.extend_pairs(self.service.iter().map(|service| ("service", service)));
        form.append_pair("scope", &self.scopes.join(" "))
            .append_pair("refresh_token", refresh_token.reveal());
        form.finish().into()
    }

    /// Whether a redirect keeps method and body (RFC 9110 §15.4.8 and §15.4.9) and stays at home.
    fn may_be_told_again(&self, response: &Response<Content>, url: &Url) -> bool {
        let keeps = [StatusCode::TEMPORARY_REDIRECT, StatusCode::PERMANENT_REDIRECT];
        keeps.contains(&response.status()) && place::same_origin(url, &self.realm)
    }

    async fn ask(
        &self,
        pools: &Pools,
        url: &Url,
        reach: Reach,
        question: &Question<'_>,
    ) -> Result<Response<Content>, UpstreamError> {
        let uri = uri(url.as_str())?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let (method, authorization, body) = match question {
            Question::Query(basic) => {
                let is_home = place::same_origin(url, &self.realm);
                (Method::GET, basic.filter(|_| is_home), &NO_BODY)
            }
            Question::Form(form) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
                (Method::POST, None, form)
            }
        };
        let (method, headers) = (&method, &headers);
        let outgoing =
            Outgoing { method, uri: &uri, headers, authorization, body, wait: Wait::Small, is_anew: false };
        pools.send(reach, Line::Small, outgoing).await
    }

    async fn granted(&self, response: Response<Content>, as_user: bool) -> Issued {
        let status = response.status();
        if !status.is_success() {
            return Err(UpstreamError::NoToken {
                server: place::shown(&self.realm),
                scope: self.scopes.join(" "),
                status,
                retry_after: response.headers().get(RETRY_AFTER).cloned(),
                as_user,
            });
        }
        let limit = SMALL_HEAD_TIMEOUT;
        let body = timeout(limit, Limited::new(response.into_body(), TOKEN_ANSWER_BYTES_MAX).collect()).await;
        let host = || self.realm.host_str().unwrap_or_default().to_owned();
        let body = body.map_err(|_| UpstreamError::TimedOut { host: host(), limit })?;
        let body = body.map_err(|error| self.bad(&error.to_string()))?.to_bytes();
        let Grant { token, life } = Grant::read(&body, clock::now()).map_err(|what| self.bad(what))?;
        let header = HeaderValue::try_from(format!("Bearer {token}"));
        let header = header.map_err(|_| self.bad("a token that cannot stand in a header"))?;
        let renew_at = Instant::now() + life.saturating_sub(TOKEN_RENEWAL_MARGIN.min(life / 4));
        Ok(Token::new(hidden(header), renew_at))
    }

    fn bad(&self, detail: &str) -> UpstreamError {
        let host = place::shown(&self.realm);
        UpstreamError::BadResponse { host, detail: format!("token server: {detail}") }
    }
}

/// What a token for pulls from repository `name` is asked for: that, and what else the challenge says, where a registry
/// knows the repository by another name than its path. Never more than pulling.
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

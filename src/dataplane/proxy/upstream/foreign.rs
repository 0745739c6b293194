//! Requests to hosts that a registry redirects to: blob stores behind signed URLs, and other registries.
//!
//! Landfall has no credentials there. A signed URL must not receive `Authorization`, so none is sent before a
//! challenge. Another registry demands a token, which it issues anonymously for public content.

use std::sync::Arc;

use http::{Response, StatusCode, Uri};
use url::Url;

use super::body::UpstreamBody;
use super::challenge::{bearer_realm, challenges};
use super::connect::Reach;
use super::error::UpstreamError;
use super::issuer::{Issuer, scopes};
use super::login::SentCredentials;
use super::pools::nearness_of;
use super::redirect;
use super::registry::Upstream;
use super::request::UpstreamRequest;

impl Upstream {
    /// Sends a request to a host other than the registry's.
    ///
    /// # Errors
    /// The host gives no answer, or demands credentials.
    pub(super) async fn send_foreign(
        &self,
        url: &Url,
        uri: &Uri,
        request: &UpstreamRequest,
        reach: Reach,
        name: &str,
    ) -> Result<Response<UpstreamBody>, UpstreamError> {
        let mut answer = self.pools.send(reach, request.lane, request.outgoing(uri, None)).await?;
        let mut rejected = None;
        // A cached token may have expired; then a new one is requested.
        for _ in 0..2 {
            if answer.status() != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            let issuer = foreign_issuer(url, &answer, reach, name)?;
            let key = format!("{} {}", url.origin().ascii_serialization(), issuer.scopes.join(" "));
            let fetch = |issuer: Arc<Issuer>| async move { issuer.issue(&self.pools, None).await };
            let token = self.login.foreign_tokens.fresh(&key, issuer, rejected.as_ref(), fetch).await?;
            // Dropping the answer frees its connection for the next request.
            drop(answer);
            answer = self.pools.send(reach, request.lane, request.outgoing(uri, Some(&token.header))).await?;
            answer.extensions_mut().insert(SentCredentials::Bearer);
            rejected = Some(token);
        }
        Ok(answer)
    }
}

/// Token server that a foreign host's challenge names.
fn foreign_issuer(
    url: &Url,
    refused: &Response<UpstreamBody>,
    reach: Reach,
    name: &str,
) -> Result<Issuer, UpstreamError> {
    let challenges = challenges(refused.headers());
    let unwelcome = || UpstreamError::Unwelcome { url: redirect::without_secrets(url) };
    let (challenge, realm) = challenges.iter().find_map(bearer_realm).ok_or_else(unwelcome)?;
    let realm = redirect::follow(url, realm)?;
    let reach = if redirect::same_host(&realm, url) { reach } else { reach.to(nearness_of(refused)) };
    let service = challenge.parameter("service").map(str::to_owned);
    // The host may know the repository by another name, which only its challenge tells.
    let named = scopes("", challenge.parameter("scope"));
    let scopes = if named.is_empty() { scopes(name, None) } else { named };
    Ok(Issuer { realm, service, scopes, reach })
}

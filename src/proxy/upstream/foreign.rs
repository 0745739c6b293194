//! Places that a registry redirects to: stores behind signed URLs, and other registries.
//!
//! Landfall is nobody there. A signed URL must not get an `Authorization`, so none is sent before it was demanded; another
//! registry demands a token, and gives one to nobody in particular where the content is public.

use std::sync::Arc;

use http::{Response, StatusCode, Uri};
use url::Url;

use super::challenge::challenges;
use super::connect::Reach;
use super::issuer::{Issuer, scopes};
use super::login::{SentCredentials, bearer_realm};
use super::pools::nearness_of;
use super::{Upstream, UpstreamBody, UpstreamError, UpstreamRequest, redirect};

impl Upstream {
    /// Asks a place that is not the registry's own.
    ///
    /// # Errors
    /// There is no answer, or the place wants to know who asks.
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
        // A token that was kept may have ended: then another one is asked for.
        for _ in 0..2 {
            if answer.status() != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            let issuer = foreign_issuer(url, &answer, reach, name)?;
            let key = format!("{} {}", url.origin().ascii_serialization(), issuer.scopes.join(" "));
            let fetch = |issuer: Arc<Issuer>| async move { issuer.issue(&self.pools, None).await };
            let token = self.login.foreign_tokens.fresh(&key, issuer, rejected.as_ref(), fetch).await?;
            // Its connection can go there.
            drop(answer);
            answer = self.pools.send(reach, request.lane, request.outgoing(uri, Some(&token.header))).await?;
            answer.extensions_mut().insert(SentCredentials::Bearer);
            rejected = Some(token);
        }
        Ok(answer)
    }
}

/// Who gives tokens for a place, as its refusal says.
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
    // It may know the repository by another name, which only it can tell.
    let named = scopes("", challenge.parameter("scope"));
    let scopes = if named.is_empty() { scopes(name, None) } else { named };
    Ok(Issuer { realm, service, scopes, reach })
}

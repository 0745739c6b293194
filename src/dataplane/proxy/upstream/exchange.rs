//! One request to a registry, with its redirects.

use http::header::LOCATION;
use http::{HeaderValue, Response};
use url::Url;

use super::body::UpstreamBody;
use super::connect::Reach;
use super::error::UpstreamError;
use super::limits::REDIRECTS_MAX;
use super::pools::nearness_of;
use super::redirect::{self, bad_url, location};
use super::registry::Upstream;
use super::request::UpstreamRequest;
use super::target::Target;
use crate::config::Redirects;

impl Target {
    /// Sends a request to the registry and returns the answer, whatever its status.
    ///
    /// Logs in if the registry demands it. Redirects are followed or made absolute, as configured;
    /// credentials go only to the registry's own origin. The response's extensions have a
    /// [`SentCredentials`](super::SentCredentials).
    ///
    /// # Errors
    /// There is no answer. This function logs the error.
    pub async fn send(&self, request: &UpstreamRequest) -> Result<Response<UpstreamBody>, UpstreamError> {
        let answer = self.upstream.exchange(request, &self.name).await;
        if let Err(error) = &answer {
            tracing::warn!(upstream = self.upstream.prefix, repository = self.name(), %error, "no answer");
            if error.status().is_server_error() {
                self.upstream.health.request_check();
            }
        }
        answer
    }
}

impl Upstream {
    /// Sends a request about the repository that the registry knows as `name`, and follows redirects.
    pub(super) async fn exchange(
        &self,
        request: &UpstreamRequest,
        name: &str,
    ) -> Result<Response<UpstreamBody>, UpstreamError> {
        let mut uri = self.uri_of(request.path(&self.base_path, name))?;
        let mut response = self.send_authenticated(&uri, request, name).await?;
        let mut nearest = nearness_of(&response);

        for _ in 0..REDIRECTS_MAX {
            let Some(location) = location(&response) else { return Ok(response) };
            let here = Url::parse(&uri.to_string()).map_err(|_| bad_url())?;
            if self.redirects == Redirects::Pass {
                make_absolute(&mut response, &here);
                return Ok(response);
            }
            let next = redirect::follow(&here, &location)?;
            uri = redirect::uri(next.as_str())?;
            // Dropping the response frees its connection for the next request.
            drop(response);
            response = if redirect::same_origin(&next, &self.url) {
                self.send_authenticated(&uri, request, name).await?
            } else {
                // A chain of redirects may lead no nearer than any host on it.
                let reach =
                    if redirect::same_host(&next, &self.url) { Reach::Own } else { Reach::AtMost(nearest) };
                self.send_foreign(&next, &uri, request, reach, name).await?
            };
            nearest = nearest.min(nearness_of(&response));
        }
        match location(&response) {
            Some(_) => Err(UpstreamError::TooManyRedirects { limit: REDIRECTS_MAX }),
            None => Ok(response),
        }
    }
}

/// Makes `Location` absolute, because the client would resolve it against the proxy.
fn make_absolute(response: &mut Response<UpstreamBody>, here: &Url) {
    let absolute = location(response).and_then(|location| here.join(&location).ok());
    if let Some(value) = absolute.and_then(|url| HeaderValue::from_str(url.as_str()).ok()) {
        response.headers_mut().insert(LOCATION, value);
    }
}

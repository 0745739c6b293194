//! From a registry's answer to the client's: headers that go on, small bodies, and refusals where there is no answer.

use std::pin::pin;

use bytes::Bytes;
use http::header::HeaderName;
use http::{Method, Response, StatusCode};

use super::budget::CollectError;
use super::data_plane::Proxy;
use super::respond::{Body, Refusal, empty, full};
use super::upstream::{SentCredentials, Target, UpstreamBody, UpstreamError, UpstreamRequest};
use crate::deadline::Elapsed;
use crate::model::oci::ErrorCode;

/// Largest error body that is forwarded, in bytes.
const ERROR_BYTES_MAX: u64 = 64 * 1024;

/// Hop-by-hop headers (RFC 9110 §7.6.1), and headers of the upstream that are meant for Landfall.
const NOT_FORWARDED: [HeaderName; 10] = [
    http::header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    http::header::PROXY_AUTHENTICATE,
    HeaderName::from_static("proxy-connection"),
    http::header::TE,
    http::header::TRAILER,
    http::header::TRANSFER_ENCODING,
    http::header::UPGRADE,
    http::header::WWW_AUTHENTICATE,
    http::header::SET_COOKIE,
];

impl Proxy {
    /// Sends a request upstream. A refusal of Landfall's own credentials becomes a 502 or 403, because the
    /// client's token is valid.
    pub(super) async fn send_upstream(
        &self,
        target: &Target,
        request: &UpstreamRequest,
    ) -> Result<Response<UpstreamBody>, Refusal> {
        let response = target.send(request).await.map_err(|error| self.upstream_refusal(&error))?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        self.counters.upstream_errors.inc();
        if matches!(response.extensions().get::<SentCredentials>(), Some(SentCredentials::Bearer)) {
            return Err(Refusal::denied("the upstream registry denies this proxy the repository"));
        }
        tracing::error!(repository = target.name(), "the upstream refuses Landfall's credentials");
        Err(Refusal::bad_gateway("the upstream registry refuses this proxy's credentials; tell its operator"))
    }

    fn upstream_refusal(&self, error: &UpstreamError) -> Refusal {
        let status = error.status();
        let code = match status {
            StatusCode::FORBIDDEN => ErrorCode::Denied,
            StatusCode::TOO_MANY_REQUESTS => ErrorCode::TooManyRequests,
            _ => ErrorCode::Unknown,
        };
        if status.is_server_error() {
            self.counters.upstream_errors.inc();
        }
        Refusal { retry_after: error.retry_after().cloned(), ..Refusal::new(status, code, error.public()) }
    }

    /// Forwards an answer without a body, or with a small one.
    pub(super) async fn forward_small(
        &self,
        head: http::response::Parts,
        body: UpstreamBody,
        method: &Method,
    ) -> Response<Body> {
        if method == Method::HEAD || head.status == StatusCode::NOT_MODIFIED {
            return forwarded(head, empty());
        }
        match self.collect(body, ERROR_BYTES_MAX).await {
            Ok(body) => forwarded(head, full(body)),
            // Status and headers are the answer; only the text is lost.
            Err(_) => Refusal::new(
                head.status,
                ErrorCode::Unknown,
                "the upstream registry's reason could not be read",
            )
            .into_response(),
        }
    }

    /// Reads a body whole, within bounds of size, time and memory.
    pub(super) async fn collect(&self, body: UpstreamBody, bytes_max: u64) -> Result<Bytes, CollectError> {
        let read = match self.whole_body.bound(pin!(self.bodies.collect(body, bytes_max))).await {
            Ok(read) => read,
            Err(Elapsed) => {
                Err(CollectError::Broken(format!("it did not arrive within {:?}", self.whole_body.wait())))
            }
        };
        if let Err(CollectError::NoRoom) = &read {
            self.counters.bodies_without_room.inc();
        }
        read
    }
}

/// Builds the client's answer from the upstream's status and end-to-end headers.
pub(super) fn forwarded(head: http::response::Parts, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    let mut headers = head.headers;
    // `Connection` names further hop-by-hop headers.
    let named: Vec<HeaderName> = headers
        .get_all(http::header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in NOT_FORWARDED.iter().chain(&named) {
        headers.remove(name);
    }
    *response.headers_mut() = headers;
    response
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_belongs_to_one_connection_stays_there() {
        let mut head = Response::new(()).into_parts().0;
        for (name, value) in [
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("www-authenticate", "Bearer realm=\"https://inside\""),
            ("set-cookie", "a=b"),
            ("etag", "\"e\""),
            ("docker-content-digest", "sha256:1"),
            ("retry-after", "7"),
        ] {
            head.headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let response = forwarded(head, empty());
        let mut names: Vec<_> = response.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["docker-content-digest", "etag", "retry-after"]);
    }
}

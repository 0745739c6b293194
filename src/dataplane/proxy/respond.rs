//! Turns refusals into HTTP answers.
//!
//! Clients learn the challenge from a 401, on `/v2/` as well as on a manifest, and print the code and message
//! of the OCI error body, so every refusal has one (distribution spec, "Error Codes").

use std::borrow::Cow;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use http_body_util::Full;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Frame, SizeHint};

use super::transfer::{Transfer, TransferError};
use crate::listen::NoHost;
use crate::model::oci::{ErrorCode, Malformed};
use crate::model::registries::Unrouted;

/// Body of an answer.
pub(super) enum Body {
    /// Complete in memory.
    Full(Full<Bytes>),
    /// Forwarded as it arrives.
    Streamed(UnsyncBoxBody<Bytes, TransferError>),
    /// A blob transfer.
    Transfer(Box<Transfer>),
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = TransferError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransferError>>> {
        match self.get_mut() {
            Self::Full(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Streamed(body) => Pin::new(body).poll_frame(cx),
            Self::Transfer(transfer) => Pin::new(&mut **transfer).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(body) => body.is_end_stream(),
            Self::Streamed(body) => body.is_end_stream(),
            Self::Transfer(transfer) => transfer.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(body) => body.size_hint(),
            Self::Streamed(body) => body.size_hint(),
            Self::Transfer(transfer) => transfer.size_hint(),
        }
    }
}

/// Marks a v2 registry for old clients (distribution spec, "Legacy Docker support HTTP headers").
const API_VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("docker-distribution-api-version"), HeaderValue::from_static("registry/2.0"));

/// Seconds after which a client may retry a request that found no memory.
const RETRY_AFTER_S: &str = "5";

/// A refusal by the proxy instead of the upstream's answer.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: ErrorCode,
    pub(super) message: Cow<'static, str>,
    /// Earliest time of a retry.
    pub(super) retry_after: Option<HeaderValue>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    pub(super) fn unauthorized(message: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, message)
    }

    /// A token that another replica may have made, whose word has not come here yet.
    pub(super) fn not_known_yet() -> Self {
        let message = "the token is not known here yet: this replica is cut off from the others; try again, or another replica";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unknown, message)
    }

    pub(super) fn denied(message: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, ErrorCode::Denied, message)
    }

    pub(super) fn read_only() -> Self {
        let message = "this proxy only reads; push to the registry itself";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported, message)
    }

    pub(super) fn no_host(no_host: NoHost) -> Self {
        Self::new(StatusCode::BAD_REQUEST, ErrorCode::Unsupported, no_host.to_string())
    }

    pub(super) fn bad_gateway(message: &'static str) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, ErrorCode::Unknown, message)
    }

    /// The memory budget for bodies is spent.
    pub(super) fn overloaded() -> Self {
        let message = "this proxy's memory is in use by answers to other clients; try again in a moment";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::TooManyRequests, message)
    }

    /// Builds the answer. hyper omits the body for HEAD.
    pub(super) fn into_response(self) -> Response<Body> {
        let error =
            serde_json::json!({ "errors": [{ "code": self.code.as_str(), "message": self.message }] });
        let mut response = json(self.status, error.to_string().into());
        let headers = response.headers_mut();
        if let Some(pause) = self.retry_after {
            headers.insert(RETRY_AFTER, pause);
        }
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"landfall\""));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            }
            _ => {}
        }
        response
    }
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        // A tag or path that cannot exist is not found.
        let status = match malformed {
            Malformed::Repository | Malformed::Digest | Malformed::Algorithm => StatusCode::BAD_REQUEST,
            Malformed::Tag | Malformed::Path => StatusCode::NOT_FOUND,
        };
        Self::new(status, malformed.code(), malformed.to_string())
    }
}

impl From<Unrouted> for Refusal {
    fn from(unrouted: Unrouted) -> Self {
        Self::new(StatusCode::NOT_FOUND, ErrorCode::NameUnknown, unrouted.to_string())
    }
}

/// Answer to `/v2/` with valid credentials.
pub(super) fn version_check() -> Response<Body> {
    json(StatusCode::OK, Bytes::from_static(b"{}"))
}

fn json(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(API_VERSION.0, API_VERSION.1);
    response
}

/// A complete body.
pub(super) fn full(bytes: Bytes) -> Body {
    Body::Full(Full::new(bytes))
}

/// An empty body.
pub(super) fn empty() -> Body {
    Body::Full(Full::default())
}

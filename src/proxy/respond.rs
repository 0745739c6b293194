//! The one place where a refusal becomes an HTTP answer.
//!
//! Clients learn the challenge from a 401 (on `/v2/` as well as on a manifest) and show the code and message of the
//! OCI error body, so every refusal has one (distribution spec, "Error Codes").

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

/// The body of every answer.
pub(super) enum Body {
    /// One that is all there.
    Full(Full<Bytes>),
    /// One that is handed on as it comes.
    Streamed(UnsyncBoxBody<Bytes, TransferError>),
    /// A blob on its way.
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

/// Tells old clients that this is a v2 registry (distribution spec, "Legacy Docker support HTTP headers").
const API_VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("docker-distribution-api-version"), HeaderValue::from_static("registry/2.0"));

/// In how many seconds a client may try again that found no room.
const RETRY_AFTER_S: &str = "5";

/// Why a request is not forwarded, or not answered as the upstream would have.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: ErrorCode,
    pub(super) message: Cow<'static, str>,
    /// When it may be asked again.
    pub(super) retry_after: Option<HeaderValue>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    pub(super) fn unauthorized(message: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, message)
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

    /// Too much is held for clients that do not take it.
    pub(super) fn overloaded() -> Self {
        let message = "this proxy holds as much for other clients as it may; try again in a moment";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorCode::TooManyRequests, message)
    }

    /// The answer. hyper leaves the body out where the request was HEAD.
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
        // A tag that cannot exist is a manifest that does not, as a path that cannot exist is one that does not.
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

/// The answer to `/v2/` with good credentials.
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

/// A body that is all there.
pub(super) fn full(bytes: Bytes) -> Body {
    Body::Full(Full::new(bytes))
}

/// No body.
pub(super) fn empty() -> Body {
    Body::Full(Full::default())
}

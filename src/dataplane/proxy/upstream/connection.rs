//! An HTTP/1.1 connection to a registry.
//!
//! The connection has no task of its own. The request task drives it from the first byte of the request to
//! the last of the answer; dropping the request closes the connection. Nothing passes between tasks.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::header::{ACCEPT_ENCODING, HOST, PROXY_AUTHORIZATION};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::connect::ConnectError;
use super::head;
use super::limits::TimeoutClass;
use super::phase::{CheckedStream, ResponsePhase};
use super::stream::{PeerAddress, UpstreamStream};
use super::tunnel::ProxyHop;

/// Result of polling a body.
pub(super) type BodyPoll = Poll<Option<Result<Frame<Bytes>, hyper::Error>>>;

/// A request that can be sent again.
#[derive(Clone, Copy)]
pub(super) struct OutgoingRequest<'a> {
    pub(super) method: &'a Method,
    /// Absolute URI.
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) authorization: Option<&'a HeaderValue>,
    /// Complete body, usually empty.
    pub(super) body: &'a Bytes,
    pub(super) timeout_class: TimeoutClass,
    /// Do not use a kept connection.
    pub(super) needs_new_connection: bool,
}

/// Empty body.
pub(super) static NO_BODY: Bytes = Bytes::new();

impl OutgoingRequest<'_> {
    /// Builds the request in origin form with `Host`, or in absolute form for an HTTP proxy (RFC 9112 §3.2).
    fn request(self, via: Option<&ProxyHop>) -> Request<Full<Bytes>> {
        let mut headers = HeaderMap::with_capacity(self.headers.len() + 3);
        if let Some(host) = self.uri.authority().and_then(|at| HeaderValue::from_str(at.as_str()).ok()) {
            headers.insert(HOST, host);
        }
        // Digests are those of unencoded content.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for (name, value) in self.headers {
            headers.append(name.clone(), value.clone());
        }
        if let Some(value) = self.authorization {
            headers.insert(http::header::AUTHORIZATION, value.clone());
        }
        if let Some(value) = via.and_then(|via| via.authorization.as_ref()) {
            headers.insert(PROXY_AUTHORIZATION, value.clone());
        }
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = match via {
            Some(_) => self.uri.clone(),
            None => self.uri.path_and_query().cloned().map(Uri::from).unwrap_or_default(),
        };
        *request.headers_mut() = headers;
        request
    }
}

/// Scheme, host and port (RFC 6454); connections are reused only for the same origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: Scheme,
    authority: Authority,
}

impl Origin {
    /// Returns `None` for a relative URI.
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        Some(Self { scheme: uri.scheme()?.clone(), authority: uri.authority()?.clone() })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

/// Reasons why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResponseError {
    /// The connection closed or failed.
    #[error("{0}")]
    Connection(#[from] hyper::Error),
    /// The answer is invalid; a retry would not help.
    #[error("{0}")]
    Malformed(&'static str),
    /// An HTTP proxy answered instead of the registry.
    #[error("{0}")]
    Proxy(ConnectError),
}

impl ResponseError {
    /// Tells whether the answer was not valid HTTP.
    pub(super) fn is_malformed(&self) -> bool {
        match self {
            Self::Connection(error) => error.is_parse() || error.is_parse_too_large(),
            Self::Malformed(_) | Self::Proxy(_) => true,
        }
    }
}

/// State of a connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionState {
    /// Silent; can take another request.
    Reusable,
    /// Closed, or about to be closed.
    Closed,
    /// Unsolicited bytes have arrived. Further answers could be taken for those of other requests.
    Surplus,
}

/// A connection, idle or with an unfinished answer.
pub(super) struct UpstreamConnection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// hyper's connection. It is dropped as soon as it ends, so that hyper refuses further requests; a
    /// finished connection would accept a request and never send it.
    driver: Option<http1::Connection<TokioIo<CheckedStream>, Full<Bytes>>>,
    phase: Arc<ResponsePhase>,
    /// The connection ended with bytes that belong to no answer.
    has_surplus: bool,
    /// Tells whether the last answer allows another request.
    keep_alive: bool,
    pub(super) origin: Origin,
    pub(super) peer: PeerAddress,
    pub(super) via: Option<Arc<ProxyHop>>,
}

impl UpstreamConnection {
    /// Starts HTTP/1.1 on a stream. Completes at once, because nothing is read or written before the first request.
    pub(super) async fn open(
        stream: UpstreamStream,
        origin: Origin,
        http1: &http1::Builder,
    ) -> Result<Self, hyper::Error> {
        let (peer, via, phase) = (stream.peer(), stream.via.clone(), ResponsePhase::new());
        let metered = CheckedStream::new(stream, phase.clone());
        let (sender, connection) = http1.handshake(TokioIo::new(metered)).await?;
        let driver = Some(connection);
        Ok(Self { sender, driver, phase, has_surplus: false, keep_alive: true, origin, peer, via })
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        outgoing: OutgoingRequest<'_>,
    ) -> Result<Response<Incoming>, ResponseError> {
        self.phase.expect_head();
        let mut answer = pin!(self.sender.send_request(outgoing.request(self.via.as_deref())));
        let response = poll_fn(|cx| {
            self.drive(cx);
            answer.as_mut().poll(cx)
        })
        .await;
        if response.is_err() && self.phase.is_head_too_large() {
            return Err(ResponseError::Malformed("its head is too large"));
        }
        let mut response = response?;
        self.phase.expect_body();
        self.keep_alive = head::normalize(&mut response).map_err(ResponseError::Malformed)?;
        Ok(response)
    }

    /// Polls the body of the answer.
    pub(super) fn poll_body(&mut self, body: &mut Incoming, cx: &mut Context<'_>) -> BodyPoll {
        if let Poll::Ready(piece) = Pin::new(&mut *body).poll_frame(cx) {
            return Poll::Ready(piece);
        }
        self.drive(cx);
        Pin::new(body).poll_frame(cx)
    }

    /// State after an answer was read to its end, without asking the system.
    pub(super) fn state_after_response(&mut self) -> ConnectionState {
        // Data on an idle connection wakes no task; the state is checked at the next use.
        self.drive(&mut Context::from_waker(Waker::noop()));
        if self.driver.is_none() {
            return if self.has_surplus { ConnectionState::Surplus } else { ConnectionState::Closed };
        }
        if self.keep_alive && self.sender.is_ready() {
            ConnectionState::Reusable
        } else {
            ConnectionState::Closed
        }
    }

    /// State of an idle connection, including bytes that only the kernel has seen.
    pub(super) fn state_while_idle(&mut self) -> ConnectionState {
        self.phase.expect_silence();
        self.state_after_response()
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        // hyper reports the connection's error to the future that waits for the answer or its body.
        if let Some(driver) = &mut self.driver
            && driver.poll_unpin(cx).is_ready()
            && let Some(ended) = self.driver.take()
        {
            let rest = ended.into_parts().read_buf;
            let is_surplus = !rest.is_empty() && !head::is_timeout_notice(&rest);
            self.has_surplus = is_surplus || self.phase.has_unsolicited_bytes();
        }
    }

    /// Tells whether the socket can be taken.
    pub(super) fn is_plain(&self) -> bool {
        self.driver.is_some() && self.origin.scheme == Scheme::HTTP && self.via.is_none()
    }

    /// Tells whether the registry keeps the connection open after this answer.
    pub(super) fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// Takes the stream in the middle of an answer, with the part of the body that was read already. Nothing
    /// may have been read from `body` before. Returns `None` if the connection has ended.
    pub(super) fn into_stream(self, body: &mut Incoming) -> Option<(UpstreamStream, Bytes)> {
        let driver = self.driver?;
        let mut before = BytesMut::new();
        // An error shows again at the next read from the stream.
        while let Some(Some(Ok(frame))) = body.frame().now_or_never() {
            if let Ok(data) = frame.into_data() {
                before.extend_from_slice(&data);
            }
        }
        let parts = driver.into_parts();
        before.extend_from_slice(&parts.read_buf);
        Some((parts.io.into_inner().into_stream(), before.freeze()))
    }
}

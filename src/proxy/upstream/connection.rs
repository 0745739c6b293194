//! A connection to a registry, with hyper speaking on it.
//!
//! It has no task of its own: whoever asks polls it, from the request's first byte to the last of the answer. Nothing is
//! handed from task to task, and who goes away takes the connection along.

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

use super::connect::{ConnectError, PeerAddress, UpstreamStream};
use super::head;
use super::phase::{CheckedStream, ResponsePhase};
use super::request::TimeoutClass;
use super::tunnel::ProxyHop;

/// One piece of a body, its end, or a wait.
pub(super) type BodyPoll = Poll<Option<Result<Frame<Bytes>, hyper::Error>>>;

/// A request that can be sent again.
#[derive(Clone, Copy)]
pub(super) struct OutgoingRequest<'a> {
    pub(super) method: &'a Method,
    /// Absolute.
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) authorization: Option<&'a HeaderValue>,
    /// Whole, and most often nothing.
    pub(super) body: &'a Bytes,
    pub(super) timeout_class: TimeoutClass,
    /// Not over a connection that was kept.
    pub(super) needs_new_connection: bool,
}

/// The body of a request that has none.
pub(super) static NO_BODY: Bytes = Bytes::new();

impl OutgoingRequest<'_> {
    /// In origin form, with `Host`; whole where a proxy reads it (RFC 9112 §3.2).
    fn request(self, via: Option<&ProxyHop>) -> Request<Full<Bytes>> {
        let mut headers = HeaderMap::with_capacity(self.headers.len() + 3);
        if let Some(host) = self.uri.authority().and_then(|at| HeaderValue::from_str(at.as_str()).ok()) {
            headers.insert(HOST, host);
        }
        // A registry's bytes are hashed as they are.
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

/// Scheme, host and port (RFC 6454): what a pool tells its connections apart by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: Scheme,
    authority: Authority,
}

impl Origin {
    /// Nothing for a URI that is not absolute.
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        Some(Self { scheme: uri.scheme()?.clone(), authority: uri.authority()?.clone() })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

/// Why there is no answer to a request that was sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResponseError {
    /// The connection ended or failed.
    #[error("{0}")]
    Connection(#[from] hyper::Error),
    /// What came cannot be an answer, however often it is asked for.
    #[error("{0}")]
    Malformed(&'static str),
    /// A proxy answered in the place of the registry.
    #[error("{0}")]
    Proxy(ConnectError),
}

impl ResponseError {
    /// What was answered is not HTTP.
    pub(super) fn is_malformed(&self) -> bool {
        match self {
            Self::Connection(error) => error.is_parse() || error.is_parse_too_large(),
            Self::Malformed(_) | Self::Proxy(_) => true,
        }
    }
}

/// What a connection has to say after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionState {
    /// Nothing: it can take another request.
    Reusable,
    /// It has ended, or will.
    Closed,
    /// Bytes that nobody asked for: what comes next on it could be taken for another request's answer.
    Surplus,
}

/// A driver, between requests or in the middle of an answer.
pub(super) struct UpstreamConnection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// Until it ends. It is dropped that very moment, so that hyper refuses who asks: one that had ended and was kept would
    /// take a request that nobody sends.
    driver: Option<http1::Connection<TokioIo<CheckedStream>, Full<Bytes>>>,
    phase: Arc<ResponsePhase>,
    /// It ended with bytes that were read and belong to no answer.
    has_surplus: bool,
    /// What the last answer said of the connection's future.
    keep_alive: bool,
    pub(super) origin: Origin,
    pub(super) peer: PeerAddress,
    pub(super) via: Option<Arc<ProxyHop>>,
}

impl UpstreamConnection {
    /// Lets hyper speak on a stream. Nothing is read or written before the first request, so this is ready at once.
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
            return Err(ResponseError::Malformed("its head has no end"));
        }
        let mut response = response?;
        self.phase.expect_body();
        self.keep_alive = head::normalize(&mut response).map_err(ResponseError::Malformed)?;
        Ok(response)
    }

    /// Reads on in the body of the answer.
    pub(super) fn poll_body(&mut self, body: &mut Incoming, cx: &mut Context<'_>) -> BodyPoll {
        if let Poll::Ready(piece) = Pin::new(&mut *body).poll_frame(cx) {
            return Poll::Ready(piece);
        }
        self.drive(cx);
        Pin::new(body).poll_frame(cx)
    }

    /// What comes after an answer that was read to its end, as far as is known without asking the system.
    pub(super) fn state_after_response(&mut self) -> ConnectionState {
        // Nobody is to be woken by what an idle connection says: it is looked at when it is used next.
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

    /// What has come by now on a connection that was kept, as the system knows it.
    pub(super) fn state_while_idle(&mut self) -> ConnectionState {
        self.phase.expect_silence();
        self.state_after_response()
    }

    fn drive(&mut self, cx: &mut Context<'_>) {
        // What it ends with is told to whoever waits for the answer or its body.
        if let Some(driver) = &mut self.driver
            && driver.poll_unpin(cx).is_ready()
            && let Some(ended) = self.driver.take()
        {
            let rest = ended.into_parts().read_buf;
            let is_surplus = !rest.is_empty() && !head::is_timeout_notice(&rest);
            self.has_surplus = is_surplus || self.phase.has_unsolicited_bytes();
        }
    }

    /// Whether its socket can be taken.
    pub(super) fn is_plain(&self) -> bool {
        self.driver.is_some() && self.origin.scheme == Scheme::HTTP && self.via.is_none()
    }

    /// Whether the registry lets it live on after this answer.
    pub(super) fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// Takes the stream in the middle of an answer, and what was read of its body: nothing may have been taken from it.
    /// Nothing where the connection has ended.
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

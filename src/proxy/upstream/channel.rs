//! A connection to a registry, with hyper speaking on it.
//!
//! It has no task of its own: whoever asks polls it, from the request's first byte to the last of the answer. Nothing is
//! handed from task to task, and who goes away takes the connection along.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::header::{CONNECTION, HOST};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Frame, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::connect::{Peer, Stream};

/// One piece of a body, its end, or a wait.
pub(super) type Piece = Poll<Option<Result<Frame<Bytes>, hyper::Error>>>;

/// A request without a body, which can be sent again.
#[derive(Clone, Copy)]
pub(super) struct Outgoing<'a> {
    pub(super) method: &'a Method,
    /// Absolute.
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) authorization: Option<&'a HeaderValue>,
}

impl Outgoing<'_> {
    /// In origin form, with `Host` (RFC 9112 §3.2).
    fn request(self) -> Request<Empty<Bytes>> {
        let mut headers = HeaderMap::with_capacity(self.headers.len() + 2);
        if let Some(host) = self.uri.authority().and_then(|at| HeaderValue::from_str(at.as_str()).ok()) {
            headers.insert(HOST, host);
        }
        for (name, value) in self.headers {
            headers.append(name.clone(), value.clone());
        }
        if let Some(value) = self.authorization {
            headers.insert(http::header::AUTHORIZATION, value.clone());
        }
        let mut request = Request::new(Empty::new());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.path_and_query().cloned().map(Uri::from).unwrap_or_default();
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

/// A connection, between requests or in the middle of an answer.
pub(super) struct Channel {
    sender: http1::SendRequest<Empty<Bytes>>,
    connection: http1::Connection<TokioIo<Stream>, Empty<Bytes>>,
    /// The connection has ended and is not to be polled again.
    is_over: bool,
    /// What the last answer said of the connection's future.
    may_stay: bool,
    pub(super) origin: Origin,
    pub(super) peer: Peer,
}

impl Channel {
    /// Lets hyper speak on a stream. Nothing is read or written before the first request, so this is ready at once.
    pub(super) async fn open(
        stream: Stream,
        origin: Origin,
        http1: &http1::Builder,
    ) -> Result<Self, hyper::Error> {
        let peer = stream.peer();
        let (sender, connection) = http1.handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, connection, is_over: false, may_stay: true, origin, peer })
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn ask(&mut self, outgoing: Outgoing<'_>) -> Result<Response<Incoming>, hyper::Error> {
        let mut answer = pin!(self.sender.send_request(outgoing.request()));
        let response = poll_fn(|cx| {
            self.step(cx);
            answer.as_mut().poll(cx)
        })
        .await?;
        self.may_stay = response.version() == Version::HTTP_11 && !says_close(response.headers());
        Ok(response)
    }

    /// Reads on in the body of the answer.
    pub(super) fn poll_body(&mut self, body: &mut Incoming, cx: &mut Context<'_>) -> Piece {
        if let Poll::Ready(piece) = Pin::new(&mut *body).poll_frame(cx) {
            return Poll::Ready(piece);
        }
        self.step(cx);
        Pin::new(body).poll_frame(cx)
    }

    /// Whether it can take another request, as far as is known without asking.
    pub(super) fn is_free(&mut self) -> bool {
        // Nobody is to be woken by what an idle connection says: it is looked at when it is used next.
        self.step(&mut Context::from_waker(Waker::noop()));
        self.sender.is_ready()
    }

    fn step(&mut self, cx: &mut Context<'_>) {
        if !self.is_over {
            // What it ends with is told to whoever waits for the answer or its body.
            self.is_over = self.connection.poll_unpin(cx).is_ready();
        }
    }

    /// Whether its socket can be taken.
    pub(super) fn is_plain(&self) -> bool {
        self.origin.scheme == Scheme::HTTP
    }

    /// Whether the registry lets it live on after this answer.
    pub(super) fn may_stay(&self) -> bool {
        self.may_stay
    }

    /// Takes the stream in the middle of an answer, and what was read of its body: nothing may have been taken from it.
    pub(super) fn into_stream(self, body: &mut Incoming) -> (Stream, Bytes) {
        let mut before = BytesMut::new();
        // An error shows again at the next read from the stream.
        while let Some(Some(Ok(frame))) = body.frame().now_or_never() {
            if let Ok(data) = frame.into_data() {
                before.extend_from_slice(&data);
            }
        }
        let parts = self.connection.into_parts();
        before.extend_from_slice(&parts.read_buf);
        (parts.io.into_inner(), before.freeze())
    }
}

/// Whether the connection ends with its answer (RFC 9112 §9.6).
fn says_close(headers: &HeaderMap) -> bool {
    let options = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    options.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case("close"))
}

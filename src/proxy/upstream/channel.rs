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

use super::ask::Wait;
use super::connect::{ConnectError, Peer, Stream};
use super::head;
use super::meter::{Meter, Metered};
use super::tunnel::Via;

/// One piece of a body, its end, or a wait.
pub(super) type Piece = Poll<Option<Result<Frame<Bytes>, hyper::Error>>>;

/// A request that can be sent again.
#[derive(Clone, Copy)]
pub(super) struct Outgoing<'a> {
    pub(super) method: &'a Method,
    /// Absolute.
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) authorization: Option<&'a HeaderValue>,
    /// Whole, and most often nothing.
    pub(super) body: &'a Bytes,
    pub(super) wait: Wait,
    /// Not over a connection that was kept.
    pub(super) is_anew: bool,
}

/// The body of a request that has none.
pub(super) static NO_BODY: Bytes = Bytes::new();

impl Outgoing<'_> {
    /// In origin form, with `Host`; whole where a proxy reads it (RFC 9112 §3.2).
    fn request(self, via: Option<&Via>) -> Request<Full<Bytes>> {
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
pub(super) enum NoAnswer {
    /// The connection ended or failed.
    #[error("{0}")]
    Ended(#[from] hyper::Error),
    /// What came cannot be an answer, however often it is asked for.
    #[error("{0}")]
    Nonsense(&'static str),
    /// A proxy answered in the place of the registry.
    #[error("{0}")]
    Proxy(ConnectError),
}

impl NoAnswer {
    /// What was answered is not HTTP.
    pub(super) fn is_nonsense(&self) -> bool {
        match self {
            Self::Ended(error) => error.is_parse() || error.is_parse_too_large(),
            Self::Nonsense(_) | Self::Proxy(_) => true,
        }
    }
}

/// What a connection has to say after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Nothing: it can take another request.
    Silence,
    /// It has ended, or will.
    End,
    /// Bytes that nobody asked for: what comes next on it could be taken for another request's answer.
    Surplus,
}

/// A connection, between requests or in the middle of an answer.
pub(super) struct Channel {
    sender: http1::SendRequest<Full<Bytes>>,
    /// Until it ends. It is dropped that very moment, so that hyper refuses who asks: one that had ended and was kept would
    /// take a request that nobody sends.
    connection: Option<http1::Connection<TokioIo<Metered>, Full<Bytes>>>,
    meter: Arc<Meter>,
    /// It ended with bytes that were read and belong to no answer.
    has_surplus: bool,
    /// What the last answer said of the connection's future.
    may_stay: bool,
    pub(super) origin: Origin,
    pub(super) peer: Peer,
    pub(super) via: Option<Arc<Via>>,
}

impl Channel {
    /// Lets hyper speak on a stream. Nothing is read or written before the first request, so this is ready at once.
    pub(super) async fn open(
        stream: Stream,
        origin: Origin,
        http1: &http1::Builder,
    ) -> Result<Self, hyper::Error> {
        let (peer, via, meter) = (stream.peer(), stream.via.clone(), Meter::new());
        let metered = Metered::new(stream, meter.clone());
        let (sender, connection) = http1.handshake(TokioIo::new(metered)).await?;
        let connection = Some(connection);
        Ok(Self { sender, connection, meter, has_surplus: false, may_stay: true, origin, peer, via })
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn ask(&mut self, outgoing: Outgoing<'_>) -> Result<Response<Incoming>, NoAnswer> {
        self.meter.expect_head();
        let mut answer = pin!(self.sender.send_request(outgoing.request(self.via.as_deref())));
        let response = poll_fn(|cx| {
            self.step(cx);
            answer.as_mut().poll(cx)
        })
        .await;
        if response.is_err() && self.meter.is_spent() {
            return Err(NoAnswer::Nonsense("its head has no end"));
        }
        let mut response = response?;
        self.meter.expect_body();
        self.may_stay = head::settle(&mut response).map_err(NoAnswer::Nonsense)?;
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

    /// What comes after an answer that was read to its end, as far as is known without asking the system.
    pub(super) fn after_answer(&mut self) -> After {
        // Nobody is to be woken by what an idle connection says: it is looked at when it is used next.
        self.step(&mut Context::from_waker(Waker::noop()));
        if self.connection.is_none() {
            return if self.has_surplus { After::Surplus } else { After::End };
        }
        if self.may_stay && self.sender.is_ready() { After::Silence } else { After::End }
    }

    /// What has come by now on a connection that was kept, as the system knows it.
    pub(super) fn while_idle(&mut self) -> After {
        self.meter.expect_silence();
        self.after_answer()
    }

    fn step(&mut self, cx: &mut Context<'_>) {
        // What it ends with is told to whoever waits for the answer or its body.
        if let Some(connection) = &mut self.connection
            && connection.poll_unpin(cx).is_ready()
            && let Some(ended) = self.connection.take()
        {
            let rest = ended.into_parts().read_buf;
            let is_surplus = !rest.is_empty() && !head::says_goodbye(&rest);
            self.has_surplus = is_surplus || self.meter.came_unasked();
        }
    }

    /// Whether its socket can be taken.
    pub(super) fn is_plain(&self) -> bool {
        self.connection.is_some() && self.origin.scheme == Scheme::HTTP && self.via.is_none()
    }

    /// Whether the registry lets it live on after this answer.
    pub(super) fn may_stay(&self) -> bool {
        self.may_stay
    }

    /// Takes the stream in the middle of an answer, and what was read of its body: nothing may have been taken from it.
    /// Nothing where the connection has ended.
    pub(super) fn into_stream(self, body: &mut Incoming) -> Option<(Stream, Bytes)> {
        let connection = self.connection?;
        let mut before = BytesMut::new();
        // An error shows again at the next read from the stream.
        while let Some(Some(Ok(frame))) = body.frame().now_or_never() {
            if let Ok(data) = frame.into_data() {
                before.extend_from_slice(&data);
            }
        }
        let parts = connection.into_parts();
        before.extend_from_slice(&parts.read_buf);
        Some((parts.io.into_inner().into_stream(), before.freeze()))
    }
}

//! The body of a registry's answer.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::net::TcpStream;

use super::connect::{PeerAddress, UpstreamStream};
use super::connection::{BodyPoll, ConnectionState, Origin, UpstreamConnection};
use super::encoding::{BodyError, Decoder};
use super::limits::DRAINED_BYTES_MAX;
use super::pool::IdlePool;

/// A body that arrives, with the connection that brings it. Read to its end, it lets the connection go on to the next
/// request.
pub struct UpstreamBody {
    body: Incoming,
    /// Until all is read.
    connection: Option<Box<UpstreamConnection>>,
    origin: ResponseOrigin,
    is_started: bool,
    /// What undoes its encoding, where it has one.
    decoder: Option<Box<Decoder>>,
}

/// Where an answer came from.
#[derive(Clone)]
pub struct ResponseOrigin {
    idle_pool: Arc<IdlePool>,
    origin: Origin,
}

impl ResponseOrigin {
    /// What came cannot be the answer to the request. Perhaps answers are one behind, so that for a while no connection
    /// takes a second request.
    pub fn distrust(&self) {
        self.idle_pool.distrust(&self.origin);
    }
}

/// A socket at the beginning of a body.
pub struct BodySocket {
    /// What is left of the body comes from here, and nothing else until it has come.
    pub stream: TcpStream,
    /// What came with the head: the beginning of the body, and more only where the registry sends more.
    pub received: Bytes,
    /// Where it goes when the body was read to its end.
    idle_pool: Option<(Arc<IdlePool>, Origin, PeerAddress)>,
}

impl BodySocket {
    /// Keeps the connection for another request. Only after exactly the body was read from it.
    pub fn return_to_pool(self) {
        if let Some((idle_pool, origin, peer)) = self.idle_pool {
            idle_pool.keep_stream(UpstreamStream::plain(self.stream, peer), origin);
        }
    }

    /// Ends the connection: more came on it than the body.
    pub fn distrust(self) {
        if let Some((idle_pool, origin, _)) = self.idle_pool {
            idle_pool.distrust(&origin);
        }
    }
}

impl UpstreamBody {
    pub(super) fn new(body: Incoming, connection: Box<UpstreamConnection>, idle_pool: Arc<IdlePool>) -> Self {
        let origin = ResponseOrigin { idle_pool, origin: connection.origin.clone() };
        Self { body, connection: Some(connection), origin, is_started: false, decoder: None }
    }

    /// Lets it be read without its encoding.
    pub(super) fn decode(&mut self, decoder: Box<Decoder>) {
        self.decoder = Some(decoder);
    }

    /// Gives the connection back, if all is read.
    pub(super) fn release_if_read(&mut self) {
        if self.body.is_end_stream() {
            self.release();
        }
    }

    /// Gives the connection back, if it can take another request.
    fn release(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            match connection.state_after_response() {
                ConnectionState::Reusable => self.origin.idle_pool.keep(connection),
                ConnectionState::Closed => {}
                ConnectionState::Surplus => self.origin.distrust(),
            }
        }
    }

    /// The next piece as it came.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> BodyPoll {
        self.is_started = true;
        let piece = match &mut self.connection {
            Some(connection) => connection.poll_body(&mut self.body, cx),
            None => Pin::new(&mut self.body).poll_frame(cx),
        };
        match &piece {
            Poll::Pending => {}
            // One without a length says only so that it is at its end.
            Poll::Ready(None) => self.release(),
            Poll::Ready(Some(_)) => self.release_if_read(),
        }
        piece
    }

    /// Where it comes from; it may be read to its end meanwhile.
    pub fn origin(&self) -> ResponseOrigin {
        self.origin.clone()
    }

    /// Leaves an answer that cannot be this request's, and its sender with one request a connection.
    pub fn distrust(mut self) {
        self.connection = None;
        self.origin.distrust();
    }

    /// Whether [`into_socket`](Self::into_socket) would give one.
    pub fn has_socket(&self) -> bool {
        !self.is_started
            && self.decoder.is_none()
            && self.body.size_hint().exact().is_some()
            && self.connection.as_deref().is_some_and(UpstreamConnection::is_plain)
    }

    /// Takes the socket that the body is in: where it is not with_tls, and the body has a length and was not read from.
    pub fn into_socket(mut self) -> Option<BodySocket> {
        if !self.has_socket() {
            return None;
        }
        let connection = self.connection.take()?;
        let idle_pool = connection
            .keep_alive()
            .then(|| (self.origin.idle_pool.clone(), connection.origin.clone(), connection.peer));
        let (stream, received) = connection.into_stream(&mut self.body)?;
        Some(BodySocket { stream: stream.into_plain()?, received, idle_pool })
    }
}

impl Drop for UpstreamBody {
    /// Who does not care for a small body, as that of a redirect, has most often got it already with the head.
    fn drop(&mut self) {
        self.decoder = None;
        let mut cx = Context::from_waker(Waker::noop());
        // Of a body without a length perhaps only its end is missing.
        let exact = self.body.size_hint().exact();
        let mut tries = match exact {
            None => 1,
            Some(bytes) if bytes <= DRAINED_BYTES_MAX => u64::MAX,
            Some(_) => 0,
        };
        while tries > 0 && self.connection.is_some() {
            let Poll::Ready(Some(Ok(_))) = Pin::new(&mut *self).poll_frame(&mut cx) else { return };
            tries -= 1;
        }
    }
}

impl fmt::Debug for UpstreamBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamBody").field("length", &self.size_hint().exact()).finish_non_exhaustive()
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let Some(mut decoder) = this.decoder.take() else {
            return this.poll_piece(cx).map_err(BodyError::from);
        };
        let piece = decoder.poll(cx, |cx| this.poll_piece(cx));
        this.decoder = Some(decoder);
        piece
    }

    fn is_end_stream(&self) -> bool {
        self.decoder.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.decoder.is_some() { SizeHint::default() } else { self.body.size_hint() }
    }
}

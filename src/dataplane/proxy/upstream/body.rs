//! Bodies of registries' answers.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::net::TcpStream;

use super::connection::{BodyPoll, ConnectionState, Origin, UpstreamConnection};
use super::encoding::{BodyError, Decoder};
use super::idle_pool::IdlePool;
use super::limits::DRAINED_BYTES_MAX;
use super::stream::{PeerAddress, UpstreamStream};

/// A body with the connection that it arrives on. Reading it to its end makes the connection reusable.
pub struct UpstreamBody {
    body: Incoming,
    /// Present until the body is read.
    connection: Option<Box<UpstreamConnection>>,
    origin: ResponseOrigin,
    is_started: bool,
    /// Decoder for an encoded body.
    decoder: Option<Box<Decoder>>,
}

/// Origin and pool that an answer came from.
#[derive(Clone)]
pub struct ResponseOrigin {
    idle_pool: Arc<IdlePool>,
    origin: Origin,
}

impl ResponseOrigin {
    /// Stops reuse of connections to this origin for a while. The answer did not belong to the request, so
    /// later answers may be off by one.
    pub fn distrust(&self) {
        self.idle_pool.distrust(&self.origin);
    }
}

/// A socket positioned at the start of a body.
pub struct BodySocket {
    /// Source of the rest of the body.
    pub stream: TcpStream,
    /// Bytes received with the head: the start of the body, and more only if the registry sends more.
    pub received: Bytes,
    /// Pool to return the connection to after the body.
    idle_pool: Option<(Arc<IdlePool>, Origin, PeerAddress)>,
}

impl BodySocket {
    /// Returns the connection to the pool. Exactly the body must have been read from it.
    pub fn return_to_pool(self) {
        if let Some((idle_pool, origin, peer)) = self.idle_pool {
            idle_pool.keep_stream(UpstreamStream::plain(self.stream, peer), origin);
        }
    }

    /// Closes the connection, because more than the body arrived on it.
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

    /// Decodes the body while it is read. The answer to a HEAD has none.
    pub(super) fn decode(&mut self, decoder: Box<Decoder>) {
        if !self.is_end_stream() {
            self.decoder = Some(decoder);
        }
    }

    /// Releases the connection if the body is read.
    pub(super) fn release_if_read(&mut self) {
        if self.body.is_end_stream() {
            self.release();
        }
    }

    /// Returns the connection to the pool if it can take another request.
    fn release(&mut self) {
        if let Some(mut connection) = self.connection.take() {
            match connection.state_after_response() {
                ConnectionState::Reusable => self.origin.idle_pool.keep(connection),
                ConnectionState::Closed => {}
                ConnectionState::Surplus => self.origin.distrust(),
            }
        }
    }

    /// Polls the next piece, before decoding.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> BodyPoll {
        self.is_started = true;
        let piece = match &mut self.connection {
            Some(connection) => connection.poll_body(&mut self.body, cx),
            None => Pin::new(&mut self.body).poll_frame(cx),
        };
        match &piece {
            Poll::Pending => {}
            // A body without a length shows its end only here.
            Poll::Ready(None) => self.release(),
            Poll::Ready(Some(_)) => self.release_if_read(),
        }
        piece
    }

    /// Origin of the answer; stays valid after the body is read.
    pub fn origin(&self) -> ResponseOrigin {
        self.origin.clone()
    }

    /// Drops an answer that does not belong to its request, and stops reuse of connections to its origin.
    pub fn distrust(mut self) {
        self.connection = None;
        self.origin.distrust();
    }

    /// Tells whether [`into_socket`](Self::into_socket) returns one.
    pub fn has_socket(&self) -> bool {
        !self.is_started
            && self.decoder.is_none()
            && self.body.size_hint().exact().is_some()
            && self.connection.as_deref().is_some_and(UpstreamConnection::is_plain)
    }

    /// Takes the body's socket. Works for an unencrypted, unencoded body of known length that was not read yet.
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
    /// Reads the rest of a small unwanted body, such as a redirect's. Most often it has arrived with the
    /// head, and the connection stays usable.
    fn drop(&mut self) {
        self.decoder = None;
        let mut cx = Context::from_waker(Waker::noop());
        // A body without a length may lack only its end.
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

//! The body of a registry's answer.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::net::TcpStream;

use super::channel::{After, Channel, Origin, Piece};
use super::connect::{Peer, Stream};
use super::encoding::{ContentError, Decoder};
use super::limits::DRAINED_BYTES_MAX;
use super::pool::Home;

/// A body that arrives, with the connection that brings it. Read to its end, it lets the connection go on to the next
/// request.
pub struct Content {
    body: Incoming,
    /// Until all is read.
    channel: Option<Box<Channel>>,
    sender: Sender,
    is_begun: bool,
    /// What undoes its encoding, where it has one.
    decoder: Option<Box<Decoder>>,
}

/// Where an answer came from.
#[derive(Clone)]
pub struct Sender {
    home: Arc<Home>,
    origin: Origin,
}

impl Sender {
    /// What came cannot be the answer to the request. Perhaps answers are one behind, so that for a while no connection
    /// takes a second request.
    pub fn distrust(&self) {
        self.home.distrust(&self.origin);
    }
}

/// A socket at the beginning of a body.
pub struct Socket {
    /// What is left of the body comes from here, and nothing else until it has come.
    pub stream: TcpStream,
    /// What came with the head: the beginning of the body, and more only where the registry sends more.
    pub before: Bytes,
    /// Where it goes when the body was read to its end.
    home: Option<(Arc<Home>, Origin, Peer)>,
}

impl Socket {
    /// Keeps the connection for another request. Only after exactly the body was read from it.
    pub fn give_back(self) {
        if let Some((home, origin, peer)) = self.home {
            home.keep_stream(Stream::plain(self.stream, peer), origin);
        }
    }

    /// Ends the connection: more came on it than the body.
    pub fn distrust(self) {
        if let Some((home, origin, _)) = self.home {
            home.distrust(&origin);
        }
    }
}

impl Content {
    pub(super) fn new(body: Incoming, channel: Box<Channel>, home: Arc<Home>) -> Self {
        let sender = Sender { home, origin: channel.origin.clone() };
        Self { body, channel: Some(channel), sender, is_begun: false, decoder: None }
    }

    /// Lets it be read without its encoding.
    pub(super) fn decode(&mut self, decoder: Box<Decoder>) {
        self.decoder = Some(decoder);
    }

    /// Gives the connection back, if all is read.
    pub(super) fn leave_if_read(&mut self) {
        if self.body.is_end_stream() {
            self.leave();
        }
    }

    /// Gives the connection back, if it can take another request.
    fn leave(&mut self) {
        if let Some(mut channel) = self.channel.take() {
            match channel.after_answer() {
                After::Silence => self.sender.home.keep(channel),
                After::End => {}
                After::Surplus => self.sender.distrust(),
            }
        }
    }

    /// The next piece as it came.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Piece {
        self.is_begun = true;
        let piece = match &mut self.channel {
            Some(channel) => channel.poll_body(&mut self.body, cx),
            None => Pin::new(&mut self.body).poll_frame(cx),
        };
        match &piece {
            Poll::Pending => {}
            // One without a length says only so that it is at its end.
            Poll::Ready(None) => self.leave(),
            Poll::Ready(Some(_)) => self.leave_if_read(),
        }
        piece
    }

    /// Where it comes from; it may be read to its end meanwhile.
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Leaves an answer that cannot be this request's, and its sender with one request a connection.
    pub fn distrust(mut self) {
        self.channel = None;
        self.sender.distrust();
    }

    /// Whether [`into_socket`](Self::into_socket) would give one.
    pub fn has_socket(&self) -> bool {
        !self.is_begun
            && self.decoder.is_none()
            && self.body.size_hint().exact().is_some()
            && self.channel.as_deref().is_some_and(Channel::is_plain)
    }

    /// Takes the socket that the body is in: where it is not encrypted, and the body has a length and was not read from.
    pub fn into_socket(mut self) -> Option<Socket> {
        if !self.has_socket() {
            return None;
        }
        let channel = self.channel.take()?;
        let home =
            channel.may_stay().then(|| (self.sender.home.clone(), channel.origin.clone(), channel.peer));
        let (stream, before) = channel.into_stream(&mut self.body)?;
        Some(Socket { stream: stream.into_plain()?, before, home })
    }
}

impl Drop for Content {
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
        while tries > 0 && self.channel.is_some() {
            let Poll::Ready(Some(Ok(_))) = Pin::new(&mut *self).poll_frame(&mut cx) else { return };
            tries -= 1;
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("length", &self.size_hint().exact()).finish_non_exhaustive()
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = ContentError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ContentError>>> {
        let this = self.get_mut();
        let Some(mut decoder) = this.decoder.take() else {
            return this.poll_piece(cx).map_err(ContentError::from);
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

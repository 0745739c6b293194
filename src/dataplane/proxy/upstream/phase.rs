//! Enforces what may arrive on a connection to a registry: nothing between requests, then a head of bounded
//! size, then a body.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::head::is_timeout_notice;
use super::limits::{HEAD_BYTES_MAX, HEAD_READ_BYTES};
use super::stream::{Unread, UpstreamStream};

/// No bytes are expected.
const SILENCE: usize = usize::MAX;
/// A body is expected, without a bound.
const BODY: usize = usize::MAX - 1;

/// Expected phase, set by the request and checked by the reader. Both run in the same task.
#[derive(Debug)]
pub(super) struct ResponsePhase {
    /// [`SILENCE`], [`BODY`], or the number of bytes left for the head.
    expected: AtomicUsize,
    has_unsolicited_bytes: AtomicBool,
}

impl ResponsePhase {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { expected: AtomicUsize::new(BODY), has_unsolicited_bytes: AtomicBool::new(false) })
    }

    /// Enters the idle phase after an answer.
    pub(super) fn expect_silence(&self) {
        self.expected.store(SILENCE, Ordering::Relaxed);
    }

    /// Enters the head phase after a request.
    pub(super) fn expect_head(&self) {
        self.expected.store(HEAD_BYTES_MAX, Ordering::Relaxed);
    }

    /// Enters the body phase after the head.
    pub(super) fn expect_body(&self) {
        self.expected.store(BODY, Ordering::Relaxed);
    }

    /// Tells whether the head, with all preceding 1xx, exceeded its bound.
    pub(super) fn is_head_too_large(&self) -> bool {
        self.expected.load(Ordering::Relaxed) == 0
    }

    /// Tells whether bytes arrived in the idle phase.
    pub(super) fn has_unsolicited_bytes(&self) -> bool {
        self.has_unsolicited_bytes.load(Ordering::Relaxed)
    }
}

/// A stream whose reads are checked against the phase.
pub(super) struct CheckedStream {
    stream: UpstreamStream,
    phase: Arc<ResponsePhase>,
}

impl CheckedStream {
    pub(super) fn new(stream: UpstreamStream, phase: Arc<ResponsePhase>) -> Self {
        Self { stream, phase }
    }

    pub(super) fn into_stream(self) -> UpstreamStream {
        self.stream
    }

    /// Reads in the idle phase. Asks the kernel as well, because tokio learns of new bytes later.
    fn poll_silence(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let unread = match read {
            Poll::Pending => self.stream.unread(),
            Poll::Ready(Ok(())) if is_timeout_notice(buf.filled()) => Unread::Closed,
            Poll::Ready(Ok(())) if !buf.filled().is_empty() => Unread::Bytes,
            Poll::Ready(_) => return read,
        };
        if unread == Unread::Nothing {
            return Poll::Pending;
        }
        self.phase.has_unsolicited_bytes.fetch_or(unread == Unread::Bytes, Ordering::Relaxed);
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }

    /// Reads a part of a head. hyper skips 1xx responses in a loop, so an endless sequence of them must fail
    /// here. Small reads keep the parsing of each step cheap.
    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
        bytes_left: usize,
    ) -> Poll<io::Result<()>> {
        if bytes_left == 0 {
            return Poll::Ready(Err(io::Error::other("the head is too large")));
        }
        let before = buf.filled().len();
        let read = if buf.remaining() <= HEAD_READ_BYTES {
            Pin::new(&mut self.stream).poll_read(cx, buf)
        } else {
            let mut piece = ReadBuf::new(buf.initialize_unfilled_to(HEAD_READ_BYTES));
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut piece);
            let filled = piece.filled().len();
            buf.advance(filled);
            read
        };
        let bytes_left = bytes_left.saturating_sub(buf.filled().len() - before);
        self.phase.expected.store(bytes_left, Ordering::Relaxed);
        read
    }
}

impl AsyncRead for CheckedStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.phase.expected.load(Ordering::Relaxed) {
            BODY => Pin::new(&mut this.stream).poll_read(cx, buf),
            SILENCE => this.poll_silence(cx, buf),
            bytes_left => this.poll_head(cx, buf, bytes_left),
        }
    }
}

impl AsyncWrite for CheckedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

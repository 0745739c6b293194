//! The handoff of a plain HTTP/1.1 connection from hyper to the code that splices its answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::Response;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::respond::Body;
use super::splice::Pipe;
use crate::listen::{ResponseBody, StallGuard};

/// A connection that was taken from hyper, with the answer that is due on it.
pub(super) struct Detached {
    pub(super) response: Response<ResponseBody<Body>>,
    pub(super) pipe: Pipe,
    pub(super) stream: StallGuard<TcpStream>,
    /// Bytes that the client has sent after its request.
    pub(super) unread: Bytes,
}

/// Passes an answer from hyper's service to the code that splices it.
#[derive(Default)]
pub(super) struct Handoff {
    response: Mutex<Option<(Response<ResponseBody<Body>>, Pipe)>>,
    /// hyper has written an earlier answer of a pipelining client and not flushed it. hyper 1.12 polls the
    /// next request only after the flush, but does not promise that.
    is_unflushed: AtomicBool,
}

impl Handoff {
    /// Hands over an answer, with the pipe for its body.
    pub(super) fn put(&self, response: Response<ResponseBody<Body>>, pipe: Pipe) {
        *self.response.lock() = Some((response, pipe));
    }

    /// Takes the answer once all earlier ones are flushed.
    pub(super) fn take(&self) -> Option<(Response<ResponseBody<Body>>, Pipe)> {
        if self.is_unflushed.load(Ordering::Relaxed) {
            return None;
        }
        self.response.lock().take()
    }
}

/// The client's stream as hyper reads and writes it.
pub(super) struct ClientIo {
    pub(super) stream: StallGuard<TcpStream>,
    /// Bytes read from the stream and not yet passed to hyper.
    pub(super) unread: Bytes,
    pub(super) handoff: Arc<Handoff>,
}

impl ClientIo {
    /// A stream whose first bytes are `unread`.
    pub(super) fn new(stream: StallGuard<TcpStream>, unread: Bytes) -> Self {
        Self { stream, unread, handoff: Arc::default() }
    }
}

impl AsyncRead for ClientIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.unread.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let bytes = self.unread.len().min(buf.remaining());
        buf.put_slice(&self.unread[..bytes]);
        self.unread.advance(bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.handoff.is_unflushed.store(true, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.handoff.is_unflushed.store(true, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes after it has written everything.
        self.handoff.is_unflushed.store(false, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;
    use crate::listen::Slots;
    use crate::proxy::LIMITS;
    use crate::proxy::respond::empty;
    use crate::proxy::splice::Pipes;

    #[tokio::test]
    async fn an_answer_is_handed_over_once_all_before_it_are_flushed() {
        let pipe = Pipes::new(1).take().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let slot = Slots::single(LIMITS);
        let mut client_io = ClientIo::new(StallGuard::new(stream, slot.clone()), Bytes::new());
        let handoff = client_io.handoff.clone();
        assert!(handoff.take().is_none(), "there is none");
        handoff.put(Response::new(ResponseBody::new(empty(), slot.begin_request().unwrap())), pipe);
        client_io.write_all(b"the answer before").await.unwrap();
        assert!(handoff.take().is_none(), "it would overtake");
        client_io.flush().await.unwrap();
        assert!(handoff.take().is_some());
    }
}

//! What is said on a connection, from its first byte to its last.
//!
//! hyper speaks. On a plain HTTP/1.1 connection it is set aside while a trusted blob passes from socket to socket
//! (`relay`), and then speaks on.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use http::header::CONNECTION;
use http::{Request, Response, Version};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::Proxy;
use super::listener::{HEAD_READ_TIMEOUT, Stop, WRITE_STALL_TIMEOUT};
use super::relay::relay;
use super::respond::Body;
use super::splice::Pipe;
use super::stall::StallGuard;

/// How an HTTP/2 connection begins (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What every conversation is held with.
pub(super) struct Speech {
    pub(super) any: auto::Builder<TokioExecutor>,
    pub(super) http1: http1::Builder,
}

impl Speech {
    /// Any HTTP, over any stream, until the client or `stop` ends it.
    pub(super) async fn any<S>(&self, stream: S, client: Arc<str>, proxy: Arc<Proxy>, stop: Stop)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(move |request| {
            let (proxy, client) = (proxy.clone(), client.clone());
            async move { Ok::<_, Infallible>(proxy.handle(client, request, false).await) }
        });
        let stream = TokioIo::new(StallGuard::new(stream, WRITE_STALL_TIMEOUT));
        let mut connection = pin!(self.any.serve_connection(stream, service));
        // How a connection ends is the client's affair; what matters of it was observed.
        tokio::select! {
            _ = connection.as_mut() => return,
            () = stop.told() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    /// The same over a plain connection, where HTTP/1.1 may be set aside.
    pub(super) async fn plain(&self, stream: TcpStream, client: Arc<str>, proxy: Arc<Proxy>, stop: Stop) {
        let mut begin = [0; PREFACE.len()];
        let peeked = tokio::select! {
            peeked = tokio::time::timeout(HEAD_READ_TIMEOUT, stream.peek(&mut begin)) => peeked,
            () = stop.told() => return,
        };
        match peeked {
            Ok(Ok(seen)) if PREFACE.starts_with(&begin[..seen]) => {
                Box::pin(self.any(stream, client, proxy, stop)).await;
            }
            Ok(Ok(_)) => Box::pin(self.http1(stream, client, proxy, stop)).await,
            Ok(Err(_)) | Err(_) => {}
        }
    }

    async fn http1(&self, stream: TcpStream, client: Arc<str>, proxy: Arc<Proxy>, stop: Stop) {
        let mut wire = Wire::new(StallGuard::new(stream, WRITE_STALL_TIMEOUT), Bytes::new());
        while let Some(mut aside) = self.until_set_aside(wire, &client, &proxy, &stop).await {
            let (head, body) = aside.response.into_parts();
            let Body::Transfer(transfer) = body else { return };
            let relayed = Box::pin(relay(&proxy, &mut aside.stream, &head, transfer, aside.pipe)).await;
            if relayed.is_err() || stop.is_told() {
                return;
            }
            wire = Wire::new(aside.stream, aside.unread);
        }
    }

    /// Lets hyper speak until an answer is to pass from socket to socket, or all is said.
    async fn until_set_aside(
        &self,
        wire: Wire,
        client: &Arc<str>,
        proxy: &Arc<Proxy>,
        stop: &Stop,
    ) -> Option<Aside> {
        let desk = wire.desk.clone();
        let service = service_fn(|request: Request<Incoming>| {
            let (proxy, client, desk) = (proxy.clone(), client.clone(), desk.clone());
            async move {
                let by_socket = may_be_set_aside(&request);
                let response = proxy.handle(client, request, by_socket).await;
                match by_socket.then(|| proxy.pipe_for(&response)).flatten() {
                    Some(pipe) => {
                        desk.put(response, pipe);
                        // hyper is dropped while it waits for this.
                        pending().await
                    }
                    None => Ok::<_, Infallible>(response),
                }
            }
        });
        let mut connection = self.http1.serve_connection(TokioIo::new(wire), service);
        let mut told = pin!(stop.told().fuse());
        let (response, pipe) = poll_fn(|cx| {
            if told.as_mut().poll(cx).is_ready() {
                Pin::new(&mut connection).graceful_shutdown();
            }
            if connection.poll_unpin(cx).is_ready() {
                return Poll::Ready(None);
            }
            desk.take().map_or(Poll::Pending, |taken| Poll::Ready(Some(taken)))
        })
        .await?;
        let parts = connection.into_parts();
        let Wire { stream, unread, .. } = parts.io.into_inner();
        // What hyper has read and not used comes before what it has not read.
        let unread =
            if unread.is_empty() { parts.read_buf } else { [parts.read_buf, unread].concat().into() };
        Some(Aside { response, pipe, stream, unread })
    }
}

/// Whether the next request begins where this one ends, and its answer needs no word of hyper's.
fn may_be_set_aside(request: &Request<Incoming>) -> bool {
    request.version() == Version::HTTP_11
        && request.body().is_end_stream()
        && request
            .headers()
            .get_all(CONNECTION)
            .iter()
            .all(|value| value.as_bytes().eq_ignore_ascii_case(b"keep-alive"))
}

impl Proxy {
    fn pipe_for(&self, response: &Response<Body>) -> Option<Pipe> {
        match response.body() {
            Body::Transfer(transfer) if transfer.has_socket() => self.pipes.take(),
            _ => None,
        }
    }
}

/// A connection that hyper has left, and the answer that it waits for.
struct Aside {
    response: Response<Body>,
    pipe: Pipe,
    stream: StallGuard<TcpStream>,
    /// What the client has sent since.
    unread: Bytes,
}

/// Where an answer is left for who speaks when hyper does not.
#[derive(Default)]
struct Desk {
    answer: Mutex<Option<(Response<Body>, Pipe)>>,
    /// hyper has written something and not yet flushed it: an earlier answer, to a client that does not wait for one
    /// before it asks for the next. hyper 1.12 comes to the next request only after the flush, but promises nothing.
    is_unflushed: AtomicBool,
}

impl Desk {
    fn put(&self, response: Response<Body>, pipe: Pipe) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some((response, pipe));
    }

    /// The answer, once all before it has left.
    fn take(&self) -> Option<(Response<Body>, Pipe)> {
        if self.is_unflushed.load(Ordering::Relaxed) {
            return None;
        }
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A connection as hyper sees it.
struct Wire {
    stream: StallGuard<TcpStream>,
    /// Read from the stream before, and not yet by hyper.
    unread: Bytes,
    desk: Arc<Desk>,
}

impl Wire {
    fn new(stream: StallGuard<TcpStream>, unread: Bytes) -> Self {
        Self { stream, unread, desk: Arc::default() }
    }
}

impl AsyncRead for Wire {
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

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.desk.is_unflushed.store(true, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.desk.is_unflushed.store(true, Ordering::Relaxed);
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes when it has written all that it has.
        self.desk.is_unflushed.store(false, Ordering::Relaxed);
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
    use crate::proxy::respond::empty;
    use crate::proxy::splice::Pipes;

    #[tokio::test]
    async fn an_answer_waits_on_the_desk_until_all_before_it_has_left() {
        let pipe = Pipes::new(true).take().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut wire = Wire::new(StallGuard::new(stream, WRITE_STALL_TIMEOUT), Bytes::new());
        let desk = wire.desk.clone();
        assert!(desk.take().is_none(), "there is none");
        desk.put(Response::new(empty()), pipe);
        wire.write_all(b"the answer before").await.unwrap();
        assert!(desk.take().is_none(), "it would overtake");
        wire.flush().await.unwrap();
        assert!(desk.take().is_some());
    }
}

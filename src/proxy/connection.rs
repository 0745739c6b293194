//! One client connection, from its first byte to its last.
//!
//! hyper serves HTTP/2 where TLS negotiated it (ALPN) or a plain connection begins with its preface, else
//! HTTP/1.1. On a plain HTTP/1.1 connection, hyper is detached while a trusted blob is spliced from socket to
//! socket (`relay`); then a new hyper connection goes on. Idle timeouts belong to the connection's [`Slot`].

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::CONNECTION;
use http::{HeaderMap, Request, Response, Version};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::Proxy;
use super::origin;
use super::relay::relay;
use super::respond::Body;
use super::splice::Pipe;
use crate::listen::{
    ActiveRequest, FrameLimited, ResponseBody, Slot, Slots, StallGuard, StreamExecutor, TrustedProxies,
    drive_http,
};

/// Client preface of HTTP/2 (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// ALPN name of HTTP/2 (RFC 9113 §3.2).
const ALPN_HTTP2: &[u8] = b"h2";
/// Header fields of one request.
const HEADERS_MAX: usize = 64;
/// Bytes of one request's head.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Concurrent requests on one HTTP/2 connection.
const STREAMS_MAX: u32 = 128;
/// Streams that an HTTP/2 client has reset and the server has not processed yet (CVE-2023-44487).
const RESETS_WAITING_MAX: usize = 20;
/// Streams of one connection that the server resets for errors of the client (CVE-2025-8671).
const ERRORS_MAX: usize = 128;
/// Flow-control window for request bodies. The protocol's minimum, since no forwarded request has a body.
const WINDOW_BYTES: u32 = 65_535;
/// Unsent bytes of one HTTP/2 answer after which no more of it is read.
const UNSENT_BYTES_MAX: usize = 32 * 1024;
/// Silence after which an HTTP/2 client is pinged.
const PING_PAUSE: Duration = Duration::from_secs(30);

/// Client address and slot of a connection.
#[derive(Clone)]
pub(super) struct ConnectionInfo {
    /// Peer address as it is recorded.
    client: Arc<str>,
    /// Peer address, if the peer is a trusted proxy.
    proxy: Option<IpAddr>,
    pub(super) slot: Slot,
}

impl ConnectionInfo {
    /// Describes a connection from `address`. A listener on `[::]` sees IPv4 clients as `::ffff:10.0.0.7`.
    pub(super) fn new(address: IpAddr, trusted: &TrustedProxies, slot: Slot) -> Self {
        let proxy = trusted.contains(address).then_some(address);
        Self { client: address.to_canonical().to_string().into(), proxy, slot }
    }

    /// Address of the client that sent a request.
    pub(super) fn client(&self, headers: &HeaderMap, trusted: &TrustedProxies) -> Arc<str> {
        match self.proxy {
            None => self.client.clone(),
            Some(proxy) => origin::client_address(proxy, headers, trusted).to_string().into(),
        }
    }
}

/// Configured HTTP/1.1 and HTTP/2 servers, shared by all client connections.
pub(super) struct HttpServer {
    http1: http1::Builder,
    http2: http2::Builder<StreamExecutor>,
}

impl HttpServer {
    pub(super) fn new(slots: &Arc<Slots>) -> Self {
        let mut http1 = http1::Builder::new();
        // The slot enforces the deadline for a head; a timer in hyper would cost one for each request.
        http1.header_read_timeout(None).max_headers(HEADERS_MAX).max_buf_size(HEAD_BYTES_MAX);
        let mut http2 = http2::Builder::new(StreamExecutor::new(slots.clone()));
        http2
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEAD_BYTES_MAX as u32)
            .max_pending_accept_reset_streams(RESETS_WAITING_MAX)
            .max_local_error_reset_streams(ERRORS_MAX)
            .initial_connection_window_size(WINDOW_BYTES)
            .initial_stream_window_size(WINDOW_BYTES)
            .max_send_buf_size(UNSENT_BYTES_MAX)
            .keep_alive_interval(PING_PAUSE);
        Self { http1, http2 }
    }

    /// Serves a TLS connection. The future is boxed, so that an idle connection holds no more than its own state.
    pub(super) fn serve_tls(
        &self,
        stream: TlsStream<TcpStream>,
        info: ConnectionInfo,
        proxy: Arc<Proxy>,
    ) -> BoxFuture<'_, ()> {
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(ALPN_HTTP2);
        let stream = StallGuard::new(stream, info.slot.clone());
        if is_http2 {
            Box::pin(self.serve_http2(stream, info, proxy))
        } else {
            Box::pin(self.serve_http1(stream, info, proxy))
        }
    }

    /// Serves a plain connection, whose HTTP/1.1 may be detached for splicing.
    pub(super) async fn serve_plain(&self, stream: TcpStream, info: ConnectionInfo, proxy: Arc<Proxy>) {
        let mut stream = StallGuard::new(stream, info.slot.clone());
        let prefix = tokio::select! {
            prefix = read_prefix(&mut stream) => prefix,
            () = info.slot.closing() => return,
        };
        let Ok(prefix) = prefix else { return };
        self.serve_protocol(prefix == PREFACE, ClientIo::new(stream, prefix), info, proxy).await;
    }

    fn serve_protocol(
        &self,
        is_http2: bool,
        client_io: ClientIo,
        info: ConnectionInfo,
        proxy: Arc<Proxy>,
    ) -> BoxFuture<'_, ()> {
        if is_http2 {
            Box::pin(self.serve_http2(client_io, info, proxy))
        } else {
            Box::pin(self.serve_http1_with_handoff(client_io, info, proxy))
        }
    }

    async fn serve_http2<S>(&self, stream: S, info: ConnectionInfo, proxy: Arc<Proxy>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let slot = info.slot.clone();
        let service = service_fn(move |request| respond(info.clone(), proxy.clone(), request));
        let stream = TokioIo::new(FrameLimited::new(stream, slot.clone()));
        drive_http(self.http2.serve_connection(stream, service), &slot).await;
    }

    async fn serve_http1<S>(&self, stream: S, info: ConnectionInfo, proxy: Arc<Proxy>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let slot = info.slot.clone();
        let service = service_fn(move |request| respond(info.clone(), proxy.clone(), request));
        drive_http(self.http1.serve_connection(TokioIo::new(stream), service), &slot).await;
    }

    async fn serve_http1_with_handoff(
        &self,
        mut client_io: ClientIo,
        info: ConnectionInfo,
        proxy: Arc<Proxy>,
    ) {
        while let Some(mut detached) = self.serve_until_handoff(client_io, &info, &proxy).await {
            let (head, answer) = detached.response.into_parts();
            let (body, active) = answer.into_parts();
            let Body::Transfer(transfer) = body else { return };
            let relayed = Box::pin(relay(&proxy, &mut detached.stream, &head, transfer, detached.pipe)).await;
            if relayed.is_err() || info.slot.is_closing() {
                return;
            }
            drop(active);
            client_io = ClientIo::new(detached.stream, detached.unread);
        }
    }

    /// Serves HTTP/1.1 until an answer is to be spliced or the connection ends.
    async fn serve_until_handoff(
        &self,
        client_io: ClientIo,
        info: &ConnectionInfo,
        proxy: &Arc<Proxy>,
    ) -> Option<Detached> {
        let handoff = client_io.handoff.clone();
        let service = service_fn(|request: Request<Incoming>| {
            let (proxy, info, handoff) = (proxy.clone(), info.clone(), handoff.clone());
            async move {
                let active = begin_request(&info.slot).await;
                let may_splice = may_detach(&request);
                let response = proxy.handle(&info, request, may_splice).await;
                let pipe = may_splice.then(|| proxy.pipe_for(&response)).flatten();
                let response = response.map(|body| ResponseBody::new(body, active));
                match pipe {
                    Some(pipe) => {
                        handoff.put(response, pipe);
                        // hyper's connection is dropped while its service waits here.
                        pending().await
                    }
                    None => Ok::<_, Infallible>(response),
                }
            }
        });
        let mut connection = self.http1.serve_connection(TokioIo::new(client_io), service);
        let mut ending = pin!(info.slot.closing().fuse());
        let (response, pipe) = poll_fn(|cx| {
            if ending.as_mut().poll(cx).is_ready() {
                Pin::new(&mut connection).graceful_shutdown();
            }
            if connection.poll_unpin(cx).is_ready() {
                return Poll::Ready(None);
            }
            handoff.take().map_or(Poll::Pending, |taken| Poll::Ready(Some(taken)))
        })
        .await?;
        let parts = connection.into_parts();
        let ClientIo { stream, unread, .. } = parts.io.into_inner();
        // Bytes that hyper has read and not parsed precede the unread prefix.
        let unread =
            if unread.is_empty() { parts.read_buf } else { [parts.read_buf, unread].concat().into() };
        Some(Detached { response, pipe, stream, unread })
    }
}

/// Reads until a plain connection's protocol is certain: the whole preface of HTTP/2, or anything else.
async fn read_prefix(stream: &mut StallGuard<TcpStream>) -> io::Result<Bytes> {
    let mut prefix = BytesMut::with_capacity(PREFACE.len());
    while prefix.len() < PREFACE.len() && PREFACE.starts_with(&prefix) {
        // Reads no more than the preface; the rest is for hyper.
        let mut rest = (&mut *stream).take((PREFACE.len() - prefix.len()) as u64);
        if rest.read_buf(&mut prefix).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(prefix.freeze())
}

async fn respond(
    info: ConnectionInfo,
    proxy: Arc<Proxy>,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody<Body>>, Infallible> {
    let active = begin_request(&info.slot).await;
    let response = proxy.handle(&info, request, false).await;
    Ok(response.map(|body| ResponseBody::new(body, active)))
}

/// Registers an active request with the slot. Never completes if the connection was just aborted.
async fn begin_request(slot: &Slot) -> ActiveRequest {
    match slot.begin_request() {
        Some(active) => active,
        None => pending().await,
    }
}

/// Whether a request can be answered without hyper: it has no body, and its connection is kept alive.
fn may_detach(request: &Request<Incoming>) -> bool {
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

/// A connection that was taken from hyper, with the answer that is due on it.
struct Detached {
    response: Response<ResponseBody<Body>>,
    pipe: Pipe,
    stream: StallGuard<TcpStream>,
    /// Bytes that the client has sent after its request.
    unread: Bytes,
}

/// Passes an answer from hyper's service to the code that splices it.
#[derive(Default)]
struct Handoff {
    response: Mutex<Option<(Response<ResponseBody<Body>>, Pipe)>>,
    /// hyper has written an earlier answer of a pipelining client and not flushed it. hyper 1.12 polls the
    /// next request only after the flush, but does not promise that.
    is_unflushed: AtomicBool,
}

impl Handoff {
    fn put(&self, response: Response<ResponseBody<Body>>, pipe: Pipe) {
        *self.response.lock() = Some((response, pipe));
    }

    /// Takes the answer once all earlier ones are flushed.
    fn take(&self) -> Option<(Response<ResponseBody<Body>>, Pipe)> {
        if self.is_unflushed.load(Ordering::Relaxed) {
            return None;
        }
        self.response.lock().take()
    }
}

/// The client's stream as hyper reads and writes it.
struct ClientIo {
    stream: StallGuard<TcpStream>,
    /// Bytes read from the stream and not yet passed to hyper.
    unread: Bytes,
    handoff: Arc<Handoff>,
}

impl ClientIo {
    fn new(stream: StallGuard<TcpStream>, unread: Bytes) -> Self {
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
    use crate::proxy::LIMITS;
    use crate::proxy::respond::empty;
    use crate::proxy::splice::Pipes;

    #[tokio::test]
    async fn an_answer_waits_on_the_desk_until_all_before_it_has_left() {
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

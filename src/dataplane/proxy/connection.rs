//! One client connection, from its first byte to its last.
//!
//! hyper serves HTTP/2 where TLS negotiated it (ALPN) or a plain connection begins with its preface, else
//! HTTP/1.1. On a plain HTTP/1.1 connection, hyper is detached while a trusted blob is spliced from socket to
//! socket (`relay`); then a new hyper connection goes on. Idle timeouts belong to the connection's [`Slot`].

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::CONNECTION;
use http::{Request, Response, Version};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::client::ConnectionInfo;
use super::data_plane::Proxy;
use super::handoff::{ClientIo, Detached};
use super::relay::relay;
use super::respond::Body;
use super::splice::Pipe;
use crate::listen::{
    ActiveRequest, FrameLimited, ResponseBody, Slot, Slots, StallGuard, StreamExecutor, drive_http,
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

/// Tells whether a request can be answered without hyper: it has no body, and its connection is kept alive.
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

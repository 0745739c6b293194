//! Accepting: HTTP/1.1 and HTTP/2, plain or over TLS, within limits, until told to stop.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;

use super::Proxy;
use super::counters::Counters;
use super::stall::StallGuard;
use super::tls::{Certificate, TlsError};

/// Connections that wait to be accepted. A cluster's nodes pull at the same moment, and a SYN that finds the
/// backlog full comes back only after a second.
const BACKLOG: u32 = 4_096;
/// Client connections open at a time; further ones wait in the backlog.
const CONNECTIONS_MAX: usize = 10_000;
/// Time for a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a request's head, and for a connection without a request.
const HEAD_READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Time in which a client must take at least one byte.
const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(120);
/// Header fields in one request.
const HEADERS_MAX: usize = 64;
/// Bytes of one request's head.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Requests at a time on one HTTP/2 connection.
const STREAMS_MAX: u32 = 128;
/// Silence after which an HTTP/2 client is asked whether it is still there.
const PING_PAUSE: Duration = Duration::from_secs(30);
/// Pause after a failure to accept, which is most often a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Time that open transfers have to finish once the server is told to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// A bound address, not yet accepting.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Binds `address`; port 0 takes any free one. With a certificate it speaks TLS only.
    ///
    /// # Errors
    /// The address cannot be had.
    pub fn bind(address: SocketAddr, certificate: Option<&Certificate>) -> Result<Self, BindError> {
        let bind = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        };
        let tcp = bind().map_err(|source| BindError::Address { address, source })?;
        let tls =
            certificate.map(|certificate| certificate.server_config().map(TlsAcceptor::from)).transpose()?;
        Ok(Self { tcp, tls })
    }

    /// The address, with the real port.
    ///
    /// # Errors
    /// The operating system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be had.
    #[error("proxy.listen (--listen): cannot listen on {address}: {source}")]
    Address {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Serves until `shutdown` is done; then accepts no more and gives open transfers `DRAIN_TIMEOUT` to finish.
pub async fn serve(listener: Listener, proxy: Arc<Proxy>, shutdown: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let server = Server { builder: Arc::new(builder()), tls: listener.tls, proxy };
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let next = async {
            // The semaphore is never closed.
            let slot = slots.clone().acquire_owned().await.ok();
            (slot, listener.tcp.accept().await)
        };
        tokio::select! {
            () = &mut shutdown => break,
            (slot, accepted) = next => match accepted {
                Ok((stream, peer)) => server.spawn(stream, peer, slot, graceful.watcher()),
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener.tcp);
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!(timeout = ?DRAIN_TIMEOUT, "transfers were still open at the end and are cut off");
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_READ_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .keep_alive_interval(PING_PAUSE);
    builder
}

struct Server {
    builder: Arc<Builder<TokioExecutor>>,
    tls: Option<TlsAcceptor>,
    proxy: Arc<Proxy>,
}

impl Server {
    fn spawn(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        slot: Option<OwnedSemaphorePermit>,
        watcher: Watcher,
    ) {
        // Without it small answers wait for the client's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let (builder, tls, proxy) = (self.builder.clone(), self.tls.clone(), self.proxy.clone());
        tokio::spawn(async move {
            let _open = Open::new(proxy.counters(), slot);
            match tls {
                None => Box::pin(conversation(&builder, stream, peer, proxy, watcher)).await,
                Some(tls) => {
                    match tokio::time::timeout(HANDSHAKE_TIMEOUT, Box::pin(tls.accept(stream))).await {
                        Ok(Ok(stream)) => {
                            Box::pin(conversation(&builder, stream, peer, proxy, watcher)).await;
                        }
                        Ok(Err(_)) | Err(_) => {
                            proxy.counters().tls_failures.inc();
                        }
                    }
                }
            }
        });
    }
}

/// All that is said on a connection. An idle one holds this future, so it is made outside of it, and boxed: it has
/// neither what made it nor room for the other kind of stream.
fn conversation<S>(
    builder: &Builder<TokioExecutor>,
    stream: S,
    peer: SocketAddr,
    proxy: Arc<Proxy>,
    watcher: Watcher,
) -> impl Future<Output = ()> + use<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let client: Arc<str> = peer.ip().to_canonical().to_string().into();
    let service = service_fn(move |request| {
        let (proxy, client) = (proxy.clone(), client.clone());
        async move { Ok::<_, Infallible>(proxy.handle(client, request).await) }
    });
    let stream = TokioIo::new(StallGuard::new(stream, WRITE_STALL_TIMEOUT));
    let conversation = watcher.watch(builder.serve_connection(stream, service).into_owned());
    // How a connection ends is the client's affair; what matters of it was observed.
    conversation.map(drop)
}

/// Counts a connection for as long as it lives, and holds its slot.
struct Open {
    counters: Counters,
    _slot: Option<OwnedSemaphorePermit>,
}

impl Open {
    fn new(counters: &Counters, slot: Option<OwnedSemaphorePermit>) -> Self {
        counters.connections.inc();
        Self { counters: counters.clone(), _slot: slot }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.counters.connections.dec();
    }
}

//! Accepting: HTTP/1.1 and HTTP/2, plain or over TLS, within limits, until told to stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::Proxy;
use super::conversation::Speech;
use super::counters::Counters;
use super::tls::{Certificate, TlsError};

/// Connections that wait to be accepted. A cluster's nodes pull at the same moment, and a SYN that finds the
/// backlog full comes back only after a second.
const BACKLOG: u32 = 4_096;
/// Client connections open at a time; further ones wait in the backlog.
const CONNECTIONS_MAX: usize = 10_000;
/// Time for a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for a request's head, and for a connection without a request.
pub(super) const HEAD_READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Time in which a client must take at least one byte.
pub(super) const WRITE_STALL_TIMEOUT: Duration = Duration::from_secs(120);
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
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (running, stop) = watch::channel(());
    let server = Server { speech: Arc::new(speech()), tls: listener.tls, proxy, stop: Stop(stop) };
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
                Ok((stream, peer)) => server.spawn(stream, peer, slot),
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener.tcp);
    drop(running);
    // Each connection holds a slot to its end.
    let all_ended = slots.acquire_many(CONNECTIONS_MAX as u32);
    if tokio::time::timeout(DRAIN_TIMEOUT, all_ended).await.is_err() {
        tracing::warn!(timeout = ?DRAIN_TIMEOUT, "transfers were still open at the end and are cut off");
    }
}

fn speech() -> Speech {
    let mut any = auto::Builder::new(TokioExecutor::new());
    any.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_READ_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    any.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .keep_alive_interval(PING_PAUSE);
    let mut http1 = http1::Builder::new();
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_READ_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    Speech { any, http1 }
}

/// Tells conversations that the server is about to end.
#[derive(Clone)]
pub(super) struct Stop(watch::Receiver<()>);

impl Stop {
    /// Waits for it.
    pub(super) fn told(&self) -> impl Future<Output = ()> + use<> {
        let mut receiver = self.0.clone();
        // Nothing is ever sent: it is told by the sender's end.
        async move { drop(receiver.changed().await) }
    }

    pub(super) fn is_told(&self) -> bool {
        self.0.has_changed().is_err()
    }
}

struct Server {
    speech: Arc<Speech>,
    tls: Option<TlsAcceptor>,
    proxy: Arc<Proxy>,
    stop: Stop,
}

impl Server {
    fn spawn(&self, stream: TcpStream, peer: SocketAddr, slot: Option<OwnedSemaphorePermit>) {
        // Without it small answers wait for the client's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        let client: Arc<str> = peer.ip().to_canonical().to_string().into();
        let (speech, tls, proxy, stop) =
            (self.speech.clone(), self.tls.clone(), self.proxy.clone(), self.stop.clone());
        // What an idle connection holds is boxed by what is said on it, without what led there.
        tokio::spawn(async move {
            let _open = Open::new(proxy.counters(), slot);
            let Some(tls) = tls else { return speech.plain(stream, client, proxy, stop).await };
            match tokio::time::timeout(HANDSHAKE_TIMEOUT, Box::pin(tls.accept(stream))).await {
                Ok(Ok(stream)) => Box::pin(speech.any(stream, client, proxy, stop)).await,
                Ok(Err(_)) | Err(_) => {
                    proxy.counters().tls_failures.inc();
                }
            }
        });
    }
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

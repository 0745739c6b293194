//! The proxy's listener: HTTP/1.1 and HTTP/2, plain or over TLS, within bounds, until shutdown.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::client::ConnectionInfo;
use super::connection::HttpServer;
use super::counters::Counters;
use super::data_plane::Proxy;
use super::origin::read_proxy_header;
use crate::listen::{self, ListenerLimits, Slot, Slots};
use crate::tls::{Certificate, TlsError};

/// Connections that wait to be accepted. A cluster's nodes pull at the same moment, and a SYN that finds the
/// backlog full is retried only after a second.
const BACKLOG: u32 = 4_096;
/// Bounds of the listener, if the limit on open files allows that many connections.
pub const LIMITS: ListenerLimits = ListenerLimits {
    connections_max: 10_000,
    first_head: Duration::from_secs(30),
    idle: Duration::from_secs(60),
    stall: Duration::from_secs(120),
    drain: Duration::from_secs(30),
};

/// A bound address that does not accept yet.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Binds `address`; port 0 takes any free port. With a certificate the listener speaks only TLS.
    ///
    /// # Errors
    /// The address cannot be bound, or the certificate cannot be used.
    pub fn bind(address: SocketAddr, certificate: Option<&Certificate>) -> Result<Self, BindError> {
        let bind = || {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        };
        let tcp = bind().map_err(|source| BindError::Address { address, source })?;
        let tls = certificate.map(|certificate| certificate.acceptor(&[b"h2", b"http/1.1"])).transpose()?;
        Ok(Self { tcp, tls })
    }

    /// The bound address, with the real port.
    ///
    /// # Errors
    /// The operating system does not tell it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// Reasons why the listener cannot be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address cannot be bound.
    #[error("proxy.listen (--listen): cannot listen on {address}: {source}")]
    Address {
        /// The configured address.
        address: SocketAddr,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Serves until `shutdown` is done. Then accepts nothing more, and open transfers may go on for
/// [`ListenerLimits::drain`].
pub async fn serve(
    listener: Listener,
    slots: Arc<Slots>,
    proxy: Arc<Proxy>,
    shutdown: impl Future<Output = ()>,
) {
    let Listener { tcp, tls } = listener;
    let server = Arc::new(HttpServer::new(&slots));
    let serve_connection = |mut stream: TcpStream, peer: SocketAddr, slot: Slot| {
        let (server, tls, proxy) = (server.clone(), tls.clone(), proxy.clone());
        // The steps before HTTP are boxed on their own, so that an idle connection does not hold their state.
        async move {
            let _open = ConnectionGauge::new(proxy.counters());
            let mut address = peer.ip();
            if proxy.settings.proxy_protocol && proxy.trusted.contains(address) {
                match Box::pin(read_proxy_header(&mut stream)).await {
                    Ok(None) => {}
                    Ok(Some(client)) => {
                        address = client;
                        slot.set_client_address(client);
                    }
                    Err(error) => {
                        tracing::debug!(%peer, %error, "a trusted proxy sent no valid PROXY protocol header");
                        return;
                    }
                }
            }
            let info = ConnectionInfo::new(address, &proxy.trusted, slot);
            let Some(tls) = tls else { return server.serve_plain(stream, info, proxy).await };
            match Box::pin(tls.accept(stream)).await {
                Ok(stream) => server.serve_tls(stream, info, proxy).await,
                Err(_) => {
                    proxy.counters().tls_failures.inc();
                }
            }
        }
    };
    listen::serve(tcp, slots, shutdown, serve_connection).await;
}

/// Counts a connection as open until it is dropped.
struct ConnectionGauge(Counters);

impl ConnectionGauge {
    fn new(counters: &Counters) -> Self {
        counters.connections.inc();
        Self(counters.clone())
    }
}

impl Drop for ConnectionGauge {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}

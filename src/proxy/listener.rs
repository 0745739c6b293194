//! Accepting: HTTP/1.1 and HTTP/2, plain or over TLS, within limits, until told to stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::Proxy;
use super::connection::{ConnectionInfo, HttpServer};
use super::counters::Counters;
use super::origin::read_proxy_header;
use super::tls::{Certificate, TlsError};
use crate::listen::{self, ListenerLimits, Slot, Slots};

/// Connections that wait to be accepted. A cluster's nodes pull at the same moment, and a SYN that finds the
/// backlog full comes back only after a second.
const BACKLOG: u32 = 4_096;
/// The listener's bounds, where the limit on open files allows so many connections.
pub const LIMITS: ListenerLimits = ListenerLimits {
    connections_max: 10_000,
    first_head: Duration::from_secs(30),
    idle: Duration::from_secs(60),
    stall: Duration::from_secs(120),
    drain: Duration::from_secs(30),
};

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

/// Serves until `shutdown` is done; then accepts no more, and open transfers may finish within [`ListenerLimits::drain`].
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
        // What an idle connection holds is boxed by what is said on it, without what led there.
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
                        tracing::debug!(%peer, %error, "a trusted proxy sent no header of the PROXY protocol");
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

/// Counts a connection for as long as it lives.
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

//! Opens connections to registries and to hosts that they name.
//!
//! Addresses are checked between resolving and connecting, so that the checked address is the one connected to.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use super::address::{Nearness, permitted};
use super::limits::{PROBE_AFTER, PROBE_PAUSE, UNACKNOWLEDGED_MAX};
use super::stream::{PeerAddress, StreamIo, UpstreamStream};
use super::tunnel::{self, ProxyHop, TunnelError};
use crate::config::{HttpProxy, OutboundProxies};
use crate::tls;

/// Addresses that a connection may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The registry's configured host, at any address.
    Own,
    /// A host that the registry named: addresses no nearer than this.
    AtMost(Nearness),
}

impl Reach {
    /// Reach of a redirect from a chain of hosts, the nearest of which is `nearest`.
    pub(super) fn to(self, nearest: Nearness) -> Self {
        match self {
            Self::Own => Self::AtMost(nearest),
            Self::AtMost(nearness) => Self::AtMost(nearness.min(nearest)),
        }
    }
}

/// Reasons why no connection was made.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("the name does not resolve: {0}")]
    Resolve(io::Error),
    #[error("no address of this host may be connected to")]
    Refused,
    #[error("no connection in time")]
    TimedOut,
    #[error("{0}")]
    Unreachable(io::Error),
    #[error("{}", tls::describe(.0, tls::Settings::UPSTREAM))]
    Tls(rustls::Error),
    #[error("not a host that can be connected to")]
    Host,
    #[error("the proxy {0} cannot be reached: {1}")]
    Proxy(String, Box<ConnectError>),
    #[error("the proxy {0} leads nowhere: {1}")]
    Tunnel(String, TunnelError),
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(tls) => Self::Tls(tls.clone()),
            None => Self::Unreachable(error),
        }
    }
}

/// Opens plain or TLS connections by the URI's scheme, through an HTTP proxy if one is configured.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) tls: Arc<ClientConfig>,
    pub(super) outbound: Arc<OutboundProxies>,
    pub(super) reach: Reach,
    pub(super) limit: Duration,
}

impl Connector {
    /// Connects to the host of an absolute URI.
    pub(super) async fn connect(&self, uri: &Uri) -> Result<UpstreamStream, ConnectError> {
        let end = Instant::now() + self.limit;
        let is_tls = uri.scheme_str() == Some("https");
        let host = uri.host().ok_or(ConnectError::Host)?.trim_matches(['[', ']']);
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let tls = if is_tls { Some(self.tls_for(host)?) } else { None };
        if let Some(proxy) = self.outbound.proxy_for(is_tls, host, port) {
            let authority = format!("{}:{port}", uri.host().unwrap_or_default());
            return self.connect_through(proxy, host, &authority, tls, end).await;
        }
        let addresses = resolve(host, port, end).await?;
        let permitted: Vec<_> = addresses.into_iter().filter(|address| self.permits(address.ip())).collect();
        let attempt = |address: SocketAddr| {
            let tls = tls.clone();
            async move {
                let io = with_tls(dial(address).await?, tls).await?;
                Ok(UpstreamStream { io, peer: PeerAddress(Some(address.ip())), via: None })
            }
        };
        connect_first(&permitted, end, attempt).await
    }

    /// Connects through an HTTP proxy at its configured address. The proxy resolves host names, so only
    /// literal addresses can be checked here.
    async fn connect_through(
        &self,
        proxy: &HttpProxy,
        host: &str,
        authority: &str,
        tls: Option<(TlsConnector, ServerName<'static>)>,
        end: Instant,
    ) -> Result<UpstreamStream, ConnectError> {
        let written = literal_address(host);
        if written.is_some_and(|address| !self.permits(address)) {
            return Err(ConnectError::Refused);
        }
        let via = Arc::new(ProxyHop::new(proxy));
        let unreachable = |error| ConnectError::Proxy(via.name.clone(), Box::new(error));
        let addresses = resolve(&proxy.host, proxy.port, end).await.map_err(unreachable)?;
        let attempt = |address: SocketAddr| {
            let (tls, via) = (tls.clone(), via.clone());
            async move {
                let tcp = dial(address).await.map_err(|error| unreachable(error.into()))?;
                let peer = PeerAddress(written);
                let Some(tls) = tls else {
                    return Ok(UpstreamStream { io: StreamIo::Plain(tcp), peer, via: Some(via) });
                };
                let tcp = tunnel::open(tcp, &via, authority).await;
                let tcp = tcp.map_err(|error| ConnectError::Tunnel(via.name.clone(), error))?;
                Ok(UpstreamStream { io: with_tls(tcp, Some(tls)).await?, peer, via: None })
            }
        };
        connect_first(&addresses, end, attempt).await
    }

    fn permits(&self, address: IpAddr) -> bool {
        match self.reach {
            Reach::Own => true,
            Reach::AtMost(nearness) => permitted(address, nearness),
        }
    }

    fn tls_for(&self, host: &str) -> Result<(TlsConnector, ServerName<'static>), ConnectError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| ConnectError::Host)?;
        Ok((TlsConnector::from(self.tls.clone()), name))
    }
}

/// Literal address of a host; loopback for `localhost`.
fn literal_address(host: &str) -> Option<IpAddr> {
    let is_here = host.trim_end_matches('.').rsplit('.').next().is_some_and(|name| name == "localhost");
    if is_here { Some(Ipv4Addr::LOCALHOST.into()) } else { host.parse().ok() }
}

async fn resolve(host: &str, port: u16, end: Instant) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found = timeout_at(end, tokio::net::lookup_host((host, port))).await;
    let addresses: Vec<_> =
        found.map_err(|_| ConnectError::TimedOut)?.map_err(ConnectError::Resolve)?.collect();
    if addresses.is_empty() {
        return Err(ConnectError::Resolve(io::Error::other("it has no address")));
    }
    Ok(addresses)
}

/// Returns the first successful connection. Splits the time among the addresses, because one may drop packets.
async fn connect_first<F: Future<Output = Result<UpstreamStream, ConnectError>>>(
    addresses: &[SocketAddr],
    end: Instant,
    attempt: impl Fn(SocketAddr) -> F,
) -> Result<UpstreamStream, ConnectError> {
    let mut failure = ConnectError::Refused;
    for (index, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let share = end.saturating_duration_since(Instant::now()) / left;
        match timeout(share, attempt(*address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = error,
            Err(_) => failure = ConnectError::TimedOut,
        }
    }
    Err(failure)
}

async fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    enable_keepalive(&tcp)?;
    Ok(tcp)
}

async fn with_tls(tcp: TcpStream, tls: Option<(TlsConnector, ServerName<'static>)>) -> io::Result<StreamIo> {
    match tls {
        None => Ok(StreamIo::Plain(tcp)),
        Some((connector, name)) => Ok(StreamIo::Tls(Box::new(connector.connect(name, tcp).await?))),
    }
}

/// Makes the kernel close a connection to a peer that vanished silently: power loss, a moved pod, a firewall
/// that lost its state. A registry may be silent for minutes before a head, but its kernel is not.
fn enable_keepalive(tcp: &TcpStream) -> io::Result<()> {
    use rustix::net::sockopt;
    sockopt::set_socket_keepalive(tcp, true)?;
    sockopt::set_tcp_keepidle(tcp, PROBE_AFTER)?;
    sockopt::set_tcp_keepintvl(tcp, PROBE_PAUSE)?;
    #[cfg(target_os = "linux")]
    sockopt::set_tcp_user_timeout(tcp, u32::try_from(UNACKNOWLEDGED_MAX.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_peer_that_is_gone_without_a_word_is_noticed_by_the_kernel() {
        use rustix::net::sockopt;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = dial(listener.local_addr().unwrap()).await.unwrap();
        assert!(sockopt::socket_keepalive(&tcp).unwrap());
        assert_eq!(sockopt::tcp_keepidle(&tcp).unwrap(), PROBE_AFTER);
        assert_eq!(sockopt::tcp_keepintvl(&tcp).unwrap(), PROBE_PAUSE);
        #[cfg(target_os = "linux")]
        assert_eq!(u128::from(sockopt::tcp_user_timeout(&tcp).unwrap()), UNACKNOWLEDGED_MAX.as_millis());
    }

    #[tokio::test]
    async fn a_named_host_is_connected_to_only_where_its_addresses_permit() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let tls = Arc::new(tls::client_config(None).unwrap());
        let named = Reach::AtMost;
        for (reach, is_reached) in [
            (Reach::Own, true),
            (named(Nearness::Loopback), true),
            (named(Nearness::Private), false),
            (named(Nearness::Public), false),
        ] {
            for host in ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]"] {
                let outbound = Arc::default();
                let connector =
                    Connector { tls: tls.clone(), outbound, reach, limit: Duration::from_secs(5) };
                let uri = format!("http://{host}:{port}/").parse().unwrap();
                match connector.connect(&uri).await {
                    Ok(stream) => {
                        assert!(is_reached, "{host} {reach:?}");
                        assert!(stream.peer.0.unwrap().to_canonical().is_loopback());
                    }
                    Err(error) => {
                        assert!(!is_reached && matches!(error, ConnectError::Refused), "{host} {reach:?}");
                    }
                }
            }
        }
    }
}

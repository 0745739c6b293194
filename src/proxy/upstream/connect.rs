//! Connections to a registry and to the places it points to.
//!
//! Addresses are looked at between resolving and connecting, so that what was permitted is what is connected to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::address::{Nearness, permitted};
use super::head::says_goodbye;
#[cfg(target_os = "linux")]
use super::limits::UNACKNOWLEDGED_MS_MAX;

/// Which addresses a connection may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The registry's own host, wherever it is: it was configured.
    Own,
    /// A host that the registry named: no nearer than this.
    AtMost(Nearness),
}

/// The address at the other end, in the extensions of each response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub IpAddr);

/// Why there is no connection.
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
    #[error("not a host that can be connected to")]
    Host,
}

/// Makes connections, plain or TLS by the scheme of the URI.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) tls: Arc<ClientConfig>,
    pub(super) reach: Reach,
    pub(super) limit: Duration,
}

impl Connector {
    /// Connects to where an absolute URI leads.
    pub(super) async fn connect(&self, uri: &Uri) -> Result<Stream, ConnectError> {
        let end = Instant::now() + self.limit;
        let is_tls = uri.scheme_str() == Some("https");
        let host = uri.host().ok_or(ConnectError::Host)?.trim_matches(['[', ']']);
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let tls = if is_tls { Some(self.tls_for(host)?) } else { None };
        let addresses = timeout_at(end, resolve(host, port)).await.map_err(|_| ConnectError::TimedOut)??;
        let permitted: Vec<_> = addresses.into_iter().filter(|address| self.permits(address.ip())).collect();

        let mut failure = ConnectError::Refused;
        for (index, address) in permitted.iter().enumerate() {
            // An address that swallows packets must leave time for the others.
            let left = u32::try_from(permitted.len() - index).unwrap_or(u32::MAX);
            let share = end.saturating_duration_since(Instant::now()) / left;
            match timeout(share, open(*address, tls.clone())).await {
                Ok(Ok(io)) => return Ok(Stream { io, peer: Peer(address.ip()) }),
                Ok(Err(error)) => failure = ConnectError::Unreachable(error),
                Err(_) => failure = ConnectError::TimedOut,
            }
        }
        Err(failure)
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

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let addresses: Vec<_> =
        tokio::net::lookup_host((host, port)).await.map_err(ConnectError::Resolve)?.collect();
    if addresses.is_empty() {
        return Err(ConnectError::Resolve(io::Error::other("it has no address")));
    }
    Ok(addresses)
}

async fn open(address: SocketAddr, tls: Option<(TlsConnector, ServerName<'static>)>) -> io::Result<Io> {
    let tcp = TcpStream::connect(address).await?;
    tcp.set_nodelay(true)?;
    // Where a router forgot the connection nothing ever says that it is over.
    #[cfg(target_os = "linux")]
    rustix::net::sockopt::set_tcp_user_timeout(&tcp, UNACKNOWLEDGED_MS_MAX)?;
    match tls {
        None => Ok(Io::Plain(tcp)),
        Some((connector, name)) => Ok(Io::Tls(Box::new(connector.connect(name, tcp).await?))),
    }
}

/// A connection, plain or TLS.
pub(super) struct Stream {
    io: Io,
    peer: Peer,
}

impl Stream {
    pub(super) fn plain(tcp: TcpStream, peer: Peer) -> Self {
        Self { io: Io::Plain(tcp), peer }
    }

    pub(super) fn peer(&self) -> Peer {
        self.peer
    }

    /// What has come and was not read, as the system knows it. It is asked each time: tokio hears of it later.
    pub(super) fn pending(&self) -> Pending {
        let (tcp, is_plain) = match &self.io {
            Io::Plain(tcp) => (tcp, true),
            Io::Tls(tls) => (tls.get_ref().0, false),
        };
        let mut begin = [0; 16];
        match rustix::net::recv(tcp, &mut begin, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Err(Errno::WOULDBLOCK) => Pending::Nothing,
            Ok((_, bytes @ 1..)) if is_plain && !says_goodbye(&begin[..bytes]) => Pending::Bytes,
            // Most often TLS says that it ends.
            _ => Pending::End,
        }
    }

    /// The socket, if nothing stands between it and what is said on it.
    pub(super) fn into_plain(self) -> Option<TcpStream> {
        match self.io {
            Io::Plain(tcp) => Some(tcp),
            Io::Tls(_) => None,
        }
    }
}

/// What is there to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pending {
    Nothing,
    /// The end, an error, or what only TLS understands.
    End,
    Bytes,
}

enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

macro_rules! either {
    ($self:ident, $io:ident => $call:expr) => {
        match &mut $self.get_mut().io {
            Io::Plain($io) => $call,
            Io::Tls($io) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Io::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Io::Tls(tls) => fill(Pin::new(&mut **tls), cx, buf),
        }
    }
}

/// Reads until the buffer is full or nothing more is there: TLS gives one record of 16 KiB at a time, and each read
/// of a blob has a large buffer of its own.
fn fill<R: AsyncRead>(
    mut tls: Pin<&mut R>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let before = buf.filled().len();
    while buf.remaining() > 0 {
        let filled = buf.filled().len();
        let read = tls.as_mut().poll_read(cx, buf);
        if !matches!(read, Poll::Ready(Ok(()))) && filled == before {
            return read;
        }
        // The end, an error or a wait after some bytes shows again at the next read.
        if buf.filled().len() == filled {
            break;
        }
    }
    Poll::Ready(Ok(()))
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, io => Pin::new(io).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => Pin::new(io).poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_named_host_is_connected_to_only_where_its_addresses_permit() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let tls = super::super::tls::client_config(&rustls::RootCertStore::empty(), "", None).unwrap();
        let named = Reach::AtMost;
        for (reach, is_reached) in [
            (Reach::Own, true),
            (named(Nearness::Loopback), true),
            (named(Nearness::Private), false),
            (named(Nearness::Public), false),
        ] {
            for host in ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]"] {
                let connector = Connector { tls: tls.clone(), reach, limit: Duration::from_secs(5) };
                let uri = format!("http://{host}:{port}/").parse().unwrap();
                match connector.connect(&uri).await {
                    Ok(stream) => {
                        assert!(is_reached, "{host} {reach:?}");
                        assert!(stream.peer.0.to_canonical().is_loopback());
                    }
                    Err(error) => {
                        assert!(!is_reached && matches!(error, ConnectError::Refused), "{host} {reach:?}");
                    }
                }
            }
        }
    }
}

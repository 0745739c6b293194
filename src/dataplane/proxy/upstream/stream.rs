//! A connection to a registry as a stream of bytes, plain or TLS.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustix::io::Errno;
use rustix::net::RecvFlags;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::head::is_timeout_notice;
use super::tunnel::ProxyHop;

/// Peer address, stored in the extensions of each response; `None` if only an HTTP proxy knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeerAddress(pub Option<IpAddr>);

/// A plain or TLS connection.
pub(super) struct UpstreamStream {
    pub(super) io: StreamIo,
    pub(super) peer: PeerAddress,
    /// HTTP proxy that reads the requests on this connection.
    pub(super) via: Option<Arc<ProxyHop>>,
}

impl UpstreamStream {
    pub(super) fn plain(tcp: TcpStream, peer: PeerAddress) -> Self {
        Self { io: StreamIo::Plain(tcp), peer, via: None }
    }

    pub(super) fn peer(&self) -> PeerAddress {
        self.peer
    }

    /// State of the receive buffer, asked from the kernel: tokio learns of new bytes later.
    pub(super) fn unread(&self) -> Unread {
        let (tcp, is_plain) = match &self.io {
            StreamIo::Plain(tcp) => (tcp, true),
            StreamIo::Tls(tls) => (tls.get_ref().0, false),
        };
        let mut begin = [0; 16];
        match rustix::net::recv(tcp, &mut begin, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Err(Errno::WOULDBLOCK) => Unread::Nothing,
            Ok((_, bytes @ 1..)) if is_plain && !is_timeout_notice(&begin[..bytes]) => Unread::Bytes,
            // TLS bytes on an idle connection are most often its close alert.
            _ => Unread::Closed,
        }
    }

    /// The socket of a plain connection.
    pub(super) fn into_plain(self) -> Option<TcpStream> {
        match self.io {
            StreamIo::Plain(tcp) => Some(tcp),
            StreamIo::Tls(_) => None,
        }
    }
}

/// State of the receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    Nothing,
    /// End of the stream, an error, or TLS bytes.
    Closed,
    Bytes,
}

/// The connection as bytes.
pub(super) enum StreamIo {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

macro_rules! either {
    ($self:ident, $io:ident => $call:expr) => {
        match &mut $self.get_mut().io {
            StreamIo::Plain($io) => $call,
            StreamIo::Tls($io) => $call,
        }
    };
}

impl AsyncRead for UpstreamStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            StreamIo::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            StreamIo::Tls(tls) => fill_buffer(Pin::new(&mut **tls), cx, buf),
        }
    }
}

/// Reads until the buffer is full or nothing is available. TLS yields at most one record of 16 KiB at a time,
/// and each read of a blob uses its own large buffer.
fn fill_buffer<R: AsyncRead>(
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
        // An end, an error or a wait after some bytes shows again at the next read.
        if buf.filled().len() == filled {
            break;
        }
    }
    Poll::Ready(Ok(()))
}

impl AsyncWrite for UpstreamStream {
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

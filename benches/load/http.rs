//! As much HTTP/1.1 as a registry client needs on the wire: a fixed request, a head, a body of known length.

use crate::{Failure, Target};
use base64::Engine as _;
use rustix::net::RecvFlags;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader, Interest};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Largest answer head that is accepted.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Bytes asked of the kernel at once; rustls itself would read 4 KiB at a time.
const READ_BYTES: usize = 1 << 20;
const TLS_READ_BYTES: usize = 256 << 10;

/// A request that is sent as it stands, and where to.
pub(crate) struct Client {
    address: std::net::SocketAddr,
    tls: Option<TlsConnector>,
    request: Vec<u8>,
    head_only: bool,
}

impl Client {
    pub(crate) fn new(target: &Target) -> Result<Client, Failure> {
        let mut request = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: containerd/1.7.2\r\nAccept: {}\r\n",
            target.method, target.path, target.address, target.accept
        );
        if let Some(user) = &target.user {
            let basic = base64::engine::general_purpose::STANDARD.encode(user);
            request.push_str(&format!("Authorization: Basic {basic}\r\n"));
        }
        request.push_str("\r\n");
        Ok(Client {
            address: target.address,
            tls: target.tls_ca.as_deref().map(tls).transpose()?,
            request: request.into_bytes(),
            head_only: target.method == "HEAD",
        })
    }

    pub(crate) async fn connect(&self) -> Result<Connection, Failure> {
        let tcp = TcpStream::connect(self.address).await?;
        tcp.set_nodelay(true)?;
        let Some(tls) = &self.tls else {
            return Ok(Connection { wire: Wire::Plain(tcp), buffer: vec![0; READ_BYTES] });
        };
        let name = ServerName::from(self.address.ip());
        let stream = tls.connect(name, BufReader::with_capacity(TLS_READ_BYTES, tcp)).await?;
        Ok(Connection { wire: Wire::Tls(Box::new(stream)), buffer: vec![0; TLS_READ_BYTES] })
    }

    /// One request and its whole answer. `received` counts body bytes as they come, so that a transfer that is
    /// still under way counts too.
    pub(crate) async fn exchange(&self, on: &mut Connection, received: &AtomicU64) -> Result<(), Failure> {
        let mut missing = self.ask(on, received).await?;
        while missing > 0 {
            let taken = on.drop_bytes(missing).await?;
            if taken == 0 {
                return Err(format!("the body ended {missing} bytes short").into());
            }
            missing -= taken;
            received.fetch_add(taken as u64, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Sends the request and reads the head; the answer is the number of body bytes still to come.
    pub(crate) async fn ask(&self, on: &mut Connection, received: &AtomicU64) -> Result<usize, Failure> {
        on.write_all(&self.request).await?;
        let mut filled = 0;
        let head_end = loop {
            let got = on.read(filled, HEAD_BYTES_MAX).await?;
            if got == 0 {
                return Err(Box::new(io::Error::from(if filled == 0 {
                    io::ErrorKind::ConnectionReset // a keep-alive connection may end between two requests
                } else {
                    io::ErrorKind::UnexpectedEof
                })));
            }
            filled += got;
            if let Some(at) = find_end(&on.buffer[..filled]) {
                break at;
            }
            if filled == HEAD_BYTES_MAX {
                return Err("the head of the answer is longer than 16 KiB".into());
            }
        };
        let length = body_length(&on.buffer[..head_end])?;
        if self.head_only {
            return Ok(0);
        }
        let with_head = filled - head_end;
        received.fetch_add(with_head as u64, Ordering::Relaxed);
        length.checked_sub(with_head).ok_or_else(|| "more body than Content-Length says".into())
    }
}

/// One connection with its read buffer.
pub(crate) struct Connection {
    wire: Wire,
    buffer: Vec<u8>,
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<BufReader<TcpStream>>>),
}

impl Connection {
    async fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.wire {
            Wire::Plain(tcp) => tcp.write_all(bytes).await,
            Wire::Tls(tls) => {
                tls.write_all(bytes).await?;
                tls.flush().await
            }
        }
    }

    async fn read(&mut self, from: usize, to: usize) -> io::Result<usize> {
        let into = &mut self.buffer[from..to];
        match &mut self.wire {
            Wire::Plain(tcp) => tcp.read(into).await,
            Wire::Tls(tls) => tls.read(into).await,
        }
    }

    /// Takes up to `limit` bytes off the connection: in the kernel (MSG_TRUNC) where nobody has to see them.
    pub(crate) async fn drop_bytes(&mut self, limit: usize) -> io::Result<usize> {
        let limit = limit.min(self.buffer.len());
        let into = &mut self.buffer[..limit];
        match &mut self.wire {
            Wire::Tls(tls) => tls.read(into).await,
            Wire::Plain(tcp) => {
                let tcp = &*tcp;
                tcp.async_io(Interest::READABLE, || {
                    let (_, dropped) = rustix::net::recv(tcp, &mut *into, RecvFlags::TRUNC)?;
                    Ok(dropped)
                })
                .await
            }
        }
    }
}

fn find_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// The Content-Length of a 200; anything else is no measurement.
fn body_length(head: &[u8]) -> Result<usize, Failure> {
    let head = std::str::from_utf8(head)?;
    let (status, fields) = head.split_once("\r\n").unwrap_or((head, ""));
    if status.split(' ').nth(1) != Some("200") {
        return Err(format!("answered {status:?} instead of 200").into());
    }
    let length = fields
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find_map(|(name, value)| name.eq_ignore_ascii_case("content-length").then_some(value.trim()));
    Ok(length.ok_or("an answer without Content-Length")?.parse()?)
}

/// TLS 1.3 with AES-128-GCM alone, so that every server uses the same cipher, and without resumption.
fn tls(ca: &std::path::Path) -> Result<TlsConnector, Failure> {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.cipher_suites = vec![rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256];
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca)?)?;
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

//! Certificates of the tests' own, and a client that trusts exactly one of them.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::http::Failure;

/// A key and its certificate for `localhost`.
pub struct Identity {
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    key_pem: String,
}

impl Identity {
    /// A new key with a self-signed certificate.
    pub fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        Self {
            certificate: made.cert.der().clone(),
            certificate_pem: made.cert.pem(),
            key_pem: made.signing_key.serialize_pem(),
        }
    }

    /// Writes `tls.crt` and `tls.key`, the key first, as who renews a certificate may do.
    pub fn write(&self, dir: &Path) {
        std::fs::write(dir.join("tls.key"), &self.key_pem).unwrap();
        std::fs::write(dir.join("tls.crt"), &self.certificate_pem).unwrap();
    }

    /// The certificate, for who is to trust it.
    pub fn pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The acceptor of connections for a server of this identity.
    pub fn acceptor(&self) -> tokio_rustls::TlsAcceptor {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).unwrap();
        let config = config.with_single_cert(vec![self.certificate.clone()], key).unwrap();
        Arc::new(config).into()
    }

    fn client(&self, protocol: &str) -> rustls::ClientConfig {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols =
            Some(protocol.into()).filter(|name: &Vec<u8>| !name.is_empty()).into_iter().collect();
        config
    }
}

/// A TLS connection that offers one protocol, or none.
pub async fn connect(
    address: impl tokio::net::ToSocketAddrs,
    identity: &Identity,
    protocol: &str,
) -> Result<TlsStream<TcpStream>, Failure> {
    connect_over(TcpStream::connect(address).await?, identity, protocol).await
}

/// The same over a connection on which something was said before.
pub async fn connect_over(
    stream: TcpStream,
    identity: &Identity,
    protocol: &str,
) -> Result<TlsStream<TcpStream>, Failure> {
    let connector = tokio_rustls::TlsConnector::from(Arc::new(identity.client(protocol)));
    Ok(connector.connect(ServerName::try_from("localhost")?, stream).await?)
}

/// GETs a path over a new TLS connection that is trusted only if the server has this identity; returns the protocol
/// and the status.
pub async fn get(
    address: &str,
    identity: &Identity,
    protocol: &str,
    path: &str,
    authorization: &str,
) -> Result<(Version, u16), Failure> {
    let stream = connect(address, identity, protocol).await?;
    let request = Request::get(format!("https://{address}{path}"))
        .header("host", address)
        .header("authorization", authorization)
        .body(Full::<Bytes>::default())?;
    let answer = if protocol == "h2" {
        let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        sender.send_request(request).await?
    } else {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        sender.send_request(request).await?
    };
    let (version, status) = (answer.version(), answer.status().as_u16());
    answer.into_body().collect().await?;
    Ok((version, status))
}

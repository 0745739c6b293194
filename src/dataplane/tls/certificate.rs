//! A listener's certificate, reloaded when its files change.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::config::TlsFiles;

/// Pause between two checks of the files. Kubernetes updates a mounted Secret by renaming a link, which file
/// watchers miss.
const RELOAD_PAUSE: Duration = Duration::from_secs(1);

/// Reasons why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read or has no PEM of the right kind.
    #[error("{key}: {path}: {source}")]
    File {
        /// Configuration key of the file.
        key: &'static str,
        /// Path of the file.
        path: PathBuf,
        /// Error of the PEM parser.
        source: rustls::pki_types::pem::Error,
    },
    /// Key and certificate do not match, or the key's type is not supported.
    #[error("{} and {}: {source}", keys.cert, keys.key)]
    Pair {
        /// Configuration keys of both files.
        keys: Keys,
        /// Error of the TLS library.
        source: rustls::Error,
    },
}

/// The configuration keys of a certificate's files, for errors.
#[derive(Clone, Copy, Debug)]
pub struct Keys {
    /// Key of the chain.
    pub cert: &'static str,
    /// Key of the private key.
    pub key: &'static str,
}

impl Keys {
    /// Those of the proxy's listener.
    pub const PROXY: Self = Self { cert: "proxy.tls_cert", key: "proxy.tls_key" };
    /// Those of the admin listener.
    pub const ADMIN: Self = Self { cert: "admin.tls_cert", key: "admin.tls_key" };
}

/// The certificate in use.
#[derive(Clone, Debug)]
pub struct Certificate {
    files: TlsFiles,
    keys: Keys,
    current: Arc<ArcSwap<CertifiedKey>>,
}

impl Certificate {
    /// Loads the files.
    ///
    /// # Errors
    /// The files cannot be used.
    pub fn load(files: TlsFiles, keys: Keys) -> Result<Self, TlsError> {
        let current = Arc::new(ArcSwap::from_pointee(read(&files, keys)?));
        Ok(Self { files, keys, current })
    }

    /// TLS with this certificate, for these protocols (ALPN), the preferred one first.
    ///
    /// # Errors
    /// The TLS library rejects its own defaults.
    pub fn acceptor(&self, protocols: &[&[u8]]) -> Result<TlsAcceptor, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|source| TlsError::Pair { keys: self.keys, source })?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(Arc::new(config).into())
    }

    /// Checks the files for ever and takes over usable changes.
    pub async fn reload_when_changed(self) {
        let mut has_warned = false;
        loop {
            tokio::time::sleep(RELOAD_PAUSE).await;
            let (files, keys) = (self.files.clone(), self.keys);
            let Ok(outcome) = tokio::task::spawn_blocking(move || read(&files, keys)).await else { continue };
            match outcome {
                Ok(fresh) if fresh.cert != self.current.load().cert => {
                    tracing::info!(path = %self.files.cert.display(), "the certificate was read again");
                    self.current.store(Arc::new(fresh));
                    has_warned = false;
                }
                Ok(_) => has_warned = false,
                // Certificate and key may not match between two writes, so only a lasting problem is logged once.
                Err(error) if !has_warned => {
                    tracing::warn!(%error, "the certificate cannot be read again; the previous one stays in use");
                    has_warned = true;
                }
                Err(_) => {}
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn read(files: &TlsFiles, keys: Keys) -> Result<CertifiedKey, TlsError> {
    let bad_cert = |source| TlsError::File { key: keys.cert, path: files.cert.clone(), source };
    let bad_key = |source| TlsError::File { key: keys.key, path: files.key.clone(), source };
    let chain = CertificateDer::pem_file_iter(&files.cert)
        .map_err(bad_cert)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(bad_cert)?;
    if chain.is_empty() {
        return Err(bad_cert(rustls::pki_types::pem::Error::NoItemsFound));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(bad_key)?;
    let unfit = |source| TlsError::Pair { keys, source };
    let certified = CertifiedKey::new(chain, any_supported_type(&key).map_err(unfit)?);
    certified.keys_match().map_err(unfit)?;
    Ok(certified)
}

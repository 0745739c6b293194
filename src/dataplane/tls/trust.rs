//! The certificates that a client trusts: the system's roots, and those of a file.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::pinned::PinnedVerifier;
use super::roots::system_roots;

/// Reasons why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file of certificates cannot be read or has none.
    #[error("{0}")]
    CaFile(String),
    /// The TLS library rejects its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Library(String),
}

/// A client's configuration: trusts the system's roots and the certificates in `ca_file`, CAs' or servers' own. The caller
/// says which protocols it speaks.
///
/// # Errors
/// The file cannot be used.
pub fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, TrustError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| TrustError::Library(error.to_string()))?;
    let builder = match ca_file {
        None => builder.with_root_certificates(system_roots().clone()),
        Some(path) => {
            let certificates = certificates_in(path).map_err(TrustError::CaFile)?;
            let pinned = PinnedVerifier::new(certificates, system_roots(), &provider)
                .map_err(|error| TrustError::CaFile(error.to_string()))?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(pinned))
        }
    };
    Ok(builder.with_no_client_auth())
}

fn certificates_in(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = std::fs::read(path).map_err(|error| error.to_string())?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| format!("not PEM: {error:?}"))?;
    if found.is_empty() { Err("there is no PEM certificate in it".to_owned()) } else { Ok(found) }
}

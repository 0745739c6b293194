//! TLS configuration for each upstream: the system's roots, or its own CAs and certificates.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::error::SetupError;
use super::pinned::PinnedVerifier;

/// TLS configuration for one upstream.
pub(super) fn client_config(
    system: &RootCertStore,
    prefix: &str,
    ca_file: Option<&Path>,
) -> Result<Arc<ClientConfig>, SetupError> {
    let setup = |error: &dyn std::fmt::Display| SetupError::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| setup(&error))?;
    let builder = match ca_file {
        None => builder.with_root_certificates(system.clone()),
        Some(path) => {
            let complain =
                |reason| SetupError::CaFile { prefix: prefix.to_owned(), path: path.to_owned(), reason };
            let certificates = certificates_in(path).map_err(complain)?;
            let pinned = PinnedVerifier::new(certificates, system, &provider)
                .map_err(|error| complain(error.to_string()))?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(pinned))
        }
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates_in(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = std::fs::read(path).map_err(|error| error.to_string())?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| format!("not PEM: {error:?}"))?;
    if found.is_empty() { Err("there is no PEM certificate in it".to_owned()) } else { Ok(found) }
}

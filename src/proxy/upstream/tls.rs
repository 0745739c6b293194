//! Whom Landfall trusts as a registry: the system's roots, and a CA of one's own for each upstream.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::error::SetupError;

/// The system's roots. A machine without any can still have upstreams with a `ca_file`, or plain ones.
pub(super) fn system_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        tracing::warn!(errors = ?found.errors, "the system has no trusted root certificates");
    }
    roots
}

/// TLS towards one upstream.
pub(super) fn client_config(
    system: &RootCertStore,
    prefix: &str,
    ca_file: Option<&Path>,
) -> Result<Arc<ClientConfig>, SetupError> {
    let mut roots = system.clone();
    if let Some(path) = ca_file {
        add(&mut roots, path).map_err(|reason| SetupError::CaFile {
            prefix: prefix.to_owned(),
            path: path.to_owned(),
            reason,
        })?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| SetupError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn add(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let pem = std::fs::read(path).map_err(|error| error.to_string())?;
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| format!("not PEM: {error:?}"))?;
        roots.add(certificate).map_err(|error| error.to_string())?;
        found += 1;
    }
    if found == 0 { Err("there is no PEM certificate in it".to_owned()) } else { Ok(()) }
}

//! The system's trusted root certificates, read once for everything that speaks TLS to somebody else.

use std::sync::OnceLock;

use rustls::RootCertStore;

/// The certificates that the system trusts, as they were when the process first asked. Empty, with a warning in the
/// server's log, where it has none.
pub fn system_roots() -> &'static RootCertStore {
    static ROOTS: OnceLock<RootCertStore> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            tracing::warn!(errors = ?found.errors, "the system has no trusted root certificates");
        }
        roots
    })
}

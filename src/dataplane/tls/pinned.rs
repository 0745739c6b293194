//! Pinned certificates.
//!
//! `openssl req -x509`, which Docker's documentation shows for private registries, makes a certificate that is CA and
//! server certificate in one. By RFC 5280 and webpki it is valid as a CA for others, but not as a server's own. If
//! such a certificate, or any other server certificate, is in `ca_file`, it is pinned: accepted if it is identical,
//! within its dates, and valid for the name. Every other certificate needs a trusted CA.

use std::net::Ipv4Addr;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, Der, ServerName, TrustAnchor, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Accepts certificates of trusted CAs, and the pinned ones themselves.
#[derive(Debug)]
pub(super) struct PinnedVerifier {
    certificates: Vec<CertificateDer<'static>>,
    /// Checks a single certificate without any CA.
    self_check: Arc<WebPkiServerVerifier>,
    /// Verifier with all trusted CAs; `None` if there are none.
    trusted: Option<Arc<WebPkiServerVerifier>>,
}

impl PinnedVerifier {
    /// Trusts these certificates besides the system's: each one as pinned, and CAs also for the certificates
    /// they sign.
    ///
    /// # Errors
    /// One of them is not a valid certificate.
    pub(super) fn new(
        certificates: Vec<CertificateDer<'static>>,
        system: &RootCertStore,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        let verifier = |roots| {
            let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
            builder.build().map_err(|error| Error::General(error.to_string()))
        };
        let self_check = verifier(RootCertStore { roots: vec![NO_CA] })?;
        let mut trusted = system.clone();
        for certificate in &certificates {
            let mut single = RootCertStore::empty();
            single.add(certificate.clone())?;
            if is_ca(certificate, &self_check) {
                trusted.roots.extend(single.roots);
            }
        }
        let trusted = if trusted.is_empty() { None } else { Some(verifier(trusted)?) };
        Ok(Self { certificates, self_check, trusted })
    }
}

/// A CA that no certificate can be signed by.
const NO_CA: TrustAnchor<'static> = TrustAnchor {
    subject: Der::from_slice(b"nobody"),
    subject_public_key_info: Der::from_slice(b"nobody"),
    name_constraints: None,
};

/// Tells whether a certificate may sign others (RFC 5280 §4.2.1.9). webpki assumes that of every root, but a
/// server's key must not sign certificates.
fn is_ca(certificate: &CertificateDer<'_>, self_check: &WebPkiServerVerifier) -> bool {
    let mut time = UnixTime::now();
    // Wrong dates are reported first, once each.
    for _ in 0..3 {
        let name = ServerName::IpAddress(Ipv4Addr::LOCALHOST.into());
        match self_check.verify_server_cert(certificate, &[], &name, &[], time) {
            Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
                time = not_after;
            }
            Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. })) => {
                time = not_before;
            }
            // Version 1 does not distinguish CAs, and roots of that age are CAs.
            Err(error) => return is_ca_as_server(&error) || is_version_1(&error),
            Ok(_) => return false,
        }
    }
    false
}

impl ServerCertVerifier for PinnedVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.certificates.iter().any(|pinned| pinned == end_entity) {
            let trusted = self.trusted.as_ref().ok_or(CertificateError::UnknownIssuer)?;
            return trusted.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        }
        match self.self_check.verify_server_cert(end_entity, &[], server_name, ocsp_response, now) {
            // These errors are reported after the dates were checked, and mean only that no CA signed it.
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {}
            Err(error) if is_ca_as_server(&error) => {}
            outcome => return outcome,
        }
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.self_check.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.self_check.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.self_check.supported_verify_schemes()
    }
}

/// Tells whether a CA certificate was presented as a server's.
pub(super) fn is_ca_as_server(error: &Error) -> bool {
    matches!(of_webpki(error), Some(webpki::Error::CaUsedAsEndEntity))
}

/// Tells whether the server's certificate is of X.509 version 1.
pub(super) fn is_version_1(error: &Error) -> bool {
    matches!(of_webpki(error), Some(webpki::Error::UnsupportedCertVersion))
}

fn of_webpki(error: &Error) -> Option<&webpki::Error> {
    let Error::InvalidCertificate(CertificateError::Other(other)) = error else { return None };
    other.0.downcast_ref()
}

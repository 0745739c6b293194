//! Explanations of TLS failures that say what to do. Pure.

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

use super::pinned::{is_ca_as_server, is_version_1};
use crate::model::time::Time;

/// Describes the problem and the next step. For the log: the text has host names.
pub(super) fn describe(error: &Error) -> String {
    match error {
        _ if is_ca_as_server(error) => {
            "it presents a CA certificate as its own (as openssl req -x509 makes): \
             put exactly that certificate into ca_file"
                .to_owned()
        }
        _ if is_version_1(error) => {
            "its certificate is of X.509 version 1, which has no subjectAltName: make one of version 3"
                .to_owned()
        }
        Error::InvalidCertificate(problem) => of_certificate(problem),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "it does not speak TLS there: is its url http:// in place of https://?".to_owned()
        }
        Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion)
        | Error::PeerIncompatible(_) => {
            format!("it supports no TLS 1.2 or 1.3 in common with Landfall ({error}): check its TLS settings")
        }
        Error::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::BadCertificate) => {
            format!("it demands a client certificate, which Landfall does not have ({error})")
        }
        other => other.to_string(),
    }
}

fn of_certificate(problem: &CertificateError) -> String {
    match problem {
        CertificateError::UnknownIssuer => {
            "nobody that is trusted vouches for its certificate: name its CA's, or the \
             server's own, in ca_file"
                .to_owned()
        }
        CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its certificate is not signed by the trusted CA of that name: put the right one, or the server's own \
             certificate, into ca_file"
                .to_owned()
        }
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("its certificate ended at {}: it needs a new one", shown(*not_after))
        }
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("its certificate begins at {}: is this machine's clock right?", shown(*not_before))
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let (name, entry) = (expected.to_str(), entry(expected));
            if presented.is_empty() {
                format!(
                    "its certificate has no subjectAltName, and a common name alone counts for nothing: make one with \
                     subjectAltName={entry}"
                )
            } else {
                let presented = presented.join(", ");
                format!(
                    "its certificate is for {presented} and not for {name}: write one of those into url, or make one with \
                     subjectAltName={entry}"
                )
            }
        }
        other => format!("its certificate is not accepted: {other}"),
    }
}

/// subjectAltName entry, as `openssl -addext` takes it.
fn entry(name: &ServerName<'_>) -> String {
    let kind = if matches!(name, ServerName::IpAddress(_)) { "IP" } else { "DNS" };
    format!("{kind}:{}", name.to_str())
}

fn shown(time: UnixTime) -> Time {
    Time::from_ms(i64::try_from(time.as_secs()).unwrap_or(i64::MAX).saturating_mul(1000))
}

//! Explanations of TLS failures that say what to do. Pure.

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

use super::pinned::{is_ca_as_server, is_version_1};
use crate::model::time::Time;

/// The settings that a next step names.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// File of trusted certificates.
    pub ca_file: &'static str,
    /// The server's address.
    pub url: &'static str,
}

impl Settings {
    /// Those of an upstream in the configuration file.
    pub const UPSTREAM: Self = Self { ca_file: "ca_file", url: "url" };
    /// Those of a client command.
    pub const COMMAND: Self = Self { ca_file: "--ca-file", url: "--admin" };
}

/// Describes the problem and the next step. For people who know the host: the text has host names.
pub fn describe(error: &Error, settings: Settings) -> String {
    let Settings { ca_file, url } = settings;
    match error {
        _ if is_ca_as_server(error) => {
            format!(
                "it presents a CA certificate as its own (as openssl req -x509 makes): \
                 put exactly that certificate into {ca_file}"
            )
        }
        _ if is_version_1(error) => {
            "its certificate is of X.509 version 1, which has no subjectAltName: make one of version 3"
                .to_owned()
        }
        Error::InvalidCertificate(problem) => of_certificate(problem, settings),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            format!("it does not speak TLS there: is its {url} http:// in place of https://?")
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

fn of_certificate(problem: &CertificateError, Settings { ca_file, url }: Settings) -> String {
    match problem {
        CertificateError::UnknownIssuer => {
            format!(
                "nobody that is trusted vouches for its certificate: name its CA's, or the \
                 server's own, in {ca_file}"
            )
        }
        CertificateError::BadSignature
        | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            format!(
                "its certificate is not signed by the trusted CA of that name: put the right one, or the server's own \
                 certificate, into {ca_file}"
            )
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
                    "its certificate is for {presented} and not for {name}: write one of those into {url}, or make one with \
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

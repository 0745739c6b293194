//! Certificates of a registry that are accepted, and the words for the others.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use landfall::config;
use landfall::proxy::upstream::UpstreamError;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::rig::fake::{Fake, Reply};
use crate::upstream::{manifest, setting, target, text, timeouts};

/// A certificate and its key.
struct Identity {
    pem: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// The special thing about a certificate.
type Change = fn(&mut CertificateParams);

fn params(change: Change) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "localhost");
    change(&mut params);
    params
}

fn self_signed(change: Change) -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = params(change).self_signed(&key).unwrap();
    Identity { pem: certificate.pem(), chain: vec![certificate.der().clone()], key: key.into() }
}

/// A server's certificate with the CA's that vouches for it.
fn issued(change: Change) -> (Identity, String) {
    let (ca, key) = (params(is_ca), KeyPair::generate().unwrap());
    let ca_pem = ca.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(ca, key);
    let key = KeyPair::generate().unwrap();
    let certificate = params(change).signed_by(&key, &issuer).unwrap();
    (Identity { pem: certificate.pem(), chain: vec![certificate.der().clone()], key: key.into() }, ca_pem)
}

fn is_ca(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

fn is_explicitly_none(params: &mut CertificateParams) {
    params.is_ca = IsCa::ExplicitNoCa;
}

fn ended(params: &mut CertificateParams) {
    params.not_after = rcgen::date_time_ymd(2020, 2, 1);
}

fn begins_later(params: &mut CertificateParams) {
    params.not_before = rcgen::date_time_ymd(2999, 1, 1);
    params.not_after = rcgen::date_time_ymd(2999, 2, 1);
}

fn nameless(params: &mut CertificateParams) {
    params.subject_alt_names = Vec::new();
}

fn for_another(params: &mut CertificateParams) {
    params.subject_alt_names = vec![SanType::DnsName("other.example".try_into().unwrap())];
}

fn for_the_address(params: &mut CertificateParams) {
    params.subject_alt_names = vec![SanType::IpAddress("127.0.0.1".parse().unwrap())];
}

fn for_the_address_as_a_name(params: &mut CertificateParams) {
    params.subject_alt_names = vec![SanType::DnsName("127.0.0.1".try_into().unwrap())];
}

impl Identity {
    async fn serve(self) -> Fake {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain, self.key)
            .unwrap();
        Fake::start_tls(Arc::new(config).into(), |_| Reply::new(200).body("secure")).await
    }
}

/// Asks a registry at `host`, trusting a file with this PEM in it, if any.
async fn ask(fake: &Fake, host: &str, trusted: Option<&str>) -> Result<String, UpstreamError> {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = trusted.map(|pem| written(folder.path(), pem));
    let url = format!("https://{host}:{}", fake.address.port());
    let response =
        target(config::UpstreamConfig { ca_file, ..setting(&url) }, timeouts()).send(&manifest()).await?;
    Ok(text(response).await)
}

fn written(folder: &Path, pem: &str) -> PathBuf {
    let path = folder.join("ca.crt");
    std::fs::write(&path, pem).unwrap();
    path
}

#[tokio::test]
async fn a_certificate_in_ca_file_is_accepted_as_exactly_that_one() {
    let changes: [Change; 3] = [|_| (), is_ca, is_explicitly_none];
    for (index, change) in changes.into_iter().enumerate() {
        let (shown, other) = (self_signed(change), self_signed(change));
        let (pem, both) = (shown.pem.clone(), format!("{}{}", other.pem, shown.pem));
        let fake = shown.serve().await;
        assert_eq!(ask(&fake, "localhost", Some(&pem)).await.unwrap(), "secure", "{index}");
        assert_eq!(ask(&fake, "localhost", Some(&both)).await.unwrap(), "secure", "{index}");
        // Another of the same name is another, and nobody vouches for either.
        for trusted in [None, Some(&*other.pem)] {
            let error = ask(&fake, "localhost", trusted).await.unwrap_err();
            assert!(matches!(error, UpstreamError::Untrusted { .. }), "{index}: {error}");
            assert!(error.to_string().contains("ca_file"), "{index}: {error}");
            assert!(!error.public().contains("localhost"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_server_is_accepted_by_its_ca_or_by_itself_and_vouches_for_nobody() {
    let (server, ca) = issued(|_| ());
    let pem = server.pem.clone();
    let fake = server.serve().await;
    for trusted in [&ca, &pem] {
        assert_eq!(ask(&fake, "localhost", Some(trusted)).await.unwrap(), "secure");
    }
    let (_, other_ca) = issued(|_| ());
    assert!(ask(&fake, "localhost", Some(&other_ca)).await.is_err());

    // A pinned server's certificate is no CA: what it signs is not accepted.
    let key = KeyPair::generate().unwrap();
    let signer = params(is_explicitly_none);
    let signer_pem = signer.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(signer, key);
    let key = KeyPair::generate().unwrap();
    let mut victim = params(|_| ());
    victim.distinguished_name.push(DnType::CommonName, "victim");
    let certificate = victim.signed_by(&key, &issuer).unwrap();
    let forged = Identity { pem: certificate.pem(), chain: vec![certificate.der().clone()], key: key.into() };
    let error = ask(&forged.serve().await, "localhost", Some(&signer_pem)).await.err();
    assert!(error.is_some(), "whoever holds a server's key can make certificates");
}

#[tokio::test]
async fn dates_and_names_count_for_pinned_certificates_too_and_what_to_do_is_said() {
    let cases: [(&str, Change, &[&str]); 6] = [
        ("localhost", ended, &["ended at 2020-02-01T00:00:00"]),
        ("localhost", begins_later, &["begins at 2999-01-01T00:00:00", "clock"]),
        ("localhost", nameless, &["no subjectAltName", "common name alone", "subjectAltName=DNS:localhost"]),
        ("localhost", for_another, &["other.example", "not for localhost", "subjectAltName=DNS:localhost"]),
        ("127.0.0.1", |_| (), &["localhost", "not for 127.0.0.1", "subjectAltName=IP:127.0.0.1"]),
        ("127.0.0.1", for_the_address_as_a_name, &["not for 127.0.0.1", "subjectAltName=IP:127.0.0.1"]),
    ];
    let kinds: [Change; 2] = [|_| (), is_ca];
    for (host, change, words) in cases {
        for kind in kinds {
            let make = |params: &mut CertificateParams| {
                kind(params);
                change(params);
            };
            let mut wrong = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            make(&mut wrong);
            let key = KeyPair::generate().unwrap();
            let certificate = wrong.self_signed(&key).unwrap();
            let pem = certificate.pem();
            let identity =
                Identity { pem: pem.clone(), chain: vec![certificate.der().clone()], key: key.into() };
            let error = ask(&identity.serve().await, host, Some(&pem)).await.unwrap_err().to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
        }
    }
    for kind in kinds {
        let mut right = CertificateParams::new(vec![]).unwrap();
        kind(&mut right);
        for_the_address(&mut right);
        let key = KeyPair::generate().unwrap();
        let certificate = right.self_signed(&key).unwrap();
        let pem = certificate.pem();
        let identity = Identity { pem: pem.clone(), chain: vec![certificate.der().clone()], key: key.into() };
        assert_eq!(ask(&identity.serve().await, "127.0.0.1", Some(&pem)).await.unwrap(), "secure");
    }
}

#[tokio::test]
async fn what_is_no_tls_is_called_so() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let speaking = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n").await.unwrap();
        // Until the other side leaves.
        let _ = stream.read(&mut [0; 1024]).await;
        stream
    });
    let error = target(setting(&url), timeouts()).send(&manifest()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Untrusted { .. }), "{error}");
    assert!(error.to_string().contains("is its url http://"), "{error}");
    drop(speaking.await);
}

//! A token server as registries with `auth: token` send their clients to (distribution's "Token Authentication
//! Specification"). The registry's check of the JWTs is real.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use super::fake::{Fake, Reply, Seen};
use super::http::basic;

/// The repositories that a token of this kind may push to.
const PUSHED_REPOSITORIES: [&str; 3] = ["docker/app", "docker/web", "docker/large"];

/// A key and the certificate that vouches for it.
pub struct Signer {
    key: EcdsaKeyPair,
    certificate: rcgen::Certificate,
}

impl Signer {
    /// A new key with a self-signed certificate.
    pub fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["token.test".into()]).unwrap();
        let certificate = certificate.self_signed(&key).unwrap();
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key.serialize_der(), &random);
        Self { key: key.unwrap(), certificate }
    }

    /// The certificate that the registry trusts.
    pub fn certificate_pem(&self) -> String {
        self.certificate.pem()
    }

    /// A signed token (RFC 7519) that grants `access` for `time`.
    pub fn sign(&self, access: &Value, time: Duration) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let header = json!({"typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(self.certificate.der())]});
        let claims = json!({
            "iss": "test", "sub": "", "aud": "test", "jti": "1", "access": access,
            "iat": now, "nbf": now - 60, "exp": now + time.as_secs(),
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// A running token server. It gives what is asked for to the one user that it knows.
pub struct TokenServer {
    server: Fake,
    signer: Arc<Signer>,
    given: Arc<AtomicUsize>,
}

impl TokenServer {
    /// Starts the server on a free port.
    pub async fn start(signer: Signer, user: &str, password: &str) -> Self {
        let (signer, given) = (Arc::new(signer), Arc::new(AtomicUsize::new(0)));
        let known = basic(user, password);
        let (of_server, counter) = (signer.clone(), given.clone());
        let server = Fake::start(move |seen| answer(&of_server, &counter, &known, seen)).await;
        Self { server, signer, given }
    }

    /// The address that the registry's challenge names.
    pub fn realm(&self) -> String {
        format!("{}/token", self.server.url())
    }

    /// The number of tokens that were given.
    pub fn given(&self) -> usize {
        self.given.load(Ordering::Relaxed)
    }

    /// A token for pushing and pulling, made without the server.
    pub fn for_everything(&self) -> String {
        let access = PUSHED_REPOSITORIES
            .map(|name| json!({"type": "repository", "name": name, "actions": ["pull", "push"]}));
        self.signer.sign(&json!(access), Duration::from_secs(3600))
    }
}

fn answer(signer: &Signer, given: &AtomicUsize, known: &str, seen: &Seen) -> Reply {
    if seen.header("authorization") != Some(known) {
        return Reply::new(401).body("{}");
    }
    given.fetch_add(1, Ordering::Relaxed);
    let (_, query) = seen.target.split_once('?').unwrap_or_default();
    let scopes = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "scope");
    let access: Vec<_> = scopes.filter_map(|(_, scope)| granted(&scope)).collect();
    let token = signer.sign(&json!(access), Duration::from_secs(300));
    let body = json!({"token": token, "expires_in": 300}).to_string();
    Reply::new(200).header("content-type", "application/json").body(body)
}

/// `repository:docker/app:pull,push` as the token's claim.
fn granted(scope: &str) -> Option<Value> {
    let (kind, rest) = scope.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    Some(json!({"type": kind, "name": name, "actions": actions.split(',').collect::<Vec<_>>()}))
}

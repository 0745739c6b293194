//! The proof that a delivery comes from its forge.
//!
//! GitHub signs the body: `X-Hub-Signature-256: sha256=<hex HMAC-SHA256>`. GitLab shows the secret itself in
//! `X-Gitlab-Token`; or, where its signing token is used (`whsec_…`), it signs by Standard Webhooks:
//! `webhook-signature: v1,<base64 HMAC-SHA256 of "<webhook-id>.<webhook-timestamp>.<body>">`. Which of them is decided
//! by the secret alone: who knows a delivery cannot choose the weaker one.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::headers::text;
use crate::admin::state::changes::Author;
use crate::config::{Provider, Webhook};
use crate::model::act::{Actor, Through, Who};
use crate::model::oci::Digest;
use crate::model::secret::sha256;
use crate::model::time::{Span, Time};

/// Beginning of a signing token; base64 follows.
const SIGNING_TOKEN: &str = "whsec_";
/// Difference that a signed delivery's time may have.
const SKEW_MAX: Span = Span::from_mins(5);
/// Most signatures in one header: old and new while a secret is changed.
const SIGNATURES_MAX: usize = 8;

/// Somebody who knows a webhook's secret, and may register its releases.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    actor: Actor,
}

impl Signed {
    pub(super) fn by(hook: &Webhook, from: IpAddr) -> Self {
        let who = Who::Webhook { name: hook.name.clone() };
        Self { actor: Actor { who, through: Through::Webhook, from: Some(from.to_string().into()) } }
    }
}

impl Author for Signed {
    fn actor(&self) -> &Actor {
        &self.actor
    }
}

/// The claim of a delivery's headers about one webhook's secret.
pub(super) struct Claim<'a> {
    hook: &'a Webhook,
    proof: Proof<'a>,
}

/// The proof of a claim.
enum Proof<'a> {
    /// The secret itself was shown.
    Shown,
    /// The body's HMAC, as it is claimed.
    OfBody(&'a str),
    OfStandard {
        key: Vec<u8>,
        id: &'a str,
        at: &'a str,
        signatures: &'a str,
    },
}

impl<'a> Claim<'a> {
    /// None where no body could prove it.
    pub(super) fn of(hook: &'a Webhook, headers: &'a HeaderMap, now: Time) -> Option<Self> {
        let secret = hook.secret.reveal();
        let proof = match hook.provider {
            Provider::Github => of_body(headers)?,
            Provider::Gitlab => match secret.strip_prefix(SIGNING_TOKEN) {
                Some(key) => of_standard(key, headers, now)?,
                None => shown(secret, headers)?,
            },
        };
        Some(Self { hook, proof })
    }

    /// The webhook, if its secret was used on this body.
    pub(super) fn proven_by(&self, body: &[u8]) -> Option<&'a Webhook> {
        let is_proven = match &self.proof {
            Proof::Shown => true,
            Proof::OfBody(given) => {
                let expected = Digest::from_bytes(hmac(self.hook.secret.reveal().as_bytes(), &[body])?);
                bool::from(given.as_bytes().ct_eq(expected.to_string().strip_prefix("sha256:")?.as_bytes()))
            }
            Proof::OfStandard { key, id, at, signatures } => {
                let expected = BASE64.encode(hmac(key, &[id.as_bytes(), b".", at.as_bytes(), b".", body])?);
                let is_expected = |given: &str| bool::from(given.as_bytes().ct_eq(expected.as_bytes()));
                let signatures = signatures.split(' ').take(SIGNATURES_MAX);
                signatures.filter_map(|signature| signature.strip_prefix("v1,")).any(is_expected)
            }
        };
        is_proven.then_some(self.hook)
    }
}

fn of_body(headers: &HeaderMap) -> Option<Proof<'_>> {
    let given = text(headers, "x-hub-signature-256")?.strip_prefix("sha256=")?;
    let is_hex = given.len() == 64 && given.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then_some(Proof::OfBody(given))
}

fn shown<'a>(secret: &str, headers: &HeaderMap) -> Option<Proof<'a>> {
    // Of equal length whatever was sent, so that nothing is learnt from the time it takes.
    let is_secret = sha256(text(headers, "x-gitlab-token")?).ct_eq(&sha256(secret));
    bool::from(is_secret).then_some(Proof::Shown)
}

/// <https://www.standardwebhooks.com>
fn of_standard<'a>(key: &str, headers: &'a HeaderMap, now: Time) -> Option<Proof<'a>> {
    let key = BASE64.decode(key).ok()?;
    let (id, at) = (text(headers, "webhook-id")?, text(headers, "webhook-timestamp")?);
    let sent = Time::from_ms(at.parse::<i64>().ok()?.checked_mul(1_000)?);
    if now.since(sent) > SKEW_MAX || sent.since(now) > SKEW_MAX {
        return None;
    }
    Some(Proof::OfStandard { key, id, at, signatures: text(headers, "webhook-signature")? })
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    parts.iter().for_each(|part| mac.update(part));
    Some(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    const NOW: i64 = 1_800_000_000;
    /// The key of the signing token below, as base64 has it.
    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn is_signed(provider: Provider, secret: &str, headers: &[(&'static str, String)], body: &str) -> bool {
        let hook = Webhook {
            name: "app".into(),
            provider,
            secret: Secret::new(secret.into()),
            source: "owner/app".into(),
            repository: "docker/app".parse().unwrap(),
        };
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        Claim::of(&hook, &headers, Time::from_ms(NOW * 1_000))
            .is_some_and(|claim| claim.proven_by(body.as_bytes()).is_some())
    }

    /// The example of GitHub's documentation, "Validating webhook deliveries".
    #[test]
    fn github_signs_the_body() {
        let secret = "It's a Secret to Everybody";
        let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let check = |signature: &str, body: &str| {
            is_signed(Provider::Github, secret, &[("x-hub-signature-256", signature.to_owned())], body)
        };
        assert!(check(good, "Hello, World!"));
        assert!(!check(good, "Hello, World?"));
        assert!(!check(&good.replace("757", "758"), "Hello, World!"));
        assert!(!check(&good[..good.len() - 2], "Hello, World!"));
        assert!(!check(&good.replace("sha256=", "sha1="), "Hello, World!"));
        assert!(!check("", "Hello, World!"));
        assert!(!is_signed(Provider::Github, secret, &[], "Hello, World!"));
        let of_another = [("x-gitlab-token", secret.to_owned())];
        assert!(!is_signed(Provider::Github, secret, &of_another, "Hello, World!"));
    }

    #[test]
    fn gitlab_shows_the_token() {
        let check = |token: &str| {
            is_signed(Provider::Gitlab, "a long secret token", &[("x-gitlab-token", token.to_owned())], "{}")
        };
        assert!(check("a long secret token"));
        for wrong in ["", "a long secret toke", "a long secret tokens", "A long secret token"] {
            assert!(!check(wrong), "{wrong}");
        }
        assert!(!is_signed(Provider::Gitlab, "a long secret token", &[], "{}"));
    }

    #[test]
    fn gitlab_signs_by_standard_webhooks() {
        let token = format!("whsec_{}", BASE64.encode(KEY));
        let sign = |id: &str, at: i64, body: &str| {
            let text = format!("{id}.{at}.{body}");
            format!("v1,{}", BASE64.encode(hmac(KEY, &[text.as_bytes()]).unwrap()))
        };
        let check = |id: &str, at: i64, signature: String, body: &str| {
            let headers = [
                ("webhook-id", id.to_owned()),
                ("webhook-timestamp", at.to_string()),
                ("webhook-signature", signature),
            ];
            is_signed(Provider::Gitlab, &token, &headers, body)
        };
        let good = sign("msg_1", NOW, "{}");
        assert!(check("msg_1", NOW, good.clone(), "{}"));
        assert!(check("msg_1", NOW, format!("v1,AAAA v2,x {good}"), "{}"));
        assert!(check("msg_1", NOW - 300, sign("msg_1", NOW - 300, "{}"), "{}"));
        assert!(!check("msg_1", NOW - 301, sign("msg_1", NOW - 301, "{}"), "{}"));
        assert!(!check("msg_1", NOW + 301, sign("msg_1", NOW + 301, "{}"), "{}"));
        assert!(!check("msg_2", NOW, good.clone(), "{}"));
        assert!(!check("msg_1", NOW, good.clone(), "[]"));
        assert!(!check("msg_1", NOW, good.replace("v1,", "v2,"), "{}"));
        assert!(!check("msg_1", i64::MAX, good, "{}"));
        // The token itself is no proof where it is there to sign with.
        let shown = [("x-gitlab-token", token.clone())];
        assert!(!is_signed(Provider::Gitlab, &token, &shown, "{}"));
    }
}

//! Whether a delivery comes from whom it says.
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

use super::text;
use crate::config::{Provider, Webhook};
use crate::model::act::{Actor, Through, Who};
use crate::model::oci::Digest;
use crate::model::secret::sha256;
use crate::model::time::{Span, Time};

/// How a signing token begins; base64 follows.
const SIGNING_TOKEN: &str = "whsec_";
/// How far a signed delivery's time may be off.
const SKEW_MAX: Span = Span::from_mins(5);
/// Most signatures in one header: old and new while a secret is changed.
const SIGNATURES_MAX: usize = 8;

/// Somebody who knows a webhook's secret. [`crate::admin::App::act_signed`] demands one.
#[derive(Clone, Debug)]
pub(in crate::admin) struct Signed {
    actor: Actor,
}

impl Signed {
    pub(super) fn by(hook: &Webhook, from: IpAddr) -> Self {
        let who = Who::Webhook { name: hook.name.clone() };
        Self { actor: Actor { who, through: Through::Webhook, from: Some(from.to_string().into()) } }
    }

    /// Who it is, for the log.
    pub(in crate::admin) fn actor(&self) -> &Actor {
        &self.actor
    }
}

/// The webhooks whose secret this delivery knows.
pub(super) fn check<'a>(
    hooks: impl Iterator<Item = &'a Webhook>,
    headers: &HeaderMap,
    body: &[u8],
    now: Time,
) -> Vec<&'a Webhook> {
    hooks.filter(|hook| is_signed(hook, headers, body, now)).collect()
}

fn is_signed(hook: &Webhook, headers: &HeaderMap, body: &[u8], now: Time) -> bool {
    let secret = hook.secret.reveal();
    let signed = match hook.provider {
        Provider::Github => by_body(secret, headers, body),
        Provider::Gitlab => match secret.strip_prefix(SIGNING_TOKEN) {
            Some(key) => by_standard(key, headers, body, now),
            None => by_token(secret, headers),
        },
    };
    signed.unwrap_or(false)
}

fn by_body(secret: &str, headers: &HeaderMap, body: &[u8]) -> Option<bool> {
    let given = text(headers, "x-hub-signature-256")?.strip_prefix("sha256=")?;
    let expected = Digest::from_bytes(hmac(secret.as_bytes(), &[body])?).to_string();
    let expected = expected.strip_prefix("sha256:")?;
    Some(given.as_bytes().ct_eq(expected.as_bytes()).into())
}

fn by_token(secret: &str, headers: &HeaderMap) -> Option<bool> {
    // Of equal length whatever was sent, so that nothing is learnt from the time it takes.
    Some(sha256(text(headers, "x-gitlab-token")?).ct_eq(&sha256(secret)).into())
}

/// <https://www.standardwebhooks.com>
fn by_standard(key: &str, headers: &HeaderMap, body: &[u8], now: Time) -> Option<bool> {
    let key = BASE64.decode(key).ok()?;
    let (id, at) = (text(headers, "webhook-id")?, text(headers, "webhook-timestamp")?);
    let sent = Time::from_ms(at.parse::<i64>().ok()?.checked_mul(1_000)?);
    if now.since(sent) > SKEW_MAX || sent.since(now) > SKEW_MAX {
        return Some(false);
    }
    let expected = BASE64.encode(hmac(&key, &[id.as_bytes(), b".", at.as_bytes(), b".", body])?);
    let signatures = text(headers, "webhook-signature")?.split(' ').take(SIGNATURES_MAX);
    let is_expected = |given: &str| bool::from(given.as_bytes().ct_eq(expected.as_bytes()));
    Some(signatures.filter_map(|signature| signature.strip_prefix("v1,")).any(is_expected))
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
        check([&hook].into_iter(), &headers, body.as_bytes(), Time::from_ms(NOW * 1_000)).len() == 1
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

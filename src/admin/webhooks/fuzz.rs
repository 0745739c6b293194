//! Deliveries of forges, or of somebody in their name.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::payload::{self, Payload};
use super::registration;
use super::signature::Claim;
use crate::config::{Provider, Secret, Webhook};
use crate::model::releases::change::CHANGES_MAX;
use crate::model::time::Time;

/// A delivery: headers up to an empty line, then the body. Nobody signed it, so it is signed by nobody; and what it says
/// is a release within bounds, or nothing.
pub(crate) fn webhook(bytes: &[u8]) {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n");
    let (head, body) = end.map_or((&b""[..], bytes), |end| (&bytes[..end], &bytes[end + 2..]));
    let mut headers = HeaderMap::new();
    for line in head.split(|&byte| byte == b'\n').take(16) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..colon]), value) {
            headers.append(name, value);
        }
    }
    let hook = |provider, secret: &str| Webhook {
        name: "app".into(),
        provider,
        secret: Secret::new(secret.into()),
        source: "owner/app".into(),
        repository: "docker/app".parse().expect("a name"),
    };
    let hooks = [
        hook(Provider::Github, "a secret that nobody guesses"),
        hook(Provider::Gitlab, "another one that nobody guesses"),
        hook(Provider::Gitlab, "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
    ];
    let now = Time::from_ms(1_800_000_000_000);
    let proven = |hook| Claim::of(hook, &headers, now).is_some_and(|claim| claim.proven_by(body).is_some());
    assert!(!hooks.iter().any(proven), "nobody signed this");
    for (hook, event) in hooks.iter().zip(["release", "Release Hook"]) {
        let Ok(Payload::Release(published)) = payload::read(hook.provider, event, body) else { continue };
        assert!(published.revision.as_ref().is_none_or(|revision| matches!(revision.len(), 40 | 64)));
        if let Ok(release) = registration(hook, &published) {
            assert!(release.changes.len() <= CHANGES_MAX && !release.version.chars().any(char::is_control));
        }
    }
}

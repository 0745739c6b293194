//! Fuzz targets for input from clients and registries: request heads, manifests, image configs, links.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LINK};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use sha2::{Digest as _, Sha256};

use super::facts::Document;
use super::headers::{digest_in, media_type_in};
use super::observe::ClientIdentity;
use super::upstream::{Resource, UpstreamRequest};
use super::{auth, facts, links};
use crate::model::act::{Action, Actor};
use crate::model::directory::Directory;
use crate::model::event::{Facts, TokenId, TokenKind};
use crate::model::oci::Route;
use crate::model::time::Time;

const NOW: Time = Time::from_ms(20);
/// Secrets of valid tokens.
const GOOD: [&[u8]; 2] = [b"secret", b"with:colon"];
const REVOKED: &[u8] = b"revoked";

static DIRECTORY: LazyLock<Directory> = LazyLock::new(|| {
    let environment: crate::model::event::EnvironmentName = "production".parse().expect("a name");
    let token = |id: usize, secret: &[u8]| Action::TokenCreated {
        environment: environment.clone(),
        id: TokenId::new(&format!("tok_{id}")),
        name: id.to_string(),
        kind: TokenKind::Cluster,
        secret_sha256: Sha256::digest(secret).into(),
        expires_at: None,
    };
    let created = Action::EnvironmentCreated {
        name: environment.clone(),
        description: String::new(),
        color: String::new(),
    };
    let mut directory = Directory::default();
    let revoked = Action::TokenRevoked { environment: environment.clone(), id: TokenId::new("tok_2") };
    for action in [created, token(0, GOOD[0]), token(1, GOOD[1]), token(2, REVOKED), revoked] {
        directory.apply(&action.by(Actor::default(), Time::from_ms(0)));
    }
    directory
});

/// A request head: the target on the first line, then one header a line. Only a valid secret, given once and
/// in any spelling, yields a permit; the upstream request asks for the same object.
pub(crate) fn head(bytes: &[u8]) {
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let target = lines.next().unwrap_or_default();
    let headers = headers(lines);
    let permit = auth::authorize(&headers, &DIRECTORY, NOW);
    let shown = shown(&headers);
    match &permit {
        Ok(permit) => {
            let secret = GOOD.iter().position(|good| shown.iter().any(|shown| shown == good));
            assert_eq!(
                Some(format!("tok_{}", secret.unwrap_or(9))).as_deref(),
                Some(permit.token().as_str())
            );
            assert_eq!(headers.get_all(AUTHORIZATION).iter().count(), 1, "two spoke for one request");
        }
        Err(denial) => {
            assert!(!denial.refusal.message.contains("secret:") && denial.refusal.status.as_u16() == 401);
            assert!(denial.token.is_none() || shown.iter().any(|shown| shown == REVOKED));
        }
    }
    let Some(uri) = std::str::from_utf8(target).ok().and_then(|target| target.parse::<Uri>().ok()) else {
        return;
    };
    let Ok(route) = Route::parse(uri.path()) else { return };
    let (name, resource) = match &route {
        Route::Manifest(name, reference) => (name, Resource::Manifest(reference.clone())),
        Route::Blob(name, digest) => (name, Resource::Blob(*digest)),
        Route::Tags(name) => (name, Resource::Tags),
        Route::Referrers(name, digest) => (name, Resource::Referrers(*digest)),
        Route::Base | Route::Catalog | Route::Upload => return,
    };
    let has_query = matches!(resource, Resource::Tags | Resource::Referrers(_));
    let request = UpstreamRequest::new(Method::GET, resource, &headers).with_query(uri.query());
    let asked: Uri = request.path("", name.as_str()).parse().expect("what goes to a registry is a target");
    assert_eq!(Route::parse(asked.path()).as_ref(), Ok(&route), "the registry is asked for something else");
    assert!(has_query || asked.query().is_none(), "a query goes where the spec has none");
    for private in [
        "authorization",
        "cookie",
        "host",
        "connection",
        "transfer-encoding",
        "content-length",
        "x-forwarded-for",
    ] {
        assert!(!request.headers().contains_key(private), "{private} goes to the registry");
    }
    let client = ClientIdentity::new("10.0.0.1".into(), &headers);
    assert!(client.agent.len() <= 3 * 512, "an agent is longer than what is kept");
    let _ = (digest_in(&headers), media_type_in(&headers));
}

/// Secrets that a request's single `Authorization` header may carry: the text behind the scheme, and the
/// password in it if it is base64.
fn shown(headers: &HeaderMap) -> Vec<Vec<u8>> {
    let value = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    let Some(at) = value.iter().position(|&byte| byte == b' ') else { return Vec::new() };
    let behind = value[at..].trim_ascii();
    let pair = STANDARD.decode(behind).unwrap_or_default();
    let password = pair.splitn(2, |&byte| byte == b':').nth(1).map(<[u8]>::to_vec);
    password.into_iter().chain([behind.to_vec()]).collect()
}

/// Parses one header a line and skips lines that are no header.
fn headers<'a>(lines: impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.take(32) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&line[..colon]), value) {
            headers.append(name, value);
        }
    }
    headers
}

/// A `Content-Type` on the first line, then a document. It is a manifest or an index, never both; its facts
/// are bounded and do not depend on the order of members.
pub(crate) fn manifest(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |&byte| byte == b'\n');
    let content_type = HeaderValue::from_bytes(parts.next().unwrap_or_default()).ok();
    let headers: HeaderMap = content_type.map(|value| (CONTENT_TYPE, value)).into_iter().collect();
    let body = parts.next().unwrap_or_default();
    let learned = |body: &[u8]| facts::of_manifest(&Document::new(&headers, body));
    let Some(facts) = learned(body) else { return };
    let value: serde_json::Value = serde_json::from_slice(body).expect("what says something is JSON");
    let has = |member: &str| value.get(member).is_some_and(|member| !member.is_null());
    match &facts {
        Facts::Index { children, labels } => {
            assert!(children.len() <= 256 && labels.len() <= 32);
            assert!(
                has("manifests") && !has("config") && !has("layers"),
                "an image's manifest was taken for an index"
            );
        }
        Facts::Manifest { labels, .. } => {
            assert!(labels.len() <= 32);
            assert!(has("config") && !has("manifests"), "an index was taken for an image's manifest");
        }
        Facts::Config { .. } => panic!("a manifest was taken for a config"),
    }
    bounded(&facts);
    let said = [
        media_type_in(&headers).unwrap_or_default().to_string(),
        value["mediaType"].as_str().unwrap_or_default().to_owned(),
    ];
    let other = if matches!(facts, Facts::Index { .. }) {
        ["image.manifest.", "manifest.v"]
    } else {
        ["image.index.", "manifest.list."]
    };
    // Parameters do not declare a type.
    let says = |text: &String| {
        let essence = text.split(';').next().unwrap_or_default().to_ascii_lowercase();
        other.iter().any(|other| essence.contains(other))
    };
    assert!(!said.iter().any(says), "{said:?} {facts:?}");
    assert_eq!(
        learned(value.to_string().as_bytes()),
        Some(facts),
        "its members in another order say something else"
    );
}

/// An image config.
pub(crate) fn config(bytes: &[u8]) {
    let facts = facts::of_config(bytes);
    assert!(matches!(&facts, Facts::Config { labels } if labels.len() <= 32));
    bounded(&facts);
}

fn bounded(facts: &Facts) {
    let (Facts::Index { labels, .. } | Facts::Manifest { labels, .. } | Facts::Config { labels }) = facts;
    assert!(labels.iter().all(|(key, value)| key.len() <= 512 && value.len() <= 512));
}

/// A `Link` header; every rewritten link leads to the proxy's own path.
pub(crate) fn link(bytes: &[u8]) {
    let path = "/v2/docker/app/tags/list";
    let values = bytes.split(|&byte| byte == b'\n').take(8);
    let mut headers: HeaderMap =
        values.filter_map(|value| Some((LINK, HeaderValue::from_bytes(value).ok()?))).collect();
    links::rewrite(&mut headers, LINK, path, None);
    for value in headers.get_all(LINK) {
        let text = value.to_str().expect("a link that is handed on is text");
        let target = text.strip_prefix('<').and_then(|rest| rest.split_once('>')).map(|(target, _)| target);
        let target = target.expect("a link that is handed on has a target");
        assert_eq!(target.split('?').next(), Some(path), "{text}");
    }
}

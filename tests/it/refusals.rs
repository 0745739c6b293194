//! Refusals, their words, and that nothing of a refused request reaches the upstream.

use http::Method;
use serde_json::json;

use crate::rig::fake::Fake;
use crate::rig::http::{Answer, basic};
use crate::rig::images::{Format, Recipe};
use crate::rig::landfall::{Landfall, Setup, Token};
use crate::rig::until;

const MANIFEST: &str = "/v2/docker/app/manifests/v1";
const HEX: &str = "24d085704ac93832b137db39ec4f3ce435ffd4a4e01b53e1fbec4af60eff0227";

async fn start() -> (Fake, Landfall, Token) {
    let upstream = Fake::holding(Recipe::app(Format::Oci, "1.0.0").build()).await;
    let landfall = Setup::before(&upstream.url()).start();
    landfall.environment("production").await;
    let token = landfall.token("production").await;
    (upstream, landfall, token)
}

/// The status, and the code in the OCI error body (distribution spec, "Error Codes").
#[track_caller]
fn assert_refusal(answer: &Answer, method: &Method, status: u16, code: &str, what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.text());
    if *method == Method::HEAD {
        return assert!(answer.body.is_empty(), "{what}");
    }
    assert_eq!(answer.header("content-type"), Some("application/json"), "{what}");
    let error = &answer.json()["errors"][0];
    assert_eq!(error["code"], code, "{what}: {error}");
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{what}: {error}");
}

/// The requests for the distribution API that reached the upstream; Landfall may ask for the version check by itself.
fn reached(upstream: &Fake) -> Vec<String> {
    upstream.seen().into_iter().map(|seen| seen.target).filter(|target| target != "/v2/").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_there_is_a_challenge_everywhere() {
    let (upstream, landfall, token) = start().await;
    let wrong = format!("{}x", token.secret);
    let credentials = [
        None,
        Some(basic(&token.user, &wrong)),
        Some(basic(&token.user, "")),
        Some(basic("", "")),
        Some(format!("Bearer {wrong}")),
        Some("Bearer".to_owned()),
        Some("Basic".to_owned()),
        Some("Basic !!!".to_owned()),
        Some("Basic bm8tY29sb24=".to_owned()),
        Some(format!("Digest {}", token.secret)),
        Some("x".repeat(4000)),
    ];
    let paths = ["/v2/", MANIFEST, &format!("/v2/docker/app/blobs/sha256:{HEX}"), "/v2/docker/app/tags/list"];
    for path in paths {
        for sent in &credentials {
            for method in [Method::GET, Method::HEAD] {
                let headers: Vec<_> = sent.iter().map(|value| ("authorization", value.as_str())).collect();
                let answer = landfall.stranger().ask(method.clone(), path, &headers).await;
                let what = format!("{method} {path} {sent:?}");
                assert_refusal(&answer, &method, 401, "UNAUTHORIZED", &what);
                assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"landfall\""), "{what}");
            }
        }
    }
    assert_eq!(reached(&upstream), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_taken_as_basic_in_any_case_and_as_bearer() {
    let (_upstream, landfall, token) = start().await;
    let pair = basic(&token.user, &token.secret);
    let (_, encoded) = pair.split_once(' ').unwrap();
    let good = [
        format!("Basic {encoded}"),
        format!("basic {encoded}"),
        format!("BASIC {encoded}"),
        // Clients that know no user name send one of their own, or none.
        basic("oauth2accesstoken", &token.secret),
        format!("Bearer {}", token.secret),
        format!("bearer {}", token.secret),
    ];
    for credentials in &good {
        for path in ["/v2/", MANIFEST] {
            let answer = landfall.stranger().ask(Method::GET, path, &[("authorization", credentials)]).await;
            assert_eq!(answer.status, 200, "{path} {credentials}: {}", answer.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_are_unsupported() {
    let (upstream, landfall, token) = start().await;
    let paths = [
        "/v2/",
        MANIFEST,
        &format!("/v2/docker/app/blobs/sha256:{HEX}"),
        "/v2/docker/app/blobs/uploads/",
        "/v2/docker/app/blobs/uploads/1234?digest=sha256:12",
    ];
    for path in paths {
        for method in [Method::PUT, Method::POST, Method::PATCH, Method::DELETE] {
            let what = format!("{method} {path}");
            let client = landfall.client(&token);
            let answer = client.send(method.clone(), path, &[], "a body".into()).await.unwrap();
            assert_refusal(&answer, &method, 405, "UNSUPPORTED", &what);
            let stranger =
                landfall.stranger().send(method.clone(), path, &[], "a body".into()).await.unwrap();
            assert_refusal(&stranger, &method, 401, "UNAUTHORIZED", &what);
        }
    }
    assert_eq!(reached(&upstream), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_spec_does_not_allow_is_refused_here() {
    let (upstream, landfall, token) = start().await;
    let client = landfall.client(&token);
    let long = "a".repeat(129);
    let rows = [
        ("/v2/_catalog".to_owned(), 403, "DENIED"),
        ("/v2/_catalog?n=10".to_owned(), 403, "DENIED"),
        ("/v2/Docker/app/manifests/v1".to_owned(), 400, "NAME_INVALID"),
        ("/v2/docker//app/manifests/v1".to_owned(), 400, "NAME_INVALID"),
        ("/v2/docker/../app/manifests/v1".to_owned(), 400, "NAME_INVALID"),
        ("/v2/docker/%2e%2e/app/manifests/v1".to_owned(), 400, "NAME_INVALID"),
        ("/v2/docker%2fapp/manifests/v1".to_owned(), 400, "NAME_INVALID"),
        (format!("/v2/{}/manifests/v1", "a/".repeat(150) + "a"), 400, "NAME_INVALID"),
        ("/v2/-docker/app/blobs/sha256:12".to_owned(), 400, "NAME_INVALID"),
        ("/v2/docker/app/manifests/.v1".to_owned(), 404, "MANIFEST_UNKNOWN"),
        (format!("/v2/docker/app/manifests/{long}"), 404, "MANIFEST_UNKNOWN"),
        ("/v2/docker/app/manifests/sha256:1234".to_owned(), 400, "DIGEST_INVALID"),
        (format!("/v2/docker/app/manifests/sha256:{}", HEX.to_uppercase()), 400, "DIGEST_INVALID"),
        ("/v2/docker/app/blobs/sha256:1234".to_owned(), 400, "DIGEST_INVALID"),
        (format!("/v2/docker/app/blobs/md5:{HEX}"), 400, "DIGEST_INVALID"),
        (format!("/v2/docker/app/blobs/{HEX}"), 400, "DIGEST_INVALID"),
        ("/v2/docker/app/referrers/v1".to_owned(), 400, "DIGEST_INVALID"),
        ("/v2/docker/app/unknown/v1".to_owned(), 404, "NAME_UNKNOWN"),
        ("/v1/search".to_owned(), 404, "NAME_UNKNOWN"),
    ];
    for (path, status, code) in &rows {
        for method in [Method::GET, Method::HEAD] {
            let answer = client.ask(method.clone(), path, &[]).await;
            // A 400 says that the request is wrong, a 404 that there is nothing: either is an answer to a bad name.
            let status = if *status == 403 { 403 } else { answer.status.as_u16() };
            assert!([400, 403, 404].contains(&status), "{method} {path}: {status}");
            assert_refusal(&answer, &method, status, code, &format!("{method} {path}"));
        }
    }
    assert_eq!(reached(&upstream), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_escaped_without_need_is_asked_for_plainly() {
    let image = Recipe::app(Format::Oci, "1.0.0").build();
    let (upstream, landfall, token) = start().await;
    let client = landfall.client(&token);
    for content in image.blobs.iter().chain([&image.manifest]) {
        let kind = if content.digest == image.manifest.digest { "manifests" } else { "blobs" };
        for colon in ["%3A", "%3a", ":"] {
            let escaped = content.digest.replace(':', colon);
            client.get(&format!("/v2/docker/%61pp/{kind}/{escaped}")).await.expect(200);
        }
        let plain = format!("/v2/docker/app/{kind}/{}", content.digest);
        assert_eq!(upstream.count(&plain), 3);
    }
    assert!(upstream.seen().iter().all(|seen| !seen.target.contains('%')), "{:?}", upstream.seen());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_with_its_revocation_its_time_and_its_environment() {
    let (_upstream, landfall, token) = start().await;
    let client = landfall.client(&token);
    client.get(MANIFEST).await.expect(200);
    landfall.revoke(&token).await;
    // From the next request on, not from the next second on.
    client.get(MANIFEST).await.expect(401);
    client.get("/v2/").await.expect(401);

    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(2);
    let short =
        landfall.token_with("production", json!({"name": "short", "expires_at": soon.to_string()})).await;
    let client = landfall.client(&short);
    client.get(MANIFEST).await.expect(200);
    until("the token expires", async || (client.get(MANIFEST).await.status == 401).then_some(())).await;
    assert!(jiff::Timestamp::now() >= soon);

    landfall.environment("staging").await;
    let staging = landfall.token("staging").await;
    let client = landfall.client(&staging);
    client.get(MANIFEST).await.expect(200);
    let delete = async |confirm: &str| {
        landfall.admin(Method::DELETE, &format!("/api/v1/environments/staging?confirm={confirm}"), None).await
    };
    delete("production").await.expect(409);
    client.get(MANIFEST).await.expect(200);
    delete("staging").await.expect(204);
    client.get(MANIFEST).await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_log_or_the_open_pages() {
    let (_upstream, mut landfall, token) = start().await;
    let client = landfall.client(&token);
    client.get(MANIFEST).await.expect(200);
    landfall.stranger().with_basic("production", "lf-some-wrong-secret").get(MANIFEST).await.expect(401);
    client.get("/v2/Docker/app/manifests/v1").await;
    let mut texts = vec![landfall.process().log()];
    for path in ["/status", "/metrics", "/api/v1/environments/production/tokens", "/api/v1/export"] {
        texts.push(landfall.admin(Method::GET, path, None).await.expect(200).text());
    }
    let encoded = basic(&token.user, &token.secret);
    for text in &texts {
        for secret in [&token.secret, encoded.trim_start_matches("Basic "), "lf-some-wrong-secret"] {
            assert!(!text.contains(secret), "a secret is in:\n{text}");
        }
    }
    let data = landfall.setup().data();
    for file in std::fs::read_dir(data).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(token.secret.len()).any(|part| part == token.secret.as_bytes()));
    }
}

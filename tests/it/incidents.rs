//! Incidents of other registries, clients and HTTP libraries, tried here. SECURITY.md has the table, with what Landfall
//! has to do with each.

use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::fake::{Fake, Reply, Seen};
use crate::rig::http::basic;
use crate::rig::images::{Content, Format, Image, Recipe, digest_of};
use crate::rig::landfall::{Landfall, Setup, Token};
use crate::rig::registry::{PASSWORD, USER};
use crate::rig::until;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

/// Landfall with the registry's credentials in front of `upstream`, and a token.
async fn before(upstream: &Fake) -> (Landfall, Token) {
    let landfall = Setup::before(&upstream.url()).with_credentials().start();
    landfall.environment("production").await;
    let token = landfall.token("production").await;
    (landfall, token)
}

/// A good image, whose config is asked for once everything before it was.
fn good() -> Image {
    Recipe::app(Format::Oci, "1.0.0").build()
}

/// A registry that has `good`, and under each other tag one of these documents with its `Content-Type`.
async fn holding(documents: Vec<(&'static str, &'static str, String)>) -> Fake {
    let good = good();
    Fake::start(move |seen| {
        let last = seen.target.rsplit('/').next().unwrap();
        let digest = |bytes: &[u8]| digest_of(bytes);
        if let Some((_, media_type, body)) =
            documents.iter().find(|(tag, _, body)| *tag == last || digest(body.as_bytes()) == last)
        {
            let answer = Reply::new(200).header("docker-content-digest", digest(body.as_bytes()));
            return answer.header("content-type", media_type).body(body);
        }
        let blob = good.blobs.iter().find(|blob| blob.digest == last);
        let Some(Content { media_type, digest, bytes }) = (last == "good").then_some(&good.manifest).or(blob)
        else {
            return Reply::new(404);
        };
        Reply::new(200).header("docker-content-digest", digest).header("content-type", media_type).body(bytes)
    })
    .await
}

/// Pulls the good image's manifest and waits until its config was looked at: what was to be asked for before was.
async fn until_learned(upstream: &Fake, landfall: &Landfall, token: &Token) {
    landfall.client(token).get("/v2/docker/app/manifests/good").await.expect(200);
    let config = format!("/v2/docker/app/blobs/{}", good().blobs[0].digest);
    until("the good image's config is looked at", async || (upstream.count(&config) > 0).then_some(())).await;
}

/// The requests to the registry, without the good image and the version check.
fn asked(upstream: &Fake) -> Vec<String> {
    let good = good();
    let is_good = |target: &String| target.ends_with("/good") || target.ends_with(&good.blobs[0].digest);
    let targets = upstream.seen().into_iter().map(|seen| seen.target);
    targets.filter(|target| target != "/v2/" && !is_good(target)).collect()
}

/// CVE-2020-15157: containerd took the place of a layer from its manifest, and answered a challenge there with the
/// registry's password.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_a_manifest_names_is_not_asked_and_a_redirects_host_gets_no_password() {
    let trap = Fake::start(|_| Reply::new(401).header("www-authenticate", "Basic realm=trap")).await;
    let elsewhere = format!("http://localhost:{}/layer", trap.address.port());
    let digest = digest_of(b"a layer");
    let descriptor = json!({"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": 7,
        "urls": [elsewhere.replace("/layer", "/named")]});
    let body = json!({"schemaVersion": 2, "mediaType": IMAGE, "config": descriptor, "layers": [descriptor]})
        .to_string();
    let password = basic(USER, PASSWORD);
    let upstream = {
        let (body, good) = (body.clone(), good());
        Fake::start(move |seen: &Seen| {
            if seen.header("authorization") != Some(&password) {
                return Reply::new(401).header("www-authenticate", "Basic realm=r");
            }
            match seen.target.rsplit('/').next().unwrap() {
                "v1" => Reply::new(200).header("content-type", IMAGE).body(&body),
                "good" => Reply::new(200).header("content-type", IMAGE).body(&good.manifest.bytes),
                last if last == good.blobs[0].digest => Reply::new(200).body(&good.blobs[0].bytes),
                _ => Reply::new(307).header("location", &elsewhere),
            }
        })
        .await
    };
    let (landfall, token) = before(&upstream).await;
    let client = landfall.client(&token);
    assert_eq!(client.get("/v2/docker/app/manifests/v1").await.expect(200).text(), body);
    // The trap's challenge is no challenge to Landfall's client either.
    let refused = client.get(&format!("/v2/docker/app/blobs/{digest}")).await.expect(502);
    assert_eq!(refused.header("www-authenticate"), None);
    assert!(trap.count("/layer") > 0, "the redirect was followed");
    for seen in trap.seen() {
        assert_eq!((seen.target.as_str(), seen.header("authorization")), ("/layer", None));
    }
}

/// CVE-2026-33540 and CVE-2026-48978: distribution and oras-go told the configured password to whatever token server a
/// registry named. The fake is the HTTP proxy on the way out, so that it is every host.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_server_of_another_domain_is_told_no_password() {
    let cases = [
        ("http://tokens.shop.example/token", "", true),
        ("http://tokens.evil.example/token", "", false),
        ("http://tokens.evil.example/token", "token_servers = [\"http://tokens.evil.example\"]", true),
    ];
    for (realm, line, is_told) in cases {
        let everybody = Fake::of_pulls(move |seen: &Seen| {
            if seen.target.starts_with(realm) {
                return Reply::new(200).body(r#"{"token":"t"}"#);
            }
            match seen.header("authorization") {
                Some("Bearer t") => Reply::new(200).header("content-type", IMAGE).body("{}"),
                _ => Reply::new(401).header("www-authenticate", format!("Bearer realm=\"{realm}\"")),
            }
        })
        .await;
        let proxy = format!("proxy = \"{}\"", everybody.url());
        let setup = Setup::before("http://registry.shop.example").with_credentials().line(&proxy).line(line);
        let landfall = setup.start();
        landfall.environment("production").await;
        let token = landfall.token("production").await;
        let answer = landfall.client(&token).get("/v2/docker/app/manifests/v1").await;
        answer.expect(if is_told { 200 } else { 502 });
        let password = basic(USER, PASSWORD);
        let told: Vec<_> =
            everybody.seen().into_iter().filter(|seen| seen.target.starts_with(realm)).collect();
        assert!(told.iter().all(|seen| seen.header("authorization") == Some(&password)), "{realm}");
        assert_eq!(!told.is_empty(), is_told, "{realm} {line}");
    }
}

/// CVE-2024-3727: containers/image put digests into paths that nobody had looked at.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_digest_is_put_into_no_path() {
    let hex = "0".repeat(64);
    let malformed = [
        "../../../v2/_catalog".to_owned(),
        "sha256:../../../../v2/_catalog".to_owned(),
        format!("sha256:{hex}/../../../_catalog"),
        format!("sha256:{}", "0".repeat(63)),
        format!("sha256:{}", "A".repeat(64)),
        format!("SHA256:{hex}"),
        format!("sha256:{hex}?ns=evil.example"),
        format!("sha256:{hex}\u{0}"),
        String::new(),
    ];
    let documents = malformed.iter().flat_map(|digest| {
        let image = json!({"schemaVersion": 2, "config": {"digest": digest}, "layers": [{"digest": digest}]});
        let index =
            json!({"schemaVersion": 2, "manifests": [{"digest": digest, "platform": {"os": "linux"}}]});
        [(IMAGE, image.to_string()), (INDEX, index.to_string())]
    });
    let documents: Vec<_> = documents.collect();
    let upstream = {
        let (documents, malformed, good) = (documents.clone(), malformed.clone(), good());
        Fake::start(move |seen| {
            let last = seen.target.rsplit('/').next().unwrap();
            if let Some(Ok(number)) = last.strip_prefix('v').map(str::parse::<usize>) {
                let (media_type, body) = &documents[number];
                let answer = Reply::new(200).header("content-type", media_type);
                // An answer's word on itself is no better.
                let stated = malformed[number / 2].replace('\u{0}', "!");
                return answer.header("docker-content-digest", stated).body(body);
            }
            match last {
                "good" => Reply::new(200).header("content-type", IMAGE).body(&good.manifest.bytes),
                last if last == good.blobs[0].digest => Reply::new(200).body(&good.blobs[0].bytes),
                _ => Reply::new(404),
            }
        })
        .await
    };
    let (landfall, token) = before(&upstream).await;
    let mut expected = Vec::new();
    for (number, (_, body)) in documents.iter().enumerate() {
        let path = format!("/v2/docker/app/manifests/v{number}");
        assert_eq!(landfall.client(&token).get(&path).await.expect(200).text(), *body);
        expected.push(path);
    }
    until_learned(&upstream, &landfall, &token).await;
    assert_eq!(asked(&upstream), expected);
    let digests: Vec<Value> =
        landfall.observations().await.iter().map(|seen| seen["digest"].clone()).collect();
    for (_, body) in &documents {
        assert!(digests.contains(&digest_of(body.as_bytes()).into()), "an answer is known by another digest");
    }
}

/// CVE-2021-41190: one document that is an index to one reader and an image's manifest to another.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_of_two_kinds_is_handed_on_and_nothing_is_learned_from_it() {
    let (child, config) = (digest_of(b"a child"), digest_of(b"a config"));
    let list = json!([{"mediaType": IMAGE, "digest": child, "size": 7, "platform": {"os": "linux", "architecture": "amd64"}}]);
    let both = json!({"schemaVersion": 2, "manifests": list, "config": {"digest": config}, "layers": []})
        .to_string();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": list}).to_string();
    let image = json!({"schemaVersion": 2, "mediaType": IMAGE, "config": {"digest": config}, "layers": []})
        .to_string();
    let documents = vec![
        ("both-as-index", INDEX, both.clone()),
        ("both-as-image", IMAGE, both + " "),
        ("index-as-image", IMAGE, index),
        ("image-as-index", INDEX, image.clone()),
        // Its digest is not that of its bytes, so nothing would tie what it says to what it is.
        ("as-schema1", "application/vnd.docker.distribution.manifest.v1+prettyjws", image + " "),
    ];
    let upstream = holding(documents.clone()).await;
    let (landfall, token) = before(&upstream).await;
    let client = landfall.client(&token);
    let mut expected = Vec::new();
    for (tag, media_type, body) in &documents {
        let path = format!("/v2/docker/app/manifests/{tag}");
        let answer = client.get(&path).await.expect(200);
        assert_eq!((answer.header("content-type"), answer.text()), (Some(*media_type), body.clone()));
        // And once more by what it is: nothing else is learned then.
        let by_digest = format!("/v2/docker/app/manifests/{}", digest_of(body.as_bytes()));
        client.get(&by_digest).await.expect(200);
        expected.extend([path, by_digest]);
    }
    until_learned(&upstream, &landfall, &token).await;
    assert_eq!(asked(&upstream), expected, "a child or a config of it was looked at");
}

/// RUSTSEC-2021-0078 and RUSTSEC-2021-0079: hyper read lengths that are none, so that a server in front of it saw the end of
/// a request elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_end_is_in_doubt_is_refused_with_all_that_follows() {
    let upstream = Fake::holding(good()).await;
    let (landfall, token) = before(&upstream).await;
    let authorization = basic(&token.user, &token.secret);
    let smuggled = format!(
        "GET /v2/smuggled/manifests/v1 HTTP/1.1\r\nhost: a\r\nauthorization: {authorization}\r\n\r\n"
    );
    let length = smuggled.len();
    let lengths = [
        format!("content-length: +{length}"),
        format!("content-length: -{length}"),
        format!("content-length: 0x{length:x}"),
        format!("content-length: {length}a"),
        format!("content-length: 0\r\ncontent-length: {length}"),
        format!("content-length: {length}, 0"),
        format!("content-length: 99999999999999999999{length}"),
        format!("content-length : {length}"),
        "transfer-encoding: xchunked".to_owned(),
        "transfer-encoding: chunked, identity".to_owned(),
        "transfer-encoding : chunked".to_owned(),
    ];
    for headers in lengths {
        let head =
            format!("GET /v2/ HTTP/1.1\r\nhost: a\r\nauthorization: {authorization}\r\n{headers}\r\n\r\n");
        let answer = said(&landfall, &format!("{head}{smuggled}")).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{headers}: {answer}");
        assert_eq!(
            answer.matches("HTTP/1.1 ").count() + usize::from(answer.is_empty()),
            1,
            "{headers}: {answer}"
        );
    }
    // Sizes of a chunk that fit into no number, or are none: the body has no end, and nothing begins behind it.
    for size in ["f0000000000000003", "ffffffffffffffff1", "+5", "-1", "0x5", "5 5", "", "5;\n"] {
        let head = format!(
            "GET /v2/ HTTP/1.1\r\nhost: a\r\nauthorization: {authorization}\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        let answer = said(&landfall, &format!("{head}{size}\r\nabc\r\n0\r\n\r\n{smuggled}")).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{size}: {answer}");
    }
    assert!(!upstream.seen().iter().any(|seen| seen.target.contains("smuggled")), "{:?}", upstream.seen());
    landfall.client(&token).get("/v2/docker/app/manifests/v1").await.expect(200);
}

/// Everything that is answered until the connection ends.
async fn said(landfall: &Landfall, request: &str) -> String {
    let mut stream = TcpStream::connect(landfall.proxy()).await.unwrap();
    let _ = stream.write_all(request.as_bytes()).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(crate::rig::PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// The same of a registry's answers, which hyper reads as a client.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_end_is_in_doubt_is_no_answer() {
    let body = "a manifest";
    let upstream = Fake::start(move |seen| {
        let headers = match seen.target.rsplit('/').next().unwrap() {
            "plus" => "content-length: +10",
            "two" => "content-length: 3\r\ncontent-length: 10",
            "list" => "content-length: 10, 3",
            "hexadecimal" => "content-length: 0xa",
            "huge" => "content-length: 99999999999999999999",
            "space" => "content-length : 10",
            "coding" => "transfer-encoding: xchunked",
            "chunk" => return Reply::new(0).send(format!(
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nf0000000000000003\r\n{body}\r\n0\r\n\r\n"
            )).close(),
            _ => "content-length: 10",
        };
        Reply::new(0).send(format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{body}")).close()
    })
    .await;
    let (landfall, token) = before(&upstream).await;
    let client = landfall.client(&token);
    for tag in ["plus", "two", "list", "hexadecimal", "huge", "space", "coding", "chunk"] {
        let answer = client.get(&format!("/v2/docker/app/manifests/{tag}")).await;
        assert_eq!(answer.status, 502, "{tag}: {}", answer.text());
    }
    client.ask(Method::GET, "/v2/docker/app/manifests/good", &[]).await.expect(200);
}

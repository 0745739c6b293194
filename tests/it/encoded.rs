//! An upstream, or something before it, that compresses content although nobody asked.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use http::Method;

use crate::rig::fake::{Fake, Reply};
use crate::rig::http::Client;
use crate::rig::images::{Format, Image, Recipe, digest_of};
use crate::rig::landfall::{Landfall, Setup};

const MIB: usize = 1 << 20;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

async fn before(fake: &Fake) -> (Landfall, Client) {
    let landfall = Setup::before(&fake.url()).start();
    landfall.environment("production").await;
    // As Go's client sends it on every GET.
    let client = landfall.client(&landfall.token("production").await).with("accept-encoding", "gzip");
    (landfall, client)
}

/// Everything of one image, each answer in the encoding `name` and by `encode`.
async fn encoding(image: Image, name: &'static str, encode: fn(&[u8]) -> Vec<u8>) -> Fake {
    Fake::start(move |seen| {
        let asked = seen.target.rsplit('/').next().unwrap();
        let blob = image.blobs.iter().find(|blob| blob.digest == asked);
        let is_manifest = seen.target.contains("/manifests/");
        let Some(content) = is_manifest.then_some(&image.manifest).or(blob) else {
            return Reply::new(404).header("content-encoding", name).body(encode(b"{\"errors\":[]}"));
        };
        Reply::new(200)
            .header("content-type", content.media_type)
            .header("docker-content-digest", &content.digest)
            .header("content-encoding", name)
            .header("etag", "\"of-what-is-sent\"")
            .header("accept-ranges", "bytes")
            .body(encode(&content.bytes))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_compressed_goes_on_as_it_is() {
    let image = Recipe::app(Format::Oci, "1.0.0").layer("zeros", &[0; 3 * MIB]).build();
    for (name, encode) in [
        ("gzip", gzip as fn(&[u8]) -> Vec<u8>),
        ("X-GZIP", gzip),
        // Two members are one content (RFC 1952 §2.2).
        ("gzip", |bytes| [gzip(&bytes[..bytes.len() / 2]), gzip(&bytes[bytes.len() / 2..])].concat()),
        ("identity", <[u8]>::to_vec),
    ] {
        let fake = encoding(image.clone(), name, encode).await;
        let (landfall, client) = before(&fake).await;
        let manifests = ["v1", image.digest()].map(|it| (format!("manifests/{it}"), &image.manifest));
        let blobs = image.blobs.iter().map(|blob| (format!("blobs/{}", blob.digest), blob));
        for (path, content) in manifests.into_iter().chain(blobs.clone()).chain(blobs) {
            let path = format!("/v2/app/{path}");
            let answer = client.get(&path).await.expect(200);
            assert_eq!(answer.header("content-encoding"), None, "{name} {path}");
            assert_eq!(answer.header("docker-content-digest"), Some(&*content.digest), "{name} {path}");
            assert!(answer.body == content.bytes, "{name} {path}");
            let length = answer.header("content-length");
            assert!(
                length.is_none_or(|it| it == content.bytes.len().to_string()),
                "{name} {path} {length:?}"
            );
            if name != "identity" {
                assert_eq!(answer.header("etag"), Some("W/\"of-what-is-sent\""), "{name} {path}");
                // A length of other bytes is worse than none.
                let head = client.ask(Method::HEAD, &path, &[]).await.expect(200);
                let not_sent = ["content-length", "content-encoding", "accept-ranges"];
                assert_eq!(not_sent.map(|name| head.header(name)), [None; 3], "{path}");
            }
        }
        let missing = client.get(&format!("/v2/app/blobs/{}", digest_of(b"no"))).await.expect(404);
        assert_eq!(missing.text(), "{\"errors\":[]}", "{name}");
        assert!(fake.seen().iter().all(|seen| seen.header("accept-encoding") == Some("identity")));
        let observed = landfall.observations().await;
        assert!(observed.iter().any(|it| it["digest"] == image.digest() && it["bytes"] != 0), "{observed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_undone_is_refused() {
    let image = Recipe::app(Format::Oci, "1.0.0").build();
    let cut = |bytes: &[u8]| gzip(bytes)[..gzip(bytes).len() - 4].to_vec();
    for (name, encode) in [
        ("br", <[u8]>::to_vec as fn(&[u8]) -> Vec<u8>),
        ("zstd", <[u8]>::to_vec),
        ("deflate", <[u8]>::to_vec),
        ("gzip, br", gzip),
        ("gzip", <[u8]>::to_vec),
        ("gzip", cut),
        ("gzip", |bytes| [&gzip(bytes)[..], b"more"].concat()),
        ("gzip", |_| gzip(b"another content")),
    ] {
        let fake = encoding(image.clone(), name, encode).await;
        let (_landfall, client) = before(&fake).await;
        for path in ["v1", image.digest()] {
            let answer = client.get(&format!("/v2/app/manifests/{path}")).await.expect(502);
            assert!(answer.json()["errors"][0]["message"].as_str().is_some(), "{name}");
        }
        let blob = format!("/v2/app/blobs/{}", image.blobs[1].digest);
        // Refused by its status, or broken off.
        let answer = client.send(Method::GET, &blob, &[], Default::default()).await;
        assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status == 502), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_encoded_content_is_refused() {
    let image = Recipe::app(Format::Oci, "1.0.0").build();
    let bytes = gzip(&image.blobs[1].bytes);
    let fake = Fake::start(move |_| {
        let range = format!("bytes 0-9/{}", bytes.len());
        Reply::new(206).header("content-encoding", "gzip").header("content-range", range).body(&bytes[..10])
    })
    .await;
    let (_landfall, client) = before(&fake).await;
    let path = format!("/v2/app/blobs/{}", image.blobs[1].digest);
    client.ask(Method::GET, &path, &[("range", "bytes=0-9")]).await.expect(502);
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_are_handed_on_up_to_a_bound_however_they_come() {
    let manifest = |bytes: usize| {
        let padding = " ".repeat(bytes - 2);
        format!("{{{padding}}}")
    };
    let rows =
        [(6 * MIB, false, 200), (8 * MIB, false, 200), (8 * MIB, true, 200), (8 * MIB + 1, false, 502)];
    let bombs = [(8 * MIB + 1, true, 502), (512 * MIB, true, 502)];
    for (bytes, is_encoded, status) in rows.into_iter().chain(bombs) {
        let body = manifest(bytes);
        let digest = digest_of(body.as_bytes());
        let sent = if is_encoded { gzip(body.as_bytes()) } else { body.into_bytes() };
        let fake = Fake::start(move |_| {
            let reply = Reply::new(200).header("content-type", "application/vnd.oci.image.manifest.v1+json");
            if is_encoded { reply.header("content-encoding", "gzip").body(&sent) } else { reply.body(&sent) }
        })
        .await;
        let (landfall, client) = before(&fake).await;
        let idle = landfall.memory_bytes("VmHWM");
        let what = format!("{bytes} {is_encoded}");
        let answer = client.get(&format!("/v2/app/manifests/{digest}")).await.expect(status);
        if status == 200 {
            assert_eq!(answer.body.len(), bytes, "{what}");
        } else {
            let error = &answer.json()["errors"][0];
            assert_eq!(error["code"], "MANIFEST_INVALID", "{what}: {error}");
            assert!(error["message"].as_str().unwrap().contains("8 MiB"), "{what}: {error}");
            assert_eq!(fake.count("/v2/app/manifests/"), 1, "it would not be shorter at the next try");
        }
        let above = landfall.memory_bytes("VmHWM").saturating_sub(idle);
        assert!(above < 64 << 20, "{what}: {above} bytes more");
    }
}

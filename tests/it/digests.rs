//! Content that is named by sha512, which the image spec registers beside sha256.

use http::Method;
use landfall::model::oci::Algorithm;

use crate::rig::fake::{Fake, Reply, Seen, serve_range};
use crate::rig::images::{Format, Image, Recipe};
use crate::rig::landfall::Setup;
use crate::rig::until;

fn sha512(bytes: &[u8]) -> String {
    Algorithm::Sha512.of(bytes).to_string()
}

/// The same image with sha512 everywhere.
fn image(version: &str) -> Image {
    let mut image = Recipe::app(Format::Oci, version).build();
    let mut manifest = String::from_utf8(image.manifest.bytes.to_vec()).unwrap();
    for blob in &mut image.blobs {
        let digest = sha512(&blob.bytes);
        manifest = manifest.replace(&std::mem::replace(&mut blob.digest, digest.clone()), &digest);
    }
    image.manifest.digest = sha512(manifest.as_bytes());
    image.manifest.bytes = manifest.into();
    image
}

fn serve(image: &Image, seen: &Seen) -> Reply {
    let asked = seen.target.rsplit('/').next().unwrap();
    match image.blobs.iter().find(|blob| blob.digest == asked) {
        Some(blob) => serve_range(seen, &blob.bytes, &format!("\"{}\"", blob.digest)),
        None => Reply::new(200)
            .header("content-type", image.manifest.media_type)
            .header("docker-content-digest", &image.manifest.digest)
            .body(&image.manifest.bytes),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_by_sha512_is_pulled_recorded_and_known_as_any_other() {
    let (it, served) = (image("1.0.0"), image("1.0.0"));
    let fake = Fake::start(move |seen| serve(&served, seen)).await;
    let landfall = Setup::before(&fake.url()).line("[derive]\nsettle = \"1s\"").start();
    landfall.environment("production").await;
    let token = landfall.token("production").await;
    let client = landfall.client(&token).with("user-agent", "containerd/1.7.22");
    let by_digest = format!("/v2/app/manifests/{}", it.digest());
    for (method, path) in [
        (Method::HEAD, "/v2/app/manifests/v1"),
        (Method::GET, "/v2/app/manifests/v1"),
        (Method::HEAD, &by_digest),
        (Method::GET, &by_digest),
        (Method::GET, &by_digest.replace(':', "%3A")),
    ] {
        let answer = client.ask(method.clone(), path, &[]).await.expect(200);
        assert_eq!(answer.header("docker-content-digest"), Some(it.digest()), "{method} {path}");
        assert!(method == Method::HEAD || answer.body == it.manifest.bytes, "{method} {path}");
    }
    for blob in &it.blobs {
        let path = format!("/v2/app/blobs/{}", blob.digest);
        client.ask(Method::HEAD, &path, &[]).await.expect(200);
        // Checked the first time, trusted the second.
        for _ in 0..2 {
            assert!(client.get(&path).await.expect(200).body == blob.bytes);
        }
        let part = client.ask(Method::GET, &path, &[("range", "bytes=1-4")]).await.expect(206);
        assert_eq!(part.body, blob.bytes[1..5]);
    }
    client.get(&format!("/v2/app/referrers/{}", it.digest())).await.expect(200);
    let running = async |landfall: &crate::rig::landfall::Landfall| {
        let running = landfall.admin_get("/api/v1/environments/production/running").await;
        let service = running["services"][0].clone();
        (service["digest"] == it.digest() && service["version"] == "1.0.0").then_some(())
    };
    until("it is known by its digest and its label", async || running(&landfall).await).await;
    // Reads again what was written.
    let landfall = landfall.kill_and_start();
    until("it is known after a crash", async || running(&landfall).await).await;
    let observed = landfall.observations().await;
    assert!(observed.iter().any(|it| it["digest"] == image("1.0.0").digest()), "{observed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_has_not_its_digest_by_either_algorithm_is_refused() {
    let right = image("1.0.0").manifest.bytes;
    let (by_256, by_512) = (Algorithm::Sha256.of(&right).to_string(), sha512(&right));
    let (wrong_256, wrong_512) = (Algorithm::Sha256.of(b"another").to_string(), sha512(b"another"));
    for (asked, stated, status) in [
        (&by_512, Some(&by_512), 200),
        (&by_512, None, 200),
        (&by_512, Some(&by_256), 200),
        (&by_256, Some(&by_512), 200),
        (&"v1".to_owned(), Some(&by_512), 200),
        (&"v1".to_owned(), None, 200),
        (&wrong_512, Some(&wrong_512), 502),
        (&wrong_512, None, 502),
        (&by_512, Some(&wrong_256), 502),
        (&by_256, Some(&wrong_512), 502),
        (&by_512, Some(&wrong_512), 502),
        (&"v1".to_owned(), Some(&wrong_512), 502),
    ] {
        let (body, stated) = (right.clone(), stated.cloned());
        let fake = Fake::start(move |_| {
            let reply = Reply::new(200).header("content-type", "application/vnd.oci.image.manifest.v1+json");
            let reply = stated.iter().fold(reply, |reply, it| reply.header("docker-content-digest", it));
            reply.body(&body)
        })
        .await;
        let landfall = Setup::before(&fake.url()).start();
        landfall.environment("production").await;
        let client = landfall.client(&landfall.token("production").await);
        let answer = client.get(&format!("/v2/app/manifests/{asked}")).await;
        assert_eq!(answer.status, status, "asked for {asked}: {}", answer.text());
        if asked == &by_512 || asked == &wrong_512 {
            let got =
                client.send(Method::GET, &format!("/v2/app/blobs/{asked}"), &[], Default::default()).await;
            assert_eq!(got.is_ok(), asked == &by_512, "a blob's end is held back: {asked}");
        }
    }
}

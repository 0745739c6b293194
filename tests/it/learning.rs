//! Requests of learning to a registry: once, under its own name, and not where the registry wants to be left alone.

use http::Method;

use crate::rig::fake::{Fake, Reply, Seen};
use crate::rig::http::Client;
use crate::rig::images::{Format, Image, Recipe};
use crate::rig::landfall::{Landfall, Setup};
use crate::rig::until;

/// Answers a HEAD of a tag, and everything by its digest.
fn serve(images: &[(&str, Image)], seen: &Seen) -> Reply {
    let asked = seen.target.rsplit('/').next().unwrap();
    let all = images.iter().flat_map(|(tag, image)| {
        let manifest = (*tag, &image.manifest);
        image.blobs.iter().map(|blob| ("", blob)).chain([manifest])
    });
    let found = all.into_iter().find(|(tag, content)| *tag == asked || content.digest == asked);
    let Some((_, content)) = found else { return Reply::new(404) };
    Reply::new(200)
        .header("content-type", content.media_type)
        .header("docker-content-digest", &content.digest)
        .body(&content.bytes)
}

/// An image with labels, one without, and one whose config is no image's.
fn images() -> Vec<(&'static str, Image)> {
    let plain = Recipe::new(Format::Oci).layer("a", b"a").build();
    let mut artifact = Recipe::app(Format::Oci, "chart").build();
    let config = artifact.blobs[0].digest.clone();
    artifact.blobs[0].bytes = "{}".into();
    artifact.blobs[0].digest = crate::rig::images::digest_of(b"{}");
    let manifest = String::from_utf8(artifact.manifest.bytes.to_vec()).unwrap();
    let manifest = manifest.replace(&config, &artifact.blobs[0].digest);
    artifact.manifest.digest = crate::rig::images::digest_of(manifest.as_bytes());
    artifact.manifest.bytes = manifest.into();
    vec![
        ("v1", Recipe::app(Format::Oci, "1.0.0").build()),
        ("v2", Recipe::app(Format::Docker, "2.0.0").build()),
        ("plain", plain),
        ("chart", artifact),
        ("last", Recipe::app(Format::Oci, "9.0.0").build()),
    ]
}

async fn client(landfall: &Landfall) -> Client {
    landfall.client(&landfall.token("production").await).with("user-agent", "containerd/1.7.22")
}

async fn head(client: &Client, repository: &str, tag: &str) {
    client.ask(Method::HEAD, &format!("/v2/{repository}/manifests/{tag}"), &[]).await.expect(200);
}

/// The requests that Landfall made by itself.
fn own(fake: &Fake) -> Vec<String> {
    let of_its_own = |seen: &Seen| seen.header("user-agent").is_some_and(|it| it.starts_with("landfall/"));
    fake.seen().into_iter().filter(of_its_own).map(|seen| seen.target).collect()
}

async fn until_asked(fake: &Fake, count: usize) {
    until("learning asks", async || (own(fake).len() >= count).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_log_knows_is_not_asked_for_again() {
    let (all, served) = (images(), images());
    let fake = Fake::start(move |seen| serve(&served, seen)).await;
    let landfall = Setup::before(&fake.url()).start();
    landfall.environment("production").await;
    let known = &all[..4];
    let nodes = client(&landfall).await;
    for (tag, _) in known {
        head(&nodes, "app", tag).await;
    }
    // A manifest and a config of each; nothing but GETs, and all of them say who asks.
    until_asked(&fake, 8).await;
    assert_eq!(
        own(&fake).len(),
        fake.seen().iter().filter(|seen| seen.method == "GET" && seen.target != "/v2/").count()
    );
    let of_the_last = |it: &&String| it.ends_with(&known[3].1.blobs[0].digest);
    until("the log has it", async || (own(&fake).iter().any(|it| of_the_last(&it))).then_some(())).await;

    let (_, setup) = landfall.stop();
    let landfall = setup.start();
    let nodes = client(&landfall).await;
    for (tag, _) in &all {
        head(&nodes, "app", tag).await;
    }
    // One question after the other: what comes last shows that the others were not asked.
    until_asked(&fake, 10).await;
    let last = &all[4].1;
    assert!(own(&fake)[8].ends_with(last.digest()) && own(&fake)[9].ends_with(&last.blobs[0].digest));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_wants_to_be_left_alone_is() {
    for (status, header, value) in [
        (429, "retry-after", "600"),
        (503, "retry-after", "600"),
        (500, "x-nothing", "1"),
        (200, "ratelimit-remaining", "0;w=21600"),
    ] {
        let served = images();
        let fake = Fake::start(move |seen| {
            if seen.method == "HEAD" {
                serve(&served, seen)
            } else {
                Reply::new(status).header(header, value)
            }
        })
        .await;
        let served = images();
        let other = Fake::start(move |seen| serve(&served, seen)).await;
        let upstream = format!("[[upstream]]\nprefix = \"other\"\nurl = \"{}\"", other.url());
        let landfall = Setup::before(&fake.url()).line(&upstream).start();
        landfall.environment("production").await;
        let nodes = client(&landfall).await;
        for tag in ["v1", "v2", "plain"] {
            head(&nodes, "app", tag).await;
        }
        head(&nodes, "other/app", "last").await;
        until_asked(&other, 2).await;
        assert_eq!(own(&fake).len(), 1, "{status} {header}");
        // Clients are not kept from anything.
        head(&nodes, "app", "v1").await;
    }
}

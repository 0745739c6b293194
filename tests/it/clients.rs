//! Real clients through Landfall: they pull with a valid token, and fail clearly with a wrong and a revoked one.

use serde_json::Value;

use crate::rig::fake::Fake;
use crate::rig::images::{Format, Image, Recipe};
use crate::rig::landfall::{Landfall, Setup, Token};
use crate::rig::laptop::Laptop;
use crate::rig::node::Node;
use crate::rig::registry::{Auth, Registry};
use crate::rig::skip::need;
use crate::rig::{directory, skopeo, until};

const REPOSITORY: &str = "docker/app";

/// Landfall before a registry that has every kind of image.
struct World {
    landfall: Landfall,
    token: Token,
    images: Vec<(&'static str, Image)>,
    registry: Registry,
}

impl World {
    async fn new(auth: Auth) -> Self {
        let registry = Registry::start(auth).await;
        let push = registry.client().await;
        let images = vec![
            ("oci", Recipe::app(Format::Oci, "1.0.0").build()),
            ("oci-index", Recipe::app(Format::Oci, "1.1.0").build_index()),
            ("docker", Recipe::app(Format::Docker, "1.2.0").build()),
            ("docker-list", Recipe::app(Format::Docker, "1.3.0").build_index()),
        ];
        for (tag, image) in &images {
            image.push(&push, REPOSITORY, tag).await;
        }
        let setup = Setup::before(&registry.url());
        let landfall = if auth == Auth::Open { setup } else { setup.with_credentials() }.start();
        landfall.environment("production").await;
        let token = landfall.token("production").await;
        Self { landfall, token, images, registry }
    }

    /// The log's observations of the image, from the `from`th on: (method, object) in the log's order.
    async fn seen(&self, from: usize) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let observations = self.landfall.observations().await;
        let good = observations[from..].iter().filter(|one| one["status"] == 200);
        good.map(|one| (text(&one["method"]), text(&one["object"]))).collect()
    }

    /// Waits until every blob that a client of this machine's platform needs is in the log after `from`.
    async fn blobs_arrive(&self, from: usize, count: usize) {
        until("the blob transfers are in the log", async || {
            let seen = self.seen(from).await;
            (seen.iter().filter(|(_, object)| object == "blob").count() >= count).then_some(())
        })
        .await;
    }
}

/// A secret of the right form that nobody has.
fn wrong(token: &Token) -> String {
    let last = if token.secret.ends_with('A') { 'B' } else { 'A' };
    format!("{}{last}", &token.secret[..token.secret.len() - 1])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_answers_for_the_registry_that_an_image_names_and_for_no_other() {
    need!("containerd", "ip");
    let (ours, theirs) =
        (Recipe::app(Format::Oci, "1.0.0").build(), Recipe::app(Format::Oci, "9.0.0").build());
    let internal = Fake::holding(ours.clone()).await;
    let mirrored = Fake::holding(theirs.clone()).await;
    let upstream = format!(
        "[[upstream]]\nprefix = \"mirrored\"\nurl = \"{}\"\nhosts = [\"images.test\"]",
        mirrored.url()
    );
    let setup = Setup::before(&internal.url()).line(&upstream).flag("--public-host", "landfall.test:8080");
    let landfall = setup.start();
    landfall.environment("production").await;
    let (token, node) = (landfall.token("production").await, Node::start().await);
    for registry in ["images.test", "landfall.test:8080", "elsewhere.test"] {
        node.mirror(registry, landfall.port());
    }
    let pull = async |image: &str| node.cri().pull(image, &token.user, &token.secret).await;
    for (image, is_of) in [("landfall.test:8080/app:v1", &ours), ("images.test/app:v1", &theirs)] {
        assert_eq!(pull(image).await.unwrap(), is_of.blobs[0].digest, "{image}");
    }
    assert!(pull("elsewhere.test/app:v1").await.is_err());
    assert!(node.cri().status("elsewhere.test/app:v1").await.unwrap().is_none());
    let names: std::collections::BTreeSet<_> = landfall
        .observations()
        .await
        .into_iter()
        .map(|one| one["repository"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["app", "images.test/app"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn cri_pulls_by_tag_and_by_digest() {
    need!("docker-registry", "htpasswd", "containerd", "ip");
    let world = World::new(Auth::Htpasswd).await;
    let (token, node) = (&world.token, Node::start().await);
    let host = node.host(world.landfall.port());
    for (tag, image) in &world.images {
        let name = format!("{host}/{REPOSITORY}:{tag}");
        let by_digest = format!("{host}/{REPOSITORY}@{}", image.digest());
        let before = world.landfall.observations().await.len();
        node.cri().pull(&name, &token.user, &token.secret).await.unwrap();
        let status = node.cri().status(&name).await.unwrap().unwrap();
        assert!(status.repo_digests.contains(&by_digest), "{tag}: {status:?}");
        // The config and the version's own layer at least: the base layer may be on the node already.
        world.blobs_arrive(before, 2).await;

        for again in [&name, &by_digest] {
            let before = world.landfall.observations().await.len();
            node.cri().pull(again, &token.user, &token.secret).await.unwrap();
            assert_eq!(world.seen(before).await, [("HEAD".into(), "manifest".into())], "{again}");
        }
        node.cri().remove(&name).await.unwrap();
        node.cri().pull(&by_digest, &token.user, &token.secret).await.unwrap();
    }
    let observation = &world.landfall.observations().await[0];
    assert_eq!(observation["client"], node.address().as_str());
    assert!(observation["agent"].as_str().unwrap().starts_with("containerd/"), "{observation}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cri_is_refused_with_a_wrong_and_a_revoked_token() {
    need!("docker-registry", "htpasswd", "containerd", "ip");
    let world = World::new(Auth::Htpasswd).await;
    let (token, node) = (&world.token, Node::start().await);
    let name = format!("{}/{REPOSITORY}:oci", node.host(world.landfall.port()));
    let refused = node.cri().pull(&name, &token.user, &wrong(token)).await.unwrap_err();
    assert!(refused.message().contains("401 Unauthorized"), "{refused}");
    node.cri().pull(&name, &token.user, &token.secret).await.unwrap();
    world.landfall.revoke(token).await;
    let refused = node.cri().pull(&name, &token.user, &token.secret).await.unwrap_err();
    assert!(refused.message().contains("401 Unauthorized"), "{refused}");
    let unknown = world.landfall.token("production").await;
    let unknown = node.cri().pull(&format!("{name}-2"), &unknown.user, &unknown.secret).await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::NotFound, "{unknown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctr_pulls() {
    need!("docker-registry", "containerd", "ctr", "ip");
    let world = World::new(Auth::Open).await;
    let (token, node) = (&world.token, Node::start().await);
    let host = node.host(world.landfall.port());
    for (tag, _) in &world.images {
        let name = format!("{host}/{REPOSITORY}:{tag}");
        let before = world.landfall.observations().await.len();
        node.ctr_pull(&name, &token.user, &token.secret).succeeded();
        world.blobs_arrive(before, 2).await;
        let before = world.landfall.observations().await.len();
        node.ctr_pull(&name, &token.user, &token.secret).succeeded();
        assert_eq!(world.seen(before).await, [("HEAD".into(), "manifest".into())], "{tag}");
    }
    let name = format!("{host}/{REPOSITORY}:oci");
    node.ctr_pull(&name, &token.user, &wrong(token)).failed_with("401 Unauthorized");
    world.landfall.revoke(token).await;
    node.ctr_pull(&name, &token.user, &token.secret).failed_with("401 Unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn docker_logs_in_and_pulls() {
    need!("docker-registry", "containerd", "dockerd", "docker");
    let world = World::new(Auth::Token).await;
    let (token, laptop) = (&world.token, Laptop::start().await);
    let given = world.registry.tokens().given();
    let host = world.landfall.proxy();
    laptop.login(host, &token.user, &wrong(token)).failed_with("401 Unauthorized");
    laptop.login(host, &token.user, &token.secret).succeeded();
    for (tag, image) in &world.images {
        let name = format!("{host}/{REPOSITORY}:{tag}");
        let before = world.landfall.observations().await.len();
        let said = laptop.docker(&["pull", &name]).succeeded();
        assert!(said.out.contains(image.digest()), "{tag}: {}", said.out);
        world.blobs_arrive(before, 2).await;
        let before = world.landfall.observations().await.len();
        laptop.docker(&["pull", &name]).succeeded();
        assert_eq!(world.seen(before).await, [("HEAD".into(), "manifest".into())], "{tag}");
        laptop.docker(&["rmi", &name]).succeeded();
        laptop.docker(&["pull", &format!("{host}/{REPOSITORY}@{}", image.digest())]).succeeded();
    }
    let given = world.registry.tokens().given() - given;
    assert!(given <= 2, "the registry's tokens are cached: {given} were fetched");
    world.landfall.revoke(token).await;
    laptop.docker(&["pull", &format!("{host}/{REPOSITORY}:oci")]).failed_with("unauthorized");
    laptop.login(host, &token.user, &token.secret).failed_with("401 Unauthorized");
    laptop.remember(host, &token.user, &wrong(token));
    laptop.docker(&["pull", &format!("{host}/{REPOSITORY}:oci")]).failed_with("unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_copies() {
    need!("docker-registry", "skopeo");
    let world = World::new(Auth::Token).await;
    let token = &world.token;
    for (tag, image) in &world.images {
        let dir = directory();
        let name = format!("{}/{REPOSITORY}:{tag}", world.landfall.proxy());
        skopeo::copy(&name, &token.user, &token.secret, dir.path()).succeeded();
        assert_eq!(std::fs::read(dir.path().join("manifest.json")).unwrap(), image.manifest.bytes);
        for blob in image.children.iter().flat_map(|child| &child.blobs).chain(&image.blobs) {
            let file = dir.path().join(blob.digest.strip_prefix("sha256:").unwrap());
            assert_eq!(std::fs::read(file).unwrap(), blob.bytes, "{tag}: {}", blob.digest);
        }
    }
    let (dir, name) = (directory(), format!("{}/{REPOSITORY}:oci", world.landfall.proxy()));
    skopeo::copy(&name, &token.user, &wrong(token), dir.path()).failed_with("unauthorized");
    world.landfall.revoke(token).await;
    skopeo::copy(&name, &token.user, &token.secret, dir.path()).failed_with("unauthorized");
}

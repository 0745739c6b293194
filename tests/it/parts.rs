//! The rig itself: each real part works with the registry directly, so that a red test elsewhere points at Landfall.

use bytes::Bytes;
use http::Method;

use crate::rig::http::Client;
use crate::rig::images::{Format, Recipe, digest_of, push_blob};
use crate::rig::laptop::Laptop;
use crate::rig::node::Node;
use crate::rig::registry::{Auth, PASSWORD, Registry, USER};
use crate::rig::relay::Relay;
use crate::rig::skip::need;
use crate::rig::skopeo;

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_checks_tokens() {
    need!("docker-registry");
    let registry = Registry::start(Auth::Token).await;
    let refused = Client::new(registry.address()).get("/v2/docker/app/manifests/v1").await.expect(401);
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(challenge.contains(&registry.tokens().realm()), "{challenge}");
    let image = Recipe::app(Format::Oci, "1.0.0").build();
    image.push(&registry.client().await, "docker/app", "v1").await;

    let token_server = registry.tokens().realm().replace("http://", "").replace("/token", "");
    let query = "/token?service=test&scope=repository:docker/app:pull";
    Client::new(&token_server).get(query).await.expect(401);
    let answer = Client::new(&token_server).with_basic(USER, PASSWORD).get(query).await.expect(200);
    let bearer = format!("Bearer {}", answer.json()["token"].as_str().unwrap());
    let client = Client::new(registry.address()).with("authorization", bearer);
    let path = format!("/v2/docker/app/blobs/{}", image.blobs[0].digest);
    assert_eq!(client.get(&path).await.expect(200).body, image.blobs[0].bytes);
    client.get("/v2/docker/other/tags/list").await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_pulls_by_cri_and_ctr() {
    need!("docker-registry", "htpasswd", "containerd", "ctr", "ip");
    let registry = Registry::start(Auth::Htpasswd).await;
    let push = registry.client().await;
    let image = Recipe::app(Format::Oci, "1.0.0").build();
    image.push(&push, "docker/app", "v1").await;
    let index = Recipe::app(Format::Docker, "2.0.0").build_index();
    index.push(&push, "docker/app", "v2").await;
    // The registry listens on 127.0.0.1 only, so the node's namespace must not matter here.
    let relay = Relay::on_every_address(registry.address()).await;
    let node = Node::start().await;
    let host = node.host(relay.port());
    for (tag, image) in [("v1", &image), ("v2", &index)] {
        let name = format!("{host}/docker/app:{tag}");
        node.cri().pull(&name, USER, PASSWORD).await.unwrap();
        let status = node.cri().status(&name).await.unwrap().unwrap();
        let digest = format!("{host}/docker/app@{}", image.digest());
        assert!(status.repo_digests.contains(&digest), "{status:?}");
        node.cri().pull(&digest, USER, PASSWORD).await.unwrap();
        node.ctr_pull(&name, USER, PASSWORD).succeeded();
        node.cri().remove(&name).await.unwrap();
    }
    let refused = node.cri().pull(&format!("{host}/docker/app:v1"), USER, "wrong").await.unwrap_err();
    assert!(refused.message().contains("401 Unauthorized"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_laptop_logs_in_and_pulls() {
    need!("docker-registry", "htpasswd", "containerd", "dockerd", "docker");
    let registry = Registry::start(Auth::Htpasswd).await;
    let image = Recipe::app(Format::Docker, "1.0.0").build();
    image.push(&registry.client().await, "docker/app", "v1").await;
    let laptop = Laptop::start().await;
    laptop.login(registry.address(), USER, "wrong").failed_with("401 Unauthorized");
    laptop.login(registry.address(), USER, PASSWORD).succeeded();
    let said = laptop.docker(&["pull", &format!("{}/docker/app:v1", registry.address())]).succeeded();
    assert!(said.out.contains(image.digest()), "{}", said.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn skopeo_copies() {
    need!("docker-registry", "htpasswd", "skopeo");
    let registry = Registry::start(Auth::Htpasswd).await;
    let index = Recipe::app(Format::Oci, "1.0.0").build_index();
    index.push(&registry.client().await, "docker/app", "v1").await;
    let dir = crate::rig::directory();
    let image = format!("{}/docker/app:v1", registry.address());
    skopeo::copy(&image, USER, PASSWORD, dir.path()).succeeded();
    assert_eq!(std::fs::read(dir.path().join("manifest.json")).unwrap(), index.manifest.bytes);
    skopeo::copy(&image, USER, "wrong", dir.path()).failed_with("unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_cuts_an_answer_off() {
    need!("docker-registry");
    let registry = Registry::start(Auth::Open).await;
    let client = registry.client().await;
    let (small, large) = (digest_of(b"small"), vec![7; 1 << 20]);
    push_blob(&client, "docker/large", &small, Bytes::from_static(b"small")).await;
    let path = format!("/v2/docker/large/blobs/{}", digest_of(&large));
    std::fs::write(registry.adopt_blob("docker/large", &small, &digest_of(&large)), &large).unwrap();
    let relay = Relay::to(registry.address()).await;
    let client = Client::new(format!("127.0.0.1:{}", relay.port()));
    relay.cut(1, 300_000);
    client.send(Method::GET, &path, &[], Bytes::new()).await.unwrap_err();
    assert_eq!(relay.cuts(), 1);
    assert_eq!(client.get(&path).await.expect(200).body, large);
}

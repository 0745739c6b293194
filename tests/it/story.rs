//! The main job: what landed, and what was rolled back, from real pulls alone.

use serde_json::Value;

use crate::rig::images::{Format, Recipe};
use crate::rig::landfall::{Landfall, Setup, Token};
use crate::rig::laptop::Laptop;
use crate::rig::node::Node;
use crate::rig::registry::{Auth, Registry};
use crate::rig::skip::need;
use crate::rig::until;

const REPOSITORY: &str = "docker/app";
const DEPLOYMENTS: &str = "/api/v1/environments/production/deployments";
const RUNNING: &str = "/api/v1/environments/production/running";
const LOCAL: &str = "/api/v1/environments/production/local";

/// Landfall before a registry, with rollouts that settle after this time.
async fn start(settle: &str) -> (Registry, Landfall, Token) {
    let registry = Registry::start(Auth::Htpasswd).await;
    let landfall = Setup::before_registry(&registry).flag("--settle", settle).start();
    landfall.environment("production").await;
    let token = landfall.token("production").await;
    (registry, landfall, token)
}

/// Waits until the one service runs this digest, settled.
async fn settled(landfall: &Landfall, digest: &str) -> Value {
    let mut last = Value::Null;
    until("the rollout settles", async || {
        let service = landfall.admin_get(RUNNING).await["services"][0].clone();
        if service != last {
            println!("running: {service}");
            last = service.clone();
        }
        (service["digest"] == digest && service["state"] == "settled").then_some(service)
    })
    .await
}

/// `kind version ← version, n reverted` for each deployment, oldest first.
fn told(deployments: &Value) -> Vec<String> {
    let deployments = deployments["deployments"].as_array().unwrap().iter().rev();
    let told = deployments.map(|deployment| {
        let change = &deployment["changes"][0];
        assert_eq!(change["repository"], REPOSITORY, "{deployment}");
        let version = |side: &Value| side["version"].as_str().unwrap_or("-").to_owned();
        format!(
            "{} {} from {}, {} reverted",
            deployment["kind"].as_str().unwrap(),
            version(&change["to"]),
            version(&change["from"]),
            deployment["releases_reverted"],
        )
    });
    told.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_and_a_rollback_by_version_tags() {
    tell(["v1", "v2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_and_a_rollback_under_one_moving_tag() {
    tell(["main", "main"]).await;
}

async fn tell(tags: [&str; 2]) {
    need!("docker-registry", "htpasswd", "containerd", "ip");
    let (registry, landfall, token) = start("500ms").await;
    let push = registry.client().await;
    let (one, two) = (Recipe::app(Format::Oci, "1.0.0").build(), Recipe::app(Format::Oci, "1.1.0").build());
    let node = Node::start().await;
    let host = node.host(landfall.port());
    for (image, tag) in [(&one, tags[0]), (&two, tags[1]), (&one, tags[0])] {
        image.push(&push, REPOSITORY, tag).await;
        let name = format!("{host}/{REPOSITORY}:{tag}");
        node.cri().pull(&name, &token.user, &token.secret).await.unwrap();
        settled(&landfall, image.digest()).await;
    }
    let expected = [
        "initial 1.0.0 from -, 0 reverted",
        "upgrade 1.1.0 from 1.0.0, 0 reverted",
        "rollback 1.0.0 from 1.1.0, 1 reverted",
    ];
    assert_eq!(told(&landfall.admin_get(DEPLOYMENTS).await), expected);
    let said = landfall.cli(&["timeline", "production", "--json"]).succeeded();
    assert_eq!(told(&serde_json::from_str(&said.out).unwrap()), expected);
    let said = landfall.cli(&["timeline", "production"]).succeeded();
    for word in ["first deployment", "upgrade", "rollback", "1.0.0", "1.1.0", REPOSITORY] {
        assert!(said.out.contains(word), "no `{word}` in:\n{}", said.out);
    }
    assert!(!said.out.contains('\u{1b}'), "colours are for terminals:\n{}", said.out);

    // The same log tells the same after a crash.
    let before = landfall.admin_get(DEPLOYMENTS).await;
    let landfall = landfall.kill_and_start();
    assert_eq!(landfall.admin_get(DEPLOYMENTS).await, before);
}

/// With the settle time that people have, a way back is told at once, not when it has settled.
#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_is_told_at_once() {
    need!("docker-registry", "htpasswd", "containerd", "ip");
    let (registry, landfall, token) = start("10m").await;
    let push = registry.client().await;
    for version in ["1.0.0", "1.1.0"] {
        Recipe::app(Format::Oci, version).build_index().push(&push, REPOSITORY, version).await;
    }
    let node = Node::start().await;
    let host = node.host(landfall.port());
    for version in ["1.0.0", "1.1.0", "1.0.0"] {
        let name = format!("{host}/{REPOSITORY}:{version}");
        node.cri().pull(&name, &token.user, &token.secret).await.unwrap();
    }
    let told = until("the rollback is told", async || {
        let told = told(&landfall.admin_get(DEPLOYMENTS).await);
        (told.len() == 3).then_some(told)
    })
    .await;
    assert_eq!(told[2], "rollback 1.0.0 from 1.1.0, 1 reverted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_by_a_laptop_is_local_and_changes_nothing() {
    need!("docker-registry", "htpasswd", "containerd", "dockerd", "docker", "ip");
    let (registry, landfall, token) = start("500ms").await;
    let push = registry.client().await;
    let (one, two) = (Recipe::app(Format::Oci, "1.0.0").build(), Recipe::app(Format::Oci, "1.1.0").build());
    one.push(&push, REPOSITORY, "v1").await;
    two.push(&push, REPOSITORY, "v2").await;
    let node = Node::start().await;
    let name = format!("{}/{REPOSITORY}:v1", node.host(landfall.port()));
    node.cri().pull(&name, &token.user, &token.secret).await.unwrap();
    settled(&landfall, one.digest()).await;
    let deployments = landfall.admin_get(DEPLOYMENTS).await;

    let laptop = Laptop::start().await;
    laptop.login(landfall.proxy(), &token.user, &token.secret).succeeded();
    laptop.docker(&["pull", &format!("{}/{REPOSITORY}:v2", landfall.proxy())]).succeeded();
    let local = until("the laptop's pull is shown as local", async || {
        let local = landfall.admin_get(LOCAL).await;
        let local = local.as_array().or_else(|| local["local"].as_array()).unwrap().clone();
        local.first().cloned()
    })
    .await;
    assert_eq!(local["repository"], REPOSITORY, "{local}");
    assert_eq!(local["digest"], two.digest(), "{local}");
    assert_eq!(landfall.admin_get(DEPLOYMENTS).await, deployments);
    settled(&landfall, one.digest()).await;
}

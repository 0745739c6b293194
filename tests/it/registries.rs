//! Several registries behind one proxy: each image is its own registry's, and so is its name.

use http::Method;
use serde_json::Value;

use crate::rig::fake::Fake;
use crate::rig::http::Client;
use crate::rig::images::{Format, Image, Recipe};
use crate::rig::landfall::{Landfall, Setup};
use crate::rig::until;

/// Three registries with another image each, under whatever name: one for everything, and two of a prefix.
struct Three {
    internal: Fake,
    team: Fake,
    hub: Fake,
    landfall: Landfall,
    client: Client,
}

fn image(of: &str) -> Image {
    Recipe::app(Format::Oci, of).build()
}

impl Three {
    async fn start() -> Self {
        let [internal, team, hub] = ["internal", "team", "hub"].map(|of| Fake::holding(image(of)));
        let (internal, team, hub) = tokio::join!(internal, team, hub);
        let upstreams = format!(
            "[[upstream]]\nprefix = \"team\"\nurl = \"http://localhost:{}\"\nhosts = [\"team.example\"]\n\
             [[upstream]]\nprefix = \"hub\"\nurl = \"{}\"\nstrip_prefix = true\nhosts = [\"docker.io\"]\n\
             [derive]\nsettle = \"1s\"",
            team.address.port(),
            hub.url(),
        );
        let setup = Setup::before(&internal.url()).line(&upstreams);
        let landfall = setup.flag("--public-host", "proxy.example").start();
        landfall.environment("production").await;
        let client = landfall.client(&landfall.token("production").await);
        Self { internal, team, hub, landfall, client }
    }

    fn seen(&self) -> usize {
        [&self.internal, &self.team, &self.hub].iter().map(|fake| fake.count("/v2/")).sum()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_names_a_registry_gets_its_image_or_a_refusal() {
    let mut it = Three::start().await;
    let port = it.team.address.port();
    let hub = it.hub.address;
    for (path, ns, of, asked) in [
        ("app", "", "internal", "app"),
        ("team/app", "", "team", "team/app"),
        ("app", "proxy.example", "internal", "app"),
        ("app", &format!("localhost:{port}"), "team", "app"),
        ("app", &format!("localhost%3A{port}"), "team", "app"),
        ("app", &format!("LOCALHOST.%3a{port}&ns=localhost:{port}&ns="), "team", "app"),
        ("app", "team.example", "team", "app"),
        ("app", "team.example%3A443", "team", "app"),
        ("redis", &format!("{hub}"), "hub", "library/redis"),
        ("redis", "docker.io", "hub", "library/redis"),
        ("library/redis", "index.docker.io", "hub", "library/redis"),
        ("grafana/grafana", "registry-1.docker.io", "hub", "grafana/grafana"),
        ("hub/redis", "", "hub", "library/redis"),
    ] {
        let what = format!("{path} ns={ns}");
        let answer = it.client.get(&format!("/v2/{path}/manifests/v1?ns={ns}")).await.expect(200);
        assert_eq!(answer.header("docker-content-digest"), Some(&*image(of).manifest.digest), "{what}");
        let fake = [("internal", &it.internal), ("team", &it.team), ("hub", &it.hub)];
        let fake = fake.into_iter().find(|(name, _)| *name == of).unwrap().1;
        let target = format!("/v2/{asked}/manifests/v1");
        assert!(fake.count(&target) > 0, "{what}: {:?}", fake.seen());
    }
    let before = it.seen();
    for (ns, status, code) in [
        ("quay.io", 404, "NAME_UNKNOWN"),
        ("localhost", 404, "NAME_UNKNOWN"),
        ("docker.io%3A80", 404, "NAME_UNKNOWN"),
        ("docker.io&ns=quay.io", 400, "NAME_INVALID"),
        ("docker.io%252F", 400, "NAME_INVALID"),
        ("http://docker.io", 400, "NAME_INVALID"),
        ("a b", 400, "NAME_INVALID"),
    ] {
        let ns = ns.replace(' ', "%20");
        for what in ["manifests/v1", "tags/list", &format!("blobs/{}", image("hub").blobs[0].digest)] {
            let answer = it.client.get(&format!("/v2/library/redis/{what}?ns={ns}")).await.expect(status);
            let error = &answer.json()["errors"][0];
            assert_eq!(error["code"], code, "{ns} {what}");
            let text = error["message"].as_str().unwrap();
            assert!(text.contains(if status == 404 { "[[upstream]]" } else { "HOST:PORT" }), "{text}");
        }
    }
    assert_eq!(it.seen(), before, "nobody else is asked");
    let log = it.landfall.process().log();
    assert_eq!(log.matches("clients ask for images of quay.io").count(), 1, "{log}");
}

/// Does as a node that has nothing of the image yet.
async fn pull(client: &Client, of: &str, path: &str, ns: &str) {
    let (image, agent) = (image(of), ("user-agent", "containerd/1.7.22"));
    client.ask(Method::HEAD, &format!("/v2/{path}/manifests/v1?ns={ns}"), &[agent]).await.expect(200);
    let manifest = format!("/v2/{path}/manifests/{}?ns={ns}", image.manifest.digest);
    client.ask(Method::GET, &manifest, &[agent]).await.expect(200);
    for blob in &image.blobs {
        let path = format!("/v2/{path}/blobs/{}?ns={ns}", blob.digest);
        client.ask(Method::GET, &path, &[agent]).await.expect(200);
    }
}

async fn services(landfall: &Landfall) -> Vec<(String, String)> {
    let running = landfall.admin_get("/api/v1/environments/production/running").await;
    let text = |service: &Value, key: &str| service[key].as_str().unwrap_or_default().to_owned();
    let services = running["services"].as_array().unwrap().iter();
    services.map(|service| (text(service, "repository"), text(service, "digest"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_path_at_two_registries_is_two_services_and_two_ways_to_one_image_are_one() {
    let it = Three::start().await;
    pull(&it.client, "internal", "grafana/grafana", "").await;
    pull(&it.client, "team", "grafana/grafana", "team.example").await;
    pull(&it.client, "hub", "grafana/grafana", "docker.io").await;
    pull(&it.client, "hub", "hub/grafana/grafana", "").await;
    let expected = [
        ("grafana/grafana", "internal"),
        ("hub/grafana/grafana", "hub"),
        ("team.example/grafana/grafana", "team"),
    ];
    let expected = expected.map(|(name, of)| (name.to_owned(), image(of).manifest.digest.to_string()));
    until("each is a service", async || (services(&it.landfall).await == expected).then_some(())).await;
    let deployments = it.landfall.admin_get("/api/v1/environments/production/deployments").await;
    for deployment in deployments["deployments"].as_array().unwrap() {
        assert_eq!(deployment["kind"], "initial", "nobody replaced anybody: {deployment}");
    }
    let said = it.landfall.cli(&["timeline", "production"]).succeeded().all();
    assert!(said.contains("team.example/grafana/grafana"), "{said}");
}

//! A deployment that nobody can pull is shown as failing, with its cause, and no longer once it works.

use http::Method;

use crate::rig::images::{Format, Recipe};
use crate::rig::landfall::Setup;
use crate::rig::registry::{Auth, Registry};
use crate::rig::skip::need;
use crate::rig::until;

const RUNNING: &str = "/api/v1/environments/production/running";
const AGENT: (&str, &str) = ("user-agent", "containerd/1.7.22");
const ACCEPT: (&str, &str) = ("accept", "application/vnd.oci.image.manifest.v1+json");

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_pulled_is_failing_until_it_can() {
    need!("docker-registry", "htpasswd");
    let registry = Registry::start(Auth::Htpasswd).await;
    let landfall = Setup::before_registry(&registry).line("[derive]\nsettle = \"500ms\"").start();
    landfall.environment("production").await;
    let token = landfall.token("production").await;
    let node = landfall.client(&token);
    let pull = || node.ask(Method::HEAD, "/v2/docker/app/manifests/v9", &[AGENT, ACCEPT]);
    for _ in 0..3 {
        pull().await.expect(404);
    }
    until("three failed tries show", async || {
        let failing = landfall.admin_get(RUNNING).await["failing"][0].clone();
        (failing["count"] == 3 && failing["status"] == 404 && failing["reference"] == "v9").then_some(())
    })
    .await;
    let said = landfall.cli(&["status", "production"]).succeeded();
    assert!(
        said.out.contains("failing") && said.out.contains("the registry does not have it"),
        "{}",
        said.out
    );
    let deployments = landfall.admin_get("/api/v1/environments/production/deployments").await;
    assert_eq!(deployments["deployments"].as_array().map(Vec::len), Some(0), "an attempt deployed");

    Recipe::app(Format::Oci, "9.0.0").build().push(&registry.client().await, "docker/app", "v9").await;
    pull().await.expect(200);
    until("it works and fails no more", async || {
        let running = landfall.admin_get(RUNNING).await;
        let works = running["services"][0]["repository"] == "docker/app";
        (works && running["failing"].as_array().is_some_and(Vec::is_empty)).then_some(())
    })
    .await;

    landfall.revoke(&token).await;
    pull().await.expect(401);
    until("the revoked token shows", async || {
        let failing = landfall.admin_get(RUNNING).await["failing"][0].clone();
        (failing["status"] == 401 && failing["cause"].as_str()?.contains("revoked")).then_some(())
    })
    .await;
}

//! A deployment that nobody can pull is shown as failing, with its cause, and no longer once it works.

use http::Method;

use crate::rig::fake::Fake;
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

/// The user name of a pull secret is the environment's, so a wrong secret on every node is shown there, as unproven.
#[tokio::test(flavor = "multi_thread")]
async fn a_series_of_wrong_secrets_is_failing_and_unproven_and_keeps_no_stranger_s_words() {
    let upstream = Fake::holding(Recipe::app(Format::Oci, "1.0.0").build()).await;
    let landfall = Setup::before(&upstream.url()).start();
    landfall.environment("production").await;
    let token = landfall.token("production").await;
    landfall
        .client(&token)
        .ask(Method::GET, "/v2/docker/app/manifests/v1", &[AGENT, ACCEPT])
        .await
        .expect(200);
    until("the repository is known", async || {
        let running = landfall.admin_get(RUNNING).await;
        (running["services"][0]["repository"] == "docker/app").then_some(())
    })
    .await;
    let wrong = landfall.stranger().with_basic("production", "wrong");
    let nobody = landfall.stranger().with_basic("made-up", "wrong");
    for path in ["/v2/docker/app/manifests/call-me", "/v2/made-up/words/manifests/call-me"] {
        for _ in 0..4 {
            wrong.ask(Method::HEAD, path, &[("user-agent", "call-me")]).await.expect(401);
            nobody.ask(Method::HEAD, path, &[AGENT]).await.expect(401);
        }
    }
    // The first is written at once, the others within a minute, or at the end.
    let (_, setup) = landfall.stop();
    let landfall = setup.start();
    let running = landfall.admin_get(RUNNING).await;
    let failing = running["failing"].as_array().unwrap();
    let [one] = &failing[..] else { panic!("{running}") };
    assert_eq!(
        (&one["repository"], &one["unproven"], &one["count"]),
        (&"docker/app".into(), &true.into(), &4.into())
    );
    let said = landfall.cli(&["status", "production"]).succeeded().out;
    assert!(said.contains("unproven") && !said.contains("call-me") && !said.contains("made-up"), "{said}");
    let kept = landfall.cli(&["export"]).succeeded().out;
    assert!(!kept.contains("call-me") && !kept.contains("made-up"), "{kept}");
}

//! An environment gets another name: its tokens, its history and the links of its old name go on.

use http::Method;
use landfall::clock::now;
use landfall::model::event::TokenId;
use landfall::model::time::Span;
use serde_json::{Value, json};

use crate::admin_cli::command;
use crate::admin_support::{Server, check_problem, digest, pull, upgrade_and_rollback};

async fn rename(server: &Server, from: &str, to: &str) {
    let path = format!("/api/v1/environments/{from}");
    let renamed = server.send(Method::PATCH, &path, &json!({ "name": to }).to_string()).await;
    assert_eq!(renamed.status, 200, "{}", renamed.text());
    assert_eq!(renamed.json()["name"], to);
}

async fn ids(server: &Server, environment: &str) -> Vec<Value> {
    let path = format!("/api/v1/environments/{environment}/deployments");
    let timeline = server.get(&path).await.json();
    timeline["deployments"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect()
}

async fn running(server: &Server, environment: &str, at: &str) -> (Value, Value) {
    let path = format!("/api/v1/environments/{environment}/running{at}");
    let running = server.get(&path).await.json();
    (running["environment"].clone(), running["services"][0]["digest"].clone())
}

#[tokio::test]
async fn tokens_history_and_old_links_go_on() {
    let server = Server::start().await;
    server.environment("staging").await;
    let (token, secret) = server.environment("production").await;
    let settled_at = upgrade_and_rollback(&server, &token).await;
    let plan = json!({"environment": "production", "version": "v2", "repository": "docker/payment"});
    let plan = server.post("/api/v1/deploy", plan).await.json();
    let (before, then) = (ids(&server, "production").await, format!("?at={settled_at}"));
    let was = running(&server, "production", &then).await.1;

    rename(&server, "production", "eu").await;
    rename(&server, "eu", "live").await;
    for name in ["live", "eu", "production"] {
        assert_eq!(server.get(&format!("/api/v1/environments/{name}")).await.json()["name"], "live");
        assert_eq!(ids(&server, name).await, before, "deployments keep their links");
        assert_eq!(
            running(&server, name, &then).await,
            (json!("live"), was.clone()),
            "the past has today's name"
        );
    }
    let deployment = server.get(&format!("/api/v1/deployments/{}", before[0].as_str().unwrap())).await.json();
    assert_eq!(deployment["environment"], "live");
    let followed = server.get(&format!("/api/v1/deploys/{}", plan["id"].as_str().unwrap())).await.json();
    assert_eq!(followed["environment"], "live");

    // A pull that was on its way while it got its name, and one after that: of the same nodes, and so no warning.
    for (node, name) in [(1, "production"), (2, "live")] {
        let at = now() + Span::from_secs(node);
        server.pulled(pull(name, &token, at, &format!("10.0.0.{node}"), 3)).await;
    }
    let tokens = server.get("/api/v1/environments/live/tokens").await.json();
    assert_eq!((&tokens[0]["pulls"], &tokens[0]["warnings"]), (&json!(12), &json!([])), "{tokens}");
    let hash = landfall::model::secret::sha256(&secret);
    let view = server.log.view();
    assert_eq!(view.directory.authenticate(&hash, now()).unwrap().0.name.as_str(), "live");
    assert_eq!(view.state.environments().count(), 2);

    for name in ["live", "production"] {
        let audit = server.get(&format!("/api/v1/audit?environment={name}")).await.json();
        let done: Vec<_> =
            audit["entries"].as_array().unwrap().iter().map(|it| it["action"].as_str().unwrap()).collect();
        assert_eq!(done.last(), Some(&"environment_created"), "{audit}");
        assert_eq!(done[..2], ["environment_renamed"; 2], "{audit}");
    }
    let export = server.get("/api/v1/export").await;
    assert!(!export.text().contains(r#""environment":"production""#), "who reads it knows of no other name");

    // The same after a start, from a snapshot and from the log.
    let dir = server.stop().await;
    let server = Server::start_in(dir).await;
    assert!(ids(&server, "production").await.ends_with(&before));
    server.stop().await;
}

#[tokio::test]
async fn a_name_leads_to_one_environment() {
    let server = Server::start().await;
    for name in ["production", "staging"] {
        server.environment(name).await;
    }
    rename(&server, "production", "live").await;
    let patch = async |from: &str, to: &str| {
        let path = format!("/api/v1/environments/{from}");
        server.send(Method::PATCH, &path, &json!({ "name": to }).to_string()).await
    };
    for to in ["production", "live"] {
        check_problem(&patch("staging", to).await, 409, None);
        check_problem(&server.post("/api/v1/environments", json!({ "name": to })).await, 409, None);
    }
    check_problem(&patch("staging", "No Name").await, 422, Some("name"));
    rename(&server, "live", "live").await;
    rename(&server, "live", "production").await;
    assert_eq!(server.get("/api/v1/environments/live").await.json()["name"], "production");

    // Once it is deleted its names are free.
    let gone = server.send(Method::DELETE, "/api/v1/environments/live?confirm=production", "").await;
    assert_eq!(gone.status, 204, "{}", gone.text());
    check_problem(&server.get("/api/v1/environments/live").await, 404, None);
    rename(&server, "staging", "live").await;

    let output = command(&server, &["env", "update", "staging", "--name", "qa"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("qa"), "{output:?}");
    server.stop().await;
}

/// The past and the export know each environment by what became of it: renamed, deleted, made again, or called as one that was
/// deleted.
#[tokio::test]
async fn environments_of_today_are_those_of_the_past_and_of_an_export() {
    let server = Server::start().await;
    let two_hours_ago = || now() - Span::from_mins(120);
    let pulled = async |name: &str, token: &TokenId, version: u8| {
        for node in 1..=3 {
            let at = two_hours_ago() + Span::from_secs(node);
            server.pulled(pull(name, token, at, &format!("10.0.{version}.{node}"), version)).await;
        }
    };
    let delete = async |name: &str| {
        let path = format!("/api/v1/environments/{name}?confirm={name}");
        assert_eq!(server.send(Method::DELETE, &path, "").await.status, 204);
    };
    for (version, name) in (1..).zip(["renamed", "deleted", "again", "old", "successor"]) {
        let (token, _) = server.environment(name).await;
        pulled(name, &token, version).await;
    }
    rename(&server, "renamed", "today").await;
    rename(&server, "deleted", "gone").await;
    for name in ["gone", "again", "old"] {
        delete(name).await;
    }
    let (token, _) = server.environment("again").await;
    pulled("again", &token, 6).await;
    rename(&server, "successor", "old").await;

    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace.jsonl");
    std::fs::write(&trace, server.get("/api/v1/export").await.text()).unwrap();
    let replay = command(&server, &["replay", trace.to_str().unwrap(), "--at", &now().to_string()]).await;
    let replayed: Value = serde_json::from_slice(&replay.stdout).unwrap();
    let names: Vec<&String> = replayed["environments"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["again", "old", "today"]);
    for (name, runs) in [("today", digest(1)), ("again", digest(6)), ("old", digest(5))] {
        let service = &replayed["environments"][name]["services"]["docker/payment"];
        assert_eq!(service["current"]["digest"], json!(runs), "{name}: {service}");
        assert_eq!(service["deployments"].as_array().unwrap().len(), 1, "{name}: {service}");
        assert_eq!(running(&server, name, "").await, (json!(name), json!(runs)));
    }
    // As of then, `old` is what is called so today, and what is gone is nowhere.
    assert_eq!(running(&server, "old", "?at=1h").await, (json!("old"), json!(digest(5))));
    assert_eq!(running(&server, "again", "?at=1h").await, (json!("again"), json!(digest(6))));
    server.stop().await;
}

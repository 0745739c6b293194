//! Deploys over REST and by command: planned, refused where several may be meant, followed, and in the audit trail.

use std::process::Command;

use landfall::clock::now;
use landfall::model::event::{Method, Observation};
use landfall::model::time::Span;
use serde_json::{Value, json};

use crate::admin_support::{HOST, Server, check_problem, digest, pull};
use crate::rig::landfall::command;
use crate::rig::process::run;
use crate::rig::skip::need;

const REPOSITORY: &str = "docker/payment";

pub async fn releases(server: &Server) {
    let changes = [
        json!([{"kind": "feature", "title": "Pay by bank transfer", "pr": 4400}]),
        json!([{"title": "fix: login times out behind a proxy", "pr": 4511}]),
    ];
    for (version, changes) in (1_u8..).zip(changes) {
        let release = json!({
            "repository": REPOSITORY,
            "digest": digest(version).to_string(),
            "version": format!("v{version}.0.0"),
            "changes": changes,
        });
        let answer = server.post("/api/v1/releases", release).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
}

async fn started() -> (Server, landfall::model::event::TokenId) {
    let server = Server::start().await;
    let (token, _) = server.environment("production").await;
    releases(&server).await;
    (server, token)
}

async fn planned(server: &Server, body: Value) -> Value {
    let answer = server.post("/api/v1/deploy", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn a_deploy_is_planned_followed_and_in_the_audit_trail() {
    let (server, token) = started().await;
    for node in 1..=3 {
        let at = now() - Span::from_mins(60);
        server.pulled(pull("production", &token, at, &format!("10.0.0.{node}"), 1)).await;
    }
    let plan =
        planned(&server, json!({"environment": "production", "query": "login timeout fix #4511"})).await;
    assert_eq!((&plan["kind"], &plan["state"]), (&json!("upgrade"), &json!("planned")), "{plan}");
    assert_eq!(plan["release"]["version"], "v2.0.0");
    assert_eq!(plan["image"], format!("{HOST}/{REPOSITORY}@{}", digest(2)));
    assert_eq!(plan["gained"]["pull_requests"], json!([4511]));

    let path = format!("/api/v1/deploys/{}", plan["id"].as_str().unwrap());
    assert_eq!(server.get(&path).await.json(), plan);
    assert_eq!(server.get("/api/v1/environments/production/deploys").await.json(), json!([plan]));
    let pull = pull("production", &token, now(), "10.0.0.1", 2);
    server.pulled(Observation { method: Method::Get, bytes: 100, ..pull }).await;
    let seen = server.get(&path).await.json();
    assert_eq!(seen["state"], "observed", "{seen}");
    let deployment = format!("/api/v1/deployments/{}", seen["deployment_id"].as_str().unwrap());
    assert_eq!(server.get(&deployment).await.status, 200);

    let trail = server.get("/api/v1/audit?environment=production&limit=1").await.json();
    let entry = &trail["entries"][0];
    assert_eq!(entry["action"], "deploy_planned", "{entry}");
    assert!(entry["summary"].as_str().unwrap().contains(plan["id"].as_str().unwrap()), "{entry}");
}

#[tokio::test]
async fn what_cannot_be_planned_says_why_and_leaves_no_trace() {
    let (server, _) = started().await;
    let other = json!({"repository": "docker/web", "version": "v2.0.0", "digest": digest(9).to_string()});
    assert_eq!(server.post("/api/v1/releases", other).await.status, 201);
    let ask = async |body: Value| server.post("/api/v1/deploy", body).await;
    let several = ask(json!({"environment": "production", "version": "v2.0.0"})).await;
    check_problem(&several, 409, None);
    assert_eq!(several.json()["candidates"].as_array().unwrap().len(), 2, "{}", several.text());
    check_problem(&ask(json!({"environment": "production", "query": "warp drive"})).await, 404, None);
    check_problem(&ask(json!({"environment": "nowhere", "query": "x"})).await, 404, None);
    check_problem(&ask(json!({"environment": "production"})).await, 422, Some("query"));
    let bad = json!({"environment": "production", "version": "v1.0.0", "workload": "pod/x; reboot"});
    check_problem(&ask(bad).await, 422, Some("workload"));
    let apply = ask(json!({"environment": "production", "version": "v1.0.0", "apply": true})).await;
    check_problem(&apply, 409, None);
    assert!(apply.text().contains("kubectl"), "{}", apply.text());
    assert_eq!(server.get("/api/v1/environments/production/deploys").await.json(), json!([]));
    check_problem(&server.get("/api/v1/deploys/dpl_none").await, 404, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_prints_the_plan() {
    let (server, _) = started().await;
    let deploy = |arguments: &[&str]| {
        let mut command = command();
        command.arg("deploy").args(arguments).env("LANDFALL_ADMIN", &server.url);
        run(command.arg("--admin-token-file").arg(server.dir.path().join("admin.token")))
    };
    let said = tokio::task::block_in_place(|| deploy(&["login", "fix", "#4511", "--env", "production"]));
    let said = said.succeeded();
    for part in ["v2.0.0", "kubectl set image deployment/payment payment=", "landfall deploy --follow dpl_"] {
        assert!(said.out.contains(part), "no `{part}` in:\n{}", said.out);
    }
    tokio::task::block_in_place(|| deploy(&["warp drive", "--env", "production"]))
        .failed_with("no known change");
    tokio::task::block_in_place(|| {
        deploy(&["--version", "v1.0.0", "--env", "production", "--apply", "--yes"])
    })
    .failed_with("no access to a cluster");
}

/// Existing fixes are live at once, by every way of asking for them.
#[tokio::test(flavor = "multi_thread")]
async fn what_runs_already_needs_no_deploy() {
    let (server, token) = started().await;
    for node in 1..=3 {
        let at = now() - Span::from_mins(60);
        server.pulled(pull("production", &token, at, &format!("10.0.0.{node}"), 2)).await;
    }
    let landfall = |arguments: &[&str]| {
        let mut command = command();
        command.args(arguments).env("LANDFALL_ADMIN", &server.url);
        command.arg("--admin-token-file").arg(server.dir.path().join("admin.token"));
        tokio::task::block_in_place(|| run(&mut command)).succeeded()
    };
    for (words, live) in [(&["login", "fix", "#4511"][..], true), (&["payment", "v2.0.0"], false)] {
        let said = landfall(&[&["deploy", "--env", "prod"][..], words].concat());
        assert!(said.out.contains("there is nothing to deploy"), "{}", said.out);
        assert_eq!(said.out.contains("is live in production since"), live, "{}", said.out);
        for part in ["kubectl", "--follow", "rollback of"] {
            assert!(!said.out.contains(part), "{part}: {}", said.out);
        }
    }
    let plan =
        planned(&server, json!({"environment": "production", "query": "login timeout fix #4511"})).await;
    assert_eq!(
        (&plan["kind"], &plan["release"]["version"]),
        (&json!("unchanged"), &json!("v2.0.0")),
        "{plan}"
    );
    let followed = landfall(&["deploy", "--follow", plan["id"].as_str().unwrap()]);
    assert!(followed.out.contains("there is nothing to deploy"), "{}", followed.out);
    let asked =
        server.post("/api/v1/ask", json!({"question": "deploy the login fix to production"})).await.json();
    assert!(asked["text"].as_str().unwrap().starts_with("There is nothing to deploy"), "{asked}");
    assert_eq!((&asked["version"], &asked["data"]["plan"]), (&json!("v2.0.0"), &Value::Null), "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn following_ends_when_nothing_is_decided() {
    let (server, _) = started().await;
    let plan = planned(&server, json!({"environment": "production", "version": "v2.0.0"})).await;
    let id = plan["id"].as_str().unwrap();
    let mut command = command();
    command.args(["deploy", "--follow", id, "--timeout", "1s"]).env("LANDFALL_ADMIN", &server.url);
    command.arg("--admin-token-file").arg(server.dir.path().join("admin.token"));
    let said = tokio::task::block_in_place(|| run(&mut command));
    said.failed_with(&format!("to go on: landfall deploy --follow {id}"));
}

/// The object that kubectl is given where a command speaks of one of a cluster: in a file, and without a cluster.
const WORKLOAD: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: payment, namespace: shop}
spec:
  selector: {matchLabels: {app: payment}}
  template:
    metadata: {labels: {app: payment}}
    spec: {containers: [{name: payment, image: old}]}
"#;
const ACCOUNT: &str = "
apiVersion: v1
kind: ServiceAccount
metadata: {name: default, namespace: shop}
";

#[tokio::test]
async fn kubectl_takes_every_command_of_a_plan() {
    need!("kubectl");
    let (server, token) = started().await;
    let path = format!("/api/v1/environments/production/tokens/{token}");
    assert_eq!(server.send(http::Method::DELETE, &path, "").await.status, 204);
    let plan =
        planned(&server, json!({"environment": "production", "version": "v2.0.0", "namespace": "shop"}))
            .await;
    let commands: Vec<&str> =
        plan["commands"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert_eq!(commands.len(), 4, "{commands:#?}");
    let dir = tempfile::tempdir().unwrap();
    for command in commands {
        let object = if command.contains("serviceaccount") { ACCOUNT } else { WORKLOAD };
        let file = dir.path().join("object.yaml");
        std::fs::write(&file, object).unwrap();
        // The cluster's object comes from the file; everything else is as it was printed.
        let local = format!(" --local -f {} --dry-run=client -o yaml", file.display());
        let offline = match command {
            _ if command.contains(" create secret ") => format!("{command} --dry-run=client -o yaml"),
            _ => {
                let named = ["deployment/payment", "serviceaccount default"]
                    .into_iter()
                    .find(|it| command.contains(it));
                command.replacen(named.unwrap_or_else(|| panic!("{command}")), "", 1) + &local
            }
        };
        let script = format!("landfall() {{ echo a-secret; }}\n{offline}");
        let said = run(Command::new("bash").args(["-c", &script]).env("KUBECONFIG", "/dev/null")).succeeded();
        let expected = match command {
            _ if command.contains("create secret") => "kubernetes.io/dockerconfigjson",
            _ if command.contains("serviceaccount") => "landfall-production",
            _ if command.contains("label") => "app.kubernetes.io/version: v2.0.0",
            _ => plan["image"].as_str().unwrap(),
        };
        assert!(said.out.contains(expected), "{command}\n{}", said.all());
    }
}

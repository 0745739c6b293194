//! The client commands against a real admin server.

use std::process::{Command, Output, Stdio};

use landfall::clock::now;
use serde_json::Value;
use tempfile::TempDir;

use crate::admin_support::{Server, pull, upgrade_and_rollback};

/// Runs `landfall` with these arguments, away from any server's data and without variables of its own.
async fn landfall(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let elsewhere = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command.args(arguments).env_clear().envs(variables.iter().copied());
    command.current_dir(elsewhere.path()).stdin(Stdio::null());
    // The server runs on this test's thread, which must stay free.
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// Runs `landfall` as the administrator of this server.
pub async fn command(server: &Server, arguments: &[&str]) -> Output {
    landfall(arguments, &[("LANDFALL_ADMIN", &server.url), ("LANDFALL_ADMIN_TOKEN", &server.token)]).await
}

async fn says(server: &Server, arguments: &[&str]) -> String {
    let output = command(server, arguments).await;
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn check_failure(output: &Output, code: i32, words: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "`{word}` is not in: {stderr}");
    }
    assert!(output.stdout.is_empty());
}

#[tokio::test]
async fn each_message_tells_the_next_step() {
    let server = Server::start().await;
    assert!(says(&server, &["env", "list"]).await.contains("landfall env create production"));
    assert!(says(&server, &["status"]).await.contains("landfall env create production"));
    let made = says(&server, &["env", "create", "production", "--description", "the shop"]).await;
    assert!(made.contains("landfall token create production --name"), "{made}");
    assert!(
        says(&server, &["token", "list", "production"]).await.contains("landfall token create production")
    );
    assert!(says(&server, &["status", "production"]).await.contains("landfall token create production"));
    assert!(says(&server, &["timeline", "production"]).await.contains("Nothing landed"));

    let token =
        says(&server, &["token", "create", "production", "--name", "cluster", "--expires", "30d"]).await;
    for part in
        ["kubectl create secret docker-registry", "docker login", "[host.", "landfall status production"]
    {
        assert!(token.contains(part), "`{part}` is not in: {token}");
    }
    let id = token.split(['(', ')']).nth(1).unwrap();
    let listed = says(&server, &["token", "list", "production"]).await;
    assert!(listed.contains(id) && listed.contains("active") && listed.contains("in 30 d"), "{listed}");
    let rotated = says(&server, &["token", "rotate", "production", id, "--overlap", "48h"]).await;
    for part in [&format!("takes the place of {id}, which ends in 2 d"), "lfl_", "kubectl create secret"] {
        assert!(rotated.contains(part), "`{part}` is not in: {rotated}");
    }
    let listed = says(&server, &["token", "list", "production"]).await;
    assert!(listed.contains(&format!("{id} was rotated: its successor is tok_")), "{listed}");
    says(&server, &["token", "revoke", "production", id]).await;
    assert!(says(&server, &["token", "list", "production"]).await.contains("revoked"));

    let shown = says(&server, &["env", "update", "production", "--color", "#123456"]).await;
    assert!(shown.contains("#123456") && shown.contains("the shop"), "{shown}");
    assert_eq!(says(&server, &["env", "show", "production"]).await, shown);
    let listed = says(&server, &["env", "list"]).await;
    assert!(listed.contains("production") && listed.contains("the shop"), "{listed}");
    assert!(!listed.contains('\u{1b}'), "colour without a terminal");
    server.stop().await;
}

#[tokio::test]
async fn an_environment_is_deleted_only_with_its_name_said_twice() {
    let server = Server::start().await;
    server.environment("production").await;
    for arguments in
        [&["env", "delete", "production"][..], &["env", "delete", "production", "--confirm", "staging"]]
    {
        let refused = command(&server, arguments).await;
        let words = [
            "nothing was deleted",
            "1 active token",
            "cannot be undone",
            "env delete production --confirm production",
        ];
        check_failure(&refused, 1, &words);
        assert_eq!(server.get("/api/v1/environments/production").await.status, 200);
    }
    says(&server, &["env", "delete", "production", "--confirm", "production"]).await;
    assert_eq!(server.get("/api/v1/environments/production").await.status, 404);
    server.stop().await;
}

#[tokio::test]
async fn admin_tokens_are_made_and_revoked_and_the_trail_says_by_whom() {
    let server = Server::start().await;
    assert!(says(&server, &["admin-token", "list"]).await.contains("landfall admin-token create --name"));
    let made = says(&server, &["admin-token", "create", "--name", "wall", "--expires", "30d"]).await;
    assert!(
        made.contains("viewer token wall") && made.contains("lfv_") && made.contains("It ends "),
        "{made}"
    );
    let ada = ["admin-token", "create", "--name", "ada", "--kind", "admin", "--json"];
    let ada: Value = serde_json::from_str(&says(&server, &ada).await).unwrap();
    let listed = says(&server, &["admin-token", "list"]).await;
    assert!(listed.contains("wall") && listed.contains("viewer") && listed.contains("in 30 d"), "{listed}");

    let wall = made.split(['(', ')']).nth(1).unwrap();
    let as_ada =
        [("LANDFALL_ADMIN", server.url.as_str()), ("LANDFALL_ADMIN_TOKEN", ada["secret"].as_str().unwrap())];
    assert!(landfall(&["admin-token", "revoke", wall], &as_ada).await.status.success());
    assert!(says(&server, &["admin-token", "list"]).await.contains("revoked"));
    let viewer = made.split_whitespace().find(|word| word.starts_with("lfv_")).unwrap();
    let as_viewer = [as_ada[0], ("LANDFALL_ADMIN_TOKEN", viewer)];
    check_failure(&landfall(&["audit"], &as_viewer).await, 1, &["refused the admin token"]);

    let trail = says(&server, &["audit", "--limit", "2"]).await;
    let lines: Vec<&str> = trail.lines().collect();
    assert!(
        lines[1].contains("ada ")
            && lines[1].contains(&format!("revoked the admin, viewer or publisher token {wall}")),
        "{trail}"
    );
    assert!(lines[2].contains("bootstrap admin  cli      127.0.0.1  made the admin token ada"), "{trail}");
    let older = trail.lines().last().unwrap().split_once("landfall ").unwrap().1;
    let older = says(&server, &older.split(' ').collect::<Vec<_>>()).await;
    assert!(older.lines().count() == 2 && older.contains("made the viewer token wall"), "{older}");
    let json: Value = serde_json::from_str(&says(&server, &["audit", "--json"]).await).unwrap();
    assert_eq!(json, server.get("/api/v1/audit").await.json());
    server.stop().await;
}

#[tokio::test]
async fn json_is_the_servers_answer() {
    let server = Server::start().await;
    let made: Value = serde_json::from_str(
        &says(&server, &["env", "create", "production", "--description", "a", "--json"]).await,
    )
    .unwrap();
    assert_eq!(made, server.get("/api/v1/environments/production").await.json());
    let token: Value = serde_json::from_str(
        &says(&server, &["token", "create", "production", "--name", "n", "--kind", "local", "--json"]).await,
    )
    .unwrap();
    assert_eq!(token["kind"], "local");
    let cases = [
        (&["env", "list", "--json"][..], "/api/v1/environments"),
        (&["token", "list", "production", "--json"], "/api/v1/environments/production/tokens"),
        (&["timeline", "production", "--json"], "/api/v1/environments/production/deployments"),
    ];
    for (arguments, path) in cases {
        let said: Value = serde_json::from_str(&says(&server, arguments).await).unwrap();
        assert_eq!(said, server.get(path).await.json(), "{arguments:?}");
    }
    let all: Value = serde_json::from_str(&says(&server, &["status", "--json"]).await).unwrap();
    assert_eq!(all[0]["environment"], "production");
    server.stop().await;
}

#[tokio::test]
async fn a_failure_says_what_to_do_and_has_its_exit_code() {
    let server = Server::start().await;
    let admin = ("LANDFALL_ADMIN", server.url.as_str());
    check_failure(
        &landfall(&["env", "list"], &[admin]).await,
        1,
        &["LANDFALL_ADMIN_TOKEN", "none was given"],
    );
    let wrong = ("LANDFALL_ADMIN_TOKEN", "wrong");
    check_failure(&landfall(&["env", "list"], &[admin, wrong]).await, 1, &["--admin-token-file FILE"]);
    let missing = ["env", "list", "--admin-token-file", "/nonexistent/token"];
    check_failure(&landfall(&missing, &[admin]).await, 66, &["--admin-token-file", "/nonexistent/token"]);
    let refused = command(&server, &["token", "create", "production", "--name", "x"]).await;
    check_failure(&refused, 1, &["there is no environment `production`"]);

    for arguments in [
        &["env", "create", "Not A Name"][..],
        &["env", "update", "production"],
        &["token", "create", "production"],
        &["token", "create", "production", "--name", "x", "--kind", "root"],
        &["token", "create", "production", "--name", "x", "--expires", "soon"],
        &["timeline", "production", "--limit", "0"],
        &["status", "--at", "soon"],
        &["env", "list", "--admin", "ftp://x"],
    ] {
        assert_eq!(command(&server, arguments).await.status.code(), Some(2), "{arguments:?}");
    }

    let file = server.dir.path().join("admin.token");
    let with_file = ["env", "list", "--admin", &server.url, "--admin-token-file", file.to_str().unwrap()];
    assert!(landfall(&with_file, &[]).await.status.success());
    let data = server.dir.path().to_str().unwrap();
    assert!(landfall(&["env", "list"], &[admin, ("LANDFALL_DATA", data)]).await.status.success());

    let url = server.url.clone();
    server.stop().await;
    let nobody = landfall(&["env", "list"], &[("LANDFALL_ADMIN", &url)]).await;
    check_failure(&nobody, 69, &[&url, "landfall serve", "--admin URL"]);
}

#[tokio::test]
async fn an_export_is_a_trace_on_the_standard_output() {
    let server = Server::start().await;
    let (id, _) = server.environment("production").await;
    server.pulled(pull("production", &id, now(), "10.0.0.1", 1)).await;
    assert_eq!(says(&server, &["export"]).await, server.get("/api/v1/export").await.text());
    server.stop().await;
}

#[tokio::test]
async fn the_timeline_tells_the_upgrade_and_the_rollback() {
    let server = Server::start().await;
    let (id, _) = server.environment("production").await;
    let settled = upgrade_and_rollback(&server, &id).await;
    let timeline = says(&server, &["timeline", "production"]).await;
    let kinds = ["rollback", "upgrade", "first deployment"];
    let places = kinds.map(|kind| timeline.find(&format!("\n  docker/payment  {kind}")).unwrap());
    assert!(places.is_sorted(), "{timeline}");
    for words in ["v2 → v1", "v1 → v2", "2 h ago", "010101010101  3 clients"] {
        assert!(timeline.contains(words), "`{words}` is not in: {timeline}");
    }
    let evidence = says(&server, &["timeline", "production", "--evidence", "--limit", "1"]).await;
    for node in 1..=3 {
        assert!(evidence.contains(&format!("10.0.0.{node}  check  v1  first on this node")), "{evidence}");
    }
    let older = evidence.lines().last().unwrap().split_once("landfall ").unwrap().1;
    let older = says(&server, &older.split(' ').collect::<Vec<_>>()).await;
    assert_eq!(
        older,
        timeline[timeline.find("upgrade").unwrap()..],
        "the next page goes on where this one ended"
    );
    let json = says(&server, &["timeline", "production", "--evidence", "--json"]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["deployments"][0]["evidence"]["changes"][0]["pulls_total"], 3);

    let status = says(&server, &["status", "production"]).await;
    let has = |text: &str, start: &str| text.lines().any(|line| line.starts_with(start));
    assert!(has(&status, "docker/payment  v1       010101010101"), "{status}");
    let then = says(&server, &["status", "production", "--at", &settled.to_string()]).await;
    assert!(has(&then, "docker/payment  v2       020202020202"), "{then}");
    assert!(says(&server, &["env", "list"]).await.contains("rolled back"));
    server.stop().await;
}

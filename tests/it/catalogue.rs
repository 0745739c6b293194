//! The catalogue mended, over REST and by command: what was wrong is gone from every answer, and the audit trail tells.

use http::Method;
use serde_json::{Value, json};

use crate::admin_cli::command;
use crate::admin_support::{Server, check_problem, digest};

async fn register(server: &Server, version: u8, changes: Value) -> String {
    let body = json!({
        "repository": "shop/cart", "version": format!("v{version}.0.0"), "digest": digest(version), "changes": changes,
    });
    let answer = server.post("/api/v1/releases", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

async fn found(server: &Server, words: &str) -> usize {
    server.get(&format!("/api/v1/releases?q={words}")).await.json().as_array().unwrap().len()
}

#[tokio::test]
async fn a_release_is_edited_yanked_and_deleted() {
    let server = Server::start().await;
    let one = register(&server, 1, json!([{"title": "fix: the carousel turns (#7)"}])).await;
    let two = register(&server, 2, json!([{"title": "feat: gift cards (#9)"}])).await;
    let path = format!("/api/v1/releases/{one}");
    assert_eq!(found(&server, "carousel").await, 1);

    let body = json!({"digests": [digest(1), digest(5)], "changes": []}).to_string();
    let edited = server.send(Method::PATCH, &path, &body).await;
    assert_eq!(edited.status, 200, "{}", edited.text());
    assert_eq!(edited.json()["digests"], json!([digest(1), digest(5)]));
    assert_eq!(found(&server, "carousel").await, 0, "a change that was wrong is found no more");
    let taken = json!({"digests": [digest(2)]}).to_string();
    check_problem(&server.send(Method::PATCH, &path, &taken).await, 409, None);
    check_problem(&server.send(Method::PATCH, "/api/v1/releases/rel_none", "{}").await, 404, None);

    let yanked = server.send(Method::PATCH, &path, r#"{"yanked": true}"#).await.json();
    assert!(yanked["yanked_at"].is_string(), "{yanked}");
    let back = server.send(Method::PATCH, &path, r#"{"yanked": false}"#).await.json();
    assert_eq!(back["yanked_at"], Value::Null);

    assert_eq!(server.send(Method::DELETE, &format!("/api/v1/releases/{two}"), "").await.status, 204);
    check_problem(&server.get(&format!("/api/v1/releases/{two}")).await, 404, None);
    assert_eq!(found(&server, "gift").await, 0);

    let audit = server.get("/api/v1/audit").await.json();
    let done: Vec<_> = audit["entries"].as_array().unwrap().iter().map(|it| it["action"].clone()).collect();
    assert_eq!(
        done[..4],
        [
            json!("release_deleted"),
            json!("release_unyanked"),
            json!("release_yanked"),
            json!("release_edited")
        ]
    );
    server.stop().await;
}

#[tokio::test]
async fn the_commands_mend_too() {
    let server = Server::start().await;
    let id = register(&server, 1, json!([])).await;
    let digests = [digest(1).to_string(), digest(7).to_string()];
    let edit = [
        "release",
        "edit",
        &id,
        "--digest",
        &digests[0],
        "--digest",
        &digests[1],
        "--change",
        "fix: a leak (#3)",
    ];
    for arguments in [&edit[..], &["release", "yank", &id]] {
        let output = command(&server, arguments).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let release = server.get(&format!("/api/v1/releases/{id}")).await.json();
    assert_eq!((&release["digests"], &release["changes"][0]["pr"]), (&json!(digests), &json!(3)));
    assert!(release["yanked_at"].is_string());
    for arguments in [&["release", "yank", &id, "--undo"][..], &["release", "delete", &id]] {
        assert!(command(&server, arguments).await.status.success());
    }
    assert_eq!(server.get("/api/v1/releases").await.json(), json!([]));
    let refused = command(&server, &["release", "delete", &id]).await;
    assert_eq!(refused.status.code(), Some(1));
    server.stop().await;
}

/// Every body that the API reads, with a member that it does not know.
#[tokio::test]
async fn a_member_that_is_unknown_is_refused_by_its_name() {
    let server = Server::start().await;
    server.environment("production").await;
    let id = register(&server, 1, json!([])).await;
    let release = format!("/api/v1/releases/{id}");
    let change = r#"{"repository": "shop/cart", "version": "v3", "changes": [{"title": "x", "odd": 1}]}"#;
    for (method, path, body, field) in [
        (
            Method::POST,
            "/api/v1/releases",
            r#"{"repository": "shop/cart", "version": "v3", "odd": 1}"#,
            "odd",
        ),
        (Method::POST, "/api/v1/releases", change, "changes[0].odd"),
        (Method::PATCH, release.as_str(), r#"{"odd": 1}"#, "odd"),
        (Method::PATCH, release.as_str(), r#"{"version": "v2"}"#, "version"),
        (Method::PATCH, release.as_str(), r#"{"changes": [{"title": "x", "odd": 1}]}"#, "changes[0].odd"),
        (Method::POST, "/api/v1/environments", r#"{"name": "eu", "odd": 1}"#, "odd"),
        (Method::PATCH, "/api/v1/environments/production", r#"{"odd": 1}"#, "odd"),
        (Method::POST, "/api/v1/environments/production/tokens", r#"{"name": "a", "odd": 1}"#, "odd"),
        (Method::POST, "/api/v1/admin-tokens", r#"{"name": "a", "odd": 1}"#, "odd"),
        (Method::POST, "/api/v1/deploy", r#"{"environment": "production", "odd": 1}"#, "odd"),
        (Method::POST, "/api/v1/ask", r#"{"question": "a", "odd": 1}"#, "odd"),
    ] {
        check_problem(&server.send(method, path, body).await, 422, Some(field));
    }
    server.stop().await;
}

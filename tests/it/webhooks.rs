//! Deliveries of GitHub and GitLab, signed as they sign, through the admin listener.

use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use landfall::model::oci::Digest;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::admin_support::{Answer, GITHUB_SECRET, GITLAB_SECRET, Server};
use crate::rig::PATIENCE;
use crate::rig::landfall::Setup;

const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";

fn github_release(tag: &str, notes: &str) -> Value {
    json!({
        "action": "published",
        "release": {
            "tag_name": tag,
            "target_commitish": REVISION,
            "name": tag,
            "draft": false,
            "prerelease": false,
            "created_at": "2026-03-02T06:00:00Z",
            "published_at": "2026-03-02T07:00:00Z",
            "body": notes,
        },
        "repository": {"id": 1, "full_name": "Shop/payment"},
        "sender": {"login": "ada"},
    })
}

fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    Digest::from_bytes(mac.finalize().into_bytes().into()).to_string().replace("sha256:", "sha256=")
}

async fn github(server: &Server, event: &str, id: &str, body: &Value, secret: &str) -> Answer {
    let body = body.to_string();
    let signature = signature(secret, &body);
    let headers = [("x-github-event", event), ("x-github-delivery", id), ("x-hub-signature-256", &signature)];
    server.send_with(Method::POST, "/api/v1/webhooks/github", &body, &headers).await
}

async fn gitlab(server: &Server, event: &str, id: &str, body: &Value, token: &str) -> Answer {
    let headers = [("x-gitlab-event", event), ("x-gitlab-event-uuid", id), ("x-gitlab-token", token)];
    server.send_with(Method::POST, "/api/v1/webhooks/gitlab", &body.to_string(), &headers).await
}

async fn releases(server: &Server) -> Vec<Value> {
    server.get("/api/v1/releases").await.json().as_array().unwrap().clone()
}

#[tokio::test]
async fn a_published_release_is_registered_for_each_image_of_its_source() {
    let server = Server::start().await;
    let notes =
        "## What's Changed\n* fix: login times out by @ada in https://forge.example/shop/payment/pull/4511\n";
    let answer = github(&server, "release", "1", &github_release("v1.1.0", notes), GITHUB_SECRET).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["registered"].as_array().unwrap().len(), 2);

    let known = releases(&server).await;
    let mut images: Vec<&str> = known.iter().map(|release| release["repository"].as_str().unwrap()).collect();
    images.sort_unstable();
    assert_eq!(images, ["docker/payment", "docker/payment-worker"]);
    let release = &known[0];
    assert_eq!((&release["version"], &release["revision"]), (&json!("v1.1.0"), &json!(REVISION)));
    assert!(release["created_at"].as_str().unwrap().starts_with("2026-03-02T06:00:00"));
    let change = &release["changes"][0];
    assert_eq!(
        (&change["kind"], &change["pr"], &change["author"]),
        (&json!("fix"), &json!(4511), &json!("ada"))
    );

    let audit = server.get("/api/v1/audit").await.text().to_owned();
    assert!(audit.contains("webhook") && audit.contains("payment"), "{audit}");
    server.stop().await;
}

#[tokio::test]
async fn gitlabs_release_hook_is_understood() {
    let server = Server::start().await;
    let body = json!({
        "object_kind": "release",
        "action": "create",
        "tag": "app/v2.0.0",
        "description": "### Removed\n- The old API (!87)\n",
        "created_at": "2026-03-02 07:00:00 UTC",
        "project": {"path_with_namespace": "shop/payment"},
        "commit": {"id": REVISION, "timestamp": "2026-03-02T08:00:00+02:00"},
    });
    let answer = gitlab(&server, "Release Hook", "1", &body, GITLAB_SECRET).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let release = &releases(&server).await[0];
    assert_eq!((&release["repository"], &release["version"]), (&json!("mirror/payment"), &json!("v2.0.0")));
    assert!(release["created_at"].as_str().unwrap().starts_with("2026-03-02T06:00:00"));
    let change = &release["changes"][0];
    assert_eq!((&change["kind"], &change["pr"]), (&json!("breaking"), &json!(87)));
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_signed_right_is_refused_and_changes_nothing() {
    let server = Server::start().await;
    let body = github_release("v1.0.0", "- fix: a leak");
    let path = "/api/v1/webhooks/github";
    for secret in ["", "guessed", GITLAB_SECRET] {
        assert_eq!(github(&server, "release", "1", &body, secret).await.status, 401, "{secret}");
    }
    let right = signature(GITHUB_SECRET, &body.to_string());
    let bearer = format!("Bearer {}", server.token);
    for headers in [
        vec![],
        vec![("x-hub-signature-256", "sha256=")],
        vec![("x-hub-signature-256", &right[..70])],
        vec![("authorization", bearer.as_str())],
    ] {
        let answer = server.send_with(Method::POST, path, &body.to_string(), &headers).await;
        assert_eq!(answer.status, 401, "{headers:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    let changed = body.to_string().replace("v1.0.0", "v6.6.6");
    let headers =
        [("x-github-event", "release"), ("x-github-delivery", "1"), ("x-hub-signature-256", right.as_str())];
    assert_eq!(server.send_with(Method::POST, path, &changed, &headers).await.status, 401);
    assert_eq!(gitlab(&server, "Release Hook", "1", &json!({}), GITHUB_SECRET).await.status, 401);
    let long = " ".repeat(4 * 1024 * 1024 + 1);
    assert_eq!(server.send_with(Method::POST, path, &long, &headers).await.status, 413);
    assert_eq!(server.get(path).await.status, 405);
    assert!(releases(&server).await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_replay_is_refused_and_a_failed_delivery_may_come_again() {
    let server = Server::start().await;
    let first = github_release("v1.0.0", "- fix: a leak");
    assert_eq!(github(&server, "release", "1", &first, GITHUB_SECRET).await.status, 200);
    assert_eq!(github(&server, "release", "1", &first, GITHUB_SECRET).await.status, 409);
    // The identifier is not signed: the same body under another one is the same delivery.
    assert_eq!(github(&server, "release", "2", &first, GITHUB_SECRET).await.status, 409);

    // Told otherwise, with the difference; and again, once it is told as it was.
    let other = github_release("v1.0.0", "- fix: another leak");
    for _ in 0..2 {
        let answer = github(&server, "release", "3", &other, GITHUB_SECRET).await;
        assert_eq!(answer.status, 409);
        assert_eq!(answer.json()["differences"][0]["field"], "changes");
    }
    let mut edited = first;
    edited["action"] = json!("edited");
    assert_eq!(github(&server, "release", "3", &edited, GITHUB_SECRET).await.status, 200);
    assert_eq!(releases(&server).await.len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn what_does_not_matter_is_accepted_and_ignored() {
    let server = Server::start().await;
    let with = |member: &str, value: Value| {
        let mut body = github_release("v1.0.0", "");
        *body.pointer_mut(member).unwrap() = value;
        body
    };
    for (event, body) in [
        ("ping", json!({"zen": "Design for failure."})),
        ("push", json!({})),
        ("release", with("/action", json!("deleted"))),
        ("release", with("/release/draft", json!(true))),
        ("release", with("/release/tag_name", json!("nightly"))),
        ("release", with("/repository/full_name", json!("somebody/else"))),
    ] {
        let answer = github(&server, event, "1", &body, GITHUB_SECRET).await;
        assert_eq!(answer.status, 202, "{event}: {}", answer.text());
        assert!(answer.json()["ignored"].is_string());
    }
    assert_eq!(gitlab(&server, "Push Hook", "1", &json!({}), GITLAB_SECRET).await.status, 202);
    assert_eq!(github(&server, "release", "1", &json!({"action": 1}), GITHUB_SECRET).await.status, 400);
    assert_eq!(
        github(&server, "release", "", &github_release("v1.0.0", ""), GITHUB_SECRET).await.status,
        400
    );
    assert!(releases(&server).await.is_empty());
    server.stop().await;
}

/// The status that is answered to a head, before any of the body that it declares was sent.
async fn status_before_the_body(address: &str, path: &str, headers: &str) -> String {
    let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
    let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4000000\r\n{headers}\r\n");
    stream.get_mut().write_all(head.as_bytes()).await.unwrap();
    let mut line = String::new();
    tokio::time::timeout(PATIENCE, stream.read_line(&mut line)).await.unwrap().unwrap();
    line.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_cannot_be_signed_is_refused_before_its_body() {
    let server = Server::start().await;
    let address = server.url.trim_start_matches("http://").to_owned();
    let (github, gitlab) = ("/api/v1/webhooks/github", "/api/v1/webhooks/gitlab");
    for (path, headers) in [
        (github, ""),
        (github, "x-gitlab-token: a\r\n"),
        (github, "x-hub-signature-256: sha256=12\r\n"),
        (github, "x-hub-signature: sha1=0123456789012345678901234567890123456789\r\n"),
        (gitlab, ""),
        (gitlab, "x-gitlab-token: a wrong token\r\n"),
        (gitlab, "webhook-signature: v1,AAAA\r\n"),
    ] {
        assert_eq!(status_before_the_body(&address, path, headers).await, "401", "{path} {headers}");
    }
    server.stop().await;

    let without_webhooks = Setup::before("http://127.0.0.1:1").start();
    let address = without_webhooks.admin_url().trim_start_matches("http://").to_owned();
    let signed = format!("x-gitlab-token: {GITLAB_SECRET}\r\n");
    for (path, headers) in [(github, ""), (gitlab, signed.as_str())] {
        assert_eq!(status_before_the_body(&address, path, headers).await, "404", "{path}");
    }
}

//! Age as a part of the answer, where commands end by it: the exit code of `verify`, and the end of `deploy --follow`.

use landfall::clock::now;
use landfall::model::act::{Action, Actor};
use landfall::model::deploy::Planned;
use landfall::model::event::TokenId;
use landfall::model::time::{Span, Time};
use serde_json::{Value, json};

use crate::admin_cli::command;
use crate::admin_support::{Server, pull};
use crate::deploys::releases;
use crate::surfaces::World;

#[tokio::test]
async fn a_yes_exits_with_how_old_it_is() {
    let world = World::new().await;
    let ask = ["verify", "login", "times", "out", "behind", "a", "proxy", "--env", "staging"];
    let verify = async |more: &[&str]| {
        let output = command(&world.server, &[&ask[..], more].concat()).await;
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = verify(&[]).await;
    assert!(code == Some(3) && text.starts_with("live"), "last seen half an hour ago: {text}");
    let (code, json) = verify(&["--json"]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &json["unconfirmed_since"]), (Some(3), &json["as_of"]), "{json}");
    assert!(json["as_of"].is_string() && json["confidence"] == "likely", "{json}");

    // A node asks although it holds the image.
    let token = world.token("staging").await;
    world.server.pulled(pull("staging", &token, now(), "10.0.0.1", 3)).await;
    let (code, text) = verify(&[]).await;
    assert_eq!(code, Some(0), "seen just now: {text}");
    assert!(
        text.contains("As last seen just now; ") && text.contains("so a rollback would likely show"),
        "{text}"
    );
    let (code, json) = verify(&["--json"]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &json["unconfirmed_since"]), (Some(0), &Value::Null), "{json}");
    // As of then nobody had.
    let then = world.ago(5).to_string();
    assert_eq!(verify(&["--at", &then]).await.0, Some(3));
    // Before it was there, and of something that is not known.
    let before = world.ago(195).to_string();
    assert_eq!(verify(&["--at", &before]).await.0, Some(1));
    let unknown = command(&world.server, &["verify", "zebra crossing", "--env", "staging"]).await;
    assert_eq!(unknown.status.code(), Some(1));
    world.server.stop().await;
}

/// A deploy of v2.0.0 that was planned `minutes` ago and pulled at once, and its identifier.
async fn deployed(server: &Server, minutes: i64) -> String {
    let (token, _) = server.environment("production").await;
    releases(server).await;
    pulled(server, &token, minutes + 60, 1).await;
    let wish = json!({"environment": "production", "version": "v2.0.0"});
    let plan = server.post("/api/v1/deploy", wish).await.json();
    let view = server.log.view();
    let followed = view.deploys.with_id(plan["id"].as_str().unwrap()).unwrap();
    let id = "dpl_0123456789ab".to_owned();
    let planned = Planned { id: id.clone(), ..Planned::clone(&followed.planned) };
    let planned = Action::DeployPlanned(Box::new(planned)).by(Actor::default(), ago(minutes));
    server.log.append(planned).await.unwrap();
    pulled(server, &token, minutes, 2).await;
    id
}

fn ago(minutes: i64) -> Time {
    now() - Span::from_mins(minutes)
}

/// Three nodes pull a version.
async fn pulled(server: &Server, token: &TokenId, minutes_ago: i64, version: u8) {
    for node in 1..=3 {
        let at = ago(minutes_ago) + Span::from_secs(node * 5);
        server.pulled(pull("production", token, at, &format!("10.0.0.{node}"), version)).await;
    }
}

#[tokio::test]
async fn a_deploy_is_followed_until_it_has_settled_or_another_image_was_seen_after_it() {
    let server = Server::start().await;
    let id = deployed(&server, 190).await;
    let follow = async |more: &[&str]| {
        let output = command(&server, &[&["deploy", "--follow", &id][..], more].concat()).await;
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = follow(&[]).await;
    assert!(code == Some(0) && text.starts_with("settled"), "{text}");
    assert!(
        text.contains("As last seen 3 h ago; a rollback to an image that the nodes still have"),
        "{text}"
    );
    let (_, json) = follow(&["--json"]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(json["age_s"].as_i64().unwrap() > 3 * 3600 && json["last_seen_at"].is_string(), "{json}");
    assert!(json["caveat"].as_str().unwrap().ends_with("would not show"), "{json}");

    // Somebody applies the old file.
    let tokens = server.get("/api/v1/environments/production/tokens").await.json();
    pulled(&server, &TokenId::new(tokens[0]["id"].as_str().unwrap()), 60, 1).await;
    let (code, text) = follow(&[]).await;
    assert!(code == Some(1) && text.starts_with("observed"), "{text}");
    assert!(text.contains("It does not stand: v1.0.0 of the same service was seen after it"), "{text}");
    let (code, json) = follow(&["--json"]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &json["state"]), (Some(1), &json!("observed")), "{json}");
    assert_eq!(json["seen_after"]["image"]["version"], "v1.0.0", "{json}");
    assert!(json["seen_after"]["at"].is_string() && json.get("settled_at").is_none(), "{json}");
    server.stop().await;
}

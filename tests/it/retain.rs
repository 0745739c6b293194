//! Images that must stay in the registry: REST, command and page tell the same.

use crate::admin_cli::command;
use crate::admin_support::{Server, check_problem, digest, upgrade_and_rollback};
use crate::pages::Visitor;

#[tokio::test]
async fn every_surface_tells_what_must_be_kept_and_why() {
    let server = Server::start().await;
    let (token, _) = server.environment("production").await;
    let empty = server.get("/api/v1/retain").await.json();
    assert_eq!((&empty["digests"], empty.get("known_since")), (&serde_json::json!([]), None), "{empty}");
    upgrade_and_rollback(&server, &token).await;

    let kept = server.get("/api/v1/retain").await.json();
    let told: Vec<(String, String)> = kept["digests"].as_array().unwrap().iter().map(reasons).collect();
    let image = |version| digest(version).to_string();
    let expected = [
        (image(1), "running in production, pulled_recently in production".to_owned()),
        (image(2), "rollback_target in production, pulled_recently in production".to_owned()),
    ];
    assert_eq!(told, expected, "{kept:#}");
    assert!(kept["at"].is_string() && kept["known_since"].is_string(), "{kept}");
    let before = server.get("/api/v1/retain?at=4h&repository=payment").await.json();
    assert_eq!(before["digests"].as_array().unwrap().len(), 1, "{before:#}");
    assert_eq!(before["digests"][0]["digest"], image(1), "{before:#}");

    let said = command(&server, &["retain"]).await;
    let said = String::from_utf8(said.stdout).unwrap();
    let listed = command(&server, &["retain", "--repository", "payment", "--format", "json"]).await;
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["digests"], kept["digests"]);
    check_problem(&server.get("/api/v1/retain?repository=none").await, 404, None);
    check_problem(&server.get("/api/v1/retain?within=shop").await, 422, Some("within"));
    let page = Visitor::new(server).await.see("/retain?repository=docker/payment").await;
    for text in [said.as_str(), page.text()] {
        for word in
            [&image(1), &image(2), "runs in production", "can be gone back to in production", "2 images"]
        {
            assert!(text.contains(word), "{word} is not in: {text}");
        }
    }
}

fn reasons(image: &serde_json::Value) -> (String, String) {
    let reason = |it: &serde_json::Value| format!("{} in {}", it["kind"], it["environment"]).replace('"', "");
    let reasons: Vec<String> = image["reasons"].as_array().unwrap().iter().map(reason).collect();
    (image["digest"].as_str().unwrap().to_owned(), reasons.join(", "))
}

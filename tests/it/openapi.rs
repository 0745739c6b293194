//! The OpenAPI document against the server that it describes.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Map, Value, json};

use crate::admin_support::Server;

const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

async fn document(server: &Server) -> Value {
    let answer = server.send_with(Method::GET, "/api/v1/openapi.json", "", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, "application/json"));
    answer.json()
}

/// Every reference in the document.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

fn members<'a>(value: &'a Value, name: &str) -> &'a Map<String, Value> {
    value[name].as_object().unwrap()
}

#[tokio::test]
async fn it_is_open_and_whole() {
    let server = Server::start().await;
    let document = document(&server).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 30);
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let mut names = BTreeSet::new();
    for (path, item) in members(&document, "paths") {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{method} {path}");
            for (status, answer) in members(operation, "responses") {
                assert!(!answer["description"].as_str().unwrap().is_empty(), "{method} {path} {status}");
            }
        }
    }
    server.stop().await;
}

/// Described routes are there, want a token unless they say otherwise, and no others are there.
#[tokio::test]
async fn it_describes_the_routes_as_they_are() {
    let server = Server::start().await;
    let document = document(&server).await;
    for (path, item) in members(&document, "paths") {
        let described = item.as_object().unwrap();
        let concrete = path.replace("{env}", "none").replace("{id}", "none");
        for method in METHODS {
            let operation = described.get(&method.as_str().to_lowercase());
            let bearer = format!("Bearer {}", server.token);
            let answer = server.open(method.clone(), &concrete, "{}", &[("authorization", &bearer)]).await;
            let status = answer.status().as_u16().to_string();
            let Some(operation) = operation else {
                assert_eq!(status, "405", "{method} {path}");
                let allowed = answer.headers()["allow"].to_str().unwrap();
                let allowed: BTreeSet<&str> = allowed.split(',').collect();
                let mut expected: BTreeSet<String> =
                    described.keys().map(|name| name.to_uppercase()).collect();
                if expected.contains("GET") {
                    expected.insert("HEAD".to_owned());
                }
                assert_eq!(allowed, expected.iter().map(String::as_str).collect(), "{method} {path}");
                continue;
            };
            let responses = members(operation, "responses");
            assert!(status != "405" && responses.contains_key(&status), "{method} {path} answers {status}");
            if let Some(described) = responses[&status]["content"].as_object() {
                let sent = answer.headers()["content-type"].to_str().unwrap();
                assert!(described.keys().any(|kind| sent.starts_with(kind)), "{method} {path} sends {sent}");
            }
            let stranger = server.send_with(method.clone(), &concrete, "{}", &[]).await;
            // A webhook wants a signature in place of a token.
            let is_open = operation.get("security").is_some() && !path.contains("/webhooks/");
            assert_eq!(
                stranger.status == 401,
                !is_open,
                "{method} {path} without a token: {}",
                stranger.status
            );
        }
    }
    server.stop().await;
}

/// Everybody's requests: [`crate::documented`] holds the status of each answer against the document.
#[tokio::test]
async fn it_names_every_refusal() {
    let server = Server::start().await;
    let document = document(&server).await;
    server.environment("production").await;
    let mut tokens = vec![server.token.clone()];
    for (name, kind) in [("reader", "viewer"), ("ci", "publisher")] {
        let repositories = if kind == "publisher" { json!(["docker/web"]) } else { json!([]) };
        let wanted = json!({"name": name, "kind": kind, "repositories": repositories});
        let made = server.post("/api/v1/admin-tokens", wanted).await;
        assert_eq!(made.status, 201, "{}", made.text());
        tokens.push(made.json()["secret"].as_str().unwrap().to_owned());
    }
    let agent = json!({"name": "eu-1", "kind": "agent"});
    let made = server.post("/api/v1/environments/production/tokens", agent).await;
    tokens.push(made.json()["secret"].as_str().unwrap().to_owned());

    let unknown = "docker/none";
    let bodies = [
        String::new(),
        "{}".to_owned(),
        json!({"repository": unknown, "version": "v1.0.0", "known_repository": true}).to_string(),
        json!({"repository": unknown, "version": "v1.0.0", "parents": ["v0"], "known_parents": true})
            .to_string(),
        json!({"environment": "production", "repository": unknown, "version": "v1.0.0"}).to_string(),
        json!({"environment": "none", "release": "none", "change": "none", "question": "none"}).to_string(),
    ];
    let query =
        "?repository=docker%2Fnone&environment=none&env=none&left=none&right=none&change=none&q=none&at=1h";
    let mut answers = 0;
    for (path, item) in members(&document, "paths") {
        for method in item.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            for env in ["production", "none"] {
                let path = path.replace("{env}", env).replace("{id}", "none");
                // The environment stays for those who come later.
                if method == Method::DELETE && env == "production" {
                    continue;
                }
                for (token, body) in
                    tokens.iter().flat_map(|token| bodies.iter().map(move |body| (token, body)))
                {
                    let bearer = format!("Bearer {token}");
                    let headers = [("authorization", &*bearer), ("content-type", "application/json")];
                    for path in [path.clone(), format!("{path}{query}")] {
                        server.open(method.clone(), &path, body, &headers).await;
                        answers += 1;
                    }
                }
            }
        }
    }
    assert!(answers > 1_000, "{answers}");
    server.stop().await;
}

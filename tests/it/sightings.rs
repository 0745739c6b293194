//! Witnesses over REST: what they report, what is told of it, and what their tokens are good for.

use http::Method;
use landfall::model::time::{Span, Time};
use serde_json::{Value, json};

use crate::admin_support::{Server, check_problem, digest, pull};

const REPORT: &str = "/api/v1/environments/production/sightings";

async fn agent(server: &Server, environment: &str) -> String {
    let wanted = json!({"name": "eu-1", "kind": "agent"});
    let made = server.post(&format!("/api/v1/environments/{environment}/tokens"), wanted).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["secret"].as_str().unwrap().to_owned()
}

fn runs(at: Time, version: u8, pods: u64) -> Value {
    let images = json!([{"digest": digest(version), "reference": format!("v{version}.0.0"), "running": pods,
        "ready": pods, "nodes": pods}]);
    json!({"kind": "running", "at": at, "source": "kubernetes", "namespace": "shop", "workload": "deployment/payment",
        "container": "app", "repository": "docker/payment", "images": images})
}

fn trouble(reason: &str, count: u64) -> Value {
    json!({"reason": reason, "reference": "v1.0.0", "count": count})
}

fn alive(at: Time, since: Time) -> Value {
    json!({"kind": "alive", "at": at, "since": since})
}

fn report(sequence: u64, sightings: &[Value]) -> String {
    json!({"witness": "eu-1", "sequence": sequence, "sightings": sightings}).to_string()
}

/// The state of the one service of production, its version, and the confidence in that.
async fn running(server: &Server) -> (Value, Value, Value) {
    let running = server.get("/api/v1/environments/production/running").await.json();
    let service = &running["services"][0];
    (service["digest"].clone(), service["state"].clone(), service["confidence"].clone())
}

#[tokio::test]
async fn a_rollback_that_no_pull_shows_is_told_when_a_witness_sees_it() {
    let server = Server::start().await;
    let (token, _) = server.environment("production").await;
    let secret = agent(&server, "production").await;
    let now = landfall::clock::now();
    let ago = |seconds| now - Span::from_secs(seconds);
    for (version, at) in [(1, ago(7_200)), (2, ago(3_600))] {
        for client in ["10.0.0.1", "10.0.0.2"] {
            server.pulled(pull("production", &token, at, client, version)).await;
        }
    }
    let send = async |body: String| server.send_as(&secret, Method::POST, REPORT, &body).await;
    let since = ago(60);
    let first = [alive(since, since), runs(ago(59), 2, 2), alive(ago(57), since), alive(ago(20), since)];
    let taken = send(report(1, &first)).await;
    assert_eq!((taken.status.as_u16(), taken.json()), (202, json!({"accepted_until": 1})));
    assert_eq!(running(&server).await, (json!(digest(2)), json!("settled"), json!("confirmed")));

    let back = report(2, &[runs(ago(10), 1, 2), alive(ago(5), since)]);
    for _ in 0..2 {
        let taken = send(back.clone()).await;
        assert_eq!((taken.status.as_u16(), taken.json()), (202, json!({"accepted_until": 2})));
    }
    assert_eq!(running(&server).await, (json!(digest(1)), json!("settled"), json!("confirmed")));
    let deployments = server.get("/api/v1/environments/production/deployments").await.json();
    assert_eq!(deployments["deployments"][0]["kind"], "rollback");
    assert_eq!(deployments["deployments"].as_array().unwrap().len(), 3);

    let export = server.get("/api/v1/export").await;
    let lines: Vec<Value> = export.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = lines.iter().filter(|line| line["witness"] == "eu-1").count();
    assert_eq!(told, 6, "each report once");
    server.stop().await;
}

#[tokio::test]
async fn a_witness_reports_for_its_environment_and_does_nothing_else() {
    let server = Server::start().await;
    server.environment("production").await;
    server.environment("staging").await;
    let (secret, other) = (agent(&server, "production").await, agent(&server, "staging").await);
    let body = report(1, &[]);
    check_problem(&server.send_as(&other, Method::POST, REPORT, &body).await, 403, None);
    check_problem(&server.send(Method::POST, REPORT, &body).await, 403, None);
    for (method, path) in [
        (Method::GET, "/api/v1/environments/production/running"),
        (Method::GET, REPORT),
        (Method::POST, "/api/v1/environments"),
        (Method::POST, "/api/v1/releases"),
    ] {
        let answer = server.send_as(&secret, method.clone(), path, "{}").await;
        assert_eq!(answer.status, 401, "{method} {path}: {}", answer.text());
    }
    server.stop().await;
}

#[tokio::test]
async fn reports_have_bounds() {
    let server = Server::start().await;
    server.environment("production").await;
    let secret = agent(&server, "production").await;
    let now = landfall::clock::now();
    let with = |field: &str, value: Value| {
        let mut runs = runs(now, 1, 1);
        runs[field] = value;
        report(1, &[runs])
    };
    let with_count = |field: &str, count: u64| {
        let mut image = json!({"digest": digest(1), "running": 1, "ready": 1, "nodes": 1});
        image[field] = json!(count);
        with("images", json!([image]))
    };
    let many = vec![alive(now, now); 2_001];
    for (body, field) in [
        (json!({"witness": "", "sequence": 1, "sightings": []}).to_string(), "witness"),
        (json!({"witness": "a", "sequence": 0, "sightings": []}).to_string(), "sequence"),
        (report(1, &many), "sightings"),
        (
            json!({"witness": "a", "sequence": 1, "sightings": [], "enviroment": "x"}).to_string(),
            "enviroment",
        ),
        (with("source", json!("nomad")), "sightings[0].source"),
        (with("namespace", json!("a".repeat(300))), "sightings[0].namespace"),
        (with("images", json!([{"running": 1, "ready": 1}])), "sightings[0].images.digest"),
        (
            with("images", json!([{"image_id": "app:v1", "running": 1, "ready": 1}])),
            "sightings[0].images.image_id",
        ),
        (with_count("running", 1_000_001), "sightings[0].images.running"),
        (with_count("ready", u64::MAX), "sightings[0].images.ready"),
        (with_count("nodes", 1 << 32), "sightings[0].images.nodes"),
        (with("desired", json!(1_000_001)), "sightings[0].desired"),
        (
            with(
                "images",
                json!([{"digest": digest(1), "image_id": "a".repeat(513), "running": 1, "ready": 1}]),
            ),
            "sightings[0].images.image_id",
        ),
        (with("troubles", json!(vec![trouble("OOMKilled", 1); 17])), "sightings[0].troubles"),
        (with("troubles", json!([trouble("<b>", 1)])), "sightings[0].troubles.reason"),
        (with("troubles", json!([trouble(&"a".repeat(65), 1)])), "sightings[0].troubles.reason"),
        (with("troubles", json!([trouble("Error", 1_000_001)])), "sightings[0].troubles.count"),
    ] {
        let answer = server.send_as(&secret, Method::POST, REPORT, &body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["field"].as_str()),
            (422, Some(field)),
            "{}",
            answer.text()
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn two_agents_of_one_name_are_told_apart_by_their_tokens() {
    let server = Server::start().await;
    server.environment("production").await;
    let first = agent(&server, "production").await;
    let wanted = json!({"name": "us-1", "kind": "agent"});
    let made = server.post("/api/v1/environments/production/tokens", wanted).await;
    let second = made.json()["secret"].as_str().unwrap().to_owned();
    let now = landfall::clock::now();
    let since = now - Span::from_secs(10);
    let told = |version, sequence| {
        report(sequence, &[alive(since, since), runs(now, version, 2), alive(now, since)])
    };
    let taken = server.send_as(&first, Method::POST, REPORT, &told(1, 7)).await;
    assert_eq!(taken.status, 202, "{}", taken.text());
    // A lower number, and a higher one: neither is the other's.
    for sequence in [3, 9] {
        let refused = server.send_as(&second, Method::POST, REPORT, &told(2, sequence)).await;
        check_problem(&refused, 409, None);
        assert!(refused.text().contains("--name"), "{}", refused.text());
    }
    assert_eq!(running(&server).await.0, json!(digest(1)));
    let renamed = told(2, 3).replace("\"eu-1\"", "\"us-1\"");
    assert_eq!(server.send_as(&second, Method::POST, REPORT, &renamed).await.status, 202);
    server.stop().await;
}

#[tokio::test]
async fn a_rotated_token_goes_on_with_the_name_and_a_revoked_one_retires_its_witness() {
    let server = Server::start().await;
    let (cluster, _) = server.environment("production").await;
    let now = landfall::clock::now();
    for (version, minutes) in [(1, 300), (2, 200)] {
        let at = now - Span::from_mins(minutes);
        for client in ["10.0.0.1", "10.0.0.2"] {
            server.pulled(pull("production", &cluster, at, client, version)).await;
        }
    }
    let tokens = "/api/v1/environments/production/tokens";
    let made = server.post(tokens, json!({"name": "eu-1", "kind": "agent"})).await.json();
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let since = now - Span::from_secs(10);
    let told = |sequence| report(sequence, &[alive(since, since), runs(now, 1, 2), alive(now, since)]);
    assert_eq!(server.send_as(secret, Method::POST, REPORT, &told(7)).await.status, 202);
    assert_eq!(running(&server).await.0, json!(digest(1)), "a rollback that no pull shows");

    let rotated = server.post(&format!("{tokens}/{id}/rotate"), json!({"overlap": "1h"})).await.json();
    let (heir, secret_of_it) = (rotated["id"].as_str().unwrap(), rotated["secret"].as_str().unwrap());
    assert_eq!(
        server.send_as(secret, Method::POST, REPORT, &told(8)).await.status,
        202,
        "until it is replaced"
    );
    let taken = server.send_as(secret_of_it, Method::POST, REPORT, &told(1)).await;
    assert_eq!((taken.status.as_u16(), taken.json()), (202, json!({"accepted_until": 1})), "at once");
    check_problem(&server.send_as(secret, Method::POST, REPORT, &told(9)).await, 409, None);

    let revoke = async |id: &str| server.send(Method::DELETE, &format!("{tokens}/{id}"), "").await.status;
    assert_eq!(revoke(id).await, 204);
    assert_eq!(running(&server).await.2, json!("confirmed"), "its witness goes on with the other one");
    assert_eq!(revoke(heir).await, 204);
    let (digest_told, state, confidence) = running(&server).await;
    assert_eq!((digest_told, state, confidence == "confirmed"), (json!(digest(1)), json!("settled"), false));
    let after = server.get("/api/v1/environments/production/running").await.json();
    assert_eq!(after["services"][0]["workloads"], Value::Null, "{after:#}");
    server.stop().await;
}

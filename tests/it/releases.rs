//! Releases and the questions that people ask of them, over REST and by command.

use landfall::clock::now;
use landfall::model::time::Span;
use serde_json::{Value, json};

use crate::admin_support::{Server, digest, pull, upgrade_and_rollback};

const REPOSITORY: &str = "docker/payment";

fn release(version: u8, changes: Value) -> Value {
    json!({
        "repository": REPOSITORY,
        "digest": digest(version).to_string(),
        "version": format!("v{version}.0.0"),
        "created_at": format!("2026-03-0{version}T10:00:00Z"),
        "changes": changes,
    })
}

async fn register(server: &Server) {
    let releases = [
        release(1, json!([{"kind": "feature", "title": "Pay by bank transfer", "pr": 4400}])),
        release(
            2,
            json!([{"title": "fix: login times out behind a proxy", "pr": 4511}, {"title": "Dark mode for invoices", "pr": 4520}]),
        ),
        release(3, json!([{"kind": "security", "title": "Rate limit password guesses", "pr": 4600}])),
    ];
    for release in releases {
        let answer = server.post("/api/v1/releases", release).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
}

fn versions(releases: &Value) -> Vec<&str> {
    releases.as_array().unwrap().iter().map(|release| release["version"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_release_is_registered_once_and_what_contradicts_it_is_shown() {
    let server = Server::start().await;
    let told = release(1, json!([{"title": "fix: a leak (#12)"}]));
    let made = server.post("/api/v1/releases", told.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!(made["changes"][0]["kind"], "fix");
    assert_eq!(made["changes"][0]["rule"], "conventional-type");
    assert_eq!(made["digest"], digest(1).to_string());
    assert_eq!(made["environments"], json!([]));

    let again = server.post("/api/v1/releases", told.clone()).await;
    assert_eq!((again.status.as_u16(), again.json()), (200, made.clone()));
    let id = made["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/api/v1/releases/{id}")).await.json(), made);

    let mut other = told.clone();
    other["digest"] = json!(digest(9).to_string());
    let refused = server.post("/api/v1/releases", other).await;
    assert_eq!(refused.status, 409);
    let difference = &refused.json()["differences"][0];
    assert_eq!(
        (&difference["field"], &difference["known"]),
        (&json!("digest"), &json!(digest(1).to_string()))
    );

    let mut rebuilt = told;
    rebuilt["digests"] = json!([digest(9).to_string()]);
    let extended = server.post("/api/v1/releases", rebuilt).await;
    assert_eq!(extended.status, 200, "{}", extended.text());
    assert_eq!(extended.json()["digests"], json!([digest(1).to_string(), digest(9).to_string()]));
    server.stop().await;
}

#[tokio::test]
async fn a_registration_that_is_wrong_names_the_field() {
    let server = Server::start().await;
    let cases = [
        (json!({"version": "v1"}), "repository"),
        (json!({"repository": REPOSITORY}), "version"),
        (json!({"repository": "No/Capitals", "version": "v1"}), "repository"),
        (json!({"repository": REPOSITORY, "version": " "}), "version"),
        (json!({"repository": REPOSITORY, "version": "v1", "digest": "sha256:12"}), "digest"),
        (
            json!({"repository": REPOSITORY, "version": "v1", "changes": [{"kind": "odd", "title": "x"}]}),
            "changes[0]",
        ),
        (json!({"repository": REPOSITORY, "version": "v1", "created_at": "yesterday"}), "created_at"),
    ];
    for (body, field) in cases {
        let answer = server.post("/api/v1/releases", body.clone()).await;
        assert_eq!(answer.status, 422, "{body} {}", answer.text());
        let named = answer.json()["field"].as_str().unwrap().to_owned();
        assert!(named.starts_with(field), "{body}: {named}");
    }
    assert_eq!(server.get("/api/v1/releases").await.json(), json!([]));
    server.stop().await;
}

#[tokio::test]
async fn releases_are_listed_in_pages_and_found_by_what_changed() {
    let server = Server::start().await;
    register(&server).await;
    let first = server.get("/api/v1/releases?limit=2").await;
    assert_eq!(versions(&first.json()), ["v3.0.0", "v2.0.0"]);
    let next = first.header("link").strip_prefix('<').unwrap().split('>').next().unwrap().to_owned();
    let second = server.get(&next).await;
    assert_eq!(versions(&second.json()), ["v1.0.0"]);
    assert_eq!(second.header("link"), "");
    let found = server.get("/api/v1/releases?q=login%20times%20out").await.json();
    assert_eq!(versions(&found)[0], "v2.0.0");
    assert_eq!(server.get("/api/v1/releases?q=login&repository=docker/web").await.json(), json!([]));
    server.stop().await;
}

#[tokio::test]
async fn every_question_is_answered_after_an_upgrade_and_a_rollback() {
    let server = Server::start().await;
    let (production, _) = server.environment("production").await;
    let (staging, _) = server.environment("staging").await;
    register(&server).await;
    upgrade_and_rollback(&server, &production).await;
    for node in 1..=2 {
        let at = now() - Span::from_mins(40) + Span::from_secs(node);
        server.pulled(pull("staging", &staging, at, &format!("10.1.0.{node}"), 2)).await;
    }

    let verify = |environment: &'static str, text: &'static str| {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("environment", environment)
            .append_pair("q", text)
            .finish();
        let server = &server;
        async move { server.get(&format!("/api/v1/verify?{query}")).await.json() }
    };
    for (environment, text, answer) in [
        ("production", "#4511", "rolled_back"),
        ("production", "is the fix for login times out behind a proxy live?", "rolled_back"),
        ("production", "bank transfer", "live"),
        ("production", "PR 4600", "not_live"),
        ("staging", "#4511", "live"),
        ("staging", "#99999", "no_such_change"),
    ] {
        let verified = verify(environment, text).await;
        assert_eq!(verified["answer"], answer, "{environment} {text}: {verified:#}");
    }
    let rolled_back = verify("production", "#4511").await;
    assert_eq!(rolled_back["matches"][0]["release"]["version"], "v2.0.0");
    let deployment = rolled_back["matches"][0]["services"][0]["deployment_id"].as_str().unwrap();
    let deployment = server.get(&format!("/api/v1/deployments/{deployment}")).await.json();
    assert_eq!(deployment["kind"], "rollback");
    assert_eq!(deployment["changes"][0]["reverted"][0]["version"], "v2.0.0");
    assert_eq!(deployment["started_at"], rolled_back["since"]);

    let missing = server.get("/api/v1/environments/production/missing").await.json();
    assert_eq!(missing["up_to_date"], false);
    assert_eq!(missing["services"][0]["latest"]["version"], "v3.0.0");
    assert_eq!(versions(&missing["services"][0]["missing"]), ["v2.0.0", "v3.0.0"]);
    assert_eq!(missing["services"][0]["fixes"], 2);

    let compared = server.get("/api/v1/compare?left=staging&right=production").await.json();
    let service = &compared["services"][0];
    assert_eq!((&service["relation"], &service["fixes"]), (&json!("left_ahead"), &json!(1)));
    assert_eq!(versions(&service["releases"]), ["v2.0.0"]);
    assert_eq!(service["pull_requests"], json!([4511, 4520]));
    let turned = server.get("/api/v1/compare?left=production&right=staging").await.json();
    assert_eq!(turned["services"][0]["relation"], "right_ahead");
    let before = (now() - Span::from_mins(60)).to_string();
    let then =
        server.get(&format!("/api/v1/compare?left=production&left_at={before}&right=production")).await;
    assert_eq!(then.json()["services"][0]["relation"], "left_ahead", "{}", then.text());

    let since = (now() - Span::from_mins(200)).to_string();
    let changes = server.get(&format!("/api/v1/environments/production/changes?from={since}")).await.json();
    assert_eq!((&changes["rollbacks"], versions(&changes["reverted"])), (&json!(1), vec!["v2.0.0"]));
    assert_eq!(changes["deployments"].as_array().unwrap().len(), 2);

    let path = "/api/v1/environments/production/history?repository=docker/payment";
    let history = server.get(path).await.json();
    let kinds: Vec<&str> = history["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["rollback", "upgrade", "initial"]);

    let found = server.get("/api/v1/search?q=login").await.json();
    let places = found["matches"][0]["environments"].as_array().unwrap().clone();
    let places: Vec<(&str, &str)> =
        places.iter().map(|it| (it["name"].as_str().unwrap(), it["state"].as_str().unwrap())).collect();
    assert_eq!(places, [("production", "rolled_back"), ("staging", "live")]);
    server.stop().await;
}

#[tokio::test]
async fn an_image_that_runs_elsewhere_is_missing_too_where_no_release_is_known() {
    let server = Server::start().await;
    let (production, _) = server.environment("production").await;
    let (staging, _) = server.environment("staging").await;
    for (environment, token, version) in [("production", &production, 1), ("staging", &staging, 2)] {
        for node in 1..=2 {
            let at = now() - Span::from_mins(60) + Span::from_secs(node);
            server.pulled(pull(environment, token, at, &format!("10.1.0.{node}"), version)).await;
        }
    }
    let missing = server.get("/api/v1/environments/production/missing").await.json();
    assert_eq!(
        (&missing["up_to_date"], versions(&missing["services"][0]["missing"])),
        (&json!(false), vec!["v2"])
    );
    assert_eq!(missing["services"][0]["latest"]["version"], "v2");
    let missing = server.get("/api/v1/environments/staging/missing").await.json();
    assert_eq!(missing["up_to_date"], true);
    server.stop().await;
}

#[tokio::test]
async fn a_question_in_words_is_answered_and_never_acted_upon() {
    let server = Server::start().await;
    let (production, _) = server.environment("production").await;
    register(&server).await;
    upgrade_and_rollback(&server, &production).await;
    let events = server.log.events().unwrap().count();
    let ask = async |question: &str| {
        let answer = server.post("/api/v1/ask", json!({ "question": question })).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    for (question, intent, mentioned) in [
        ("what's running in prod?", "running", "v1.0.0"),
        ("is #4511 live in production", "verify", "rolled back"),
        ("is production up to date?", "missing", "v3.0.0"),
        ("any rollbacks in production?", "rollbacks", "v2.0.0"),
        ("what is in payment v2.0.0", "search", "#4511"),
        ("deploy payment v3.0.0 to production", "deploy", "Nothing was deployed"),
        ("create a staging environment", "create_environment", "landfall env create staging"),
        ("tell me a joke", "unknown", "What can be asked"),
    ] {
        let answer = ask(question).await;
        let text = answer["text"].as_str().unwrap();
        assert_eq!(answer["intent"], intent, "{question}: {answer:#}");
        assert!(text.contains(mentioned), "{question}: {text}");
    }
    let asked_back = ask("compare production").await;
    assert!(asked_back["data"]["ask_back"] == "environment", "{asked_back:#}");
    assert_eq!(server.log.events().unwrap().count(), events, "a question changed something");
    server.stop().await;
}

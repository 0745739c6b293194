//! Short names and spoken times mean the same over every surface: REST, commands, tools.

use http::Method;
use serde_json::{Value, json};

use crate::admin_cli::command;
use crate::admin_support::{Server, upgrade_and_rollback};
use crate::deploys::releases;
use crate::mcp::Agent;

/// Two environments, of which one pulled `docker/payment`, whose releases are known.
async fn world() -> Server {
    let server = Server::start().await;
    let (token, _) = server.environment("production").await;
    server.environment("staging").await;
    releases(&server).await;
    upgrade_and_rollback(&server, &token).await;
    server
}

async fn rest(server: &Server, path: &str) -> (u16, Value) {
    let answer = server.get(&format!("/api/v1/{path}")).await;
    (answer.status.as_u16(), answer.json())
}

#[tokio::test]
async fn a_short_name_is_enough_everywhere() {
    let server = world().await;
    for (short, whole) in [
        ("environments/prod/running", "environments/production/running"),
        ("environments/stg/missing", "environments/staging/missing"),
        ("environments/prod", "environments/production"),
        ("environments/prod/tokens", "environments/production/tokens"),
        (
            "environments/prd/history?repository=payment",
            "environments/production/history?repository=docker/payment",
        ),
        ("search?q=login&repository=payment", "search?q=login&repository=docker/payment"),
        ("releases?repository=payment", "releases?repository=docker/payment"),
        ("compare?left=prod&right=stg", "compare?left=production&right=staging"),
        ("verify?environment=prod&q=login", "verify?environment=production&q=login"),
    ] {
        let ((status, one), (_, other)) = (rest(&server, short).await, rest(&server, whole).await);
        assert_eq!(status, 200, "{short}: {one}");
        for member in ["environment", "left", "repository", "name", "services", "changes", "matches"] {
            let without_age = |value: &Value| value[member].to_string().len();
            assert!(without_age(&one).abs_diff(without_age(&other)) < 40, "{short} {member}: {one} {other}");
        }
        assert_eq!(one["environment"], other["environment"], "{short}");
    }
    for arguments in [
        &["history", "prod", "payment"][..],
        &["status", "prod"],
        &["timeline", "prd"],
        &["missing", "stg"],
        &["search", "login", "--repository", "payment"],
        &["release", "list", "--repository", "payment"],
        &["status", "prod", "--at", "yesterday"],
        &["changes", "prod", "--since", "2026-01-01", "--until", "1h"],
    ] {
        let said = command(&server, arguments).await;
        let is_answer = said.status.success() || arguments[0] == "missing";
        assert!(is_answer, "{arguments:?}: {}", String::from_utf8_lossy(&said.stderr));
    }
    // An answer has the whole name, however it was typed.
    for (arguments, whole) in [
        (&["missing", "stg"][..], "staging"),
        (&["missing", "prod"], "production"),
        (&["changes", "prod", "--since", "1h"], "production"),
        (&["timeline", "stg"], "staging"),
        (&["status", "prod"], "production"),
        (&["token", "list", "stg"], "cluster"),
        (&["compare", "prod", "stg"], "staging"),
        (&["verify", "login", "--env", "prod"], "production"),
    ] {
        let said = String::from_utf8(command(&server, arguments).await.stdout).unwrap();
        assert!(said.contains(whole), "{arguments:?}: {said}");
        for short in ["stg", "prod"] {
            assert!(
                !said.split(|it: char| !it.is_alphanumeric()).any(|word| word == short),
                "{arguments:?}: {said}"
            );
        }
    }
    let agent = Agent::of(&server);
    let running = agent.call("get_running", json!({"environment": "prod"})).await;
    assert_eq!(running["environment"], "production");
    agent.call("search_releases", json!({"q": "login", "repository": "payment"})).await;
    agent.call("get_running", json!({"environment": "prod", "at": "2h"})).await;
    let plan = agent
        .call("deploy_release", json!({"environment": "prod", "repository": "payment", "version": "v2.0.0"}));
    assert_eq!(plan.await["release"]["repository"], "docker/payment");
}

#[tokio::test]
async fn what_is_unknown_or_unclear_is_named_with_what_may_be_meant() {
    let server = world().await;
    for name in ["qa-eu", "qa-us"] {
        server.environment(name).await;
    }
    for (path, status, parts) in [
        ("environments/prodution/running", 404, &["`prodution`", "did you mean `production`"][..]),
        ("environments/qa/running", 422, &["qa-eu", "qa-us"]),
        ("environments/production/history?repository=paymet", 404, &["did you mean `docker/payment`"]),
        ("search?q=login&repository=paymet", 404, &["did you mean `docker/payment`"]),
        ("compare?left=production&right=stagin", 404, &["right: ", "did you mean `staging`"]),
        ("environments/production/running?at=soon", 422, &["soon", "yesterday"]),
    ] {
        let (got, problem) = rest(&server, path).await;
        assert_eq!(got, status, "{path}: {problem}");
        for part in parts {
            assert!(problem["detail"].as_str().unwrap().contains(part), "{path}: {problem}");
        }
    }
    // A change names its environment in full: nothing is changed on a guess.
    let gone = server.send(Method::DELETE, "/api/v1/environments/stg?confirm=stg", "").await;
    assert_eq!(gone.status, 404, "{}", gone.text());
    let token = server.post("/api/v1/environments/stg/tokens", json!({"name": "cluster"})).await;
    assert_eq!(token.status, 404, "{}", token.text());
    assert_eq!(rest(&server, "environments/staging").await.0, 200);
}

/// A service is one of the environment's own, even where another repository is called exactly so; and one that came later than
/// the time that is asked about is not called one that never was.
#[tokio::test]
async fn a_service_is_the_environments_own_at_every_time() {
    let server = world().await;
    server.post("/api/v1/releases", json!({"repository": "payment", "version": "v9"})).await;
    for at in ["", "&at=2h"] {
        let (status, history) =
            rest(&server, &format!("environments/prod/history?repository=payment{at}")).await;
        assert_eq!((status, &history["repository"]), (200, &json!("docker/payment")), "{at}: {history}");
    }
    let (status, early) = rest(&server, "environments/prod/history?repository=payment&at=7d").await;
    let said = early["detail"].as_str().unwrap();
    assert!(status == 404 && said.contains("the first pull of it came at"), "{said}");
    let (status, other) = rest(&server, "environments/stg/history?repository=docker/payment").await;
    assert!(status == 404 && other["detail"].as_str().unwrap().contains("never seen to pull"), "{other}");
}

//! Questions in the words of developers: what each answer says of service, kind of change, environments and the way back.

use landfall::clock::now;
use landfall::model::time::Span;
use serde_json::{Value, json};

use crate::admin_support::{Server, digest, pull, upgrade_and_rollback};

/// Longest answer that asks for no list, in characters.
const CHARS_MAX: usize = 600;

async fn register(server: &Server) {
    let changes = [
        json!([{"kind": "feature", "title": "Pay by bank transfer", "pr": 4400}]),
        json!([{"title": "fix: login times out behind a proxy", "pr": 4511}]),
        json!([{"kind": "security", "title": "Rate limit password guesses", "pr": 4600}]),
    ];
    for (version, changes) in (1_u8..).zip(changes) {
        let release = json!({
            "repository": "docker/payment",
            "digest": digest(version).to_string(),
            "version": format!("v{version}.0.0"),
            "changes": changes,
        });
        let answer = server.post("/api/v1/releases", release).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
}

async fn ask(server: &Server, question: &str) -> Value {
    let answer = server.post("/api/v1/ask", json!({ "question": question })).await;
    assert_eq!(answer.status, 200, "{question}: {}", answer.text());
    answer.json()
}

/// Production ran v1, v2 and v1 again; staging runs v2.
async fn world() -> Server {
    let server = Server::start().await;
    let (production, _) = server.environment("production").await;
    let (staging, _) = server.environment("staging").await;
    register(&server).await;
    upgrade_and_rollback(&server, &production).await;
    for (minutes, version) in [(120, 1), (60, 2)] {
        for node in 1..=2 {
            let at = now() - Span::from_mins(minutes) + Span::from_secs(node);
            server.pulled(pull("staging", &staging, at, &format!("10.1.0.{node}"), version)).await;
        }
    }
    server
}

#[tokio::test]
async fn each_kind_of_question_is_answered_for_what_it_is_about() {
    let server = world().await;
    for (question, intent, mentioned) in [
        ("list environments", "running", "2 environments: production, staging"),
        ("is anything broken right now?", "running", "Nothing is known to be broken"),
        ("is payment up to date in production", "missing", "lacks v2.0.0"),
        ("why is payment behind", "missing", "production"),
        (
            "which security fixes are missing in production?",
            "missing",
            "1 security fix: “Rate limit password guesses”",
        ),
        ("which features are missing in production?", "missing", "No feature"),
        ("which environments are behind?", "missing", "staging"),
        (
            "what is the latest release of payment",
            "search",
            "The latest release of docker/payment is v3.0.0.",
        ),
        ("which release fixed the login timeout?", "search", "v2.0.0"),
        ("who deployed payment to production?", "history", "Pulls do not tell who deployed"),
        ("is the login fix live?", "verify", "staging"),
        ("roll back payment in staging", "deploy", "would go back from v2.0.0 to v1.0.0 in staging"),
        (
            "what would I lose if I roll back payment in staging",
            "deploy",
            "1 release with 1 fix: “fix: login times out",
        ),
        // Without a release the latest is planned, which no question does.
        (
            "Hi! Could you deploy payment to staging, please?",
            "deploy",
            "docker/payment v3.0.0 would go to staging",
        ),
        // A rollback left v2.0.0: the way back does not lead there.
        ("roll back payment in production", "deploy", "was not seen to run another version"),
        ("is staging ahead of production for payment?", "compare", "v2.0.0 in staging is ahead"),
        ("what changed in payment in production today", "changes", "production"),
    ] {
        let answer = ask(&server, question).await;
        let text = answer["text"].as_str().unwrap();
        assert_eq!(answer["intent"], intent, "{question}: {answer:#}");
        assert!(text.contains(mentioned), "{question}: {text}");
        assert!(text.chars().count() <= CHARS_MAX, "{question}: {text}");
    }
    server.stop().await;
}

#[tokio::test]
async fn of_a_hundred_environments_every_answer_stays_short() {
    let server = world().await;
    for place in 0..99 {
        let name = format!("a-rather-long-name-for-team-{place:02}");
        let (token, _) = server.environment(&name).await;
        let version = 1 + place % 3;
        server.pulled(pull(&name, &token, now() - Span::from_mins(60), "10.2.0.1", version)).await;
    }
    for question in [
        "which environments are behind?",
        "what is running",
        "where does payment run",
        "is anything broken?",
        "any rollbacks this week?",
        "what changed today",
        "when was payment last deployed",
        "which security fixes are missing",
        "is the login fix live?",
        "deploy payment v2.0.0",
        "compare production",
        "tokens",
    ] {
        let answer = ask(&server, question).await;
        let text = answer["text"].as_str().unwrap();
        assert!(text.chars().count() <= CHARS_MAX, "{question}: {} {text}", text.chars().count());
        assert!(!text.is_empty() && answer["intent"] != "unknown", "{question}: {answer:#}");
    }
    server.stop().await;
}

/// The same of a service that is `docker/web`: v1.0.0 in production, v2.0.0 in staging.
async fn with_web(server: &Server) {
    for version in 1..=2_u8 {
        let release = json!({
            "repository": "docker/web",
            "digest": digest(version + 100).to_string(),
            "version": format!("v{version}.0.0"),
            "changes": [{"kind": "fix", "title": format!("Cart badge counts wrong {version}"), "pr": 5000 + u32::from(version)}],
        });
        let answer = server.post("/api/v1/releases", release).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
}

/// A question of several services says of each what the question of it alone says.
#[tokio::test]
async fn a_question_of_several_services_is_answered_for_each() {
    let server = world().await;
    with_web(&server).await;
    let text = |answer: &Value| answer["text"].as_str().unwrap().to_owned();
    for (question, words) in [
        (
            "what are payment and web on in production?",
            &["payment v1.0.0", "never seen to run docker/web"][..],
        ),
        ("are payment and web up to date in production?", &["lacks v2.0.0", "never seen to run docker/web"]),
        (
            "compare payment and web between production and staging",
            &["v2.0.0 in staging is ahead", "docker/web: not running"],
        ),
        ("what changed for web and payment in production?", &["v1.0.0", "Nothing of docker/web changed"]),
        ("was web or payment rolled back in production?", &["1 rollback", "No rollback of docker/web"]),
        (
            "is the login fix live for payment and web in production",
            &["rolled back", "docker/web: No known change fits"],
        ),
        (
            "deploy payment and web to staging",
            &["docker/payment v3.0.0 would go", "docker/web v2.0.0 would go"],
        ),
        ("are #4511 and #5001 in production", &["(#4511)", "(#5001)", "not live"]),
    ] {
        let answer = ask(&server, question).await;
        let said = text(&answer);
        assert!(words.iter().all(|word| said.contains(word)), "{question}: {said}");
        assert!(said.chars().count() <= CHARS_MAX, "{question}: {said}");
        if !question.contains('#') {
            assert_eq!(answer["repositories"].as_array().unwrap().len(), 2, "{question}: {answer}");
            assert_eq!(answer["repository"], Value::Null, "{question}");
        }
    }
    // An answer for one of them alone would hide the other, so nothing is planned.
    let first = ask(&server, "is the login fix live for payment and web in production").await;
    let next = json!({"question": "deploy it to staging", "conversation": first["conversation"]});
    let answer = server.post("/api/v1/ask", next).await.json();
    assert_eq!(answer["data"]["plan"], Value::Null, "{answer}");
    let unknown = ask(&server, "are payment and foo up to date in production").await;
    assert!(text(&unknown).contains("No service “foo” is known"), "{unknown}");
    server.stop().await;
}

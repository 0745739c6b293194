//! A place to ask: conversations over REST, on the page without scripts, at the command line and by an agent.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use http::Method;
use landfall::clock::now;
use landfall::model::time::Span;
use serde_json::{Value, json};

use crate::admin_support::{Answer, Server, check_problem, pull, upgrade_and_rollback};
use crate::dashboard::{log_in, log_in_with};
use crate::deploys::releases;
use crate::mcp::Agent;
use crate::rig::skip::need;

const VERIFY: &str = "is the login fix live in production?";

/// Production was rolled back to v1.0.0; staging runs v2.0.0, which has the login fix.
async fn world() -> Server {
    let server = Server::start().await;
    let (production, _) = server.environment("production").await;
    let (staging, _) = server.environment("staging").await;
    releases(&server).await;
    upgrade_and_rollback(&server, &production).await;
    for node in 1..=2 {
        let at = now() - Span::from_mins(60) + Span::from_secs(node);
        server.pulled(pull("staging", &staging, at, &format!("10.1.0.{node}"), 2)).await;
    }
    server
}

async fn ask_as(server: &Server, token: &str, body: Value) -> Value {
    let answer = server.send_as(token, Method::POST, "/api/v1/ask", &body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn ask(server: &Server, body: Value) -> Value {
    ask_as(server, &server.token, body).await
}

/// The viewer's token.
async fn viewer(server: &Server) -> String {
    let made = server.post("/api/v1/admin-tokens", json!({"name": "eyes", "kind": "viewer"})).await.json();
    made["secret"].as_str().unwrap().to_owned()
}

fn text(answer: &Value) -> &str {
    answer["text"].as_str().unwrap()
}

#[tokio::test]
async fn a_conversation_keeps_its_context() {
    let server = world().await;
    let first = ask(&server, json!({"question": VERIFY})).await;
    assert!(text(&first).contains("rolled back"), "{first:#}");
    assert_eq!((first["turn"].as_u64(), &first["notice"]), (Some(1), &Value::Null));
    let id = first["conversation"].as_str().unwrap();
    for (turn, question, intent, environment, says) in [
        (2, "and in staging?", "verify", "staging", "live"),
        (3, "since when?", "verify", "staging", "live"),
        (4, "which version runs there?", "running", "staging", "v2.0.0"),
        (5, "and in production?", "running", "production", "v1.0.0"),
    ] {
        let answer = ask(&server, json!({"question": question, "conversation": id})).await;
        assert_eq!(
            (&answer["conversation"], answer["turn"].as_u64()),
            (&json!(id), Some(turn)),
            "{question}"
        );
        assert_eq!(
            (&answer["intent"], &answer["environment"]),
            (&json!(intent), &json!(environment)),
            "{answer:#}"
        );
        assert!(text(&answer).contains(says), "{question}: {answer:#}");
        assert_eq!(answer["notice"], Value::Null);
    }
    // A turn asked anew takes the place of those from there on.
    let again = ask(&server, json!({"question": "and in staging?", "conversation": id, "turn": 2})).await;
    assert_eq!((again["turn"].as_u64(), &again["intent"]), (Some(2), &json!("verify")), "{again:#}");
    // Without its conversation it means nothing of the kind.
    let alone = ask(&server, json!({"question": "since when?"})).await;
    assert_ne!(alone["intent"], "verify", "{alone:#}");
    server.stop().await;
}

#[tokio::test]
async fn what_is_asked_back_is_answered_with_a_name() {
    let server = world().await;
    let open = ask(&server, json!({"question": "deploy payment v2.0.0"})).await;
    assert_eq!(open["data"]["ask_back"], "environment", "{open:#}");
    assert_eq!(open["follow_ups"], json!(["production", "staging"]));
    let answer = ask(&server, json!({"question": "staging", "conversation": open["conversation"]})).await;
    let understood = (&answer["intent"], &answer["environment"], &answer["version"]);
    assert_eq!(understood, (&json!("deploy"), &json!("staging"), &json!("v2.0.0")), "{answer:#}");
    server.stop().await;
}

#[tokio::test]
async fn a_conversation_that_is_not_known_begins_anew_and_says_so() {
    let server = world().await;
    let viewer = viewer(&server).await;
    let mine = ask(&server, json!({"question": VERIFY})).await["conversation"].clone();
    for (token, named) in [(&server.token, json!("cnv_0123456789ab")), (&viewer, mine.clone())] {
        let answer = ask_as(&server, token, json!({"question": VERIFY, "conversation": named})).await;
        assert_ne!(answer["conversation"], named);
        assert_eq!(answer["turn"], 1);
        assert!(answer["notice"].as_str().unwrap().contains("begins a new one"), "{answer:#}");
        assert!(text(&answer).contains("rolled back"), "it is answered all the same: {answer:#}");
    }
    let wrong = json!({"question": VERIFY, "conversation": "x".repeat(65)}).to_string();
    check_problem(&server.send(Method::POST, "/api/v1/ask", &wrong).await, 422, Some("conversation"));
    let wrong = json!({"question": VERIFY, "thread": "x"}).to_string();
    check_problem(&server.send(Method::POST, "/api/v1/ask", &wrong).await, 422, Some("thread"));
    server.stop().await;
}

#[tokio::test]
async fn an_answer_comes_as_events_where_they_are_wanted() {
    let server = world().await;
    let bearer = format!("Bearer {}", server.token);
    let headers = [("authorization", bearer.as_str()), ("accept", "text/event-stream")];
    let events = async |question: &str| {
        let body = json!({ "question": question }).to_string();
        server.send_with(Method::POST, "/api/v1/ask", &body, &headers).await
    };
    let answer = events(VERIFY).await;
    assert!(answer.header("content-type").starts_with("text/event-stream"));
    let data = answer.text().lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    assert!(answer.text().starts_with("event: answer\n"), "{}", answer.text());
    let told: Value = serde_json::from_str(data).unwrap();
    assert_eq!((&told["intent"], told["turn"].as_u64()), (&json!("verify"), Some(1)), "{told:#}");
    let refused = events(" ").await;
    assert!(
        refused.text().starts_with("event: problem\n") && refused.text().contains("\"status\":422"),
        "{}",
        refused.text()
    );
    server.stop().await;
}

/// A browser without scripts.
struct Reader<'a> {
    server: &'a Server,
    cookie: String,
}

impl Reader<'_> {
    async fn see(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text().to_owned()
    }

    async fn get(&self, path: &str) -> Answer {
        self.server.send_with(Method::GET, path, "", &[("cookie", &self.cookie)]).await
    }

    /// The page that the form leads to.
    async fn asks(&self, page: &str, question: &str) -> (String, String) {
        let form = page.split("<form id=\"ask\"").nth(1).unwrap().split("</form>").next().unwrap();
        let hidden = |name: &str| {
            let field = form.split(&format!("name=\"{name}\" value=\"")).nth(1)?;
            Some(format!("{name}={}", field.split('"').next()?))
        };
        let q: String = url::form_urlencoded::byte_serialize(question.as_bytes()).collect();
        let query = [hidden("conversation"), hidden("turn"), Some(format!("q={q}"))];
        let path = format!("/ask?{}", query.into_iter().flatten().collect::<Vec<_>>().join("&"));
        (self.see(&path).await, path)
    }
}

/// The words of a page's latest answer.
fn said(page: &str) -> &str {
    let newest = page.split("id=\"newest\"").nth(1).unwrap_or_else(|| panic!("no answer: {page}"));
    newest.split("class=\"said\" role=\"status\">").nth(1).unwrap().split("</p>").next().unwrap()
}

#[tokio::test]
async fn the_page_is_a_plain_form_and_a_conversation() {
    let server = world().await;
    let events = server.log.events().unwrap().count();
    let reader = Reader { server: &server, cookie: log_in(&server).await };
    let blank = reader.see("/ask").await;
    assert!(blank.contains("is production up to date?") && !blank.contains("id=\"newest\""), "{blank}");

    let (first, link) = reader.asks(&blank, VERIFY).await;
    assert_eq!(link, "/ask?q=is+the+login+fix+live+in+production%3F", "a question is a link");
    assert!(said(&first).contains("rolled back"), "{first}");
    // The card is that of the answer's page: the evidence is one click away.
    assert!(first.contains("<div id=\"answer\"") && first.contains("the evidence"), "{first}");
    assert!(first.contains("the page behind it"), "{first}");

    let (second, link) = reader.asks(&first, "and in staging?").await;
    assert!(second.contains(VERIFY) && said(&second).contains("staging"), "{second}");
    assert!(second.contains("turn\" value=\"3\""), "{second}");
    assert_eq!(said(&reader.see(&link).await), said(&second), "what is seen again is not asked again");
    let (third, _) = reader.asks(&reader.see(&link).await, "which version runs there?").await;
    assert!(said(&third).contains("v2.0.0") && third.contains("id=\"running\""), "{third}");
    // Going back, one asks from there.
    let (other, _) = reader.asks(&second, "and in production?").await;
    assert!(said(&other).contains("rolled back") && !other.contains("which version runs there?"), "{other}");
    let lost = reader.see("/ask?conversation=cnv_0123456789ab&turn=3&q=what+is+running%3F").await;
    assert!(lost.contains("not known any more"), "{lost}");
    assert_eq!(server.log.events().unwrap().count(), events, "a question changed something");
    server.stop().await;
}

#[tokio::test]
async fn the_box_on_every_page_asks_and_searches() {
    let server = world().await;
    let reader = Reader { server: &server, cookie: log_in(&server).await };
    for path in ["/", "/releases", "/environments/production"] {
        assert!(reader.see(path).await.contains("<form class=\"find\" action=\"/ask\""), "{path}");
    }
    for title in ["login+times+out", "%234511", "bank+transfer"] {
        let page = reader.see(&format!("/ask?q={title}")).await;
        assert!(page.contains("<div id=\"answer\"") && page.contains("first in"), "{title}: {page}");
    }
    let nothing = reader.see("/ask?q=zebra+crossing").await;
    assert!(said(&nothing).contains("What can be asked"), "{nothing}");
    let hostile = reader.see("/ask?q=%3Cscript%3Ehack()%3C/script%3E").await;
    assert!(!hostile.contains("<script>hack"), "{hostile}");
    for path in ["/ask?q=a&other=1", "/ask?turn=0&q=a"] {
        assert_eq!(reader.get(path).await.status, 422, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_would_change_something_is_a_plan_and_a_button_for_who_may() {
    let server = world().await;
    let eyes = viewer(&server).await;
    let events = server.log.events().unwrap().count();
    let admin = Reader { server: &server, cookie: log_in(&server).await };
    let viewer = Reader { server: &server, cookie: log_in_with(&server, &eyes).await };
    for (question, plan, action) in [
        ("deploy+payment+v2.0.0+to+production", "kubectl", "/environments/production/deploys"),
        ("create+a+qa+environment", "A new environment", "/environments\""),
        ("generate+a+token+for+staging", "A new token of staging", "/environments/staging/tokens"),
    ] {
        let path = format!("/ask?q={question}");
        let (may, sees) = (admin.see(&path).await, viewer.see(&path).await);
        assert!(may.contains(plan) && sees.contains(plan), "{question}: {may}");
        let button = format!("method=\"post\" action=\"{action}");
        assert!(may.contains(&button) && !sees.contains(&button), "{question}: {may}");
        assert!(sees.contains("an admin can"), "{question}: {sees}");
    }
    assert_eq!(server.log.events().unwrap().count(), events, "a question changed something");
    let answer = ask(&server, json!({"question": "deploy payment v2.0.0 to production"})).await;
    let commands = answer["data"]["plan"]["commands"].as_array().unwrap();
    assert!(commands[0].as_str().unwrap().contains("kubectl"), "{answer:#}");
    server.stop().await;
}

/// Runs `landfall ask` with these lines on its standard input.
async fn talk(server: &Server, arguments: &[&str], lines: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command.arg("ask").args(arguments).env_clear();
    command.env("LANDFALL_ADMIN", &server.url).env("LANDFALL_ADMIN_TOKEN", &server.token);
    fed(command, lines).await
}

/// Runs a command with these lines on its standard input.
async fn fed(mut command: Command, lines: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let lines = lines.to_owned();
    let run = move || {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test]
async fn the_command_line_holds_a_conversation() {
    let server = world().await;
    let out = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();
    let output =
        talk(&server, &[], &format!("{VERIFY}\n\nand in staging?\nwhich version runs there?\n")).await;
    let told = out(&output);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(told.contains("rolled back") && told.contains("staging") && told.contains("v2.0.0"), "{told}");
    assert!(told.ends_with('\n') && !told.contains('>'), "no prompt where nobody sits: {told}");

    let output = talk(&server, &[], "sing a song\nquit\nwhat is running in production?\n").await;
    assert_eq!((output.status.code(), out(&output).contains("v1.0.0")), (Some(1), false), "{output:?}");

    let first = talk(&server, &["--json", VERIFY], "").await;
    let first: Value = serde_json::from_slice(&first.stdout).unwrap();
    let id = first["conversation"].as_str().unwrap();
    let second = talk(&server, &["--conversation", id, "and", "in", "staging?"], "").await;
    assert!(out(&second).contains("staging") && out(&second).ends_with('\n'), "{second:?}");
    let plan = talk(&server, &["deploy payment v2.0.0 to production"], "").await;
    assert!(out(&plan).contains("\n  kubectl"), "{plan:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_terminal_has_a_prompt_and_numbers_that_ask() {
    need!("script");
    let server = world().await;
    let mut command = Command::new("script");
    command.args(["-qec", &format!("{} ask", env!("CARGO_BIN_EXE_landfall")), "/dev/null"]);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("LANDFALL_ADMIN", &server.url).env("LANDFALL_ADMIN_TOKEN", &server.token);
    let output = fed(command, "what is running in production?\n1\n").await;
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("> ") && told.contains("1  is production up to date?"), "{told}");
    assert!(told.contains("v2.0.0"), "the number asked: {told}");
    server.stop().await;
}

#[tokio::test]
async fn an_agent_asks_and_goes_on() {
    let server = world().await;
    let viewer = viewer(&server).await;
    for agent in [Agent::of(&server), Agent::with(&server, &viewer)] {
        let first = agent.call("ask", json!({"question": VERIFY})).await;
        let id = first["conversation"].as_str().unwrap();
        let second = agent.result("ask", json!({"question": "and in staging?", "conversation": id})).await;
        assert_eq!(second["structuredContent"]["environment"], "staging", "{second}");
        let told = second["content"][0]["text"].as_str().unwrap();
        assert!(told.contains("staging") && told.contains(id), "{told}");
    }
    server.stop().await;
}

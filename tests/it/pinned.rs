//! Every answer as each surface gives it, against `tests/golden/answers.txt`: the API's JSON byte for byte, the commands'
//! and the tools' texts word for word. Times, identifiers and secrets differ from run to run and are replaced.

use std::collections::BTreeMap;

use landfall::model::event::{Method as PullMethod, Observation};
use landfall::model::time::{Span, Time};
use serde_json::{Value, json};

use crate::admin_cli::command;
use crate::admin_support::pull;
use crate::mcp::Agent;
use crate::surfaces::World;

const GOLDEN: &str = include_str!("../golden/answers.txt");

/// Replaces what differs from run to run: each time by `TIME`, each identifier by its kind and its place in the order of
/// appearance.
#[derive(Default)]
struct Steady {
    known: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, usize>,
}

impl Steady {
    fn of(&mut self, text: &str, url: &str) -> String {
        let text = ageless(&text.replace(url, "http://admin"));
        let is_part = |char: char| char.is_ascii_alphanumeric() || "_:.-+".contains(char);
        let (mut steady, mut rest) = (String::new(), text.as_str());
        while let Some(start) = rest.find(is_part) {
            let end = rest[start..].find(|char| !is_part(char)).map_or(rest.len(), |length| start + length);
            let word = rest[start..end].trim_end_matches(['.', ':']);
            steady.push_str(&rest[..start]);
            let is_age =
                ["behind_since_s", "age_s"].iter().any(|name| steady.ends_with(&format!("\"{name}\"")));
            steady.push_str(&if is_age { ":AGE".to_owned() } else { self.word(word) });
            steady.push_str(&rest[start + word.len()..end]);
            rest = &rest[end..];
        }
        steady + rest
    }

    fn word(&mut self, word: &str) -> String {
        // `2026-03-02 06:00` of a sentence comes in two words.
        let is_day = word.len() == 10 && format!("{word}T00:00:00Z").parse::<Time>().is_ok();
        let is_minute = word.len() == 5 && format!("2026-03-02T{word}:00Z").parse::<Time>().is_ok();
        if word.parse::<Time>().is_ok() || is_day || is_minute {
            return "TIME".to_owned();
        }
        let kinds = ["cnv_", "tok_", "dep_", "dpl_", "adm_", "lfl_", "lfa_", "lfv_"];
        let Some(kind) = kinds.into_iter().find(|kind| word.starts_with(kind)) else {
            return word.to_owned();
        };
        if let Some(known) = self.known.get(word) {
            return known.clone();
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        self.known.insert(word.to_owned(), format!("{kind}{count}"));
        format!("{kind}{count}")
    }
}

/// The text with every `59 min ago` as `AGO`, and every gap between columns two spaces wide.
fn ageless(text: &str) -> String {
    let text = text.replace("just now", "AGO");
    let mut pieces = text.split(" ago");
    let mut ageless = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let age = ageless.char_indices().rev().filter(|(_, char)| !char.is_alphanumeric()).nth(1);
        ageless.truncate(age.map_or(0, |(at, char)| at + char.len_utf8()));
        ageless.push_str("AGO");
        ageless.push_str(piece);
    }
    while ageless.contains("   ") {
        ageless = ageless.replace("   ", "  ");
    }
    ageless
}

/// The answers so far.
struct Book<'a> {
    world: &'a World,
    agent: Agent<'a>,
    steady: Steady,
    text: String,
}

impl Book<'_> {
    fn note(&mut self, asked: &str, answered: &str) {
        let entry = format!("> {asked}\n{}\n\n", answered.trim_end());
        let entry = self.steady.of(&entry, &self.world.server.url);
        self.text.push_str(&entry);
    }

    async fn get(&mut self, path: &str) -> Value {
        let answer = self.world.server.get(&format!("/api/v1/{path}")).await;
        self.note(&format!("GET {path}"), answer.text());
        answer.json()
    }

    async fn post(&mut self, path: &str, body: Value) -> Value {
        let answer = self.world.server.post(&format!("/api/v1/{path}"), body.clone()).await;
        self.note(&format!("POST {path} {body}"), answer.text());
        answer.json()
    }

    async fn says(&mut self, line: &str) {
        let arguments: Vec<&str> = line.split(' ').collect();
        let output = command(&self.world.server, &arguments).await;
        let text = [&output.stdout[..], &output.stderr[..]].concat();
        self.note(&format!("landfall {line}"), &String::from_utf8(text).unwrap());
    }

    async fn tool(&mut self, tool: &str, arguments: Value) {
        let result = self.agent.result(tool, arguments.clone()).await;
        let text = result["content"][0]["text"].as_str().unwrap_or_default().to_owned();
        self.note(&format!("{tool} {arguments}"), &text);
    }
}

/// A laptop's pull, and one that fails.
async fn add_the_odd(world: &World) {
    let token = world.token("production").await;
    let laptop = pull("production", &token, world.ago(20), "192.0.2.1", 2);
    let agent = "docker/28.2.2 go/go1.24 UpstreamClient(Docker-Client/28.2.2 \\(darwin\\))";
    world.server.pulled(Observation { agent: agent.into(), ..laptop.clone() }).await;
    let refused = Observation {
        method: PullMethod::Get,
        reference: "v9".parse().unwrap(),
        digest: None,
        status: 404,
        at: world.ago(1),
        ..pull("production", &token, world.ago(1), "10.0.0.1", 9)
    };
    world.server.pulled(refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_as_it_was() {
    let world = World::new().await;
    add_the_odd(&world).await;
    let past = world.ago(61).to_string();
    let until = (world.ago(0) - Span::from_secs(1)).to_string();
    let agent = Agent::of(&world.server);
    let mut book = Book { world: &world, agent, steady: Steady::default(), text: String::new() };

    for path in ["environments", "environments/production", "environments/production/tokens", "caller"] {
        book.get(path).await;
    }
    let deployments = book.get("environments/production/deployments?limit=2").await;
    let id = deployments["deployments"][0]["id"].as_str().unwrap().to_owned();
    for path in [
        "environments/production/running".to_owned(),
        format!("environments/production/running?at={past}"),
        "environments/none/running".to_owned(),
        format!("deployments/{id}"),
        format!("deployments/{id}/evidence"),
        "environments/production/local".to_owned(),
        "environments/production/missing".to_owned(),
        format!("environments/production/missing?at={past}"),
        "environments/production/history?repository=docker/payment&limit=2".to_owned(),
        format!("environments/production/changes?until={until}"),
        "compare?left=staging&right=production".to_owned(),
        format!("compare?left=staging&right=production&at={past}"),
        "verify?environment=production&q=login+times+out+behind+a+proxy".to_owned(),
        format!("verify?environment=production&q=login+times+out+behind+a+proxy&at={past}"),
        "verify?environment=production&q=zebra+crossing".to_owned(),
        "verify?environment=production&q=proxy+times".to_owned(),
        "search?q=invoices".to_owned(),
        "releases?limit=1".to_owned(),
        "audit?limit=3".to_owned(),
    ] {
        book.get(&path).await;
    }
    let releases = world.server.get("/api/v1/releases?limit=1").await.json();
    let release = releases[0]["id"].as_str().unwrap().to_owned();
    book.get(&format!("releases/{release}")).await;
    let wish = json!({"environment": "production", "repository": "docker/payment", "version": "v3.0.0"});
    let plan = book.post("deploy", wish.clone()).await["id"].as_str().unwrap().to_owned();
    book.post("deploy", json!({"environment": "production", "query": "fix"})).await;
    book.get("environments/production/deploys").await;
    book.post("environments/staging/tokens", json!({"name": "ci", "kind": "scanner"})).await;
    book.post("admin-tokens", json!({"name": "ada", "kind": "viewer"})).await;
    book.get("admin-tokens").await;
    book.post(
        "releases",
        json!({"repository": "docker/payment", "version": "v3.0.0", "revision": "a", "digest": digest_of(7)}),
    )
    .await;
    book.post(
        "releases",
        json!({"repository": "docker/payment", "version": "v3.0.0", "created_at": "2001-01-01T00:00:00Z"}),
    )
    .await;
    for question in [
        "what is running in production?",
        "what is running?",
        "is production up to date?",
        "is the login times out behind a proxy fix live in production?",
        "how do staging and production differ?",
        "what changed in production?",
        "any rollbacks in production?",
        "deployment history of docker/payment in production?",
        "which tokens has production?",
        "deploy v3.0.0 of docker/payment to production",
        "which release fixed invoices?",
        "sing a song",
    ] {
        book.post("ask", json!({ "question": question })).await;
    }

    for line in [
        "status",
        "status production",
        "timeline production --limit 1 --evidence",
        "timeline production",
        "history production docker/payment",
        "changes production",
        "compare staging production",
        "missing production",
        "verify login times out behind a proxy --env production",
        "verify zebra crossing --env production",
        "search invoices",
        "release list",
        "env list",
        "env show production",
        "token list production",
        "admin-token list",
        "audit --limit 3",
        "deploy --env production --repository docker/payment --version v3.0.0",
        "ask what is running in production?",
    ] {
        book.says(line).await;
    }
    for line in
        ["status production", "timeline production", "compare staging production", "missing production"]
    {
        book.says(&format!("{line} --at {past}")).await;
    }
    book.says(&format!("release show {release}")).await;

    let production = json!({"environment": "production"});
    let fix = json!({"environment": "production", "query": "login times out behind a proxy"});
    for (tool, arguments) in [
        ("list_environments", json!({})),
        ("list_tokens", production.clone()),
        ("get_running", production.clone()),
        ("get_running", json!({"environment": "production", "at": past})),
        ("list_deployments", json!({"environment": "production", "limit": 2})),
        ("get_deployment", json!({"id": id})),
        ("compare_environments", json!({"left": "staging", "right": "production"})),
        ("compare_environments", json!({"left": "staging", "right": "staging", "left_at": past})),
        ("check_up_to_date", production.clone()),
        ("verify_change", fix),
        ("verify_change", json!({"environment": "production", "query": "zebra crossing"})),
        ("what_changed", json!({"environment": "production", "until": until})),
        ("search_releases", json!({"query": "invoices"})),
        ("get_release", json!({"id": release})),
        ("deploy_release", wish),
        ("get_deploy", json!({"id": plan})),
        ("create_token", json!({"environment": "staging", "name": "b", "kind": "local"})),
        ("get_running", json!({"environment": "none"})),
    ] {
        book.tool(tool, arguments).await;
    }

    let text = std::mem::take(&mut book.text);
    drop(book);
    world.server.stop().await;
    if text != GOLDEN {
        let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/answers.txt");
        std::fs::write(path, &text).unwrap();
        let (line, (now, then)) = text
            .lines()
            .zip(GOLDEN.lines())
            .enumerate()
            .find(|(_, (now, then))| now != then)
            .unwrap_or((0, ("its length", "")));
        panic!(
            "line {}:\n{now}\nwas:\n{then}\nIf that is meant, {path} becomes tests/golden/answers.txt",
            line + 1
        );
    }
}

fn digest_of(version: u8) -> String {
    crate::admin_support::digest(version).to_string()
}

//! One answer, whoever is asked: every question, now and as of three earlier times, put to REST, the command line, `ask`,
//! the agent's tools and the pages, which have to tell the same facts.

use http::Method;
use landfall::clock::now;
use landfall::model::act::{Action, Actor};
use landfall::model::event::TokenId;
use landfall::model::releases::Registration;
use landfall::model::time::{Span, Time, ago};
use serde_json::{Value, json};

use crate::admin_cli::command;
use crate::admin_support::{Server, check_problem, digest, pull};
use crate::dashboard::log_in;
use crate::mcp::Agent;

const REPOSITORY: &str = "docker/payment";
const LOGIN_FIX: &str = "fix: login times out behind a proxy";

/// A history of two environments, and the releases as they became known:
///
/// | minutes ago | |
/// | --- | --- |
/// | 300 | v1.0.0 is registered |
/// | 290 | both environments pull v1 |
/// | 250 | **before v2** |
/// | 200 | v2.0.0 is registered, with the login fix |
/// | 190 | staging pulls v2 |
/// | 170 | **staging alone has v2** |
/// | 150 | production pulls v2 |
/// | 61 | **before the rollback** |
/// | 60 | production pulls v1 again |
/// | 40 | v3.0.0 is registered, which was made before all of that |
/// | 30 | staging pulls v3 |
pub struct World {
    pub server: Server,
    cookie: String,
    start: Time,
}

/// Facts that each surface has to tell of one moment.
struct Moment {
    name: &'static str,
    minutes_ago: i64,
    production: &'static str,
    staging: &'static str,
    /// The releases that production lacks.
    lacks: &'static [&'static str],
    /// The word for the login fix in production.
    login: &'static str,
    /// The relation of staging to production.
    relation: &'static str,
    /// Production's deployments, the newest first.
    kinds: &'static [&'static str],
    /// Minutes ago when production was last seen to run what it ran.
    seen_minutes_ago: i64,
    /// The change that silence since then would hide.
    caveat: &'static str,
}

const MOMENTS: [Moment; 4] = [
    Moment {
        name: "now",
        minutes_ago: 0,
        production: "v1.0.0",
        staging: "v3.0.0",
        lacks: &["v2.0.0", "v3.0.0"],
        login: "rolled_back",
        relation: "left_ahead",
        kinds: &["rollback", "upgrade", "initial"],
        seen_minutes_ago: 60,
        // The nodes held v1 and asked.
        caveat: HEARD,
    },
    Moment {
        name: "before the rollback",
        minutes_ago: 61,
        production: "v2.0.0",
        staging: "v2.0.0",
        lacks: &[],
        login: "live",
        relation: "same",
        kinds: &["upgrade", "initial"],
        seen_minutes_ago: 150,
        caveat: HIDDEN,
    },
    Moment {
        name: "staging alone has v2",
        minutes_ago: 170,
        production: "v1.0.0",
        staging: "v2.0.0",
        lacks: &["v2.0.0"],
        login: "not_live",
        relation: "left_ahead",
        kinds: &["initial"],
        seen_minutes_ago: 290,
        caveat: HIDDEN,
    },
    Moment {
        name: "before v2",
        minutes_ago: 250,
        production: "v1.0.0",
        staging: "v1.0.0",
        lacks: &[],
        // The release with the fix was not known yet.
        login: "no_such_change",
        relation: "same",
        kinds: &["initial"],
        seen_minutes_ago: 290,
        caveat: HIDDEN,
    },
];

impl World {
    pub async fn new() -> Self {
        let server = Server::start().await;
        let (production, _) = server.environment("production").await;
        let (staging, _) = server.environment("staging").await;
        let cookie = log_in(&server).await;
        let world = Self { server, cookie, start: now() };
        world.released(300, 1, "Pay by bank transfer", 4400).await;
        world.pulled("staging", &staging, 291, 1).await;
        world.pulled("production", &production, 290, 1).await;
        world.released(200, 2, LOGIN_FIX, 4511).await;
        world.pulled("staging", &staging, 190, 2).await;
        world.pulled("production", &production, 150, 2).await;
        world.pulled("production", &production, 60, 1).await;
        world.released(40, 3, "fix: invoices are rounded twice", 4600).await;
        world.pulled("staging", &staging, 30, 3).await;
        world
    }

    pub fn ago(&self, minutes: i64) -> Time {
        self.start - Span::from_mins(minutes)
    }

    /// Registers a release at that time; all of them were made long before.
    async fn released(&self, minutes_ago: i64, version: u8, title: &str, pr: u64) {
        let told = Registration {
            digests: vec![digest(version)],
            created_at: Some(self.ago(10_000 - i64::from(version))),
            changes: vec![serde_json::from_value(json!({"title": title, "pr": pr})).unwrap()],
            ..Registration::named(REPOSITORY.parse().unwrap(), format!("v{version}.0.0"))
        };
        let event = Action::ReleaseAdded(Box::new(told)).by(Actor::default(), self.ago(minutes_ago));
        self.server.log.append(event).await.unwrap();
    }

    async fn pulled(&self, environment: &str, token: &TokenId, minutes_ago: i64, version: u8) {
        for node in 1..=3 {
            let at = self.ago(minutes_ago) + Span::from_secs(node * 5);
            let client = format!("10.0.0.{node}");
            self.server.pulled(pull(environment, token, at, &client, version)).await;
        }
    }

    /// The environment's first token.
    pub async fn token(&self, environment: &str) -> TokenId {
        let tokens = self.server.get(&format!("/api/v1/environments/{environment}/tokens")).await.json();
        TokenId::new(tokens[0]["id"].as_str().unwrap())
    }

    async fn page(&self, path: &str) -> String {
        let answer = self.server.send_with(Method::GET, path, "", &[("cookie", &self.cookie)]).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text().to_owned()
    }

    async fn ask(&self, question: &str) -> Value {
        let answer = self.server.post("/api/v1/ask", json!({ "question": question })).await;
        assert_eq!(answer.status, 200, "{question}: {}", answer.text());
        answer.json()
    }

    async fn cli(&self, arguments: &[&str]) -> String {
        let output = command(&self.server, arguments).await;
        // `missing` and `verify` answer with their exit code, too.
        assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Said of every answer that rests on pulls of nodes that ask for nothing they hold.
const HIDDEN: &str = "a rollback to an image that the nodes still have would not show";

/// Said where nodes that held an image asked for it.
const HEARD: &str =
    "nodes asked for it although they have it, so a rollback would likely show; a removal would not";

/// Longest that the test may take, in seconds.
const LATE_S_MAX: i64 = 600;

/// A question, as each surface is asked it. Each adds the time in its own way.
struct Question {
    name: &'static str,
    rest: &'static str,
    cli: &'static str,
    tool: (&'static str, Value),
    /// As people ask of now, and of a time that follows.
    ask: (&'static str, &'static str),
    page: &'static str,
}

fn questions() -> Vec<Question> {
    let production = json!({"environment": "production"});
    vec![
        Question {
            name: "running",
            rest: "/api/v1/environments/production/running?",
            cli: "status production",
            tool: ("get_running", production.clone()),
            ask: ("what is running in production", "what was running in production at "),
            page: "/environments/production?",
        },
        Question {
            name: "missing",
            rest: "/api/v1/environments/production/missing?",
            cli: "missing production",
            tool: ("check_up_to_date", production.clone()),
            ask: ("is production up to date", "was production up to date at "),
            page: "/environments/production?",
        },
        Question {
            name: "verify",
            rest: "/api/v1/verify?environment=production&q=login+times+out+behind+a+proxy&",
            cli: "verify login times out behind a proxy --env production",
            tool: (
                "verify_change",
                json!({"environment": "production", "query": "login times out behind a proxy"}),
            ),
            ask: (
                "is the login times out behind a proxy fix live in production",
                "was the login times out behind a proxy fix live in production at ",
            ),
            page: "/search?environment=production&q=login+times+out+behind+a+proxy&",
        },
        Question {
            name: "compare",
            rest: "/api/v1/compare?left=staging&right=production&",
            cli: "compare staging production",
            tool: ("compare_environments", json!({"left": "staging", "right": "production"})),
            ask: ("how do staging and production differ", "how did staging and production differ at "),
            page: "/compare?left=staging&right=production&",
        },
        Question {
            name: "changes",
            rest: "/api/v1/environments/production/changes?",
            cli: "changes production",
            tool: ("what_changed", production.clone()),
            ask: ("what changed in production", "what changed in production before "),
            page: "/environments/production?",
        },
        Question {
            name: "history",
            rest: "/api/v1/environments/production/history?repository=docker%2Fpayment&",
            cli: "history production docker/payment",
            tool: ("list_deployments", production.clone()),
            ask: (
                "deployment history of docker/payment in production",
                "deployment history of docker/payment in production before ",
            ),
            page: "/environments/production?",
        },
        Question {
            name: "rollbacks",
            rest: "/api/v1/environments/production/deployments?",
            cli: "timeline production",
            tool: ("list_deployments", production),
            ask: ("any rollbacks in production", "any rollbacks in production before "),
            page: "/environments/production?",
        },
    ]
}

/// The facts in a structured answer, whichever question it answers.
fn facts(question: &str, answer: &Value) -> Value {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let kinds = |deployments: &Value| -> Vec<Value> {
        list(deployments).iter().map(|it| it["kind"].clone()).collect()
    };
    match question {
        "running" => json!(list(&answer["services"]).iter().map(|it| &it["version"]).collect::<Vec<_>>()),
        "missing" => {
            let missing = list(&answer["services"]).into_iter().flat_map(|it| list(&it["missing"]));
            json!([answer["up_to_date"], missing.map(|it| it["version"].clone()).collect::<Vec<_>>()])
        }
        "verify" => answer["answer"].clone(),
        "compare" => {
            let service = &answer["services"][0];
            json!([service["left"]["version"], service["right"]["version"], service["relation"]])
        }
        "history" if answer["changes"].is_array() => json!(kinds(&answer["changes"])),
        _ => json!(kinds(&answer["deployments"])),
    }
}

impl Moment {
    /// The facts that [`facts`] has to find.
    fn facts(&self, question: &str) -> Value {
        match question {
            "running" => json!([self.production]),
            "missing" => json!([self.lacks.is_empty(), self.lacks]),
            "verify" => json!(self.login),
            "compare" => json!([self.staging, self.production, self.relation]),
            _ => json!(self.kinds),
        }
    }

    /// Tells whether the answer to `question` has an age: whether it rests on what runs in production.
    fn is_aged(&self, question: &str) -> bool {
        matches!(question, "running" | "missing") || question == "verify" && self.login != "no_such_change"
    }

    /// The age of the answer in seconds, since the latest of the three nodes.
    fn age_s(&self) -> i64 {
        (self.seen_minutes_ago - self.minutes_ago) * 60 - 15
    }

    /// Ages as texts say them: that of now grows while the test runs.
    fn ages(&self) -> Vec<String> {
        let last = |late_s: i64| ago(Time::from_ms((self.age_s() + late_s) * 1000), Time::from_ms(0));
        let late_s = if self.minutes_ago == 0 { LATE_S_MAX } else { 0 };
        vec![format!("as last seen {}; ", last(0)), format!("as last seen {}; ", last(late_s))]
    }

    /// The age in a structured answer, and what it says of silence.
    #[track_caller]
    fn check_age(&self, what: &str, question: &str, answer: &Value) {
        let (at, seen_at) = match question {
            "verify" => (answer, &answer["as_of"]),
            _ => (&answer["services"][0], &answer["services"][0]["last_seen_at"]),
        };
        if !self.is_aged(question) {
            assert_eq!((&at["age_s"], &at["caveat"]), (&Value::Null, &Value::Null), "{what}: {answer}");
            return;
        }
        let late_s = at["age_s"].as_i64().unwrap() - self.age_s();
        let late_s_max = if self.minutes_ago == 0 { LATE_S_MAX } else { 0 };
        assert!((0..=late_s_max).contains(&late_s), "{what}: {late_s} s late: {answer}");
        assert_eq!(at["caveat"], self.caveat, "{what}: {answer}");
        assert!(seen_at.is_string() && at["unconfirmed_since"] == *seen_at, "{what}: {answer}");
    }

    /// Words that a text for people has to have, and words that it must not have.
    fn words(&self, question: &str) -> (Vec<String>, Vec<String>) {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match question {
            "running" => (owned(&[self.production]), Vec::new()),
            "missing" if self.lacks.is_empty() => (owned(&["up to date"]), owned(&["not up to date"])),
            "missing" => (owned(&["not up to date", self.lacks[self.lacks.len() - 1]]), Vec::new()),
            "verify" => match self.login {
                "live" => (owned(&["live"]), owned(&["not live", "rolled back", "no known change"])),
                "no_such_change" => (owned(&["no known change fits"]), owned(&["rolled back", "is live in"])),
                word => (vec![word.replace('_', " ")], owned(&["no known change"])),
            },
            "compare" if self.relation == "same" => (owned(&["same"]), owned(&["ahead"])),
            "compare" => (owned(&[self.staging, self.production, "ahead"]), Vec::new()),
            _ if self.kinds.contains(&"rollback") => (owned(&["roll"]), Vec::new()),
            _ => (Vec::new(), owned(&["rolled back from", "rollback of", "rollback  "])),
        }
    }
}

#[track_caller]
fn check_text(what: &str, text: &str, moment: &Moment, question: &str) {
    let lower = text.to_lowercase();
    let (wanted, unwanted) = moment.words(question);
    for word in wanted {
        assert!(lower.contains(&word), "{what}: no “{word}” in: {text}");
    }
    for word in unwanted {
        assert!(!lower.contains(&word), "{what}: “{word}” is in: {text}");
    }
    check_text_age(what, &lower, moment, question);
}

#[track_caller]
fn check_text_age(what: &str, lower: &str, moment: &Moment, question: &str) {
    if moment.is_aged(question) {
        let is_said = moment.ages().iter().any(|age| lower.contains(&format!("{age}{}", moment.caveat)));
        assert!(is_said, "{what}: none of {:?} in: {lower}", moment.ages());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_surface_tells_the_same_facts_of_every_moment() {
    let world = World::new().await;
    let agent = Agent::of(&world.server);
    for moment in &MOMENTS {
        let at = world.ago(moment.minutes_ago);
        let is_past = moment.minutes_ago > 0;
        let query = if is_past { format!("at={at}") } else { String::new() };
        for question in questions() {
            let name = question.name;
            let what = |surface: &str| format!("{name}, {}, {surface}", moment.name);
            let wanted = moment.facts(name);

            let rest = world.server.get(&format!("{}{query}", question.rest)).await;
            assert_eq!(rest.status, 200, "{}: {}", what("REST"), rest.text());
            let rest = rest.json();
            assert_eq!(facts(name, &rest), wanted, "{}: {rest}", what("REST"));
            moment.check_age(&what("REST"), name, &rest);
            if is_past && matches!(name, "running" | "missing" | "verify") {
                assert_eq!(rest["at"], at.to_string(), "{}", what("REST"));
            }

            let written = at.to_string();
            let mut arguments: Vec<&str> = question.cli.split(' ').collect();
            arguments.extend(is_past.then_some(["--at", &written]).into_iter().flatten());
            let text = world.cli(&arguments).await;
            check_text(&what("the command line"), &text, moment, name);
            assert_eq!(
                text.to_lowercase().contains("as of "),
                is_past,
                "{}: {text}",
                what("the command line")
            );
            let json: Value =
                serde_json::from_str(&world.cli(&[&arguments[..], &["--json"]].concat()).await).unwrap();
            assert_eq!(facts(name, &json), wanted, "{}: {json}", what("the command line"));
            moment.check_age(&what("the command line"), name, &json);

            let (tool, mut arguments) = question.tool;
            if is_past {
                arguments["at"] = json!(written);
            }
            let result = agent.result(tool, arguments).await;
            let told = &result["structuredContent"];
            assert_eq!(facts(name, told), wanted, "{}: {result}", what("the tool"));
            moment.check_age(&what("the tool"), name, told);
            let text = result["content"][0]["text"].as_str().unwrap();
            if name != "missing" {
                check_text(&what("the tool"), text, moment, name);
            }
            check_text_age(&what("the tool"), &text.to_lowercase(), moment, name);
            let said = format!("As of {} {} UTC", &written[..10], &written[11..16]);
            assert_eq!(text.starts_with(&said), is_past, "{}: {text}", what("the tool"));

            let asked = match is_past {
                false => question.ask.0.to_owned(),
                // Before a time is as of the last moment before it.
                true if question.ask.1.ends_with("before ") => {
                    format!("{}{}", question.ask.1, at + Span::from_ms(1))
                }
                true => format!("{}{at}", question.ask.1),
            };
            let answer = world.ask(&format!("{asked}?")).await;
            assert_eq!(answer["intent"], name, "{}: {answer}", what("ask"));
            assert_eq!(facts(name, &answer["data"]), wanted, "{}: {answer}", what("ask"));
            moment.check_age(&what("ask"), name, &answer["data"]);
            let text = answer["text"].as_str().unwrap();
            check_text(&what("ask"), text, moment, name);
            assert_eq!(text.starts_with(&said), is_past, "{}: {text}", what("ask"));
            assert_eq!(answer["at"], if is_past { json!(written) } else { Value::Null }, "{}", what("ask"));

            let place = match (name, is_past) {
                (_, false) => question.page.to_owned(),
                ("compare", true) => format!("{}left_at={at}&right_at={at}", question.page),
                _ => format!("{}{query}", question.page),
            };
            check_page(&what("the page"), &world.page(&place).await, moment, name, is_past);
            // The answer's link leads to a page with the same facts.
            let link = answer["link"].as_str().unwrap();
            check_page(&what("the linked page"), &world.page(link).await, moment, name, is_past);
        }
    }
    world.server.stop().await;
}

#[track_caller]
fn check_page(what: &str, page: &str, moment: &Moment, question: &str, is_past: bool) {
    let (wanted, _) = moment.words(question);
    let lower = page.to_lowercase();
    for word in wanted {
        assert!(lower.contains(&word), "{what}: no “{word}” in: {page}");
    }
    check_text_age(what, &lower, moment, question);
    match question {
        "running" => {
            let (_, services) = page.split_once("What runs</h2>").unwrap();
            let (services, _) = services.split_once("</table>").unwrap();
            assert!(services.contains(&format!(">{}<", moment.production)), "{what}: {services}");
        }
        "missing" => {
            let (_, lacks) = page.split_once("<h3 id=\"missing\">").unwrap();
            let is_up_to_date = lacks.starts_with("Up to date");
            assert_eq!(is_up_to_date, moment.lacks.is_empty(), "{what}: {lacks}");
        }
        "verify" => {
            let (_, answer) = page.split_once("<p class=\"answer\">").unwrap();
            let (answer, _) = answer.split_once("</p>").unwrap();
            let word = landfall::model::words::known(moment.login).label;
            assert!(answer.contains(&format!("</span> {word}</span>")), "{what}: {answer}");
        }
        "compare" => {
            let (_, compared) = page.split_once("id=\"compared\"").unwrap();
            for version in [moment.staging, moment.production] {
                assert!(compared.contains(&format!(">{version}<")), "{what}: {compared}");
            }
        }
        _ => {
            // An answer about one service leads to its page.
            let count = match page.split_once("id=\"timeline\"") {
                Some((_, timeline)) => timeline.matches("<details id=\"dep_").count(),
                None => {
                    let (_, history) = page.split_once("id=\"history\"").unwrap();
                    let (history, _) = history.split_once("id=\"releases\"").unwrap();
                    history.matches("<a href=\"/deployments/").count()
                }
            };
            assert_eq!(count, moment.kinds.len(), "{what}: {page}");
        }
    }
    assert_eq!(page.contains("role=\"status\">This is"), is_past && question != "compare", "{what}");
}

#[tokio::test]
async fn questions_about_the_time_before_the_rollback_are_answered_as_of_then() {
    let world = World::new().await;
    for (question, wanted) in [
        ("was production up to date before the rollback?", "production is up to date"),
        (
            "how did staging and production differ before the rollback?",
            "staging and production run the same releases of 1 service",
        ),
        (
            "was the login times out behind a proxy fix live in production before the rollback?",
            "is live in production",
        ),
        ("what was running in production before the rollback?", "docker/payment v2.0.0"),
    ] {
        let answer = world.ask(question).await;
        let text = answer["text"].as_str().unwrap();
        assert!(text.starts_with("As of ") && text.contains(wanted), "{question} {text}");
        let rollback = world.ago(60) + Span::from_secs(5) - Span::from_ms(1);
        assert_eq!(answer["at"], rollback.to_string(), "{question} {text}");
    }
    // Of several environments the time is said once.
    let answer = world.ask("what was running before the rollback?").await;
    let text = answer["text"].as_str().unwrap();
    assert!(text.starts_with("As of ") && text.matches("As of ").count() == 1, "{text}");
    assert!(text.contains("production runs") && text.contains("staging runs"), "{text}");
    // A time to come is now.
    let agent = Agent::of(&world.server);
    for tool in ["get_running", "check_up_to_date", "list_deployments", "what_changed"] {
        let arguments = json!({"environment": "production", "at": "2999-01-01T00:00:00Z"});
        let result = agent.result(tool, arguments).await;
        let text = result["content"][0]["text"].as_str().unwrap();
        let said = text.strip_prefix("As of ").unwrap_or_else(|| panic!("{tool}: {text}"));
        assert!(said.starts_with("20") && !text.contains("2999"), "{tool}: {text}");
    }
    let to_come = world.server.get("/api/v1/environments/production/missing?at=2999-01-01T00:00:00Z").await;
    assert!(to_come.json()["at"].as_str().unwrap() < "2999");
    for bad in [
        "/api/v1/environments/production/missing?at=soon",
        "/api/v1/verify?environment=production&q=login&at=soon",
        "/api/v1/compare?left=staging&right=production&at=soon",
    ] {
        check_problem(&world.server.get(bad).await, 422, Some("at"));
    }
    world.server.stop().await;
}

//! Ways and memory of the pages: the page of a service, plans, secrets that show once, choices, pages that are not there.

use std::sync::Mutex;

use http::Method;
use serde_json::json;

use crate::admin_support::{Answer, Server, digest, pull, upgrade_and_rollback};
use crate::dashboard::log_in;
use landfall::clock::now;
use landfall::model::event::Observation;

/// Somebody who is logged in and whose forms are good.
pub struct Visitor {
    pub server: Server,
    pub cookie: String,
    /// The secret that the next page shows, sealed.
    unseen: Mutex<String>,
    proof: String,
}

impl Visitor {
    /// Of a production where payment went from v1 to v2 and back, with notes of v2 and of a v3 that runs nowhere.
    pub async fn of_a_rollback() -> Self {
        let server = Server::start().await;
        let (id, _) = server.environment("production").await;
        for (version, parents) in [(1, json!([])), (2, json!(["v1"])), (3, json!(["v2"]))] {
            let release = json!({
                "repository": "docker/payment", "version": format!("v{version}"), "parents": parents,
                "digest": digest(version).to_string(),
                "changes": [
                    {"title": format!("fix: login times out, part {version}"), "pr": version * 10 + 7},
                    {"title": "fix(security): refuse unsigned webhooks"},
                ],
            });
            assert_eq!(server.post("/api/v1/releases", release).await.status, 201);
        }
        upgrade_and_rollback(&server, &id).await;
        Self::new(server).await
    }

    pub async fn new(server: Server) -> Self {
        let cookie = log_in(&server).await;
        let page = server.send_with(Method::GET, "/environments", "", &[("cookie", &cookie)]).await;
        let (_, rest) = page.text().split_once("name=\"proof\" value=\"").unwrap();
        let proof = rest.split('"').next().unwrap().to_owned();
        Self { server, cookie, unseen: Mutex::default(), proof }
    }

    pub async fn see(&self, path: &str) -> Answer {
        let cookies = self.cookies();
        let headers = [("cookie", cookies.as_str()), ("accept", "text/html")];
        self.keep(self.server.send_with(Method::GET, path, "", &headers).await)
    }

    fn cookies(&self) -> String {
        let unseen = self.unseen.lock().unwrap();
        if unseen.is_empty() { self.cookie.clone() } else { format!("{}; {unseen}", self.cookie) }
    }

    /// Keeps the secret of an answer as a browser does.
    fn keep(&self, answer: Answer) -> Answer {
        let set = answer.header("set-cookie");
        if set.starts_with("landfall_unseen=") {
            *self.unseen.lock().unwrap() = set.split(';').next().unwrap().to_owned();
        }
        answer
    }

    pub async fn send(&self, path: &str, form: &str) -> Answer {
        let headers = [("cookie", self.cookie.as_str()), ("origin", &self.server.url)];
        let form = format!("{form}&proof={}", self.proof);
        self.keep(self.server.send_with(Method::POST, path, &form, &headers).await)
    }

    /// The page has these words.
    pub async fn has(&self, path: &str, words: &[&str]) -> Answer {
        let page = self.see(path).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text());
        for word in words {
            assert!(page.text().contains(word), "`{word}` is not in {path}: {}", page.text());
        }
        page
    }
}

#[tokio::test]
async fn every_name_of_a_service_leads_to_its_page() {
    let visitor = Visitor::of_a_rollback().await;
    let link = "href=\"/services/docker/payment\"";
    let deployments = visitor.server.get("/api/v1/environments/production/deployments").await.json();
    let releases = visitor.server.get("/api/v1/releases").await.json();
    let id = |list: &serde_json::Value| list["id"].as_str().unwrap().to_owned();
    for path in [
        "/",
        "/environments/production",
        &format!("/deployments/{}", id(&deployments["deployments"][0])),
        "/compare?left=production&right=production&left_at=2020-01-01T00:00",
        "/releases",
        &format!("/releases/{}", id(&releases[0])),
        "/search?q=%2317&environment=production",
        "/insights",
        "/activity",
    ] {
        visitor.has(path, &[link]).await;
    }
    visitor.server.stop().await;
}

#[tokio::test]
async fn the_page_of_a_service_tells_where_it_runs_its_history_and_what_it_lacks() {
    let visitor = Visitor::of_a_rollback().await;
    let failing = pull("production", &landfall::model::event::TokenId::new("tok_1"), now(), "10.0.0.1", 9);
    let failing = Observation { status: 404, digest: None, ..failing };
    for seconds in 0..3 {
        let at = failing.at + landfall::model::time::Span::from_secs(seconds);
        visitor.server.pulled(Observation { at, ..failing.clone() }).await;
    }
    let page = visitor
        .has(
            "/services/docker/payment",
            &[
                "2 behind",
                "It lacks 2 releases, 4 fixes.",
                "href=\"/environments/production\"",
                "Plan the upgrade to v2",
                "/compare?left=production&#38;left_at=",
                "compare with before",
                "</span> rollback</span>",
                "<strong>v9</strong>: 404",
                "● live in production",
            ],
        )
        .await;
    // Every change leads to its deployment.
    let links: Vec<&str> = page.text().split("href=\"/deployments/").skip(1).collect();
    assert_eq!(links.len(), 3);
    for link in links {
        visitor
            .has(&format!("/deployments/{}", link.split('"').next().unwrap()), &["Compare with before"])
            .await;
    }
    // As of before the rollback it ran v2; the notes were registered later.
    let past = now() - landfall::model::time::Span::from_mins(60);
    let path = format!("/services/docker/payment?at={past}");
    let past = visitor.has(&path, &["data-at=", ">v2</span>", "Nothing that came later is in it"]).await;
    assert!(!past.text().contains("Plan the "));
    assert_eq!(visitor.see("/services/docker/none").await.status, 404);
    assert_eq!(visitor.see("/services/NO%20NAME").await.status, 404);
    visitor.server.stop().await;
}

#[tokio::test]
async fn a_rollback_is_planned_from_a_page_and_changes_nothing() {
    let visitor = Visitor::of_a_rollback().await;
    let planned =
        visitor.send("/environments/production/deploys", "repository=docker/payment&version=v2").await;
    assert_eq!(planned.status, 303, "{}", planned.text());
    let path = planned.header("location").to_owned();
    assert!(path.starts_with("/deploys/dpl_"), "{path}");
    visitor.has(&path, &["kubectl", "It brings 1 release, 2 fixes", "planned", "Nothing was changed"]).await;
    let wrong =
        visitor.send("/environments/production/deploys", "repository=docker/payment&version=v77").await;
    assert_eq!(wrong.status, 404, "{}", wrong.text());
    assert_eq!(visitor.see("/deploys/dpl_none").await.status, 404);
    visitor.server.stop().await;
}

#[tokio::test]
async fn a_secret_shows_once_and_a_reload_makes_no_second_token() {
    let visitor = Visitor::of_a_rollback().await;
    let tokens = async || {
        let all = visitor.server.get("/api/v1/environments/production/tokens").await.json();
        all.as_array().unwrap().len()
    };
    let before = tokens().await;
    let made = visitor.send("/environments/production/tokens", "name=eu-1&kind=cluster&expires=").await;
    assert_eq!(made.status, 303, "{}", made.text());
    let path = made.header("location").to_owned();
    visitor.has(&path, &["id=\"secret\"", "lf", "docker login", "only time"]).await;
    let again = visitor.has(&path, &["was shown once"]).await;
    assert!(!again.text().contains("id=\"secret\""), "{}", again.text());
    assert_eq!(tokens().await, before + 1);
    let turned = visitor.send(&format!("{path}/rotate"), "overlap=24h").await;
    assert_eq!(turned.status, 303, "{}", turned.text());
    let unseen = visitor.unseen;
    let other = Visitor { unseen, ..Visitor::new(visitor.server).await };
    let stolen = other.has(turned.header("location"), &["was shown once"]).await;
    assert!(!stolen.text().contains("id=\"secret\""), "a secret is of the session that made it");
    other.server.stop().await;
}

#[tokio::test]
async fn a_page_that_is_not_there_is_a_page_and_the_api_says_so_in_json() {
    let visitor = Visitor::of_a_rollback().await;
    for path in
        ["/nowhere", "/environments/none", "/services/none", "/releases/rel_none", "/deployments/dep_0"]
    {
        let page = visitor.see(path).await;
        assert_eq!(page.status, 404, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        assert!(page.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        for words in ["Page not found", "<nav aria-label=\"Main\">", "href=\"/releases\""] {
            assert!(page.text().contains(words), "`{words}` is not in {path}: {}", page.text());
        }
    }
    for path in ["/api/v1/nowhere", "/api/nowhere"] {
        let answer = visitor.see(path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (404, "application/problem+json")
        );
    }
    let plain = visitor.server.send_with(Method::GET, "/nowhere", "", &[]).await;
    assert_eq!(plain.header("content-type"), "application/problem+json");
    visitor.server.stop().await;
}

#[tokio::test]
async fn the_first_page_begins_with_what_needs_a_look_and_keeps_what_was_chosen() {
    let visitor = Visitor::of_a_rollback().await;
    for name in ["eu-blue", "eu-green"] {
        visitor.server.environment(name).await;
    }
    let page = visitor
        .has(
            "/",
            &[
                "id=\"rolled-back-title\"",
                "id=\"behind-title\"",
                "1 service behind",
                "▽ 2 behind",
                "min ago</small>",
            ],
        )
        .await;
    let places = ["id=\"rolled-back-title\"", "id=\"cards\"", "id=\"matrix\""];
    assert!(places.map(|place| page.text().find(place).unwrap()).is_sorted());
    let chosen = visitor
        .has(
            "/?filter=EU&order=by+name&group=by+first+part+of+the+name",
            &["value=\"EU\"", "<option value=\"by name\" selected>", "<h2 class=\"group\">eu "],
        )
        .await;
    let cards = chosen.text().split("<article class=\"card\">").count() - 1;
    assert_eq!(cards, 2, "{}", chosen.text());
    visitor.has("/?filter=nothing", &["No environment fits"]).await;
    visitor.has("/?services=other", &["No service fits"]).await;
    visitor.server.stop().await;
}

#[tokio::test]
async fn releases_are_searched_and_lead_to_those_before_them() {
    let visitor = Visitor::of_a_rollback().await;
    let rows = |page: &Answer| page.text().matches("<li><div><a href=\"/releases/").count();
    for (query, wanted) in [
        ("", 3),
        ("?q=part+2", 1),
        ("?q=%2337", 1),
        ("?q=LOGIN", 3),
        ("?q=nothing", 0),
        ("?absent=production", 2),
        ("?absent=production&q=v3", 1),
        ("?repository=docker/other", 0),
    ] {
        let page = visitor.has(&format!("/releases{query}"), &["not in production yet"]).await;
        assert_eq!(rows(&page), wanted, "{query}: {}", page.text());
    }
    let releases = visitor.server.get("/api/v1/releases").await.json();
    let find = |version: &str| {
        let all = releases.as_array().unwrap().iter();
        all.clone().find(|it| it["version"] == version).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let parent = format!("Built upon <a href=\"/releases/{}\">v2</a>", find("v2"));
    let page = visitor.has(&format!("/releases/{}", find("v3")), &[&parent]).await;
    assert!(!page.text().contains("security: security"), "the badge and the count say it: {}", page.text());
    visitor.server.stop().await;
}

#[tokio::test]
async fn insights_are_of_all_environments_with_numbers_and_dates() {
    let visitor = Visitor::of_a_rollback().await;
    let all = visitor
        .has("/insights", &["Week from ", "<text", "<option value=\"\">all</option>", "docker/payment"])
        .await;
    let one = visitor
        .has("/insights?environment=production&weeks=4", &["weeks=4\" aria-current=\"true\">4 weeks"])
        .await;
    for page in [all, one] {
        assert!(page.text().contains("1 deployment and 1 rollback in "), "{}", page.text());
    }
    visitor.server.stop().await;
}

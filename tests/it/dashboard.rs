//! The dashboard, as a browser without scripts sees it.

use http::Method;
use landfall::clock::now;
use landfall::model::event::{Observation, TokenKind};
use serde_json::json;

use crate::admin_support::{Answer, Server, digest, pull, upgrade_and_rollback};

/// Logs in and returns the cookie that the browser sends from then on.
pub async fn log_in(server: &Server) -> String {
    log_in_with(server, &server.token).await
}

pub async fn log_in_with(server: &Server, token: &str) -> String {
    let form = format!("token={token}");
    let answer = server.send_with(Method::POST, "/login", &form, &[("origin", &server.url)]).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"));
    let cookie = answer.header("set-cookie");
    for attribute in ["; HttpOnly", "; SameSite=Strict", "; Max-Age=", "; Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    cookie.split(';').next().unwrap().to_owned()
}

async fn see(server: &Server, path: &str, cookie: &str) -> Answer {
    server.send_with(Method::GET, path, "", &[("cookie", cookie)]).await
}

#[tokio::test]
async fn nothing_is_shown_before_the_login() {
    let server = Server::start().await;
    server.environment("production").await;
    let paths = [
        "/",
        "/environments",
        "/environments/production",
        "/environments/none",
        "/environments/production/tokens",
        "/environments/production/settings",
        "/environments/production/tokens/tok_1",
        "/services/shop/web",
        "/deploys/dpl_1",
        "/deployments/dep_1",
        "/compare",
        "/releases",
        "/releases/rel_1",
        "/ask",
        "/search",
        "/insights",
        "/activity",
        "/replicas",
        "/retain",
    ];
    for path in paths {
        let answer = see(&server, path, "landfall_session=lfs_guess").await;
        let wanted = if path == "/" {
            "/login".to_owned()
        } else {
            format!("/login?next={}", path.replace('/', "%2F"))
        };
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, wanted.as_str()), "{path}");
        assert!(!answer.text().contains("production"));
    }
    let form = see(&server, "/login", "").await;
    assert!(form.text().contains("name=\"token\""));
    for form in ["token=wrong", "", "token="] {
        let refused = server.send_with(Method::POST, "/login", form, &[]).await;
        assert_eq!((refused.status.as_u16(), refused.header("set-cookie")), (403, ""), "{form}");
        assert!(refused.text().contains("no admin or viewer token"));
    }
    let form = format!("token={}", server.token);
    let foreign = server.send_with(Method::POST, "/login", &form, &[("origin", "http://evil.example")]).await;
    assert_eq!((foreign.status.as_u16(), foreign.header("set-cookie")), (403, ""));
    server.stop().await;
}

#[tokio::test]
async fn the_pages_tell_what_runs_and_what_landed() {
    let server = Server::start().await;
    let cookie = log_in(&server).await;
    assert!(see(&server, "/", &cookie).await.text().contains("landfall env create production"));
    let (id, secret) = server.environment("production").await;
    let sneaky = json!({"name": "staging", "description": "<script>alert(1)</script>"});
    server.post("/api/v1/environments", sneaky).await;
    upgrade_and_rollback(&server, &id).await;

    let index = see(&server, "/", &cookie).await;
    assert_eq!(index.header("content-type"), "text/html; charset=utf-8");
    let policy = index.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for words in ["href=\"/environments/production\"", "</span> rollback", "docker/payment", ">v1</span>"] {
        assert!(index.text().contains(words), "`{words}` is not in: {}", index.text());
    }
    assert!(!index.text().contains("<script>"), "{}", index.text());

    let page = see(&server, "/environments/production", &cookie).await;
    let badges = ["payment v2 → v1", "payment v1 → v2", "<strong>payment v1</strong>"];
    let places = badges.map(|badge| page.text().find(badge).unwrap());
    assert!(places.is_sorted(), "{}", page.text());
    for words in ["3 nodes", "1 release reverted", "Pulled locally", "192.0.2.1"] {
        assert!(page.text().contains(words), "`{words}` is not in: {}", page.text());
    }
    for hidden in [&secret, &server.token] {
        assert!(!page.text().contains(hidden.as_str()) && !index.text().contains(hidden.as_str()));
    }
    assert_eq!(see(&server, "/style.css", "").await.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(see(&server, "/environments/none", &cookie).await.status, 404);
    server.stop().await;
}

/// The proof on a page that a form is its own.
async fn proof(server: &Server, cookie: &str) -> String {
    let page = see(server, "/environments", cookie).await;
    let (_, rest) = page.text().split_once("name=\"proof\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_form_works_only_from_a_page_of_its_session_and_for_an_admin() {
    let server = Server::start().await;
    let cookie = log_in(&server).await;
    let proof = proof(&server, &cookie).await;
    let send = async |cookie: &str, origin: &str, path: &str, form: &str| {
        server.send_with(Method::POST, path, form, &[("cookie", cookie), ("origin", origin)]).await
    };
    let made = |proof: &str| format!("name=production&description=&color=%2316a34a&proof={proof}");
    let other = log_in(&server).await;
    for (origin, form) in [
        (server.url.as_str(), made("")),
        (&server.url, made("guessed")),
        (&server.url, made(&self::proof(&server, &other).await)),
        ("http://evil.example", made(&proof)),
    ] {
        let refused = send(&cookie, origin, "/environments", &form).await;
        assert_eq!(refused.status, 403, "{origin} {form}");
        assert_eq!(refused.header("content-type"), "text/html; charset=utf-8");
    }
    assert_eq!(server.get("/api/v1/environments").await.json(), json!([]));
    let answer = send(&cookie, &server.url, "/environments", &made(&proof)).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/environments/production/tokens"));

    let viewer = server.post("/api/v1/admin-tokens", json!({"name": "eye", "kind": "viewer"})).await.json();
    let viewer = log_in_with(&server, viewer["secret"].as_str().unwrap()).await;
    let page = see(&server, "/environments/production/tokens", &viewer).await;
    assert!(!page.text().contains("Create token"), "{}", page.text());
    let viewers = see(&server, "/", &viewer).await;
    assert!(!viewers.text().contains("Create environment"));
    // A viewer has no page with a proof; even with one it changes nothing.
    let refused =
        send(&viewer, &server.url, "/environments/production/delete", "confirm=production&proof=").await;
    assert_eq!(refused.status, 403);
    assert_eq!(server.get("/api/v1/environments/production").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn markup_and_scripts_from_outside_are_shown_as_text() {
    let server = Server::start().await;
    let cookie = log_in(&server).await;
    let (id, _) = server.environment("production").await;
    let sneaky = "<b onclick=hack()>\"'&<script>hack()</script>";
    server
        .send(Method::PATCH, "/api/v1/environments/production", &json!({"description": sneaky}).to_string())
        .await;
    server.post("/api/v1/environments/production/tokens", json!({"name": sneaky})).await;
    server.post("/api/v1/admin-tokens", json!({"name": sneaky, "kind": "viewer"})).await;
    let released = json!({
        "repository": "docker/payment", "version": "v2<script>hack()", "digest": digest(2).to_string(),
        "parents": ["<script>hack()"], "revision": "<script>hack(0)",
        "changes": [{"kind": "fix", "title": format!("login {sneaky}"), "author": sneaky}],
    });
    let released = server.post("/api/v1/releases", released).await;
    assert_eq!(released.status, 201, "{}", released.text());
    upgrade_and_rollback(&server, &id).await;
    // A client calls itself, and asks for, whatever it likes.
    let laptop = pull("production", &id, now(), "<script>hack()</script>", 2);
    server.pulled(Observation { agent: sneaky.into(), token_kind: TokenKind::Local, ..laptop.clone() }).await;
    server.pulled(Observation { status: 404, digest: None, ..laptop }).await;

    let deployments = server.get("/api/v1/environments/production/deployments").await.json();
    let deployment = deployments["deployments"][0]["id"].as_str().unwrap().to_owned();
    let release = released.json()["id"].as_str().unwrap().to_owned();
    let asked = "q=%3Cscript%3Ehack()%3C%2Fscript%3E%22%27login";
    for path in [
        "/",
        "/environments/production",
        "/environments/production/tokens",
        "/environments/production/settings",
        &format!("/deployments/{deployment}"),
        "/releases",
        &format!("/releases/{release}"),
        "/compare?left=production&right=production&left_at=2020-01-01T00:00",
        &format!("/ask?{asked}"),
        &format!("/search?{asked}"),
        &format!("/search?{asked}&environment=production"),
        "/insights?environment=production",
        "/services/docker/payment",
        "/?filter=%3Cscript%3Ehack()&services=%3Cscript%3Ehack()",
        "/releases?q=%3Cscript%3Ehack()",
        "/services/%3Cscript%3Ehack()",
        "/activity",
        "/environments/%3Cscript%3Ehack()",
        "/releases/%3Cscript%3Ehack()",
        "/search?%3Cscript%3Ehack()=1",
        "/login?next=%2F%22%3E%3Cscript%3Ehack()",
    ] {
        let page = see(&server, path, &cookie).await;
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}: {}", page.text());
        for live in ["<script>hack", "<b onclick", "\"'&<"] {
            assert!(!page.text().contains(live), "`{live}` is in {path}: {}", page.text());
        }
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
    let tokens = see(&server, "/environments/production/tokens", &cookie).await;
    assert!(tokens.text().contains("&#60;script&#62;hack()"), "{}", tokens.text());
    server.stop().await;
}

#[tokio::test]
async fn sessions_and_new_secrets_outlive_a_restart_and_so_does_a_logout() {
    let mut server = Server::start().await;
    server.environment("production").await;
    let (stays, leaves) = (log_in(&server).await, log_in(&server).await);
    let tokens = "/environments/production/tokens";
    let form = format!("name=eu-2&proof={}", proof(&server, &stays).await);
    let headers = [("cookie", stays.as_str()), ("origin", server.url.as_str())];
    let made = server.send_with(Method::POST, tokens, &form, &headers).await;
    assert_eq!(made.status, 303, "{}", made.text());
    let (page, unseen) = (made.header("location").to_owned(), made.header("set-cookie").to_owned());
    let unseen = unseen.split(';').next().unwrap();
    let form = format!("proof={}", proof(&server, &leaves).await);
    let headers = [("cookie", leaves.as_str()), ("origin", server.url.as_str())];
    assert_eq!(server.send_with(Method::POST, "/logout", &form, &headers).await.status, 303);

    server = Server::start_in(server.stop().await).await;
    assert_eq!(see(&server, "/", &leaves).await.status, 303, "it was logged out");
    assert_eq!(see(&server, "/", &stays).await.status, 200);
    let other = log_in(&server).await;
    for cookie in [&format!("{other}; {unseen}"), &stays] {
        assert!(!see(&server, &page, cookie).await.text().contains("lfl_"), "it is for one session's page");
    }
    let shown = see(&server, &page, &format!("{stays}; {unseen}")).await;
    assert!(shown.text().contains("lfl_"), "{}", shown.text());
    assert!(
        shown.header("set-cookie").starts_with("landfall_unseen=; ")
            && shown.header("set-cookie").contains("Max-Age=0")
    );
    server.stop().await;
}

#[tokio::test]
async fn a_session_changes_things_only_from_our_own_pages_and_ends_with_the_logout() {
    let server = Server::start().await;
    let cookie = log_in(&server).await;
    let environments = "/api/v1/environments";
    assert_eq!(see(&server, environments, &cookie).await.status, 200);
    let body = r#"{"name": "production"}"#;
    let change = async |headers: &[(&str, &str)]| {
        server.send_with(Method::POST, environments, body, headers).await.status.as_u16()
    };
    let with_cookie = ("cookie", cookie.as_str());
    assert_eq!(change(&[with_cookie]).await, 403);
    assert_eq!(change(&[with_cookie, ("origin", "http://evil.example")]).await, 403);
    assert_eq!(change(&[with_cookie, ("origin", &server.url)]).await, 201);

    let foreign = [with_cookie, ("origin", "http://evil.example")];
    assert_eq!(server.send_with(Method::POST, "/logout", "", &foreign).await.status, 403);
    assert_eq!(see(&server, environments, &cookie).await.status, 200);
    // A sender that knows no page of the session logs nobody out, however the browser was made to send the form.
    for form in ["", "proof=guess"] {
        assert_eq!(
            server.send_with(Method::POST, "/logout", form, &[with_cookie]).await.status,
            403,
            "{form}"
        );
    }
    assert_eq!(see(&server, environments, &cookie).await.status, 200);
    let form = format!("proof={}", proof(&server, &cookie).await);
    let out = server.send_with(Method::POST, "/logout", &form, &[with_cookie, ("origin", &server.url)]).await;
    assert_eq!((out.status.as_u16(), out.header("location")), (303, "/login"));
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(see(&server, environments, &cookie).await.status, 401);
    assert_eq!(see(&server, "/", &cookie).await.status, 303);
    server.stop().await;
}

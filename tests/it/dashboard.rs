//! The dashboard, as a browser without scripts sees it.

use http::Method;
use serde_json::json;

use crate::admin_support::{Answer, Server, upgrade_and_rollback};

/// Logs in and returns the cookie that the browser sends from then on.
async fn log_in(server: &Server) -> String {
    let form = format!("token={}", server.token);
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
    for path in ["/", "/environments/production", "/environments/none"] {
        let answer = see(&server, path, "landfall_session=lfs_guess").await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/login"), "{path}");
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
    for words in
        ["href=\"/environments/production\"", "badge rollback", "docker/payment", "<strong>v1</strong>"]
    {
        assert!(index.text().contains(words), "`{words}` is not in: {}", index.text());
    }
    assert!(!index.text().contains("<script"), "{}", index.text());

    let page = see(&server, "/environments/production", &cookie).await;
    let badges = ["badge rollback", "badge upgrade", "badge initial"];
    let places = badges.map(|badge| page.text().find(badge).unwrap());
    assert!(places.is_sorted(), "{}", page.text());
    for words in ["v2 → <strong>v1</strong>", "3 clients", "Pulled locally", "192.0.2.1"] {
        assert!(page.text().contains(words), "`{words}` is not in: {}", page.text());
    }
    for hidden in [&secret, &server.token] {
        assert!(!page.text().contains(hidden.as_str()) && !index.text().contains(hidden.as_str()));
    }
    assert_eq!(see(&server, "/style.css", "").await.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(see(&server, "/environments/none", &cookie).await.status, 404);
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
    let out = server.send_with(Method::POST, "/logout", "", &[with_cookie, ("origin", &server.url)]).await;
    assert_eq!((out.status.as_u16(), out.header("location")), (303, "/login"));
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(see(&server, environments, &cookie).await.status, 401);
    assert_eq!(see(&server, "/", &cookie).await.status, 303);
    server.stop().await;
}

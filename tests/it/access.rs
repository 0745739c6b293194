//! Rights: who may see and who may change, and the audit trail of it.

use http::Method;
use landfall::clock::now;
use landfall::model::secret::{ADMIN_PREFIX, VIEWER_PREFIX, is_well_formed, sha256};
use landfall::model::time::{Span, Time};
use serde_json::{Value, json};

use crate::admin_support::{Answer, Server, check_problem, pull};

const ENVIRONMENTS: &str = "/api/v1/environments";
const ADMIN_TOKENS: &str = "/api/v1/admin-tokens";

/// Makes an admin or viewer token: its identifier and secret.
async fn admin_token(server: &Server, name: &str, kind: &str) -> (String, String) {
    let made = server.post(ADMIN_TOKENS, json!({"name": name, "kind": kind})).await;
    assert_eq!((made.status.as_u16(), made.header("cache-control")), (201, "no-store"), "{}", made.text());
    let made = made.json();
    (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
}

/// Logs in to the dashboard, as a browser would.
async fn log_in(server: &Server, secret: &str) -> Answer {
    let form = format!("token={secret}");
    server.send_with(Method::POST, "/login", &form, &[("origin", &server.url)]).await
}

fn cookie(login: &Answer) -> String {
    assert_eq!(login.status, 303);
    login.header("set-cookie").split(';').next().unwrap().to_owned()
}

/// A name tells whose pulls and whose changes they were, so no two tokens that are accepted have it.
#[tokio::test]
async fn a_name_is_one_tokens() {
    let server = Server::start().await;
    let (first, _) = server.environment("production").await;
    server.environment("staging").await;
    let tokens = "/api/v1/environments/production/tokens";
    let wanted = || json!({"name": "cluster"});
    let taken = server.post(tokens, wanted()).await;
    assert_eq!(taken.status, 409);
    assert!(taken.text().contains(&format!("landfall token rotate production {first}")), "{}", taken.text());
    let rotated = server.post(&format!("{tokens}/{first}/rotate"), json!({"overlap": "0m"})).await.json();
    assert_eq!(rotated["name"], "cluster", "a successor has the name, too");
    assert_eq!(server.post(tokens, wanted()).await.status, 409);
    let path = format!("{tokens}/{}", rotated["id"].as_str().unwrap());
    assert_eq!(server.send(Method::DELETE, &path, "").await.status, 204);
    assert_eq!(server.post(tokens, wanted()).await.status, 201, "it is free again");

    let ada = || json!({"name": "ada", "kind": "viewer"});
    let made = server.post("/api/v1/admin-tokens", ada()).await.json();
    let taken = server.post("/api/v1/admin-tokens", ada()).await;
    assert_eq!(taken.status, 409);
    assert!(taken.text().contains(made["id"].as_str().unwrap()), "{}", taken.text());
    server.stop().await;
}

#[tokio::test]
async fn a_viewer_sees_and_changes_nothing() {
    let server = Server::start().await;
    let (environment_token, secret) = server.environment("production").await;
    let (_, viewer) = admin_token(&server, "wall", "viewer").await;
    assert!(is_well_formed(VIEWER_PREFIX, &viewer));
    let seen = ["", "/production", "/production/tokens", "/production/running", "/production/deployments"];
    for path in seen.map(|path| format!("{ENVIRONMENTS}{path}")).iter().chain([&ADMIN_TOKENS.to_owned()]) {
        let answer = server.send_as(&viewer, Method::GET, path, "").await;
        assert_eq!(answer.status, 200, "{path}");
        let shown = answer.text();
        assert!(!shown.contains(&secret) && !shown.contains(&viewer) && !shown.contains("secret"), "{path}");
    }
    let token = format!("{ENVIRONMENTS}/production/tokens/{environment_token}");
    let rotate = format!("{token}/rotate");
    let changes = [
        (Method::POST, ENVIRONMENTS),
        (Method::PATCH, "/api/v1/environments/production"),
        (Method::DELETE, "/api/v1/environments/production?confirm=production"),
        (Method::POST, "/api/v1/environments/production/tokens"),
        (Method::POST, &rotate),
        (Method::DELETE, &token),
        (Method::POST, ADMIN_TOKENS),
        (Method::DELETE, "/api/v1/admin-tokens/adm_none"),
        // It has the hashes of all tokens.
        (Method::GET, "/api/v1/backup"),
    ];
    let entries = server.log.view().applied;
    let cookie = cookie(&log_in(&server, &viewer).await);
    for (method, path) in changes {
        let body = r#"{"name": "mine", "kind": "admin"}"#;
        let refused = server.send_as(&viewer, method.clone(), path, body).await;
        check_problem(&refused, 403, None);
        let headers = [("cookie", cookie.as_str()), ("origin", &server.url)];
        let refused = server.send_with(method, path, body, &headers).await;
        check_problem(&refused, 403, None);
        assert_eq!(refused.json()["type"], "urn:landfall:problem:viewer");
    }
    assert_eq!(server.log.view().applied, entries);
    server.stop().await;
}

#[tokio::test]
async fn an_admin_token_works_until_it_ends() {
    let server = Server::start().await;
    let (id, ada) = admin_token(&server, "ada", "admin").await;
    assert!(is_well_formed(ADMIN_PREFIX, &ada) && id.starts_with("adm_"));
    let made = server.send_as(&ada, Method::POST, ENVIRONMENTS, r#"{"name": "staging"}"#).await;
    assert_eq!(made.status, 201);
    let (_, viewer) = admin_token(&server, "wall", "viewer").await;
    let cookie = cookie(&log_in(&server, &ada).await);
    let see = async || server.send_with(Method::GET, "/", "", &[("cookie", &cookie)]).await.status.as_u16();
    assert_eq!(see().await, 200);

    let listed = server.get(ADMIN_TOKENS).await.json();
    let shown: Vec<_> = listed.as_array().unwrap().iter().map(|one| (&one["name"], &one["kind"])).collect();
    assert_eq!(shown, [(&json!("ada"), &json!("admin")), (&json!("wall"), &json!("viewer"))]);

    let path = format!("{ADMIN_TOKENS}/{id}");
    for _ in 0..2 {
        assert_eq!(server.send(Method::DELETE, &path, "").await.status, 204);
    }
    check_problem(&server.send_as(&ada, Method::GET, ENVIRONMENTS, "").await, 401, None);
    assert_eq!(see().await, 303, "the session ends with its token");
    assert_eq!(log_in(&server, &ada).await.status, 403);
    assert_eq!(server.send_as(&viewer, Method::GET, ENVIRONMENTS, "").await.status, 200);
    assert!(server.get(ADMIN_TOKENS).await.json()[0]["revoked_at"].is_string());

    let soon = (now() + Span::from_mins(60)).to_string();
    let made = server.post(ADMIN_TOKENS, json!({"name": "ci", "expires_at": soon})).await.json();
    assert_eq!((&made["kind"], &made["expires_at"]), (&json!("viewer"), &json!(soon)));
    let past = (now() - Span::from_mins(1)).to_string();
    let bad = [
        (json!({}), "name"),
        (json!({"name": "x", "kind": "root"}), "kind"),
        (json!({"name": "x", "expires_at": past}), "expires_at"),
        (json!({"name": "x", "role": "admin"}), "role"),
    ];
    for (body, field) in bad {
        check_problem(&server.post(ADMIN_TOKENS, body).await, 422, Some(field));
    }
    check_problem(&server.send(Method::DELETE, "/api/v1/admin-tokens/adm_none", "").await, 404, None);
    // The proxy's tokens and the admin's are two things.
    let (_, pulls) = server.environment("production").await;
    check_problem(&server.send_as(&pulls, Method::GET, ENVIRONMENTS, "").await, 401, None);

    let dir = server.stop().await;
    let server = Server::start_in(dir).await;
    assert_eq!(server.send_as(&viewer, Method::GET, ENVIRONMENTS, "").await.status, 200);
    check_problem(&server.send_as(&ada, Method::GET, ENVIRONMENTS, "").await, 401, None);
    server.stop().await;
}

#[tokio::test]
async fn every_change_says_who_made_it_through_what_and_from_where() {
    let server = Server::start().await;
    let (ada_id, ada) = admin_token(&server, "ada", "admin").await;
    let cookie = cookie(&log_in(&server, &ada).await);
    server.send_as(&ada, Method::POST, ENVIRONMENTS, r#"{"name": "staging"}"#).await;
    let page = [("cookie", cookie.as_str()), ("origin", &server.url)];
    let path = "/api/v1/environments/staging";
    let described = r##"{"description": "tests", "color": "#123456"}"##;
    server.send_with(Method::PATCH, path, described, &page).await;
    let bearer = format!("Bearer {}", server.token);
    let command = [("authorization", bearer.as_str()), ("user-agent", "landfall-cli/0.1.0")];
    server.send_with(Method::DELETE, &format!("{path}?confirm=staging"), "", &command).await;
    // A refused change is not written down.
    server.send_as(&ada, Method::POST, ENVIRONMENTS, r#"{"name": "Not A Name"}"#).await;

    let check = |trail: &Value| {
        let entries = trail["entries"].as_array().unwrap();
        let told: Vec<_> = entries
            .iter()
            .map(|entry| {
                let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
                assert_eq!(entry["from"], "127.0.0.1");
                let who = if entry["by"]["kind"] == "admin_token" {
                    assert_eq!(entry["by"]["id"], json!(ada_id));
                    &entry["by"]["name"]
                } else {
                    &entry["by"]["kind"]
                };
                [text(who), text(&entry["through"]), text(&entry["action"]), text(&entry["environment"])]
            })
            .collect();
        let expected = [
            ["token_file", "cli", "environment_deleted", "staging"],
            ["ada", "dashboard", "environment_updated", "staging"],
            ["ada", "api", "environment_created", "staging"],
            ["token_file", "api", "admin_token_created", "-"],
        ];
        assert_eq!(told, expected);
    };
    let trail = server.get("/api/v1/audit").await.json();
    check(&trail);
    assert_eq!(
        trail["entries"][1]["summary"],
        "changed the environment staging: description: “tests”, color: #123456"
    );
    assert!(!trail.to_string().contains("sha256") && !trail.to_string().contains(&ada));

    let first = server.get("/api/v1/audit?limit=3").await.json();
    let rest = server.get(&format!("/api/v1/audit?limit=3&before={}", first["next"])).await.json();
    assert_eq!((first["entries"].as_array().unwrap().len(), &rest["next"]), (3, &Value::Null));
    assert_eq!(rest["entries"], json!([trail["entries"][3]]));
    let staging = server.get("/api/v1/audit?environment=staging").await.json();
    assert_eq!(staging["entries"], json!(trail["entries"].as_array().unwrap()[..3]));
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("before=x", "before"),
        ("environment=X", "environment"),
    ] {
        check_problem(&server.get(&format!("/api/v1/audit?{query}")).await, 422, Some(field));
    }
    let dir = server.stop().await;
    let server = Server::start_in(dir).await;
    check(&server.get("/api/v1/audit").await.json());
    server.stop().await;
}

#[tokio::test]
async fn a_rotated_token_and_its_successor_both_pull_until_the_overlap_ends() {
    let server = Server::start().await;
    server.post(ENVIRONMENTS, json!({"name": "production"})).await;
    let tokens = format!("{ENVIRONMENTS}/production/tokens");
    let ends = (now() + Span::from_mins(90 * 24 * 60)).to_string();
    let made =
        server.post(&tokens, json!({"name": "nodes", "kind": "prepull", "expires_at": ends})).await.json();
    let rotate = format!("{tokens}/{}/rotate", made["id"].as_str().unwrap());
    for (body, field) in [
        (json!({"overlap": "soon"}), "overlap"),
        (json!({"overlap": "-1h"}), "overlap"),
        (json!({"overlap": "91d"}), "overlap"),
        (json!({"expires_at": "2020-01-01T00:00:00Z"}), "expires_at"),
        (json!({"name": "other"}), "name"),
    ] {
        check_problem(&server.post(&rotate, body).await, 422, Some(field));
    }
    let rotated = server.post(&rotate, json!({"overlap": "2h"})).await;
    assert_eq!((rotated.status.as_u16(), rotated.header("cache-control")), (201, "no-store"));
    let rotated = rotated.json();
    assert_eq!((&rotated["name"], &rotated["kind"]), (&json!("nodes"), &json!("prepull")));
    assert!(rotated["kubectl"].as_str().unwrap().contains(rotated["secret"].as_str().unwrap()));
    assert_eq!(rotated["replaces"]["id"], made["id"]);
    let time = |value: &Value| value.as_str().unwrap().parse::<Time>().unwrap();
    let overlap = time(&rotated["replaces"]["expires_at"]).since(time(&rotated["created_at"]));
    assert_eq!(overlap, Span::from_mins(120));
    let lifetime = |token: &Value| time(&token["expires_at"]).since(time(&token["created_at"]));
    assert_eq!(lifetime(&rotated), lifetime(&made), "it lives as long as the old one was to live");

    let is_accepted = |token: &Value, minutes| {
        let secret = sha256(token["secret"].as_str().unwrap());
        let at = now() + Span::from_mins(minutes);
        server.log.view().directory.authenticate(&secret, at).is_ok()
    };
    assert!(is_accepted(&made, 119) && is_accepted(&rotated, 119));
    assert!(!is_accepted(&made, 121) && is_accepted(&rotated, 121));
    let again = server.post(&rotate, json!({})).await;
    check_problem(&again, 409, None);
    assert!(again.text().contains(rotated["id"].as_str().unwrap()), "{}", again.text());
    let listed = server.get(&tokens).await.json();
    assert_eq!((&listed[0]["successor"], &listed[1]["id"]), (&rotated["id"], &rotated["id"]));

    let path = format!("{tokens}/{}", rotated["id"].as_str().unwrap());
    server.send(Method::DELETE, &path, "").await;
    check_problem(&server.post(&format!("{path}/rotate"), json!({})).await, 409, None);
    check_problem(&server.post(&format!("{tokens}/tok_none/rotate"), json!({})).await, 404, None);
    server.stop().await;
}

#[tokio::test]
async fn what_is_odd_about_a_tokens_use_is_shown_where_tokens_are() {
    let server = Server::start().await;
    let (id, _) = server.environment("production").await;
    let days_ago = |days: i64| now() - Span::from_mins(days * 24 * 60);
    server.pulled(pull("production", &id, days_ago(9), "10.0.0.1", 1)).await;
    let tokens = format!("{ENVIRONMENTS}/production/tokens");
    assert_eq!(server.get(&tokens).await.json()[0]["warnings"], json!([]));
    let strange = days_ago(1);
    server.pulled(pull("production", &id, strange, "203.0.113.9", 1)).await;
    let detail = "used from 203.0.0.0/16 (203.0.113.9), before only from 10.0.0.0/16";
    let at = strange.to_string();
    let expected = json!([{"kind": "new_network", "since": at, "last_at": at, "detail": detail}]);
    assert_eq!(server.get(&tokens).await.json()[0]["warnings"], expected);
    let cookie = cookie(&log_in(&server, &server.token).await);
    let page =
        server.send_with(Method::GET, "/environments/production/tokens", "", &[("cookie", &cookie)]).await;
    assert!(page.text().contains(detail), "{}", page.text());
    server.stop().await;
}

#[tokio::test]
async fn a_deletion_says_first_what_it_will_do() {
    let server = Server::start().await;
    let (id, _) = server.environment("production").await;
    server.pulled(pull("production", &id, now() - Span::from_mins(5), "10.0.0.1", 1)).await;
    let refused = server.send(Method::DELETE, "/api/v1/environments/production", "").await;
    check_problem(&refused, 409, None);
    for words in ["1 active token", "1 service", "cannot be undone", "?confirm=production"] {
        assert!(refused.text().contains(words), "{}", refused.text());
    }
    server.stop().await;
}

#[tokio::test]
async fn a_request_that_names_another_host_is_refused() {
    let server = Server::start().await;
    let bearer = format!("Bearer {}", server.token);
    let ask = async |path, host| {
        let headers = [("authorization", bearer.as_str()), ("host", host)];
        server.send_with(Method::GET, path, "", &headers).await
    };
    let port = server.url.rsplit(':').next().unwrap();
    let paths = [ENVIRONMENTS, "/status", "/metrics", "/", "/login", "/style.css", "/no/such/path"];
    let with_port = format!("evil.example:{port}");
    for host in ["evil.example", "localhost.evil.example", &with_port, "10.0.0.1"] {
        for path in paths {
            let refused = ask(path, host).await;
            check_problem(&refused, 421, None);
            assert!(refused.text().contains("--admin-host"), "{}", refused.text());
        }
        for probe in ["/healthz", "/readyz"] {
            assert_eq!(ask(probe, host).await.status, 200, "{host} {probe}");
        }
    }
    let own =
        [&format!("127.0.0.1:{port}"), "localhost", "LANDFALL.example.com:443", &format!("[::1]:{port}")];
    for host in own {
        assert_eq!(ask(ENVIRONMENTS, host).await.status, 200, "{host}");
    }
    server.stop().await;
}

#[tokio::test]
async fn who_guesses_tokens_has_to_wait_and_nobody_else_does() {
    let server = Server::start().await;
    let mut tokens = Vec::new();
    for number in 0..12 {
        tokens.push(admin_token(&server, &format!("ada-{number}"), "admin").await.1);
    }
    let cookie = cookie(&log_in(&server, &server.token).await);
    let guess = async || server.send_as("guess", Method::GET, ENVIRONMENTS, "").await;
    let mut refused = guess().await;
    for _ in 0..100 {
        if refused.status != 401 {
            break;
        }
        refused = guess().await;
    }
    check_problem(&refused, 429, None);
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    check_problem(&server.send_with(Method::GET, ENVIRONMENTS, "", &[]).await, 429, None);
    let login = log_in(&server, "guess").await;
    assert_eq!((login.status.as_u16(), login.header("set-cookie")), (429, ""));
    assert!(login.text().contains("Try again in") && !login.header("retry-after").is_empty());
    // A right token from the same address is let in, for the first time as well.
    for token in &tokens {
        assert_eq!(server.send_as(token, Method::GET, ENVIRONMENTS, "").await.status, 200);
    }
    assert_eq!(server.get(ENVIRONMENTS).await.status, 200);
    assert_eq!(server.send_with(Method::GET, "/", "", &[("cookie", &cookie)]).await.status, 200);
    server.stop().await;
}

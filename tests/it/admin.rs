//! The admin API, over HTTP, on a real log.

use std::io::Write;
use std::sync::{Arc, Mutex};

use http::Method;
use landfall::clock::now;
use landfall::model::event::Observation;
use landfall::model::secret::{PULL_PREFIX, is_well_formed, sha256};
use landfall::model::time::Span;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::admin_support::{HOST, Server, check_problem, digest, pull, upgrade_and_rollback};

const ENVIRONMENTS: &str = "/api/v1/environments";

#[tokio::test]
async fn health_metrics_and_status_are_open() {
    let server = Server::start().await;
    let open = async |path| server.send_with(Method::GET, path, "", &[]).await;
    let healthz = open("/healthz").await;
    assert_eq!((healthz.status.as_u16(), healthz.text()), (200, "ok\n"));

    let ready = open("/readyz").await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json(), json!({"ready": true, "checks": {"serving": "ok"}}));

    let metrics = open("/metrics").await;
    assert_eq!(metrics.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(metrics.text().ends_with("# EOF\n"));

    server.environment("production").await;
    let status = open("/status").await.json();
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&status["environments"], &status["tokens_active"]), (&json!(1), &json!(1)));
    let log = &status["log"];
    assert_eq!([&log["entries"], &log["late"], &log["lost"]], [2, 0, 0], "{log}");
    assert_eq!(
        (&log["health"], &log["writable"], &log["database_writable"]),
        (&json!("ok"), &json!(true), &json!(true))
    );
    assert!(log["journal_free_bytes"].as_u64() > Some(1 << 20) && log["written_s_ago"].is_u64(), "{log}");
    assert_eq!(status["proxy"], json!({"connections": 3}));
    assert!(status["uptime_s"].is_u64() && status["started_at"].is_string());
    server.stop().await;
}

#[tokio::test]
async fn readyz_says_when_nobody_is_let_in() {
    let mut server = Server::start().await;
    server.let_nobody_in();
    let ready = server.send_with(Method::GET, "/readyz", "", &[]).await;
    assert_eq!((ready.status.as_u16(), &ready.json()["ready"]), (503, &json!(false)));
    assert!(ready.json()["checks"]["serving"].as_str().unwrap().contains("stopping"), "{}", ready.text());
    server.stop().await;
}

#[tokio::test]
async fn without_the_admin_token_nothing_is_told_or_done() {
    let server = Server::start().await;
    let (_, secret) = server.environment("production").await;
    let paths = [
        (Method::GET, ENVIRONMENTS),
        (Method::POST, ENVIRONMENTS),
        (Method::DELETE, "/api/v1/environments/production?confirm=production"),
        (Method::GET, "/api/v1/environments/production/tokens"),
        (Method::GET, "/api/v1/export"),
        (Method::GET, "/api/v1/backup"),
        (Method::GET, "/api/v1/no/such/path"),
    ];
    let headers = [
        vec![],
        vec![("authorization", "Bearer wrong".to_owned())],
        vec![("authorization", format!("Bearer {secret}"))],
        vec![("authorization", format!("Basic {}", server.token))],
        vec![("authorization", server.token.clone())],
    ];
    for (method, path) in paths {
        for headers in &headers {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = server.send_with(method.clone(), path, r#"{"name": "x"}"#, &headers).await;
            check_problem(&answer, 401, None);
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
    }
    assert_eq!(server.get(ENVIRONMENTS).await.json().as_array().unwrap().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn an_environment_is_made_shown_changed_and_deleted() {
    let server = Server::start().await;
    let made = server.post(ENVIRONMENTS, json!({"name": "production", "description": "the shop"})).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    assert_eq!((&made["name"], &made["description"]), (&json!("production"), &json!("the shop")));
    assert_eq!(made["tokens_active"], 0);
    let color = made["color"].as_str().unwrap();
    assert!(color.len() == 7 && color.starts_with('#'), "{color}");
    assert!(made["created_at"].is_string() && made.get("latest_deployment").is_none());

    check_problem(&server.post(ENVIRONMENTS, json!({"name": "production"})).await, 409, None);
    server.post(ENVIRONMENTS, json!({"name": "staging", "color": "#AABBCC"})).await;

    let path = "/api/v1/environments/production";
    let changed = server.send(Method::PATCH, path, r##"{"color": "#16a34a"}"##).await.json();
    assert_eq!((&changed["color"], &changed["description"]), (&json!("#16a34a"), &json!("the shop")));
    assert_eq!(server.send(Method::PATCH, path, r#"{"description": ""}"#).await.json()["description"], "");
    assert_eq!(server.get(path).await.json()["color"], "#16a34a");

    let listed = server.get(ENVIRONMENTS).await.json();
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["production", "staging"]);
    assert_eq!(listed[1]["color"], "#aabbcc");

    for confirm in ["", "?confirm=", "?confirm=staging", "?confirm=Production"] {
        check_problem(&server.send(Method::DELETE, &format!("{path}{confirm}"), "").await, 409, None);
        assert_eq!(server.get(path).await.status, 200, "{confirm}");
    }
    let deleted = server.send(Method::DELETE, &format!("{path}?confirm=production"), "").await;
    assert_eq!((deleted.status.as_u16(), deleted.body.len()), (204, 0));
    check_problem(&server.get(path).await, 404, None);
    server.stop().await;
}

#[tokio::test]
async fn every_refusal_is_a_problem_that_names_its_field() {
    let server = Server::start().await;
    server.environment("production").await;
    let long = |chars: usize| "x".repeat(chars);
    let tokens = "/api/v1/environments/production/tokens";
    let past = (now() - Span::from_mins(1)).to_string();
    let posts = [
        (ENVIRONMENTS, json!({}), 422, Some("name")),
        (ENVIRONMENTS, json!({"name": "Production"}), 422, Some("name")),
        (ENVIRONMENTS, json!({"name": ""}), 422, Some("name")),
        (ENVIRONMENTS, json!({"name": 7}), 422, Some("name")),
        (ENVIRONMENTS, json!({"name": long(64)}), 422, Some("name")),
        (ENVIRONMENTS, json!({"name": "a", "colour": "#000000"}), 422, Some("colour")),
        (ENVIRONMENTS, json!({"name": "a", "color": "red"}), 422, Some("color")),
        (ENVIRONMENTS, json!({"name": "a", "color": "#12345é"}), 422, Some("color")),
        (ENVIRONMENTS, json!({"name": "a", "description": long(501)}), 422, Some("description")),
        (ENVIRONMENTS, json!({"name": "a", "description": "a\u{1b}[2J"}), 422, Some("description")),
        (ENVIRONMENTS, json!([]), 400, None),
        (ENVIRONMENTS, json!({"name": "a", "description": long(70_000)}), 413, None),
        (tokens, json!({}), 422, Some("name")),
        (tokens, json!({"name": " "}), 422, Some("name")),
        (tokens, json!({"name": long(101)}), 422, Some("name")),
        (tokens, json!({"name": "a", "kind": "root"}), 422, Some("kind")),
        (tokens, json!({"name": "a", "expires_at": "soon"}), 422, Some("expires_at")),
        (tokens, json!({"name": "a", "expires_at": past}), 422, Some("expires_at")),
        (tokens, json!({"name": "a", "secret": "mine"}), 422, Some("secret")),
        ("/api/v1/environments/none/tokens", json!({"name": "a"}), 404, None),
        ("/api/v1/nothing", json!({}), 404, None),
    ];
    for (path, body, status, field) in posts {
        check_problem(&server.post(path, body).await, status, field);
    }
    check_problem(&server.send(Method::POST, ENVIRONMENTS, "{\"name\":").await, 400, None);
    let others = [
        (Method::PATCH, "/api/v1/environments/none", 404, None),
        (Method::GET, "/api/v1/environments/none", 404, None),
        (Method::GET, "/api/v1/environments/NONE", 404, None),
        (Method::GET, "/api/v1/environments/none/tokens", 404, None),
        (Method::GET, "/api/v1/environments/none/running", 404, None),
        (Method::GET, "/api/v1/environments/none/deployments", 404, None),
        (Method::GET, "/api/v1/environments/none/local", 404, None),
        (Method::GET, "/api/v1/environments/%ff", 400, None),
        (Method::GET, "/api/v1/environments/production/running?at=soon", 422, Some("at")),
        (Method::GET, "/api/v1/environments/production/running?when=now", 422, Some("when")),
        (Method::GET, "/api/v1/environments/production/deployments?limit=0", 422, Some("limit")),
        (Method::GET, "/api/v1/environments/production/deployments?limit=201", 422, Some("limit")),
        (Method::GET, "/api/v1/environments/production/deployments?limit=x", 422, Some("limit")),
        (Method::GET, "/api/v1/deployments/none", 404, None),
        (Method::GET, "/api/v1/deployments/none/evidence", 404, None),
        (Method::DELETE, "/api/v1/environments/none?confirm=none", 404, None),
        (Method::DELETE, "/api/v1/environments/production/tokens/tok_none", 404, None),
        (Method::DELETE, "/api/v1/environments/none/tokens/tok_none", 404, None),
        (Method::PUT, "/api/v1/environments/production", 405, None),
        (Method::GET, "/nothing", 404, None),
        (Method::POST, "/status", 405, None),
    ];
    for (method, path, status, field) in others {
        check_problem(&server.send(method, path, r#"{"name": "a"}"#).await, status, field);
    }
    let put = server.send(Method::PUT, "/api/v1/environments/production", "").await;
    assert_eq!(put.header("allow"), "GET,HEAD,PATCH,DELETE");
    assert_eq!(server.get(ENVIRONMENTS).await.json().as_array().unwrap().len(), 1);
    assert_eq!(server.get(tokens).await.json().as_array().unwrap().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_foreign_page_changes_nothing() {
    let server = Server::start().await;
    let bearer = format!("Bearer {}", server.token);
    let authorization = ("authorization", bearer.as_str());
    let from = |origin: &'static str| vec![authorization, ("origin", origin)];
    let body = r#"{"name": "production"}"#;
    for origin in ["https://evil.example", "null"] {
        let refused = server.send_with(Method::POST, ENVIRONMENTS, body, &from(origin)).await;
        check_problem(&refused, 403, None);
        assert_eq!(server.send_with(Method::GET, ENVIRONMENTS, "", &from(origin)).await.json(), json!([]));
    }
    let own = [authorization, ("origin", server.url.as_str())];
    assert_eq!(server.send_with(Method::POST, ENVIRONMENTS, body, &own).await.status, 201);
    server.stop().await;
}

#[tokio::test]
async fn a_new_token_pulls_until_it_is_revoked() {
    let server = Server::start().await;
    server.post(ENVIRONMENTS, json!({"name": "production"})).await;
    let tokens = "/api/v1/environments/production/tokens";
    let expires_at = (now() + Span::from_mins(60)).to_string();
    let fields = json!({"name": "laptop", "kind": "local", "expires_at": expires_at});
    let made = server.post(tokens, fields).await;
    assert_eq!((made.status.as_u16(), made.header("cache-control")), (201, "no-store"));
    let made = made.json();
    let secret = made["secret"].as_str().unwrap();
    assert!(is_well_formed(PULL_PREFIX, secret));
    assert_eq!((&made["name"], &made["kind"]), (&json!("laptop"), &json!("local")));
    assert_eq!((&made["username"], &made["expires_at"]), (&json!("production"), &json!(expires_at)));
    assert_eq!(
        made["kubectl"],
        format!(
            "kubectl create secret docker-registry landfall-production --docker-server={HOST} \
             --docker-username=production --docker-password={secret}"
        )
    );
    assert!(made["docker_login"].as_str().unwrap().contains(secret));
    assert!(made["hosts_toml"].as_str().unwrap().contains(&format!("[host.\"http://{HOST}\"]")));

    let view = server.log.view();
    let (environment, token) = view.directory.authenticate(&sha256(secret), now()).unwrap();
    assert_eq!((environment.name.as_str(), token.id.as_str()), ("production", made["id"].as_str().unwrap()));
    server.pulled(pull("production", &token.id, now(), "10.0.0.7", 1)).await;

    let id = made["id"].as_str().unwrap();
    assert!(id.len() == 16 && id.starts_with("tok_"), "{id}");
    let path = format!("{tokens}/{id}");
    for _ in 0..2 {
        assert_eq!(server.send(Method::DELETE, &path, "").await.status, 204);
    }
    assert!(server.log.view().directory.authenticate(&sha256(secret), now()).is_err());
    let listed = &server.get(tokens).await.json()[0];
    assert_eq!((&listed["id"], &listed["kind"]), (&json!(id), &json!("local")));
    assert_eq!((&listed["pulls"], &listed["last_used_from"]), (&json!(1), &json!("10.0.0.7")));
    assert!(listed["last_used_at"].is_string() && listed["revoked_at"].is_string());
    assert_eq!(server.get(ENVIRONMENTS).await.json()[0]["tokens_active"], 0);
    server.stop().await;
}

#[tokio::test]
async fn what_landed_is_told_now_and_as_of_then() {
    let server = Server::start().await;
    let (id, _) = server.environment("production").await;
    let settled = upgrade_and_rollback(&server, &id).await;
    let path = "/api/v1/environments/production";
    let running = server.get(&format!("{path}/running")).await.json();
    assert_eq!(running["environment"], "production");
    let service = &running["services"][0];
    assert_eq!((&service["repository"], &service["version"]), (&json!("docker/payment"), &json!("v1")));
    assert_eq!((&service["digest"], &service["clients"]), (&json!(digest(1).to_string()), &json!(3)));
    let member_is_text = |member: &str| service[member].is_string();
    assert!(["since", "state", "confidence", "last_seen_at"].into_iter().all(member_is_text), "{service}");

    let then = server.get(&format!("{path}/running?at={settled}")).await.json();
    assert_eq!((&then["at"], &then["services"][0]["version"]), (&json!(settled.to_string()), &json!("v2")));
    let before = server.get(&format!("{path}/running?at=2020-01-01T00:00:00Z")).await.json();
    assert_eq!(before["services"], json!([]));
    let to_come = server.get(&format!("{path}/running?at=2999-01-01T00:00:00Z")).await.json();
    assert_eq!(to_come["services"], running["services"]);
    assert!(to_come["at"].as_str().unwrap() < "2999");

    let timeline = server.get(&format!("{path}/deployments")).await.json();
    let deployments = timeline["deployments"].as_array().unwrap();
    let kinds: Vec<_> = deployments.iter().map(|deployment| &deployment["kind"]).collect();
    assert_eq!(kinds, ["rollback", "upgrade", "initial"]);
    assert!(timeline.get("next").is_none());
    assert_eq!(server.get(path).await.json()["latest_deployment"], deployments[0]);
    let first = server.get(&format!("{path}/deployments?limit=2")).await.json();
    let next = first["next"].as_str().unwrap();
    let second = server.get(&format!("{path}/deployments?limit=2&before={next}")).await.json();
    assert_eq!((&first["deployments"][1], &second["deployments"][0]), (&deployments[1], &deployments[2]));
    assert!(second.get("next").is_none());
    server.environment("staging").await;
    for unknown in [
        format!("{path}/deployments?before=none"),
        format!("/api/v1/environments/staging/deployments?before={next}"),
    ] {
        check_problem(&server.get(&unknown).await, 422, Some("before"));
    }

    let id = deployments[0]["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/api/v1/deployments/{id}")).await.json(), deployments[0]);
    let evidence = server.get(&format!("/api/v1/deployments/{id}/evidence")).await.json();
    let clients = evidence["changes"][0]["pulls"].as_array().unwrap().iter().map(|pull| &pull["client"]);
    assert_eq!(clients.collect::<Vec<_>>(), ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);

    let local = server.get(&format!("{path}/local")).await.json();
    assert_eq!((&local[0]["client"], local.as_array().unwrap().len()), (&json!("192.0.2.1"), 1));
    server.stop().await;
}

/// Everything that was logged.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_secret_is_shown_once_and_written_nowhere() {
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let server = Server::start().await;
    let (id, secret) = server.environment("production").await;
    server.pulled(pull("production", &id, now(), "10.0.0.7", 1)).await;
    let paths = [
        "/status",
        "/metrics",
        "/readyz",
        ENVIRONMENTS,
        "/api/v1/environments/production",
        "/api/v1/environments/production/tokens",
        "/api/v1/environments/production/running",
        "/api/v1/export",
    ];
    let admin = server.token.clone();
    let hash: String = sha256(&secret).iter().map(|byte| format!("{byte:02x}")).collect();
    for path in paths {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
        for hidden in [&secret, &admin, &hash] {
            assert!(!answer.text().contains(hidden.as_str()), "{path}");
        }
    }
    let dir = server.stop().await;
    let logged = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("token created"), "{logged}");
    assert!(!logged.contains(&secret) && !logged.contains(&admin));
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
    }
}

#[tokio::test]
async fn of_many_that_make_the_same_environment_one_does() {
    let server = Arc::new(Server::start().await);
    let makers: Vec<_> = (0..20)
        .map(|_| {
            let server = server.clone();
            tokio::spawn(async move {
                server.post(ENVIRONMENTS, json!({"name": "production"})).await.status.as_u16()
            })
        })
        .collect();
    let mut statuses = Vec::new();
    for maker in makers {
        statuses.push(maker.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses[0], 201);
    assert!(statuses[1..].iter().all(|&status| status == 409), "{statuses:?}");
    Arc::into_inner(server).unwrap().stop().await;
}

#[tokio::test]
async fn changes_outlive_a_restart() {
    let server = Server::start().await;
    let (_, secret) = server.environment("production").await;
    let token = server.token.clone();
    let dir = server.stop().await;
    let server = Server::start_in(dir).await;
    assert_eq!(server.token, token);
    assert_eq!(server.get("/api/v1/environments/production").await.json()["tokens_active"], 1);
    assert!(server.log.view().directory.authenticate(&sha256(&secret), now()).is_ok());
    server.stop().await;
}

#[tokio::test]
async fn an_export_is_every_observation_in_log_order() {
    let server = Server::start().await;
    let (id, _) = server.environment("production").await;
    // Enough for several chunks of the answer.
    let pulls: Vec<_> = (0..2_000)
        .map(|n| {
            pull("production", &id, now() + Span::from_ms(n), &format!("10.0.{}.{}", n / 250, n % 250), 1)
        })
        .collect();
    let mut last = None;
    for pull in &pulls {
        last = Some(server.log.record(pull.clone()));
    }
    last.unwrap().durable(&landfall::deadline::Deadlines::new(std::time::Duration::from_secs(20))).await;
    let export = server.get("/api/v1/export").await;
    assert_eq!((export.status.as_u16(), export.header("content-type")), (200, "application/jsonl"));
    let lines: Vec<Observation> =
        export.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, pulls);
    server.stop().await;
}

#[tokio::test]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let server = Server::start().await;
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let mut idle = tokio::net::TcpStream::connect(&address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut head = [0; 15];
    idle.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    server.stop().await;
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(tokio::net::TcpStream::connect(&address).await.is_err());
}

#[tokio::test]
async fn a_change_under_way_is_finished_before_the_end() {
    let mut server = Server::start().await;
    let address = server.url.strip_prefix("http://").unwrap().to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let body = r#"{"name": "production"}"#;
    let head = format!(
        "POST {ENVIRONMENTS} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        server.token,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The handler asks for the body, so it is under way.
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    server.ask_to_stop();
    assert!(!server.has_ended().await);
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 Created"), "{answer}");
    server.stop().await;
}

//! `GET /api/v1/events`: what happens, as it happens, for those who may see it.

use http::Method;
use landfall::clock::now;
use landfall::model::time::Span;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;

use crate::admin_support::{Server, check_problem, pull};
use crate::rig::PATIENCE;

/// A stream, read line by line.
struct Stream(Lines<BufReader<TcpStream>>);

impl Stream {
    /// Opens a stream and waits until it listens.
    async fn open(server: &Server, query: &str, token: &str) -> Self {
        let host = server.url.strip_prefix("http://").unwrap();
        let mut connection = TcpStream::connect(host).await.unwrap();
        let request = format!(
            "GET /api/v1/events{query} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut stream = Self(BufReader::new(connection).lines());
        while stream.line().await.expect("it listens") != ": listening" {}
        stream
    }

    async fn line(&mut self) -> Option<String> {
        tokio::time::timeout(PATIENCE, self.0.next_line()).await.expect("something comes").ok()?
    }

    /// The next event: its kind and its data.
    async fn next(&mut self) -> (String, Value) {
        let mut kind = String::new();
        loop {
            let line = self.line().await.expect("the stream goes on");
            if let Some(named) = line.strip_prefix("event: ") {
                named.clone_into(&mut kind);
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return (kind, serde_json::from_str(data).unwrap());
            }
        }
    }

    async fn ends(&mut self) {
        while self.line().await.is_some() {}
    }
}

#[tokio::test]
async fn pulls_deployments_and_tokens_are_told_as_they_happen() {
    let server = Server::start().await;
    let (id, _) = server.environment("production").await;
    let (other, _) = server.environment("staging").await;
    let mut all = Stream::open(&server, "", &server.token).await;
    let mut here = Stream::open(&server, "?environment=staging&kinds=pull", &server.token).await;

    // A pull of some minutes ago is complete, and so a deployment at once.
    let at = now() - Span::from_mins(5);
    server.pulled(pull("production", &id, at, "10.0.0.1", 1)).await;
    let (kind, told) = all.next().await;
    assert_eq!((kind.as_str(), &told["by"], &told["client"]), ("pull", &json!("node"), &json!("10.0.0.1")));
    let (kind, told) = all.next().await;
    assert_eq!((kind.as_str(), &told["environment"]), ("deployment", &json!("production")));
    assert_eq!(told["changes"][0]["to"]["version"], "v1");

    server.post("/api/v1/environments/staging/tokens", json!({"name": "second"})).await;
    let (kind, told) = all.next().await;
    assert_eq!((kind.as_str(), &told["action"]), ("token", &json!("token_created")));

    // Events that somebody did not ask for do not reach them.
    server.pulled(pull("staging", &other, at, "10.0.1.1", 1)).await;
    let (kind, told) = here.next().await;
    assert_eq!((kind.as_str(), &told["environment"]), ("pull", &json!("staging")));
    server.stop().await;
}

#[tokio::test]
async fn streams_are_for_those_who_may_see_end_with_the_server_and_are_bounded() {
    let mut server = Server::start().await;
    check_problem(&server.send_with(Method::GET, "/api/v1/events", "", &[]).await, 401, None);
    check_problem(&server.get("/api/v1/events?environment=No").await, 422, Some("environment"));
    let mut streams = Vec::new();
    for _ in 0..32 {
        streams.push(Stream::open(&server, "", &server.token).await);
    }
    let full = server.get("/api/v1/events").await;
    check_problem(&full, 503, None);
    assert!(full.text().contains("this token holds 32"), "{}", full.text());
    // Another token has seats of its own, as far as those of the address go.
    let mut secrets = Vec::new();
    for name in ["wall", "desk"] {
        let made = server.post("/api/v1/admin-tokens", json!({"name": name, "kind": "viewer"})).await.json();
        secrets.push(made["secret"].as_str().unwrap().to_owned());
    }
    for _ in 0..32 {
        streams.push(Stream::open(&server, "", &secrets[0]).await);
    }
    let full = server.send_as(&secrets[1], Method::GET, "/api/v1/events", "").await;
    check_problem(&full, 503, None);
    assert!(full.text().contains("this address holds 64"), "{}", full.text());
    // One that goes makes room for the next.
    drop(streams.pop());
    let bearer = format!("Bearer {}", secrets[1]);
    crate::rig::until("there is room", async || {
        let host = server.url.strip_prefix("http://").unwrap();
        let mut connection = TcpStream::connect(host).await.unwrap();
        let request =
            format!("GET /api/v1/events HTTP/1.1\r\nhost: {host}\r\nauthorization: {bearer}\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        let status = BufReader::new(connection).lines().next_line().await.unwrap()?;
        status.contains(" 200 ").then_some(())
    })
    .await;
    server.ask_to_stop();
    for stream in &mut streams {
        stream.ends().await;
    }
    server.stop().await;
}

//! The real server as a process of its own, and what it says of itself.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::load::Failure;

const BINARY: &str = env!("CARGO_BIN_EXE_landfall");

pub(crate) struct Server {
    process: Child,
    data: PathBuf,
    pub(crate) proxy: SocketAddr,
    admin: SocketAddr,
    admin_token: String,
    /// Time that the start took.
    pub(crate) took: Duration,
}

/// In MiB.
pub(crate) struct Memory {
    pub(crate) now: u64,
    pub(crate) peak: u64,
}

pub(crate) struct Token {
    id: String,
    pub(crate) authorization: String,
}

impl Server {
    pub(crate) async fn start(data: &Path, upstream: &str) -> Result<Self, Failure> {
        let began = Instant::now();
        let mut process = Command::new(BINARY)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--admin-listen",
                "127.0.0.1:0",
                "--upstream",
                upstream,
            ])
            .arg("--data")
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut ready = String::new();
        BufReader::new(process.stdout.take().ok_or("no output")?).read_line(&mut ready)?;
        let address = |name: &str| -> Result<SocketAddr, Failure> {
            let url = ready.split_whitespace().find_map(|word| word.strip_prefix(name));
            Ok(url.and_then(|url| url.strip_prefix("http://")).ok_or("the server did not start")?.parse()?)
        };
        let (proxy, admin) = (address("proxy=")?, address("admin=")?);
        let admin_token = std::fs::read_to_string(data.join("admin.token"))?.trim().to_owned();
        Ok(Self { process, data: data.to_owned(), proxy, admin, admin_token, took: began.elapsed() })
    }

    /// As `kill -9` ends it.
    pub(crate) fn kill(mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    pub(crate) fn memory(&self) -> Memory {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim_start_matches(':').trim().split(' ').next().and_then(|kib| kib.parse::<u64>().ok())
        };
        let of = |name| mib(name).unwrap_or(0) >> 10;
        Memory { now: of("VmRSS"), peak: of("VmHWM") }
    }

    pub(crate) fn bytes_on_disk(&self) -> u64 {
        let length = |name| std::fs::metadata(self.data.join(name)).map_or(0, |file| file.len());
        length("landfall.redb") + length("landfall.journal")
    }

    pub(crate) async fn make_environment(&self) -> Result<(), Failure> {
        self.api("POST", "/api/v1/environments", &json!({ "name": "production" })).await.map(drop)
    }

    pub(crate) async fn make_token(&self) -> Result<Token, Failure> {
        let body = json!({ "name": "nodes", "kind": "cluster" });
        let made = self.api("POST", "/api/v1/environments/production/tokens", &body).await?;
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        let pair = STANDARD.encode(format!("{}:{}", text("username"), text("secret")));
        Ok(Token { id: text("id"), authorization: format!("Basic {pair}") })
    }

    pub(crate) async fn revoke(&self, token: &Token) -> Result<(), Failure> {
        let path = format!("/api/v1/environments/production/tokens/{}", token.id);
        self.api("DELETE", &path, &Value::Null).await.map(drop)
    }

    pub(crate) async fn metric(&self, name: &str) -> Result<u64, Failure> {
        let (_, text) = self.ask("GET", "/metrics", "", "").await?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
        Ok(value.ok_or_else(|| format!("there is no metric {name}"))? as u64)
    }

    /// Time that every page and answer took that depends on names.
    pub(crate) async fn pages(&self) -> Result<Vec<(String, Duration)>, Failure> {
        let bearer = format!("authorization: Bearer {}\r\n", self.admin_token);
        let (head, _) = self.ask("POST", "/login", "", &format!("token={}", self.admin_token)).await?;
        let cookie = head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).ok_or("no session")?;
        let cookie = format!("cookie: {}\r\n", cookie.split(';').next().unwrap_or_default());
        let mut times = Vec::new();
        for (path, header) in [
            ("/api/v1/environments", &bearer),
            ("/api/v1/environments/production/running", &bearer),
            ("/api/v1/environments/production/deployments", &bearer),
            ("/api/v1/environments/production/missing", &bearer),
            ("/api/v1/environments/production/changes", &bearer),
            ("/api/v1/compare?left=production&right=production", &bearer),
            ("/api/v1/search?q=login+fix", &bearer),
            ("/api/v1/releases", &bearer),
            ("/", &cookie),
            ("/environments/production", &cookie),
            ("/insights?environment=production", &cookie),
            ("/activity", &cookie),
            ("/releases", &cookie),
            ("/status", &String::new()),
            ("/metrics", &String::new()),
        ] {
            let began = Instant::now();
            let (head, _) = self.ask("GET", path, header, "").await?;
            times.push((path.to_owned(), began.elapsed()));
            if !head.starts_with("HTTP/1.1 200") {
                return Err(format!("{path}: {head}").into());
            }
        }
        Ok(times)
    }

    /// Time that `landfall status` takes.
    pub(crate) fn status_command(&self) -> Result<Duration, Failure> {
        let began = Instant::now();
        let output = Command::new(BINARY)
            .arg("status")
            .env("LANDFALL_ADMIN", format!("http://{}", self.admin))
            .env("LANDFALL_ADMIN_TOKEN", &self.admin_token)
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(began.elapsed()) } else { Err(said.into()) }
    }

    async fn api(&self, method: &str, path: &str, body: &Value) -> Result<Value, Failure> {
        let header =
            format!("authorization: Bearer {}\r\ncontent-type: application/json\r\n", self.admin_token);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (head, answer) = self.ask(method, path, &header, &body).await?;
        if !head.starts_with("HTTP/1.1 20") {
            return Err(format!("{method} {path}: {head}\n{answer}").into());
        }
        Ok(serde_json::from_str(&answer).unwrap_or_default())
    }

    /// One request on a connection of its own: the answer's head in lower case but for its first line, and its body.
    async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> Result<(String, String), Failure> {
        let mut stream = TcpStream::connect(self.admin).await?;
        let (host, length) = (self.admin, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").ok_or("no head")?;
        Ok((head.to_owned(), body.to_owned()))
    }
}

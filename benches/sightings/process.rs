//! `landfall` as processes of their own, and what the kernel says of them.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::Failure;

/// A process that ends with this value.
pub(super) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    pub(super) fn start(command: &mut Command) -> Result<Self, Failure> {
        Ok(Self(command.spawn()?))
    }

    /// The processor time that it has used.
    pub(super) fn cpu(&self) -> Result<Duration, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let (_, fields) = stat.rsplit_once(')').ok_or("no stat")?;
        let ticks: u64 =
            fields.split_whitespace().skip(11).take(2).filter_map(|it| it.parse::<u64>().ok()).sum();
        // The kernel counts in hundredths of a second for whoever reads this file.
        Ok(Duration::from_millis(ticks * 10))
    }

    /// The most memory that it ever had resident, in MiB.
    pub(super) fn peak_mib(&self) -> Result<f64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
        Ok(peak.trim().trim_end_matches(" kB").parse::<f64>()? / 1_024.0)
    }
}

/// A hub, with an environment.
pub(super) struct Hub {
    pub(super) process: Process,
    pub(super) url: String,
    token: String,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl Hub {
    pub(super) async fn start(data: &Path, host: &str) -> Result<Self, Failure> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        command.args(["--upstream", "http://127.0.0.1:9", "--public-host", host, "--data"]).arg(data);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut ready = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut ready)?;
        let url =
            ready.split_whitespace().find_map(|word| word.strip_prefix("admin=")).ok_or("no hub")?.to_owned();
        let token = std::fs::read_to_string(data.join("admin.token"))?.trim().to_owned();
        let http = Client::builder(TokioExecutor::new()).build_http();
        let hub = Self { process: Process(child), url, token, http };
        hub.send(None, Method::POST, "/api/v1/environments", Some(json!({"name": "production"}))).await?;
        Ok(hub)
    }

    /// The secret of a new token for a witness.
    pub(super) async fn agent_token(&self, name: &str) -> Result<String, Failure> {
        let wanted = json!({"name": name, "kind": "agent"});
        let path = "/api/v1/environments/production/tokens";
        let (_, made) = self.send(None, Method::POST, path, Some(wanted)).await?;
        Ok(made["secret"].as_str().ok_or("no secret")?.to_owned())
    }

    /// An answer to whoever has this token, or to the administrator.
    pub(super) async fn send(
        &self,
        token: Option<&str>,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<(StatusCode, Value), Failure> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        let request = request.header("authorization", format!("Bearer {}", token.unwrap_or(&self.token)));
        let request =
            request.header("content-type", "application/json").body(Full::new(Bytes::from(body)))?;
        let answer = self.http.request(request).await?;
        let (status, body) = (answer.status(), answer.into_body().collect().await?.to_bytes());
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}

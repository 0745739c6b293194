//! The client of the admin API, for every command that asks a server.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use url::Url;

use super::error::CliError;
use super::output::Output;
use crate::admin::{CLI_AGENT, MCP_AGENT};
use crate::tls;
use crate::wire::Problem;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for an answer, and for each further piece of it: an answer about the past folds the whole log.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest answer that is read at once; an export is streamed.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// How often a server that is busy with this address is asked again, after the pause that it names.
const BUSY_MAX: usize = 5;
/// Longest such pause; a longer one is told to the person.
const BUSY_PAUSE_MAX: Duration = Duration::from_secs(5);

/// How a client command finds its server.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Server")]
pub struct ClientArgs {
    /// Address of the admin server
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "LANDFALL_ADMIN",
        default_value = "http://127.0.0.1:8081",
        value_parser = admin_url
    )]
    pub admin: Url,
    /// File with the admin token; else LANDFALL_ADMIN_TOKEN, else admin.token in a local server's data directory
    #[arg(long, global = true, value_name = "FILE", env = "LANDFALL_ADMIN_TOKEN_FILE")]
    pub admin_token_file: Option<PathBuf>,
    /// Certificates (PEM) to trust besides the system's: of the admin server's CA, or its own
    #[arg(long, global = true, value_name = "FILE", env = "LANDFALL_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// Send the token to another machine over plain HTTP, where everybody on the way can read it
    #[arg(
        long,
        global = true,
        env = "LANDFALL_PLAIN_HTTP",
        value_parser = clap::builder::FalseyValueParser::new()
    )]
    pub plain_http: bool,
    /// Print the server's answer as it is
    #[arg(long, global = true)]
    pub json: bool,
}

impl ClientArgs {
    /// The server at this address, asked with this file's token; the rest as it is without flags.
    pub fn of(admin: Url, admin_token_file: Option<PathBuf>) -> Self {
        Self { admin, admin_token_file, ca_file: None, plain_http: false, json: false }
    }
}

fn admin_url(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("{error}; write it as http://127.0.0.1:8081"))?;
    match (url.scheme(), url.has_host()) {
        ("http" | "https", true) => Ok(url),
        _ => Err("must be an address like https://landfall.example.com or http://127.0.0.1:8081".into()),
    }
}

/// A connection to the admin server.
pub struct Client {
    /// How the command prints.
    pub output: Output,
    base: Url,
    token: Option<Token>,
    /// What it calls itself, without the version.
    agent: &'static str,
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

struct Token {
    header: http::HeaderValue,
    origin: String,
}

/// What the server answered with, whole.
pub struct Answer {
    /// Which success it is.
    pub status: StatusCode,
    address: String,
    body: Bytes,
}

impl Client {
    /// A client as the arguments and the environment say. Nothing is sent yet.
    pub fn new(args: ClientArgs) -> Result<Self, CliError> {
        let token = find_token(&args)?;
        if token.is_some() && args.admin.scheme() == "http" && !is_local(&args.admin) && !args.plain_http {
            return Err(CliError::InClear { address: address(&args.admin) });
        }
        Ok(Self {
            output: Output::detect(args.json),
            token,
            http: legacy::Client::builder(TokioExecutor::new()).build(connector(args.ca_file.as_deref())?),
            base: args.admin,
            agent: CLI_AGENT,
        })
    }

    /// `GET /api/v1/<segments>?<query>`
    pub async fn get(&self, segments: &[&str], query: &[(&str, &str)]) -> Result<Answer, CliError> {
        self.send(Method::GET, segments, query, None).await
    }

    /// One request to the API, with a JSON body if there is one; the answer is read whole.
    pub async fn send(
        &self,
        method: Method,
        segments: &[&str],
        query: &[(&str, &str)],
        body: Option<&serde_json::Value>,
    ) -> Result<Answer, CliError> {
        let response = self.request(method, self.url(segments, query), body).await?;
        let status = response.status();
        let collected = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect();
        let body = self.in_time(collected).await?.map_err(|error| self.broke_off(&*error))?.to_bytes();
        Ok(Answer { status, address: self.address(), body })
    }

    /// The same client on behalf of a coding agent.
    #[must_use]
    pub fn as_agent(self) -> Self {
        Self { agent: MCP_AGENT, ..self }
    }

    /// One request to what is at `/api/v1/<target>`, which is escaped; whatever it answers is read whole.
    pub async fn exchange(
        &self,
        method: Method,
        target: &str,
        body: Option<&serde_json::Value>,
    ) -> Result<(StatusCode, Bytes), CliError> {
        let address = format!("{}/api/v1/{target}", self.address());
        let url = address.parse().map_err(|error: url::ParseError| self.protocol(&error.to_string()))?;
        let body = body.map(|body| Bytes::from(body.to_string()));
        let response = self.once(&method, &url, body).await?;
        let status = response.status();
        let collected = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect();
        let body = self.in_time(collected).await?.map_err(|error| self.broke_off(&*error))?;
        Ok((status, body.to_bytes()))
    }

    /// `GET /api/v1/<segments>`, handed to `sink` piece by piece as it arrives.
    pub async fn stream(
        &self,
        segments: &[&str],
        mut sink: impl FnMut(&[u8]) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let mut body = self.request(Method::GET, self.url(segments, &[]), None).await?.into_body();
        while let Some(frame) = self.in_time(body.frame()).await? {
            let frame = frame.map_err(|error| self.broke_off(&error))?;
            if let Some(data) = frame.data_ref() {
                sink(data)?;
            }
        }
        Ok(())
    }

    async fn request(
        &self,
        method: Method,
        url: Url,
        body: Option<&serde_json::Value>,
    ) -> Result<Response<Incoming>, CliError> {
        let body = body.map(|body| Bytes::from(body.to_string()));
        for _ in 0..BUSY_MAX {
            let response = self.once(&method, &url, body.clone()).await?;
            let busy = retry_after(&response).filter(|_| response.status() == StatusCode::TOO_MANY_REQUESTS);
            match busy {
                Some(pause) => tokio::time::sleep(pause).await,
                None if response.status().is_success() => return Ok(response),
                None => return Err(self.refusal(response).await),
            }
        }
        let response = self.once(&method, &url, body).await?;
        if response.status().is_success() { Ok(response) } else { Err(self.refusal(response).await) }
    }

    async fn once(
        &self,
        method: &Method,
        url: &Url,
        body: Option<Bytes>,
    ) -> Result<Response<Incoming>, CliError> {
        let mut request = Request::builder().method(method).uri(url.as_str());
        // The audit trail tells a command from somebody's own client by it.
        request = request.header(header::USER_AGENT, format!("{}{}", self.agent, env!("CARGO_PKG_VERSION")));
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, &token.header);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(body.unwrap_or_default()));
        let request = request.map_err(|error| self.protocol(&error.to_string()))?;
        let response = self.in_time(self.http.request(request)).await?;
        response.map_err(|error| self.unavailable(self.reason(&error)))
    }

    /// What a problem+json answer says, for the person who asked.
    async fn refusal(&self, response: Response<Incoming>) -> CliError {
        let status = response.status();
        if status == StatusCode::UNAUTHORIZED {
            let given = self.token.as_ref().map_or("none was given", |token| &token.origin);
            return CliError::Unauthorized { address: self.address(), given: given.to_owned() };
        }
        let collected = self.in_time(Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect()).await;
        let body =
            collected.ok().and_then(Result::ok).map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let problem = serde_json::from_slice::<Problem>(&body).ok();
        let told = problem.map(|it| if it.detail.is_empty() { it.title } else { it.detail });
        match told.filter(|detail| !detail.is_empty()) {
            Some(detail) => CliError::Refused { status: status.as_u16(), detail },
            None => self.protocol(&format!("status {status}")),
        }
    }

    fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.base.clone();
        // An http URL with a host always has a path that can be extended.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1"]).extend(segments);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    async fn in_time<T>(&self, step: impl Future<Output = T>) -> Result<T, CliError> {
        let late = |_| self.unavailable(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()));
        tokio::time::timeout(ANSWER_TIMEOUT, step).await.map_err(late)
    }

    /// The server, as it was named.
    pub fn address(&self) -> String {
        address(&self.base)
    }

    /// Why there is no answer, in words that say what to do.
    fn reason(&self, error: &legacy::Error) -> String {
        let cause = root_cause(error);
        // A server that speaks TLS answers plain HTTP with an alert, or with nothing.
        let is_odd = !error.is_connect() && self.base.scheme() == "http";
        if is_odd { format!("{cause}; does it speak TLS, and is its address https://?") } else { cause }
    }

    fn unavailable(&self, reason: String) -> CliError {
        CliError::Unavailable { address: self.address(), reason }
    }

    fn broke_off(&self, error: &(dyn std::error::Error + 'static)) -> CliError {
        CliError::BrokeOff { address: self.address(), reason: error.to_string() }
    }

    fn protocol(&self, reason: &str) -> CliError {
        CliError::Protocol { address: self.address(), reason: reason.to_owned() }
    }
}

impl Answer {
    /// The answer as a type; members that the type does not name are ignored, so that a newer server can say more.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, CliError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| CliError::Protocol { address: self.address.clone(), reason: error.to_string() })
    }

    /// The answer as it came, and a line's end. JSON escapes control characters, so it is safe on a terminal.
    pub fn as_json(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        format!("{}\n", text.trim_end())
    }
}

fn address(base: &Url) -> String {
    base.as_str().trim_end_matches('/').to_owned()
}

/// Plain or TLS, as the address says.
fn connector(ca_file: Option<&Path>) -> Result<HttpsConnector<HttpConnector>, CliError> {
    let trusted = tls::client_config(ca_file)
        .map_err(|error| CliError::Trust { path: ca_file.map(Path::to_owned), reason: error.to_string() })?;
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let tls = HttpsConnectorBuilder::new().with_tls_config(trusted);
    Ok(tls.https_or_http().enable_http1().wrap_connector(tcp))
}

fn root_cause(error: &legacy::Error) -> String {
    let mut cause: &(dyn std::error::Error + 'static) = error;
    loop {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return tls::describe(tls, tls::Settings::COMMAND);
        }
        // The source of an I/O error is not what it wraps, but the source of that.
        let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = match (wrapped, cause.source()) {
            (Some(wrapped), _) => wrapped,
            (None, Some(source)) => source,
            (None, None) => return cause.to_string(),
        };
    }
}

/// RFC 9110 section 10.2.3, in seconds.
fn retry_after(response: &Response<Incoming>) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds)).filter(|pause| *pause <= BUSY_PAUSE_MAX)
}

/// The named file, else the variable, else what a server on this machine wrote for itself.
fn find_token(args: &ClientArgs) -> Result<Option<Token>, CliError> {
    if let Some(path) = &args.admin_token_file {
        let failed = |reason: String| CliError::TokenFile { path: path.clone(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let header =
            bearer(&text).ok_or_else(|| failed("it holds no token of printable characters".into()))?;
        return Ok(Some(Token { header, origin: format!("that of {}", path.display()) }));
    }
    if let Ok(text) = std::env::var("LANDFALL_ADMIN_TOKEN")
        && let Some(header) = bearer(&text)
    {
        return Ok(Some(Token { header, origin: "that of LANDFALL_ADMIN_TOKEN".into() }));
    }
    if !is_local(&args.admin) {
        return Ok(None);
    }
    let data =
        std::env::var_os("LANDFALL_DATA").map_or_else(|| PathBuf::from("landfall-data"), PathBuf::from);
    let path = data.join("admin.token");
    let header = read_own(&path).and_then(|text| bearer(&text));
    Ok(header.map(|header| Token { header, origin: format!("that of {}", path.display()) }))
}

/// A server's own token is there only for whoever may read it; for others it is as if there were none.
fn read_own(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn bearer(token: &str) -> Option<http::HeaderValue> {
    let token = token.trim();
    let mut header =
        http::HeaderValue::try_from(format!("Bearer {token}")).ok().filter(|_| !token.is_empty())?;
    header.set_sensitive(true);
    Some(header)
}

fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_address_is_http_or_https_with_a_host() {
        for good in [
            "http://127.0.0.1:8081",
            "https://a.example",
            "http://localhost:1/behind/a/path/",
            "http://[::1]:8081",
        ] {
            assert!(admin_url(good).is_ok(), "{good}");
        }
        for bad in ["127.0.0.1:8081", "https://", "ftp://a.example", "", "unix:///run/x"] {
            assert!(admin_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_escaped_in_the_address() {
        let client = |admin: &str| Client::new(ClientArgs::of(admin_url(admin).unwrap(), None)).unwrap();
        let url = client("http://localhost:1/behind/").url(&["deployments", "../a b?c"], &[("at", "x&y+z")]);
        assert_eq!(url.as_str(), "http://localhost:1/behind/api/v1/deployments/..%2Fa%20b%3Fc?at=x%26y%2Bz");
        assert_eq!(
            client("http://localhost:1").url(&["export"], &[]).as_str(),
            "http://localhost:1/api/v1/export"
        );
    }

    #[test]
    fn a_token_goes_to_another_machine_over_tls_or_on_demand() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "lfa_x").unwrap();
        let made = |admin: &str, plain_http| {
            let args = ClientArgs::of(admin_url(admin).unwrap(), Some(file.clone()));
            Client::new(ClientArgs { plain_http, ..args }).err().map(|error| error.to_string())
        };
        for safe in ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://a.example"] {
            assert_eq!(made(safe, false), None, "{safe}");
        }
        for open in
            ["http://a.example", "http://10.0.0.7:8081", "http://localhost.a.example", "http://0.0.0.0:1"]
        {
            let refused = made(open, false).expect(open);
            assert!(refused.contains("https://") && refused.contains("--plain-http"), "{refused}");
            assert_eq!(made(open, true), None, "{open}");
        }
    }
}

//! The client of the admin API, for every command that asks a server.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::de::DeserializeOwned;
use url::Url;

use super::arguments;
use super::error::CliError;
use super::options::Options;
use super::output::Output;
use super::reach::{self, Token};
use crate::admin::{CLI_AGENT, MCP_AGENT};
use crate::wire::Problem;

pub use super::reach::ClientArgs;

/// Longest wait for an answer, and for each further piece of it: an answer about the past folds the whole log.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// Time that a connection is kept without a request: well below what servers and proxies allow, for a request on one that the
/// other side is closing just then is lost, and may have been carried out.
const IDLE_MAX: Duration = Duration::from_secs(5);
/// Longest answer that is read at once; an export is streamed.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Attempts with a server that is busy with this address, each after the pause that the server names.
const BUSY_MAX: usize = 5;
/// Longest such pause; a longer one is told to the person.
const BUSY_PAUSE_MAX: Duration = Duration::from_secs(5);

/// A connection to the admin server.
pub struct Client {
    /// The printer of the command's answers.
    pub output: Output,
    base: Url,
    options: Options,
    token: Option<Token>,
    /// The name that it gives itself, without the version.
    agent: &'static str,
    http: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// The server's whole answer.
pub struct Answer {
    /// The status, one of success.
    pub status: StatusCode,
    address: String,
    body: Bytes,
}

impl Client {
    /// A client as the arguments and the environment say. Nothing is sent yet.
    pub fn new(args: ClientArgs) -> Result<Self, CliError> {
        Ok(Self {
            output: Output::detect(args.json),
            token: reach::token(&args)?,
            http: legacy::Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_MAX)
                .build(reach::connector(args.ca_file.as_deref())?),
            options: args.options,
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

    /// Reads a problem+json answer, and says it for the person who asked.
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
        let told = problem.map(|it| if it.detail.is_empty() { it.title } else { arguments::named(it) });
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
        reach::address(&self.base)
    }

    /// Says in words why there is no answer, and what to do.
    fn reason(&self, error: &legacy::Error) -> String {
        let cause = reach::root_cause(error, self.options);
        // A server that speaks TLS answers plain HTTP with an alert, or with nothing.
        let is_odd = !error.is_connect() && self.base.scheme() == "http";
        if is_odd { format!("{cause}; does it speak TLS, and is its address https://?") } else { cause }
    }

    fn unavailable(&self, reason: String) -> CliError {
        CliError::Unavailable { options: self.options, address: self.address(), reason }
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

/// RFC 9110 section 10.2.3, in seconds.
fn retry_after(response: &Response<Incoming>) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds)).filter(|pause| *pause <= BUSY_PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beats of a witness come as often as the server closes what is idle.
    #[test]
    fn a_kept_connection_is_left_before_the_server_closes_it() {
        assert!(IDLE_MAX * 2 < crate::admin::LIMITS.idle);
    }

    #[test]
    fn names_are_escaped_in_the_address() {
        let client = |admin: &str| Client::new(ClientArgs::of(admin.parse().unwrap(), None)).unwrap();
        let url = client("http://localhost:1/behind/").url(&["deployments", "../a b?c"], &[("at", "x&y+z")]);
        assert_eq!(url.as_str(), "http://localhost:1/behind/api/v1/deployments/..%2Fa%20b%3Fc?at=x%26y%2Bz");
        assert_eq!(
            client("http://localhost:1").url(&["export"], &[]).as_str(),
            "http://localhost:1/api/v1/export"
        );
    }
}

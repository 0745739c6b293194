//! Health checks of registries: after the start, periodically, and after a request without an answer. No
//! request waits for them, and none is refused because of them.

use futures_util::future::{join, join_all};
use http::{HeaderMap, Method, StatusCode};
use prometheus_client::registry::Registry;
use tokio::time::{Instant, sleep, sleep_until};

use super::error::UpstreamError;
use super::health::{HealthReport, HealthState};
use super::limits::{CHECK_PAUSE, CHECK_PAUSE_FAILING, CHECK_PAUSE_MIN, CREDENTIALS_PAUSE};
use super::login::SentCredentials;
use super::registry::Upstream;
use super::request::{Resource, UpstreamRequest};
use super::target::Upstreams;

impl Upstreams {
    /// Checks every registry and refreshes its credentials, for ever.
    pub async fn watch(self) {
        join_all(self.all.iter().map(|upstream| join(check(upstream), refresh(upstream)))).await;
    }

    /// Health of each registry.
    pub fn reports(&self) -> Vec<HealthReport> {
        self.all.iter().map(|upstream| upstream.health.report()).collect()
    }

    /// Registers the gauge for `/metrics`.
    pub fn register(&self, registry: &mut Registry) {
        let Some(upstream) = self.all.first() else { return };
        let help = "Whether the registry behind a prefix can be pulled from (1) or not (0)";
        registry.sub_registry_with_prefix("landfall_proxy").register(
            "upstream_up",
            help,
            upstream.health.up.clone(),
        );
    }
}

async fn refresh(upstream: &Upstream) {
    loop {
        sleep(CREDENTIALS_PAUSE).await;
        upstream.login.credentials.refresh().await;
    }
}

async fn check(upstream: &Upstream) {
    loop {
        let began = Instant::now();
        let state = upstream.health.record(probe(upstream).await);
        let pause = if state == HealthState::Ok { CHECK_PAUSE } else { CHECK_PAUSE_FAILING };
        tokio::select! {
            () = sleep(pause) => {}
            () = upstream.health.check_requested.notified() => sleep_until(began + CHECK_PAUSE_MIN).await,
        }
    }
}

/// Sends the request that every client sends first (distribution spec, "Determining Support"), with login.
/// Returns a problem that does not prevent pulls yet, if any.
async fn probe(upstream: &Upstream) -> Result<Option<String>, String> {
    let answer =
        upstream.exchange(&UpstreamRequest::new(Method::GET, Resource::Base, &HeaderMap::new()), "").await;
    let credentials = &upstream.login.credentials;
    let problem = credentials.problem().await;
    let is_user = credentials.are_known();
    match answer {
        Ok(answer) => {
            let sent = answer.extensions().get().copied();
            verdict(answer.status(), sent, is_user).map_err(str::to_owned)
        }
        Err(error) => of_error(&error, is_user),
    }
    .map_err(|error| problem.iter().fold(error, |error, problem| format!("{error}; {problem}")))?;
    match problem {
        Some(problem) if !is_user => Err(problem),
        problem => Ok(problem),
    }
}

/// Interprets an answer to `/v2/`.
fn verdict(status: StatusCode, sent: Option<SentCredentials>, is_user: bool) -> Result<(), &'static str> {
    match status {
        // A registry may refuse a token without a repository.
        StatusCode::UNAUTHORIZED if sent == Some(SentCredentials::Bearer) && !is_user => Ok(()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if is_user => {
            Err("it refuses this upstream's user: check username and password_file, or the credential helper")
        }
        StatusCode::UNAUTHORIZED => Err("it wants a user: set username and password_file"),
        StatusCode::FORBIDDEN => Err("it answers 403 to everybody: check its access rules"),
        StatusCode::NOT_FOUND => Err("it answers 404 to /v2/: is its url that of a registry?"),
        StatusCode::BAD_REQUEST => Err("it answers 400 to /v2/: does it speak TLS, and is its url http://?"),
        status if status.is_server_error() => Err("it answers /v2/ with a server error: look at its log"),
        _ => Ok(()),
    }
}

/// Interprets a missing answer.
fn of_error(error: &UpstreamError, is_user: bool) -> Result<(), String> {
    match error {
        // A token server may require a repository, and a rate limit here says nothing about pulls.
        UpstreamError::NoToken { status, .. } => match *status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if is_user => Err(error.to_string()),
            status if status.is_server_error() => Err(error.to_string()),
            _ => Ok(()),
        },
        UpstreamError::Unreachable { .. } => {
            Err(format!("{error}: check url and proxy, and that this machine may connect there"))
        }
        UpstreamError::TimedOut { .. } => Err(format!("{error}: check the registry and the network to it")),
        _ => Err(error.to_string()),
    }
}

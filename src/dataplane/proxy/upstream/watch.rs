//! Health checks of registries: after the start, periodically, and after a request without an answer. No
//! request waits for them, and none is refused because of them.

use futures_util::future::{join, join_all};
use http::{HeaderMap, Method, StatusCode};
use prometheus_client::registry::Registry;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::error::UpstreamError;
use super::health::{Cause, HealthReport, HealthState, Trouble};
use super::limits::{CHECK_PAUSE, CHECK_PAUSE_FAILING, CHECK_PAUSE_MIN, CHECK_TIMEOUT, CREDENTIALS_PAUSE};
use super::login::SentCredentials;
use super::registry::Upstream;
use super::request::{Resource, UpstreamRequest};
use super::target::Upstreams;

impl Upstreams {
    /// Checks every registry and refreshes its credentials, for ever.
    pub async fn watch(self) {
        join_all(self.all.iter().map(|upstream| join(keep_checking(upstream), refresh(upstream)))).await;
    }

    /// Checks every registry once, all at the same time; returns their health.
    pub async fn check(&self) -> Vec<HealthReport> {
        join_all(self.all.iter().map(|upstream| check(upstream))).await;
        self.reports()
    }

    /// Health of each registry.
    pub fn reports(&self) -> Vec<HealthReport> {
        self.all.iter().map(|upstream| upstream.health.report()).collect()
    }

    /// Registers the gauge for `/metrics`.
    pub fn register(&self, registry: &mut Registry) {
        let Some(upstream) = self.all.first() else { return };
        let help = "Whether the registry behind a prefix can be pulled from (1) or not (0)";
        let registry = registry.sub_registry_with_prefix("landfall_proxy");
        let gauges = &upstream.health.gauges;
        registry.register("upstream_up", help, gauges.up.clone());
        let help = "The cause (1) of what prevents pulls: address, certificate, login or registry";
        registry.register("upstream_trouble", help, gauges.trouble.clone());
    }
}

async fn refresh(upstream: &Upstream) {
    loop {
        sleep(CREDENTIALS_PAUSE).await;
        upstream.login.credentials.refresh().await;
    }
}

async fn keep_checking(upstream: &Upstream) {
    loop {
        let began = Instant::now();
        let state = check(upstream).await;
        let pause = if state == HealthState::Ok { CHECK_PAUSE } else { CHECK_PAUSE_FAILING };
        tokio::select! {
            () = sleep(pause) => {}
            () = upstream.health.check_requested.notified() => sleep_until(began + CHECK_PAUSE_MIN).await,
        }
    }
}

/// Checks a registry within a bound, whatever it does.
async fn check(upstream: &Upstream) -> HealthState {
    let found = timeout(CHECK_TIMEOUT, probe(upstream)).await.unwrap_or_else(|_| {
        let limit = CHECK_TIMEOUT.as_secs();
        let text = format!("no answer to a check within {limit} s: check the registry and the network to it");
        Err(Trouble { cause: Cause::Address, text })
    });
    upstream.health.record(found)
}

/// Sends the request that every client sends first (distribution spec, "Determining Support"), with login.
/// Returns a problem that does not prevent pulls yet, if any.
async fn probe(upstream: &Upstream) -> Result<Option<String>, Trouble> {
    let answer =
        upstream.exchange(&UpstreamRequest::new(Method::GET, Resource::Base, &HeaderMap::new()), "").await;
    let credentials = &upstream.login.credentials;
    let problem = credentials.problem().await;
    let is_user = credentials.are_known();
    let found = match answer {
        Ok(answer) => {
            let sent = answer.extensions().get().copied();
            verdict(answer.status(), sent, is_user)
        }
        Err(error) => of_error(&error, is_user),
    };
    if let Err(Trouble { cause, text }) = found {
        let text = problem.iter().fold(text, |text, problem| format!("{text}; {problem}"));
        return Err(Trouble { cause, text });
    }
    match problem {
        Some(text) if !is_user => Err(Trouble { cause: Cause::Login, text }),
        problem => Ok(problem),
    }
}

/// Interprets an answer to `/v2/`.
fn verdict(status: StatusCode, sent: Option<SentCredentials>, is_user: bool) -> Result<(), Trouble> {
    let trouble = |cause, text: &str| Err(Trouble { cause, text: text.to_owned() });
    match status {
        // A registry may refuse a token without a repository.
        StatusCode::UNAUTHORIZED if sent == Some(SentCredentials::Bearer) && !is_user => Ok(()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if is_user => trouble(
            Cause::Login,
            "it refuses this upstream's user: check username and password_file, or the credential helper",
        ),
        StatusCode::UNAUTHORIZED => trouble(Cause::Login, "it wants a user: set username and password_file"),
        StatusCode::FORBIDDEN => trouble(Cause::Login, "it answers 403 to everybody: check its access rules"),
        StatusCode::NOT_FOUND => {
            trouble(Cause::Registry, "it answers 404 to /v2/: is its url that of a registry?")
        }
        StatusCode::BAD_REQUEST => {
            trouble(Cause::Registry, "it answers 400 to /v2/: does it speak TLS, and is its url http://?")
        }
        status if status.is_server_error() => {
            trouble(Cause::Registry, "it answers /v2/ with a server error: look at its log")
        }
        _ => Ok(()),
    }
}

/// Interprets a missing answer.
fn of_error(error: &UpstreamError, is_user: bool) -> Result<(), Trouble> {
    let (cause, text) = match error {
        // A token server may require a repository, and a rate limit here says nothing about pulls.
        UpstreamError::NoToken { status, .. } => match *status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if is_user => (Cause::Login, error.to_string()),
            status if status.is_server_error() => (Cause::Registry, error.to_string()),
            _ => return Ok(()),
        },
        UpstreamError::Unreachable { .. } => {
            (Cause::Address, format!("{error}: check url and proxy, and that this machine may connect there"))
        }
        UpstreamError::TimedOut { .. } => {
            (Cause::Address, format!("{error}: check the registry and the network to it"))
        }
        UpstreamError::Untrusted { .. } => (Cause::Certificate, error.to_string()),
        UpstreamError::Refused { .. } | UpstreamError::Unwelcome { .. } => (Cause::Login, error.to_string()),
        UpstreamError::TooManyRedirects { .. }
        | UpstreamError::BadResponse { .. }
        | UpstreamError::Encoded { .. } => (Cause::Registry, error.to_string()),
    };
    Err(Trouble { cause, text })
}

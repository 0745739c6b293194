//! Health checks of registries: after the start, periodically, and after a request without an answer. No
//! request waits for them, and none is refused because of them.

use futures_util::future::{join, join_all};
use http::{HeaderMap, Method, StatusCode};
use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::limits::{CHECK_PAUSE, CHECK_PAUSE_FAILING, CHECK_PAUSE_MIN, CREDENTIALS_PAUSE};
use super::{Resource, SentCredentials, Upstream, UpstreamError, UpstreamRequest, Upstreams};
use crate::clock;
use crate::model::time::Time;

/// Health of one registry.
pub(super) struct Health {
    report: Mutex<HealthReport>,
    check_requested: Notify,
    up: Family<UpstreamLabels, Gauge>,
}

/// Health of one registry, as it is published. Has no secrets.
#[derive(Clone, Debug, Serialize)]
pub struct HealthReport {
    /// The upstream's `prefix`.
    pub prefix: String,
    /// The registry's `host:port`, as in its URL.
    pub host: String,
    /// Whether the registry can be pulled from.
    pub state: HealthState,
    /// Time of the last change of `state`.
    pub since: Time,
    /// Time of the last check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Time>,
    /// Problem and remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Whether a registry can be pulled from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    /// Not checked yet.
    Unknown,
    /// The registry answers and accepts Landfall's credentials.
    Ok,
    /// The registry cannot be pulled from.
    Failing,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct UpstreamLabels {
    prefix: String,
    host: String,
}

/// Gauge of the registries that can be pulled from.
pub(super) type UpGauge = Family<UpstreamLabels, Gauge>;

impl Health {
    pub(super) fn new(prefix: &str, host: String, up: &UpGauge) -> Self {
        let (state, since) = (HealthState::Unknown, clock::now());
        let report =
            HealthReport { prefix: prefix.to_owned(), host, state, since, checked_at: None, error: None };
        Self { report: Mutex::new(report), check_requested: Notify::new(), up: up.clone() }
    }

    /// Requests a check soon, after a request without an answer.
    pub(super) fn request_check(&self) {
        self.check_requested.notify_one();
    }

    fn report(&self) -> HealthReport {
        self.report.lock().clone()
    }

    /// Records the result of a check and logs changes.
    fn record(&self, found: Result<Option<String>, String>) -> HealthState {
        let (state, error) = match found {
            Ok(problem) => (HealthState::Ok, problem),
            Err(problem) => (HealthState::Failing, Some(problem)),
        };
        let now = clock::now();
        let mut report = self.report.lock();
        if (report.state, &report.error) != (state, &error) {
            let (upstream, host) = (&report.prefix, &report.host);
            match (state, &error) {
                (HealthState::Failing, error) => {
                    tracing::warn!(upstream, host, error, "the registry cannot be pulled from");
                }
                (_, Some(error)) => {
                    tracing::warn!(upstream, host, error, "the registry can be pulled from for now");
                }
                (_, None) => tracing::info!(upstream, host, "the registry can be pulled from"),
            }
        }
        if report.state != state {
            report.since = now;
        }
        (report.state, report.error, report.checked_at) = (state, error, Some(now));
        let labels = UpstreamLabels { prefix: report.prefix.clone(), host: report.host.clone() };
        self.up.get_or_create(&labels).set(i64::from(state == HealthState::Ok));
        state
    }
}

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

//! Health of a registry, as the last check found it.

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use serde::Serialize;
use tokio::sync::Notify;

use crate::clock;
use crate::model::time::Time;

/// Health of one registry.
pub(super) struct Health {
    report: Mutex<HealthReport>,
    pub(super) check_requested: Notify,
    pub(super) gauges: Gauges,
}

/// Health of one registry, as it is published. Has no secrets.
#[derive(Clone, Debug, Serialize)]
pub struct HealthReport {
    /// The upstream's `prefix`.
    pub prefix: String,
    /// The registry's `host:port`, as in its URL.
    pub host: String,
    /// Tells whether the registry can be pulled from.
    pub state: HealthState,
    /// Time of the last change of `state`.
    pub since: Time,
    /// Time of the last check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Time>,
    /// The part that a failing registry's problem lies in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Problem and remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Tells whether a registry can be pulled from.
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

/// The part of the way to a registry that a problem lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The host cannot be reached there, or does not answer in time.
    Address,
    /// TLS: the registry's certificate is not trusted, or it speaks none.
    Certificate,
    /// The registry or its token server refuses the user, or there is none where one is wanted.
    Login,
    /// The host answers, and not as a registry that works.
    Registry,
}

/// A problem that prevents pulls.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) cause: Cause,
    /// Problem and remedy.
    pub(super) text: String,
}

/// Labels of a registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct UpstreamLabels {
    prefix: String,
    host: String,
}

/// Labels of a registry and a cause.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct CauseLabels {
    prefix: String,
    host: String,
    cause: &'static str,
}

/// Gauges of all registries. Cloning shares them.
#[derive(Clone, Default)]
pub(super) struct Gauges {
    /// Registries that can be pulled from (1) or not (0).
    pub(super) up: Family<UpstreamLabels, Gauge>,
    /// The cause (1) of what prevents pulls.
    pub(super) trouble: Family<CauseLabels, Gauge>,
}

impl Cause {
    const ALL: [Self; 4] = [Self::Address, Self::Certificate, Self::Login, Self::Registry];

    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Certificate => "certificate",
            Self::Login => "login",
            Self::Registry => "registry",
        }
    }
}

impl Gauges {
    fn set(&self, report: &HealthReport) {
        let (prefix, host) = (&report.prefix, &report.host);
        let labels = UpstreamLabels { prefix: prefix.clone(), host: host.clone() };
        self.up.get_or_create(&labels).set(i64::from(report.state == HealthState::Ok));
        for cause in Cause::ALL {
            let (prefix, host) = (prefix.clone(), host.clone());
            let labels = CauseLabels { prefix, host, cause: cause.as_str() };
            self.trouble.get_or_create(&labels).set(i64::from(report.cause == Some(cause)));
        }
    }
}

impl Health {
    pub(super) fn new(prefix: &str, host: String, gauges: &Gauges) -> Self {
        let (state, since) = (HealthState::Unknown, clock::now());
        let report = HealthReport {
            prefix: prefix.to_owned(),
            host,
            state,
            since,
            checked_at: None,
            cause: None,
            error: None,
        };
        Self { report: Mutex::new(report), check_requested: Notify::new(), gauges: gauges.clone() }
    }

    /// Requests a check soon, after a request without an answer.
    pub(super) fn request_check(&self) {
        self.check_requested.notify_one();
    }

    /// The last check's result.
    pub(super) fn report(&self) -> HealthReport {
        self.report.lock().clone()
    }

    /// Records the result of a check and logs changes.
    pub(super) fn record(&self, found: Result<Option<String>, Trouble>) -> HealthState {
        let (state, cause, error) = match found {
            Ok(problem) => (HealthState::Ok, None, problem),
            Err(Trouble { cause, text }) => (HealthState::Failing, Some(cause), Some(text)),
        };
        let now = clock::now();
        let mut report = self.report.lock();
        if (report.state, &report.error) != (state, &error) {
            let (upstream, host) = (&report.prefix, &report.host);
            match (state, &error) {
                (HealthState::Failing, error) => {
                    let cause = cause.map(Cause::as_str);
                    tracing::warn!(upstream, host, cause, error, "the registry cannot be pulled from");
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
        (report.state, report.cause, report.error, report.checked_at) = (state, cause, error, Some(now));
        self.gauges.set(&report);
        state
    }
}

//! `landfall serve --check`: the configuration and the registries behind it, tried without serving.

use std::io::{self, Write as _};
use std::process::ExitCode;

use super::terminal::clean;
use crate::proxy::upstream::{HealthReport, HealthState, Upstreams};

/// A registry cannot be pulled from (sysexits.h, EX_UNAVAILABLE).
const EX_UNAVAILABLE: u8 = 69;

/// Asks each registry once, as the server does at its start, and says what it answered. Nothing listens and nothing is written,
/// so it may run beside a server.
pub async fn check(upstreams: &Upstreams) -> ExitCode {
    let reports = upstreams.check().await;
    let text: String = reports.iter().map(line).collect();
    // The exit code says it too, where nobody reads the output.
    let _ = write!(io::stdout(), "The configuration is good.\n{text}");
    let is_good = reports.iter().all(|report| report.state == HealthState::Ok);
    if is_good { ExitCode::SUCCESS } else { ExitCode::from(EX_UNAVAILABLE) }
}

/// A registry's answer, and what to do about it.
fn line(report: &HealthReport) -> String {
    let of = match report.prefix.as_str() {
        "" => String::new(),
        prefix => format!(" ({prefix}/…)"),
    };
    let error = report.error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
    let verdict = match (report.state, report.cause) {
        (HealthState::Ok, _) => "can be pulled from".to_owned(),
        (_, Some(cause)) => format!("cannot be pulled from [{}]", cause.as_str()),
        (_, None) => "was not asked".to_owned(),
    };
    clean(&format!("{}{of} {verdict}{error}", report.host)) + "\n"
}

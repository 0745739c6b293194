//! Backoff of background fetches, which must not use up a quota that pulls need.

use std::collections::HashMap;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, StatusCode};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::model::time::Time;

/// Pause after a failure or a refusal without `Retry-After`; it doubles with each further failure.
const PAUSE: Duration = Duration::from_secs(60);
/// Longest pause, whatever a registry demands.
const PAUSE_MAX: Duration = Duration::from_secs(60 * 60);
/// Pause when a quota is nearly spent.
const QUOTA_PAUSE: Duration = Duration::from_secs(15 * 60);
/// Divisor for the part of a quota that is reserved for pulls.
const QUOTA_RESERVE: u64 = 5;

/// Docker Hub's quota (draft-polli-ratelimit-headers): `100;w=21600`.
const QUOTA: HeaderName = HeaderName::from_static("ratelimit-limit");
const QUOTA_LEFT: HeaderName = HeaderName::from_static("ratelimit-remaining");

/// Pauses of the registries, by their index among the upstreams.
#[derive(Default)]
pub(super) struct Backoff(Mutex<HashMap<usize, Pause>>);

#[derive(Default)]
struct Pause {
    until: Option<Instant>,
    failures: u32,
}

impl Backoff {
    /// Tells whether the registry may be asked in the background.
    pub(super) fn allows(&self, registry: usize) -> bool {
        self.0.lock().get(&registry).and_then(|pause| pause.until).is_none_or(|until| Instant::now() >= until)
    }

    /// Applies an answer of the registry, to whichever request. Returns whether it demands a pause.
    pub(super) fn apply_response(
        &self,
        registry: usize,
        status: StatusCode,
        headers: &HeaderMap,
        now: Time,
    ) -> bool {
        let Some(pause) = pause_after(status, headers, now) else { return false };
        self.0.lock().entry(registry).or_default().until = Some(Instant::now() + pause);
        true
    }

    /// Records that the registry gave no usable answer.
    pub(super) fn failed(&self, registry: usize) {
        let mut pauses = self.0.lock();
        let pause = pauses.entry(registry).or_default();
        pause.until = Some(Instant::now() + pause_after_failures(pause.failures));
        pause.failures = pause.failures.saturating_add(1);
    }

    /// Records that the registry answered.
    pub(super) fn answered(&self, registry: usize) {
        if let Some(pause) = self.0.lock().get_mut(&registry) {
            pause.failures = 0;
        }
    }
}

/// Pause after this many earlier failures.
pub(super) fn pause_after_failures(failures: u32) -> Duration {
    PAUSE.saturating_mul(2u32.saturating_pow(failures)).min(PAUSE_MAX)
}

/// Pause that an answer demands.
fn pause_after(status: StatusCode, headers: &HeaderMap, now: Time) -> Option<Duration> {
    let said = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Some(said(RETRY_AFTER).and_then(|text| wait(text, now)).unwrap_or(PAUSE).clamp(PAUSE, PAUSE_MAX))
        }
        _ => {
            let first = |text: &str| text.split([';', ',']).next()?.trim().parse::<u64>().ok();
            let left = said(QUOTA_LEFT).and_then(first)?;
            let quota = said(QUOTA).and_then(first).unwrap_or(0);
            (left <= quota / QUOTA_RESERVE).then_some(QUOTA_PAUSE)
        }
    }
}

/// Parses `Retry-After` (RFC 9110 §10.2.3): seconds or a date.
fn wait(text: &str, now: Time) -> Option<Duration> {
    let seconds = text.trim().parse().ok().map(Duration::from_secs);
    seconds.or_else(|| {
        let ms = Time::of_http_date(text.trim())?.since(now).ms();
        Some(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Time {
        "2026-11-28T15:17:22Z".parse().unwrap()
    }

    #[test]
    fn an_answer_says_for_how_long_to_leave_the_registry_alone() {
        let (minute, hour) = (Some(Duration::from_secs(60)), Some(Duration::from_secs(3600)));
        let quota = Some(QUOTA_PAUSE);
        for (status, headers, expected) in [
            (429, &[("retry-after", "600")][..], Some(Duration::from_secs(600))),
            (429, &[("retry-after", "Sat, 28 Nov 2026 15:27:22 GMT")], Some(Duration::from_secs(600))),
            (503, &[("retry-after", "120")], Some(Duration::from_secs(120))),
            // At least a minute and at most an hour; a minute if it is missing or malformed.
            (429, &[("retry-after", "0")], minute),
            (429, &[("retry-after", "Sat, 28 Nov 2026 15:17:20 GMT")], minute),
            (429, &[("retry-after", "99999999999999999999")], minute),
            (429, &[("retry-after", "86400")], hour),
            (429, &[("retry-after", "soon")], minute),
            (429, &[], minute),
            (503, &[], minute),
            // Other statuses demand no pause.
            (200, &[("retry-after", "600")], None),
            (404, &[], None),
            (500, &[], None),
            // A fifth of the quota is reserved for pulls.
            (200, &[("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "21;w=21600")], None),
            (200, &[("ratelimit-limit", "100;w=21600"), ("ratelimit-remaining", "20;w=21600")], quota),
            (200, &[("ratelimit-limit", "100"), ("ratelimit-remaining", "0")], quota),
            (200, &[("ratelimit-remaining", "0;w=21600")], quota),
            (200, &[("ratelimit-remaining", "5")], None),
            (200, &[("ratelimit-remaining", "many")], None),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, value.parse().unwrap());
            }
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(pause_after(status, &map, now()), expected, "{status} {headers:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_registry_that_fails_is_asked_more_and_more_rarely() {
        let backoff = Backoff::default();
        assert!(backoff.allows(0));
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            backoff.failed(0);
            tokio::time::advance(Duration::from_secs(60 * minutes - 1)).await;
            assert!(!backoff.allows(0) && backoff.allows(1), "{minutes}");
            tokio::time::advance(Duration::from_secs(1)).await;
            assert!(backoff.allows(0), "{minutes}");
        }
        backoff.answered(0);
        backoff.failed(0);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(backoff.allows(0));
        let wants = HeaderMap::from_iter([(RETRY_AFTER, "600".parse().unwrap())]);
        assert!(backoff.apply_response(0, StatusCode::TOO_MANY_REQUESTS, &wants, now()));
        assert!(!backoff.apply_response(1, StatusCode::OK, &wants, now()));
        tokio::time::advance(Duration::from_secs(599)).await;
        assert!(!backoff.allows(0) && backoff.allows(1));
    }
}

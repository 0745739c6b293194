//! Limits of one address: of its requests, and of its wrong tokens. Bounded; lives in memory.
//!
//! They protect the server's time, not the tokens: those are random and long. So nothing stands before a token that
//! is right, and being wrong costs those who are wrong.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::listen::network;
use crate::model::names::TokenId;

/// Requests of one address: so many at once, and one more after each pause. More than a dashboard and a busy script.
const REQUESTS: Rate = Rate { burst: 2_000, pause: Duration::from_millis(2) };
/// Requests of one address without a token, or with a wrong one.
const FAILURES: Rate = Rate { burst: 60, pause: Duration::from_secs(1) };
/// Statements of the witnesses of one token: more than a large cluster has when they begin, and then what the log of it can
/// take for years. A report counts as one more.
const STATEMENTS: Rate = Rate { burst: 65_536, pause: Duration::from_millis(2) };
/// Addresses that are remembered. The one that asked last longest ago makes room.
const VISITORS_MAX: usize = 4_096;

/// Time to wait before asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admin) struct Wait(pub(in crate::admin) Duration);

#[derive(Clone, Copy)]
struct Rate {
    burst: u32,
    pause: Duration,
}

/// The generic cell rate algorithm (ITU-T I.371): when the next one would come if they came evenly.
#[derive(Clone, Copy)]
struct Bucket(Instant);

impl Bucket {
    fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Wait> {
        self.take_several(1, rate, now)
    }

    /// Lets several through at once where the first of them may pass: a report is taken whole or not at all.
    fn take_several(&mut self, count: u32, rate: Rate, now: Instant) -> Result<(), Wait> {
        let tolerance = rate.pause * (rate.burst - 1);
        let ahead = self.0.saturating_duration_since(now);
        if ahead > tolerance {
            return Err(Wait(ahead - tolerance));
        }
        self.0 = self.0.max(now) + rate.pause * count;
        Ok(())
    }
}

struct Visitor {
    /// Requests with a good token, or of a session. Nobody who has none uses these up.
    known: Bucket,
    unknown: Bucket,
    failures: Bucket,
    last: Instant,
}

/// Everybody who asked lately.
#[derive(Default)]
pub(in crate::admin) struct Limits(Mutex<HashMap<IpAddr, Visitor>>);

impl Limits {
    /// Counts a request; `is_known` says whether it has a good token or session.
    pub(in crate::admin) fn request(&self, from: IpAddr, is_known: bool, now: Instant) -> Result<(), Wait> {
        self.with(from, now, |visitor| {
            let requests = if is_known { &mut visitor.known } else { &mut visitor.unknown };
            requests.take(REQUESTS, now)
        })
    }

    /// Counts a request without a token, or with a wrong one.
    pub(in crate::admin) fn failed(&self, from: IpAddr, now: Instant) -> Result<(), Wait> {
        self.with(from, now, |visitor| visitor.failures.take(FAILURES, now))
    }

    fn with<T>(&self, from: IpAddr, now: Instant, act: impl FnOnce(&mut Visitor) -> T) -> T {
        let from = network(from);
        let mut visitors = self.lock();
        if visitors.len() >= VISITORS_MAX
            && !visitors.contains_key(&from)
            && let Some(oldest) = visitors.iter().min_by_key(|(_, visitor)| visitor.last).map(|(ip, _)| *ip)
        {
            visitors.remove(&oldest);
        }
        let fresh = || Visitor { known: Bucket(now), unknown: Bucket(now), failures: Bucket(now), last: now };
        let visitor = visitors.entry(from).or_insert_with(fresh);
        visitor.last = now;
        act(visitor)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Visitor>> {
        // Counters are whole at every instant, even after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Costs to the log of each token's witnesses. There are as many as tokens that report.
#[derive(Default)]
pub(in crate::admin) struct Reports(Mutex<HashMap<TokenId, Bucket>>);

impl Reports {
    /// Counts a report with so many statements.
    pub(in crate::admin) fn take(
        &self,
        token: &TokenId,
        statements: usize,
        now: Instant,
    ) -> Result<(), Wait> {
        // A bucket is whole at every instant, even after a panic.
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= VISITORS_MAX && !buckets.contains_key(token) {
            buckets.retain(|_, bucket| bucket.0 > now); // of the others nothing is left to remember
        }
        let cost = u32::try_from(statements).unwrap_or(u32::MAX).saturating_add(1);
        buckets.entry(token.clone()).or_insert(Bucket(now)).take_several(cost, STATEMENTS, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    #[test]
    fn a_burst_passes_and_then_one_after_each_pause() {
        let (limits, start) = (Limits::default(), Instant::now());
        for _ in 0..REQUESTS.burst {
            assert_eq!(limits.request(HOME, false, start), Ok(()));
        }
        assert_eq!(limits.request(HOME, false, start), Err(Wait(REQUESTS.pause)));
        assert_eq!(limits.request(HOME, true, start), Ok(()), "who is known is not used up by who is not");
        assert_eq!(limits.request(IpAddr::from([10, 0, 0, 2]), false, start), Ok(()));
        let later = start + REQUESTS.pause;
        assert_eq!(limits.request(HOME, false, later), Ok(()));
        assert_eq!(limits.request(HOME, false, later), Err(Wait(REQUESTS.pause)));
    }

    #[test]
    fn who_is_wrong_too_often_waits() {
        let (limits, start) = (Limits::default(), Instant::now());
        for _ in 0..FAILURES.burst {
            assert_eq!(limits.failed(HOME, start), Ok(()));
        }
        assert_eq!(limits.failed(HOME, start), Err(Wait(FAILURES.pause)));
        assert_eq!(limits.failed(HOME, start + FAILURES.pause), Ok(()));
        assert_eq!(limits.request(HOME, false, start), Ok(()), "that is counted for itself");
    }

    #[test]
    fn a_token_reports_so_much_and_others_are_not_held_up_by_it() {
        let (reports, start) = (Reports::default(), Instant::now());
        let (busy, other) = (TokenId::new("busy"), TokenId::new("other"));
        for _ in 0..STATEMENTS.burst / 2_001 + 1 {
            assert_eq!(reports.take(&busy, 2_000, start), Ok(()));
        }
        let Err(Wait(wait)) = reports.take(&busy, 1, start) else { panic!("it may report without end") };
        assert_eq!(reports.take(&other, 2_000, start), Ok(()));
        assert_eq!(reports.take(&busy, 1, start + wait), Ok(()));
    }

    #[test]
    fn addresses_are_bounded() {
        let (limits, start) = (Limits::default(), Instant::now());
        for number in 0..VISITORS_MAX as u32 + 10 {
            let _ = limits.request(
                IpAddr::V4(number.into()),
                false,
                start + Duration::from_millis(number.into()),
            );
        }
        assert_eq!(limits.lock().len(), VISITORS_MAX);
        assert!(!limits.lock().contains_key(&IpAddr::V4(9.into())));
    }
}

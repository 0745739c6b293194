//! How much one address may ask, and how often it may be wrong about a token. Bounded; lives in memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Requests of one address: so many at once, and one more after each pause. More than a dashboard and a busy script.
const REQUESTS: Rate = Rate { burst: 2_000, pause: Duration::from_millis(2) };
/// Requests of one address without a token, or with a wrong one.
const FAILURES: Rate = Rate { burst: 60, pause: Duration::from_secs(1) };
/// Addresses that are remembered. The one that asked last longest ago makes room.
const VISITORS_MAX: usize = 4_096;
/// Tokens of one address that are let in however many others fail there.
const KNOWN_MAX: usize = 8;

/// How long to wait before asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait(pub(super) Duration);

#[derive(Clone, Copy)]
struct Rate {
    burst: u32,
    pause: Duration,
}

/// The generic cell rate algorithm (ITU-T I.371): when the next one would come if they came evenly.
#[derive(Clone, Copy)]
struct Bucket(Instant);

impl Bucket {
    fn check(self, rate: Rate, now: Instant) -> Result<(), Wait> {
        let tolerance = rate.pause * (rate.burst - 1);
        let ahead = self.0.saturating_duration_since(now);
        if ahead > tolerance { Err(Wait(ahead - tolerance)) } else { Ok(()) }
    }

    fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Wait> {
        self.check(rate, now)?;
        self.0 = self.0.max(now) + rate.pause;
        Ok(())
    }
}

struct Visitor {
    requests: Bucket,
    failures: Bucket,
    /// SHA-256 of tokens that were right.
    known: Vec<[u8; 32]>,
    last: Instant,
}

/// Everybody who asked lately.
#[derive(Default)]
pub(super) struct Limits(Mutex<HashMap<IpAddr, Visitor>>);

impl Limits {
    /// Counts a request.
    pub(super) fn request(&self, from: IpAddr, now: Instant) -> Result<(), Wait> {
        self.with(from, now, |visitor| visitor.requests.take(REQUESTS, now))
    }

    /// Whether a token may be looked at. One that was right before always is: whoever shares an address with somebody
    /// who guesses (behind one NAT or proxy) stays in.
    pub(super) fn may_try(&self, from: IpAddr, sha256: &[u8; 32], now: Instant) -> Result<(), Wait> {
        self.with(from, now, |visitor| {
            if visitor.known.contains(sha256) { Ok(()) } else { visitor.failures.check(FAILURES, now) }
        })
    }

    /// Counts a request without a token, or with a wrong one.
    pub(super) fn failed(&self, from: IpAddr, now: Instant) -> Result<(), Wait> {
        self.with(from, now, |visitor| visitor.failures.take(FAILURES, now))
    }

    /// Remembers a token that was right.
    pub(super) fn succeeded(&self, from: IpAddr, sha256: &[u8; 32], now: Instant) {
        self.with(from, now, |visitor| {
            if !visitor.known.contains(sha256) {
                if visitor.known.len() >= KNOWN_MAX {
                    visitor.known.remove(0);
                }
                visitor.known.push(*sha256);
            }
        });
    }

    fn with<T>(&self, from: IpAddr, now: Instant, act: impl FnOnce(&mut Visitor) -> T) -> T {
        let from = visitor(from);
        let mut visitors = self.lock();
        if visitors.len() >= VISITORS_MAX
            && !visitors.contains_key(&from)
            && let Some(oldest) = visitors.iter().min_by_key(|(_, visitor)| visitor.last).map(|(ip, _)| *ip)
        {
            visitors.remove(&oldest);
        }
        let fresh = || Visitor { requests: Bucket(now), failures: Bucket(now), known: Vec::new(), last: now };
        let visitor = visitors.entry(from).or_insert_with(fresh);
        visitor.last = now;
        act(visitor)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Visitor>> {
        // Counters are whole at every instant, whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One machine can take any address of its IPv6 /64: they count as one.
fn visitor(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
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
            assert_eq!(limits.request(HOME, start), Ok(()));
        }
        assert_eq!(limits.request(HOME, start), Err(Wait(REQUESTS.pause)));
        assert_eq!(limits.request(IpAddr::from([10, 0, 0, 2]), start), Ok(()));
        let later = start + REQUESTS.pause;
        assert_eq!(limits.request(HOME, later), Ok(()));
        assert_eq!(limits.request(HOME, later), Err(Wait(REQUESTS.pause)));
    }

    #[test]
    fn who_guesses_is_stopped_and_who_was_in_stays_in() {
        let (limits, start) = (Limits::default(), Instant::now());
        limits.succeeded(HOME, &[1; 32], start);
        for _ in 0..FAILURES.burst {
            assert_eq!((limits.may_try(HOME, &[2; 32], start), limits.failed(HOME, start)), (Ok(()), Ok(())));
        }
        assert_eq!(limits.may_try(HOME, &[2; 32], start), Err(Wait(FAILURES.pause)));
        assert_eq!(limits.failed(HOME, start), Err(Wait(FAILURES.pause)));
        assert_eq!(limits.may_try(HOME, &[1; 32], start), Ok(()));
        assert_eq!(limits.may_try(HOME, &[2; 32], start + FAILURES.pause), Ok(()));
    }

    #[test]
    fn addresses_are_bounded_and_one_machine_is_one_address() {
        let (limits, start) = (Limits::default(), Instant::now());
        for number in 0..VISITORS_MAX as u32 + 10 {
            let _ = limits.request(IpAddr::V4(number.into()), start + Duration::from_millis(number.into()));
        }
        assert_eq!(limits.lock().len(), VISITORS_MAX);
        assert!(!limits.lock().contains_key(&IpAddr::V4(9.into())));
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        assert_eq!(visitor(one), visitor("2001:db8::ffff:1".parse().unwrap()));
        assert_ne!(visitor(one), visitor("2001:db8:0:1::1".parse().unwrap()));
    }
}

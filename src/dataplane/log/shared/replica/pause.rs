//! The pause between attempts: it doubles, up to a bound.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(5);

/// Times of further tries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pause {
    until: Instant,
    next: Duration,
}

impl Pause {
    /// None yet.
    pub(super) fn new(now: Instant) -> Self {
        Self { until: now, next: FIRST }
    }

    /// Time at which the pause ends.
    pub(super) fn until(self) -> Instant {
        self.until
    }

    /// An attempt failed.
    pub(super) fn failed(&mut self, now: Instant) {
        self.until = now + self.next;
        self.next = (2 * self.next).min(LONGEST);
    }

    /// An attempt came to something.
    pub(super) fn succeeded(&mut self) {
        self.next = FIRST;
    }
}

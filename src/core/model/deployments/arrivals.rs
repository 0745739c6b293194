//! Arrivals: the times when nodes came to an image, in bounded space.

use serde::{Deserialize, Serialize};

use crate::model::time::{Span, Time};

/// Arrivals that are kept apart; beyond them each stands for several.
const ARRIVALS_MAX: usize = 256;

/// The times when nodes came to an image, or when runtimes began to pull it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Arrivals {
    times: Vec<Time>,
    /// The number of arrivals that each time stands for.
    weight: u32,
    /// The number of arrivals since the last time that was kept.
    pending: u32,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self { times: Vec::new(), weight: 1, pending: 0 }
    }
}

impl Arrivals {
    /// Adds the arrival of `nodes` at `at`.
    pub(crate) fn add(&mut self, at: Time, nodes: u32) {
        for _ in 0..nodes.min(ARRIVALS_MAX as u32) {
            self.pending += 1;
            if self.pending < self.weight {
                continue;
            }
            self.pending = 0;
            self.times.push(at);
            if self.times.len() == ARRIVALS_MAX {
                let mut index = 0;
                self.times.retain(|_| {
                    index += 1;
                    index % 2 == 0
                });
                self.weight *= 2;
            }
        }
    }

    /// The number of nodes that came.
    pub(crate) fn total(&self) -> u32 {
        u32::try_from(self.times.len()).unwrap_or(u32::MAX).saturating_mul(self.weight)
    }

    /// The most nodes that came within any stretch of `length`.
    pub(crate) fn best(&self, length: Span) -> u32 {
        let (mut start, mut most) = (0, 0);
        for (end, &at) in self.times.iter().enumerate() {
            while at.since(self.times[start]) > length {
                start += 1;
            }
            most = most.max(end + 1 - start);
        }
        u32::try_from(most).unwrap_or(u32::MAX).saturating_mul(self.weight)
    }

    /// Tells whether more than `limit` nodes came within some stretch of `length`. Where many did, the first few tell.
    pub(crate) fn exceeds(&self, limit: u32, length: Span) -> bool {
        let more = usize::try_from(limit / self.weight).unwrap_or(usize::MAX).saturating_add(1);
        self.times.windows(more).any(|times| times[more - 1].since(times[0]) <= length)
    }

    /// The most nodes that came without a pause longer than `pause`.
    pub(crate) fn most_without(&self, pause: Span) -> u32 {
        let (mut run, mut most) = (0_u32, 0_u32);
        let mut last: Option<Time> = None;
        for &at in &self.times {
            run = if last.is_some_and(|last| at.since(last) > pause) { 1 } else { run + 1 };
            most = most.max(run);
            last = Some(at);
        }
        most.saturating_mul(self.weight)
    }

    /// The longest pause between two arrivals.
    pub(crate) fn longest_pause(&self) -> Span {
        let pauses = self.times.windows(2).map(|pair| pair[1].since(pair[0]));
        pauses.max().unwrap_or_default()
    }

    /// The latest arrival.
    pub(crate) fn last(&self) -> Option<Time> {
        self.times.last().copied()
    }

    /// Forgets all but the latest arrival.
    pub(crate) fn keep_last(&mut self) {
        self.times = self.last().into_iter().collect();
    }

    /// Forgets every arrival.
    pub(crate) fn clear(&mut self) {
        self.times = Vec::new();
    }
}

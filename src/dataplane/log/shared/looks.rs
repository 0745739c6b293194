//! Requests that wait for a view with everything that was in the stream when they came, whichever replica wrote it.
//!
//! One question to the stream serves all that wait by then; requests that come while it is under way wait for the next one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::log::engine::Shown;

/// Longest wait: a stream that goes back may never have so much again.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// The requests that wait, in the order in which they came.
#[derive(Default)]
pub(super) struct Looks {
    waiting: Vec<Shown>,
    /// The requests for which the stream is being asked.
    asked: Option<Vec<Shown>>,
    /// The requests that wait until a sequence number is followed: that number, the time of the stream's answer, and the requests.
    following: VecDeque<(u64, Instant, Vec<Shown>)>,
}

impl Looks {
    /// Adds a request.
    pub(super) fn add(&mut self, shown: Shown) {
        self.waiting.push(shown);
    }

    /// Tells whether the stream is to be asked for its last sequence number, and takes note that it is.
    pub(super) fn asks(&mut self) -> bool {
        let asks = self.asked.is_none() && !self.waiting.is_empty();
        if asks {
            self.asked = Some(std::mem::take(&mut self.waiting));
        }
        asks
    }

    /// Takes the stream's answer at `now`: its last sequence number. Without an answer, the requests are served with what there is.
    pub(super) fn told(&mut self, now: Instant, last: Option<u64>) {
        if let Some(asked) = self.asked.take() {
            self.following.push_back((last.unwrap_or(0), now, asked));
        }
    }

    /// Takes off the requests that can be served at `now`, when everything up to `sequence` is followed; also those that waited for
    /// two seconds.
    pub(super) fn shown(&mut self, now: Instant, sequence: u64) -> Vec<Shown> {
        let mut shown = Vec::new();
        let is_over = |(last, since, _): &(u64, Instant, _)| *last <= sequence || now >= *since + WAIT_MAX;
        while self.following.front().is_some_and(is_over)
            && let Some((_, _, looks)) = self.following.pop_front()
        {
            shown.extend(looks);
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn each_sees_at_least_what_was_there_when_it_came() {
        let (mut looks, seen, now) = (Looks::default(), Arc::new(AtomicU64::new(0)), Instant::now());
        let look = |looks: &mut Looks, bit: u64| {
            let seen = seen.clone();
            looks.add(Box::new(move |_| {
                seen.fetch_or(bit, Ordering::Relaxed);
            }));
        };
        let show = |looks: &mut Looks, now, sequence| {
            looks.shown(now, sequence).into_iter().for_each(|shown| shown(sequence));
            seen.load(Ordering::Relaxed)
        };
        assert!(!looks.asks(), "nobody is there");
        look(&mut looks, 1);
        assert!(looks.asks());
        look(&mut looks, 2);
        assert!(!looks.asks(), "one question at a time");
        looks.told(now, Some(7));
        assert_eq!((show(&mut looks, now, 6), show(&mut looks, now, 7)), (0, 1));
        assert!(looks.asks(), "for the one that came meanwhile");
        looks.told(now, Some(9));
        look(&mut looks, 4);
        assert!(looks.asks());
        looks.told(now, None);
        assert_eq!(show(&mut looks, now, 8), 1, "in the order in which they came");
        assert_eq!(show(&mut looks, now + WAIT_MAX, 8), 7, "nobody waits for ever");
    }
}

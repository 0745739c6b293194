//! The count of observations that are in flight: announced, and not recorded yet. A frame waits a moment for them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// The number of observations that were announced and have not come.
#[derive(Default)]
pub(super) struct InFlight {
    count: AtomicUsize,
    is_awaited: AtomicBool,
    waiter: OnceLock<Thread>,
}

/// Says that an observation will come, until it is dropped: a frame that others wait for waits a moment for it. To be
/// dropped when the observation was recorded.
#[must_use]
pub struct Announcement(Arc<InFlight>);

impl InFlight {
    pub(super) fn one_more(self: &Arc<Self>) -> Announcement {
        self.count.fetch_add(1, Ordering::SeqCst);
        Announcement(self.clone())
    }

    /// Waits until none is on its way, at most for `pause`; returns whether any still is. Always called by the same
    /// thread.
    pub(super) fn wait(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        self.waiter.get_or_init(thread::current);
        self.is_awaited.store(true, Ordering::SeqCst);
        let mut left = pause;
        while self.any() && !left.is_zero() {
            thread::park_timeout(left);
            left = until.saturating_duration_since(Instant::now());
        }
        self.is_awaited.store(false, Ordering::SeqCst);
        self.any()
    }

    pub(super) fn any(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        let was_last = self.0.count.fetch_sub(1, Ordering::SeqCst) == 1;
        if was_last
            && self.0.is_awaited.load(Ordering::SeqCst)
            && let Some(waiter) = self.0.waiter.get()
        {
            waiter.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_wait_ends_with_the_last_that_was_on_its_way() {
        let in_flight = Arc::<InFlight>::default();
        let (first, second) = (in_flight.one_more(), in_flight.one_more());
        let waiting = in_flight.clone();
        let (ended, has_ended) = sync_channel(1);
        let waiter = thread::spawn(move || {
            let began = Instant::now();
            let any_left = waiting.wait(LONG);
            ended.send(()).unwrap();
            (any_left, began.elapsed())
        });
        drop(first);
        while !in_flight.is_awaited.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        assert!(has_ended.try_recv().is_err(), "one is still on its way");
        drop(second);
        let (any_left, waited) = waiter.join().unwrap();
        assert!(!any_left);
        assert!(waited < LONG, "it was woken");
    }

    #[test]
    fn what_never_comes_is_waited_for_no_longer_than_said() {
        let in_flight = Arc::<InFlight>::default();
        let never = in_flight.one_more();
        assert!(in_flight.wait(Duration::from_millis(1)));
        drop(never);
        assert!(!in_flight.wait(LONG), "none is on its way");
    }
}

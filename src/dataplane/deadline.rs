//! Shared deadlines: waits that begin at about the same moment share one timer.
//!
//! A timer for each request costs more than its registration: a timer earlier than all others wakes the
//! thread that sleeps until the next one.

use std::future::Future;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::Shared;
use parking_lot::Mutex;
use tokio::time::{Instant, Sleep, sleep_until};

/// Waits of one length.
#[derive(Debug)]
pub struct Deadlines {
    wait: Duration,
    latest: Mutex<Option<(Instant, Shared<Sleep>)>>,
}

/// The time has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl Deadlines {
    /// Makes waits of at most `wait` and at least seven eighths of it.
    pub const fn new(wait: Duration) -> Self {
        Self { wait, latest: Mutex::new(None) }
    }

    /// Longest time of a wait.
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// Waits for `future`. Must be polled in a tokio runtime with a timer. The caller pins large futures, so
    /// that they are not copied.
    ///
    /// # Errors
    /// The time passed first. The caller owns the future and drops it.
    pub async fn bound<F: Future + Unpin>(&self, future: F) -> Result<F::Output, Elapsed> {
        let deadline = self.next();
        tokio::select! {
            biased;
            output = future => Ok(output),
            () = deadline => Err(Elapsed),
        }
    }

    fn next(&self) -> Shared<Sleep> {
        let (now, slice) = (Instant::now(), self.wait / 8);
        let mut latest = self.latest.lock();
        match &*latest {
            Some((began, deadline)) if now < *began + slice => deadline.clone(),
            _ => {
                let deadline = sleep_until(now + self.wait).shared();
                *latest = Some((now, deadline.clone()));
                deadline
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    const WAIT: Duration = Duration::from_secs(8);

    #[tokio::test(start_paused = true)]
    async fn who_begins_together_shares_a_timer_and_nobody_waits_longer() {
        let deadlines = Deadlines::new(WAIT);
        let began = Instant::now();
        let elapsed_after = async |pause: Duration| {
            tokio::time::sleep(pause).await;
            let from = began.elapsed();
            assert_eq!(deadlines.bound(std::future::pending::<()>()).await, Err(Elapsed));
            (from, began.elapsed())
        };
        let pauses = [0, 999, 1_000, 5_000].map(Duration::from_millis);
        let [a, b, c, d] = pauses.map(elapsed_after);
        let (a, b, c, d) = tokio::join!(a, b, c, d);
        assert_eq!(a.1, b.1, "both began within a slice");
        assert!(c.1 > b.1, "a slice has an end");
        for (from, until) in [a, b, c, d] {
            let waited = until - from;
            assert!((WAIT - WAIT / 8..=WAIT + Duration::from_millis(1)).contains(&waited), "{waited:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_in_time_is_given() {
        let deadlines = Deadlines::new(WAIT);
        assert_eq!(deadlines.bound(pin!(async { 1 })).await, Ok(1));
        let late = async { tokio::time::sleep(WAIT * 2).await };
        assert_eq!(deadlines.bound(pin!(late)).await, Err(Elapsed));
        // The timer of the first slice has fired; the next wait gets a new one.
        let slow = async { tokio::time::sleep(WAIT / 2).await };
        assert_eq!(deadlines.bound(pin!(slow)).await, Ok(()));
    }
}

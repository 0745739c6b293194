//! HTTP/2 streams whose client opens no window are reset, one by one.
//!
//! [`StallGuard`](super::StallGuard) cannot see such a stream, because the socket still takes everything else
//! while this answer waits for its own flow-control window (RFC 9113 §5.2). The body cannot see it either,
//! because hyper does not poll it meanwhile. So the body records whether data was handed over, and the
//! stream's task watches the time.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::Executor;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Slots;

tokio::task_local! {
    static PROGRESS: Arc<StreamProgress>;
}

/// Runs each stream of an HTTP/2 connection in a task that resets the stream if its client takes nothing for
/// [`ListenerLimits::stall`](super::ListenerLimits::stall).
#[derive(Clone)]
pub struct StreamExecutor {
    slots: Arc<Slots>,
}

impl StreamExecutor {
    /// Makes an executor for connections with these slots.
    pub fn new(slots: Arc<Slots>) -> Self {
        Self { slots }
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for StreamExecutor {
    fn execute(&self, stream: F) {
        let (progress, slots) = (Arc::new(StreamProgress::default()), self.slots.clone());
        let mut watch = WindowStall::of(progress.clone(), slots.limits().stall);
        tokio::spawn(PROGRESS.scope(progress, async move {
            tokio::select! {
                biased;
                () = pin!(stream) => {}
                // Dropping the future resets the stream.
                () = poll_fn(|cx| watch.poll(cx)) => slots.count_stalled(),
            }
        }));
    }
}

/// Progress of a stream's body. The number is odd while the client has to take data, even while the server
/// has to produce more.
#[derive(Default)]
pub(super) struct StreamProgress(AtomicU32);

impl StreamProgress {
    /// Progress of the current task's stream, if the task runs one.
    pub(super) fn current() -> Option<Arc<Self>> {
        PROGRESS.try_with(Arc::clone).ok()
    }

    /// Records that hyper asks for more: the client has taken the last piece.
    pub(super) fn body_polled(&self) {
        if self.awaits_client() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Records that a piece was handed to the client.
    pub(super) fn data_given(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn awaits_client(&self) -> bool {
        self.number() % 2 == 1
    }

    fn number(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Timer that fires when the client takes one piece for too long.
struct WindowStall {
    progress: Arc<StreamProgress>,
    limit: Duration,
    latest: Option<(u32, Instant)>,
    /// Created at the first wait and reset only when it fires, because an answer has many short waits.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl WindowStall {
    fn of(progress: Arc<StreamProgress>, limit: Duration) -> Self {
        Self { progress, limit, latest: None, alarm: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let number = self.progress.number();
        if !self.progress.awaits_client() {
            return Poll::Pending;
        }
        let started = match self.latest {
            Some((latest, started)) if latest == number => started,
            _ => self.latest.insert((number, Instant::now())).1,
        };
        let end = started + self.limit;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(end)));
        while alarm.as_mut().poll(cx).is_ready() {
            if Instant::now() >= end {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(end);
        }
        Poll::Pending
    }
}

//! HTTP/2 streams: an answer that its client leaves no room for is given up, and only that one.
//!
//! A connection's stall guard cannot see it: the socket takes everything but this answer, which waits for a window of its
//! own (RFC 9113 §5.2). Nor can the body, which hyper does not ask for more meanwhile. So the body tells whose progress it is,
//! and the stream's task looks at the time.

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

/// Gives each stream of an HTTP/2 connection a task, in which its client must take something of the answer within
/// [`ListenerLimits::stall`](super::ListenerLimits::stall).
#[derive(Clone)]
pub struct StreamExecutor {
    slots: Arc<Slots>,
}

impl StreamExecutor {
    /// StreamExecutor on connections with these slots.
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
                // Dropping it resets the stream.
                () = poll_fn(|cx| watch.poll(cx)) => slots.count_stalled(),
            }
        }));
    }
}

/// Whose progress it is: the server's, to give more of a body, or the client's, to take what it was given. The number grows
/// with each change; while it is odd it is the client's.
#[derive(Default)]
pub(super) struct StreamProgress(AtomicU32);

impl StreamProgress {
    /// That of the stream whose task this is, if it is a stream's.
    pub(super) fn current() -> Option<Arc<Self>> {
        PROGRESS.try_with(Arc::clone).ok()
    }

    /// The client has what it was given.
    pub(super) fn body_polled(&self) {
        if self.awaits_client() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The client was given a piece.
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

/// Tells when one progress of the client's takes too long.
struct WindowStall {
    progress: Arc<StreamProgress>,
    limit: Duration,
    latest: Option<(u32, Instant)>,
    /// Made at the first wait, and moved only when it fires: an answer has many short waits.
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

//! HTTP/2 streams: an answer that its client leaves no room for is given up, and only that one.
//!
//! A connection's stall guard cannot see it: the socket takes everything but this answer, which waits for a window of its
//! own (RFC 9113 §5.2). Nor can the body, which hyper does not ask for more meanwhile. So the body tells whose turn it is,
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
    static TURN: Arc<Turn>;
}

/// Gives each stream of an HTTP/2 connection a task, in which its client must take something of the answer within
/// [`Limits::stall`](super::Limits::stall).
#[derive(Clone)]
pub struct Streams {
    slots: Arc<Slots>,
}

impl Streams {
    /// Streams on connections with these slots.
    pub fn new(slots: Arc<Slots>) -> Self {
        Self { slots }
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let (turn, slots) = (Arc::new(Turn::default()), self.slots.clone());
        let mut watch = Watch::of(turn.clone(), slots.limits().stall);
        tokio::spawn(TURN.scope(turn, async move {
            tokio::select! {
                biased;
                () = pin!(stream) => {}
                // Dropping it resets the stream.
                () = poll_fn(|cx| watch.poll(cx)) => slots.was_stalled(),
            }
        }));
    }
}

/// Whose turn it is: the server's, to give more of a body, or the client's, to take what it was given. The number grows
/// with each change; while it is odd it is the client's.
#[derive(Default)]
pub(super) struct Turn(AtomicU32);

impl Turn {
    /// That of the stream whose task this is, if it is a stream's.
    pub(super) fn here() -> Option<Arc<Self>> {
        TURN.try_with(Arc::clone).ok()
    }

    /// The client has what it was given.
    pub(super) fn is_servers(&self) {
        if self.is_clients() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The client was given a piece.
    pub(super) fn becomes_clients(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn is_clients(&self) -> bool {
        self.number() % 2 == 1
    }

    fn number(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Tells when one turn of the client's takes too long.
struct Watch {
    turn: Arc<Turn>,
    limit: Duration,
    latest: Option<(u32, Instant)>,
    /// Made at the first wait, and moved only when it fires: an answer has many short waits.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Watch {
    fn of(turn: Arc<Turn>, limit: Duration) -> Self {
        Self { turn, limit, latest: None, alarm: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let number = self.turn.number();
        if !self.turn.is_clients() {
            return Poll::Pending;
        }
        let began = match self.latest {
            Some((latest, began)) if latest == number => began,
            _ => self.latest.insert((number, Instant::now())).1,
        };
        let end = began + self.limit;
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

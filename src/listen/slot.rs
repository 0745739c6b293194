//! One connection's slot: what it is doing, since when, and how it is told to end.

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use super::Limits;
use super::slots::Slots;

/// How much longer than [`Limits::idle`] a connection that was told of its end and has nothing under way may stay.
pub const GRACE: Duration = Duration::from_secs(5);

/// A client between two requests has nothing under way for less than this. Its connection does not count as idle: closed
/// under its next request, that request would fail.
const BETWEEN_REQUESTS: Duration = Duration::from_secs(1);

/// In [`Connection::doing`]: its task was ended, and nothing may begin.
const CUT: u32 = 1 << 31;
/// … and: it has to write what the client does not take now. The rest is the number of requests under way.
const WRITES: u32 = 1 << 30;

/// A connection's slot, as those see it who deal with the connection.
#[derive(Clone)]
pub struct Slot(Arc<Connection>);

struct Connection {
    number: u64,
    slots: Arc<Slots>,
    came: Instant,
    /// When it came; then when it last had something under way. In ms since the slots began.
    since_ms: AtomicU64,
    /// [`CUT`], [`WRITES`], and requests under way. Idle is 0.
    doing: AtomicU32,
    /// A whole head has come.
    has_asked: AtomicBool,
    /// It counts as a stranger no longer.
    is_trusted: AtomicBool,
    is_ending: AtomicBool,
    ending: AtomicWaker,
    task: OnceLock<AbortHandle>,
}

impl Slot {
    pub(super) fn new(number: u64, slots: Arc<Slots>) -> Self {
        let since_ms = AtomicU64::new(slots.now_ms());
        Self(Arc::new(Connection {
            number,
            slots,
            came: Instant::now(),
            since_ms,
            doing: AtomicU32::new(0),
            has_asked: AtomicBool::new(false),
            is_trusted: AtomicBool::new(false),
            is_ending: AtomicBool::new(false),
            ending: AtomicWaker::new(),
            task: OnceLock::new(),
        }))
    }

    /// A whole head has come: until what is returned is dropped, the connection is not idle. None where the connection
    /// was just given up; then no answer is due, as none is to what comes after the end of a connection.
    pub fn begin(&self) -> Option<UnderWay> {
        if self.0.doing.fetch_add(1, Ordering::AcqRel) & CUT != 0 {
            return None;
        }
        self.0.has_asked.store(true, Ordering::Relaxed);
        Some(UnderWay(self.clone()))
    }

    /// A good token was shown on the connection: it counts as a stranger no longer, if there is room for one more that
    /// does not.
    pub fn trust(&self) {
        if !self.0.is_trusted.load(Ordering::Relaxed) && self.0.slots.trust(self) {
            self.0.is_trusted.store(true, Ordering::Relaxed);
        }
    }

    /// A trusted proxy says whose the connection is: it counts for that network from here on.
    pub fn is_from(&self, address: IpAddr) {
        self.0.slots.is_from(self, address);
    }

    /// What binds the connection.
    pub fn limits(&self) -> &Limits {
        self.0.slots.limits()
    }

    /// Whether there is something to write that the client does not take now.
    pub(super) fn writes(&self, writes: bool) {
        if writes {
            self.0.doing.fetch_or(WRITES, Ordering::AcqRel);
        } else {
            self.0.since_ms.store(self.0.slots.now_ms(), Ordering::Relaxed);
            self.0.doing.fetch_and(!WRITES, Ordering::AcqRel);
        }
    }

    /// Done once the connection is to take no further request. One at a time may wait for it.
    pub fn ending(&self) -> impl Future<Output = ()> + use<'_> {
        poll_fn(|cx| {
            self.0.ending.register(cx.waker());
            if self.is_ending() { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    /// Whether the connection is to take no further request.
    pub fn is_ending(&self) -> bool {
        self.0.is_ending.load(Ordering::Acquire)
    }

    pub(super) fn end(&self) {
        self.0.is_ending.store(true, Ordering::Release);
        self.0.ending.wake();
    }

    pub(super) fn has_asked(&self) -> bool {
        self.0.has_asked.load(Ordering::Relaxed)
    }

    pub(super) fn slots(&self) -> &Slots {
        &self.0.slots
    }

    pub(super) fn number(&self) -> u64 {
        self.0.number
    }

    /// How long it has been there.
    pub(super) fn age(&self) -> Duration {
        self.0.came.elapsed()
    }

    /// Since when it is idle, if it is.
    pub(super) fn idle_since_ms(&self) -> Option<u64> {
        let since = self.0.since_ms.load(Ordering::Relaxed);
        let idle_for = Duration::from_millis(self.0.slots.now_ms().saturating_sub(since));
        (self.0.doing.load(Ordering::Acquire) == 0 && idle_for >= BETWEEN_REQUESTS).then_some(since)
    }

    pub(super) fn is_served_by(&self, task: AbortHandle) {
        let task = self.0.task.get_or_init(|| task);
        // It may have been cut before there was a task to cut.
        if self.0.doing.load(Ordering::Acquire) & CUT != 0 {
            task.abort();
        }
    }

    /// Ends the connection, whatever it is doing.
    pub(super) fn cut(&self) {
        self.0.doing.fetch_or(CUT, Ordering::AcqRel);
        self.abort();
    }

    /// Ends the connection unless something is under way.
    pub(super) fn cut_if_idle(&self) -> bool {
        let is_idle = self.give_up();
        if is_idle {
            self.abort();
        }
        is_idle
    }

    /// Lets nothing begin any more, unless something is under way.
    pub(super) fn give_up(&self) -> bool {
        // A client that asked for nothing has nothing under way, though it may not read the goodbye.
        let waits = |doing| doing == 0 || (doing == WRITES && !self.has_asked());
        let given_up = |doing| waits(doing).then_some(CUT);
        self.0.doing.fetch_update(Ordering::AcqRel, Ordering::Acquire, given_up).is_ok()
    }

    fn abort(&self) {
        if let Some(task) = self.0.task.get() {
            task.abort();
        }
    }

    /// Done once the connection has asked for nothing for too long.
    pub(super) async fn overdue(&self) {
        loop {
            let (now, deadline) = (Instant::now(), self.deadline());
            if deadline <= now {
                return;
            }
            // Requests that come meanwhile may bring a nearer one.
            sleep_until(deadline.min(now + self.limits().idle)).await;
        }
    }

    fn deadline(&self) -> Instant {
        let limits = self.limits();
        let limit = match (self.has_asked(), self.is_ending()) {
            (false, _) => limits.first_head,
            (true, false) => limits.idle,
            (true, true) => limits.idle + GRACE,
        };
        let is_waiting = !self.has_asked() || self.0.doing.load(Ordering::Acquire) == 0;
        let since = Duration::from_millis(self.0.since_ms.load(Ordering::Relaxed));
        if is_waiting { self.0.slots.began() + since + limit } else { Instant::now() + limit }
    }
}

/// A request that is under way until this is dropped.
pub struct UnderWay(Slot);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let Connection { since_ms, slots, doing, .. } = &*self.0.0;
        since_ms.store(slots.now_ms(), Ordering::Relaxed);
        doing.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A slot that is free again once this is dropped.
pub(super) struct Held(pub(super) Slot);

impl Deref for Held {
    type Target = Slot;

    fn deref(&self) -> &Slot {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.slots.release(&self.0);
    }
}

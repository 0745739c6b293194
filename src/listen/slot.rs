//! One connection's slot: what it is activity, since when, and how it is told to end.

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

use super::ListenerLimits;
use super::slots::Slots;

/// How much longer than [`ListenerLimits::idle`] a connection that was told of its end and has nothing under way may stay.
pub const CLOSING_GRACE: Duration = Duration::from_secs(5);

/// A client between two requests has nothing under way for less than this. Its connection does not count as idle: closed
/// under its next request, that request would fail.
const BETWEEN_REQUESTS: Duration = Duration::from_secs(1);

/// In [`Connection::activity`]: its task was ended, and nothing may begin.
const ABORTED: u32 = 1 << 31;
/// … and: it has to write what the client does not take now. The rest is the number of requests under way.
const WRITE_BLOCKED: u32 = 1 << 30;

/// A connection's slot, as those see it who deal with the connection.
#[derive(Clone)]
pub struct Slot(Arc<Connection>);

struct Connection {
    number: u64,
    slots: Arc<Slots>,
    accepted: Instant,
    /// When it accepted; then when it last had something under way. In ms since the slots started.
    last_active_ms: AtomicU64,
    /// [`ABORTED`], [`WRITE_BLOCKED`], and requests under way. Idle is 0.
    activity: AtomicU32,
    /// A whole head has come.
    has_requested: AtomicBool,
    /// It counts as a stranger no longer.
    is_authenticated: AtomicBool,
    is_closing: AtomicBool,
    closing: AtomicWaker,
    task: OnceLock<AbortHandle>,
}

impl Slot {
    pub(super) fn new(number: u64, slots: Arc<Slots>) -> Self {
        let last_active_ms = AtomicU64::new(slots.now_ms());
        Self(Arc::new(Connection {
            number,
            slots,
            accepted: Instant::now(),
            last_active_ms,
            activity: AtomicU32::new(0),
            has_requested: AtomicBool::new(false),
            is_authenticated: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
            closing: AtomicWaker::new(),
            task: OnceLock::new(),
        }))
    }

    /// A whole head has come: until what is returned is dropped, the connection is not idle. None where the connection
    /// was just given up; then no answer is due, as none is to what comes after the end of a connection.
    pub fn begin_request(&self) -> Option<ActiveRequest> {
        if self.0.activity.fetch_add(1, Ordering::AcqRel) & ABORTED != 0 {
            return None;
        }
        self.0.has_requested.store(true, Ordering::Relaxed);
        Some(ActiveRequest(self.clone()))
    }

    /// A good token was shown on the connection: it counts as a stranger no longer, if there is room for one more that
    /// does not.
    pub fn mark_authenticated(&self) {
        if !self.0.is_authenticated.load(Ordering::Relaxed) && self.0.slots.mark_authenticated(self) {
            self.0.is_authenticated.store(true, Ordering::Relaxed);
        }
    }

    /// A trusted proxy says whose the connection is: it counts for that network from here on.
    pub fn set_client_address(&self, address: IpAddr) {
        self.0.slots.set_client_address(self, address);
    }

    /// What binds the connection.
    pub fn limits(&self) -> &ListenerLimits {
        self.0.slots.limits()
    }

    /// Whether there is something to write that the client does not take now.
    pub(super) fn set_write_blocked(&self, is_blocked: bool) {
        if is_blocked {
            self.0.activity.fetch_or(WRITE_BLOCKED, Ordering::AcqRel);
        } else {
            self.0.last_active_ms.store(self.0.slots.now_ms(), Ordering::Relaxed);
            self.0.activity.fetch_and(!WRITE_BLOCKED, Ordering::AcqRel);
        }
    }

    /// Done once the connection is to take no further request. One at a time may wait for it.
    pub fn closing(&self) -> impl Future<Output = ()> + use<'_> {
        poll_fn(|cx| {
            self.0.closing.register(cx.waker());
            if self.is_closing() { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    /// Whether the connection is to take no further request.
    pub fn is_closing(&self) -> bool {
        self.0.is_closing.load(Ordering::Acquire)
    }

    pub(super) fn close(&self) {
        self.0.is_closing.store(true, Ordering::Release);
        self.0.closing.wake();
    }

    pub(super) fn has_requested(&self) -> bool {
        self.0.has_requested.load(Ordering::Relaxed)
    }

    pub(super) fn slots(&self) -> &Slots {
        &self.0.slots
    }

    pub(super) fn number(&self) -> u64 {
        self.0.number
    }

    /// How long it has been there.
    pub(super) fn age(&self) -> Duration {
        self.0.accepted.elapsed()
    }

    /// Since when it is idle, if it is.
    pub(super) fn idle_since_ms(&self) -> Option<u64> {
        let since = self.0.last_active_ms.load(Ordering::Relaxed);
        let idle_for = Duration::from_millis(self.0.slots.now_ms().saturating_sub(since));
        (self.0.activity.load(Ordering::Acquire) == 0 && idle_for >= BETWEEN_REQUESTS).then_some(since)
    }

    pub(super) fn set_task(&self, task: AbortHandle) {
        let task = self.0.task.get_or_init(|| task);
        // It may have been cut before there was a task to cut.
        if self.0.activity.load(Ordering::Acquire) & ABORTED != 0 {
            task.abort();
        }
    }

    /// Ends the connection, whatever it is activity.
    pub(super) fn abort(&self) {
        self.0.activity.fetch_or(ABORTED, Ordering::AcqRel);
        self.abort_task();
    }

    /// Ends the connection unless something is under way.
    pub(super) fn abort_if_idle(&self) -> bool {
        let is_idle = self.stop_if_idle();
        if is_idle {
            self.abort_task();
        }
        is_idle
    }

    /// Lets nothing begin any more, unless something is under way.
    pub(super) fn stop_if_idle(&self) -> bool {
        // A client that asked for nothing has nothing under way, though it may not read the goodbye.
        let waits = |activity| activity == 0 || (activity == WRITE_BLOCKED && !self.has_requested());
        let stopped = |activity| waits(activity).then_some(ABORTED);
        self.0.activity.fetch_update(Ordering::AcqRel, Ordering::Acquire, stopped).is_ok()
    }

    fn abort_task(&self) {
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
        let limit = match (self.has_requested(), self.is_closing()) {
            (false, _) => limits.first_head,
            (true, false) => limits.idle,
            (true, true) => limits.idle + CLOSING_GRACE,
        };
        let is_waiting = !self.has_requested() || self.0.activity.load(Ordering::Acquire) == 0;
        let since = Duration::from_millis(self.0.last_active_ms.load(Ordering::Relaxed));
        if is_waiting { self.0.slots.started() + since + limit } else { Instant::now() + limit }
    }
}

/// A request that is under way until this is dropped.
pub struct ActiveRequest(Slot);

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        let Connection { last_active_ms, slots, activity, .. } = &*self.0.0;
        last_active_ms.store(slots.now_ms(), Ordering::Relaxed);
        activity.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A slot that is free again once this is dropped.
pub(super) struct OccupiedSlot(pub(super) Slot);

impl Deref for OccupiedSlot {
    type Target = Slot;

    fn deref(&self) -> &Slot {
        &self.0
    }
}

impl Drop for OccupiedSlot {
    fn drop(&mut self) {
        self.0.0.slots.release(&self.0);
    }
}

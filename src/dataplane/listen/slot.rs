//! One connection's slot: its activity, its deadline, and its shutdown.

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

/// Time on top of [`ListenerLimits::idle`] after which a closing connection without an active request is aborted.
pub const CLOSING_GRACE: Duration = Duration::from_secs(5);

/// Time after a request in which a connection does not count as idle. If it were closed then, the client's
/// next request would fail.
const BETWEEN_REQUESTS: Duration = Duration::from_secs(1);

/// Bit of [`Connection::activity`]: the task was aborted, and no request may begin.
const ABORTED: u32 = 1 << 31;
/// Bit of [`Connection::activity`]: a write waits for the client. The other bits count active requests.
const WRITE_BLOCKED: u32 = 1 << 30;

/// Handle to a connection's slot.
#[derive(Clone)]
pub struct Slot(Arc<Connection>);

struct Connection {
    number: u64,
    slots: Arc<Slots>,
    accepted: Instant,
    /// Time of the accept, later of the last activity, in ms since [`Slots`] was made.
    last_active_ms: AtomicU64,
    /// [`ABORTED`], [`WRITE_BLOCKED`], and the number of active requests. Zero means idle.
    activity: AtomicU32,
    /// A complete request head has arrived.
    has_requested: AtomicBool,
    /// The connection has shown a good token and is no longer a stranger.
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

    /// Registers a request whose head is complete. The connection is not idle until the returned value is
    /// dropped. Returns `None` if the connection was just aborted; that request needs no answer.
    pub fn begin_request(&self) -> Option<ActiveRequest> {
        if self.0.activity.fetch_add(1, Ordering::AcqRel) & ABORTED != 0 {
            return None;
        }
        self.0.has_requested.store(true, Ordering::Relaxed);
        Some(ActiveRequest(self.clone()))
    }

    /// Takes the connection out of the strangers after a good token, if there is room for another authenticated one.
    pub fn mark_authenticated(&self) {
        if !self.0.is_authenticated.load(Ordering::Relaxed) && self.0.slots.mark_authenticated(self) {
            self.0.is_authenticated.store(true, Ordering::Relaxed);
        }
    }

    /// Counts the connection for this client's network, as a trusted proxy has named it.
    pub fn set_client_address(&self, address: IpAddr) {
        self.0.slots.set_client_address(self, address);
    }

    /// Bounds of the listener.
    pub fn limits(&self) -> &ListenerLimits {
        self.0.slots.limits()
    }

    /// Records whether a write waits for the client.
    pub(super) fn set_write_blocked(&self, is_blocked: bool) {
        if is_blocked {
            self.0.activity.fetch_or(WRITE_BLOCKED, Ordering::AcqRel);
        } else {
            self.0.last_active_ms.store(self.0.slots.now_ms(), Ordering::Relaxed);
            self.0.activity.fetch_and(!WRITE_BLOCKED, Ordering::AcqRel);
        }
    }

    /// Waits until the connection is to take no further request. One task at a time may wait.
    pub fn closing(&self) -> impl Future<Output = ()> + use<'_> {
        poll_fn(|cx| {
            self.0.closing.register(cx.waker());
            if self.is_closing() { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    /// Tells whether the connection is to take no further request.
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

    /// Time since the accept.
    pub(super) fn age(&self) -> Duration {
        self.0.accepted.elapsed()
    }

    /// Time of the last activity, in ms since [`Slots`] was made, if the connection is idle.
    pub(super) fn idle_since_ms(&self) -> Option<u64> {
        let since = self.0.last_active_ms.load(Ordering::Relaxed);
        let idle_for = Duration::from_millis(self.0.slots.now_ms().saturating_sub(since));
        (self.0.activity.load(Ordering::Acquire) == 0 && idle_for >= BETWEEN_REQUESTS).then_some(since)
    }

    pub(super) fn set_task(&self, task: AbortHandle) {
        let task = self.0.task.get_or_init(|| task);
        // The slot may have been aborted before its task was known.
        if self.0.activity.load(Ordering::Acquire) & ABORTED != 0 {
            task.abort();
        }
    }

    /// Aborts the connection, even with active requests.
    pub(super) fn abort(&self) {
        self.0.activity.fetch_or(ABORTED, Ordering::AcqRel);
        self.abort_task();
    }

    /// Aborts the connection if it is idle. Returns whether it was.
    pub(super) fn abort_if_idle(&self) -> bool {
        let is_idle = self.stop_if_idle();
        if is_idle {
            self.abort_task();
        }
        is_idle
    }

    /// Lets no request begin any more if the connection is idle. Returns whether it was.
    pub(super) fn stop_if_idle(&self) -> bool {
        // A client that has sent no request counts as idle, even if it does not read the shutdown notice.
        let waits = |activity| activity == 0 || (activity == WRITE_BLOCKED && !self.has_requested());
        let stopped = |activity| waits(activity).then_some(ABORTED);
        self.0.activity.fetch_update(Ordering::AcqRel, Ordering::Acquire, stopped).is_ok()
    }

    fn abort_task(&self) {
        if let Some(task) = self.0.task.get() {
            task.abort();
        }
    }

    /// Waits until the connection's deadline for its next request has passed.
    pub(super) async fn overdue(&self) {
        loop {
            let (now, deadline) = (Instant::now(), self.deadline());
            if deadline <= now {
                return;
            }
            // A request that comes meanwhile may shorten the deadline.
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

/// An active request; dropping it ends the activity.
pub struct ActiveRequest(Slot);

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        let Connection { last_active_ms, slots, activity, .. } = &*self.0.0;
        last_active_ms.store(slots.now_ms(), Ordering::Relaxed);
        activity.fetch_sub(1, Ordering::AcqRel);
    }
}

/// An occupied slot; dropping it frees the slot.
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

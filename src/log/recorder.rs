//! Bounded queue → one writer → group commit → an answer to everybody that waits.
//!
//! The writer takes everything that waits into one frame of the journal: under load the frames grow by themselves, and a
//! lone request waits for one write and one `fdatasync` only. A crowd gives those who come back a moment, see
//! `GATHER_PAUSE` in `writer`.
//!
//! When a frame cannot be written, everybody that waits for it hears so at once, the loss is counted, and the disk is tried
//! again from time to time. The first thing that is then written is the gap.

mod batch;
mod watch;
mod writer;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use prometheus_client::registry::Registry;
use tokio::sync::oneshot;

use super::in_flight::{Announced, Announcement};
use super::counters::Counters;
use super::local::place::{Astray, Footing};
use super::health::{Gauges, Health};
use super::notifier::Waiter;
use super::local::journal::Journal;
use super::local::flusher::Progress;
use super::meter::{Meters, Verdict};
use super::local::scrub::Findings;
use super::local::store::{ReadError, Slot, Store};
use super::view::Follower;
use crate::clock::ClockMonitor;
use crate::deadline::{Deadlines, Elapsed};
use crate::model::act::Action;
use crate::model::event::{Event, Observation};
use crate::model::time::Time;
use watch::Eyes;
use writer::{Waiting, Writer};

/// Entries that may wait for the writer. At 300 B each, some 20 MB.
const QUEUE_ENTRIES_MAX: usize = 65_536;
/// Changes that may wait for the writer. They wait for no observation, so a few are many.
const CHANGES_MAX: usize = 1_024;

/// Why a change is not in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The queue is full.
    #[error("the log cannot keep up; try again")]
    Busy,
    /// The disk refused it.
    #[error("the log cannot be written; the server's own log says why")]
    Unwritable,
    /// The log's files were deleted or replaced, so it would be lost.
    #[error("the log's files were deleted or replaced under the running server; /status says what to do")]
    Astray,
    /// The log was closed.
    #[error("the log is closed: the server is shutting down")]
    Closed,
}

/// What became of an observation by the time that somebody stopped waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It is on the disk.
    Durable,
    /// It is not yet; it may still become so. Counted.
    Late,
    /// It is not, and will not be. Counted.
    Lost,
}

enum Entry {
    Observed(Box<Observation>, Waiter),
    Learned(Event),
    /// A change that keeps its place behind what was handed over before.
    Change(Change),
    /// There is something to do besides: a change, or what was counted.
    Wake,
    Read(Reader),
    Stop,
}

/// A change, and who waits for it.
struct Change {
    event: Event,
    told: oneshot::Sender<Result<(), AppendError>>,
}

/// Who waits until the database has what was handed over before: told whether it has.
pub(super) type Reader = SyncSender<bool>;

/// The writing end of the queue, and what can be asked of the writer.
#[derive(Clone)]
pub(super) struct Recorder {
    queue: SyncSender<Entry>,
    changes: SyncSender<Change>,
    shared: Arc<Shared>,
}

struct Shared {
    counters: Counters,
    store: Slot,
    progress: Arc<Progress>,
    /// Losses that are not in the log yet.
    gap: Mutex<Option<Gap>>,
    /// What each token may write, and what is counted instead.
    meters: Meters,
    writable: AtomicBool,
    /// The loss of the log's files that the last look found.
    astray: Mutex<Option<Astray>>,
    /// When something was made durable.
    written_at: Mutex<Option<Instant>>,
    announced: Arc<Announced>,
    /// Findings of the slow pass over the database.
    findings: Findings,
}

#[derive(Clone, Copy)]
struct Gap {
    from: Time,
    lost: u64,
}

impl Shared {
    fn health(&self) -> Health {
        Health {
            astray: locked(&self.astray).clone(),
            writable: self.writable.load(Ordering::Relaxed),
            database_writable: !self.progress.is_failing(),
            journal_free_bytes: self.progress.free_bytes(),
            written_ago: locked(&self.written_at).map(|at| at.elapsed()),
            damaged_events: self.findings.get().damaged,
            scrubbed_ago: self.findings.get().ended_at.map(|at| at.elapsed()),
        }
    }

    fn lose(&self, at: Time, lost: u64) {
        if lost > 0 {
            self.counters.lost.inc_by(lost);
            locked(&self.gap).get_or_insert(Gap { from: at, lost: 0 }).lost += lost;
        }
    }
}

/// A poisoned lock means that some thread panicked; what it guards here is whole at every instant.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits, for a bounded time, until an observation is on the disk.
#[must_use]
pub struct Receipt {
    written: Option<oneshot::Receiver<()>>,
    shared: Arc<Shared>,
}

impl Receipt {
    /// Waits at most as long as `deadlines` say.
    pub async fn durable(self, deadlines: &Deadlines) -> Durability {
        let Some(written) = self.written else { return Durability::Lost };
        match deadlines.bound(written).await {
            Ok(Ok(())) => Durability::Durable,
            Ok(Err(_)) => Durability::Lost,
            Err(Elapsed) => {
                self.shared.counters.late.inc();
                Durability::Late
            }
        }
    }
}

impl Recorder {
    pub(super) fn announce(&self) -> Announcement {
        self.shared.announced.one_more()
    }

    pub(super) fn record(&self, observation: Observation) -> Receipt {
        if let Verdict::Count { is_news } = self.shared.meters.admit(&observation, Instant::now()) {
            self.shared.counters.left_out.inc();
            self.wake(is_news);
            return Receipt { written: None, shared: self.shared.clone() };
        }
        self.write(observation)
    }

    pub(super) fn refuse(&self, observation: Observation) {
        match self.shared.meters.refuse(&observation, Instant::now()) {
            Verdict::Write => drop(self.write(observation)),
            Verdict::Count { is_news } => {
                self.shared.counters.refusals_counted.inc();
                self.wake(is_news);
            }
        }
    }

    /// Has the writer look at what waits beside the queue. While that is full, it does so in any case.
    fn wake(&self, is_news: bool) {
        if is_news {
            let _ = self.queue.try_send(Entry::Wake);
        }
    }

    fn write(&self, observation: Observation) -> Receipt {
        let (told, written) = oneshot::channel();
        let at = observation.at;
        let queued = self.queue.try_send(Entry::Observed(Box::new(observation), told));
        if queued.is_err() {
            self.shared.lose(at, 1);
        }
        Receipt { written: queued.is_ok().then_some(written), shared: self.shared.clone() }
    }

    pub(super) fn learn(&self, event: Event) -> bool {
        // What content says about itself can be learned again at its next pull, so a full queue loses no truth.
        self.shared.meters.may_learn(Instant::now()) && self.queue.try_send(Entry::Learned(event)).is_ok()
    }

    pub(super) async fn append(&self, event: Event) -> Result<(), AppendError> {
        let (told, applied) = oneshot::channel();
        let overtakes = overtakes(&event);
        let change = Change { event, told };
        if overtakes {
            self.changes.try_send(change).map_err(refused)?;
            self.wake(true);
        } else {
            self.queue.try_send(Entry::Change(change)).map_err(refused)?;
        }
        applied.await.unwrap_or(Err(AppendError::Closed))
    }

    /// The database, with everything in it that was handed over before. Blocks as long as that takes.
    pub(super) fn store(&self) -> Result<Store, ReadError> {
        let (told, kept) = sync_channel(1);
        self.queue.send(Entry::Read(told)).map_err(|_| ReadError::Closed)?;
        if kept.recv() == Ok(true) {
            self.shared.store.get().ok_or(ReadError::Closed)
        } else {
            Err(ReadError::Closed)
        }
    }

    pub(super) fn slot(&self) -> Slot {
        self.shared.store.clone()
    }

    pub(super) fn findings(&self) -> Findings {
        self.shared.findings.clone()
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    pub(super) fn health(&self) -> Health {
        self.shared.health()
    }

    /// Registers counters and gauges.
    pub(super) fn register(&self, registry: &mut Registry) {
        self.shared.counters.register(registry);
        let shared = self.shared.clone();
        let gauges = Gauges::new(move || shared.health());
        registry.sub_registry_with_prefix("landfall_log").register_collector(Box::new(gauges));
    }

    pub(super) fn stop(&self) {
        // A writer that has ended already needs no telling. Blocks while the queue is full; the writer empties it.
        let _ = self.queue.send(Entry::Stop);
    }

    /// Closes the store, once nobody writes any more.
    pub(super) fn close_store(&self) {
        self.shared.store.set(None);
    }
}

/// Whether a change may be written before observations that were handed over earlier: on a slow disk tens of thousands of
/// them wait, and who revokes a token must not wait behind them. The log's order is that of writing, and the fold takes
/// an observation by a token that was revoked meanwhile as one that was answered before; what comes late for an
/// environment that was deleted meanwhile, it leaves aside. Only where an environment is made anew, under the name of
/// one that was deleted, could what comes late be taken for its own.
fn overtakes(event: &Event) -> bool {
    !matches!(event, Event::Acted(act) if matches!(act.action, Action::EnvironmentCreated { .. }))
}

fn refused<T>(error: TrySendError<T>) -> AppendError {
    match error {
        TrySendError::Full(_) => AppendError::Busy,
        TrySendError::Disconnected(_) => AppendError::Closed,
    }
}

/// Starts the writer's thread over a journal; `store` is the database that follows it.
pub(super) fn start(
    journal: Journal,
    store: Slot,
    counters: Counters,
    follower: Follower,
    watch: ClockMonitor,
    footing: Arc<Footing>,
) -> std::io::Result<(Recorder, JoinHandle<()>)> {
    let (queue, entries) = sync_channel(QUEUE_ENTRIES_MAX);
    let (changes, waiting_changes) = sync_channel(CHANGES_MAX);
    let (progress, gap) = (journal.progress(), Mutex::new(None));
    let shared = Arc::new(Shared {
        counters,
        store,
        progress,
        gap,
        meters: Meters::default(),
        writable: AtomicBool::new(true),
        astray: Mutex::default(),
        written_at: Mutex::default(),
        announced: Arc::default(),
        findings: Findings::default(),
    });
    let waiting = Waiting { entries, changes: waiting_changes };
    let eyes = Eyes::new(watch, footing, shared.clone());
    let writer = Writer::new(shared.clone(), journal, follower, eyes);
    let thread =
        std::thread::Builder::new().name("log-writer".to_owned()).spawn(move || writer.run(&waiting))?;
    Ok((Recorder { queue, changes, shared }, thread))
}

//! Bounded queue → one writer → group commit → who waits is told.
//!
//! The writer takes everything that waits into one commit: under load the commits grow by themselves, and a lone
//! request waits for one `fdatasync` only. In a crowd it gives those who come back a moment, see [`GATHER_PAUSE`].
//!
//! When a commit fails, who waits is told at once, the loss is counted, and the store is opened again from time to
//! time. The first thing that is then written is the gap.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tokio::sync::oneshot;

use super::herald::{Herald, Waiter};
use super::store::{ReadError, Slot, Store};
use super::view::{Committed, Follower};
use crate::clock;
use crate::model::event::{Event, Observation};
use crate::model::time::Time;

/// Entries that may wait for the writer. At 300 B each, some 20 MB.
const QUEUE_ENTRIES_MAX: usize = 65_536;
/// Entries in one commit: enough that the commit's own cost no longer shows, few enough that nobody waits for long.
const COMMIT_ENTRIES_MAX: usize = 2_048;
/// How long a commit waits for the rest of a crowd, once. In a crowd, who was told by the last commit is back a moment
/// later; a commit for each half of them costs twice the work and makes nobody faster. Never for a lone request.
const GATHER_PAUSE: Duration = Duration::from_micros(200);
/// Pause between two attempts to open a store that failed.
const REOPEN_PAUSE: Duration = Duration::from_secs(1);

/// Why a change is not in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The queue is full.
    #[error("the log cannot keep up; try again")]
    Busy,
    /// The disk refused it.
    #[error("the log cannot be written; the server's own log says why")]
    Unwritable,
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

/// What the log counts.
#[derive(Clone, Default)]
pub(super) struct Counters {
    pub(super) entries: Counter,
    pub(super) commits: Counter,
    pub(super) late: Counter,
    pub(super) lost: Counter,
    pub(super) failures: Counter,
    pub(super) fold_panics: Counter,
}

impl Counters {
    pub(super) fn register(&self, registry: &mut Registry) {
        let log = registry.sub_registry_with_prefix("landfall_log");
        log.register("entries", "Events that are durable", self.entries.clone());
        log.register("commits", "Commits that carried them", self.commits.clone());
        log.register("late", "Answers that went out before their observation was durable", self.late.clone());
        log.register("lost", "Observations that were not written", self.lost.clone());
        log.register("failures", "Commits and openings that failed", self.failures.clone());
        log.register("fold_panics", "Events that the fold could not take", self.fold_panics.clone());
    }
}

enum Entry {
    Observed(Box<Observation>, Waiter),
    Learned(Event),
    Change(Event, oneshot::Sender<Result<(), AppendError>>),
    Stop,
}

/// The writing end of the queue, and what can be asked of the writer.
#[derive(Clone)]
pub(super) struct Recorder {
    queue: SyncSender<Entry>,
    shared: Arc<Shared>,
}

struct Shared {
    counters: Counters,
    store: Slot,
    /// Losses that are not in the log yet.
    gap: Mutex<Option<Gap>>,
    writable: AtomicBool,
}

#[derive(Clone, Copy)]
struct Gap {
    from: Time,
    lost: u64,
}

impl Shared {
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
    counters: Counters,
}

impl Receipt {
    /// Waits at most `max_wait`.
    pub async fn durable(self, max_wait: Duration) -> Durability {
        let Some(written) = self.written else { return Durability::Lost };
        match tokio::time::timeout(max_wait, written).await {
            Ok(Ok(())) => Durability::Durable,
            Ok(Err(_)) => Durability::Lost,
            Err(_) => {
                self.counters.late.inc();
                Durability::Late
            }
        }
    }
}

impl Recorder {
    pub(super) fn record(&self, observation: Observation) -> Receipt {
        let (told, written) = oneshot::channel();
        let at = observation.at;
        let queued = self.queue.try_send(Entry::Observed(Box::new(observation), told));
        if queued.is_err() {
            self.shared.lose(at, 1);
        }
        Receipt { written: queued.is_ok().then_some(written), counters: self.shared.counters.clone() }
    }

    pub(super) fn learn(&self, event: Event) {
        // What content says about itself can be learned again at its next pull, so a full queue loses no truth.
        let _ = self.queue.try_send(Entry::Learned(event));
    }

    pub(super) async fn append(&self, event: Event) -> Result<(), AppendError> {
        let (told, applied) = oneshot::channel();
        self.queue.try_send(Entry::Change(event, told)).map_err(|error| match error {
            TrySendError::Full(_) => AppendError::Busy,
            TrySendError::Disconnected(_) => AppendError::Closed,
        })?;
        applied.await.unwrap_or(Err(AppendError::Closed))
    }

    pub(super) fn store(&self) -> Result<Store, ReadError> {
        self.shared.store.get().ok_or(ReadError::Closed)
    }

    pub(super) fn slot(&self) -> Slot {
        self.shared.store.clone()
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    pub(super) fn health(&self) -> Result<(), String> {
        if self.shared.writable.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err("the log cannot be written; pulls go on, but are not tracked until it can".to_owned())
        }
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

/// Starts the writer's thread over an open store.
pub(super) fn start(
    dir: PathBuf,
    store: Slot,
    follower: Follower,
) -> std::io::Result<(Recorder, JoinHandle<()>)> {
    let (queue, entries) = sync_channel(QUEUE_ENTRIES_MAX);
    let shared = Arc::new(Shared {
        counters: Counters { fold_panics: follower.panics(), ..Counters::default() },
        store,
        gap: Mutex::new(None),
        writable: AtomicBool::new(true),
    });
    let writer =
        Writer { shared: shared.clone(), follower, herald: Herald::start(), dir, reopen_at: Instant::now() };
    let thread =
        std::thread::Builder::new().name("log-writer".to_owned()).spawn(move || writer.run(&entries))?;
    Ok((Recorder { queue, shared }, thread))
}

struct Writer {
    shared: Arc<Shared>,
    follower: Follower,
    herald: Herald,
    dir: PathBuf,
    reopen_at: Instant,
}

/// What one commit takes, and who waits for it.
#[derive(Default)]
struct Batch {
    events: Vec<Event>,
    observers: Vec<Waiter>,
    changers: Vec<oneshot::Sender<Result<(), AppendError>>>,
}

impl Batch {
    fn push(&mut self, entry: Entry) -> bool {
        match entry {
            Entry::Observed(observation, told) => {
                self.events.push(Event::Observed(*observation));
                self.observers.push(told);
            }
            Entry::Learned(event) => self.events.push(event),
            Entry::Change(event, told) => {
                self.events.push(event);
                self.changers.push(told);
            }
            Entry::Stop => return false,
        }
        true
    }

    /// Takes what waits, up to a commit's bound. Returns whether the queue is still open.
    fn fill(&mut self, entries: &Receiver<Entry>) -> bool {
        while self.events.len() < COMMIT_ENTRIES_MAX {
            match entries.try_recv() {
                Ok(entry) => {
                    if !self.push(entry) {
                        return false;
                    }
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        true
    }
}

impl Writer {
    fn run(mut self, entries: &Receiver<Entry>) {
        let mut crowd = 0;
        let mut open = true;
        while open {
            let Ok(first) = entries.recv() else { break };
            let mut batch = Batch::default();
            open = batch.push(first) && batch.fill(entries);
            if open && batch.events.len() > 1 && batch.events.len() < crowd {
                std::thread::sleep(GATHER_PAUSE);
                open = batch.fill(entries);
            }
            crowd = batch.events.len().max(crowd - crowd / 8);
            if !batch.events.is_empty() {
                self.write(batch);
            }
        }
    }

    fn write(&mut self, mut batch: Batch) {
        let gap = *locked(&self.shared.gap);
        if let Some(Gap { from, lost }) = gap {
            batch.events.insert(0, Event::Gap { from, until: clock::now(), lost });
        }
        match self.commit(&batch.events) {
            Some(first) => {
                if let Some(written) = gap {
                    self.forget(written);
                }
                self.shared.counters.entries.inc_by(batch.events.len() as u64);
                self.shared.counters.commits.inc();
                self.herald.tell(batch.observers);
                self.follower.follow(Committed { first, events: batch.events, changers: batch.changers });
            }
            None => {
                self.shared.lose(
                    batch.events.iter().find_map(observed_at).unwrap_or_else(clock::now),
                    batch.observers.len() as u64,
                );
                for told in batch.changers {
                    let _ = told.send(Err(AppendError::Unwritable));
                }
            }
        }
    }

    /// Takes a written gap off the pending one; more may have been lost meanwhile.
    fn forget(&self, written: Gap) {
        let mut pending = locked(&self.shared.gap);
        if let Some(gap) = pending.as_mut() {
            gap.lost -= written.lost;
            gap.from = clock::now();
        }
        *pending = pending.filter(|gap| gap.lost > 0);
    }

    fn commit(&mut self, events: &[Event]) -> Option<u64> {
        let store = self.open_store()?;
        match store.append(events.iter()) {
            Ok(first) => Some(first),
            Err(error) => {
                // redb refuses everything after a failed write, so the store is closed here and opened again.
                tracing::error!(%error, "the log cannot be written; pulls go on untracked until it can");
                self.fail();
                None
            }
        }
    }

    fn open_store(&mut self) -> Option<Store> {
        if let Some(store) = self.shared.store.get() {
            return Some(store);
        }
        if Instant::now() < self.reopen_at {
            return None;
        }
        match Store::open(&self.dir) {
            Ok(store) => {
                tracing::info!("the log is open again");
                self.shared.store.set(Some(store.clone()));
                self.shared.writable.store(true, Ordering::Relaxed);
                Some(store)
            }
            Err(error) => {
                tracing::error!(%error, "the log does not open");
                self.fail();
                None
            }
        }
    }

    fn fail(&mut self) {
        self.shared.counters.failures.inc();
        self.shared.writable.store(false, Ordering::Relaxed);
        self.shared.store.set(None);
        self.reopen_at = Instant::now() + REOPEN_PAUSE;
    }
}

fn observed_at(event: &Event) -> Option<Time> {
    match event {
        Event::Observed(observation) => Some(observation.at),
        _ => None,
    }
}

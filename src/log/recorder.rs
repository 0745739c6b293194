//! Bounded queue → one writer → group commit → who waits is told.
//!
//! The writer takes everything that waits into one frame of the journal: under load the frames grow by themselves, and a
//! lone request waits for one write and one `fdatasync` only. A crowd gives those who come back a moment, see
//! [`GATHER_PAUSE`].
//!
//! When a frame cannot be written, who waits is told at once, the loss is counted, and the disk is tried again from time
//! to time. The first thing that is then written is the gap.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::oneshot;

use super::announced::{Announced, Announcement};
use super::codec::CodecError;
use super::frame::Frame;
use super::health::{Gauges, Health};
use super::herald::{Herald, Waiter};
use super::journal::Journal;
use super::keeper::Progress;
use super::meter::{Meters, Verdict};
use super::store::{ReadError, Slot, Store};
use super::view::{Committed, Follower};
use crate::clock;
use crate::deadline::{Deadlines, Elapsed};
use crate::model::act::Action;
use crate::model::deployments::Forgotten;
use crate::model::event::{Event, Excess, Observation};
use crate::model::time::Time;

/// Entries that may wait for the writer. At 300 B each, some 20 MB.
const QUEUE_ENTRIES_MAX: usize = 65_536;
/// Changes that may wait for the writer. They wait for no observation, so a few are many.
const CHANGES_MAX: usize = 1_024;
/// Entries in one frame: few enough that nobody waits for long.
const FRAME_ENTRIES_MAX: usize = 2_048;
/// A frame of this many bytes takes no more entries. The largest event has some 50 kB: what an image says about itself.
const FRAME_BYTES_MAX: usize = 1024 * 1024;
/// How long a frame waits at a time for observations that were announced, unless all have come before: what it costs
/// besides its bytes (a sync, a few wake-ups) is the same however few share it. A pull that is alone waits for nobody;
/// one whose upstream is slow costs the others one pause.
const GATHER_PAUSE: Duration = Duration::from_micros(500);
/// How often it waits, as long as each time brings some.
const GATHER_PAUSES_MAX: u32 = 2;
/// Pause between two attempts to write to a journal that failed.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

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
    pub(super) left_out: Counter,
    pub(super) refusals_counted: Counter,
    pub(super) failures: Counter,
    pub(super) fold_panics: Counter,
    pub(super) forgotten: ForgottenGauges,
}

/// What the fold forgot to stay within its bounds.
#[derive(Clone, Default)]
pub(super) struct ForgottenGauges {
    services: Gauge,
    nodes: Gauge,
    releases: Gauge,
}

impl ForgottenGauges {
    pub(super) fn show(&self, forgotten: Forgotten) {
        for (gauge, count) in [
            (&self.services, forgotten.services),
            (&self.nodes, forgotten.nodes),
            (&self.releases, forgotten.releases),
        ] {
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}

impl Counters {
    pub(super) fn register(&self, registry: &mut Registry) {
        let log = registry.sub_registry_with_prefix("landfall_log");
        log.register("entries", "Events that are durable", self.entries.clone());
        log.register("commits", "Synced writes that carried them", self.commits.clone());
        log.register("late", "Answers that went out before their observation was durable", self.late.clone());
        log.register("lost", "Observations that were not written", self.lost.clone());
        log.register(
            "left_out",
            "Observations not written because their token made more than a large cluster does",
            self.left_out.clone(),
        );
        log.register(
            "refusals_counted",
            "Requests with tokens that are not accepted that were counted and not written one by one",
            self.refusals_counted.clone(),
        );
        log.register("failures", "Writes and openings that failed", self.failures.clone());
        let forgotten = &self.forgotten;
        log.register(
            "services_forgotten",
            "Services that were forgotten because an environment had too many, the longest silent first",
            forgotten.services.clone(),
        );
        log.register("nodes_forgotten", "Nodes of services that were forgotten", forgotten.nodes.clone());
        log.register(
            "releases_forgotten",
            "Releases that only labels told of and that were forgotten",
            forgotten.releases.clone(),
        );
        log.register("fold_panics", "Events that the fold could not take", self.fold_panics.clone());
    }
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
    /// When something was made durable.
    written_at: Mutex<Option<Instant>>,
    announced: Arc<Announced>,
}

#[derive(Clone, Copy)]
struct Gap {
    from: Time,
    lost: u64,
}

impl Shared {
    fn health(&self) -> Health {
        Health {
            writable: self.writable.load(Ordering::Relaxed),
            database_writable: !self.progress.is_failing(),
            journal_free_bytes: self.progress.free_bytes(),
            written_ago: locked(&self.written_at).map(|at| at.elapsed()),
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
        written_at: Mutex::default(),
        announced: Arc::default(),
    });
    let herald = Herald::start();
    let waiting = Waiting { entries, changes: waiting_changes };
    let writer = Writer { shared: shared.clone(), journal, follower, herald, retry_at: Instant::now() };
    let thread =
        std::thread::Builder::new().name("log-writer".to_owned()).spawn(move || writer.run(&waiting))?;
    Ok((Recorder { queue, changes, shared }, thread))
}

struct Writer {
    shared: Arc<Shared>,
    journal: Journal,
    follower: Follower,
    herald: Herald,
    retry_at: Instant,
}

/// What waits for the writer.
struct Waiting {
    entries: Receiver<Entry>,
    changes: Receiver<Change>,
}

impl Waiting {
    /// The next entry; none at the end. Wakes up after `pause`, where there is one.
    fn next(&self, pause: Option<Duration>) -> Option<Entry> {
        match pause.map(|pause| self.entries.recv_timeout(pause)) {
            None => self.entries.recv().ok(),
            Some(Ok(entry)) => Some(entry),
            Some(Err(RecvTimeoutError::Timeout)) => Some(Entry::Wake),
            Some(Err(RecvTimeoutError::Disconnected)) => None,
        }
    }
}

/// What one frame takes, and who waits for it.
struct Batch {
    frame: Frame,
    events: Vec<Event>,
    observers: Vec<Waiter>,
    changers: Vec<oneshot::Sender<Result<(), AppendError>>>,
    readers: Vec<Reader>,
    /// Observations that have no bytes: no codec should know any.
    lost: u64,
}

impl Batch {
    fn new(frame: Frame) -> Self {
        Self { frame, events: vec![], observers: vec![], changers: vec![], readers: vec![], lost: 0 }
    }

    /// Takes the changes that wait, up to a frame's bytes: they go first.
    fn take_changes(&mut self, waiting: &Waiting) {
        while self.frame.bytes().len() < FRAME_BYTES_MAX
            && let Ok(change) = waiting.changes.try_recv()
        {
            self.push_change(change);
        }
    }

    fn push_change(&mut self, Change { event, told }: Change) {
        match self.push_event(event) {
            Ok(()) => self.changers.push(told),
            Err(_) => {
                let _ = told.send(Err(AppendError::Unwritable));
            }
        }
    }

    /// Takes an entry. Returns whether the queue goes on.
    fn push(&mut self, entry: Entry, waiting: &Waiting) -> bool {
        match entry {
            Entry::Observed(observation, told) => match self.push_event(Event::Observed(*observation)) {
                Ok(()) => self.observers.push(told),
                Err(_) => self.lost += 1,
            },
            Entry::Learned(event) => {
                let _ = self.push_event(event);
            }
            Entry::Change(change) => self.push_change(change),
            Entry::Wake => {}
            // Both mean everything that was handed over before: changes, too.
            Entry::Read(told) => {
                self.take_changes(waiting);
                self.readers.push(told);
            }
            Entry::Stop => {
                self.take_changes(waiting);
                return false;
            }
        }
        true
    }

    /// Puts the losses first that are not in the log yet; returns them.
    fn push_gap(&mut self, shared: &Shared) -> Option<Gap> {
        let gap = *locked(&shared.gap);
        if let Some(Gap { from, lost }) = gap {
            // A gap is three numbers: it has bytes.
            let _ = self.push_event(Event::Gap { from, until: clock::now(), lost });
        }
        gap
    }

    /// Takes what was counted instead of being written one by one.
    fn push_counted(&mut self, counted: Vec<Event>) {
        for event in counted {
            // What it is made of was written before, or is a few numbers and names: it has bytes.
            let _ = self.push_event(event);
        }
    }

    fn push_event(&mut self, event: Event) -> Result<(), CodecError> {
        self.frame.push(&event)?;
        self.events.push(event);
        Ok(())
    }

    /// Takes what waits, up to a frame's bounds. Returns whether the queue is still open.
    fn fill(&mut self, waiting: &Waiting) -> bool {
        while self.events.len() < FRAME_ENTRIES_MAX && self.frame.bytes().len() < FRAME_BYTES_MAX {
            match waiting.entries.try_recv() {
                Ok(entry) => {
                    if !self.push(entry, waiting) {
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
    fn run(mut self, waiting: &Waiting) {
        let mut open = true;
        while open {
            let Some(first) = self.next(waiting) else { break };
            let mut batch = Batch::new(self.journal.frame());
            let gap = batch.push_gap(&self.shared);
            batch.take_changes(waiting);
            batch.push_counted(self.shared.meters.take_due(Instant::now()));
            open = batch.push(first, waiting) && batch.fill(waiting);
            open = open && self.gather(&mut batch, waiting);
            if !open {
                batch.push_counted(self.shared.meters.take_all(Instant::now()));
            }
            self.write(batch, gap);
        }
        self.write_changes(waiting);
    }

    /// Writes the changes that are left at the end.
    fn write_changes(&mut self, waiting: &Waiting) {
        loop {
            let mut batch = Batch::new(self.journal.frame());
            batch.take_changes(waiting);
            if batch.changers.is_empty() {
                return;
            }
            self.write(batch, None);
        }
    }

    /// The next entry, once there is one; nothing when the queue is closed. Meanwhile a journal that failed is tried again,
    /// so that it heals, and a gap is told, although nobody pulls.
    fn next(&mut self, waiting: &Waiting) -> Option<Entry> {
        while !self.shared.writable.load(Ordering::Relaxed) {
            match waiting.entries.recv_timeout(RETRY_PAUSE) {
                Ok(entry) => return Some(entry),
                Err(RecvTimeoutError::Timeout) => self.retry(),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        waiting.next(self.shared.meters.due_in(Instant::now()))
    }

    fn retry(&mut self) {
        let mut batch = Batch::new(self.journal.frame());
        let gap = batch.push_gap(&self.shared);
        if gap.is_some() {
            self.write(batch, gap);
        } else if self.journal.unspoil().is_ok() {
            // Nothing was lost but a change that somebody was told about.
            self.shared.writable.store(true, Ordering::Relaxed);
            tracing::info!("the log can be written again");
        }
    }

    /// Waits for what was announced, as long as some of it comes. Returns whether the queue is still open.
    fn gather(&self, batch: &mut Batch, waiting: &Waiting) -> bool {
        for _ in 0..GATHER_PAUSES_MAX {
            let before = batch.events.len();
            if !self.shared.announced.any() {
                break;
            }
            let any_left = self.shared.announced.wait(GATHER_PAUSE);
            if !batch.fill(waiting) {
                return false;
            }
            if !any_left || batch.events.len() == before {
                break;
            }
        }
        true
    }

    fn write(&mut self, mut batch: Batch, gap: Option<Gap>) {
        self.shared.lose(clock::now(), batch.lost);
        if batch.events.is_empty() || self.is_written(&mut batch.frame) {
            if let Some(written) = gap {
                self.forget(written);
            }
            self.shared.counters.entries.inc_by(batch.events.len() as u64);
            self.herald.tell(batch.observers);
            let Batch { frame, events, changers, readers, .. } = batch;
            self.follower.follow(Committed { frame, events, changers, readers });
            return;
        }
        self.shared.lose(
            batch.events.iter().find_map(observed_at).unwrap_or_else(clock::now),
            batch.observers.len() as u64 + batch.events.iter().map(left_out).sum::<u64>(),
        );
        for told in batch.changers {
            let _ = told.send(Err(AppendError::Unwritable));
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

    fn is_written(&mut self, frame: &mut Frame) -> bool {
        let is_writable = self.shared.writable.load(Ordering::Relaxed);
        if !is_writable && Instant::now() < self.retry_at {
            return false;
        }
        let written = self.journal.write(frame);
        self.shared.writable.store(written.is_ok(), Ordering::Relaxed);
        match written {
            Ok(()) => {
                self.shared.counters.commits.inc();
                *locked(&self.shared.written_at) = Some(Instant::now());
                if !is_writable {
                    tracing::info!("the log is written again");
                }
            }
            Err(error) => {
                tracing::error!(%error, "the log cannot be written; pulls go on untracked until it can");
                self.shared.counters.failures.inc();
                self.retry_at = Instant::now() + RETRY_PAUSE;
            }
        }
        self.shared.writable.load(Ordering::Relaxed)
    }
}

fn observed_at(event: &Event) -> Option<Time> {
    match event {
        Event::Observed(observation) => Some(observation.at),
        _ => None,
    }
}

/// How many observations an event stands for that were left out.
fn left_out(event: &Event) -> u64 {
    match event {
        Event::LeftOut(left_out) if left_out.what == Excess::Observations => left_out.count,
        _ => 0,
    }
}

//! The durable log, and what is folded from it.
//!
//! The log is the ground state. Everything that is folded from it can be thrown away and folded again.
#![doc = include_str!("README.md")]

mod acts;
mod backup;
mod codec;
mod counters;
mod decide;
mod engine;
mod error;
mod fold;
mod frame;
#[cfg(test)]
pub(crate) mod fuzz;
mod health;
mod in_flight;
mod late;
mod local;
#[cfg(test)]
mod memory;
mod meter;
mod notifier;
mod placing;
mod publisher;
mod recorder;
mod restore;
mod retention;
mod schema;
#[cfg(any(test, feature = "shared"))]
mod shared;
#[cfg(test)]
mod simulation;
mod snapshot;
mod view;
mod witness_gauges;

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use prometheus_client::registry::Registry;
use tokio::sync::broadcast;

pub use backup::{Backup, BackupError, Contents, END_RECORD_BYTES, check, check_end};
pub use engine::{Events, Peer, Sharing};
pub use error::{AppendError, Astray, Fault, OpenError, ReadError};
pub use health::Health;
pub use in_flight::Announcement;
pub use late::Late;
pub use local::draft::DraftError;
pub use local::salvage::{SalvageError, Salvaged, salvage};
pub use publisher::Published;
pub use recorder::{Durability, Receipt};
pub use restore::{RestoreError, restore};
pub use retention::PastError;
#[cfg(feature = "shared")]
pub use shared::{NatsError, NatsSettings, PublishError, publish};
pub use view::View;

use crate::clock::{self, Clock};
use crate::model::act::Act;
use crate::model::deployments::Rules;
use crate::model::event::{Event, Observation};
use crate::model::time::{Span, Time};
use counters::Counters;
use decide::Turn;
use engine::{BEHIND_AFTER, Engine};
use fold::Fold;
use local::Local;
use local::files::OUTBOX;
#[cfg(test)]
use local::journal;
use publisher::Views;
use recorder::{Clerk, QUEUE_ENTRIES_MAX, Recorder, Writer};
use witness_gauges::WitnessGauges;

/// Time that the replicas have to confirm a change, each of which says how far it is once a second, and sooner after a change; and the
/// pause between two looks.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(4);
const CONFIRMED_PAUSE: Duration = Duration::from_millis(50);
/// Longest wait for what other replicas wrote.
const CATCH_UP_MAX: Duration = Duration::from_secs(2);
/// Before the slow pass begins, so that damage of a small log is known at once.
const SCRUB_PAUSE_FIRST: Duration = Duration::from_secs(1);

/// A handle to the log. Cloning it is cheap; the log lives until [`Log::close`] or until its last handle is gone.
#[derive(Clone)]
pub struct Log {
    recorder: Recorder,
    views: Views,
    rules: Rules,
    turn: Turn,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
    /// Retention and the slow pass end when these are gone.
    stops: Arc<Mutex<Vec<SyncSender<()>>>>,
}

/// The reason why a replica does not open.
#[cfg(feature = "shared")]
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// The stream's settings cannot work.
    #[error(transparent)]
    Nats(#[from] NatsError),
    /// The folder's log does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl Log {
    /// Opens the log in the folder `dir`, which is made if it does not exist, and folds what it holds.
    ///
    /// # Errors
    /// Another process has it open, its format is newer than this program's, or it is damaged. Nothing is ever
    /// overwritten.
    pub fn open(dir: &Path, rules: Rules) -> Result<Self, OpenError> {
        if dir.join(OUTBOX).exists() {
            return Err(OpenError::Replica { path: dir.to_owned() });
        }
        let counters = Counters::default();
        let local = Local::open(dir, counters.failures.clone())?;
        Self::start(Arc::new(local), rules, counters, Clock::default())
    }

    /// Opens this replica, in the folder `dir`, of the log that several share over a stream, and folds what it holds. The stream
    /// need not be there yet.
    ///
    /// # Errors
    /// The settings cannot work, the folder has a log of its own, or as for [`Self::open`].
    #[cfg(feature = "shared")]
    pub fn share(dir: &Path, rules: Rules, settings: &NatsSettings) -> Result<Self, ShareError> {
        let counters = Counters::default();
        let stream = Arc::new(shared::Nats::new(settings)?);
        let shared =
            shared::Shared::open(dir, &settings.replica, settings.role(), stream, &counters.failures)?;
        let rules = Rules { lateness: late::LATENESS, ..rules };
        Ok(Self::start(Arc::new(shared), rules, counters, Clock::default())?)
    }

    /// Begins to remove observations that are older than `keep`. The facts that they proved stay.
    ///
    /// # Errors
    /// The operating system refuses another thread.
    pub fn retain(&self, keep: Span) -> std::io::Result<()> {
        let (stop, stopped) = sync_channel(0);
        let views = self.views.clone();
        let thread = retention::start(self.recorder.engine(), views, self.rules.clone(), keep, stopped)?;
        lock(&self.stops).push(stop);
        lock(&self.threads).push(thread);
        Ok(())
    }

    /// Begins to read all events, slowly and again and again, so that damage is known before somebody asks for them.
    ///
    /// # Errors
    /// The operating system refuses another thread.
    pub fn scrub(&self) -> std::io::Result<()> {
        let (stop, stopped) = sync_channel(0);
        let engine = self.recorder.engine();
        let work = move || {
            let (clock, mut pause) = (Clock::default(), SCRUB_PAUSE_FIRST);
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                pause = engine.scrub(clock.instant());
            }
        };
        let thread = thread::Builder::new().name("log-scrub".to_owned()).spawn(work)?;
        lock(&self.stops).push(stop);
        lock(&self.threads).push(thread);
        Ok(())
    }

    fn start(
        engine: Arc<dyn Engine>,
        rules: Rules,
        counters: Counters,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let (log, writer, fold, clerk) = Self::assemble(engine, rules, counters, clock, QUEUE_ENTRIES_MAX)?;
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let spawned = thread::Builder::new().name(name.to_owned()).spawn(work);
            spawned.map_err(|source| OpenError::Io { path: "a thread of the log".into(), source })
        };
        let fold = spawn("log-fold", Box::new(move || fold.run()))?;
        let writer = spawn("log-writer", Box::new(move || writer.run()))?;
        let clerk = clerk.map(|clerk| spawn("log-clerk", Box::new(move || clerk.run()))).transpose()?;
        *lock(&log.threads) = clerk.into_iter().chain([writer, fold]).collect();
        Ok(log)
    }

    /// A log without threads, which goes by the steps of its writer and its fold. `entries_max` may wait for the writer.
    fn assemble(
        engine: Arc<dyn Engine>,
        rules: Rules,
        counters: Counters,
        clock: Clock,
        entries_max: usize,
    ) -> Result<(Self, Writer, Fold, Option<Clerk>), OpenError> {
        let (fold, sender) = Fold::open(engine.clone(), &rules, &counters, clock.clone())?;
        let views = fold.views();
        let last_stamp = views.latest().state.time().last_shown();
        let (recorder, writer, clerk) =
            recorder::new(entries_max, engine, counters, clock, last_stamp, sender);
        let (turn, threads, stops) = (Turn::default(), Arc::default(), Arc::default());
        Ok((Self { recorder, views, rules, turn, threads, stops }, writer, fold, clerk))
    }

    /// Appends a change that an administrator made. When this returns `Ok`, the change is durable and in
    /// [`Log::view`].
    ///
    /// # Errors
    /// The change is not in the log: the disk refused it, or the queue is full.
    pub async fn append(&self, event: Event) -> Result<(), AppendError> {
        self.turn.append(&self.recorder, event).await
    }

    /// Decides on the latest view, and appends the change only if no other was made since. Where one was, waits until the
    /// view shows it and decides again, five times at most. When this returns `Ok`, the change is durable and in
    /// [`Log::view`]. Decisions of this process take turns. `decide` returns the change, or nothing where there is none to
    /// make, and what the caller gets; an error of its own ends it.
    ///
    /// # Errors
    /// The change is not in the log: the disk refused it, or other changes came between each time.
    pub async fn decide<T, E>(
        &self,
        decide: impl FnMut(&View) -> Result<(Option<Event>, T), E>,
    ) -> Result<Result<T, E>, AppendError> {
        self.turn.decide(&self.recorder, &self.views, decide).await
    }

    /// Says that an observation will be handed over in a moment: those that come together share one write.
    pub fn announce(&self) -> Announcement {
        self.recorder.announce()
    }

    /// Hands over what passed. Never blocks. Losses are counted and become a gap event; what goes beyond the
    /// rate of its token is counted and becomes an event that says so.
    pub fn record(&self, observation: Observation) -> Receipt {
        self.recorder.record(observation)
    }

    /// Hands over what was refused because its token is not accepted: such requests prove nothing, so they are written
    /// once a minute for a repository, and otherwise counted. Never blocks; nobody waits for it.
    pub fn refuse(&self, observation: Observation) {
        self.recorder.refuse(observation);
    }

    /// Hands over what content said about itself. Never blocks; nobody waits for it. Returns whether it was taken: images
    /// can be made up, so there is a rate for what is learned in all, and what was not taken can be learned again.
    pub fn learn(&self, event: Event) -> bool {
        self.recorder.learn(event)
    }

    /// Waits until [`Log::view`] shows everything that was in the log when this was called, whichever replica wrote it: a moment,
    /// two seconds at most. Where the log is this process's alone, or is behind the others, it returns at once.
    pub async fn catch_up(&self) {
        // After that, callers go on with the view that there is: answers say until when it is complete.
        let _ = tokio::time::timeout(CATCH_UP_MAX, self.recorder.look()).await;
    }

    /// Everything folded so far; immutable, at most a moment old.
    pub fn view(&self) -> Arc<View> {
        self.views.latest()
    }

    /// Follows the events from now on, as they are published.
    pub fn follow(&self) -> broadcast::Receiver<Arc<Published>> {
        self.views.follow()
    }

    /// The events after this one in log order, with their sequence numbers. Blocks as [`Log::events`] does.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn events_after(&self, sequence: u64) -> Result<Events, ReadError> {
        self.recorder.kept()?.events_after(sequence)
    }

    /// Every event in log order, with its sequence number, as it stands now: everything that was called durable is in
    /// it. Blocks while the database takes over what only the journal has, milliseconds on a healthy disk.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn events(&self) -> Result<Events, ReadError> {
        self.recorder.kept()?.events_after(0)
    }

    /// Everything that cannot be folded again, as it stands now: what was called durable is in it. Blocks as
    /// [`Log::events`] does. The database keeps what it was at this moment until the backup is dropped, so it grows
    /// meanwhile by what is written.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn backup(&self) -> Result<Backup, ReadError> {
        Ok(Backup::new(self.recorder.kept()?.whole()?, clock::now()))
    }

    /// Administrators' latest acts before the event `before` that `wanted` wants, newest first, at most `limit`, each with
    /// its sequence number. Reads the log, on the calling thread.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn acts(
        &self,
        before: u64,
        limit: usize,
        wanted: impl Fn(&Act) -> bool,
    ) -> Result<Vec<(u64, Act)>, ReadError> {
        self.view().acts.read(self.recorder.kept()?, before, limit, wanted)
    }

    /// Everything that was folded by the time `at`, and nothing later. Reads the log from its beginning: seconds for
    /// millions of events, on the calling thread.
    ///
    /// # Errors
    /// Retention removed what would be needed, or the log cannot be read.
    pub fn view_at(&self, at: Time) -> Result<View, PastError> {
        retention::view_at(self.recorder.kept()?, &self.rules, self.view().state.time(), at)
    }

    /// Registers the log's counters and gauges.
    pub fn register(&self, registry: &mut Registry) {
        let views = self.views.clone();
        self.recorder.register(registry, move |health| known(&views, health));
        let gauges = Box::new(WitnessGauges(self.views.clone()));
        registry.sub_registry_with_prefix("landfall_witnesses").register_collector(gauges);
    }

    /// The log's state.
    pub fn health(&self) -> Health {
        known(&self.views, self.recorder.health())
    }

    /// Time until which everything is known that the replicas of this log saw, where not all is: one of them is silent or behind,
    /// or what came late waits for its place. None where the log is not shared, or nothing is missing.
    pub fn complete_until(&self) -> Option<Time> {
        let sharing = self.sharing()?;
        let own = self.is_behind().then(|| clock::now() - span(sharing.lag));
        let behind = |peer: &&Peer| peer.is_silent || peer.lag >= span(BEHIND_AFTER);
        let others = sharing.replicas.iter().filter(behind).map(|peer| peer.seen_at - peer.lag_then);
        let late = self.views.latest().late.from;
        own.into_iter().chain(others).chain(late).min()
    }

    /// Tells whether what another replica of this log did of late may be missing here. Never so where the log is not shared.
    pub fn is_behind(&self) -> bool {
        self.recorder.engine().is_behind()
    }

    /// State of the sharing with other replicas; nothing where the log is not shared. Those that were forgotten are not among them.
    pub fn sharing(&self) -> Option<Sharing> {
        let mut sharing = self.recorder.engine().sharing()?;
        forget(&self.views, &mut sharing);
        Some(sharing)
    }

    /// Names of the other replicas of this log that have not confirmed its latest change: they go on as if it had not been made, and
    /// take a token that was revoked.
    pub fn unconfirmed(&self) -> Vec<String> {
        self.sharing().map_or_else(Vec::new, |sharing| names(sharing.unconfirmed(sharing.acts)))
    }

    /// The same of the change that is the latest one now, once each replica that says anything has confirmed it, after some seconds at
    /// the latest.
    pub async fn still_unconfirmed(&self) -> Vec<String> {
        let Some(act) = self.sharing().map(|sharing| sharing.acts) else { return Vec::new() };
        let end = Instant::now() + CONFIRMED_WITHIN;
        loop {
            let Some(sharing) = self.sharing() else { return Vec::new() };
            let is_over = Instant::now() >= end || sharing.unconfirmed(act).all(|peer| peer.is_silent);
            if is_over {
                return names(sharing.unconfirmed(act));
            }
            tokio::time::sleep(CONFIRMED_PAUSE).await;
        }
    }

    /// The number of observations that went out before they were durable, and of those that were lost.
    pub fn late_and_lost(&self) -> (u64, u64) {
        let counters = self.recorder.counters();
        (counters.late.get(), counters.lost.get())
    }

    /// Writes everything that was handed over, then stops. Later calls on other handles are refused or counted.
    pub fn close(self) {
        self.recorder.stop();
        lock(&self.stops).clear();
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            // A thread that panicked has said so already; closing goes on.
            let _ = thread.join();
        }
    }
}

/// The log's state without the replicas that were forgotten.
fn known(views: &Views, mut health: Health) -> Health {
    health.sharing.iter_mut().for_each(|sharing| forget(views, sharing));
    health
}

/// Leaves out the replicas that an administrator had forgotten, and that said nothing since.
fn forget(views: &Views, sharing: &mut Sharing) {
    let view = views.latest();
    sharing.replicas.retain(|peer| !view.directory.is_forgotten(&peer.name, peer.seen_at));
}

fn names<'a>(peers: impl Iterator<Item = &'a Peer>) -> Vec<String> {
    peers.map(|peer| peer.name.clone()).collect()
}

fn span(duration: Duration) -> Span {
    Span::from_ms(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A list of threads and a sender are whole at every instant, even after a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

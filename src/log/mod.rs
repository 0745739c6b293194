//! The durable log: one writer, group commit, and what is folded from it.
//!
//! ```text
//! record/append → bounded queue → recorder: one frame of the journal for all that wait → view: fold, publish
//!                                                                                       → keeper: into the database
//! ```
//!
//! The log is the database and what the journal has beyond it. It is the ground state. Everything that is folded from it can be thrown away and folded again.
#![doc = include_str!("README.md")]

mod acts;
mod announced;
mod backup;
mod codec;
mod counters;
mod draft;
mod footing;
mod frame;
#[cfg(test)]
pub(crate) mod fuzz;
mod health;
mod herald;
mod journal;
mod keeper;
mod meter;
mod news;
mod recorder;
mod restore;
mod retention;
mod salvage;
mod scrub;
mod snapshot;
mod store;
mod view;

use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use prometheus_client::registry::Registry;
use tokio::sync::broadcast;

pub use announced::Announcement;
pub use backup::{Backup, BackupError, Contents, END_RECORD_BYTES, check, check_end};
pub use draft::DraftError;
pub use footing::Astray;
pub use health::Health;
pub use news::Published;
pub use recorder::{AppendError, Durability, Receipt};
pub use restore::{RestoreError, restore};
pub use retention::PastError;
pub use salvage::{SalvageError, Salvaged, salvage};
pub use store::{Events, Fault, OpenError, ReadError};
pub use view::View;

use crate::clock::{self, ClockMonitor};
use crate::model::act::Act;
use crate::model::deployments::Rules;
use crate::model::event::{Event, Observation};
use crate::model::time::{Span, Time};
use counters::Counters;
use footing::Footing;
use journal::Journal;
use keeper::Keeper;
use recorder::Recorder;
use store::{Slot, Store};
use view::Views;

/// A handle to the log. Cloning it is cheap; the log lives until [`Log::close`] or until its last handle is gone.
#[derive(Clone)]
pub struct Log {
    recorder: Recorder,
    views: Views,
    rules: Rules,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
    /// Retention and the slow pass end when these are gone.
    stops: Arc<Mutex<Vec<SyncSender<()>>>>,
}

impl Log {
    /// Opens the log in the folder `dir`, which is made if it does not exist, and folds what it holds.
    ///
    /// # Errors
    /// Another process has it open, its format is newer than this program's, or it is damaged. Nothing is ever
    /// overwritten.
    pub fn open(dir: &Path, rules: Rules) -> Result<Self, OpenError> {
        let store = Store::open(dir)?;
        // Damage is refused before anything is written.
        let view = view::known(&store, &rules)?;
        let journal = Journal::open(dir, &store)?;
        Self::start(store, journal, rules, view, ClockMonitor::start)
    }

    /// Begins to remove observations that are older than `keep`. What they proved stays.
    ///
    /// # Errors
    /// The operating system refuses another thread.
    pub fn retain(&self, keep: Span) -> std::io::Result<()> {
        let (stop, stopped) = sync_channel(0);
        let views = self.views.clone();
        let thread = retention::start(self.recorder.slot(), views, self.rules.clone(), keep, stopped)?;
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
        let thread = scrub::start(self.recorder.slot(), self.recorder.findings(), stopped)?;
        lock(&self.stops).push(stop);
        lock(&self.threads).push(thread);
        Ok(())
    }

    fn start(
        store: Store,
        journal: Journal,
        rules: Rules,
        view: View,
        watch: impl FnOnce(Option<Time>) -> ClockMonitor,
    ) -> Result<Self, OpenError> {
        let path = store.path().to_owned();
        let dir = path.parent().map(Path::to_owned).unwrap_or_default();
        let (slot, counters) = (Slot::new(store.clone()), Counters::default());
        let footing = Footing::of(&dir).map_err(|source| OpenError::Io { path: path.clone(), source })?;
        let footing = Arc::new(footing);
        let keeper = Keeper::new(slot.clone(), dir, footing.clone(), &journal, counters.failures.clone());
        let (views, follower, follow) =
            view::replay(&store, keeper, view, counters.fold_panics.clone(), counters.forgotten.clone())?;
        let watch = watch(views.latest().state.time().last_shown());
        let started = recorder::start(journal, slot, counters, follower, watch, footing);
        let (recorder, record) = started.map_err(|source| OpenError::Io { path, source })?;
        let threads = Arc::new(Mutex::new(vec![record, follow]));
        Ok(Self { recorder, views, rules, threads, stops: Arc::default() })
    }

    /// Appends a change that an administrator made. When this returns `Ok`, the change is durable and in
    /// [`Log::view`].
    ///
    /// # Errors
    /// The change is not in the log: the disk refused it, or the queue is full.
    pub async fn append(&self, event: Event) -> Result<(), AppendError> {
        self.recorder.append(event).await
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

    /// Everything folded so far; immutable, at most a moment old.
    pub fn view(&self) -> Arc<View> {
        self.views.latest()
    }

    /// What happens from now on, as it is published.
    pub fn follow(&self) -> broadcast::Receiver<Arc<Published>> {
        self.views.follow()
    }

    /// The events after this one in log order, with their sequence numbers. Blocks as [`Log::events`] does.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn events_after(&self, sequence: u64) -> Result<Events, ReadError> {
        self.recorder.store()?.events_after(sequence)
    }

    /// Every event in log order, with its sequence number, as it stands now: everything that was called durable is in
    /// it. Blocks while the database takes over what only the journal has, milliseconds on a healthy disk.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn events(&self) -> Result<Events, ReadError> {
        self.recorder.store()?.events_after(0)
    }

    /// Everything that cannot be folded again, as it stands now: what was called durable is in it. Blocks as
    /// [`Log::events`] does. The database keeps what it was at this moment until the backup is dropped, so it grows
    /// meanwhile by what is written.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn backup(&self) -> Result<Backup, ReadError> {
        Ok(Backup::new(self.recorder.store()?.ground()?, clock::now()))
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
        self.view().acts.read(&self.recorder.store()?, before, limit, wanted)
    }

    /// Everything that was folded by the time `at`, and nothing later. Reads the log from its beginning: seconds for
    /// millions of events, on the calling thread.
    ///
    /// # Errors
    /// Retention removed what would be needed, or the log cannot be read.
    pub fn view_at(&self, at: Time) -> Result<View, PastError> {
        retention::view_at(&self.recorder.store()?, &self.rules, self.view().state.time(), at)
    }

    /// Registers the log's counters and gauges.
    pub fn register(&self, registry: &mut Registry) {
        self.recorder.register(registry);
    }

    /// How the log is.
    pub fn health(&self) -> Health {
        self.recorder.health()
    }

    /// How many observations went out before they were durable, and how many were lost.
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
        self.recorder.close_store();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A list of threads and a sender are whole at every instant, whoever panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

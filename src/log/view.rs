//! Replay, then follow: folds every event once, and publishes immutable snapshots to readers.
//!
//! A snapshot is published at once after a change that somebody waits for, else at most every [`PUBLISH_PAUSE`]:
//! what changed is copied once per snapshot, not once per pull.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::{broadcast, oneshot};

use super::acts::Acts;
use super::counters::ForgottenGauges;
use super::frame::Frame;
use super::local::flusher::Keeper;
use super::publisher::{Crier, Followers, Published};
use super::recorder::{AppendError, Reader};
use super::snapshot;
use super::local::store::{OpenError, ReadError, Snapshot, Store};
use crate::model::deploy::Deploys;
use crate::model::deployments::{Rules, State};
use crate::model::directory::Directory;
use crate::model::event::Event;

/// Commits that may wait for the fold before the writer waits for it.
const COMMITS_WAITING_MAX: usize = 1_024;
/// How old a snapshot may be while pulls pour in.
const PUBLISH_PAUSE: Duration = Duration::from_millis(50);
/// How long the fold lets commits come together while pulls pour in; an administrator's change may wait as long.
const DOZE: Duration = Duration::from_millis(5);
/// Events after which a snapshot is kept: what an opening after a crash has to fold at most takes a blink.
const SNAPSHOT_EVENTS: u64 = 100_000;
/// How often a long opening says how far it is.
const PROGRESS_EVENTS: u64 = 1_000_000;

/// Everything that was folded from the log up to one event.
#[derive(Clone)]
pub struct View {
    /// Environments and tokens.
    pub directory: Directory,
    /// Deployments.
    pub state: State,
    /// Plans of deploys.
    pub deploys: Deploys,
    /// Where administrators' acts are in the log.
    pub(super) acts: Acts,
    /// The sequence number of the last event in it; 0 for none.
    pub applied: u64,
}

/// The reading end.
#[derive(Clone)]
pub(super) struct Views {
    latest: Arc<ArcSwap<View>>,
    followers: Followers,
}

impl Views {
    pub(super) fn latest(&self) -> Arc<View> {
        self.latest.load_full()
    }

    pub(super) fn follow(&self) -> broadcast::Receiver<Arc<Published>> {
        self.followers.subscribe()
    }
}

/// What one frame made durable, on its way to the fold and to the database.
pub(super) struct Committed {
    /// The events as bytes, with their sequence numbers.
    pub(super) frame: Frame,
    pub(super) events: Vec<Event>,
    /// Who waits until it shows.
    pub(super) changers: Vec<oneshot::Sender<Result<(), AppendError>>>,
    /// Who waits until the database has it.
    pub(super) readers: Vec<Reader>,
}

/// The writer's end.
pub(super) struct Follower {
    commits: SyncSender<Committed>,
}

impl Follower {
    pub(super) fn follow(&self, commit: Committed) {
        // Only at shutdown is nobody there any more.
        let _ = self.commits.send(commit);
    }
}

/// What folding begins with: nothing, or what retention removed from the log's beginning.
pub(super) fn base(store: &Store, rules: &Rules) -> Result<View, OpenError> {
    let thinned = store.head()?.thinned;
    let damaged = |what: &str| {
        let reason = format!("what retention kept of removed observations {what}");
        OpenError::Damaged { path: store.path().to_owned(), reason }
    };
    match store.snapshot(Snapshot::Base)? {
        None if thinned == 0 => Ok(View::new(rules)),
        None => Err(damaged("is missing")),
        Some(bytes) if !snapshot::is_whole(&bytes) => Err(damaged("has another checksum")),
        Some(bytes) => match snapshot::decode(&bytes, rules) {
            Some(kept) if kept.view.applied >= thinned => Ok(kept.view),
            Some(_) => Err(damaged("is older than it should be")),
            None => Err(damaged("cannot be read by this release")),
        },
    }
}

/// The latest snapshot, if it fits this release. One that is damaged is left aside, for the log can be folded again.
fn latest(store: &Store, rules: &Rules) -> Option<View> {
    let bytes = match store.snapshot(Snapshot::Latest) {
        Ok(bytes) => bytes?,
        Err(error) => {
            tracing::warn!(%error, "the latest snapshot of the log cannot be read; all of the log is");
            return None;
        }
    };
    snapshot::decode(&bytes, rules).filter(|kept| kept.is_ours).map(|kept| kept.view)
}

fn unreadable(store: &Store, error: ReadError) -> OpenError {
    match error {
        ReadError::Database(fault) => fault.into(),
        other => OpenError::Damaged { path: store.path().to_owned(), reason: other.to_string() },
    }
}

/// What a fold of the store begins with, after a look at whether everything that is to follow can be read.
pub(super) fn known(store: &Store, rules: &Rules) -> Result<View, OpenError> {
    let view = match latest(store, rules) {
        Some(view) => view,
        None => base(store, rules)?,
    };
    let last = store.head()?.last;
    if view.applied > last {
        let reason = format!("event {} was folded, and event {last} is its last one", view.applied);
        return Err(OpenError::Damaged { path: store.path().to_owned(), reason });
    }
    let mut entries = store.entries_after(view.applied)?;
    while let Some(read) = entries.next(|_, _| ()) {
        read?;
    }
    Ok(view)
}

/// Folds what the store holds after `view`, and starts the thread that folds what follows.
pub(super) fn replay(
    store: &Store,
    keeper: Keeper,
    view: View,
    panics: Counter,
    forgotten: ForgottenGauges,
) -> Result<(Views, Follower, JoinHandle<()>), OpenError> {
    let read = |error| unreadable(store, error);
    let kept = view.applied;
    let mut fold = Fold { view, panics, forgotten, keeper, kept };
    for entry in store.events_after(kept).map_err(read)? {
        let (sequence, event) = entry.map_err(read)?;
        fold.apply(sequence, &event);
        if sequence % PROGRESS_EVENTS == 0 {
            tracing::info!(events = sequence, "reading the log");
        }
    }
    fold.forgotten.show(fold.view.state.forgotten());
    let (crier, followers) = Crier::new();
    let views = Views { latest: Arc::new(ArcSwap::from_pointee(fold.view.clone())), followers };
    let (commits, incoming) = sync_channel(COMMITS_WAITING_MAX);
    let latest = views.latest.clone();
    let thread = std::thread::Builder::new()
        .name("log-fold".to_owned())
        .spawn(move || follow(fold, &incoming, &latest, crier))
        .map_err(|source| OpenError::Io { path: store.path().to_owned(), source })?;
    Ok((views, Follower { commits }, thread))
}

fn follow(mut fold: Fold, incoming: &Receiver<Committed>, latest: &ArcSwap<View>, mut crier: Crier) {
    let mut published_at = Instant::now();
    let mut dirty = false;
    loop {
        let publish_in = dirty.then(|| PUBLISH_PAUSE.saturating_sub(published_at.elapsed()));
        let next = match publish_in.into_iter().chain(fold.keeper.due_in()).min() {
            Some(pause) => incoming.recv_timeout(pause),
            None => incoming.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        let (mut changers, mut readers) = (Vec::new(), Vec::new());
        match next {
            Ok(commit) => {
                for commit in std::iter::once(commit).chain(incoming.try_iter()) {
                    dirty |= !commit.events.is_empty();
                    crier.gather(fold.view.applied + 1, &commit.events);
                    fold.take(commit.frame, &commit.events);
                    changers.extend(commit.changers);
                    readers.extend(commit.readers);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if dirty && (!changers.is_empty() || published_at.elapsed() >= PUBLISH_PAUSE) {
            latest.store(Arc::new(fold.view.clone()));
            fold.forgotten.show(fold.view.state.forgotten());
            crier.tell();
            published_at = Instant::now();
            dirty = false;
        }
        // Whoever asked may have gone; the change stands.
        for told in changers {
            let _ = told.send(Ok(()));
        }
        if !readers.is_empty() {
            let is_kept = fold.keeper.keep();
            for told in readers {
                let _ = told.send(is_kept);
            }
        }
        fold.keeper.keep_if_due();
        if fold.view.applied - fold.kept >= SNAPSHOT_EVENTS {
            fold.keep_snapshot();
        }
        if dirty {
            // While pulls pour in, being woken by each commit would cost more than folding it.
            std::thread::sleep(DOZE);
        }
    }
    if fold.keeper.keep() && fold.view.applied > fold.kept {
        fold.keep_snapshot();
    }
    latest.store(Arc::new(fold.view));
}

struct Fold {
    view: View,
    panics: Counter,
    forgotten: ForgottenGauges,
    keeper: Keeper,
    /// The last event in the latest snapshot, or in the latest attempt to keep one.
    kept: u64,
}

impl View {
    /// Nothing folded yet.
    pub(super) fn new(rules: &Rules) -> Self {
        Self {
            directory: Directory::default(),
            state: State::new(rules.clone()),
            deploys: Deploys::default(),
            acts: Acts::default(),
            applied: 0,
        }
    }

    /// Takes the log's next event into account. Returns whether the fold could.
    pub(super) fn apply(&mut self, sequence: u64, event: &Event) -> bool {
        self.directory.apply(event);
        self.deploys.apply(event);
        self.acts.apply(sequence, event);
        let state = &mut self.state;
        // A fault in the fold must never take tokens, and so pulls, with it.
        let applied = catch_unwind(AssertUnwindSafe(|| state.apply(event))).is_ok();
        if !applied {
            tracing::error!(
                sequence,
                "the fold could not take an event; please report it with `landfall export`"
            );
        }
        self.applied = sequence;
        applied
    }
}

impl Fold {
    fn apply(&mut self, sequence: u64, event: &Event) {
        if !self.view.apply(sequence, event) {
            self.panics.inc();
        }
    }

    /// Takes what a frame holds into account, and lets the keeper have it.
    fn take(&mut self, frame: Frame, events: &[Event]) {
        for (sequence, event) in (frame.first()..).zip(events) {
            self.apply(sequence, event);
        }
        if !events.is_empty() {
            self.keeper.take(frame);
        }
    }

    /// Keeps a snapshot, never of more than the database has. Without one the next opening takes longer, and that is
    /// all.
    fn keep_snapshot(&mut self) {
        self.kept = self.view.applied;
        // What the fold stumbled over may be in it; the next opening is to see it again.
        if self.panics.get() > 0 || !self.keeper.keep() {
            return;
        }
        let Some(store) = self.keeper.store() else { return };
        match snapshot::encode(&self.view) {
            Ok(bytes) => {
                if let Err(error) = store.keep_snapshot(Snapshot::Latest, &bytes) {
                    tracing::warn!(%error, "a snapshot of the log could not be kept; the next start takes longer");
                }
            }
            Err(error) => tracing::warn!(%error, "a snapshot of the log could not be made"),
        }
    }
}

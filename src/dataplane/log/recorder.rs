//! The recorder: a bounded queue, one writer, group commit, and an answer to everybody that waits.
//!
//! The writer takes everything that waits into one group of events: under load the groups grow by themselves, and a lone
//! request waits for one append only. A crowd gives those who come back a moment, see `GATHER_PAUSE` in `writer`.
//!
//! A group that cannot be written is a loss: everybody that waits for it hears so at once, the loss is counted, and the
//! engine is tried again from time to time. The first thing that is then written is the gap.

mod batch;
mod clerk;
mod queue;
mod shared;
mod watch;
mod writer;

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};

use prometheus_client::registry::Registry;
use tokio::sync::oneshot;

use super::counters::Counters;
use super::engine::Engine;
use super::error::{AppendError, ReadError};
use super::fold::{FoldSender, Message};
use super::health::{Gauges, Health};
use super::in_flight::Announcement;
use super::meter::Verdict;
use crate::clock::Clock;
use crate::deadline::{Deadlines, Elapsed};
use crate::model::act::Action;
use crate::model::event::{Event, Observation};
use crate::model::time::Time;
pub(super) use clerk::Clerk;
use clerk::Errand;
use queue::{Change, Entry, Queues};
use shared::Shared;
pub(super) use writer::Writer;

/// Entries that may wait for the writer. At 300 B each, some 20 MB.
pub(super) const QUEUE_ENTRIES_MAX: usize = 65_536;
/// Changes that may wait for the writer. They wait for no observation, so a few are many.
const CHANGES_MAX: usize = 1_024;

/// The fate of an observation by the time that somebody stopped waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It is on the disk.
    Durable,
    /// It is not yet; it may still become so. Counted.
    Late,
    /// It is not, and will not be. Counted.
    Lost,
}

/// The writing end of the queue, and what can be asked of the writer.
#[derive(Clone)]
pub(super) struct Recorder {
    queue: SyncSender<Entry>,
    changes: SyncSender<Change>,
    /// Acts, where the engine has a desk for them.
    errands: Option<SyncSender<Errand>>,
    fold: SyncSender<Message>,
    shared: Arc<Shared>,
}

/// Waits, for a bounded time, until an observation is on the disk.
#[must_use]
pub struct Receipt {
    pub(super) written: Option<oneshot::Receiver<()>>,
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
        self.shared.in_flight.one_more()
    }

    pub(super) fn record(&self, observation: Observation) -> Receipt {
        if let Verdict::Count { is_news } =
            self.shared.meters.admit(&observation, self.shared.clock.instant())
        {
            self.shared.counters.left_out.inc();
            self.wake(is_news);
            return Receipt { written: None, shared: self.shared.clone() };
        }
        self.write(observation)
    }

    pub(super) fn refuse(&self, observation: Observation) {
        match self.shared.meters.refuse(&observation, self.shared.clock.instant()) {
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
        let (waiter, written) = oneshot::channel();
        let at = observation.at;
        let queued = self.queue.try_send(Entry::Observed(Box::new(observation), waiter));
        if queued.is_err() {
            self.shared.lose(at, 1);
        }
        Receipt { written: queued.is_ok().then_some(written), shared: self.shared.clone() }
    }

    pub(super) fn learn(&self, event: Event) -> bool {
        // Facts about content can be learned again at its next pull, so a full queue loses no truth.
        self.shared.meters.may_learn(self.shared.clock.instant())
            && self.queue.try_send(Entry::Learned(event)).is_ok()
    }

    /// Hands over a change and waits until the view shows it. With `seen`, only if no act after that one is in the log.
    pub(super) async fn append(&self, event: Event, seen: Option<u64>) -> Result<(), AppendError> {
        let (answer, answered) = oneshot::channel();
        let (is_act, overtakes) = (event.act().is_some(), overtakes(&event));
        let change = Change { event, seen, answer };
        if let Some(errands) = self.errands.as_ref().filter(|_| is_act) {
            errands.try_send(Errand::Change(Box::new(change))).map_err(refused)?;
        } else if overtakes {
            self.changes.try_send(change).map_err(refused)?;
            self.wake(true);
        } else {
            self.queue.try_send(Entry::Change(change)).map_err(refused)?;
        }
        answered.await.unwrap_or(Err(AppendError::Closed))
    }

    /// Waits until the view shows everything that was in the log when this was called, whichever replica wrote it; not at all
    /// where no other does, or this one is behind the others.
    pub(super) async fn look(&self) {
        let (answer, shown) = oneshot::channel();
        let fold = self.fold.clone();
        let show = move |number| {
            // At the end nobody is there any more.
            let _ = fold.send(Message::Show { number, answers: vec![(answer, Ok(()))] });
        };
        if self.shared.engine.look(Box::new(show)) {
            let _ = shown.await;
        }
    }

    /// The engine, once everything that was handed over before is kept. Blocks as long as that takes.
    pub(super) fn kept(&self) -> Result<&dyn Engine, ReadError> {
        let (answer, kept) = sync_channel(1);
        self.queue.send(Entry::Keep(answer)).map_err(|_| ReadError::Closed)?;
        if kept.recv() == Ok(true) { Ok(&*self.shared.engine) } else { Err(ReadError::Closed) }
    }

    /// The engine, with whatever is kept by now.
    pub(super) fn engine(&self) -> Arc<dyn Engine> {
        self.shared.engine.clone()
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    pub(super) fn health(&self) -> Health {
        self.shared.health()
    }

    /// Registers counters and gauges.
    pub(super) fn register(
        &self,
        registry: &mut Registry,
        known: impl Fn(Health) -> Health + Send + Sync + 'static,
    ) {
        self.shared.counters.register(registry);
        let shared = self.shared.clone();
        let gauges = Gauges::new(move || known(shared.health()));
        registry.sub_registry_with_prefix("landfall_log").register_collector(Box::new(gauges));
    }

    /// Losses that are not in the log yet.
    #[cfg(test)]
    pub(super) fn pending_losses(&self) -> u64 {
        shared::locked(&self.shared.gap).map_or(0, |gap| gap.lost)
    }

    /// Forgets these, as no log should.
    #[cfg(test)]
    pub(super) fn forget_gap(&self) {
        *shared::locked(&self.shared.gap) = None;
    }

    pub(super) fn stop(&self) {
        if let Some(errands) = &self.errands {
            let _ = errands.send(Errand::Stop);
        }
        // A writer that has ended already needs no telling. Blocks while the queue is full; the writer empties it.
        let _ = self.queue.send(Entry::Stop);
    }
}

/// Tells whether a change may be written before observations that were handed over earlier: on a slow disk tens of thousands of
/// them wait, and who revokes a token must not wait behind them. The log's order is that of writing, and the fold takes
/// an observation by a token that was revoked meanwhile as one that was answered before; what comes late for an
/// environment that was deleted meanwhile, it leaves aside. Only where an environment is made anew, under the name of
/// one that was deleted, could what comes late be taken for its own.
fn overtakes(event: &Event) -> bool {
    match event {
        Event::Acted(act) => !matches!(act.action, Action::EnvironmentCreated { .. }),
        // An event that tells of pulls keeps its place among them.
        Event::Observed(_)
        | Event::Learned { .. }
        | Event::Gap { .. }
        | Event::Refused { .. }
        | Event::LeftOut(_)
        | Event::ClockStepped { .. }
        | Event::CaughtUp { .. }
        | Event::Reported(_) => false,
    }
}

fn refused<T>(error: TrySendError<T>) -> AppendError {
    match error {
        TrySendError::Full(_) => AppendError::Busy,
        TrySendError::Disconnected(_) => AppendError::Closed,
    }
}

/// A recorder over an engine, and its writer, for which `entries_max` may wait; and a clerk, where the engine has a desk.
pub(super) fn new(
    entries_max: usize,
    engine: Arc<dyn Engine>,
    counters: Counters,
    clock: Clock,
    last_stamp: Option<Time>,
    fold: FoldSender,
) -> (Recorder, Writer, Option<Clerk>) {
    let (queue, entries) = sync_channel(entries_max);
    let (changes, waiting_changes) = sync_channel(CHANGES_MAX);
    let (errands, clerk) = match engine.desk() {
        None => (None, None),
        Some(_) => {
            let (sender, errands) = sync_channel(CHANGES_MAX);
            (Some(sender), Some(Clerk { engine: engine.clone(), errands, fold: fold.another() }))
        }
    };
    let monitor = clock.monitor(last_stamp);
    let shared = Arc::new(Shared::new(engine, counters, clock));
    let queues = Queues { entries, changes: waiting_changes };
    let to_fold = fold.another();
    let writer = Writer::new(shared.clone(), queues, fold, monitor);
    (Recorder { queue, changes, errands, fold: to_fold, shared }, writer, clerk)
}

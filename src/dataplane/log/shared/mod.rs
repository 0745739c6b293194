//! The log that several replicas share over a stream, as an engine.
//!
//! ```text
//! observations → outbox: journal, one sync → answers go out        acts → desk ─┐
//!                   └──────────── shipper ──────────────────────────────────────┴→ stream → follower → database, fold
//! ```
//!
//! A client waits for this machine's disk alone, as in a log that is not shared. The log is what the follower read: all
//! replicas have the same events under the same numbers.
//!
//! | file | purpose |
//! | --- | --- |
//! | `replica/` | the core of a replica: pure, with time as an argument, and its simulation |
//! | `runner.rs`, `runner/` | the thread that does what the core says; its word on itself; times of events |
//! | `outbox.rs` | this replica's own events, until the stream surely has them |
//! | `keeper.rs` | what was followed, in the database; and taking it back |
//! | `looks.rs` | requests that wait for everything that the stream has |
//! | `beat.rs` | what replicas say of themselves |
//! | `stamps.rs` | times of events beside the stream's |
//! | `stream.rs`, `nats.rs`, `nats/` | the stream, for the runner; NATS JetStream as one |
//! | `publish.rs` | a log that one server wrote, into an empty stream |
//! | `memory.rs`, `tests.rs`, `tests/` | tests: a stream in memory; whole logs over it |

mod beat;
mod keeper;
mod looks;
#[cfg(test)]
mod memory;
#[cfg(feature = "shared")]
mod nats;
mod outbox;
#[cfg(feature = "shared")]
mod publish;
mod replica;
mod runner;
mod stamps;
mod stream;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;

use super::codec;
use super::engine::{
    BEHIND_AFTER, Deliver, Desk, Engine, EngineHealth, Events, Group, Kept, Refusal, Sharing, Shown,
    Snapshot, Whole,
};
use super::error::{Astray, OpenError, ReadError};
use super::local::files::JOURNAL;
use super::local::scrub::Scrubber;
use crate::model::event::Event;
use keeper::{Found, Keeper};
use looks::Looks;
#[cfg(feature = "shared")]
pub(super) use nats::Nats;
#[cfg(feature = "shared")]
pub use nats::{NatsError, NatsSettings};
use outbox::Outbox;
#[cfg(feature = "shared")]
pub use publish::{PublishError, publish};
pub(super) use replica::Role;
use replica::{Beginning, Halt, Outbox as _, Replica, Unreadable};
use runner::{Asked, Parcel, Report, Runner};
use stream::Stream;

/// Time that the outbox keeps events which its own follower saw: longer than a stream that loses its end may have stood.
const FORGET_AFTER: Duration = Duration::from_secs(600);
/// Longest wait for an act, whatever becomes of it: more than the desk takes, and its turn before.
const ACT_WAIT: Duration = Duration::from_secs(40);

/// A log in a folder of this machine, of which others have replicas.
pub(super) struct Shared {
    name: String,
    role: Role,
    outbox: Arc<Outbox>,
    keeper: Arc<Keeper>,
    stream: Arc<dyn Stream>,
    scrubber: Scrubber,
    report: Arc<Mutex<Report>>,
    sender: Sender<Parcel>,
    /// State that the runner begins with, until it does.
    beginning: Mutex<Option<(Found, Receiver<Parcel>)>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Shared {
    /// The log in the folder `dir`, which is made if it does not exist, as the replica `name` over this stream. Failures to write are counted.
    ///
    /// # Errors
    /// The folder has a log that is not shared, or one of another replica or role; or as for one that is not shared.
    pub(super) fn open(
        dir: &Path,
        name: &str,
        role: Role,
        stream: Arc<dyn Stream>,
        failures: &Counter,
    ) -> Result<Self, OpenError> {
        if dir.join(JOURNAL).exists() {
            return Err(OpenError::Alone { path: dir.to_owned() });
        }
        let keeper = Arc::new(Keeper::open(dir.to_owned(), failures.clone())?);
        let outbox = Arc::new(Outbox::open(dir, name, role, failures.clone())?);
        let (sender, parcels) = channel();
        let found = keeper.found()?;
        let standing = Replica::new(beginning(role, &found, &outbox, 0, 0), Instant::now()).standing();
        let report = Report {
            standing,
            recorded: 0,
            heard_at: None,
            unread: None,
            whole_at: Instant::now(),
            ahead: None,
            is_mending: false,
            aside: Vec::new(),
            replicas: Vec::new(),
        };
        Ok(Self {
            name: name.to_owned(),
            role,
            outbox,
            keeper,
            stream,
            scrubber: Scrubber::default(),
            report: Arc::new(Mutex::new(report)),
            sender,
            beginning: Mutex::new(Some((found, parcels))),
            thread: Mutex::default(),
        })
    }

    /// The reason why the replica does not share, in words, with what to do.
    fn trouble(&self, report: &Report, now: Instant) -> Option<String> {
        if let Some(why) = self.stream.refused() {
            return Some(format!("the stream is not used, because {why}"));
        }
        if report.standing.is_copied {
            return Some(
                "another process ships under this data folder's name: it was copied. Stop one of the two, and start it with an \
                 empty folder, which is filled from the stream"
                    .to_owned(),
            );
        }
        let newer = |sequence| format!("message {sequence} is of a later release: run that one here");
        if let Some(ahead) = report.ahead {
            return Some(format!(
                "this machine's clock is {} s ahead of the stream's: what it observes is put back to when the stream stored it. Set \
                 the clock",
                ahead.ms() / 1000
            ));
        }
        match (report.standing.halt, report.unread) {
            (Some(Halt::Message { sequence, why: Unreadable::Newer(_) }), _) | (None, Some(sequence)) => {
                Some(newer(sequence))
            }
            (Some(Halt::Message { sequence, why: Unreadable::Damaged }), _) => Some(format!(
                "message {sequence} of the stream is damaged at the server that answers; repair or remove that server's copy"
            )),
            (Some(Halt::TooFarBack), _) => Some(
                "the stream went back further than this replica remembers, or is another one: bring back its data, or start this \
                 replica with an empty folder if the others have everything"
                    .to_owned(),
            ),
            (None, None) if !report.is_answered(now) => Some(
                "the stream does not answer: changes are refused until it does, and pulls are tracked and shipped then"
                    .to_owned(),
            ),
            (None, None) => None,
        }
    }
}

/// State that the core begins with.
fn beginning(role: Role, found: &Found, outbox: &Outbox, forgotten: u64, last: u64) -> Beginning {
    Beginning {
        role,
        writer: outbox.writer(),
        place: found.place.clone(),
        steps: found.steps.clone(),
        lost: found.lost.clone(),
        forgotten,
        last,
        next_act: outbox.next_act(),
        forget_after: FORGET_AFTER,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The guarded value is whole at every instant, even after a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine for Shared {
    fn begin(&self, deliver: Deliver) -> Result<(), OpenError> {
        let sender = self.sender.clone();
        let woken = Arc::new(AtomicBool::new(false));
        let is_woken = woken.clone();
        self.outbox.begin(move || {
            // One is enough until it is taken.
            if !is_woken.swap(true, Ordering::AcqRel) {
                let _ = sender.send(Parcel::Wake);
            }
        })?;
        let Some((found, parcels)) = locked(&self.beginning).take() else { return Ok(()) };
        self.stream.begin(found.place.sequence == 0);
        let (forgotten, last) = (self.outbox.forgotten()?, self.outbox.last());
        let beginning = beginning(self.role, &found, &self.outbox, forgotten, last);
        let replica = Replica::new(beginning, Instant::now());
        let runner = Runner {
            replica,
            outbox: self.outbox.clone(),
            keeper: self.keeper.clone(),
            stream: self.stream.clone(),
            deliver,
            report: self.report.clone(),
            parcels,
            sender: self.sender.clone(),
            acts: VecDeque::new(),
            current: None,
            forget: 0,
            woken,
            name: self.name.clone(),
            looks: Looks::default(),
            role: self.role,
            hurry_until: Instant::now(),
            beat_at: Some(Instant::now()),
            owed: None,
            said_at: None,
            aside_at: None,
            stopped_at: None,
        };
        let thread = std::thread::Builder::new().name("log-replica".to_owned()).spawn(move || runner.run());
        let failed = |source| OpenError::Io { path: "a thread of the log".into(), source };
        *locked(&self.thread) = Some(thread.map_err(failed)?);
        Ok(())
    }

    fn append(
        &self,
        group: &mut Group,
        _seen: Option<u64>,
        durable: &mut dyn FnMut(),
    ) -> Result<u64, Refusal> {
        self.outbox.append(group, durable).map(|()| 0)
    }

    fn desk(&self) -> Option<&dyn Desk> {
        Some(self)
    }

    fn look(&self, shown: Shown) -> bool {
        // Nobody waits for a stream that is away, or for what takes longer to follow than anybody waits; and an edge is asked nothing.
        let is_of_use = self.role == Role::Full && !self.is_behind();
        is_of_use && self.sender.send(Parcel::Look(shown)).is_ok()
    }

    fn era(&self) -> u64 {
        self.keeper.era()
    }

    fn is_mending(&self) -> bool {
        locked(&self.report).is_mending
    }

    fn keep(&self, now: Instant, is_asked: bool) -> Kept {
        let (followed, outbox) = (self.keeper.keep(now, is_asked), self.outbox.keep(now, is_asked));
        Kept { is_all: followed.is_all, due: followed.due.into_iter().chain(outbox.due).min() }
    }

    fn events_after(&self, after: u64) -> Result<Events, ReadError> {
        self.keeper.store()?.events_after(after)
    }

    fn events_at(&self, numbers: &[u64]) -> Result<Vec<(u64, Event)>, ReadError> {
        self.keeper.store()?.events_at(numbers.iter().copied())?.collect()
    }

    fn whole(&self) -> Result<Whole, ReadError> {
        Ok(self.keeper.store()?.whole()?)
    }

    fn snapshot(&self, which: Snapshot) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.keeper.store()?.snapshot(which)?)
    }

    fn keep_snapshot(&self, which: Snapshot, era: u64, bytes: &[u8]) -> Result<(), ReadError> {
        self.keeper.keep_snapshot(which, era, bytes)
    }

    fn remove(
        &self,
        through: u64,
        is_removed: fn(&Event) -> bool,
        events_max: u64,
    ) -> Result<bool, ReadError> {
        Ok(self.keeper.store()?.remove(through, is_removed, events_max)?)
    }

    fn scrub(&self, now: Instant) -> Duration {
        self.scrubber.step(self.keeper.store().ok().as_ref(), now)
    }

    fn check_place(&self) -> Result<(), Astray> {
        self.keeper.check_place().and_then(|()| self.outbox.check_place())
    }

    fn health(&self) -> EngineHealth {
        let (outbox, found) = (self.outbox.health(), self.scrubber.found());
        EngineHealth {
            is_keeping_refused: outbox.is_keeping_refused || self.keeper.is_failing(),
            free_bytes: outbox.free_bytes,
            damaged_events: found.damaged,
            scrubbed_at: found.ended_at,
        }
    }

    fn is_behind(&self) -> bool {
        let (report, now) = (locked(&self.report), Instant::now());
        !report.is_answered(now) || report.lag(now) >= BEHIND_AFTER
    }

    fn sharing(&self) -> Option<Sharing> {
        let (mut report, now) = (locked(&self.report).clone(), Instant::now());
        for peer in &mut report.replicas {
            let aside = report.aside.iter().find(|(edge, _)| edge.is_of(&peer.name));
            peer.set_aside = aside.map_or(0, |(_, messages)| *messages);
        }
        Some(Sharing {
            name: self.name.clone(),
            unshipped: report.recorded.saturating_sub(report.standing.shipped),
            behind: report.standing.head.saturating_sub(report.standing.sequence),
            missing: report.standing.missing,
            lag: report.lag(now),
            is_answered: report.is_answered(now),
            trouble: self.trouble(&report, now),
            acts: report.standing.acts,
            set_aside: report.aside.iter().map(|(_, messages)| messages).sum(),
            replicas: report.replicas,
        })
    }

    fn close(&self) {
        let _ = self.sender.send(Parcel::Stop);
        if let Some(thread) = locked(&self.thread).take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
        self.outbox.close();
        self.keeper.close();
    }
}

impl Desk for Shared {
    fn append(&self, act: &Event, seen: Option<u64>) -> Result<u64, Refusal> {
        let away = |what: &str| Refusal::Away(what.to_owned());
        let mut bytes = Vec::new();
        codec::encode(act, &mut bytes).map_err(|error| Refusal::Unwritable(error.to_string()))?;
        let (answer, answered) = sync_channel(1);
        let asked = Asked { act: bytes, seen, answer, since: Instant::now() };
        self.sender.send(Parcel::Act(asked)).map_err(|_| away("the log is closed"))?;
        answered.recv_timeout(ACT_WAIT).map_err(|error| match error {
            RecvTimeoutError::Timeout => away("nobody said in time what became of the act"),
            RecvTimeoutError::Disconnected => away("the log is closed"),
        })?
    }
}

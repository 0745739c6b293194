//! The outbox: this replica's own events, durable here and not yet surely in the stream. A journal and a database as those of
//! a log that is not shared, in a folder of their own, under the writer's own numbers.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use prometheus_client::metrics::counter::Counter;

use super::replica::{self, Role, WriterId};
use crate::log::codec;
use crate::log::engine::{Engine, EngineHealth, Group, Kept, Numbered, Refusal};
use crate::log::error::{Astray, OpenError};
use crate::log::local::Local;
use crate::log::local::files::OUTBOX;
use crate::model::event::Event;

/// Events that wait for the stream at most: some 1 GiB. More are lost and counted.
const UNSHIPPED_MAX: u64 = 3_000_000;
/// Bytes of the latest events that are at hand without a read: those that the database may not have yet are among them.
const TAIL_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Events that are forgotten in one commit.
const FORGOTTEN_MAX: u64 = 20_000;
/// Names of facts: the writer, how many processes began, and the replica's role.
const WRITER: &str = "writer";
const ROLE: &str = "role";
const STARTS: &str = "starts";

/// The outbox of one process.
pub(super) struct Outbox {
    local: Local,
    tail: Arc<Tail>,
    writer: WriterId,
    /// Number of processes that began with it, this one included.
    starts: u64,
    /// The number up to which everything is in the stream, as far as is known.
    shipped: AtomicU64,
}

impl Outbox {
    /// The outbox in the data folder `dir`, which is made if it does not exist, of the replica with this name and role.
    pub(super) fn open(dir: &Path, name: &str, role: Role, failures: Counter) -> Result<Self, OpenError> {
        let dir = dir.join(OUTBOX);
        let local = Local::open(&dir, failures)?;
        let store = local.store().map_err(|error| error.at_opening(&dir))?;
        let damaged = |what: &str| OpenError::Damaged {
            path: store.path().to_owned(),
            reason: format!("{what} is not what was written"),
        };
        let writer = match store.fact(WRITER)? {
            Some(bytes) => WriterId::from_bytes(bytes.try_into().map_err(|_| damaged("its writer's name"))?),
            None => new_writer(&dir, name)?,
        };
        if !writer.is_of(name) {
            return Err(OpenError::Renamed { path: store.path().to_owned() });
        }
        if let Some(was) = store.fact(ROLE)?.filter(|was| was != role.as_str().as_bytes()) {
            let was = String::from_utf8_lossy(&was).into_owned();
            return Err(OpenError::Role { path: store.path().to_owned(), was });
        }
        let starts = match store.fact(STARTS)? {
            Some(bytes) => {
                u64::from_le_bytes(bytes.try_into().map_err(|_| damaged("its number of starts"))?) + 1
            }
            None => 1,
        };
        let facts: [(&str, &[u8]); 3] =
            [(WRITER, &writer.to_bytes()), (STARTS, &starts.to_le_bytes()), (ROLE, role.as_str().as_bytes())];
        store.keep_facts(&facts)?;
        let tail = Arc::default();
        Ok(Self { local, tail, writer, starts, shipped: AtomicU64::new(0) })
    }

    /// Takes over what only the journal had, and calls `wake` whenever there is more.
    pub(super) fn begin(&self, wake: impl Fn() + Send + Sync + 'static) -> Result<(), OpenError> {
        let tail = self.tail.clone();
        self.local.begin(Box::new(move |numbered| {
            tail.take(numbered);
            wake();
        }))?;
        let head = self.head()?;
        self.tail.begin(head.last);
        self.shipped.store(head.thinned, Ordering::Relaxed);
        Ok(())
    }

    fn head(&self) -> Result<crate::log::local::store::Head, OpenError> {
        let store = self.local.store().map_err(|error| error.at_opening(OUTBOX.as_ref()))?;
        Ok(store.head()?)
    }

    pub(super) fn writer(&self) -> WriterId {
        self.writer
    }

    /// A number for the next act that is higher than those of former processes.
    pub(super) fn next_act(&self) -> u64 {
        self.starts << 32
    }

    /// The number up to which events are forgotten.
    pub(super) fn forgotten(&self) -> Result<u64, OpenError> {
        Ok(self.head()?.thinned)
    }

    /// Makes the group durable and empties it; see [`Engine::append`].
    pub(super) fn append(&self, group: &mut Group, durable: &mut dyn FnMut()) -> Result<(), Refusal> {
        // It tells of this machine's clock, and the log is not this machine's alone.
        while let Some(place) =
            group.events().iter().position(|event| matches!(event, Event::ClockStepped { .. }))
        {
            group.remove(place);
        }
        let unshipped = self.tail.last().saturating_sub(self.shipped.load(Ordering::Relaxed));
        if unshipped >= UNSHIPPED_MAX && !group.events().is_empty() {
            let what = "the outbox is full: the stream that the replicas share takes nothing";
            return Err(Refusal::Unwritable(what.to_owned()));
        }
        self.local.append(group, None, durable).map(drop)
    }

    /// Takes note of how far everything is in the stream.
    pub(super) fn set_shipped(&self, number: u64) {
        self.shipped.store(number, Ordering::Relaxed);
    }

    /// Forgets some events up to this number. Returns whether that is all.
    pub(super) fn forget(&self, through: u64) -> bool {
        match self.local.remove(through, |_| true, FORGOTTEN_MAX) {
            Ok(is_more) => !is_more,
            // They take room, and that is all.
            Err(_) => true,
        }
    }

    pub(super) fn keep(&self, now: Instant, is_asked: bool) -> Kept {
        self.local.keep(now, is_asked)
    }

    pub(super) fn check_place(&self) -> Result<(), Astray> {
        self.local.check_place()
    }

    pub(super) fn health(&self) -> EngineHealth {
        self.local.health()
    }

    pub(super) fn close(&self) {
        self.local.close();
    }
}

/// A writer that there is not yet, of the replica with this name.
pub(super) fn new_writer(dir: &Path, name: &str) -> Result<WriterId, OpenError> {
    let mut bytes = [0; WriterId::RANDOM_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| OpenError::Io {
        path: dir.to_owned(),
        source: std::io::Error::other(error.to_string()),
    })?;
    Ok(WriterId::of(name, bytes))
}

impl replica::Outbox for Outbox {
    fn last(&self) -> u64 {
        self.tail.last()
    }

    fn after(&self, after: u64, events_max: usize, bytes_max: usize) -> Vec<Vec<u8>> {
        let mut taken = Taken { events: Vec::new(), bytes: 0, events_max, bytes_max };
        if self.tail.after(after, &mut taken) {
            return taken.events;
        }
        let Ok(mut entries) = self.local.store().and_then(|store| Ok(store.entries_after(after)?)) else {
            return Vec::new();
        };
        let mut number = after;
        while let Some(Ok(true)) = entries.next(|next, bytes| {
            number += 1;
            next == number && taken.push(bytes)
        }) {}
        taken.events
    }
}

/// Events of one shipment.
struct Taken {
    events: Vec<Vec<u8>>,
    bytes: usize,
    events_max: usize,
    bytes_max: usize,
}

impl Taken {
    /// Takes one more, if there is room.
    fn push(&mut self, event: &[u8]) -> bool {
        let has_room = self.events.len() < self.events_max && self.bytes + event.len() <= self.bytes_max;
        let is_taken = has_room || self.events.is_empty();
        if is_taken {
            self.bytes += event.len();
            self.events.push(event.to_vec());
        }
        is_taken
    }
}

/// The latest events, at hand.
#[derive(Default)]
struct Tail(Mutex<Latest>);

#[derive(Default)]
struct Latest {
    events: VecDeque<Vec<u8>>,
    bytes: usize,
    /// The number of the last event; 0 for none.
    last: u64,
}

impl Tail {
    fn begin(&self, last: u64) {
        *self.lock() = Latest { last, ..Latest::default() };
    }

    fn take(&self, Numbered { events, .. }: Numbered) {
        let mut latest = self.lock();
        for event in events {
            let mut bytes = Vec::new();
            // It had bytes when it was written.
            let _ = codec::encode(&event, &mut bytes);
            latest.bytes += bytes.len();
            latest.last += 1;
            latest.events.push_back(bytes);
        }
        while latest.bytes > TAIL_BYTES_MAX
            && let Some(first) = latest.events.pop_front()
        {
            latest.bytes -= first.len();
        }
    }

    fn last(&self) -> u64 {
        self.lock().last
    }

    /// Has `taken` take the events after the number `after`. Returns whether they are at hand.
    fn after(&self, after: u64, taken: &mut Taken) -> bool {
        let latest = self.lock();
        let before = latest.last - latest.events.len() as u64;
        let Some(place) = after.checked_sub(before) else { return false };
        let _ = latest
            .events
            .iter()
            .skip(usize::try_from(place).unwrap_or(usize::MAX))
            .all(|event| taken.push(event));
        true
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        // Events that a panic left out are in the database.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

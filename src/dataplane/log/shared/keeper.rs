//! The keeper: takes what was followed into the database, many messages in one commit, and takes it back.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use prometheus_client::metrics::counter::Counter;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::replica::{Place, STEPS_MAX, Shipment, Step, WriterId};
use crate::log::engine::{Kept, Snapshot};
use crate::log::error::{Astray, Fault, OpenError, ReadError};
use crate::log::local::files::{DATABASE, OpenFiles};
use crate::log::local::pace::{self, Waiting};
use crate::log::local::store::{Followed, Slot, Store};

/// At this many bytes events that were followed are kept at once. Until then the stream has them, so a crash loses nothing.
const BYTES_MAX: usize = 2 * 1024 * 1024;

/// The keeper of one process.
pub(super) struct Keeper {
    slot: Slot,
    dir: PathBuf,
    files: OpenFiles,
    pending: Mutex<Pending>,
    /// Time at which the pending events are due; held while the database is written.
    due: Mutex<Option<Instant>>,
    is_failing: AtomicBool,
    era: AtomicU64,
    failures: Counter,
}

#[derive(Default)]
struct Pending {
    followed: Followed,
    bytes: usize,
}

/// State that an earlier process kept.
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) steps: Vec<Step>,
    pub(super) lost: Vec<Shipment>,
}

impl Keeper {
    /// The keeper of the database in the data folder `dir`, which is made if it does not exist.
    pub(super) fn open(dir: PathBuf, failures: Counter) -> Result<Self, OpenError> {
        let slot = Slot::new(Store::open(&dir)?);
        let failed = |source| OpenError::Io { path: dir.clone(), source };
        let files = OpenFiles::named(&dir, &[DATABASE]).map_err(failed)?;
        let (pending, due, era) = Default::default();
        Ok(Self { slot, dir, files, pending, due, is_failing: AtomicBool::new(false), era, failures })
    }

    /// State that the folder holds.
    pub(super) fn found(&self) -> Result<Found, OpenError> {
        let store = self.store().map_err(|error| error.at_opening(&self.dir))?;
        let damaged = |what: &str| OpenError::Damaged {
            path: store.path().to_owned(),
            reason: format!("{what} cannot be read"),
        };
        let Some((place, lost)) = store.followed()? else {
            let (place, steps, lost) = Default::default();
            return Ok(Found { place, steps, lost });
        };
        let place: Place = decode(&place).ok_or_else(|| damaged("how far the stream was followed"))?;
        let steps = store.steps()?.iter().map(|bytes| decode(bytes)).collect::<Option<_>>();
        let lost: Option<Vec<Vec<u8>>> = decode(&lost);
        let lost = lost.and_then(|lost| lost.iter().map(|bytes| Shipment::decode(bytes).ok()).collect());
        if place.position != store.head()?.last {
            return Err(damaged("the last event, which is not where the stream was followed to, and"));
        }
        Ok(Found {
            place,
            steps: steps.ok_or_else(|| damaged("a step along the stream"))?,
            lost: lost.ok_or_else(|| damaged("what is to be shipped again"))?,
        })
    }

    /// The open database. It is closed for moments after a failure.
    pub(super) fn store(&self) -> Result<Store, ReadError> {
        self.slot.get().ok_or(ReadError::Closed)
    }

    /// Number of times that kept events were taken back.
    pub(super) fn era(&self) -> u64 {
        self.era.load(Ordering::Acquire)
    }

    /// Takes steps with the events that were new in them, which led to `place`.
    pub(super) fn take<'a>(
        &self,
        steps: impl Iterator<Item = (&'a Step, &'a [Vec<u8>])>,
        place: &Place,
        lost: &[u8],
    ) {
        let mut pending = locked(&self.pending);
        for (step, events) in steps {
            if pending.followed.events.is_empty() {
                pending.followed.first = step.first_position();
            }
            pending.bytes += 100 + events.iter().map(Vec::len).sum::<usize>();
            pending.followed.events.extend_from_slice(events);
            pending.followed.steps.push((step.sequence, encode(step)));
        }
        pending.followed.place = encode(place);
        pending.followed.lost = lost.to_vec();
    }

    /// The bytes that wait for the database.
    pub(super) fn pending_bytes(&self) -> usize {
        locked(&self.pending).bytes
    }

    /// Lets the database take what is pending, if it is time for that, or at once where that `is_asked`.
    pub(super) fn keep(&self, now: Instant, is_asked: bool) -> Kept {
        let mut due = locked(&self.due);
        let is_failing = self.is_failing();
        let waiting = Waiting {
            bytes: locked(&self.pending).bytes,
            bytes_max: BYTES_MAX,
            is_failing,
            is_closed: is_failing && self.slot.get().is_none(),
        };
        pace::keep(&mut due, &waiting, now, is_asked, || self.flush())
    }

    /// Lets the database take what is pending. Returns whether it did. The caller holds `due`.
    fn flush(&self) -> bool {
        let Pending { mut followed, bytes } = std::mem::take(&mut *locked(&self.pending));
        let follow = |store: &Store| store.follow(&followed, STEPS_MAX as u64);
        if self.write(follow) {
            return true;
        }
        let mut pending = locked(&self.pending);
        let later = std::mem::take(&mut pending.followed);
        followed.events.extend(later.events);
        followed.steps.extend(later.steps);
        if !later.place.is_empty() {
            (followed.place, followed.lost) = (later.place, later.lost);
        }
        pending.followed = followed;
        pending.bytes += bytes;
        false
    }

    /// Writes to the database. redb refuses everything after a failed write, so the database is closed then and opened again.
    fn write(&self, work: impl FnOnce(&Store) -> Result<(), Fault>) -> bool {
        let written = self.slot.open_again(&self.dir, &self.files).is_some_and(|store| match work(&store) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "the database of the log cannot be written; pulls go on and wait in the outbox");
                false
            }
        });
        if !written {
            self.failures.inc();
            self.slot.set(None);
        }
        self.is_failing.store(!written, Ordering::Relaxed);
        written
    }

    /// Events that were new in steps that are undone, for `writer` to ship them again. Everything followed is kept first.
    pub(super) fn undone(&self, steps: &[Step], writer: WriterId) -> Option<Vec<Shipment>> {
        let mut due = locked(&self.due);
        if locked(&self.pending).bytes > 0 && !self.flush() {
            return None;
        }
        *due = None;
        let first = steps.first()?.first_position();
        let mut entries = self.store().ok()?.entries_after(first - 1).ok()?;
        let mut lost = Vec::new();
        for step in steps {
            let read = (0..step.count()).map(|_| entries.next(|_, bytes| bytes.to_vec())?.ok());
            lost.extend(step.shipments(writer, read.collect::<Option<_>>()?));
        }
        Some(lost)
    }

    /// Takes everything after `place` back, and keeps what is to be shipped again. Returns whether that is so.
    pub(super) fn go_back(&self, place: &Place, lost: &[u8]) -> bool {
        let _due = locked(&self.due);
        let position = place.position;
        let is_thinned = |store: &Store| store.head().is_ok_and(|head| head.thinned > position);
        if self.store().is_ok_and(|store| is_thinned(&store)) {
            tracing::error!(
                position,
                "the stream went back to before what retention removed; restore the stream"
            );
            return false;
        }
        let is_back = self.write(|store| store.go_back(position, place.sequence, &encode(place), lost));
        if is_back {
            self.era.fetch_add(1, Ordering::AcqRel);
        }
        is_back
    }

    /// Keeps a snapshot that was folded in this era.
    pub(super) fn keep_snapshot(&self, which: Snapshot, era: u64, bytes: &[u8]) -> Result<(), ReadError> {
        let _due = locked(&self.due);
        if era == self.era() {
            self.store()?.keep_snapshot(which, bytes)?;
        }
        Ok(())
    }

    pub(super) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    pub(super) fn check_place(&self) -> Result<(), Astray> {
        self.files.check()
    }

    pub(super) fn close(&self) {
        self.slot.set(None);
    }
}

/// Shipments that are to be made again, as they are kept.
pub(super) fn encode_lost<'a>(lost: impl Iterator<Item = &'a Shipment>) -> Vec<u8> {
    encode(&lost.map(Shipment::encode).collect::<Vec<_>>())
}

/// Plain values always have bytes.
fn encode(value: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(value).unwrap_or_default()
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Some(value),
        _ => None,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Its contents are whole at every instant, even after a panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

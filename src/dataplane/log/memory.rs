//! An engine in memory, on a disk that a test fills, breaks and pulls the plug of.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::codec;
use super::engine::{
    Deliver, Engine, EngineHealth, Events, Extent, Group, Kept, Numbered, Refusal, Snapshot, Whole,
};
use super::error::{Astray, OpenError, ReadError};
use super::frame::Frame;
use crate::model::event::Event;

/// Longest time that a frame is only durable while little happens.
const KEEP_PAUSE: Duration = Duration::from_secs(1);
/// Frames that may wait to be kept.
const FRAMES_MAX: usize = 24;

/// Faults that a test plants, to see that it finds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plant {
    /// An append returns before what it wrote survives a loss of power.
    ReturnedBeforeSynced,
    /// The first frame that only the journal has is left out when the log is opened again.
    FrameSkippedAtOpening,
    /// Tells whether an act came between is not looked at.
    ConditionIgnored,
    /// Everything is said to be kept that is only durable, so a snapshot is kept of more.
    SnapshotAhead,
    /// Observations that were lost are not said in the log. Planted by the one that drives the log.
    GapForgotten,
    /// Retention takes acts along.
    ActRemoved,
}

/// The part that survives a crash, and its behaviour.
#[derive(Default)]
pub(super) struct Disk {
    /// Frames that are durable and not kept.
    journal: Vec<Frame>,
    /// Frames that a loss of power may take.
    unsynced: Vec<Frame>,
    kept: BTreeMap<u64, Vec<u8>>,
    thinned: u64,
    snapshots: BTreeMap<&'static str, Vec<u8>>,
    /// No append succeeds.
    pub(super) is_full: bool,
    /// Nothing is kept.
    pub(super) is_keeping_refused: bool,
    /// So many more writes, then the process dies in the midst of one.
    pub(super) writes_left: Option<u64>,
    pub(super) is_dead: bool,
    pub(super) plant: Option<Plant>,
}

impl Disk {
    /// An empty one with this fault.
    pub(super) fn with(plant: Option<Plant>) -> Self {
        Self { plant, ..Self::default() }
    }

    fn last(&self) -> u64 {
        let durable = self.unsynced.last().or(self.journal.last()).map(Frame::last);
        durable.unwrap_or_else(|| self.kept_last())
    }

    fn kept_last(&self) -> u64 {
        self.kept.last_key_value().map_or(0, |(last, _)| *last).max(self.thinned)
    }

    fn extent(&self) -> Extent {
        Extent { last: self.kept_last(), thinned: self.thinned, path: "memory".into() }
    }

    fn keep_all(&mut self) {
        self.journal.append(&mut self.unsynced);
        for frame in self.journal.drain(..) {
            self.kept.extend(frame.entries().map(|(number, bytes)| (number, bytes.to_vec())));
        }
    }

    /// Tells whether the process dies before this write.
    fn dies(&mut self) -> bool {
        match &mut self.writes_left {
            Some(0) => self.is_dead = true,
            Some(left) => *left -= 1,
            None => {}
        }
        self.is_dead
    }

    /// Ends the process, and the power where `is_power_lost`.
    pub(super) fn crash(&mut self, is_power_lost: bool) {
        if is_power_lost {
            self.unsynced.clear();
        }
        self.journal.append(&mut self.unsynced);
        (self.is_full, self.is_keeping_refused, self.is_dead, self.writes_left) = (false, false, false, None);
    }
}

/// The engine of one process.
pub(super) struct Memory {
    disk: Arc<Mutex<Disk>>,
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    deliver: Option<Deliver>,
    last_act: u64,
    due: Option<Instant>,
}

impl Memory {
    pub(super) fn new(disk: Arc<Mutex<Disk>>) -> Self {
        Self { disk, running: Mutex::default() }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap()
    }

    /// The disk, as long as the process lives.
    fn alive(&self) -> Result<MutexGuard<'_, Disk>, ReadError> {
        let disk = self.disk();
        if disk.is_dead { Err(ReadError::Closed) } else { Ok(disk) }
    }

    /// The disk, for a write that the process lives to see.
    fn writable(&self) -> Result<MutexGuard<'_, Disk>, ReadError> {
        let mut disk = self.alive()?;
        if disk.dies() { Err(ReadError::Closed) } else { Ok(disk) }
    }
}

fn read(number: u64, bytes: &[u8]) -> Result<(u64, Event), ReadError> {
    let event = codec::decode(bytes).map_err(|source| ReadError::Entry { sequence: number, source })?;
    Ok((number, event))
}

impl Engine for Memory {
    fn begin(&self, deliver: Deliver) -> Result<(), OpenError> {
        let mut disk = self.disk();
        if disk.plant == Some(Plant::FrameSkippedAtOpening) && !disk.journal.is_empty() {
            disk.journal.remove(0);
        }
        disk.keep_all();
        self.running.lock().unwrap().deliver = Some(deliver);
        Ok(())
    }

    fn append(
        &self,
        group: &mut Group,
        seen: Option<u64>,
        durable: &mut dyn FnMut(),
    ) -> Result<u64, Refusal> {
        let unwritable = |what: &str| Err(Refusal::Unwritable(what.to_owned()));
        let mut disk = self.disk();
        let mut running = self.running.lock().unwrap();
        if disk.is_dead || disk.is_full {
            return unwritable("the disk is full");
        }
        if group.events().is_empty() {
            return Ok(disk.last());
        }
        let is_condition_ignored = disk.plant == Some(Plant::ConditionIgnored);
        if seen.is_some_and(|seen| running.last_act > seen && !is_condition_ignored) {
            return Err(Refusal::Outdated { by: running.last_act });
        }
        if disk.journal.len() >= FRAMES_MAX {
            return unwritable("the journal is full");
        }
        let first = disk.last() + 1;
        group.frame_mut().number(0, first);
        if disk.dies() {
            // It may have come to the disk, and nobody heard of it.
            let (frame, _) = group.take();
            disk.unsynced.push(frame);
            return unwritable("the process died");
        }
        let act = group.last_act();
        let (frame, events) = group.take();
        let last = frame.last();
        running.last_act = act.map_or(running.last_act, |place| first + place as u64);
        let mut before = std::mem::take(&mut disk.unsynced);
        disk.journal.append(&mut before);
        if disk.plant == Some(Plant::ReturnedBeforeSynced) {
            disk.unsynced.push(frame);
        } else {
            disk.journal.push(frame);
        }
        durable();
        if let Some(deliver) = &running.deliver {
            deliver(Numbered { era: 0, first, events });
        }
        Ok(last)
    }

    fn keep(&self, now: Instant, is_asked: bool) -> Kept {
        let (mut disk, mut running) = (self.disk(), self.running.lock().unwrap());
        if disk.journal.is_empty() && disk.unsynced.is_empty() {
            running.due = None;
            return Kept { is_all: !disk.is_dead, due: None };
        }
        if disk.plant == Some(Plant::SnapshotAhead) && is_asked {
            return Kept { is_all: true, due: running.due };
        }
        let due = *running.due.get_or_insert(now + KEEP_PAUSE);
        let is_kept = (is_asked || due <= now) && !disk.is_dead && !disk.is_keeping_refused && !disk.dies();
        if is_kept {
            disk.keep_all();
            running.due = None;
        } else if due <= now {
            running.due = Some(now + KEEP_PAUSE);
        }
        Kept { is_all: is_kept, due: running.due }
    }

    fn events_after(&self, after: u64) -> Result<Events, ReadError> {
        let disk = self.alive()?;
        let rows: Vec<_> =
            disk.kept.range(after + 1..).map(|(number, bytes)| (*number, bytes.clone())).collect();
        Ok(Events::new(disk.extent(), rows.into_iter().map(|(number, bytes)| read(number, &bytes))))
    }

    fn events_at(&self, numbers: &[u64]) -> Result<Vec<(u64, Event)>, ReadError> {
        let disk = self.alive()?;
        numbers.iter().map(|number| read(*number, disk.kept.get(number).ok_or(ReadError::Closed)?)).collect()
    }

    fn whole(&self) -> Result<Whole, ReadError> {
        let disk = self.alive()?;
        let base = disk.snapshots.get(Snapshot::Base.key()).cloned().unwrap_or_default();
        let rows = disk.kept.clone().into_iter().map(Ok);
        Ok(Whole { extent: disk.extent(), base: Box::new(base), events: Box::new(rows) })
    }

    fn snapshot(&self, which: Snapshot) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(self.alive()?.snapshots.get(which.key()).cloned())
    }

    fn keep_snapshot(&self, which: Snapshot, _era: u64, bytes: &[u8]) -> Result<(), ReadError> {
        self.writable()?.snapshots.insert(which.key(), bytes.to_vec());
        Ok(())
    }

    fn remove(
        &self,
        through: u64,
        is_removed: fn(&Event) -> bool,
        events_max: u64,
    ) -> Result<bool, ReadError> {
        let mut disk = self.writable()?;
        let is_act_removed = disk.plant == Some(Plant::ActRemoved);
        let (start, end) = (disk.thinned + 1, through.min(disk.thinned + events_max));
        disk.kept.retain(|number, bytes| {
            let goes = |(_, event)| is_removed(&event) || is_act_removed;
            !((start..=end).contains(number) && read(*number, bytes).is_ok_and(goes))
        });
        disk.thinned = disk.thinned.max(end);
        Ok(end < through)
    }

    fn scrub(&self, _now: Instant) -> Duration {
        Duration::MAX
    }

    fn check_place(&self) -> Result<(), Astray> {
        Ok(())
    }

    fn health(&self) -> EngineHealth {
        let is_keeping_refused = self.disk().is_keeping_refused;
        EngineHealth { is_keeping_refused, free_bytes: u64::MAX, ..EngineHealth::default() }
    }

    fn close(&self) {
        self.running.lock().unwrap().deliver = None;
    }
}

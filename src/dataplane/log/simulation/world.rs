//! Machines for the log: one in memory, one with a folder and a journal; and the ear between engine and log.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::Chance;
use crate::log::counters::Counters;
use crate::log::engine::{
    Deliver, Engine, EngineHealth, Events, Group, Kept, Numbered, Refusal, Snapshot, Whole,
};
use crate::log::error::{Astray, OpenError, ReadError};
use crate::log::local::Local;
use crate::log::local::journal;
use crate::log::local::store::Store;
use crate::log::memory::{Disk, Memory, Plant};
use crate::model::event::Event;

/// A machine whose disk can be told to fail.
pub(super) trait World {
    /// Starts a process there.
    fn open(&mut self, counters: &Counters) -> Result<Arc<dyn Engine>, OpenError>;
    /// Ends the process, and gives the next one a disk that is well.
    fn crash(&mut self, chance: &mut Chance);
    fn is_dead(&self) -> bool;
    fn set_full(&mut self, is_full: bool);
    fn set_keeping_refused(&mut self, is_refused: bool);
    /// Has the process die in the midst of a write after so many others.
    fn die_after(&mut self, writes: u64);
    fn plant(&self) -> Option<Plant> {
        None
    }
}

pub(super) struct InMemory(Arc<Mutex<Disk>>);

impl InMemory {
    pub(super) fn new(plant: Option<Plant>) -> Self {
        Self(Arc::new(Mutex::new(Disk::with(plant))))
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }
}

impl World for InMemory {
    fn open(&mut self, _counters: &Counters) -> Result<Arc<dyn Engine>, OpenError> {
        Ok(Arc::new(Memory::new(self.0.clone())))
    }

    fn crash(&mut self, chance: &mut Chance) {
        self.disk().crash(chance.below(2) == 0);
    }

    fn is_dead(&self) -> bool {
        self.disk().is_dead
    }

    fn set_full(&mut self, is_full: bool) {
        self.disk().is_full = is_full;
    }

    fn set_keeping_refused(&mut self, is_refused: bool) {
        self.disk().is_keeping_refused = is_refused;
    }

    fn die_after(&mut self, writes: u64) {
        self.disk().writes_left = Some(writes);
    }

    fn plant(&self) -> Option<Plant> {
        self.disk().plant
    }
}

/// Pages of a half of the journal.
const HALF_PAGES: u32 = 64;

/// The engine of `landfall serve` in a folder, of which each crash leaves a copy.
pub(super) struct OnDisk {
    dir: tempfile::TempDir,
    plug: Plug,
}

/// State of the journal's disk.
#[derive(Clone, Default)]
struct Plug(Arc<Mutex<Unsynced>>);

#[derive(Default)]
struct Unsynced {
    is_full: bool,
    is_dead: bool,
    writes_left: Option<u64>,
    /// Bytes that were written and not synced, with their place.
    written: Vec<(u64, Vec<u8>)>,
}

/// A disk that has what was written only when it was synced.
struct Plugged {
    disk: Box<dyn journal::Disk>,
    plug: Plug,
}

impl journal::Disk for Plugged {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut plug = self.plug.0.lock().unwrap();
        if plug.is_full || plug.is_dead {
            return Err(io::ErrorKind::StorageFull.into());
        }
        plug.written.push((offset, bytes.to_vec()));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let plug = &mut *self.plug.0.lock().unwrap();
        match &mut plug.writes_left {
            Some(0) => plug.is_dead = true,
            Some(left) => *left -= 1,
            None => {}
        }
        if plug.is_full || plug.is_dead {
            return Err(io::ErrorKind::StorageFull.into());
        }
        plug.written.drain(..).try_for_each(|(offset, bytes)| self.disk.write_all_at(&bytes, offset))
    }
}

fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

impl OnDisk {
    pub(super) fn new() -> Self {
        Self { dir: folder(), plug: Plug::default() }
    }
}

impl World for OnDisk {
    fn open(&mut self, counters: &Counters) -> Result<Arc<dyn Engine>, OpenError> {
        let mut local = Local::of(Store::open(self.dir.path())?, counters.failures.clone());
        let plug = self.plug.clone();
        local.disks.half_pages = Some(HALF_PAGES);
        local.disks.wrap = Some(Box::new(move |disk| Box::new(Plugged { disk, plug: plug.clone() })));
        Ok(Arc::new(local))
    }

    fn crash(&mut self, chance: &mut Chance) {
        let image = folder();
        for file in std::fs::read_dir(self.dir.path()).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), image.path().join(file.file_name())).unwrap();
        }
        let unsynced = std::mem::take(&mut *self.plug.0.lock().unwrap());
        if let Some((offset, bytes)) = unsynced.written.last() {
            // Some of it reached the disk.
            let reached = chance.below(bytes.len() as u64 + 1) as usize;
            let journal = std::fs::File::options().write(true).open(image.path().join("landfall.journal"));
            journal::Disk::write_all_at(&journal.unwrap(), &bytes[..reached], *offset).unwrap();
        }
        self.plug = Plug::default();
        self.dir = image;
    }

    fn is_dead(&self) -> bool {
        self.plug.0.lock().unwrap().is_dead
    }

    fn set_full(&mut self, is_full: bool) {
        self.plug.0.lock().unwrap().is_full = is_full;
    }

    /// The database has a real disk.
    fn set_keeping_refused(&mut self, _is_refused: bool) {}

    fn die_after(&mut self, writes: u64) {
        self.plug.0.lock().unwrap().writes_left = Some(writes);
    }
}

/// Hears what an engine delivers, and holds it back for a while.
pub(super) struct Tap {
    engine: Arc<dyn Engine>,
    line: Arc<Mutex<Line>>,
}

#[derive(Default)]
struct Line {
    heard: Vec<(u64, Event)>,
    is_delayed: bool,
    held_back: VecDeque<Numbered>,
    deliver: Option<Arc<Deliver>>,
}

impl Tap {
    pub(super) fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine, line: Arc::default() }
    }

    /// Takes what was delivered since the last time.
    pub(super) fn heard(&self) -> Vec<(u64, Event)> {
        std::mem::take(&mut self.line.lock().unwrap().heard)
    }

    /// Holds back what is delivered from now on; or lets everything through.
    pub(super) fn set_delayed(&self, is_delayed: bool) {
        let mut line = self.line.lock().unwrap();
        line.is_delayed = is_delayed;
        line.let_through();
    }
}

impl Line {
    fn let_through(&mut self) {
        if let (false, Some(deliver)) = (self.is_delayed, &self.deliver) {
            self.held_back.drain(..).for_each(|numbered| deliver(numbered));
        }
    }
}

impl Engine for Tap {
    fn begin(&self, deliver: Deliver) -> Result<(), OpenError> {
        self.line.lock().unwrap().deliver = Some(Arc::new(deliver));
        let line = self.line.clone();
        self.engine.begin(Box::new(move |numbered| {
            let mut line = line.lock().unwrap();
            line.heard.extend((numbered.first..).zip(numbered.events.iter().cloned()));
            line.held_back.push_back(numbered);
            line.let_through();
        }))
    }

    fn append(
        &self,
        group: &mut Group,
        seen: Option<u64>,
        durable: &mut dyn FnMut(),
    ) -> Result<u64, Refusal> {
        self.engine.append(group, seen, durable)
    }

    fn keep(&self, now: Instant, is_asked: bool) -> Kept {
        self.engine.keep(now, is_asked)
    }

    fn events_after(&self, after: u64) -> Result<Events, ReadError> {
        self.engine.events_after(after)
    }

    fn events_at(&self, numbers: &[u64]) -> Result<Vec<(u64, Event)>, ReadError> {
        self.engine.events_at(numbers)
    }

    fn whole(&self) -> Result<Whole, ReadError> {
        self.engine.whole()
    }

    fn snapshot(&self, which: Snapshot) -> Result<Option<Vec<u8>>, ReadError> {
        self.engine.snapshot(which)
    }

    fn keep_snapshot(&self, which: Snapshot, era: u64, bytes: &[u8]) -> Result<(), ReadError> {
        self.engine.keep_snapshot(which, era, bytes)
    }

    fn remove(
        &self,
        through: u64,
        is_removed: fn(&Event) -> bool,
        events_max: u64,
    ) -> Result<bool, ReadError> {
        self.engine.remove(through, is_removed, events_max)
    }

    fn scrub(&self, now: Instant) -> Duration {
        self.engine.scrub(now)
    }

    fn check_place(&self) -> Result<(), Astray> {
        self.engine.check_place()
    }

    fn health(&self) -> EngineHealth {
        self.engine.health()
    }

    fn close(&self) {
        self.engine.close();
        self.line.lock().unwrap().deliver = None;
    }
}

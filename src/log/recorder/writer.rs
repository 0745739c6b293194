//! The writer: takes what waits into one frame, writes it, and says what became of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::eyes::{Eyes, LOOK_PAUSE};
use super::{AppendError, Change, Entry, Gap, Reader, Shared, locked};
use crate::clock::{self, Watch};
use crate::log::codec::CodecError;
use crate::log::frame::Frame;
use crate::log::herald::{Herald, Waiter};
use crate::log::journal::Journal;
use crate::log::view::{Committed, Follower};
use crate::model::event::{Event, Excess};
use crate::model::log_time::Step;
use crate::model::time::{Span, Time};

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

/// The one that writes.
pub(super) struct Writer {
    shared: Arc<Shared>,
    journal: Journal,
    follower: Follower,
    herald: Herald,
    retry_at: Instant,
    eyes: Eyes,
}

/// What waits for the writer.
pub(super) struct Waiting {
    pub(super) entries: Receiver<Entry>,
    pub(super) changes: Receiver<Change>,
}

impl Waiting {
    /// The next entry; none at the end. Wakes up after `pause`.
    fn next(&self, pause: Duration) -> Option<Entry> {
        match self.entries.recv_timeout(pause) {
            Ok(entry) => Some(entry),
            Err(RecvTimeoutError::Timeout) => Some(Entry::Wake),
            Err(RecvTimeoutError::Disconnected) => None,
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
    /// The clock's steps that it tells, together.
    stepped: Span,
}

impl Batch {
    fn new(frame: Frame) -> Self {
        Self {
            frame,
            events: vec![],
            observers: vec![],
            changers: vec![],
            readers: vec![],
            lost: 0,
            stepped: Span::default(),
        }
    }

    /// Takes the changes that wait, up to a frame's bytes: they go first.
    fn take_changes(&mut self, waiting: &Waiting, eyes: &mut Eyes) {
        while self.frame.bytes().len() < FRAME_BYTES_MAX
            && let Ok(change) = waiting.changes.try_recv()
        {
            self.push_change(change, eyes);
        }
    }

    fn push_change(&mut self, Change { event, told }: Change, eyes: &mut Eyes) {
        if eyes.would_lose(&event) {
            let _ = told.send(Err(AppendError::Astray));
            return;
        }
        match self.push_event(event) {
            Ok(()) => self.changers.push(told),
            Err(_) => {
                let _ = told.send(Err(AppendError::Unwritable));
            }
        }
    }

    /// Takes an entry. Returns whether the queue goes on.
    fn push(&mut self, entry: Entry, waiting: &Waiting, eyes: &mut Eyes) -> bool {
        match entry {
            Entry::Observed(mut observation, told) => {
                if eyes.watch.is_odd(observation.at) {
                    self.push_step(&mut eyes.watch);
                }
                observation.at = eyes.watch.put_right(observation.at);
                match self.push_event(Event::Observed(*observation)) {
                    Ok(()) => self.observers.push(told),
                    Err(_) => self.lost += 1,
                }
            }
            Entry::Learned(event) => {
                let _ = self.push_event(event);
            }
            Entry::Change(change) => self.push_change(change, eyes),
            Entry::Wake => {}
            // Both mean everything that was handed over before: changes, too.
            Entry::Read(told) => {
                self.take_changes(waiting, eyes);
                self.readers.push(told);
            }
            Entry::Stop => {
                self.take_changes(waiting, eyes);
                return false;
            }
        }
        true
    }

    /// Tells a step of the clock before what is stamped by the clock after it.
    fn push_step(&mut self, watch: &mut Watch) {
        let Some(Step { at, by, .. }) = watch.look() else { return };
        self.stepped = self.stepped + by;
        // Two numbers have bytes.
        let _ = self.push_event(Event::ClockStepped { at, by_ms: by.ms() });
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
    fn fill(&mut self, waiting: &Waiting, eyes: &mut Eyes) -> bool {
        while self.events.len() < FRAME_ENTRIES_MAX && self.frame.bytes().len() < FRAME_BYTES_MAX {
            match waiting.entries.try_recv() {
                Ok(entry) => {
                    if !self.push(entry, waiting, eyes) {
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
    pub(super) fn new(shared: Arc<Shared>, journal: Journal, follower: Follower, eyes: Eyes) -> Self {
        Self { shared, journal, follower, herald: Herald::start(), retry_at: Instant::now(), eyes }
    }

    /// Writes until the queue is closed, and then the changes that are left.
    pub(super) fn run(mut self, waiting: &Waiting) {
        let (mut open, mut next) = (true, Some(Entry::Wake));
        while open && let Some(first) = next {
            let mut batch = Batch::new(self.journal.frame());
            self.eyes.glance();
            batch.push_step(&mut self.eyes.watch);
            let gap = batch.push_gap(&self.shared);
            batch.take_changes(waiting, &mut self.eyes);
            batch.push_counted(self.shared.meters.take_due(Instant::now()));
            open = batch.push(first, waiting, &mut self.eyes) && batch.fill(waiting, &mut self.eyes);
            open = open && self.gather(&mut batch, waiting);
            if !open {
                batch.push_counted(self.shared.meters.take_all(Instant::now()));
            }
            self.write(batch, gap);
            next = if open { self.next(waiting) } else { None };
        }
        self.write_changes(waiting);
    }

    /// Writes the changes that are left at the end.
    fn write_changes(&mut self, waiting: &Waiting) {
        loop {
            let mut batch = Batch::new(self.journal.frame());
            batch.take_changes(waiting, &mut self.eyes);
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
        let due_in = self.shared.meters.due_in(Instant::now());
        waiting.next(due_in.unwrap_or(LOOK_PAUSE).min(LOOK_PAUSE))
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
    fn gather(&mut self, batch: &mut Batch, waiting: &Waiting) -> bool {
        for _ in 0..GATHER_PAUSES_MAX {
            let before = batch.events.len();
            if !self.shared.announced.any() {
                break;
            }
            let any_left = self.shared.announced.wait(GATHER_PAUSE);
            if !batch.fill(waiting, &mut self.eyes) {
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
            if batch.stepped != Span::default() {
                self.shared.counters.clock_steps.inc();
                tracing::warn!(
                    by_s = batch.stepped.ms() / 1000,
                    "this machine's clock was set; the log's order stays what it was, and what is kept for some time is kept for that time"
                );
            }
            let Batch { frame, events, changers, readers, .. } = batch;
            if !(events.is_empty() && changers.is_empty() && readers.is_empty()) {
                self.follower.follow(Committed { frame, events, changers, readers });
            }
            return;
        }
        self.shared.lose(
            batch.events.iter().find_map(observed_at).unwrap_or_else(clock::now),
            batch.observers.len() as u64 + batch.events.iter().map(left_out).sum::<u64>(),
        );
        self.eyes.watch.unsee(batch.stepped);
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

//! The writer: takes what waits into one frame, writes it, and says what became of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::watch::{Eyes, LOOK_PAUSE};
use super::{AppendError, Change, Entry, Gap, Shared, locked};
use crate::clock;
use crate::log::frame::Frame;
use crate::log::notifier::Herald;
use crate::log::local::journal::Journal;
use crate::log::view::{Committed, Follower};
use crate::model::event::{Event, Excess};
use crate::model::time::{Span, Time};

/// How long a frame waits at a time for observations that were announced, unless all have come before: what it costs
/// besides its bytes (a sync, a few wake-ups) is the same however few share it. A pull that is alone waits for nobody;
/// one whose upstream is slow costs the others one pause.
const GATHER_PAUSE: Duration = Duration::from_micros(500);
/// Most waits in a row, as long as each brings some.
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

/// Work that waits for the writer.
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
        self.eyes.watch.undo_step(batch.stepped);
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

/// Number of observations that were left out and that an event stands for.
fn left_out(event: &Event) -> u64 {
    match event {
        Event::LeftOut(left_out) if left_out.what == Excess::Observations => left_out.count,
        _ => 0,
    }
}

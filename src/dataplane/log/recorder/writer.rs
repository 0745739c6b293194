//! The writer: takes what waits into one group, appends it, and answers those who wait for it.
//!
//! [`Writer::step`] does what waits and needs no thread; [`Writer::run`] is the thread around it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::batch::{Batch, Decision, Rest};
use super::queue::{Entry, Queues};
use super::shared::{Gap, Shared};
use super::watch::{LOOK_PAUSE, Watch};
use crate::clock::ClockMonitor;
use crate::log::engine::Refusal;
use crate::log::error::AppendError;
use crate::log::fold::{Answer, FoldSender, Message};
use crate::log::notifier::Notifier;
use crate::model::event::{Event, Excess};
use crate::model::time::Span;

/// Longest single wait of a group for observations that were announced, unless all have come before: its fixed cost (a
/// sync, a few wake-ups) is the same however few share it. A pull that is alone waits for nobody; one whose upstream is
/// slow costs the others one pause.
const GATHER_PAUSE: Duration = Duration::from_micros(500);
/// Most waits in a row, as long as each brings some.
const GATHER_PAUSES_MAX: u32 = 2;
/// Pause between two attempts to write to an engine that failed.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The one that writes.
pub(in crate::log) struct Writer {
    shared: Arc<Shared>,
    queues: Queues,
    fold: FoldSender,
    notifier: Notifier,
    watch: Watch,
    retry_at: Instant,
    rest: Rest,
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, queues: Queues, fold: FoldSender, clock: ClockMonitor) -> Self {
        let retry_at = shared.clock.instant();
        let watch = Watch::new(clock, shared.clone());
        Self { shared, queues, fold, notifier: Notifier::start(), watch, retry_at, rest: Rest::default() }
    }

    /// Writes until the queue is closed, and then the changes that are left.
    pub(in crate::log) fn run(mut self) {
        let mut is_open = self.step(None);
        while is_open {
            is_open = self.next().is_some_and(|first| self.step(Some(first)));
        }
        self.finish();
    }

    /// Writes `first` and what waits behind it, up to a group's bounds. Returns whether the queue is still open.
    pub(in crate::log) fn step(&mut self, first: Option<Entry>) -> bool {
        let now = self.shared.clock.instant();
        let mut batch = Batch::default();
        self.watch.look_if_due();
        batch.push_step(&mut self.watch);
        let gap = batch.push_gap(&self.shared);
        batch.take_rest(std::mem::take(&mut self.rest), &self.queues, &mut self.watch);
        batch.take_changes(&self.queues, &mut self.watch);
        batch.push_counted(self.shared.meters.take_due(now));
        let is_open = first.is_none_or(|first| batch.push(first, &self.queues, &mut self.watch))
            && batch.fill(&self.queues, &mut self.watch)
            && self.gather(&mut batch);
        if !is_open {
            batch.push_counted(self.shared.meters.take_all(now));
        }
        self.write(batch, gap);
        is_open
    }

    /// Writes the changes that are left at the end.
    pub(in crate::log) fn finish(&mut self) {
        loop {
            let mut batch = Batch::default();
            batch.take_rest(std::mem::take(&mut self.rest), &self.queues, &mut self.watch);
            batch.take_changes(&self.queues, &mut self.watch);
            if !batch.group.has_act() && batch.keeps.is_empty() {
                return;
            }
            self.write(batch, None);
        }
    }

    /// The next entry, once there is one; nothing when the queue is closed. Meanwhile an engine that failed is tried again,
    /// so that it heals, and a gap is written, although nobody pulls.
    fn next(&mut self) -> Option<Entry> {
        if !self.rest.changes.is_empty() {
            return Some(Entry::Wake);
        }
        while !self.is_writable() {
            match self.queues.entries.recv_timeout(RETRY_PAUSE) {
                Ok(entry) => return Some(entry),
                Err(RecvTimeoutError::Timeout) => self.retry(),
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        let due_in = self.shared.meters.due_in(self.shared.clock.instant());
        match self.queues.entries.recv_timeout(due_in.unwrap_or(LOOK_PAUSE).min(LOOK_PAUSE)) {
            Ok(entry) => Some(entry),
            Err(RecvTimeoutError::Timeout) => Some(Entry::Wake),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Tries an engine that failed again, with the gap where there is one.
    pub(in crate::log) fn retry(&mut self) {
        let mut batch = Batch::default();
        let gap = batch.push_gap(&self.shared);
        if gap.is_some() {
            self.write(batch, gap);
        } else if self.shared.engine.append(&mut batch.group, None, &mut || ()).is_ok() {
            // Nothing was lost but a change that somebody was told about.
            self.shared.writable.store(true, Ordering::Relaxed);
            tracing::info!("the log can be written again");
        }
    }

    /// Waits for what was announced, as long as some of it comes. Returns whether the queue is still open.
    fn gather(&mut self, batch: &mut Batch) -> bool {
        for _ in 0..GATHER_PAUSES_MAX {
            let before = batch.group.events().len();
            if !self.shared.in_flight.any() {
                break;
            }
            let any_left = self.shared.in_flight.wait(GATHER_PAUSE);
            if !batch.fill(&self.queues, &mut self.watch) {
                return false;
            }
            if !any_left || batch.group.events().len() == before {
                break;
            }
        }
        true
    }

    fn write(&mut self, mut batch: Batch, gap: Option<Gap>) {
        self.rest = std::mem::take(&mut batch.rest);
        self.shared.lose(self.shared.clock.now(), batch.lost);
        match self.append(&mut batch, gap) {
            Some(last) => self.answer(batch, last),
            None => self.lose(batch),
        }
    }

    /// Answers those who wait for a batch that is durable. The number of its last event is `last`.
    fn answer(&mut self, batch: Batch, last: u64) {
        if batch.stepped != Span::default() {
            self.shared.counters.clock_steps.inc();
            tracing::warn!(
                by_s = batch.stepped.ms() / 1000,
                "this machine's clock was set; the log's order stays what it was, and what is kept for some time is kept for that time"
            );
        }
        let decided = batch.decision.map(|decision| decision.answer);
        self.show(last, batch.changers.into_iter().chain(decided).map(|answer| (answer, Ok(()))).collect());
        if !batch.keeps.is_empty() {
            self.fold.send(Message::Keep(batch.keeps));
        }
    }

    /// Has the fold answer, once the view has the event `number`.
    fn show(&self, number: u64, answers: Vec<(Answer, Result<(), AppendError>)>) {
        if !answers.is_empty() {
            self.fold.send(Message::Show { number, answers });
        }
    }

    /// Tells those who wait for a batch that could not be written, and counts what is lost with it.
    fn lose(&mut self, batch: Batch) {
        self.shared.lose(
            batch.observed_at().unwrap_or_else(|| self.shared.clock.now()),
            batch.observers.len() as u64 + batch.group.events().iter().map(left_out).sum::<u64>(),
        );
        self.watch.clock.undo_step(batch.stepped);
        for answer in batch.changers.into_iter().chain(batch.decision.map(|decision| decision.answer)) {
            let _ = answer.send(Err(AppendError::Unwritable));
        }
    }

    fn is_writable(&self) -> bool {
        self.shared.writable.load(Ordering::Relaxed)
    }

    /// Appends the group, without its decision where that saw too little. Returns the number of its last event, 0 for none.
    fn append(&mut self, batch: &mut Batch, gap: Option<Gap>) -> Option<u64> {
        let is_too_early = !self.is_writable() && self.shared.clock.instant() < self.retry_at;
        if is_too_early && !batch.group.events().is_empty() {
            return None;
        }
        let seen = batch.decision.as_ref().map(|decision| decision.seen);
        let mut appended = self.try_append(batch, seen, gap);
        if let Err(Refusal::Outdated { by }) = appended {
            if let Some(Decision { place, answer, .. }) = batch.decision.take() {
                batch.group.remove(place);
                // Once it sees what came between, it can decide again.
                self.show(by, vec![(answer, Err(AppendError::Outdated))]);
            }
            appended = self.try_append(batch, None, gap);
        }
        if let Err(error) = &appended {
            tracing::error!(%error, "the log cannot be written; pulls go on untracked until it can");
            self.shared.writable.store(false, Ordering::Relaxed);
            self.shared.counters.failures.inc();
            self.retry_at = self.shared.clock.instant() + RETRY_PAUSE;
        }
        appended.ok()
    }

    /// Appends the group, and answers its requests: once what others may ask of the log says that it is written, and
    /// before the fold is woken.
    fn try_append(&self, batch: &mut Batch, seen: Option<u64>, gap: Option<Gap>) -> Result<u64, Refusal> {
        let Batch { group, observers, .. } = batch;
        let entries = group.events().len() as u64;
        if entries == 0 {
            return Ok(0);
        }
        let mut durable = || {
            self.shared.written(entries, gap);
            self.notifier.notify(std::mem::take(observers));
        };
        self.shared.engine.append(group, seen, &mut durable)
    }
}

/// Number of observations that were left out and that an event stands for.
fn left_out(event: &Event) -> u64 {
    match event {
        Event::LeftOut(left_out) => match left_out.what {
            Excess::Observations => left_out.count,
            Excess::Refusals => 0,
        },
        Event::Observed(_)
        | Event::Learned { .. }
        | Event::Gap { .. }
        | Event::Acted(_)
        | Event::Refused { .. }
        | Event::ClockStepped { .. }
        | Event::CaughtUp { .. }
        | Event::Reported(_) => 0,
    }
}

//! One group's worth of everything that waits for the engine.

use std::collections::VecDeque;
use std::sync::mpsc::TryRecvError;

use super::queue::{Change, Entry, Queues};
use super::shared::{Gap, Shared, locked};
use super::watch::Watch;
use crate::log::engine::Group;
use crate::log::error::AppendError;
use crate::log::fold::{Answer, KeptAnswer};
use crate::log::notifier::Waiter;
use crate::model::event::Event;
use crate::model::log_time::Step;
use crate::model::time::{Span, Time};

/// Entries in one group: few enough that nobody waits for long.
const GROUP_ENTRIES_MAX: usize = 2_048;
/// A group of this many bytes takes no more entries. The largest event has some 50 kB: what an image says about itself.
const GROUP_BYTES_MAX: usize = 1024 * 1024;

/// Everything that goes into one group, and everybody who waits for it.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) group: Group,
    pub(super) observers: Vec<Waiter>,
    pub(super) changers: Vec<Answer>,
    /// The only change in it that depends on what its decision saw.
    pub(super) decision: Option<Decision>,
    pub(super) keeps: Vec<KeptAnswer>,
    /// Work that has to wait for the next batch.
    pub(super) rest: Rest,
    /// Observations that have no bytes: no codec should know any.
    pub(super) lost: u64,
    /// The clock's steps that it tells, together.
    pub(super) stepped: Span,
}

/// A change that goes in only if no act after `seen` is in the log.
pub(super) struct Decision {
    /// Its place in the group.
    pub(super) place: usize,
    pub(super) seen: u64,
    pub(super) answer: Answer,
}

/// Work that waits for the next batch: decisions that may depend on an act of this one, and those who wait for them.
#[derive(Default)]
pub(super) struct Rest {
    pub(super) changes: VecDeque<Change>,
    pub(super) keeps: Vec<KeptAnswer>,
}

impl Batch {
    /// A batch that begins with the `rest` of the one before.
    pub(super) fn take_rest(&mut self, rest: Rest, queues: &Queues, watch: &mut Watch) {
        for change in rest.changes {
            self.push_change(change, watch);
        }
        for answer in rest.keeps {
            self.push_keep(answer, queues, watch);
        }
    }

    /// Takes the changes that wait, up to a group's bytes: they go first.
    pub(super) fn take_changes(&mut self, queues: &Queues, watch: &mut Watch) {
        while self.has_room()
            && let Ok(change) = queues.changes.try_recv()
        {
            self.push_change(change, watch);
        }
    }

    fn has_room(&self) -> bool {
        self.rest.changes.is_empty()
            && self.group.events().len() < GROUP_ENTRIES_MAX
            && self.group.bytes() < GROUP_BYTES_MAX
    }

    fn push_change(&mut self, change: Change, watch: &mut Watch) {
        if change.seen.is_some() && self.group.has_act() {
            // The engine is asked about one decision at a time.
            self.rest.changes.push_back(change);
            return;
        }
        let Change { event, seen, answer } = change;
        if watch.would_lose(&event) {
            let _ = answer.send(Err(AppendError::Astray));
            return;
        }
        let place = self.group.events().len();
        match (self.group.push(event), seen) {
            (Ok(()), None) => self.changers.push(answer),
            (Ok(()), Some(seen)) => self.decision = Some(Decision { place, seen, answer }),
            (Err(_), _) => {
                let _ = answer.send(Err(AppendError::Unwritable));
            }
        }
    }

    fn push_keep(&mut self, answer: KeptAnswer, queues: &Queues, watch: &mut Watch) {
        // It means everything that was handed over before: changes, too.
        self.take_changes(queues, watch);
        if self.rest.changes.is_empty() {
            self.keeps.push(answer);
        } else {
            self.rest.keeps.push(answer);
        }
    }

    /// Takes an entry. Returns whether the queue goes on.
    pub(super) fn push(&mut self, entry: Entry, queues: &Queues, watch: &mut Watch) -> bool {
        match entry {
            Entry::Observed(mut observation, waiter) => {
                if watch.clock.may_span_step(observation.at) {
                    self.push_step(watch);
                }
                observation.at = watch.clock.corrected(observation.at);
                match self.group.push(Event::Observed(*observation)) {
                    Ok(()) => self.observers.push(waiter),
                    Err(_) => self.lost += 1,
                }
            }
            Entry::Learned(event) => {
                let _ = self.group.push(event);
            }
            Entry::Change(change) => self.push_change(change, watch),
            Entry::Wake => {}
            Entry::Keep(answer) => self.push_keep(answer, queues, watch),
            Entry::Stop => {
                self.take_changes(queues, watch);
                return false;
            }
        }
        true
    }

    /// Tells a step of the clock before what is stamped by the clock after it.
    pub(super) fn push_step(&mut self, watch: &mut Watch) {
        let Some(Step { at, by, .. }) = watch.clock.check() else { return };
        self.stepped = self.stepped + by;
        // Two numbers have bytes.
        let _ = self.group.push(Event::ClockStepped { at, by_ms: by.ms() });
    }

    /// Puts the losses first that are not in the log yet; returns them.
    pub(super) fn push_gap(&mut self, shared: &Shared) -> Option<Gap> {
        let gap = *locked(&shared.gap);
        if let Some(Gap { from, lost }) = gap {
            // A gap is three numbers: it has bytes.
            let _ = self.group.push(Event::Gap { from, until: shared.clock.now(), lost });
        }
        gap
    }

    /// Takes what was counted instead of being written one by one.
    pub(super) fn push_counted(&mut self, counted: Vec<Event>) {
        for event in counted {
            // Its parts were written before, or are a few numbers and names: it has bytes.
            let _ = self.group.push(event);
        }
    }

    /// Takes what waits, up to a group's bounds. Returns whether the queue is still open.
    pub(super) fn fill(&mut self, queues: &Queues, watch: &mut Watch) -> bool {
        while self.has_room() {
            match queues.entries.try_recv() {
                Ok(entry) => {
                    if !self.push(entry, queues, watch) {
                        return false;
                    }
                }
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
        true
    }

    /// The time of the first observation in it.
    pub(super) fn observed_at(&self) -> Option<Time> {
        self.group.events().iter().find_map(|event| match event {
            Event::Observed(observation) => Some(observation.at),
            _ => None,
        })
    }
}

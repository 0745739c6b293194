//! One frame's worth of everything that waits for the journal.

use std::sync::mpsc::TryRecvError;

use tokio::sync::oneshot;

use super::watch::Eyes;
use super::writer::Waiting;
use super::{AppendError, Change, Entry, Gap, Reader, Shared, locked};
use crate::clock::{self, ClockMonitor};
use crate::log::codec::CodecError;
use crate::log::frame::Frame;
use crate::log::notifier::Waiter;
use crate::model::event::Event;
use crate::model::log_time::Step;
use crate::model::time::Span;

/// Entries in one frame: few enough that nobody waits for long.
const FRAME_ENTRIES_MAX: usize = 2_048;
/// A frame of this many bytes takes no more entries. The largest event has some 50 kB: what an image says about itself.
const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// Everything that goes into one frame, and everybody who waits for it.
pub(super) struct Batch {
    pub(super) frame: Frame,
    pub(super) events: Vec<Event>,
    pub(super) observers: Vec<Waiter>,
    pub(super) changers: Vec<oneshot::Sender<Result<(), AppendError>>>,
    pub(super) readers: Vec<Reader>,
    /// Observations that have no bytes: no codec should know any.
    pub(super) lost: u64,
    /// The clock's steps that it tells, together.
    pub(super) stepped: Span,
}

impl Batch {
    pub(super) fn new(frame: Frame) -> Self {
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
    pub(super) fn take_changes(&mut self, waiting: &Waiting, eyes: &mut Eyes) {
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
    pub(super) fn push(&mut self, entry: Entry, waiting: &Waiting, eyes: &mut Eyes) -> bool {
        match entry {
            Entry::Observed(mut observation, told) => {
                if eyes.watch.may_span_step(observation.at) {
                    self.push_step(&mut eyes.watch);
                }
                observation.at = eyes.watch.corrected(observation.at);
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
    pub(super) fn push_step(&mut self, watch: &mut ClockMonitor) {
        let Some(Step { at, by, .. }) = watch.check() else { return };
        self.stepped = self.stepped + by;
        // Two numbers have bytes.
        let _ = self.push_event(Event::ClockStepped { at, by_ms: by.ms() });
    }

    /// Puts the losses first that are not in the log yet; returns them.
    pub(super) fn push_gap(&mut self, shared: &Shared) -> Option<Gap> {
        let gap = *locked(&shared.gap);
        if let Some(Gap { from, lost }) = gap {
            // A gap is three numbers: it has bytes.
            let _ = self.push_event(Event::Gap { from, until: clock::now(), lost });
        }
        gap
    }

    /// Takes what was counted instead of being written one by one.
    pub(super) fn push_counted(&mut self, counted: Vec<Event>) {
        for event in counted {
            // Its parts were written before, or are a few numbers and names: it has bytes.
            let _ = self.push_event(event);
        }
    }

    fn push_event(&mut self, event: Event) -> Result<(), CodecError> {
        self.frame.push(&event)?;
        self.events.push(event);
        Ok(())
    }

    /// Takes what waits, up to a frame's bounds. Returns whether the queue is still open.
    pub(super) fn fill(&mut self, waiting: &Waiting, eyes: &mut Eyes) -> bool {
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

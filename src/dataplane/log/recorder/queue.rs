//! Entries that wait for the writer, and the ends of their queues.

use std::sync::mpsc::Receiver;

use crate::log::fold::{Answer, KeptAnswer};
use crate::log::notifier::Waiter;
use crate::model::event::{Event, Observation};

/// Work for the writer.
pub(in crate::log) enum Entry {
    Observed(Box<Observation>, Waiter),
    Learned(Event),
    /// A change that keeps its place behind what was handed over before.
    Change(Change),
    /// There is something to do besides: a change, or what was counted.
    Wake,
    /// Somebody waits until everything that was handed over before is kept.
    Keep(KeptAnswer),
    Stop,
}

/// A change that somebody waits for.
pub(in crate::log) struct Change {
    pub(in crate::log) event: Event,
    /// The latest act that the decision saw; nothing for a change that depends on none.
    pub(in crate::log) seen: Option<u64>,
    pub(in crate::log) answer: Answer,
}

/// The taking ends of the queues.
pub(in crate::log) struct Queues {
    pub(in crate::log) entries: Receiver<Entry>,
    /// Changes that wait for no observation.
    pub(in crate::log) changes: Receiver<Change>,
}

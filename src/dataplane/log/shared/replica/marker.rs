//! The marker of an edge: a message among the acts that says nothing, by which a server that is behind is told from a stream
//! that went back. An edge may write no act, and its own events stand where its follower does not look.

use std::time::Instant;

use super::ids::WriterId;
use super::order::{Lane, Publish};
use super::pause::Pause;
use super::shipment::Shipment;
use super::stream::{Appended, Subject};

/// The marker of one edge.
#[derive(Debug)]
pub(super) struct Marker {
    writer: WriterId,
    is_sent: bool,
    pause: Pause,
}

impl Marker {
    pub(super) fn new(writer: WriterId, now: Instant) -> Self {
        Self { writer, is_sent: false, pause: Pause::new(now) }
    }

    /// The mark to append now, where the follower wants one.
    pub(super) fn next(&mut self, now: Instant, is_wanted: bool) -> Option<Publish> {
        if !is_wanted || self.is_sent || now < self.pause.until() {
            return None;
        }
        self.is_sent = true;
        let (subject, shipment) = (Subject::Mark(self.writer), Shipment::empty(self.writer));
        Some(Publish { lane: Lane::Mark, subject, expected: None, shipment })
    }

    /// Takes what became of it. Returns its place, if it is stored.
    pub(super) fn appended(&mut self, now: Instant, appended: Appended) -> Option<u64> {
        self.is_sent = false;
        match appended {
            Appended::Stored(sequence) => {
                self.pause.succeeded();
                Some(sequence)
            }
            Appended::Conflict { .. } | Appended::Unknown => {
                self.pause.failed(now);
                None
            }
        }
    }

    /// Time at which another one may be sent.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.is_sent).then(|| self.pause.until())
    }
}

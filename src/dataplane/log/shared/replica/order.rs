//! Orders of a replica to its host.

use super::shipment::Shipment;
use super::stream::Subject;

/// A message to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::log) struct Publish {
    pub(in crate::log) lane: Lane,
    pub(in crate::log) subject: Subject,
    /// The subject's last message must have this sequence number (0: there is none); nothing where any will do.
    pub(in crate::log) expected: Option<u64>,
    pub(in crate::log) shipment: Shipment,
}

/// The part that has it appended. Each has one message in flight at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::log) enum Lane {
    /// The outbox's events.
    Shipper,
    /// An act.
    Desk,
    /// Shipments that the stream lost.
    Redeemer,
    /// An edge's word that the stream takes something.
    Mark,
}

impl Lane {
    pub(super) const COUNT: usize = Self::Mark as usize + 1;
}

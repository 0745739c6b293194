//! The stream that replicas share, as the core sees it: messages by subject in one order, appended on a condition, read from
//! any place.
//!
//! Nothing is expected of it that brokers have been seen to break: an acknowledged message may be gone, one may be there twice,
//! and what is read may be an older state. So each failure has an answer here:
//!
//! | the stream | what the replica does |
//! | --- | --- |
//! | stores, and the answer is lost ([`Appended::Unknown`]) | sends the same again on the same condition; followers drop the repeat |
//! | refuses: another message came ([`Appended::Conflict`]) | follows up to that one and looks whether its own is there |
//! | is away, has no leader or no quorum | tries again after a pause that doubles up to 5 s; pulls do not wait for it |
//! | stores a message twice | followers drop the repeat by writer and number |
//! | shows an older head than was followed ([`Batch::head`]) | publishes, and believes only a server that has that message |
//! | went back: what was followed is gone, or another message has its place | finds the last common message, folds again from there, ships what is gone again |
//! | went back further than the trail remembers, or was emptied | stands still and says so; an operator decides |
//! | has a message of a later release | stands still at it until the newer release runs |
//! | has a message that is damaged | stands still at it, and reads it again: another server may have it whole |
//! | has a message on a subject that does not entitle its writer to it | takes it as one that says nothing |
//! | has any of these three on an edge's subject | sets it aside, counts it for that edge, and goes on |
//! | lost a message between others | takes what follows, counts the hole, and fills it when the writer ships again |

use super::ids::WriterId;
use super::shipment::{Kind, Shipment};

/// Subject of a message: conditions are about the messages of one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::log) enum Subject {
    /// Acts, of all writers.
    Acts,
    /// One writer's events, which it alone ships, each frame on the condition that the one before is the last.
    Writer(WriterId),
    /// Shipments that the stream lost, made again by this writer; never on a condition.
    Again(WriterId),
    /// The same as [`Self::Writer`] of an edge.
    Edge(WriterId),
    /// Nothing but the word of an edge that the stream took something: among the acts for those who follow these alone.
    Mark(WriterId),
    /// An edge's, where nothing that it says counts.
    Aside(WriterId),
}

impl Subject {
    /// Tells whether it is among those that an edge follows.
    #[cfg(test)]
    pub(in crate::log) fn is_of_acts(self) -> bool {
        matches!(self, Self::Acts | Self::Mark(_))
    }

    /// The edge that may write there, where it is an edge's. Its credentials lie far from here, so nothing that stands there may stop
    /// anybody: what cannot be read, or is not for it to say, is set aside, by all followers alike.
    pub(in crate::log) fn edge(self) -> Option<WriterId> {
        match self {
            Self::Edge(writer) | Self::Mark(writer) | Self::Aside(writer) => Some(writer.replica()),
            Self::Acts | Self::Writer(_) | Self::Again(_) => None,
        }
    }

    /// Tells whether what stands there may count. The stream's servers know who may write to which subject, and nothing of what a
    /// message says: so a writer that has rights for its own subject alone can say nothing for another one, and change nothing.
    pub(super) fn entitles(self, shipment: &Shipment) -> bool {
        match (self, shipment.kind) {
            (Self::Acts, Kind::Act { .. }) | (Self::Again(_), Kind::Events | Kind::Again { .. }) => true,
            (Self::Writer(writer), Kind::Events | Kind::Again { .. }) => writer == shipment.writer,
            (Self::Edge(writer), Kind::Events) => writer == shipment.writer,
            (Self::Mark(_), Kind::Again { .. }) => shipment.events.is_empty(),
            _ => false,
        }
    }
}

/// Outcome of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::log) enum Appended {
    /// It is there, under this sequence number.
    Stored(u64),
    /// It is not there: the subject's last message is another one than was expected.
    Conflict {
        /// That one's sequence number; 0 for none, nothing where the stream does not tell.
        last: Option<u64>,
    },
    /// Nobody knows. It may still come to be there.
    Unknown,
}

/// A message of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::log) struct Entry {
    /// From 1, rising.
    pub(in crate::log) sequence: u64,
    /// Time at which the stream stored it, in its own time: with the sequence number, it tells this message from any other that ever
    /// had its place. Where two streams agree on a message, they agree on all before it.
    pub(in crate::log) stamp: u64,
    /// Nothing where it is none of a replica's.
    pub(in crate::log) subject: Option<Subject>,
    pub(in crate::log) bytes: Vec<u8>,
}

/// The part of the stream to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::log) struct Look {
    /// The first message.
    pub(in crate::log) from: u64,
    /// A message that the stream stored: a server that does not have it yet is behind, and its answer counts for nothing.
    pub(in crate::log) known: Option<u64>,
}

/// Answer of a server to a read. To an edge the stream consists of the acts' subjects alone, here and wherever an edge reads.
#[derive(Clone, Debug, Default)]
pub(in crate::log) struct Batch {
    /// From the sequence number that was asked for, rising. Nothing between two is left out but what was deleted.
    pub(in crate::log) entries: Vec<Entry>,
    /// The last sequence number that this server knows; at least as much as is told here.
    pub(in crate::log) head: u64,
}

/// The stream does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::log) struct Away;

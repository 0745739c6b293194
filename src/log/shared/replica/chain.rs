//! The shipper of an edge: from the outbox into the stream, one frame at a time, without following what comes of it.
//!
//! Each frame goes in on the condition that the one before is the last of its subject, where nobody else writes. So a frame
//! that the stream takes shows that it has all those before, and one that it refuses that it lost some: then the stream is
//! asked for the last one that it has, and what came after that is shipped again. A server that is behind tells of an older one;
//! what is shipped again because of that is refused, and changes nothing. While nothing is shipped, the last one is asked for
//! now and then. The outbox forgets an event only if the stream still had it some time after it took it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::ids::WriterId;
use super::order::{Lane, Publish};
use super::pause::Pause;
use super::shipment::{BYTES_MAX, EVENTS_MAX, Kind, Shipment};
use super::shipper::{HOLE_PAUSE, Outbox, SEEN_MAX};
use super::stream::{Appended, Away, Entry, Subject};

/// Pause between two looks at what the stream has, while nothing is shipped and not everything is forgotten.
const LOOK_PAUSE: Duration = Duration::from_secs(5);
/// Time that a server may tell of an older message until it is believed.
const DOUBT_PAUSE: Duration = Duration::from_secs(2);

/// The shipper of one edge.
#[derive(Debug)]
pub(super) struct Chain {
    writer: WriterId,
    /// The subject's last message, as far as is known.
    end: Option<End>,
    /// The last number of the frame that is on its way.
    flight: Option<u64>,
    is_asking: bool,
    /// Time of the next look.
    look_at: Instant,
    /// A server told of an older message than is known, since then.
    doubt_since: Option<Instant>,
    pause: Pause,
    /// The number up to which everything is in the stream, as it last said.
    shipped: u64,
    /// Numbers up to which the stream had everything, and when it first said so.
    seen: VecDeque<(u64, Instant)>,
    forget_after: Duration,
    /// Everything up to it is forgotten, and up to the other one the outbox was told so.
    forgotten: u64,
    told: u64,
    /// The stream lacks something that is forgotten; since then. Whoever followed it ships it again.
    hole_since: Option<Instant>,
    /// The highest own number that may be in the stream.
    sent: u64,
    is_copied: bool,
    #[cfg(test)]
    pub(super) plant: super::plant::Plants,
}

/// A message that is the last of its subject: its place, and the number of its last event. Zeros where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct End {
    sequence: u64,
    number: u64,
}

impl Chain {
    /// The shipper of a writer whose outbox has the events after the number `forgotten`, up to `last`. Those that the stream
    /// has are forgotten after `forget_after`.
    pub(super) fn new(
        writer: WriterId,
        forgotten: u64,
        last: u64,
        forget_after: Duration,
        now: Instant,
    ) -> Self {
        Self {
            writer,
            end: None,
            flight: None,
            is_asking: false,
            look_at: now,
            doubt_since: None,
            pause: Pause::new(now),
            shipped: forgotten,
            seen: VecDeque::new(),
            forget_after,
            forgotten,
            told: forgotten,
            hole_since: None,
            sent: last,
            is_copied: false,
            #[cfg(test)]
            plant: super::plant::Plants::default(),
        }
    }

    /// Tells whether another process ships under this writer's name.
    pub(super) fn is_copied(&self) -> bool {
        self.is_copied
    }

    /// The number up to which everything is in the stream, as far as is known.
    pub(super) fn shipped(&self) -> u64 {
        self.shipped
    }

    /// The subject whose last message is to be read now.
    pub(super) fn look(&mut self, now: Instant) -> Option<Subject> {
        let is_due = self.look_due().is_some_and(|at| now >= at);
        #[cfg(test)]
        let is_due = is_due && !(self.trusts_acks() && self.end.is_some());
        self.is_asking |= is_due;
        is_due.then_some(Subject::Writer(self.writer))
    }

    /// Time of the next look; nothing while there is nothing to look for.
    fn look_due(&self) -> Option<Instant> {
        let is_busy = self.is_asking || self.flight.is_some();
        let is_needed = self.end.is_none() || self.doubt_since.is_some() || !self.seen.is_empty();
        (is_needed && !is_busy).then(|| self.look_at.max(self.pause.until()))
    }

    /// The shipment to append now.
    pub(super) fn next(&mut self, now: Instant, outbox: &dyn Outbox) -> Option<Publish> {
        if self.flight.is_some() || self.is_asking || self.is_copied || now < self.pause.until() {
            return None;
        }
        let end = self.end?;
        if end.number >= outbox.last() {
            return None;
        }
        let after = self.after(now, end)?;
        let events = outbox.after(after, EVENTS_MAX, BYTES_MAX);
        if events.is_empty() {
            self.pause.failed(now);
            return None;
        }
        let shipment = Shipment { writer: self.writer, first: after + 1, kind: Kind::Events, events };
        self.sent = self.sent.max(shipment.last());
        self.flight = Some(shipment.last());
        let expected = Some(end.sequence);
        #[cfg(test)]
        let expected = expected.filter(|_| !self.trusts_acks());
        Some(Publish { lane: Lane::Shipper, subject: Subject::Writer(self.writer), expected, shipment })
    }

    /// The number after which to ship.
    fn after(&mut self, now: Instant, end: End) -> Option<u64> {
        if end.number >= self.forgotten {
            self.hole_since = None;
            return Some(end.number);
        }
        let since = *self.hole_since.get_or_insert(now);
        (now >= since + HOLE_PAUSE).then_some(self.forgotten)
    }

    /// Takes what became of the frame in flight.
    pub(super) fn appended(&mut self, now: Instant, appended: Appended) {
        let Some(number) = self.flight.take() else { return };
        match appended {
            Appended::Stored(sequence) => {
                self.pause.succeeded();
                // It went in on the condition that everything before is there.
                self.is_there(now);
                self.set_end(now, End { sequence, number });
            }
            Appended::Conflict { .. } | Appended::Unknown => {
                self.pause.failed(now);
                self.end = None;
            }
        }
    }

    /// Takes the subject's last message, as some server has it.
    pub(super) fn told(&mut self, now: Instant, last: Result<Option<Entry>, Away>) {
        self.is_asking = false;
        let end = match last {
            Ok(None) => Some(End { sequence: 0, number: 0 }),
            Ok(Some(entry)) => {
                let number = Shipment::decode(&entry.bytes).map(|shipment| shipment.last());
                number.ok().map(|number| End { sequence: entry.sequence, number })
            }
            Err(Away) => None,
        };
        let Some(end) = end else { return self.pause.failed(now) };
        self.is_copied |= end.number > self.sent;
        match self.end {
            Some(known) if known == end => self.is_there(now),
            Some(known) if known.sequence > end.sequence => {
                let since = *self.doubt_since.get_or_insert(now);
                if now < since + DOUBT_PAUSE {
                    // This server may be behind.
                    self.look_at = now + DOUBT_PAUSE / 4;
                    return;
                }
                self.seen.retain(|(number, _)| *number <= end.number);
            }
            _ => {}
        }
        self.set_end(now, end);
    }

    /// Everything up to the end that is known is in the stream still.
    fn is_there(&mut self, now: Instant) {
        while let Some((number, _)) = self.seen.front().filter(|(_, at)| now >= *at + self.forget_after) {
            self.forgotten = self.forgotten.max(*number);
            self.seen.pop_front();
        }
    }

    fn set_end(&mut self, now: Instant, end: End) {
        (self.end, self.shipped) = (Some(end), end.number);
        (self.doubt_since, self.look_at) = (None, now + LOOK_PAUSE);
        if end.number > self.seen.back().map_or(self.forgotten, |(number, _)| *number) {
            if self.seen.len() >= SEEN_MAX {
                self.seen.pop_back();
            }
            self.seen.push_back((end.number, now));
        }
        #[cfg(test)]
        if self.trusts_acks() {
            self.forgotten = self.forgotten.max(end.number);
        }
    }

    /// The number up to which the outbox may forget, where that is more than it was told.
    pub(super) fn forget(&mut self) -> Option<u64> {
        let is_more = self.forgotten > self.told;
        self.told = self.forgotten;
        is_more.then_some(self.forgotten)
    }

    /// Time at which something is due that no message brings.
    pub(super) fn due(&self) -> Option<Instant> {
        let retry = (self.flight.is_none() && self.end.is_some()).then(|| self.pause.until());
        let hole = self.hole_since.map(|since| since + HOLE_PAUSE);
        self.look_due().into_iter().chain(retry).chain(hole).min()
    }

    #[cfg(test)]
    fn trusts_acks(&self) -> bool {
        self.plant.is_planted(super::plant::Plant::EdgeTrustsAcks)
    }
}

//! The shipper of an edge: from the outbox into the stream, one frame at a time, without following what comes of it.
//!
//! Each frame goes in on the condition that the one before is the last of its subject, where nobody else writes. So a frame
//! that the stream takes shows that it has all those before, and one that it refuses that it lost some, or has one whose
//! acknowledgement was lost: then the stream is asked for the last one that it has, and what came after that is shipped again. A
//! server that is behind tells of an older one; what is shipped again because of that is refused, and changes nothing. While
//! nothing is shipped, the last one is asked for now and then.
//!
//! A place in a stream that went back may be another message's later, so a frame that was long under way may come to stand behind
//! a wrong one. Therefore the last one counts only where it is known from this process, or goes on from what is known; otherwise,
//! and after a start, everything that the outbox has is shipped again, and followers drop what they have. The outbox forgets
//! an event only if the stream still had it some time after it took it.
//!
//! A message there that is not its own is of somebody who has its credentials. It says nothing of what the stream still has, so everything
//! that the outbox has is shipped again behind it. One that took the very place of a message that the stream lost is not noticed: then that
//! is gone, where no full replica had followed it. Whoever has an edge's credentials can silence that edge anyway.

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
    /// Frames that the stream took from this process and that are not forgotten; the last one is the subject's, as far as is known.
    links: VecDeque<Link>,
    /// The last message of the subject, as was last heard; nothing before that.
    end: Option<u64>,
    /// Nothing since contradicts that.
    is_sure: bool,
    /// The last number of the frame that is on its way.
    flight: Option<u64>,
    is_asking: bool,
    /// Time of the next look.
    look_at: Instant,
    /// A server told of an older message than is known, since then.
    doubt_since: Option<Instant>,
    pause: Pause,
    /// The number up to which everything is in the stream.
    shipped: u64,
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

/// A frame that the stream took: its place, the number up to which it has everything with it, and when that was said.
#[derive(Clone, Copy, Debug)]
struct Link {
    sequence: u64,
    number: u64,
    at: Instant,
}

/// The last message of the subject, as a server tells it: zeros where there is none.
#[derive(Clone, Copy, Debug)]
struct Last {
    sequence: u64,
    first: u64,
    last: u64,
    /// Somebody else has this writer's credentials: it says nothing of this one's numbers.
    is_strange: bool,
}

impl Last {
    fn of(entry: Option<&Entry>, writer: WriterId) -> Self {
        let sequence = entry.map_or(0, |entry| entry.sequence);
        let shipment = entry.and_then(|entry| Shipment::decode(&entry.bytes).ok());
        match shipment.filter(|it| Subject::Edge(writer).entitles(it)) {
            Some(it) => Self { sequence, first: it.first, last: it.last(), is_strange: false },
            None => Self { sequence, first: 1, last: 0, is_strange: entry.is_some() },
        }
    }
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
            links: VecDeque::new(),
            end: None,
            is_sure: false,
            flight: None,
            is_asking: false,
            look_at: now,
            doubt_since: None,
            pause: Pause::new(now),
            shipped: forgotten,
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
        is_due.then_some(Subject::Edge(self.writer))
    }

    /// Time of the next look; nothing while there is nothing to look for.
    fn look_due(&self) -> Option<Instant> {
        let is_busy = self.is_asking || self.flight.is_some();
        let is_needed = !self.is_sure || self.doubt_since.is_some() || !self.links.is_empty();
        (is_needed && !is_busy).then(|| self.look_at.max(self.pause.until()))
    }

    /// The shipment to append now.
    pub(super) fn next(&mut self, now: Instant, outbox: &dyn Outbox) -> Option<Publish> {
        let is_free = self.flight.is_none() && !self.is_asking && self.is_sure && !self.is_copied;
        let is_time = now >= self.pause.until() && self.hole_since.is_none_or(|at| now >= at + HOLE_PAUSE);
        if !is_free || !is_time || self.shipped >= outbox.last() {
            return None;
        }
        let events = outbox.after(self.shipped, EVENTS_MAX, BYTES_MAX);
        if events.is_empty() {
            self.pause.failed(now);
            return None;
        }
        let shipment = Shipment { writer: self.writer, first: self.shipped + 1, kind: Kind::Events, events };
        self.sent = self.sent.max(shipment.last());
        self.flight = Some(shipment.last());
        let expected = self.end;
        #[cfg(test)]
        let expected = expected.filter(|_| !self.trusts_acks());
        Some(Publish { lane: Lane::Shipper, subject: Subject::Edge(self.writer), expected, shipment })
    }

    /// Takes what became of the frame in flight.
    pub(super) fn appended(&mut self, now: Instant, appended: Appended) {
        let Some(number) = self.flight.take() else { return };
        match appended {
            Appended::Stored(sequence) => {
                self.pause.succeeded();
                // It went in on the condition that everything before is there.
                self.is_there(now);
                self.shipped = self.shipped.max(number);
                self.goes_on(now, sequence);
            }
            Appended::Conflict { .. } | Appended::Unknown => {
                self.pause.failed(now);
                self.is_sure = false;
                self.look_at = now;
            }
        }
    }

    /// Takes the subject's last message, as some server has it.
    pub(super) fn told(&mut self, now: Instant, answer: Result<Option<Entry>, Away>) {
        self.is_asking = false;
        let Ok(entry) = answer else { return self.pause.failed(now) };
        let last = Last::of(entry.as_ref(), self.writer);
        self.is_copied |= last.last > self.sent;
        match self.end {
            Some(end) if end == last.sequence => {
                self.is_there(now);
                (self.is_sure, self.doubt_since, self.look_at) = (true, None, now + LOOK_PAUSE);
            }
            Some(end) if end > last.sequence => {
                let since = *self.doubt_since.get_or_insert(now);
                if now < since + DOUBT_PAUSE {
                    // This server may be behind.
                    self.look_at = now + DOUBT_PAUSE / 4;
                    return;
                }
                self.go_back(now, last);
            }
            // Nobody can tell what of its own the stream still has before that.
            Some(_) if last.is_strange => self.go_back(now, last),
            Some(_) => {
                // Of this process, and nobody said so; or it stands behind a wrong one.
                if last.first <= self.shipped + 1 {
                    self.shipped = self.shipped.max(last.last);
                }
                self.goes_on(now, last.sequence);
            }
            None => self.go_back(now, last),
        }
    }

    /// The stream has nothing after this message.
    fn go_back(&mut self, now: Instant, last: Last) {
        self.links.retain(|link| link.sequence <= last.sequence);
        let known = self.links.back().filter(|link| link.sequence == last.sequence);
        self.shipped = known.map_or(self.forgotten, |link| link.number);
        if known.is_none() {
            self.links.clear();
            self.hole_since = (last.last < self.forgotten && !last.is_strange).then_some(now);
        }
        (self.end, self.is_sure) = (Some(last.sequence), true);
        (self.doubt_since, self.look_at) = (None, now + LOOK_PAUSE);
    }

    /// Everything up to the end that is known is in the stream still.
    fn is_there(&mut self, now: Instant) {
        while let Some(link) = self.links.front().filter(|link| now >= link.at + self.forget_after) {
            self.forgotten = self.forgotten.max(link.number);
            self.links.pop_front();
        }
    }

    /// Its last message is this one, with everything that was shipped before.
    fn goes_on(&mut self, now: Instant, sequence: u64) {
        if self.links.len() >= SEEN_MAX {
            self.links.pop_back();
        }
        self.links.push_back(Link { sequence, number: self.shipped, at: now });
        (self.end, self.is_sure, self.hole_since) = (Some(sequence), true, None);
        (self.doubt_since, self.look_at) = (None, now + LOOK_PAUSE);
        #[cfg(test)]
        if self.trusts_acks() {
            self.forgotten = self.shipped;
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
        let retry = (self.flight.is_none() && self.is_sure).then(|| self.pause.until());
        let hole = self.hole_since.map(|since| since + HOLE_PAUSE);
        self.look_due().into_iter().chain(retry).chain(hole).min()
    }

    #[cfg(test)]
    fn trusts_acks(&self) -> bool {
        self.plant.is_planted(super::plant::Plant::EdgeTrustsAcks)
    }
}

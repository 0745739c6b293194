//! The shipper: from the outbox into the stream, one frame at a time.
//!
//! An acknowledgement says that the stream has a frame, not that it keeps it. What counts is what the replica's own follower
//! saw: where it passed the place of a frame and the frame was not there, the frame is shipped again. And the outbox forgets
//! an event only some time after the follower saw it, because what was seen may be lost by the stream, too.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::ids::WriterId;
use super::order::{Lane, Publish};
use super::pause::Pause;
use super::place::Place;
use super::shipment::{BYTES_MAX, EVENTS_MAX, Kind, Shipment};
use super::stream::{Appended, Subject};

/// Time that the follower may not see an acknowledged shipment until that is doubted.
const UNSEEN_MAX: Duration = Duration::from_secs(5);
/// Notes about when the follower saw what; those who come later wait a little longer.
pub(super) const SEEN_MAX: usize = 1_024;
/// Time that a forgotten shipment may be missing in the stream until those after it are shipped nevertheless.
pub(super) const HOLE_PAUSE: Duration = Duration::from_secs(60);

/// The events of this replica that are not forgotten, by their own numbers.
pub(in crate::log) trait Outbox {
    /// The number of the last event; 0 for none.
    fn last(&self) -> u64;

    /// The bytes of the events after the number `after`, in order: at most `events_max`, and `bytes_max` but for the first.
    /// Fewer where they cannot be read now.
    fn after(&self, after: u64, events_max: usize, bytes_max: usize) -> Vec<Vec<u8>>;
}

/// The shipper of one writer.
#[derive(Debug)]
pub(super) struct Shipper {
    writer: WriterId,
    flight: Option<Flight>,
    /// Frames that are acknowledged, and that the follower has not come to: place and last number.
    acked: VecDeque<Acked>,
    /// The last message of the own subject; nothing where the follower knows it better.
    expected: Option<u64>,
    /// The own subject's last message was another one: its place, and when that was told.
    refused: Option<(u64, Instant)>,
    pause: Pause,
    /// Numbers up to which the follower saw everything, and when.
    seen: VecDeque<(u64, Instant)>,
    forget_after: Duration,
    /// Everything up to it is forgotten.
    forgotten: u64,
    /// Something that is forgotten is gone from the stream; since then. Whoever followed it ships it again.
    hole_since: Option<Instant>,
    /// The highest own number that may be in the stream.
    sent: u64,
    /// The stream has events under this writer's name that it never sent.
    is_copied: bool,
    #[cfg(test)]
    pub(super) plant: super::plant::Plants,
}

#[derive(Clone, Debug)]
struct Flight {
    shipment: Shipment,
    expected: Option<u64>,
    sent_at: Instant,
    /// It is on its way; otherwise it waits to be sent again.
    is_sent: bool,
    /// The stream went back since: what becomes of it says nothing any more.
    is_void: bool,
}

#[derive(Clone, Copy, Debug)]
struct Acked {
    sequence: u64,
    last: u64,
    at: Instant,
}

impl Shipper {
    /// The shipper of a writer whose outbox has the events after the number `forgotten`, up to `last`. Those that its follower
    /// saw are forgotten after `forget_after`.
    pub(super) fn new(
        writer: WriterId,
        forgotten: u64,
        last: u64,
        forget_after: Duration,
        now: Instant,
    ) -> Self {
        Self {
            writer,
            flight: None,
            acked: VecDeque::new(),
            expected: None,
            refused: None,
            pause: Pause::new(now),
            seen: VecDeque::new(),
            forget_after,
            forgotten,
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
    pub(super) fn shipped(&self, place: &Place) -> u64 {
        let seen = place.writers.get(&self.writer).map_or(0, |progress| progress.numbers.until());
        self.acked.back().map_or(seen, |acked| acked.last.max(seen))
    }

    /// The shipment to append now. Without `is_following` only one that `confirms`.
    pub(super) fn next(
        &mut self,
        now: Instant,
        place: &Place,
        outbox: &dyn Outbox,
        is_following: bool,
        confirms: bool,
    ) -> Option<Publish> {
        self.followed(now, place);
        let is_busy = self.flight.as_ref().is_some_and(|flight| flight.is_sent);
        if is_busy || now < self.pause.until() {
            return None;
        }
        let has_doubt = self.acked.front().is_some_and(|acked| now >= acked.at + UNSEEN_MAX);
        if confirms || has_doubt {
            // Everything that was in flight is decided on anew.
            self.flight = None;
            return Some(self.send(now, Shipment::empty(self.writer), None));
        }
        if !is_following || self.is_copied || self.refused.is_some() {
            return None;
        }
        if let Some(Flight { shipment, expected, .. }) = self.flight.take() {
            if !place.has(&shipment) {
                return Some(self.send(now, shipment, expected));
            }
            // It came there although nobody said so.
            self.expected = None;
        }
        let after = self.after(now, place)?;
        if after >= outbox.last() {
            return None;
        }
        let events = outbox.after(after, EVENTS_MAX, BYTES_MAX);
        if events.is_empty() {
            self.pause.failed(now);
            return None;
        }
        let expected = self.expected.unwrap_or_else(|| place.progress(self.writer).sequence);
        let (writer, first) = (self.writer, after + 1);
        if expected == 0 && first > 1 {
            // Others shipped everything before it: that the subject is empty says nothing about it.
            let shipment = Shipment { writer, first, kind: Kind::Again { after }, events };
            return Some(self.send(now, shipment, None));
        }
        let shipment = Shipment { writer, first, kind: Kind::Events, events };
        #[cfg(test)]
        if self.plant.is_planted(super::plant::Plant::TwoInFlight) {
            // Nobody waits for it.
            self.acked.push_back(Acked { sequence: u64::MAX, last: shipment.last(), at: now });
            self.sent = self.sent.max(shipment.last());
            let subject = Subject::Writer(self.writer);
            return Some(Publish { lane: Lane::Shipper, subject, expected: None, shipment });
        }
        Some(self.send(now, shipment, Some(expected)))
    }

    /// The number after which to ship.
    fn after(&mut self, now: Instant, place: &Place) -> Option<u64> {
        let shipped = self.shipped(place);
        if shipped >= self.forgotten {
            self.hole_since = None;
            return Some(shipped);
        }
        let since = *self.hole_since.get_or_insert(now);
        (now >= since + HOLE_PAUSE).then_some(self.forgotten)
    }

    fn send(&mut self, now: Instant, shipment: Shipment, expected: Option<u64>) -> Publish {
        self.sent = self.sent.max(shipment.last());
        let flight =
            Flight { shipment: shipment.clone(), expected, sent_at: now, is_sent: true, is_void: false };
        self.flight = Some(flight);
        let subject = match shipment.kind {
            Kind::Again { .. } => Subject::Again(self.writer),
            Kind::Events | Kind::Act { .. } => Subject::Writer(self.writer),
        };
        Publish { lane: Lane::Shipper, subject, expected, shipment }
    }

    /// Takes what became of the message in flight. Returns when it was sent and where it is, if it is stored.
    pub(super) fn appended(&mut self, now: Instant, appended: Appended) -> Option<(Instant, u64)> {
        let flight = self.flight.as_mut()?;
        match appended {
            Appended::Stored(sequence) => {
                let Flight { shipment, sent_at, is_void, .. } = self.flight.take()?;
                self.pause.succeeded();
                if self.acked.back().is_some_and(|acked| acked.sequence >= sequence) {
                    // The stream went back behind what it had acknowledged.
                    self.acked.clear();
                    self.expected = None;
                }
                if let Some(acked) = self.acked.front_mut() {
                    acked.at = now;
                }
                if !is_void && !shipment.events.is_empty() {
                    if shipment.kind == Kind::Events {
                        self.expected = Some(sequence);
                    }
                    self.acked.push_back(Acked { sequence, last: shipment.last(), at: now });
                }
                Some((sent_at, sequence))
            }
            Appended::Conflict { last } => {
                self.pause.failed(now);
                self.flight = None;
                self.acked.clear();
                (self.expected, self.refused) = (None, Some((last.unwrap_or(u64::MAX), now)));
                None
            }
            Appended::Unknown => {
                self.pause.failed(now);
                flight.is_sent = false;
                if flight.is_void {
                    self.flight = None;
                }
                None
            }
        }
    }

    /// Takes note of how far the follower is.
    pub(super) fn followed(&mut self, now: Instant, place: &Place) {
        while self.acked.front().is_some_and(|acked| acked.sequence <= place.sequence) {
            let acked = self.acked.pop_front();
            let until = place.writers.get(&self.writer).map_or(0, |progress| progress.numbers.until());
            if acked.is_some_and(|acked| acked.last > until) {
                // It was acknowledged, and is not there.
                self.acked.clear();
                self.expected = None;
            }
        }
        self.refused = self.refused.filter(|(last, at)| place.sequence < *last && now < *at + UNSEEN_MAX);
        let Some(progress) = place.writers.get(&self.writer) else { return };
        self.is_copied |= progress.numbers.last() > self.sent;
        let until = progress.numbers.until();
        let last_seen = self.seen.back().map_or(self.forgotten, |(number, _)| *number);
        if until > last_seen {
            if self.seen.len() >= SEEN_MAX {
                self.seen.pop_back();
            }
            self.seen.push_back((until, now));
        }
    }

    /// The stream went back to `place`: what is not there is not seen any more.
    pub(super) fn went_back(&mut self, place: &Place) {
        self.acked.clear();
        self.expected = None;
        self.flight = self.flight.take().filter(|flight| flight.is_sent);
        if let Some(flight) = &mut self.flight {
            flight.is_void = true;
        }
        let until = place.writers.get(&self.writer).map_or(0, |progress| progress.numbers.until());
        self.seen.retain(|(number, _)| *number <= until);
    }

    /// The number up to which the outbox may forget, where that is more than it did.
    pub(super) fn forget(&mut self, now: Instant, place: &Place) -> Option<u64> {
        let before = self.forgotten;
        #[cfg(test)]
        if self.plant.is_planted(super::plant::Plant::ForgetsWhatIsAcknowledged) {
            self.forgotten = self.shipped(place);
            return (self.forgotten > before).then_some(self.forgotten);
        }
        let _ = place;
        while let Some((number, _)) = self.seen.front().filter(|(_, at)| now >= *at + self.forget_after) {
            self.forgotten = self.forgotten.max(*number);
            self.seen.pop_front();
        }
        (self.forgotten > before).then_some(self.forgotten)
    }

    /// Time at which something is due that no message brings.
    pub(super) fn due(&self) -> Option<Instant> {
        let retry = self.flight.as_ref().is_none_or(|flight| !flight.is_sent).then(|| self.pause.until());
        let doubt = self.acked.front().map(|acked| acked.at + UNSEEN_MAX);
        let hole = self.hole_since.map(|since| since + HOLE_PAUSE);
        let refused = self.refused.map(|(_, at)| at + UNSEEN_MAX);
        let forget = self.seen.front().map(|(_, at)| *at + self.forget_after);
        retry.into_iter().chain(doubt).chain(refused).chain(hole).chain(forget).min()
    }
}

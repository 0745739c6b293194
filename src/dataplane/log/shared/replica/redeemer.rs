//! The redeemer: ships again what this replica followed and the stream lost, whoever wrote it.
//!
//! Acts first and in their order, since what is decided next builds on them; they count now whatever came between, for
//! somebody was told that they do. Events of other writers get some time: those writers have them, too, unless they are gone.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::ids::WriterId;
use super::order::{Lane, Publish};
use super::pause::Pause;
use super::place::Place;
use super::shipment::{BYTES_MAX, Condition, EVENTS_MAX, Kind, Shipment};
use super::stream::{Appended, Subject};

/// Time that other writers have to ship their own events.
const GRACE: Duration = Duration::from_secs(10);
/// Time that its predecessors may be missing until it is shipped nevertheless.
const HOLE_PAUSE: Duration = Duration::from_secs(120);
/// Time that the follower may not see an acknowledged shipment until it is sent again.
const UNSEEN_MAX: Duration = Duration::from_secs(5);

/// Shipments that are to be made again.
#[derive(Debug)]
pub(super) struct Redeemer {
    writer: WriterId,
    acts: VecDeque<Shipment>,
    events: VecDeque<Shipment>,
    since: Instant,
    flight: Option<Flight>,
    pause: Pause,
    #[cfg(test)]
    pub(super) plant: super::plant::Plants,
}

#[derive(Debug)]
enum Flight {
    Sent {
        is_act: bool,
    },
    /// It is at this place since then, and the follower has not come there yet.
    Stored {
        is_act: bool,
        sequence: u64,
        at: Instant,
    },
}

impl Redeemer {
    /// Of the writer with this name, which has to ship these.
    pub(super) fn new(writer: WriterId, shipments: Vec<Shipment>, now: Instant) -> Self {
        let (acts, events) = (VecDeque::new(), VecDeque::new());
        let mut redeemer = Self {
            writer,
            acts,
            events,
            since: now,
            flight: None,
            pause: Pause::new(now),
            #[cfg(test)]
            plant: super::plant::Plants::default(),
        };
        redeemer.take(shipments, now);
        redeemer
    }

    /// Takes what the stream lost, in its order, in pieces that the stream takes. It goes before what was lost earlier and is not
    /// there again: that stood behind it.
    pub(super) fn take(&mut self, shipments: Vec<Shipment>, now: Instant) {
        self.since = now;
        #[cfg(test)]
        if self.plant.is_planted(super::plant::Plant::RedeemsNothing) {
            return;
        }
        let (acts, events) = (std::mem::take(&mut self.acts), std::mem::take(&mut self.events));
        for shipment in shipments.into_iter().chain(acts).chain(events) {
            match shipment.kind {
                Kind::Act { .. } => self.acts.push_back(shipment),
                Kind::Events | Kind::Again { .. } => self.take_events(shipment),
            }
        }
        self.flight = None;
    }

    fn take_events(&mut self, shipment: Shipment) {
        let Shipment { writer, first, events, .. } = shipment;
        for (number, event) in (first..).zip(events) {
            if let Some(last) = self.events.back_mut() {
                let bytes: usize = last.events.iter().map(Vec::len).sum();
                let follows = last.writer == writer && last.last() + 1 == number;
                if follows && last.events.len() < EVENTS_MAX && bytes + event.len() <= BYTES_MAX {
                    last.events.push(event);
                    continue;
                }
            }
            let kind = Kind::Again { after: number - 1 };
            self.events.push_back(Shipment { writer, first: number, kind, events: vec![event] });
        }
    }

    /// Everything that is left, in the order that [`Self::take`] wants.
    pub(super) fn left(&self) -> impl Iterator<Item = &Shipment> {
        self.acts.iter().chain(&self.events)
    }

    /// Tells whether acts are left: no other act may go before them.
    pub(super) fn has_acts(&self) -> bool {
        !self.acts.is_empty()
    }

    /// The shipment to append now.
    pub(super) fn next(&mut self, now: Instant, place: &Place) -> Option<Publish> {
        self.followed(now, place);
        if self.flight.is_some() || now < self.pause.until() {
            return None;
        }
        let lane = Lane::Redeemer;
        if let Some(act) = self.acts.front() {
            self.flight = Some(Flight::Sent { is_act: true });
            let (subject, expected, mut shipment) = (Subject::Acts, Some(place.acts_sequence), act.clone());
            if act.writer == self.writer && now >= self.since + HOLE_PAUSE {
                // The one before it does not come back.
                let after = place.progress(self.writer).acts;
                shipment.kind = Kind::Act { after, condition: Condition::Whatever };
            }
            return Some(Publish { lane, subject, expected, shipment });
        }
        let is_time = |shipment: &&Shipment| shipment.writer == self.writer || now >= self.since + GRACE;
        let mut shipment = self.events.iter().find(is_time)?.clone();
        if now >= self.since + HOLE_PAUSE {
            shipment.kind = Kind::Again { after: 0 };
        }
        self.flight = Some(Flight::Sent { is_act: false });
        Some(Publish { lane, subject: Subject::Again(self.writer), expected: None, shipment })
    }

    /// Takes what became of the message in flight. Returns its place, if it is stored.
    pub(super) fn appended(&mut self, now: Instant, appended: Appended) -> Option<u64> {
        let Some(Flight::Sent { is_act }) = self.flight else { return None };
        match appended {
            Appended::Stored(sequence) => {
                self.flight = Some(Flight::Stored { is_act, sequence, at: now });
                Some(sequence)
            }
            Appended::Conflict { .. } | Appended::Unknown => {
                self.flight = None;
                self.pause.failed(now);
                None
            }
        }
    }

    /// Drops everything whose time is over: an edge waits so long for others to ship it.
    pub(super) fn give_up(&mut self, now: Instant) {
        if now >= self.since + HOLE_PAUSE {
            (self.acts, self.events) = Default::default();
        }
    }

    /// Drops what the follower saw.
    pub(super) fn followed(&mut self, now: Instant, place: &Place) {
        let mut was_stored = false;
        if let Some(Flight::Stored { is_act, sequence, at }) = self.flight
            && (place.sequence >= sequence || now >= at + UNSEEN_MAX)
        {
            (self.flight, was_stored) = (None, true);
            let has_condition =
                |act: &Shipment| matches!(act.kind, Kind::Act { condition: Condition::Seen(_), .. });
            let is_void =
                |act: &Shipment| (has_condition(act) || act.writer != self.writer) && !place.has(act);
            if is_act && place.sequence >= sequence && self.acts.front().is_some_and(is_void) {
                // Another act is where it would have to be. Its writer knows better, if anybody was told that it counts.
                self.acts.pop_front();
            }
        }
        let (is_act_in_flight, is_event_in_flight) = match self.flight {
            Some(Flight::Sent { is_act } | Flight::Stored { is_act, .. }) => (is_act, !is_act),
            None => (false, false),
        };
        // An act's number may only be passed by acts of its writer that came after it.
        let before = self.acts.len() + self.events.len();
        if !is_act_in_flight {
            self.acts.retain(|act| !place.has(act));
        }
        if !is_event_in_flight {
            self.events.retain(|shipment| !place.has(shipment));
        }
        match was_stored {
            true if self.acts.len() + self.events.len() == before => self.pause.failed(now),
            true => self.pause.succeeded(),
            false => {}
        }
    }

    /// Time at which something is due that no message brings.
    pub(super) fn due(&self) -> Option<Instant> {
        let is_idle = self.flight.is_none() && (!self.acts.is_empty() || !self.events.is_empty());
        let is_prompt = self.has_acts() || self.events.iter().any(|it| it.writer == self.writer);
        let from = if is_prompt { self.since } else { self.since + GRACE };
        match self.flight {
            Some(Flight::Stored { at, .. }) => Some(at + UNSEEN_MAX),
            Some(Flight::Sent { .. }) => None,
            None => is_idle.then(|| from.max(self.pause.until())),
        }
    }
}

//! Times of events beside the stream's own: what this machine's clock does to them, and what comes late.

use std::time::{Duration, Instant};

use super::Runner;
use crate::clock;
use crate::log::codec;
use crate::log::engine::Group;
use crate::log::late::LATENESS;
use crate::log::shared::replica::{Kind, Lane, Publish, Shipment, Step};
use crate::log::shared::stamps;
use crate::model::event::Event;
use crate::model::time::{Span, Time};

/// Shortest pause between two words that everything from before is there.
const SAID_PAUSE: Duration = Duration::from_secs(10);

impl Runner {
    /// Takes note of events from long before: the log is to be told when all of them are there.
    pub(super) fn note_age(&mut self, publish: &Publish) {
        let Shipment { kind, events, .. } = &publish.shipment;
        let first = events.first().filter(|_| !matches!(kind, Kind::Act { .. }));
        let is_old = first
            .and_then(|bytes| codec::decode(bytes).ok())
            .is_some_and(|event| is_from_before(&event, clock::now()));
        if is_old {
            self.owed = Some(if publish.lane == Lane::Shipper { publish.shipment.last() } else { 0 });
        }
    }

    /// Says in the log that everything from long before is there, so that it can be put in its place.
    pub(super) fn say_caught_up(&mut self) {
        let standing = self.replica.standing();
        let is_there = |number| standing.is_following && standing.shipped >= number;
        let is_soon = self.said_at.is_some_and(|at| Instant::now() < at + SAID_PAUSE);
        if is_soon || !self.owed.is_some_and(is_there) || self.replica.lost().next().is_some() {
            return;
        }
        let mut group = Group::default();
        let is_said = group.push(Event::CaughtUp { at: clock::now() }).is_ok()
            && self.outbox.append(&mut group, &mut || ()).is_ok();
        if is_said {
            (self.owed, self.said_at) = (None, Some(Instant::now()));
        }
    }

    /// The events of a step; where one is ahead of the stream's time it is put back, in its bytes too.
    pub(super) fn timed(&mut self, step: &Step, events: &mut [Vec<u8>]) -> Vec<Event> {
        if step.writer == self.outbox.writer() && step.count() > 0 {
            return self.own(step.stamp, events);
        }
        put_back(step.stamp, events).0
    }

    /// Its own events, as [`Self::timed`]: they tell what is wrong with this machine's clock.
    pub(super) fn own(&mut self, stamp: u64, events: &mut [Vec<u8>]) -> Vec<Event> {
        let (events, ahead, is_old) = put_back(stamp, events);
        self.report().ahead = ahead;
        // This machine's clock is behind: what it observes comes late to the others.
        self.owed = self.owed.or(is_old.then_some(0));
        events
    }
}

/// The events that a message with this stamp brought, each put back where it is ahead of the stream's time, in its bytes too; how far
/// ahead the furthest was; and whether one is from long before.
fn put_back(stamp: u64, events: &mut [Vec<u8>]) -> (Vec<Event>, Option<Span>, bool) {
    let stored_at = stamps::time(stamp);
    let (mut ahead, mut is_old) = (None, false);
    let event = |bytes: &mut Vec<u8>| {
        // Each was decoded before.
        let mut event = codec::decode(bytes).ok()?;
        ahead = ahead.max(stamps::put_back(&mut event, bytes, stored_at));
        is_old |= is_from_before(&event, stored_at);
        Some(event)
    };
    let timed = events.iter_mut().filter_map(event).collect();
    (timed, ahead, is_old)
}

/// Tells whether the event is from so long before `now` that it may come late.
fn is_from_before(event: &Event, now: Time) -> bool {
    event.is_observed() && now.since(event.at()) > Span::from_ms(LATENESS.ms() / 2)
}

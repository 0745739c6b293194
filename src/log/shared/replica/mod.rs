//! One replica of a log that several share over a stream: a pure core, with time as an argument and no I/O.
//!
//! ```text
//! outbox → shipper ─┐                      ┌→ changes → database, fold
//!    acts → desk ───┼→ stream → follower ──┤
//!         redeemer ─┘                      └→ shipper, desk, redeemer: what really is there
//! ```
//!
//! Its host asks for [`Replica::orders`], does what they say, hands over what came of it, and calls again when [`Replica::due`]
//! says so, when the outbox has more, or when an order is done.
//!
//! | file | purpose |
//! | --- | --- |
//! | `stream.rs` | the stream as the core sees it, and what is done about each of its failures |
//! | `shipment.rs`, `ids.rs` | one message as bytes; names of writers and acts |
//! | `place.rs`, `numbers.rs`, `trail.rs` | what a message means at its place, and how it is undone; own numbers that were taken; the latest steps |
//! | `follower.rs` | takes messages in order, and finds where a stream went back to |
//! | `shipper.rs`, `desk.rs`, `redeemer.rs` | the outbox's events; acts on a condition; what the stream lost |
//! | `order.rs`, `pause.rs` | what the host does; pauses between attempts |
//! | `memory.rs`, `simulation.rs`, `simulation/`, `plant.rs` | tests: a stream that fails; replicas in virtual time from a seed; faults that are planted |

mod desk;
mod follower;
mod ids;
mod numbers;
mod order;
mod pause;
mod place;
mod redeemer;
mod shipment;
mod shipper;
mod stream;
mod trail;

#[cfg(test)]
mod memory;
#[cfg(test)]
mod plant;
#[cfg(test)]
mod simulation;

use std::time::{Duration, Instant};

pub(in crate::log) use desk::Verdict;
pub(in crate::log) use follower::{Change, Halt};
pub(in crate::log) use ids::WriterId;
#[cfg(test)]
pub(in crate::log) use memory::Memory;
pub(in crate::log) use order::{Lane, Publish};
pub(in crate::log) use place::{Place, Step};
#[cfg(feature = "shared")]
pub(in crate::log) use shipment::{BYTES_MAX, Condition, EVENTS_MAX};
pub(in crate::log) use shipment::{Kind, Shipment, Unreadable};
pub(in crate::log) use shipper::Outbox;
#[cfg(feature = "shared")]
pub(in crate::log) use stream::Entry;
pub(in crate::log) use stream::{Appended, Away, Batch, Look, Subject};
pub(in crate::log) use trail::STEPS_MAX;

use desk::Desk;
use follower::Follower;
use redeemer::Redeemer;
use shipper::Shipper;

/// Longest pause between two looks.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// State that a replica begins with, as its host kept it.
#[derive(Debug)]
pub(in crate::log) struct Beginning {
    pub(in crate::log) writer: WriterId,
    pub(in crate::log) place: Place,
    /// The latest steps that led to it.
    pub(in crate::log) steps: Vec<Step>,
    /// Shipments that are to be made again.
    pub(in crate::log) lost: Vec<Shipment>,
    /// The number up to which the outbox forgot its events, and that of its last one.
    pub(in crate::log) forgotten: u64,
    pub(in crate::log) last: u64,
    /// At least the number of the next act: higher than in former processes.
    pub(in crate::log) next_act: u64,
    /// Time after which the outbox forgets what the follower saw: longer than a stream that went back may have stood.
    pub(in crate::log) forget_after: Duration,
}

/// State of a replica, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::log) struct Standing {
    /// The number up to which its own events are in the stream.
    pub(in crate::log) shipped: u64,
    /// The last message that it followed, and the last one that it heard of.
    pub(in crate::log) sequence: u64,
    pub(in crate::log) head: u64,
    /// It follows the stream; otherwise it is not sure that the stream still has what it followed.
    pub(in crate::log) is_following: bool,
    /// Events of writers that are missing in what it followed, while later ones are there.
    pub(in crate::log) missing: u64,
    /// The message that it stands still at.
    pub(in crate::log) halt: Option<Halt>,
    /// Another process ships under its name: its data folder was copied.
    pub(in crate::log) is_copied: bool,
}

/// One replica.
#[derive(Debug)]
pub(in crate::log) struct Replica {
    follower: Follower,
    shipper: Shipper,
    desk: Desk,
    redeemer: Redeemer,
    /// Time at which each message in flight was sent, by lane.
    sent_at: [Instant; 3],
    is_reading: bool,
}

/// Orders to the host.
#[derive(Debug, Default)]
pub(in crate::log) struct Orders {
    pub(in crate::log) publish: Vec<Publish>,
    pub(in crate::log) read: Option<Look>,
    /// The outbox may forget its events up to this number, once what was followed is kept.
    pub(in crate::log) forget: Option<u64>,
}

impl Replica {
    /// A replica that goes on from `beginning`.
    pub(in crate::log) fn new(beginning: Beginning, now: Instant) -> Self {
        let Beginning { writer, place, steps, lost, forgotten, last, next_act, forget_after } = beginning;
        Self {
            follower: Follower::new(place, steps, now),
            shipper: Shipper::new(writer, forgotten, last, forget_after, now),
            desk: Desk::new(writer, next_act),
            redeemer: Redeemer::new(writer, lost, now),
            sent_at: [now; 3],
            is_reading: false,
        }
    }

    /// Plants a fault in it.
    #[cfg(test)]
    fn plant(&mut self, plant: Option<plant::Plant>) {
        let plants = plant::Plants(plant);
        (self.follower.plant, self.shipper.plant) = (plants, plants);
        (self.desk.plant, self.redeemer.plant) = (plants, plants);
    }

    /// Position up to which it followed the stream.
    pub(in crate::log) fn place(&self) -> &Place {
        self.follower.place()
    }

    pub(in crate::log) fn standing(&self) -> Standing {
        let place = self.follower.place();
        Standing {
            shipped: self.shipper.shipped(place),
            sequence: place.sequence,
            head: self.follower.head(),
            is_following: self.follower.is_following(),
            missing: place.writers.values().map(|progress| progress.numbers.missing()).sum(),
            halt: self.follower.halt(),
            is_copied: self.shipper.is_copied(),
        }
    }

    /// Shipments that are left to be made again, in their order.
    pub(in crate::log) fn lost(&self) -> impl Iterator<Item = &Shipment> {
        self.redeemer.left()
    }

    /// Tells whether it can take an act.
    pub(in crate::log) fn takes_act(&self) -> bool {
        self.desk.is_free() && self.follower.is_following() && !self.redeemer.has_acts()
    }

    /// Takes the bytes of an act whose decision saw the act at the position `seen` (0: none), or of one that depends on
    /// nothing. Only when [`Self::takes_act`]. Returns what becomes of it where that is known at once.
    pub(in crate::log) fn take_act(
        &mut self,
        now: Instant,
        act: Vec<u8>,
        seen: Option<u64>,
    ) -> Option<Verdict> {
        self.desk.take(now, act, seen, self.follower.place())
    }

    /// Outcome of the act, once that is known. Then it takes another one.
    pub(in crate::log) fn verdict(&mut self, now: Instant) -> Option<Verdict> {
        let proved_at = self.follower.proved_at().filter(|_| !self.redeemer.has_acts());
        self.desk.verdict(now, self.follower.place(), proved_at)
    }

    /// Orders for now.
    pub(in crate::log) fn orders(&mut self, now: Instant, outbox: &dyn Outbox) -> Orders {
        let Self { follower, shipper, desk, redeemer, .. } = self;
        let (place, is_following) = (follower.place(), follower.is_following());
        let mut orders = Orders::default();
        let confirms = follower.wants_confirmation(now);
        orders.publish.extend(shipper.next(now, place, outbox, is_following, confirms));
        if is_following {
            orders.publish.extend(redeemer.next(now, place));
            if !redeemer.has_acts() {
                orders.publish.extend(desk.next(now));
            }
        }
        orders.forget = shipper.forget(now, place);
        for publish in &orders.publish {
            self.sent_at[publish.lane as usize] = now;
        }
        if !self.is_reading && now >= self.follower.read_at() {
            self.is_reading = true;
            self.follower.asked(now);
            orders.read = Some(self.follower.next_read());
        }
        orders
    }

    /// Takes what became of the message in flight of a lane.
    pub(in crate::log) fn appended(&mut self, now: Instant, lane: Lane, appended: Appended) {
        let sent_at = self.sent_at[lane as usize];
        let stored = match lane {
            Lane::Shipper => self.shipper.appended(now, appended).map(|(_, sequence)| sequence),
            Lane::Desk => self.desk.appended(now, appended),
            Lane::Redeemer => self.redeemer.appended(now, appended),
        };
        if let Some(sequence) = stored {
            self.follower.stored(sent_at, sequence);
        }
    }

    /// Takes note that the stream has a message with this sequence number.
    pub(in crate::log) fn told(&mut self, now: Instant, last: u64) {
        self.follower.told(now, last);
    }

    /// Takes what came of a read. Returns what the host is to keep.
    pub(in crate::log) fn read(&mut self, now: Instant, answer: Result<Batch, Away>) -> Option<Change> {
        self.is_reading = false;
        let change = self.follower.read(now, answer);
        match &change {
            Some(Change::Taken(steps)) => steps.iter().for_each(|(step, _)| self.desk.saw(step)),
            Some(Change::Back { .. }) => {
                self.shipper.went_back(self.follower.place());
                self.desk.went_back();
            }
            None => {}
        }
        self.shipper.followed(now, self.follower.place());
        self.redeemer.followed(now, self.follower.place());
        change
    }

    /// Takes what was new in steps that were undone, in their order ([`Step::shipments`]): it is shipped again.
    pub(in crate::log) fn redeem(&mut self, now: Instant, lost: Vec<Shipment>) {
        self.redeemer.take(lost, now);
    }

    /// Latest time to ask for orders again, after those of the time `now` were given.
    pub(in crate::log) fn due(&self, now: Instant) -> Instant {
        let read = if self.is_reading { None } else { Some(self.follower.read_at()) };
        let others = [self.shipper.due(), self.desk.due(), self.redeemer.due(), self.follower.due()];
        // Everything due by now waits for something that comes by itself.
        let due = others.into_iter().flatten().chain(read).filter(|at| *at > now).min();
        due.unwrap_or(now + PAUSE_MAX)
    }
}

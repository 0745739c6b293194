//! One replica of a log that several share over a stream: a pure core, with time as an argument and no I/O.
//!
//! ```text
//! outbox → shipper ─┐                      ┌→ changes → database, fold
//!    acts → desk ───┼→ stream → follower ──┤
//!         redeemer ─┘                      └→ shipper, desk, redeemer: what really is there
//! ```
//!
//! An edge has a chain in place of the shipper, follows the acts alone, and makes none:
//!
//! ```text
//! outbox → chain ⇄ stream → follower → changes → database, fold
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
//! | `chain.rs`, `marker.rs` | an edge's events; its word that the stream takes something |
//! | `order.rs`, `pause.rs` | what the host does; pauses between attempts |
//! | `memory.rs`, `simulation.rs`, `simulation/`, `plant.rs` | tests: a stream that fails; replicas in virtual time from a seed; faults that are planted |

mod chain;
mod desk;
mod follower;
mod ids;
mod marker;
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
#[cfg(any(test, feature = "shared"))]
pub(in crate::log) use shipment::Condition;
#[cfg(feature = "shared")]
pub(in crate::log) use shipment::{BYTES_MAX, EVENTS_MAX};
pub(in crate::log) use shipment::{Kind, Shipment, Unreadable};
pub(in crate::log) use shipper::Outbox;
pub(in crate::log) use stream::{Appended, Away, Batch, Entry, Look, Subject};
pub(in crate::log) use trail::STEPS_MAX;

use chain::Chain;
use desk::Desk;
use follower::Follower;
use marker::Marker;
use redeemer::Redeemer;
use shipper::Shipper;

/// Longest pause between two looks.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The part that a replica takes in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::log) enum Role {
    /// It has the whole log, and makes acts.
    Full,
    /// It ships its own events, and has the acts alone.
    Edge,
}

impl Role {
    /// Its name in the configuration.
    pub(in crate::log) fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Edge => "edge",
        }
    }
}

/// State that a replica begins with, as its host kept it.
#[derive(Debug)]
pub(in crate::log) struct Beginning {
    pub(in crate::log) role: Role,
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
    /// The last message that it followed among the acts.
    pub(in crate::log) acts: u64,
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
    way: Way,
    desk: Desk,
    /// An edge ships nothing again, and only waits until others did.
    redeemer: Redeemer,
    /// Time at which each message in flight was sent, by lane.
    sent_at: [Instant; Lane::COUNT],
    is_reading: bool,
}

/// The way of its own events into the stream.
#[derive(Debug)]
enum Way {
    Full(Shipper),
    Edge(Chain, Marker),
}

/// Orders to the host.
#[derive(Debug, Default)]
pub(in crate::log) struct Orders {
    pub(in crate::log) publish: Vec<Publish>,
    pub(in crate::log) read: Option<Look>,
    /// The subject whose last message is to be read.
    pub(in crate::log) last: Option<Subject>,
    /// The outbox may forget its events up to this number, once what was followed is kept.
    pub(in crate::log) forget: Option<u64>,
}

impl Replica {
    /// A replica that goes on from `beginning`.
    pub(in crate::log) fn new(beginning: Beginning, now: Instant) -> Self {
        let Beginning { role, writer, place, steps, lost, forgotten, last, next_act, forget_after } =
            beginning;
        let way = match role {
            Role::Full => Way::Full(Shipper::new(writer, forgotten, last, forget_after, now)),
            Role::Edge => {
                let chain = Chain::new(writer, forgotten, last, forget_after, now);
                Way::Edge(chain, Marker::new(writer, now))
            }
        };
        Self {
            follower: Follower::new(place, steps, now),
            way,
            desk: Desk::new(writer, next_act),
            redeemer: Redeemer::new(writer, lost, now),
            sent_at: [now; Lane::COUNT],
            is_reading: false,
        }
    }

    /// Plants a fault in it.
    #[cfg(test)]
    fn plant(&mut self, plant: Option<plant::Plant>) {
        let plants = plant::Plants(plant);
        (self.follower.plant, self.desk.plant, self.redeemer.plant) = (plants, plants, plants);
        match &mut self.way {
            Way::Full(shipper) => shipper.plant = plants,
            Way::Edge(chain, _) => chain.plant = plants,
        }
    }

    /// Position up to which it followed the stream.
    pub(in crate::log) fn place(&self) -> &Place {
        self.follower.place()
    }

    pub(in crate::log) fn standing(&self) -> Standing {
        let place = self.follower.place();
        let (shipped, is_copied) = match &self.way {
            Way::Full(shipper) => (shipper.shipped(place), shipper.is_copied()),
            Way::Edge(chain, _) => (chain.shipped(), chain.is_copied()),
        };
        Standing {
            shipped,
            sequence: place.sequence,
            head: self.follower.head(),
            acts: place.acts_sequence,
            is_following: self.follower.is_following(),
            // An edge may make up numbers.
            missing: place.writers.values().fold(0, |sum: u64, it| sum.saturating_add(it.numbers.missing())),
            halt: self.follower.halt(),
            is_copied,
        }
    }

    /// Shipments that are left to be made again, in their order.
    pub(in crate::log) fn lost(&self) -> impl Iterator<Item = &Shipment> {
        self.redeemer.left()
    }

    /// Tells whether it can take an act.
    pub(in crate::log) fn takes_act(&self) -> bool {
        let is_full = matches!(self.way, Way::Full(_));
        is_full && self.desk.is_free() && self.follower.is_following() && !self.redeemer.has_acts()
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
        let Self { follower, way, desk, redeemer, .. } = self;
        let (place, is_following) = (follower.place(), follower.is_following());
        let mut orders = Orders::default();
        let confirms = follower.wants_confirmation(now);
        match way {
            Way::Full(shipper) => {
                orders.publish.extend(shipper.next(now, place, outbox, is_following, confirms));
                if is_following {
                    orders.publish.extend(redeemer.next(now, place));
                    if !redeemer.has_acts() {
                        orders.publish.extend(desk.next(now));
                    }
                }
                orders.forget = shipper.forget(now, place);
            }
            Way::Edge(chain, marker) => {
                redeemer.give_up(now);
                orders.publish.extend(marker.next(now, confirms));
                orders.publish.extend(chain.next(now, outbox));
                orders.last = chain.look(now);
                orders.forget = chain.forget();
            }
        }
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
        let stored = match (lane, &mut self.way) {
            (Lane::Shipper, Way::Full(shipper)) => {
                shipper.appended(now, appended).map(|(_, sequence)| sequence)
            }
            (Lane::Shipper, Way::Edge(chain, _)) => {
                chain.appended(now, appended);
                None
            }
            (Lane::Desk, _) => self.desk.appended(now, appended),
            (Lane::Redeemer, _) => self.redeemer.appended(now, appended),
            (Lane::Mark, Way::Edge(_, marker)) => marker.appended(now, appended),
            (Lane::Mark, Way::Full(_)) => None,
        };
        if let Some(sequence) = stored {
            self.follower.stored(sent_at, sequence);
        }
    }

    /// Takes note that the stream has a message with this sequence number.
    pub(in crate::log) fn told_head(&mut self, now: Instant, last: u64) {
        self.follower.told(now, last);
    }

    /// Takes the last message of the subject that [`Orders::last`] named, as some server has it; nothing where there is none.
    pub(in crate::log) fn told(&mut self, now: Instant, last: Result<Option<Entry>, Away>) {
        if let Way::Edge(chain, _) = &mut self.way {
            chain.told(now, last);
        }
    }

    /// Takes what came of a read. Returns what the host is to keep.
    pub(in crate::log) fn read(&mut self, now: Instant, answer: Result<Batch, Away>) -> Option<Change> {
        self.is_reading = false;
        let change = self.follower.read(now, answer);
        match &change {
            Some(Change::Taken(steps)) => steps.iter().for_each(|(step, _)| self.desk.saw(step)),
            Some(Change::Back { .. }) => {
                if let Way::Full(shipper) = &mut self.way {
                    shipper.went_back(self.follower.place());
                }
                self.desk.went_back();
            }
            None => {}
        }
        if let Way::Full(shipper) = &mut self.way {
            shipper.followed(now, self.follower.place());
        }
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
        let way = match &self.way {
            Way::Full(shipper) => shipper.due(),
            Way::Edge(chain, marker) => chain.due().into_iter().chain(marker.due()).min(),
        };
        let others = [way, self.desk.due(), self.redeemer.due(), self.follower.due()];
        // Everything due by now waits for something that comes by itself.
        let due = others.into_iter().flatten().chain(read).filter(|at| *at > now).min();
        due.unwrap_or(now + PAUSE_MAX)
    }
}

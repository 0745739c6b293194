//! Faults that a test plants, to see that the simulation finds them.

use super::place::{Place, Step};
use super::shipment::{Condition, Kind, Shipment};

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plant {
    /// The outbox forgets what the stream acknowledged, before the follower saw it.
    ForgetsWhatIsAcknowledged,
    /// Events that were taken are taken again.
    TakesRepeats,
    /// The shipper does not wait for one frame before it sends the next.
    TwoInFlight,
    /// A server that is behind is taken for a stream that went back.
    TrustsHeads,
    /// An act whose acknowledgement is lost is called refused.
    LostAckIsRefusal,
    /// Followers do not ship again the events that a stream lost.
    RedeemsNothing,
    /// An act counts whatever came before: neither the stream nor a follower looks at its condition.
    IgnoresConditions,
    /// A follower takes what a message says for what its subject lets its writer say.
    BelievesAnySubject,
    /// A message of an edge that cannot be read stops the follower.
    HaltsAtEdges,
    /// An edge takes what the stream acknowledged for what it has.
    EdgeTrustsAcks,
}

/// The faults of one replica.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Plants(pub(super) Option<Plant>);

impl Plants {
    pub(super) fn is_planted(self, plant: Plant) -> bool {
        self.0 == Some(plant)
    }

    /// The shipment as a follower with the fault reads it.
    pub(super) fn changed(self, mut shipment: Shipment) -> Shipment {
        if let Kind::Act { condition, .. } = &mut shipment.kind
            && self.is_planted(Plant::IgnoresConditions)
        {
            *condition = Condition::Whatever;
        }
        shipment
    }

    /// Takes the events of a shipment although they were taken.
    pub(super) fn take_again(self, shipment: &Shipment, step: &mut Step, place: &mut Place) {
        if self.is_planted(Plant::TakesRepeats) && !step.is_act() && !shipment.events.is_empty() {
            let before = step.count();
            step.new = vec![(shipment.first, shipment.last())];
            place.position += step.count() - before;
        }
    }
}

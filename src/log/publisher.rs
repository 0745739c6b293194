//! The publisher: sends events that were folded to those who follow. Nothing is gathered while nobody does.

use std::sync::Arc;

use tokio::sync::broadcast;

use crate::model::event::{Event, Object};

/// Publications that wait for a slow follower.
const WAITING_MAX: usize = 64;
/// Events of one publication; more are counted.
const EVENTS_MAX: usize = 512;

/// What came with one publication of the view: requests for manifests, and what administrators did.
#[derive(Debug, Default)]
pub struct Published {
    /// The events with their sequence numbers, in log order.
    pub events: Vec<(u64, Event)>,
    /// How many more there were.
    pub missed: u64,
}

/// The fold's end.
pub(super) struct Publisher {
    subscribers: broadcast::Sender<Arc<Published>>,
    next: Published,
}

/// Where to subscribe.
pub(super) type Subscribers = broadcast::Sender<Arc<Published>>;

impl Publisher {
    pub(super) fn new() -> (Self, Subscribers) {
        let (subscribers, _) = broadcast::channel(WAITING_MAX);
        (Self { subscribers: subscribers.clone(), next: Published::default() }, subscribers)
    }

    /// Gathers those of these events that followers want, the first of which has the number `first`.
    pub(super) fn gather(&mut self, first: u64, events: &[Event]) {
        if self.subscribers.receiver_count() == 0 {
            return;
        }
        let is_wanted = |event: &Event| match event {
            Event::Observed(observation) => observation.object == Object::Manifest,
            Event::Acted(_) => true,
            Event::Learned { .. }
            | Event::Gap { .. }
            | Event::Refused { .. }
            | Event::LeftOut(_)
            | Event::ClockStepped { .. } => false,
        };
        for (sequence, event) in (first..).zip(events).filter(|(_, event)| is_wanted(event)) {
            if self.next.events.len() < EVENTS_MAX {
                self.next.events.push((sequence, event.clone()));
            } else {
                self.next.missed += 1;
            }
        }
    }

    /// Sends what was gathered: the view has it now.
    pub(super) fn publish(&mut self) {
        if !self.next.events.is_empty() {
            // Whoever followed may have gone.
            let _ = self.subscribers.send(Arc::new(std::mem::take(&mut self.next)));
        }
    }
}

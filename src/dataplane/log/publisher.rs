//! The publisher: replaces the view that readers see, and sends events that were folded to those who follow. Nothing is
//! gathered while nobody does.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::broadcast;

use super::view::View;
use crate::model::event::{Event, Object};

/// Publications that wait for a slow follower.
const WAITING_MAX: usize = 64;
/// Events of one publication; more are counted.
const EVENTS_MAX: usize = 512;

/// The news in one publication of the view: requests for manifests, and administrators' acts.
#[derive(Debug, Default)]
pub struct Published {
    /// The events with their sequence numbers, in log order.
    pub events: Vec<(u64, Event)>,
    /// The number of further ones that are left out.
    pub missed: u64,
}

/// The fold's end.
pub(super) struct Publisher {
    views: Views,
    next: Published,
}

/// The readers' end: the published view, and where to subscribe.
#[derive(Clone)]
pub(super) struct Views {
    latest: Arc<ArcSwap<View>>,
    subscribers: broadcast::Sender<Arc<Published>>,
}

impl Views {
    pub(super) fn latest(&self) -> Arc<View> {
        self.latest.load_full()
    }

    pub(super) fn follow(&self) -> broadcast::Receiver<Arc<Published>> {
        self.subscribers.subscribe()
    }
}

impl Publisher {
    /// With `view` published.
    pub(super) fn new(view: &View) -> (Self, Views) {
        let (subscribers, _) = broadcast::channel(WAITING_MAX);
        let views = Views { latest: Arc::new(ArcSwap::from_pointee(view.clone())), subscribers };
        (Self { views: views.clone(), next: Published::default() }, views)
    }

    /// Gathers those of these events that followers want, the first of which has the number `first`.
    pub(super) fn gather(&mut self, first: u64, events: &[Event]) {
        if self.views.subscribers.receiver_count() == 0 {
            return;
        }
        let is_wanted = |event: &Event| match event {
            Event::Observed(observation) => observation.object == Object::Manifest,
            Event::Acted(_) => true,
            // A heartbeat is no news.
            Event::Reported(report) => report.tells_of_workloads(),
            Event::Learned { .. }
            | Event::Gap { .. }
            | Event::Refused { .. }
            | Event::LeftOut(_)
            | Event::ClockStepped { .. }
            | Event::CaughtUp { .. } => false,
        };
        for (sequence, event) in (first..).zip(events).filter(|(_, event)| is_wanted(event)) {
            if self.next.events.len() < EVENTS_MAX {
                self.next.events.push((sequence, event.clone()));
            } else {
                self.next.missed += 1;
            }
        }
    }

    /// Publishes the view, and sends what was gathered, which is in it.
    pub(super) fn publish(&mut self, view: &View) {
        self.views.latest.store(Arc::new(view.clone()));
        if !self.next.events.is_empty() {
            // The follower may have gone.
            let _ = self.views.subscribers.send(Arc::new(std::mem::take(&mut self.next)));
        }
    }
}

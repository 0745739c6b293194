//! Places of the administrators' acts in the log, among all the observations: the index of the audit trail.
//!
//! Only the places are folded; what was done is read from the log itself.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::engine::Engine;
use super::error::ReadError;
use crate::model::act::Act;
use crate::model::event::Event;

/// Most acts that can be asked about; older ones stay in the log.
const ACTS_MAX: usize = 65_536;

/// Acts that are read at once.
const READ_TOGETHER: usize = 64;

/// The sequence numbers of the latest acts, in order. Cloning is cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Acts(Arc<Vec<u64>>);

impl Acts {
    /// Takes the log's next event into account.
    pub(super) fn apply(&mut self, sequence: u64, event: &Event) {
        if event.act().is_none() {
            return;
        }
        let places = Arc::make_mut(&mut self.0);
        if places.len() >= ACTS_MAX {
            // A quarter at a time: each removal moves the rest.
            places.drain(..ACTS_MAX / 4);
        }
        places.push(sequence);
    }

    /// The latest acts before the event `before` that `wanted` wants, newest first, at most `limit`, each with its
    /// sequence number.
    pub(super) fn read(
        &self,
        engine: &dyn Engine,
        before: u64,
        limit: usize,
        wanted: impl Fn(&Act) -> bool,
    ) -> Result<Vec<(u64, Act)>, ReadError> {
        let end = self.0.partition_point(|&sequence| sequence < before);
        let mut found = Vec::new();
        for places in self.0[..end].rchunks(READ_TOGETHER) {
            let places: Vec<u64> = places.iter().rev().copied().collect();
            for (sequence, event) in engine.events_at(&places)? {
                if found.len() >= limit {
                    return Ok(found);
                }
                found.extend(event.act().filter(|act| wanted(act)).map(|act| (sequence, act.clone())));
            }
        }
        Ok(found)
    }

    /// The latest act; 0 for none.
    pub(super) fn last(&self) -> u64 {
        self.0.last().copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::act::{Action, Actor};
    use crate::model::time::Time;

    fn deleted(number: u64) -> Event {
        let name = format!("env-{}", number % 2).parse().unwrap();
        Action::EnvironmentDeleted { name }.by(Actor::default(), Time::from_ms(0))
    }

    #[test]
    fn the_places_are_bounded_and_the_oldest_go_first() {
        let mut acts = Acts::default();
        let gap = Event::Gap { from: Time::from_ms(0), until: Time::from_ms(0), lost: 1 };
        for sequence in 1..=ACTS_MAX as u64 + 1 {
            acts.apply(sequence, &deleted(sequence));
            acts.apply(sequence, &gap);
        }
        assert_eq!(acts.0.len(), ACTS_MAX * 3 / 4 + 1);
        assert_eq!((acts.0[0], acts.0.last()), (ACTS_MAX as u64 / 4 + 1, Some(&(ACTS_MAX as u64 + 1))));
    }
}

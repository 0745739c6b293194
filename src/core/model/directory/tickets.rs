//! Tickets that were used up, until they end.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::act::TicketId;
use crate::model::time::Time;

/// Most tickets that are remembered; beyond it, the one that ends first is forgotten.
const USED_MAX: usize = 65_536;

/// Tickets that were used up, each with its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedTickets {
    ends: BTreeMap<TicketId, Time>,
    by_end: BTreeSet<(Time, TicketId)>,
}

impl UsedTickets {
    /// Adds one at `now`, and forgets those that have ended by then. Returns whether it is new.
    pub fn add(&mut self, ticket: TicketId, ends_at: Time, now: Time) -> bool {
        while let Some(&(end, first)) = self.by_end.first()
            && (end <= now || self.ends.len() >= USED_MAX)
        {
            self.by_end.pop_first();
            self.ends.remove(&first);
        }
        if self.has(&ticket) {
            return false;
        }
        self.ends.insert(ticket, ends_at);
        self.by_end.insert((ends_at, ticket))
    }

    pub(super) fn has(&self, ticket: &TicketId) -> bool {
        self.ends.contains_key(ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_tickets_are_remembered_until_they_end_and_are_bounded() {
        let mut used = UsedTickets::default();
        let at = Time::from_ms;
        used.add([1; 16], at(100), at(0));
        used.add([2; 16], at(200), at(99));
        assert!(!used.add([2; 16], at(200), at(99)), "it was used before");
        assert!(used.has(&[1; 16]) && used.has(&[2; 16]) && !used.has(&[3; 16]));
        used.add([3; 16], at(300), at(100));
        assert!(!used.has(&[1; 16]) && used.has(&[2; 16]), "one that has ended is forgotten");
        for number in 0..USED_MAX as u128 {
            used.add(number.to_be_bytes(), at(1_000), at(100));
        }
        assert_eq!((used.ends.len(), used.by_end.len()), (USED_MAX, USED_MAX));
        assert!(!used.has(&[2; 16]), "the one that ends first makes room");
    }
}

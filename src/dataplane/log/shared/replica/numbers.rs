//! The numbers of one writer that were taken: all up to one, and some beyond it, between holes.

use serde::{Deserialize, Serialize};

/// Holes that are kept open for one writer. One frame is in flight at a time, so a sound stream makes none.
const HOLES_MAX: usize = 64;

/// The numbers that were taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::log) struct Numbers {
    /// All up to this one were; 0 for none.
    until: u64,
    /// Those beyond the first hole: first and last ones, in order, with holes between them.
    beyond: Vec<(u64, u64)>,
    /// Numbers in holes that were closed because there were too many.
    given_up: u64,
}

impl Numbers {
    /// The number up to which all were taken, or given up.
    pub(in crate::log) fn until(&self) -> u64 {
        self.until
    }

    /// The highest number that was taken.
    pub(in crate::log) fn last(&self) -> u64 {
        self.beyond.last().map_or(self.until, |(_, last)| *last)
    }

    /// Count of the numbers that are missing below the highest one.
    pub(in crate::log) fn missing(&self) -> u64 {
        let taken: u64 = self.beyond.iter().map(|(first, last)| last - first + 1).sum();
        self.last() - self.until - taken + self.given_up
    }

    /// Tells whether all numbers from `first` to `last` were taken.
    pub(in crate::log) fn has(&self, first: u64, last: u64) -> bool {
        last <= self.until || {
            let first = first.max(self.until + 1);
            self.beyond.iter().any(|(from, to)| *from <= first && last <= *to)
        }
    }

    /// Takes the numbers from `first` to `last`, both from 1. Returns the parts of them that are new, in order.
    pub(super) fn take(&mut self, first: u64, last: u64) -> Vec<(u64, u64)> {
        let (mut new, mut next) = (Vec::new(), first.max(self.until + 1));
        for &(from, to) in &self.beyond {
            if next < from && next <= last {
                new.push((next, last.min(from - 1)));
            }
            next = next.max(to + 1);
        }
        if next <= last {
            new.push((next, last));
        }
        self.beyond.extend(&new);
        self.beyond.sort_unstable();
        self.join();
        new
    }

    /// Joins what touches, and closes the first hole while there are too many.
    fn join(&mut self) {
        let mut joined: Vec<(u64, u64)> = Vec::with_capacity(self.beyond.len());
        for (first, last) in self.beyond.drain(..) {
            match joined.last_mut() {
                None if first <= self.until + 1 => self.until = self.until.max(last),
                Some((_, end)) if first <= *end + 1 => *end = last.max(*end),
                _ => joined.push((first, last)),
            }
        }
        while joined.len() > HOLES_MAX {
            let (first, last) = joined.remove(0);
            self.given_up += first - self.until - 1;
            self.until = last;
        }
        self.beyond = joined;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_number_is_new_once(ranges in prop::collection::vec((1_u64..60, 0_u64..9), 0..40)) {
            let (mut numbers, mut taken) = (Numbers::default(), BTreeSet::new());
            for (first, more) in ranges {
                let before = numbers.has(first, first + more);
                let expected: Vec<u64> = (first..=first + more).filter(|number| taken.insert(*number)).collect();
                let new: Vec<u64> =
                    numbers.take(first, first + more).into_iter().flat_map(|(from, to)| from..=to).collect();
                prop_assert_eq!(before, expected.is_empty());
                prop_assert_eq!(new, expected);
                let until = (1..).find(|number| !taken.contains(number)).unwrap() - 1;
                let last = taken.last().copied().unwrap_or(0);
                prop_assert_eq!((numbers.until(), numbers.last()), (until, last));
                prop_assert_eq!(numbers.missing(), last - taken.len() as u64);
            }
        }
    }

    #[test]
    fn holes_are_bounded_and_counted() {
        let mut numbers = Numbers::default();
        for number in 1..=HOLES_MAX as u64 + 1 {
            numbers.take(2 * number, 2 * number);
        }
        assert_eq!((numbers.until(), numbers.beyond.len(), numbers.given_up), (2, HOLES_MAX, 1));
        assert_eq!(numbers.missing(), HOLES_MAX as u64 + 1);
    }
}

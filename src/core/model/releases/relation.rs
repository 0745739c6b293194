//! Relations between releases.

use std::cmp::Ordering;

/// The position of one release, seen from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It is earlier.
    Earlier,
    /// It is later.
    Later,
    /// It carries the same version.
    Same,
    /// Neither contains the other.
    Incomparable,
    /// Nothing is known that could tell.
    Unknown,
}

impl Relation {
    /// `order` compares where one comes from with where one goes to.
    pub(super) fn of(order: Ordering) -> Self {
        match order {
            Ordering::Less => Self::Later,
            Ordering::Equal => Self::Same,
            Ordering::Greater => Self::Earlier,
        }
    }
}

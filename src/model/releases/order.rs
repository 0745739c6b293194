//! The position of one release, seen from another, and the name by which a version is looked up.

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

/// The version as it is looked up: `v2.3.1` and `2.3.1` are one.
pub(super) fn key(version: &str) -> &str {
    match version.strip_prefix(['v', 'V']) {
        Some(rest) if rest.starts_with(|letter: char| letter.is_ascii_digit()) => rest,
        _ => version,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leading_v_makes_no_other_version() {
        for (version, expected) in [("v2.3.1", "2.3.1"), ("2.3.1", "2.3.1"), ("vnext", "vnext"), ("V2", "2")]
        {
            assert_eq!(key(version), expected);
        }
    }
}

//! The laws of a partial order, for whoever tests one.

use std::cmp::Ordering;
use std::fmt::Debug;

/// Asserts that each is equal to itself, that a pair is ordered alike from both sides, and that a row is as its steps are.
pub(super) fn in_one_order<N: Debug>(numbers: &[N], order: impl Fn(&N, &N) -> Option<Ordering>) {
    for a in numbers {
        assert_eq!(order(a, a), Some(Ordering::Equal), "{a:?}");
        for b in numbers {
            assert_eq!(order(a, b), order(b, a).map(Ordering::reverse), "{a:?} {b:?}");
            for c in numbers {
                if let (Some(first), Some(second)) = (order(a, b), order(b, c))
                    && first.is_le()
                    && second.is_le()
                {
                    assert_eq!(order(a, c), Some(first.min(second)), "{a:?} {b:?} {c:?}");
                }
            }
        }
    }
}

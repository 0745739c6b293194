//! The form of what is kept in snapshots: fields one after the other, without names.

use super::story::{at, environment, folded, observations};

/// The history has everything that is kept: pulls that are open and complete, a current image, candidates, past
/// deployments, corrections, attempts, pulls by people.
const HISTORY: &str = "0:00 a b c d e f g h pull 1.0
    0:30 l laptop 1.0
    1:00:00 p prepull 1.1
    2:00:00 a b c d e pull 1.1 every 20s
    2:05:00 f pull 1.0
    2:20:00 f g h pull 1.1 every 20s
    5:00:00 x fail 1.2
    5:00:10 a pull 1.2
    5:10:00 b break 1.2
    9:00:00 a check 1.0
    9:30:00 b c d e check 1.0 every 20s
    9:31:00 i pull 1.3
    9:40:00 j pull 1.0
    10:30:00 k pull 1.0";

/// A difference is a change of the form: raise `LAYOUT` in `log/snapshot.rs` and read the form before, or what retention
/// kept in it can be read no more.
#[test]
fn what_is_kept_has_the_form_that_it_had() {
    let state = folded(&observations(HISTORY));
    let kept = postcard::to_stdvec(state.environment(&environment()).unwrap()).unwrap();
    assert_eq!((kept.len(), crc32fast::hash(&kept)), (2_919, 912_489_150));
    let running = crate::model::questions::replayed(&state, &environment(), at(10 * 3_600));
    assert!(serde_json::to_string(&running).unwrap().contains("rollback"), "{running:?}");
}

//! The form of what is kept in snapshots: fields one after the other, without names.

use super::story::{at, environment, folded, observations};
use crate::model::report::StatementLine;

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

/// A witness that begins, tells everything and what was before, tells of a trouble, begins anew, and has not told everything.
const WITNESS: [&str; 6] = [
    r#""kind":"past","at":"2026-03-01T17:00:00Z","source":"kubernetes","namespace":"shop","workload":"deployment/app",
        "container":"app","repository":"docker/app","images":[{"reference":"0.9"}]"#,
    r#""kind":"alive","at":"2026-03-02T17:00:00Z","since":"2026-03-02T17:00:00Z""#,
    r#""kind":"running","at":"2026-03-02T17:00:01Z","source":"kubernetes","namespace":"shop","workload":"deployment/app",
        "container":"app","repository":"docker/app","desired":3,"images":[{"digest":
        "sha256:24d085704ac93832b137db39ec4f3ce435ffd4a4e01b53e1fbec4af60eff0227","running":3,"ready":2,"nodes":2}]"#,
    r#""kind":"alive","at":"2026-03-02T17:00:03Z","since":"2026-03-02T17:00:00Z""#,
    r#""kind":"running","at":"2026-03-02T17:00:09Z","source":"kubernetes","namespace":"shop","workload":"deployment/app",
        "container":"app","repository":"docker/app","images":[],"troubles":[{"reason":"OOMKilled","reference":"1.1","count":2}]"#,
    r#""kind":"alive","at":"2026-03-02T17:01:00Z","since":"2026-03-02T17:01:00Z""#,
];

/// A difference is a change of the form: raise `LAYOUT` in `log/snapshot.rs` and read the form before, or what retention
/// kept in it can be read no more.
#[test]
fn what_is_kept_has_the_form_that_it_had() {
    let mut state = folded(&observations(HISTORY));
    for statement in WITNESS {
        let line = format!(r#"{{"environment":"production","witness":"eu-1",{statement}}}"#);
        state.report(&serde_json::from_str::<StatementLine>(&line).unwrap().into_report());
    }
    let kept = postcard::to_stdvec(state.environment(&environment()).unwrap()).unwrap();
    assert_eq!((kept.len(), crc32fast::hash(&kept)), (3_896, 1_365_825_320));
    let running = crate::model::questions::replayed(&state, &environment(), at(11 * 3_600));
    assert!(serde_json::to_string(&running).unwrap().contains("rollback"), "{running:?}");
}

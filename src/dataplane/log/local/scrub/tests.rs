use std::fs::File;
use std::os::unix::fs::FileExt;

use super::*;
use crate::log::ReadError;
use crate::log::tests::{created, observation, open, stored};
use crate::model::event::Event;

/// Number of damaged events that a pass finds, made in pieces.
fn passed(store: &Store) -> u64 {
    let (findings, now) = (Findings::default(), Instant::now());
    let mut pass = Pass::new(now);
    while !pass.is_done {
        pass.step(store, 7, now, &findings);
    }
    assert!(findings.get().ended_at.is_some());
    findings.get().damaged
}

#[tokio::test]
async fn a_pass_finds_what_is_damaged_and_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    for number in 0..100 {
        let _ = log.record(observation(number));
    }
    assert_eq!(stored(&log).len(), 100);
    log.close();
    assert_eq!(passed(&Store::open(dir.path()).unwrap()), 0);

    // Two events, wherever they lie: pages that were given up hold them, too.
    let path = dir.path().join(crate::log::local::files::DATABASE);
    let bytes = std::fs::read(&path).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    for number in [17, 42] {
        let Some(digest) = observation(number).digest else { unreachable!() };
        let digest = digest.to_string();
        let first = u8::from_str_radix(&digest[7..9], 16).unwrap();
        let whole: Vec<_> =
            (7..71).step_by(2).map(|at| u8::from_str_radix(&digest[at..at + 2], 16).unwrap()).collect();
        for (at, _) in bytes.windows(32).enumerate().filter(|(_, it)| *it == whole) {
            file.write_all_at(&[first ^ 1], at as u64).unwrap();
        }
    }
    assert_eq!(passed(&Store::open(dir.path()).unwrap()), 2);
    let log = open(dir.path());
    assert_eq!(log.view().applied, 100, "the latest snapshot knows all of them");
    log.recorder.engine().scrub(Instant::now());
    assert_eq!(log.health().damaged_events, 2);
    log.append(created("staging")).await.unwrap();
    let read: Vec<Result<(u64, Event), ReadError>> = log.events().unwrap().collect();
    let Some(Err(refused)) = read.last() else { panic!("it reads past damage: {}", read.len()) };
    assert!(refused.to_string().contains("event 18 has another checksum"), "{refused}");
    assert_eq!(log.view().applied, 101, "pulls go on");
    log.close();
}

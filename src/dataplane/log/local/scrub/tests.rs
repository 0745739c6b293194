use std::fs::File;
use std::os::unix::fs::FileExt;

use super::*;
use crate::log::ReadError;
use crate::log::tests::{created, observation, open, stored};
use crate::model::event::{Event, Observation};

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
    // Nothing but the event has this text: a snapshot has no word of it.
    let agent = |number: u64| format!("asks for event {number}.");
    for number in 0..100 {
        let _ = log.record(Observation { agent: agent(number).into(), ..observation(number) });
    }
    assert_eq!(stored(&log).len(), 100);
    log.close();
    assert_eq!(passed(&Store::open(dir.path()).unwrap()), 0);

    // Two events, wherever they lie: pages that were given up hold them, too.
    let path = dir.path().join(crate::log::local::files::DATABASE);
    let bytes = std::fs::read(&path).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    for number in [17, 42] {
        let agent = agent(number);
        let bytes = bytes.windows(agent.len()).enumerate();
        for (at, found) in bytes.filter(|(_, it)| *it == agent.as_bytes()) {
            file.write_all_at(&[found[0] ^ 1], at as u64).unwrap();
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

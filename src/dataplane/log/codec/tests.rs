mod samples;

use std::collections::BTreeSet;

use samples::{ACTIONS, EVENTS, Named, action_place, event_place, samples};

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_is_written_is_pinned() {
    let mut buffer = Vec::new();
    let written: String = samples()
        .iter()
        .map(|Named { name, event }| {
            buffer.clear();
            encode(event, &mut buffer).unwrap();
            assert_eq!(&decode(&buffer).unwrap(), event, "{name} does not come back");
            format!("{name} {}\n", hex(&buffer))
        })
        .collect();
    let golden = include_str!("../../../../tests/golden/events-v4.txt");
    assert!(
        written == golden,
        "the bytes changed: that is a new version, with a golden file of its own; new variants are new lines:\n{written}"
    );
}

#[test]
fn every_event_and_every_action_has_a_sample() {
    let samples = samples();
    let events: BTreeSet<usize> = samples.iter().map(|named| event_place(&named.event)).collect();
    let acts = samples.iter().filter_map(|named| named.event.act());
    let actions: BTreeSet<usize> = acts.map(|act| action_place(&act.action)).collect();
    assert!(events.into_iter().eq(0..EVENTS), "an event lacks a sample");
    assert!(actions.into_iter().eq(0..ACTIONS), "an action lacks a sample");
}

#[test]
fn what_is_not_an_event_is_refused() {
    let mut buffer = Vec::new();
    encode(&samples()[0].event, &mut buffer).unwrap();
    assert!(matches!(decode(&[]), Err(CodecError::Damaged)));
    assert!(matches!(decode(&buffer[..buffer.len() - 1]), Err(CodecError::Damaged)));
    buffer.push(0);
    assert!(matches!(decode(&buffer), Err(CodecError::Damaged)));
    buffer[0] = 0;
    assert!(matches!(decode(&buffer), Err(CodecError::Damaged)));
    buffer[0] = VERSION + 1;
    assert!(matches!(decode(&buffer), Err(CodecError::Newer(newer)) if newer == VERSION + 1));
}

#[test]
fn what_was_written_before_the_first_release_is_refused_with_what_to_do() {
    let gap = [2, 0, 0, 1];
    for version in 1..VERSION {
        let bytes = [&[version][..], &gap].concat();
        let Err(error) = decode(&bytes) else { panic!("version {version} was read") };
        let said = error.to_string();
        assert!(
            said.contains(&format!("format {version} of a build from before the first release")),
            "{said}"
        );
        assert!(said.contains("an empty data folder"), "{said}");
    }
    assert!(decode(&[&[VERSION][..], &gap].concat()).is_ok(), "the bytes are those of a gap otherwise");
}

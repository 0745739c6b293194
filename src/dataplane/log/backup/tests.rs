use proptest::prelude::*;

use super::write::Encoder;
use super::*;

fn head() -> Head {
    Head { made_at: Time::from_ms(1_772_431_248_032), last: 5, thinned: 3, release: "0.1.0".to_owned() }
}

/// The records' contents are the codec's and the snapshot's business, which have golden files of their own.
pub(in crate::log) fn backup(head: &Head, base: &[&[u8]], events: &[(u64, &[u8])]) -> Vec<u8> {
    let mut encoder = Encoder::new(head);
    base.iter().for_each(|piece| encoder.base(piece));
    events.iter().for_each(|(sequence, bytes)| encoder.event(*sequence, bytes));
    encoder.end();
    encoder.block().to_vec()
}

fn sample() -> Vec<u8> {
    // Retention left event 2 alone.
    let events: [(u64, &[u8]); 3] = [(2, b"an act"), (4, b"an event's bytes"), (5, b"another's")];
    backup(&head(), &[b"a piece of the base", b", and the rest"], &events)
}

/// The bytes that the first version wrote.
fn golden() -> Vec<u8> {
    let line = include_str!("../../../../tests/golden/backup-v1.txt").trim_end();
    let hex = line.strip_prefix("backup ").unwrap();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn the_first_version_s_bytes_are_what_they_were() {
    let hex: String = sample().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(sample() == golden(), "the bytes changed, that is a new version of the backup: {hex}");
}

#[test]
fn what_was_written_is_read() {
    let bytes = golden();
    let mut reader = Reader::open(&bytes[..]).unwrap();
    assert_eq!(reader.head(), &head());
    let (mut base, mut events) = (Vec::new(), Vec::new());
    let contents = loop {
        match reader.next().unwrap() {
            Record::Base(piece) => base.extend(piece),
            Record::Event(sequence, bytes) => events.push((sequence, bytes)),
            Record::End(contents) => break contents,
        }
    };
    assert_eq!(base, b"a piece of the base, and the rest");
    let expected = [(2, &b"an act"[..]), (4, b"an event's bytes"), (5, b"another's")];
    assert_eq!(events, expected.map(|(sequence, bytes)| (sequence, bytes.to_vec())));
    let Head { made_at, release, last, .. } = head();
    assert_eq!(contents, Contents { made_at, release, last, events: 3, bytes: bytes.len() as u64 });
    assert_eq!(check(&bytes[..]).unwrap(), contents);
}

#[test]
fn any_cut_and_any_changed_byte_is_seen() {
    let bytes = sample();
    for length in 0..bytes.len() {
        let seen = check(&bytes[..length]).unwrap_err();
        let is_said = matches!(seen, BackupError::CutShort { .. } | BackupError::Foreign);
        assert!(
            is_said && (length >= MAGIC.len()) != matches!(seen, BackupError::Foreign),
            "{length}: {seen}"
        );
    }
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1 << bit;
            assert!(check(&damaged[..]).is_err(), "bit {bit} of byte {place}");
        }
    }
    let longer = [&bytes[..], b"z"].concat();
    assert!(matches!(check(&longer[..]), Err(BackupError::Damaged { .. })), "something follows");
}

#[test]
fn a_stream_that_ends_with_damage_is_no_backup_and_says_which_event() {
    let mut encoder = Encoder::new(&head());
    encoder.event(4, b"an event's bytes");
    encoder.damaged(5);
    let bytes = encoder.block();
    let said = check(&bytes[..]).unwrap_err();
    assert!(matches!(said, BackupError::DamagedLog { event: 5 }), "{said}");
    assert!(matches!(check_end(&bytes), Err(BackupError::DamagedLog { event: 5 })));
    check_end(&sample()).unwrap();
    let whole = sample();
    for length in 0..whole.len() {
        assert!(matches!(check_end(&whole[..length]), Err(BackupError::CutShort { .. })), "{length}");
    }
}

#[test]
fn what_is_newer_or_something_else_is_said_to_be() {
    let mut newer = sample();
    newer[16] += 1;
    assert!(matches!(check(&newer[..]), Err(BackupError::Newer { found: 2 })));
    for foreign in [&b"landfall journal and more"[..], b"", b"{}"] {
        assert!(matches!(check(foreign), Err(BackupError::Foreign)));
    }
}

/// Their checksum is right: no accident makes these, only a fault in what writes them.
#[test]
fn what_has_a_hole_is_refused_though_its_checksum_is_right() {
    let event = &b"an event's bytes"[..];
    let whole = |sequences: &[u64], head: &Head| {
        let events: Vec<_> = sequences.iter().map(|sequence| (*sequence, event)).collect();
        check(&backup(head, &[], &events)[..])
    };
    for sequences in [&[4, 5][..], &[1, 4, 5], &[1, 2, 3, 4, 5], &[3, 4, 5]] {
        whole(sequences, &head()).unwrap();
    }
    for sequences in [&[][..], &[4], &[5], &[4, 4, 5], &[5, 4], &[2, 1, 4, 5], &[0, 4, 5], &[4, 5, 6]] {
        assert!(matches!(whole(sequences, &head()), Err(BackupError::Damaged { .. })), "{sequences:?}");
    }
    whole(&[], &Head { last: 0, thinned: 0, ..head() }).unwrap();
    let odd = Head { release: "\u{1b}[2J".to_owned(), ..head() };
    assert!(whole(&[4, 5], &odd).is_err(), "nothing in it is for a terminal");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn damage_is_seen_wherever_it_is(
        base in proptest::collection::vec(any::<u8>(), 0..2_000),
        events in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..30),
        places in proptest::collection::vec((any::<prop::sample::Index>(), 1_u8..), 1..8),
    ) {
        let head = Head { last: events.len() as u64, thinned: 0, ..head() };
        let events: Vec<_> = (1..).zip(&events).map(|(sequence, bytes)| (sequence, &bytes[..])).collect();
        let bytes = backup(&head, &[&base], &events);
        prop_assert_eq!(check(&bytes[..]).unwrap().events, head.last);
        for (place, change) in places {
            let place = place.index(bytes.len());
            prop_assert!(check(&bytes[..place]).is_err(), "cut at {}", place);
            let mut damaged = bytes.clone();
            damaged[place] ^= change;
            prop_assert!(check(&damaged[..]).is_err(), "byte {}", place);
        }
    }
}

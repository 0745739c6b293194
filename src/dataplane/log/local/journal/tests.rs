use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::*;
use crate::model::event::Event;
use crate::model::time::Time;

/// Small halves, so that they fill.
const PAGES: u32 = 4;
/// An event's bytes, at least, without its number: one of these with this many fills a page and more.
const MANY: u64 = 300;

fn event(number: u64) -> Event {
    Event::Gap { from: Time::from_ms(0), until: Time::from_ms(0), lost: number }
}

fn open(dir: &Path) -> Result<(Store, Journal), OpenError> {
    let store = Store::open(dir)?;
    let journal = Journal::open_sized(dir, &store, PAGES)?;
    Ok((store, journal))
}

/// Writes a frame with events of these numbers.
fn write(journal: &mut Journal, numbers: impl IntoIterator<Item = u64>) -> Result<Frame, WriteError> {
    let mut frame = Frame::default();
    numbers.into_iter().for_each(|number| frame.push(&event(number)).unwrap());
    journal.write(&mut frame).map(|()| frame)
}

/// The numbers of all events that an opening finds, which must be in sequence.
fn found(dir: &Path) -> Result<Vec<u64>, OpenError> {
    let (store, _journal) = open(dir)?;
    let entries = store.events_after(0).unwrap().map(Result::unwrap);
    let (sequences, numbers): (Vec<u64>, Vec<u64>) = entries
        .map(|(sequence, event)| match event {
            Event::Gap { lost, .. } => (sequence, lost),
            other => panic!("{other:?}"),
        })
        .unzip();
    assert!(sequences.iter().copied().eq(1..=numbers.len() as u64), "holes: {sequences:?}");
    Ok(numbers)
}

/// The folder as a crash at this moment leaves it.
fn crash_image(dir: &Path) -> tempfile::TempDir {
    let image = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(dir).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), image.path().join(file.file_name())).unwrap();
    }
    image
}

fn journal_of(dir: &Path) -> Vec<u8> {
    std::fs::read(dir.join(FILE_NAME)).unwrap()
}

/// Page 0 is the header.
fn page(number: usize) -> std::ops::Range<usize> {
    number * PAGE_BYTES..(number + 1) * PAGE_BYTES
}

#[test]
fn each_moment_of_a_crash_leaves_everything_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    // Twice over: what the first session left in the file is in the way of the second.
    for session in 0..2 {
        let (store, mut journal) = open(dir.path()).unwrap();
        let mut frames = Vec::new();
        for number in 0..5 {
            let numbers = [session * 100 + number, session * 100 + number + 50];
            frames.push(write(&mut journal, numbers).unwrap());
            expected.extend(numbers);
            assert_eq!(found(crash_image(dir.path()).path()).unwrap(), expected, "in the journal alone");
        }
        for have in 1..=frames.len() {
            store.append(&frames[..have]).unwrap();
            assert_eq!(found(crash_image(dir.path()).path()).unwrap(), expected, "{have} in the database");
        }
        let image = crash_image(dir.path());
        assert_eq!(found(image.path()).unwrap(), expected);
        assert_eq!(found(image.path()).unwrap(), expected, "after opening it twice");
    }
}

#[test]
fn the_halves_take_turns_and_wait_for_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut journal) = open(dir.path()).unwrap();
    let mut written: Vec<Frame> = Vec::new();
    let mut expected = Vec::new();
    for round in 0..20 {
        let frame = write(&mut journal, [round]).unwrap();
        expected.push(round);
        written.push(frame);
        if written.len() > 3 {
            store.append(&written[..1]).unwrap();
            journal.progress.kept(written.remove(0).last());
        }
        assert_eq!(found(crash_image(dir.path()).path()).unwrap(), expected, "round {round}");
    }
    // Nobody empties it any more: once both halves are full, nothing goes in, and nothing is written over.
    journal.progress.failing();
    for number in 20..24 {
        written.push(write(&mut journal, [number]).unwrap());
        expected.push(number);
    }
    assert!(matches!(write(&mut journal, [99]), Err(WriteError::Full)));
    assert_eq!(found(crash_image(dir.path()).path()).unwrap(), expected);
    // It goes on when there is room.
    store.append(&written).unwrap();
    journal.progress.kept(written.last().unwrap().last());
    write(&mut journal, [99]).unwrap();
}

#[test]
fn a_frame_is_never_larger_than_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, mut journal) = open(dir.path()).unwrap();
    assert!(matches!(write(&mut journal, 0..MANY * 20), Err(WriteError::TooLarge(_))));
    write(&mut journal, 0..MANY * 4).unwrap();
    write(&mut journal, [1]).unwrap();
    assert_eq!(found(crash_image(dir.path()).path()).unwrap().len(), MANY as usize * 4 + 1);
}

#[test]
fn a_damaged_frame_between_others_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, mut journal) = open(dir.path()).unwrap();
    for number in 1..=3 {
        write(&mut journal, [number]).unwrap();
    }
    let whole = journal_of(dir.path());
    for (number, damage, expected) in
        [(1, 0xa5, None), (2, 0xa5, None), (3, 0xa5, Some(vec![1, 2])), (1, 1, None), (3, 1, None)]
    {
        let image = crash_image(dir.path());
        let mut damaged = whole.clone();
        damaged[page(number)][40] ^= damage;
        std::fs::write(image.path().join(FILE_NAME), &damaged).unwrap();
        match expected {
            // Nobody can tell the last one from a torn one, unless it is one bit that is another.
            Some(expected) => assert_eq!(found(image.path()).unwrap(), expected),
            None => {
                let error = found(image.path()).unwrap_err();
                assert!(matches!(&error, OpenError::DamagedJournal { .. }), "{error}");
                assert!(journal_of(image.path()) == damaged, "it was changed");
                std::fs::write(image.path().join(FILE_NAME), &whole).unwrap();
                assert_eq!(found(image.path()).unwrap(), [1, 2, 3], "the database was changed");
            }
        }
    }
}

#[test]
fn what_was_called_lost_does_not_come_back() {
    let is_full = Arc::new(AtomicBool::new(false));
    for second in [vec![8], (0..MANY * 4).collect()] {
        let dir = tempfile::tempdir().unwrap();
        let (_store, journal) = open(dir.path()).unwrap();
        let mut journal = journal.with_disk(|disk| Box::new(Unsynced { disk, is_full: is_full.clone() }));
        write(&mut journal, [1]).unwrap();
        write(&mut journal, [2]).unwrap();
        is_full.store(true, Ordering::SeqCst);
        assert!(matches!(write(&mut journal, [7]), Err(WriteError::Disk(_))));
        is_full.store(false, Ordering::SeqCst);
        // In the same place, or in the other half, where the failed one would still stand.
        write(&mut journal, second.clone()).unwrap();
        write(&mut journal, [9]).unwrap();
        let expected: Vec<_> = [1, 2].into_iter().chain(second).chain([9]).collect();
        assert_eq!(found(crash_image(dir.path()).path()).unwrap(), expected);
    }
}

/// A disk that takes what is written, and does not say that it has it.
struct Unsynced {
    disk: Box<dyn Disk>,
    is_full: Arc<AtomicBool>,
}

impl Disk for Unsynced {
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.write_all_at(bytes, offset)
    }
    fn sync_data(&self) -> io::Result<()> {
        if self.is_full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.disk.sync_data()
    }
}

#[test]
fn the_header_is_what_it_was_and_others_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    let whole = journal_of(dir.path());
    let hex: String = whole[..HEADER_BYTES].iter().map(|byte| format!("{byte:02x}")).collect();
    let golden = include_str!("../../../../../tests/golden/journal-v1.txt");
    assert_eq!(Some(format!("header {hex}").as_str()), golden.lines().next());

    let of_version_2 = [&header(2, PAGES)[..], &whole[PAGE_BYTES..]].concat();
    let mut overwritten = whole.clone();
    overwritten[5] = b'x';
    let refused: [(&[u8], &str); 5] = [
        (&of_version_2, "has layout 2, this release knows up to 1"),
        (&overwritten, "does not begin like a journal"),
        (b"somebody's notes", "too short"),
        (&whole[..whole.len() - PAGE_BYTES], "does not have the length"),
        (&[whole.as_slice(), &[0]].concat(), "does not have the length"),
    ];
    for (bytes, reason) in refused {
        std::fs::write(dir.path().join(FILE_NAME), bytes).unwrap();
        let error = found(dir.path()).unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains(FILE_NAME), "{error}");
        assert!(journal_of(dir.path()) == bytes, "{reason}: it was changed");
    }
}

#[test]
fn a_journal_is_held_though_the_database_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _journal) = open(dir.path()).unwrap();
    drop(store);
    assert!(matches!(open(dir.path()), Err(OpenError::InUse { .. })));
}

#[test]
fn a_database_without_its_journal_and_a_journal_of_another_database() {
    let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    for (dir, number) in [(&first, 1), (&second, 2)] {
        let (store, mut journal) = open(dir.path()).unwrap();
        let frame = write(&mut journal, [number]).unwrap();
        store.append(&[frame]).unwrap();
        write(&mut journal, [number + 10]).unwrap();
    }
    std::fs::copy(second.path().join(FILE_NAME), first.path().join(FILE_NAME)).unwrap();
    assert_eq!(found(first.path()).unwrap(), [1], "another database's events are not taken over");
    std::fs::remove_file(second.path().join(FILE_NAME)).unwrap();
    assert_eq!(found(second.path()).unwrap(), [2]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Nobody was told of the last frame's events while it was being written.
    #[test]
    fn any_cut_of_the_last_frame_loses_only_that(
        sizes in prop::collection::vec(1..MANY, 1..4),
        cut in 0.0..1.0_f64,
        rest in any::<u8>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let (_store, mut journal) = open(dir.path()).unwrap();
        let frames: Vec<_> = sizes.iter().map(|size| write(&mut journal, 0..*size).unwrap()).collect();
        let (last, others) = frames.split_last().unwrap();
        let start = PAGE_BYTES + others.iter().map(|frame| frame.bytes().len()).sum::<usize>();
        let image = crash_image(dir.path());
        let mut torn = journal_of(dir.path());
        let written = (cut * last.bytes().len() as f64) as usize;
        torn[start + written..start + last.bytes().len()].fill(rest);
        std::fs::write(image.path().join(FILE_NAME), &torn).unwrap();

        // Bytes behind the events are of no account.
        let end = start + last.events_end();
        let is_whole = torn[..end] == journal_of(dir.path())[..end];
        let there: u64 = sizes[..others.len() + usize::from(is_whole)].iter().sum();
        prop_assert_eq!(found(image.path()).unwrap().len() as u64, there);
        prop_assert_eq!(found(image.path()).unwrap().len() as u64, there, "opening again changes nothing");
    }
}

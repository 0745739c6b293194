//! Bits of a log's files are changed wherever they are: nothing that is read is another event, nothing is left out without
//! a word, nothing panics; and what is salvaged is what was written.
//!
//! `LANDFALL_TEST_FLIPS=5000` changes five thousand bits, `LANDFALL_TEST_SEED=8` others.

use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus_client::metrics::counter::Counter;

use super::*;
use crate::log::frame::Frame;
use crate::log::local::Local;
use crate::log::local::journal::Journal;
use crate::log::tests::{created, observation};
use crate::log::{Log, retention};
use crate::model::time::Span;

/// Bits that are changed, one after the other.
const FLIPS: u64 = 120;
/// Events of the sample that the database has.
const IN_DATABASE: u64 = 300;
/// Events that only the journal has.
const IN_JOURNAL: u64 = 6;

type Entries = Vec<(u64, Event)>;

fn event(number: u64) -> Event {
    if number % 20 == 1 { created(&format!("env-{number}")) } else { Event::Observed(observation(number)) }
}

fn write(journal: &mut Journal, numbers: Range<u64>) -> Frame {
    let mut frame = Frame::default();
    numbers.for_each(|number| frame.push(&event(number)).unwrap());
    journal.write(&mut frame).unwrap();
    frame
}

/// A log with acts, observations, a base, snapshots, several sessions, and events in the journal alone; as a kill leaves it.
fn sample(dir: &Path) {
    let (rules, mut view) = (Rules::default(), View::new(&Rules::default()));
    for session in 0..3 {
        let store = Store::open(dir).unwrap();
        let mut journal = Journal::open_sized(dir, &store, 16).unwrap();
        for first in (session * 100 + 1..session * 100 + 101).step_by(10) {
            let frame = write(&mut journal, first..first + 10);
            store.append(std::slice::from_ref(&frame)).unwrap();
            journal.progress().kept(frame.last());
            (first..first + 10).for_each(|number| assert!(view.apply(number, &event(number))));
        }
        store.keep_snapshot(Snapshot::Latest, &snapshot::encode(&view).unwrap()).unwrap();
        let engine = Local::of(store.clone(), Counter::default());
        retention::thin(&engine, &rules, Span::from_ms(session as i64 * 60), 1).unwrap();
        if session == 2 {
            for number in IN_DATABASE + 1..IN_DATABASE + IN_JOURNAL + 1 {
                write(&mut journal, number..number + 1);
            }
        }
    }
}

/// Everything in it, read.
fn entries(dir: &Path) -> Result<Entries, String> {
    let log = Log::open(dir, Rules::default()).map_err(|error| error.to_string())?;
    let read: Result<Entries, ReadError> = log.events().and_then(Iterator::collect);
    let read = read.map_err(|error| error.to_string());
    assert!(log.view().applied <= IN_DATABASE + IN_JOURNAL);
    log.close();
    read
}

fn copy(from: &Path, to: &Path) {
    for name in [DATABASE, JOURNAL] {
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

/// Numbers that look like chance, the same ones in each run.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

fn from_env(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Panics of the log's own threads and of this one that are not caught and told as damage.
fn panics() -> Arc<AtomicUsize> {
    let (count, before) = (Arc::<AtomicUsize>::default(), panic::take_hook());
    let counted = count.clone();
    panic::set_hook(Box::new(move |panic| {
        if !crate::log::local::store::is_asking() {
            counted.fetch_add(1, Ordering::SeqCst);
            before(panic);
        }
    }));
    count
}

/// Some bit near something that was written, changed in the file of that name.
fn flip(dir: &Path, name: &str, chance: &mut Chance) -> u64 {
    let file = File::options().read(true).write(true).open(dir.join(name)).unwrap();
    let length = file.metadata().unwrap().len();
    loop {
        let at = chance.next(length);
        let mut around = [0; 33];
        let start = at.saturating_sub(16).min(length - 33);
        file.read_exact_at(&mut around, start).unwrap();
        if around.iter().any(|byte| *byte != 0) {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 1 << chance.next(8)], at).unwrap();
            return at;
        }
    }
}

#[test]
fn a_changed_bit_changes_no_event_and_is_said_and_what_is_whole_is_salvaged() {
    let panics = panics();
    let (whole, damaged) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    sample(whole.path());
    copy(whole.path(), damaged.path());
    let expected = entries(damaged.path()).unwrap();
    assert_eq!(expected.last().unwrap().0, IN_DATABASE + IN_JOURNAL);
    let mut chance = Chance(from_env("LANDFALL_TEST_SEED", 7));
    let (mut refused, mut lost) = (0, 0);
    for number in 0..from_env("LANDFALL_TEST_FLIPS", FLIPS) {
        copy(whole.path(), damaged.path());
        let name = if number % 4 == 0 { JOURNAL } else { DATABASE };
        let at = flip(damaged.path(), name, &mut chance);
        let place = format!("flip {number}: byte {at} of {name}");

        let to = tempfile::tempdir().unwrap();
        let salvaged = salvage(damaged.path(), to.path()).unwrap_or_else(|error| panic!("{place}: {error}"));
        let (kept, gaps): (Entries, Entries) = entries(to.path())
            .unwrap_or_else(|error| panic!("{place}: salvaged and {error}"))
            .into_iter()
            .partition(|(_, event)| !matches!(event, Event::Gap { .. }));
        let missing: Vec<_> = expected.iter().filter(|entry| !kept.contains(entry)).collect();
        // A lost latest head may bring back observations that retention had removed: as they were.
        assert!(kept.iter().all(|(number, read)| *read == event(*number)), "{place}: salvaged another event");
        assert_eq!(kept.len() as u64, salvaged.events, "{place}");
        assert_eq!(missing.len() as u64, salvaged.lost_events(), "{place}: {missing:?}");
        assert_eq!(gaps.len() as u64 + salvaged.lost_early, salvaged.lost_events(), "{place}");
        assert!(missing.len() < 40, "{place}: {} are lost", missing.len());
        lost += missing.len();

        match entries(damaged.path()) {
            Ok(read) => {
                assert!(read == expected, "{place}: read {} of {} events", read.len(), expected.len());
            }
            Err(said) => {
                let names_both = said.contains("landfall salvage") && said.contains("landfall restore");
                assert!(names_both && said.contains(name), "{place}: {said}");
                assert!(!said.contains("panicked"), "{place}: {said}");
                refused += 1;
            }
        }
        assert_eq!(panics.load(Ordering::SeqCst), 0, "{place}: something panicked");
    }
    println!("{refused} refused, {lost} events lost");
    assert!(refused > 0);
}

#[test]
fn a_file_of_which_a_part_is_gone_leaves_the_rest() {
    let whole = tempfile::tempdir().unwrap();
    sample(whole.path());
    let length = whole.path().join(DATABASE).metadata().unwrap().len();
    let page = 4096;
    type Damage = (&'static str, Box<dyn Fn(&File)>);
    let damages: [Damage; 4] = [
        ("no beginning", Box::new(move |file| file.write_all_at(&vec![0xa5; page], 0).unwrap())),
        ("cut short", Box::new(move |file| file.set_len(length / 2 + 100).unwrap())),
        (
            "a page torn",
            Box::new(move |file| file.write_all_at(&vec![0; page / 2], 20 * page as u64).unwrap()),
        ),
        ("nothing", Box::new(|file| file.set_len(0).unwrap())),
    ];
    for (damage, make) in damages {
        let (damaged, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        copy(whole.path(), damaged.path());
        make(&File::options().write(true).open(damaged.path().join(DATABASE)).unwrap());
        let before = std::fs::read(damaged.path().join(DATABASE)).unwrap();
        let salvaged = salvage(damaged.path(), to.path()).unwrap();
        assert!(salvaged.events >= IN_JOURNAL, "{damage}: {salvaged:?}");
        assert_eq!(salvaged.last, IN_DATABASE + IN_JOURNAL, "{damage}");
        let read = entries(to.path()).unwrap();
        assert_eq!(read.last().unwrap(), &(salvaged.last, event(salvaged.last)), "{damage}");
        for (number, read) in read {
            assert!(
                read == event(number) || matches!(read, Event::Gap { .. }),
                "{damage}: {number} is {read:?}"
            );
        }
        assert!(std::fs::read(damaged.path().join(DATABASE)).unwrap() == before, "{damage}: it was changed");
    }
}

#[test]
fn a_whole_log_is_salvaged_whole_and_what_is_in_use_or_in_the_way_is_left_alone() {
    let (whole, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    sample(whole.path());
    let salvaged = salvage(whole.path(), to.path()).unwrap();
    assert_eq!((salvaged.lost_events(), salvaged.from_journal), (0, IN_JOURNAL));
    let view = |dir: &Path| {
        let log = Log::open(dir, Rules::default()).unwrap();
        let kept = (postcard::to_stdvec(&log.view().state).unwrap(), log.view().directory.clone());
        log.close();
        kept
    };
    assert!(view(whole.path()) == view(to.path()));
    assert_eq!(entries(whole.path()).unwrap(), entries(to.path()).unwrap());

    let occupied = salvage(whole.path(), to.path()).unwrap_err();
    assert!(matches!(occupied, SalvageError::Draft(DraftError::Occupied { .. })), "{occupied}");
    let (used, empty) = (Log::open(whole.path(), Rules::default()).unwrap(), tempfile::tempdir().unwrap());
    let in_use = salvage(whole.path(), &empty.path().join("new")).unwrap_err();
    assert!(matches!(in_use, SalvageError::InUse { .. }), "{in_use}");
    used.close();
    let no_log = salvage(empty.path(), &empty.path().join("new")).unwrap_err();
    assert!(matches!(no_log, SalvageError::NoLog { .. }), "{no_log}");
    std::fs::write(empty.path().join(DATABASE), [0x01; 10_000]).unwrap();
    let nothing = salvage(empty.path(), &empty.path().join("new")).unwrap_err();
    assert!(matches!(nothing, SalvageError::NothingWhole { .. }), "{nothing}");
    assert!(!empty.path().join("new").exists());
}

/// A log from before the first release is whole, and holds nothing that a log of today can.
#[test]
fn what_was_written_before_the_first_release_is_not_salvaged_and_says_what_to_do() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::open(from.path()).unwrap();
    store.put_events(&[(1, vec![codec::VERSION - 1, 2, 0, 0, 1])]).unwrap();
    drop(store);
    let refused = salvage(from.path(), to.path()).unwrap_err();
    let said = refused.to_string();
    assert!(matches!(refused, SalvageError::Event { sequence: 1, .. }), "{said}");
    assert!(said.contains("of a build from before the first release"), "{said}");
    assert_eq!(std::fs::read_dir(to.path()).unwrap().count(), 0);
}

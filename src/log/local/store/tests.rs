use prometheus_client::metrics::counter::Counter;
use redb::{Database, ReadableDatabase, TableDefinition};

use super::*;
use crate::log::error::ReadError;
use crate::log::local::Local;
use crate::log::local::journal::Journal;
use crate::log::snapshot;
use crate::log::tests::{created, observation};
use crate::log::view::View;
use crate::model::deployments::Rules;

const EVENTS: TableDefinition<u64, &[u8]> = TableDefinition::new("events");
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");

/// More than one commit of an upgrade moves.
const MANY: u64 = 20_500;
/// Up to here retention removed what old layouts had.
const THINNED: u64 = 10;

fn event(number: u64) -> Event {
    if number == 1 { created("production") } else { Event::Observed(observation(number)) }
}

/// A database as layout 1 or 2 was written.
fn old(dir: &Path, layout: u64, session: Option<u64>) {
    let database = Database::create(dir.join(FILE_NAME)).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let (mut events, mut meta) =
            (transaction.open_table(EVENTS).unwrap(), transaction.open_table(META).unwrap());
        let mut base = View::new(&Rules::default());
        for number in 1..=MANY {
            if number <= THINNED {
                base.apply(number, &event(number));
            }
            if number == 1 || number > THINNED {
                let mut bytes = Vec::new();
                codec::encode(&event(number), &mut bytes).unwrap();
                events.insert(number, bytes.as_slice()).unwrap();
            }
        }
        let bytes = snapshot::encode(&base).unwrap();
        transaction.open_table(SNAPSHOTS).unwrap().insert("base", bytes.as_slice()).unwrap();
        for (name, number) in [("layout", Some(layout)), ("thinned", Some(THINNED)), ("session", session)] {
            number.map(|number| meta.insert(name, number).unwrap());
        }
    }
    transaction.commit().unwrap();
}

fn assert_is_all_there(store: &Store) {
    let events: Vec<_> = store.events_after(0).unwrap().map(Result::unwrap).collect();
    let expected = std::iter::once(1).chain(THINNED + 1..=MANY).map(|number| (number, event(number)));
    assert!(events.into_iter().eq(expected));
    assert!(store.snapshot(Snapshot::Base).unwrap().is_some_and(|bytes| snapshot::is_whole(&bytes)));
}

#[test]
fn every_layout_ever_written_is_read_and_has_checksums_afterwards() {
    for (layout, session) in [(1, None), (2, Some(7))] {
        let dir = tempfile::tempdir().unwrap();
        old(dir.path(), layout, session);
        for _ in 0..2 {
            let store = Store::open(dir.path()).unwrap();
            let entries = MANY - THINNED + 1;
            let head = Head { session: session.unwrap_or(0), last: MANY, thinned: THINNED, entries };
            assert_eq!(store.head().unwrap(), head);
            assert_is_all_there(&store);
            let transaction = store.database.begin_read().unwrap();
            assert!(transaction.open_table(EVENTS).is_err(), "the old table is still there");
        }
        // And it goes on: retention and the journal find what they need.
        let store = Store::open(dir.path()).unwrap();
        assert!(!store.remove(THINNED + 5, Event::is_observed, 1_000).unwrap());
        assert_eq!(store.events_after(0).unwrap().map(Result::unwrap).count() as u64, MANY - THINNED - 5 + 1);
        Journal::open_sized(dir.path(), &store, 4).unwrap();
        assert_ne!(store.head().unwrap().session, session.unwrap_or(0));
    }
}

/// The disk stops taking anything at some moment of an upgrade, as a kill or a loss of power would have it.
#[test]
fn an_upgrade_that_was_interrupted_goes_on_at_the_next_opening() {
    let before = tempfile::tempdir().unwrap();
    old(before.path(), 2, Some(7));
    for moment in 0.. {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        std::fs::copy(before.path().join(FILE_NAME), &path).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let disk = Dying { disk: redb::backends::FileBackend::new(file).unwrap(), syncs_left: moment.into() };
        let opened = Database::builder().create_with_backend(disk).map_err(|error| error.to_string());
        let prepared = opened
            .and_then(|database| Store::prepare(database, path, false).map_err(|error| error.to_string()));
        let is_done = prepared.is_ok();
        drop(prepared);
        assert_is_all_there(&Store::open(dir.path()).unwrap());
        if is_done {
            assert!(moment > 8, "{moment} syncs are not an upgrade in pieces");
            break;
        }
    }
}

/// A disk that takes nothing any more after so many syncs.
#[derive(Debug)]
struct Dying {
    disk: redb::backends::FileBackend,
    syncs_left: std::sync::atomic::AtomicI64,
}

impl Dying {
    fn check(&self) -> io::Result<()> {
        let is_dead = self.syncs_left.load(std::sync::atomic::Ordering::SeqCst) < 0;
        if is_dead { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl redb::StorageBackend for Dying {
    fn len(&self) -> io::Result<u64> {
        self.disk.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.disk.set_len(len)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.syncs_left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
        self.check()?;
        self.disk.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.disk.write(offset, data)
    }
    fn close(&self) -> io::Result<()> {
        self.disk.close()
    }
}

/// redb looks at its own checksums before events get theirs: they are to vouch for what was written.
#[test]
fn damage_from_before_an_upgrade_is_not_vouched_for() {
    let dir = tempfile::tempdir().unwrap();
    old(dir.path(), 2, None);
    let path = dir.path().join(FILE_NAME);
    let mut bytes = std::fs::read(&path).unwrap();
    let agent = b"containerd/1.7.22";
    let at = bytes.windows(agent.len()).position(|it| it == agent).unwrap();
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(Store::open(dir.path()), Err(OpenError::Damaged { .. })));
}

#[test]
fn a_database_that_is_gone_is_not_made_anew_beside_its_journal() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    drop(Journal::open_sized(dir.path(), &store, 4).unwrap());
    drop(store);
    for is_empty in [true, false] {
        let path = dir.path().join(FILE_NAME);
        if is_empty {
            std::fs::write(&path, "").unwrap();
        } else {
            std::fs::remove_file(&path).unwrap();
        }
        let refused = Store::open(dir.path()).map(|_| ()).unwrap_err();
        assert!(matches!(&refused, OpenError::Damaged { .. }), "{refused}");
    }
}

/// A page that is gone takes whole events along, and no checksum with them tells.
#[test]
fn what_is_missing_is_said_wherever_it_is() {
    let base = snapshot::encode(&View { applied: THINNED, ..View::new(&Rules::default()) }).unwrap();
    let made = |gone: u64| {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let bytes = |number| {
            let mut bytes = Vec::new();
            codec::encode(&event(number), &mut bytes).unwrap();
            (number, bytes)
        };
        let there = [1, 4, 9].into_iter().chain(THINNED + 1..=20);
        store.put_events(&there.map(bytes).collect::<Vec<_>>()).unwrap();
        store.put_base(&base, THINNED).unwrap();
        let transaction = store.database.begin_write().unwrap();
        transaction.open_table(ENTRIES).unwrap().remove(gone).unwrap();
        transaction.commit().unwrap();
        (dir, store)
    };
    let read = |store: &Store, after| {
        let read: Result<Vec<_>, ReadError> = store.events_after(after).unwrap().collect();
        read.map(|events| events.len()).map_err(|error| error.to_string())
    };
    let (_dir, whole) = made(99);
    assert_eq!((read(&whole, 0), read(&whole, 4), read(&whole, 15)), (Ok(13), Ok(11), Ok(5)));
    for gone in [1, 9, THINNED + 1, 15, 20] {
        let (_dir, store) = made(gone);
        let said = read(&store, 0).unwrap_err();
        let expected =
            if gone > THINNED { format!("event {gone} is missing") } else { "12 of 13".to_owned() };
        assert!(said.contains(&expected) && said.contains("landfall salvage"), "{gone}: {said}");
        assert_eq!(read(&store, 15).is_err(), gone > 15, "{gone}");
        let mut asked = store.events_at([gone].into_iter()).unwrap();
        assert!(asked.next().unwrap().unwrap_err().to_string().contains(&format!("event {gone} is missing")));
        // Nothing is written behind an end that is not the one there was.
        let mut frame = Frame::new(7, 21);
        frame.push(&event(21)).unwrap();
        frame.seal();
        assert_eq!(store.append(&[frame]).is_err(), gone == 20, "{gone}");
    }
    let (_dir, without) = made(99);
    let transaction = without.database.begin_write().unwrap();
    transaction.open_table(SNAPSHOTS).unwrap().remove("base").unwrap();
    transaction.commit().unwrap();
    let refused = snapshot::base(&Local::of(without.clone(), Counter::default()), &Rules::default())
        .map(|_| ())
        .unwrap_err();
    assert!(
        refused.to_string().contains("what retention kept of removed observations is missing"),
        "{refused}"
    );
    assert!(without.whole().is_err());
}

/// A bit of an event that a start does not read is another: only who looks at every page sees it.
#[test]
fn a_database_whose_last_opening_ended_the_process_is_looked_at_page_by_page() {
    let dir = tempfile::tempdir().unwrap();
    old(dir.path(), 2, Some(7));
    drop(Store::open(dir.path()).unwrap());
    let path = dir.path().join(FILE_NAME);
    let mut bytes = std::fs::read(&path).unwrap();
    let mut event = Vec::new();
    codec::encode(&self::event(MANY / 2), &mut event).unwrap();
    let at = bytes.windows(event.len()).rposition(|window| window == &event[..]).expect("it is in there");
    bytes[at + event.len() / 2] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    drop(Store::open(dir.path()).unwrap());

    // As it is left where the process ends.
    std::mem::forget(Trial::begin_in(dir.path()));
    let refused = Store::open(dir.path()).err();
    assert!(matches!(&refused, Some(OpenError::Damaged { .. })), "{refused:?}");
    drop(Trial::begin_in(dir.path()));
    drop(Store::open(dir.path()).unwrap());
}

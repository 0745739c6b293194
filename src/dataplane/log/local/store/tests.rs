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

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");

/// Up to here retention removed what was observed.
const THINNED: u64 = 10;
/// More than a start reads.
const MANY: u64 = 20_500;

fn event(number: u64) -> Event {
    if number == 1 { created("production") } else { Event::Observed(observation(number)) }
}

fn encoded(number: u64) -> (u64, Vec<u8>) {
    let mut bytes = Vec::new();
    codec::encode(&event(number), &mut bytes).unwrap();
    (number, bytes)
}

/// A database of which nothing but its layout is known.
fn of_layout(dir: &Path, layout: u64) {
    let database = Database::create(dir.join(FILE_NAME)).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert("layout", layout).unwrap();
    transaction.commit().unwrap();
}

#[test]
fn what_was_written_before_the_first_release_is_refused_with_what_to_do() {
    for layout in 1..=3 {
        let dir = tempfile::tempdir().unwrap();
        of_layout(dir.path(), layout);
        let Err(refused) = Store::open(dir.path()) else { panic!("layout {layout} was opened") };
        assert!(matches!(refused, OpenError::Older { found, .. } if found == layout), "{refused}");
        let said = refused.to_string();
        assert!(
            said.contains(&format!("has layout {layout} of a build from before the first release")),
            "{said}"
        );
        assert!(said.contains("an empty data folder (--data)"), "{said}");
        let database = Database::create(dir.path().join(FILE_NAME)).unwrap();
        let transaction = database.begin_read().unwrap();
        assert_eq!(transaction.list_tables().unwrap().count(), 1, "nothing was made in it");
    }
    let dir = tempfile::tempdir().unwrap();
    of_layout(dir.path(), 0);
    assert!(matches!(Store::open(dir.path()), Err(OpenError::Damaged { .. })), "nobody wrote layout 0");
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
        let there = [1, 4, 9].into_iter().chain(THINNED + 1..=20);
        store.put_events(&there.map(encoded).collect::<Vec<_>>()).unwrap();
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
    let store = Store::open(dir.path()).unwrap();
    store.put_events(&(1..=MANY).map(encoded).collect::<Vec<_>>()).unwrap();
    drop(store);
    let path = dir.path().join(FILE_NAME);
    let mut bytes = std::fs::read(&path).unwrap();
    let (_, event) = encoded(MANY / 2);
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

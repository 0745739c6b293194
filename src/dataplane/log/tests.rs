use std::time::Duration;

use super::engine::Snapshot;
use super::local::journal::Disk;
use super::local::store::Store;
use super::*;
use crate::deadline::Deadlines;
use crate::model::act::{Action, Actor};
use crate::model::event::{Method, Object, TokenId, TokenKind};
use crate::model::oci::Digest;
use crate::model::time::Time;

mod clock;
mod disks;

/// Longer than any test takes.
fn long() -> Deadlines {
    Deadlines::new(Duration::from_secs(30))
}

pub(super) fn observation(number: u64) -> Observation {
    Observation {
        at: Time::from_ms(number.try_into().unwrap()),
        environment: "production".parse().unwrap(),
        token: TokenId::new("tok_1"),
        token_kind: TokenKind::Cluster,
        client: "10.0.0.1".into(),
        agent: "containerd/1.7.22".into(),
        method: Method::Head,
        repository: "docker/app".parse().unwrap(),
        reference: "v1".parse().unwrap(),
        digest: Some(Digest::of(&number.to_be_bytes())),
        object: Object::Manifest,
        media_type: None,
        status: 200,
        bytes: 0,
        parent: None,
    }
}

pub(super) fn created(name: &str) -> Event {
    let (description, color) = (String::new(), String::new());
    let action = Action::EnvironmentCreated { name: name.parse().unwrap(), description, color };
    action.by(Actor::default(), Time::from_ms(0))
}

pub(super) fn open(dir: &Path) -> Log {
    Log::open(dir, Rules::default()).unwrap()
}

/// A log over a database, whose new journal has halves of `half_pages` on the disk that `wrap` makes of the real one.
fn start(
    store: Store,
    clock: Clock,
    half_pages: u32,
    wrap: impl Fn(Box<dyn Disk>) -> Box<dyn Disk> + Send + Sync + 'static,
) -> Log {
    let counters = Counters::default();
    let mut local = Local::of(store, counters.failures.clone());
    local.disks.half_pages = Some(half_pages);
    local.disks.wrap = Some(Box::new(wrap));
    Log::start(Arc::new(local), Rules::default(), counters, clock).unwrap()
}

pub(super) fn stored(log: &Log) -> Vec<Event> {
    log.events().unwrap().map(|entry| entry.unwrap().1).collect()
}

#[tokio::test]
async fn what_was_called_durable_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let receipts: Vec<_> = (0..100).map(|number| log.record(observation(number))).collect();
    for receipt in receipts {
        assert_eq!(receipt.durable(&long()).await, Durability::Durable);
    }
    log.close();
    let log = open(dir.path());
    let expected: Vec<_> = (0..100).map(|number| Event::Observed(observation(number))).collect();
    assert_eq!(stored(&log), expected);
    assert_eq!(log.view().applied, 100);
}

#[tokio::test]
async fn a_change_is_in_the_view_when_append_returns() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    for number in 0..50 {
        let name = format!("env-{number}");
        log.append(created(&name)).await.unwrap();
        assert!(log.view().directory.environment(&name).is_some());
    }
}

#[tokio::test]
async fn a_second_opening_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _log = open(dir.path());
    assert!(matches!(Log::open(dir.path(), Rules::default()), Err(OpenError::InUse { .. })));
}

#[test]
fn what_is_no_database_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("landfall.redb");
    let content = b"these are somebody's notes, not a database\n".repeat(100);
    std::fs::write(&path, &content).unwrap();
    assert!(matches!(Log::open(dir.path(), Rules::default()), Err(OpenError::Damaged { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), content);
}

#[test]
fn a_newer_layout_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("landfall.redb");
    let database = redb::Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    let meta: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
    transaction.open_table(meta).unwrap().insert("layout", 5).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let Err(error) = Log::open(dir.path(), Rules::default()) else { panic!("opened a newer layout") };
    assert!(error.to_string().contains("has layout 5"), "{error}");
}

fn acted(action: Action) -> Event {
    action.by(Actor::default(), Time::from_ms(0))
}

fn revoked(token: &str) -> Event {
    acted(Action::TokenRevoked { environment: "production".parse().unwrap(), id: TokenId::new(token) })
}

#[tokio::test]
async fn what_is_read_and_what_is_closed_has_the_changes_that_were_handed_over_before() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    for number in 0..20 {
        let token = format!("tok_{number}");
        let mut appending = Box::pin(log.append(revoked(&token)));
        let _ = tokio::time::timeout(Duration::ZERO, &mut appending).await;
        let acts = stored(&log).iter().filter(|event| matches!(event, Event::Acted(_))).count();
        assert_eq!(acts, number + 1);
        drop(appending);
    }
    let handle = log.clone();
    let mut last = Box::pin(handle.append(revoked("tok_last")));
    let _ = tokio::time::timeout(Duration::ZERO, &mut last).await;
    log.close();
    assert_eq!(stored(&open(dir.path())).len(), 21);
}

#[tokio::test]
async fn a_token_that_is_not_accepted_writes_tens_of_events_however_often_it_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    log.append(created("production")).await.unwrap();
    for number in 0..100_000 {
        let repository = format!("made-up/{number}").parse().unwrap();
        log.refuse(Observation { repository, status: 401, digest: None, ..observation(number) });
    }
    // Counts are written at the end, at the latest.
    log.close();
    let log = open(dir.path());
    let events = stored(&log);
    assert!(events.len() < 50, "{} events", events.len());
    let told: u64 = events
        .iter()
        .map(|event| match event {
            Event::Observed(_) => 1,
            Event::Refused { count, .. } => *count,
            Event::LeftOut(left_out) => left_out.count,
            _ => 0,
        })
        .sum();
    assert_eq!(told, 100_000, "each is written or counted");
}

#[tokio::test]
async fn what_goes_beyond_a_token_s_rate_is_said_in_the_log_and_holds_nobody_up() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    log.append(created("production")).await.unwrap();
    let mut left_out = 0;
    while left_out < 100 {
        let receipt = log.record(observation(1));
        if let Some(Durability::Lost) = futures_util::FutureExt::now_or_never(receipt.durable(&long())) {
            left_out += 1;
        }
    }
    log.close();
    let log = open(dir.path());
    let counts = stored(&log).into_iter().filter_map(|event| match event {
        Event::LeftOut(left_out) => Some(left_out.count),
        _ => None,
    });
    assert_eq!(counts.sum::<u64>(), left_out);
    let tracked = log.view().state.environment(&"production".parse().unwrap()).unwrap().clone();
    assert_eq!(tracked.gaps().map(|gap| gap.lost).sum::<u64>(), left_out);
}

#[tokio::test]
async fn an_opening_from_a_snapshot_sees_what_a_whole_one_sees() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    log.append(created("production")).await.unwrap();
    for number in 0..20 {
        let _ = log.record(observation(number));
    }
    log.close();
    let folded = open(dir.path());
    assert!(matches!(folded.recorder.kept().unwrap().snapshot(Snapshot::Latest), Ok(Some(_))));
    // Events after a snapshot are folded on top of it.
    assert_eq!(folded.record(observation(20)).durable(&long()).await, Durability::Durable);
    folded.close();

    let from_snapshot = open(dir.path());
    let (short, whole) = (from_snapshot.view(), {
        let mut view = View::new(&Rules::default());
        for event in stored(&from_snapshot) {
            view.directory.apply(&event);
            view.state.apply(&event);
        }
        view
    });
    assert_eq!(short.applied, 22);
    assert_eq!(short.directory, whole.directory);
    assert_eq!(
        postcard::to_stdvec(&short.state).unwrap(),
        postcard::to_stdvec(&whole.state).unwrap(),
        "the fold from a snapshot differs"
    );
}

#[tokio::test]
async fn a_snapshot_that_does_not_fit_is_left_aside() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    assert_eq!(log.record(observation(1)).durable(&long()).await, Durability::Durable);
    log.close();
    let log = open(dir.path());
    let bytes = log.recorder.kept().unwrap().snapshot(Snapshot::Latest).unwrap().unwrap();
    let rules = Rules::default();
    assert!(snapshot::decode(&bytes, &rules).unwrap().is_ours);
    let other = Rules { settle: crate::model::time::Span::from_secs(7), ..Rules::default() };
    assert!(!snapshot::decode(&bytes, &other).unwrap().is_ours, "made under other rules");
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1;
        assert!(snapshot::decode(&damaged, &rules).is_none(), "byte {place}");
    }
    log.recorder.kept().unwrap().keep_snapshot(Snapshot::Latest, 0, b"nonsense").unwrap();
    log.close();
    assert_eq!(open(dir.path()).view().applied, 1);
}

#[tokio::test]
async fn retention_removes_observations_and_nothing_that_they_proved() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    log.append(created("production")).await.unwrap();
    for minute in 0..100 {
        let at = minute * 60_000;
        let observation = Observation { at: Time::from_ms(at), ..observation(u64::from(at >= 3_000_000)) };
        assert_eq!(log.record(observation).durable(&long()).await, Durability::Durable);
    }
    log.append(created("staging")).await.unwrap();
    log.close();
    let log = open(dir.path());
    let whole = postcard::to_stdvec(&log.view().state).unwrap();
    let past = |log: &Log, minute: i64| {
        log.view_at(Time::from_ms(minute * 60_000)).map(|view| postcard::to_stdvec(&view.state).unwrap())
    };
    let at_80 = past(&log, 80).unwrap();

    let (engine, rules, until) = (log.recorder.kept().unwrap(), Rules::default(), Span::from_mins(70));
    assert_eq!(retention::thin(engine, &rules, until, 1_000).unwrap(), 0, "too few to be worth it");
    assert_eq!(retention::thin(engine, &rules, until, 10).unwrap(), 71);
    assert_eq!(retention::thin(engine, &rules, until, 10).unwrap(), 0, "nothing is left to do");
    assert_eq!(stored(&log).len(), 102 - 70, "only observations go");

    assert_eq!(past(&log, 80).unwrap(), at_80);
    assert!(matches!(past(&log, 50), Err(PastError::Removed { .. })));
    engine.keep_snapshot(Snapshot::Latest, 0, b"lost").unwrap();
    log.close();
    let log = open(dir.path());
    assert_eq!(postcard::to_stdvec(&log.view().state).unwrap(), whole, "folded from the base on");
    assert!(log.view().directory.environment("production").is_some());
    assert!(log.view().directory.environment("staging").is_some());
    let acts = log.acts(u64::MAX, 10, |_| true).unwrap();
    assert_eq!(
        acts.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(),
        [102, 1],
        "the trail is whole"
    );
}

/// A server that ran for long and crashed: retention went beyond the snapshot of its start.
#[tokio::test]
async fn a_snapshot_that_retention_went_beyond_is_left_aside() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    log.append(created("production")).await.unwrap();
    for minute in 0..100 {
        let observation = Observation { at: Time::from_ms(minute * 60_000), ..observation(minute as u64) };
        assert_eq!(log.record(observation).durable(&long()).await, Durability::Durable);
        if minute == 10 {
            let bytes = snapshot::encode(&log.view()).unwrap();
            log.recorder.kept().unwrap().keep_snapshot(Snapshot::Latest, 0, &bytes).unwrap();
        }
    }
    let early = log.recorder.kept().unwrap().snapshot(Snapshot::Latest).unwrap().unwrap();
    log.close();
    let log = open(dir.path());
    let whole = postcard::to_stdvec(&log.view().state).unwrap();
    let engine = log.recorder.kept().unwrap();
    retention::thin(engine, &Rules::default(), Span::from_mins(70), 10).unwrap();
    engine.keep_snapshot(Snapshot::Latest, 0, &early).unwrap();
    log.close();
    assert!(postcard::to_stdvec(&open(dir.path()).view().state).unwrap() == whole);
}

#[tokio::test]
async fn what_was_announced_and_never_comes_holds_up_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(dir.path(), Rules::default()).unwrap();
    // Nothing of this ever comes: it holds up nobody.
    let never = log.announce();
    assert_eq!(log.record(observation(1)).durable(&long()).await, Durability::Durable);
    drop(never);
    assert_eq!(log.record(observation(2)).durable(&long()).await, Durability::Durable);
}

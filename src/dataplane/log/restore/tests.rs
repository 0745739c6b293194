use crate::log::backup::Head;
use crate::log::backup::tests::backup;
use crate::log::engine::Snapshot;
use crate::log::tests::{created, observation, open, stored};
use crate::log::{BackupError, DraftError, Log, RestoreError, check, codec, restore, retention};
use crate::model::deployments::Rules;
use crate::model::event::Observation;
use crate::model::time::{Span, Time};

fn backup_of(log: &Log) -> Vec<u8> {
    log.backup().unwrap().map(Result::unwrap).collect::<Vec<_>>().concat()
}

fn names(dir: &std::path::Path) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(dir) else { return Vec::new() };
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

/// Larger than a block, and than what waits for a commit of the restore.
async fn large(dir: &std::path::Path) -> Log {
    let log = open(dir);
    log.append(created("production")).await.unwrap();
    for number in 0..3_000 {
        let agent = format!("containerd/1.7.22 {}", "x".repeat(4_000)).into();
        let _ = log.record(Observation { agent, ..observation(number) });
    }
    log
}

#[tokio::test]
async fn a_restored_log_is_what_was_backed_up_and_goes_on() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = large(from.path()).await;
    // Nothing waited for these: what is only in the queue and the journal is in the backup, too.
    let bytes = backup_of(&log);
    let contents = check(&bytes[..]).unwrap();
    assert_eq!((contents.events, contents.last, contents.bytes), (3_001, 3_001, bytes.len() as u64));
    log.append(created("later")).await.unwrap();

    let dir = to.path().join("made/for/it");
    assert_eq!(restore(&bytes[..], &dir).unwrap(), contents);
    assert_eq!(names(&dir), ["landfall.redb"]);
    let restored = open(&dir);
    assert!(restored.view().directory.environment("production").is_some());
    assert!(restored.view().directory.environment("later").is_none());
    assert_eq!(stored(&restored), stored(&log)[..3_001]);
    restored.append(created("staging")).await.unwrap();
    assert_eq!(restored.view().applied, 3_002);
}

#[tokio::test]
async fn what_retention_removed_is_still_known() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = open(from.path());
    log.append(created("production")).await.unwrap();
    for number in 0..100 {
        let _ = log.record(observation(number));
    }
    let engine = log.recorder.kept().unwrap();
    assert_eq!(retention::thin(engine, &Rules::default(), Span::from_ms(70), 10).unwrap(), 71);
    let bytes = backup_of(&log);
    assert_eq!(check(&bytes[..]).unwrap().events, 101 - 70);
    let dir = to.path().join("data");
    restore(&bytes[..], &dir).unwrap();
    let restored = open(&dir);
    let base = |log: &Log| log.recorder.kept().unwrap().snapshot(Snapshot::Base).unwrap();
    assert!(base(&log).is_some() && base(&log) == base(&restored));
    assert_eq!(stored(&restored), stored(&log));
    assert_eq!(
        postcard::to_stdvec(&restored.view().state).unwrap(),
        postcard::to_stdvec(&log.view().state).unwrap()
    );
    // It is known how far retention came: it goes on from there, in the copy as in the original.
    let engine = restored.recorder.kept().unwrap();
    assert_eq!(retention::thin(engine, &Rules::default(), Span::from_ms(90), 10).unwrap(), 20);
    assert_eq!(stored(&restored).len(), 101 - 90);
}

#[tokio::test]
async fn an_empty_log_comes_back_empty() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bytes = backup_of(&open(from.path()));
    assert_eq!(restore(&bytes[..], to.path()).unwrap().events, 0);
    assert_eq!(open(to.path()).view().applied, 0);
}

#[tokio::test]
async fn a_log_that_is_there_is_left_alone() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = open(from.path());
    log.append(created("production")).await.unwrap();
    let bytes = backup_of(&log);
    for name in ["landfall.redb", "landfall.journal"] {
        std::fs::write(to.path().join(name), "somebody's").unwrap();
        let refused = restore(&bytes[..], to.path()).unwrap_err();
        assert!(
            matches!(&refused, RestoreError::Draft(DraftError::Occupied { path }) if path.ends_with(name)),
            "{refused}"
        );
        assert_eq!(std::fs::read(to.path().join(name)).unwrap(), b"somebody's");
        std::fs::remove_file(to.path().join(name)).unwrap();
    }
    // Other files are in nobody's way.
    std::fs::write(to.path().join("admin.token"), "a token").unwrap();
    restore(&bytes[..], to.path()).unwrap();
}

#[tokio::test]
async fn what_is_not_whole_leaves_nothing() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = large(from.path()).await;
    let bytes = backup_of(&log);
    let dir = to.path().join("data");
    let damaged = |place: usize| {
        let mut bytes = bytes.clone();
        bytes[place] ^= 1;
        bytes
    };
    // Cut and damaged before the first commit of the restore and after it.
    let (early, late) = (1_000, bytes.len() - 100_000);
    for broken in [&bytes[..early], &bytes[..late], &damaged(early), &damaged(late)] {
        let refused = restore(broken, &dir).unwrap_err();
        assert!(matches!(refused, RestoreError::Backup(_)), "{refused}");
        assert!(!dir.exists(), "{:?}", names(&dir));
        restore(broken, to.path()).unwrap_err();
        assert!(names(to.path()).is_empty(), "{:?}", names(to.path()));
    }
}

/// As another build would write it, a later one or one from before the first release: the backup itself is whole.
#[test]
fn what_this_release_cannot_read_is_refused_before_it_is_a_log() {
    let to = tempfile::tempdir().unwrap();
    let head = Head { made_at: Time::from_ms(0), last: 1, thinned: 0, release: "9.9.9".to_owned() };
    for (version, what_to_do) in
        [(codec::VERSION + 1, "run the newer release"), (codec::VERSION - 1, "an empty data folder")]
    {
        let other = backup(&head, &[], &[(1, &[version, 0])]);
        let refused = restore(&other[..], to.path()).unwrap_err();
        let is_of_event = matches!(refused, RestoreError::Backup(BackupError::Event { sequence: 1, .. }));
        let said = refused.to_string();
        assert!(is_of_event && said.contains(what_to_do), "{said}");
    }
    let thinned = Head { thinned: 1, ..head };
    for base in [&b"in a layout of its own"[..], b""] {
        let refused = restore(&backup(&thinned, &[base], &[])[..], to.path()).unwrap_err();
        assert!(
            matches!(&refused, RestoreError::Backup(BackupError::Base { release }) if release == "9.9.9")
        );
        assert!(refused.to_string().contains("landfall 9.9.9"));
    }
    assert!(names(to.path()).is_empty());
}

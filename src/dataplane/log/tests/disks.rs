//! Disks that are full, fail, or are slow: pulls go on, and what is lost is said.

use super::*;

/// A disk that refuses to be written on demand: real ones do not.
pub(super) mod failing_disk {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use crate::log::local::journal::Disk;

    #[derive(Debug, Clone, Default)]
    pub(in crate::log::tests) struct Full(Arc<AtomicBool>);

    impl Full {
        pub(in crate::log::tests) fn set(&self, full: bool) {
            self.0.store(full, Ordering::SeqCst);
        }
        fn check(&self) -> io::Result<()> {
            if self.0.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }
    }

    #[derive(Debug)]
    pub(in crate::log::tests) struct FailingDisk<D> {
        pub(in crate::log::tests) disk: D,
        pub(in crate::log::tests) full: Full,
    }

    impl redb::StorageBackend for FailingDisk<redb::backends::FileBackend> {
        fn len(&self) -> io::Result<u64> {
            self.disk.len()
        }
        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.disk.read(offset, out)
        }
        fn set_len(&self, len: u64) -> io::Result<()> {
            self.full.check()?;
            self.disk.set_len(len)
        }
        fn sync_data(&self) -> io::Result<()> {
            self.full.check()?;
            self.disk.sync_data()
        }
        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.full.check()?;
            self.disk.write(offset, data)
        }
        fn close(&self) -> io::Result<()> {
            self.disk.close()
        }
    }

    /// Makes a disk of another one that refuses while it is `full`.
    pub(in crate::log::tests) fn failing(full: &Full) -> impl Fn(Box<dyn Disk>) -> Box<dyn Disk> + use<> {
        let full = full.clone();
        move |disk| Box::new(FailingDisk { disk, full: full.clone() })
    }

    impl Disk for FailingDisk<Box<dyn Disk>> {
        fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
            self.full.check()?;
            self.disk.write_all_at(bytes, offset)
        }
        fn sync_data(&self) -> io::Result<()> {
            self.full.check()?;
            self.disk.sync_data()
        }
    }
}

/// A disk so slow that it writes only when it is let.
mod slow_disk {
    use std::io;
    use std::sync::{Arc, Condvar, Mutex};

    use crate::log::local::journal::Disk;

    #[derive(Clone, Default)]
    pub(super) struct Gate(Arc<(Mutex<usize>, Condvar)>);

    impl Gate {
        /// Lets so many more frames be written.
        pub(super) fn let_through(&self, frames: usize) {
            let mut left = self.0.0.lock().unwrap();
            *left = left.saturating_add(frames);
            self.0.1.notify_all();
        }
    }

    pub(super) struct SlowDisk {
        pub(super) disk: Box<dyn Disk>,
        pub(super) gate: Gate,
    }

    impl Disk for SlowDisk {
        fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
            let mut left =
                self.gate.0.1.wait_while(self.gate.0.0.lock().unwrap(), |left| *left == 0).unwrap();
            *left -= 1;
            drop(left);
            self.disk.write_all_at(bytes, offset)
        }
        fn sync_data(&self) -> io::Result<()> {
            self.disk.sync_data()
        }
    }
}

#[tokio::test]
async fn a_change_waits_for_two_frames_however_many_observations_wait_on_a_slow_disk() {
    const WAITING: u64 = 44_000;
    let dir = tempfile::tempdir().unwrap();
    let gate = slow_disk::Gate::default();
    let store = Store::open(dir.path()).unwrap();
    let slow = gate.clone();
    let log = start(store, Clock::default(), 2_048, move |disk| {
        Box::new(slow_disk::SlowDisk { disk, gate: slow.clone() })
    });
    for number in 0..WAITING {
        let _ = log.record(observation(number));
    }
    let mut revoking = std::pin::pin!(log.append(revoked("tok_1")));
    let handed_over = tokio::time::timeout(Duration::ZERO, &mut revoking).await;
    assert!(handed_over.is_err(), "nothing is written yet");
    // The frame that is under way, and the one that the change is in.
    gate.let_through(2);
    tokio::time::timeout(Duration::from_secs(60), revoking).await.expect("it waits behind them").unwrap();

    gate.let_through(usize::MAX);
    let events = stored(&log);
    assert_eq!(events.len() as u64, WAITING + 1);
    let place = events.iter().position(|event| matches!(event, Event::Acted(_))).unwrap();
    assert!(place <= 2_049, "it is the {place}th");
    let order = events.iter().filter_map(|event| match event {
        Event::Observed(observation) => Some(observation.at.ms()),
        _ => None,
    });
    assert!(order.collect::<Vec<_>>().is_sorted(), "observations keep their order");
}

/// Sends the log's health, as it is at the moment of a wake-up.
struct Looker(Log, Mutex<std::sync::mpsc::Sender<Health>>);

impl std::task::Wake for Looker {
    fn wake(self: Arc<Self>) {
        let _ = self.1.lock().unwrap().send(self.0.health());
    }
}

/// A client that hears that something is durable may ask the log at once.
#[test]
fn what_is_durable_is_so_in_the_log_s_health_before_anybody_hears_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let gate = slow_disk::Gate::default();
    let slow = gate.clone();
    // Outside of a runtime the writer's thread wakes by itself those that wait.
    let log = start(Store::open(dir.path()).unwrap(), Clock::default(), 16, move |disk| {
        Box::new(slow_disk::SlowDisk { disk, gate: slow.clone() })
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _entered = runtime.enter();
    let deadlines = long();
    let mut receipt = std::pin::pin!(log.record(observation(1)).durable(&deadlines));
    let (sender, heard) = std::sync::mpsc::channel();
    let waker = Arc::new(Looker(log.clone(), Mutex::new(sender))).into();
    assert!(receipt.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
    gate.let_through(usize::MAX);
    let health = heard.recv().unwrap();
    assert!(health.written_ago.is_some(), "{health:?}");
    assert_eq!(runtime.block_on(receipt), Durability::Durable);
}

/// A backup is an act, too: a decision is outdated by it all the same, and a crowd of backups must not starve one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn acts_that_depend_on_nothing_starve_no_decision() {
    let dir = tempfile::tempdir().unwrap();
    let log = start(Store::open(dir.path()).unwrap(), Clock::default(), 2_048, |disk| disk);
    let (done, is_done) = tokio::sync::watch::channel(false);
    let crowd = (0..8).map(|_| {
        let (log, is_done) = (log.clone(), is_done.clone());
        tokio::spawn(async move {
            while !*is_done.borrow() {
                log.append(acted(Action::BackupTaken)).await.unwrap();
            }
        })
    });
    let crowd: Vec<_> = crowd.collect();
    for number in 0..40 {
        let revoked = revoked(&format!("tok_{number}"));
        let decided = log.decide(|_| Ok::<_, ()>((Some(revoked.clone()), ()))).await;
        assert_eq!(decided, Ok(Ok(())), "decision {number}");
    }
    done.send_replace(true);
    for task in crowd {
        task.await.unwrap();
    }
}

/// Several decisions come into one frame, of which the first waits behind an act: each is answered by the engine.
#[tokio::test]
async fn no_decision_is_forgotten_in_a_frame_of_several() {
    let dir = tempfile::tempdir().unwrap();
    let gate = slow_disk::Gate::default();
    let slow = gate.clone();
    let log = start(Store::open(dir.path()).unwrap(), Clock::default(), 2_048, move |disk| {
        Box::new(slow_disk::SlowDisk { disk, gate: slow.clone() })
    });
    let recorder = &log.recorder;
    let waiting = [
        // The frame that is under way.
        (acted(Action::BackupTaken), None),
        // Those behind it: the last one keeps its place among the observations, the others go ahead.
        (acted(Action::BackupTaken), None),
        (revoked("tok_1"), Some(0)),
        (created("production"), Some(0)),
    ];
    let mut answers: Vec<_> =
        waiting.into_iter().map(|(event, seen)| Box::pin(recorder.append(event, seen))).collect();
    for answer in &mut answers {
        let handed_over = tokio::time::timeout(Duration::ZERO, answer).await;
        assert!(handed_over.is_err(), "nothing is written yet");
    }
    gate.let_through(usize::MAX);
    let answers = futures_util::future::join_all(answers).await;
    assert_eq!(answers, [Ok(()), Ok(()), Err(AppendError::Outdated), Err(AppendError::Outdated)]);
}

/// A log with halves of `half_pages`, whose database and whose journal fail on demand.
fn open_failing(dir: &Path, half_pages: u32) -> (Log, failing_disk::Full, failing_disk::Full) {
    let (database_full, journal_full) = <(failing_disk::Full, failing_disk::Full)>::default();
    let path = dir.join("landfall.redb");
    let file = std::fs::File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    let disk = failing_disk::FailingDisk {
        disk: redb::backends::FileBackend::new(file).unwrap(),
        full: database_full.clone(),
    };
    let database = redb::Database::builder().create_with_backend(disk).unwrap();
    let store = Store::prepare(database, path, false).unwrap();
    let log = start(store, Clock::default(), half_pages, failing_disk::failing(&journal_full));
    (log, database_full, journal_full)
}

/// Hands observations over until one is durable again; returns how many were not.
async fn lost_until_durable(log: &Log) -> u64 {
    let mut lost = 0;
    while log.record(observation(3)).durable(&long()).await != Durability::Durable {
        lost += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    lost
}

pub(super) async fn until_healthy(log: &Log) {
    while log.health().verdict().is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_full_disk_holds_nobody_up_and_leaves_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let (log, _, full) = open_failing(dir.path(), 16);
    assert_eq!(log.record(observation(1)).durable(&long()).await, Durability::Durable);

    full.set(true);
    assert_eq!(log.record(observation(2)).durable(&long()).await, Durability::Lost);
    assert_eq!(log.append(created("staging")).await, Err(AppendError::Unwritable));
    assert!(log.health().verdict().is_err());

    full.set(false);
    let lost = 1 + lost_until_durable(&log).await;
    log.health().verdict().unwrap();
    let events = stored(&log);
    assert_eq!(events.len(), 3);
    assert!(matches!(events[1], Event::Gap { lost: counted, .. } if counted == lost), "{events:?}");
    assert_eq!(log.late_and_lost(), (0, lost));
}

#[tokio::test]
async fn while_the_database_fails_the_journal_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (log, full, _) = open_failing(dir.path(), 1_024);
    full.set(true);
    for number in 0..10 {
        assert_eq!(log.record(observation(number)).durable(&long()).await, Durability::Durable);
    }
    assert!(log.events().is_err(), "the database took it");
    assert!(log.health().verdict().is_err());
    assert_eq!(log.record(observation(10)).durable(&long()).await, Durability::Durable);
    log.append(created("staging")).await.unwrap();
    assert!(log.view().directory.environment("staging").is_some());
    // The file itself is sound, so the database opens again, without being asked.
    until_healthy(&log).await;
    assert_eq!(stored(&log).len(), 12);
    assert_eq!(log.late_and_lost(), (0, 0));
}

#[tokio::test]
async fn what_the_database_never_took_is_there_at_the_next_opening() {
    let dir = tempfile::tempdir().unwrap();
    let (log, full, _) = open_failing(dir.path(), 1_024);
    full.set(true);
    for number in 0..10 {
        assert_eq!(log.record(observation(number)).durable(&long()).await, Durability::Durable);
    }
    log.close();
    let log = open(dir.path());
    let expected: Vec<_> = (0..10).map(|number| Event::Observed(observation(number))).collect();
    assert_eq!(stored(&log), expected);
    assert_eq!(log.view().applied, 10);
}

#[tokio::test]
async fn a_journal_that_nobody_empties_leaves_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let (log, full, _) = open_failing(dir.path(), 2);
    full.set(true);
    // As long as somebody holds the database, it does not open again.
    let held = log.recorder.engine().events_after(0).unwrap();
    let mut durable = 0;
    while log.record(observation(3)).durable(&long()).await == Durability::Durable {
        durable += 1;
    }
    assert!(durable > 1);
    drop(held);
    let lost = 1 + lost_until_durable(&log).await;
    until_healthy(&log).await;
    assert_eq!(log.late_and_lost(), (0, lost));
    let gaps: u64 =
        stored(&log).iter().map(|event| if let Event::Gap { lost, .. } = event { *lost } else { 0 }).sum();
    assert_eq!(gaps, lost);
    assert_eq!(stored(&log).len(), durable + 2);
}

//! Speed with which observations become durable, and with which an old log opens. Prints; asserts nothing.
//!
//!     cargo bench --bench log                     # a million observations
//!     LANDFALL_BENCH_EVENTS=10000000 cargo bench --bench log
//!
//! The log is opened in a process of its own, so that its memory is what opening takes and not what writing took.

#[path = "observed/head.rs"]
mod head;

use std::path::Path;
use std::time::{Duration, Instant};

use landfall::log::Log;
use landfall::model::act::{Action, Actor};
use landfall::model::deployments::Rules;
use landfall::model::event::{EnvironmentName, Observation};
use landfall::model::questions;
use landfall::model::time::{Span, Time};

use head::head;

const EVENTS_DEFAULT: u64 = 1_000_000;
const SERVICES: u64 = 200;
const NODES: u64 = 300;
/// Observations handed over before their commit is awaited: far below the log's queue.
const IN_FLIGHT: u64 = 8_192;
/// Observations of one token: no more than a token may write at once.
const OF_TOKEN: u64 = 50_000;
const LONG: Duration = Duration::from_secs(600);

fn main() {
    // cargo bench passes `--bench`; the second process is told where the log lies.
    match std::env::args().nth(1).filter(|argument| !argument.starts_with("--")) {
        Some(dir) => open(Path::new(&dir)),
        None => write(),
    }
}

#[tokio::main]
async fn write() {
    let events = std::env::var("LANDFALL_BENCH_EVENTS").ok().and_then(|text| text.parse().ok());
    let events = events.unwrap_or(EVENTS_DEFAULT);
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let log = Log::open(dir.path(), Rules::default()).expect("a log");
    let (description, color) = (String::new(), String::new());
    let created = Action::EnvironmentCreated { name: environment(), description, color };
    log.append(created.by(Actor::default(), Time::from_ms(0))).await.expect("an environment");

    let deadlines = landfall::deadline::Deadlines::new(LONG);
    let began = Instant::now();
    let mut receipts = Vec::with_capacity(IN_FLIGHT as usize);
    for number in 0..events {
        receipts.push(log.record(observation(number)));
        if receipts.len() as u64 == IN_FLIGHT || number + 1 == events {
            for receipt in receipts.drain(..) {
                assert_eq!(receipt.durable(&deadlines).await, landfall::log::Durability::Durable);
            }
        }
    }
    let took = began.elapsed();
    println!("written: {events} observations, {:.0} durable/s", events as f64 / took.as_secs_f64());
    // A `kill -9` leaves what the files hold while the log is open. A first read has the database take everything over, and
    // a second one finds the snapshot kept as well, so nothing is written while the files are copied.
    for _ in 0..2 {
        log.events_after(u64::MAX).expect("a database");
    }
    let crashed = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    for file in std::fs::read_dir(dir.path()).expect("the log's files").flatten() {
        std::fs::copy(file.path(), crashed.path().join(file.file_name())).expect("a copy");
    }
    log.close();
    let bytes = std::fs::metadata(dir.path().join("landfall.redb")).map_or(0, |file| file.len());
    println!("on disk: {} MiB, {} B each", bytes >> 20, bytes / events);

    for (what, dir) in [("after a stop", &dir), ("after a crash", &crashed)] {
        println!("{what}");
        let itself = std::env::current_exe().expect("this program");
        let status = std::process::Command::new(itself).arg(dir.path()).status().expect("a process");
        assert!(status.success(), "the log did not open");
    }
}

fn open(dir: &Path) {
    let began = Instant::now();
    let log = Log::open(dir, Rules::default()).expect("a log");
    println!("  opened: {:.1?}", began.elapsed());
    let (view, environment) = (log.view(), environment());
    let now = view.state.last_at().expect("observations");
    let began = Instant::now();
    let running = questions::running(&view.state, &environment, now);
    println!("  running: {:.1?} for {} services", began.elapsed(), running.services.len());
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: unknown");
    println!("  peak memory {peak}");
    log.close();
}

fn environment() -> EnvironmentName {
    "production".parse().expect("a name")
}

/// Rollouts of many services one after the other: each node sends the HEAD of the next release.
fn observation(number: u64) -> Observation {
    let rollout = number / NODES;
    let (service, release) = (rollout % SERVICES, rollout / SERVICES);
    let node = number % NODES;
    let at = Time::from_ms(1_772_431_200_000) + Span::from_ms(i64::try_from(number * 500).expect("a time"));
    // As many tokens as it takes for each to stay within its rate.
    let token = format!("tok_{:012x}", number / OF_TOKEN);
    let client = format!("10.0.{}.{}", node / 250, node % 250);
    head(environment(), &token, &client, &format!("service-{service}"), release, at)
}

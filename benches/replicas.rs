//! Three replicas of one log over three NATS servers: events shipped and folded, and how long an answer waits beside a log
//! that is not shared, on the same disk in one run; then how long one waits while two of the servers are away. Prints; asserts
//! nothing but that everything arrives.
//!
//!     cargo bench --bench replicas                    # needs nats-server in the PATH
//!     LANDFALL_BENCH_EVENTS=1000000 LANDFALL_BENCH_RATE=20000 LANDFALL_BENCH_AWAY_S=300 cargo bench --bench replicas

#[path = "observed/head.rs"]
mod head;
/// The tests' NATS servers.
#[allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "the tests use the rest of it")]
#[path = "../tests/it/rig"]
mod rig {
    pub mod http;
    pub mod local;
    pub mod nats;
    pub mod process;
    pub mod tls;
}

use std::ops::Range;
use std::time::{Duration, Instant};

use landfall::clock;
use landfall::deadline::Deadlines;
use landfall::log::{Durability, Log, NatsSettings};
use landfall::model::act::{Action, Actor};
use landfall::model::deployments::Rules;
use landfall::model::event::{EnvironmentName, Observation};

use head::head;
use rig::nats::Nats;

const EVENTS_DEFAULT: u64 = 300_000;
const RATE_DEFAULT: u64 = 20_000;
/// Seconds without the stream's quorum, and as many with it before.
const AWAY_DEFAULT: u64 = 60;
/// Events a second before and without the quorum, at all replicas together.
const AWAY_RATE: u64 = 1_000;
const REPLICAS: usize = 3;
/// Pause between two bursts of a writer: its events of that time come together, as those of a crowd do.
const TICK: Duration = Duration::from_millis(10);
const LONG: Duration = Duration::from_secs(600);

#[tokio::main]
async fn main() {
    let events = setting("LANDFALL_BENCH_EVENTS", EVENTS_DEFAULT);
    let rate = setting("LANDFALL_BENCH_RATE", RATE_DEFAULT);
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    // Panics where nats-server is not in the PATH.
    let mut nats = Nats::start(REPLICAS);
    let alone = Log::open(&dir.path().join("alone"), Rules::default()).expect("a log");
    create(&alone).await;
    let share = events / REPLICAS as u64;
    let waits = record(&alone, 0, 0..share, rate / REPLICAS as u64).await;
    println!("alone, {} events/s: an answer waits {}", rate / REPLICAS as u64, told(waits));
    alone.close();

    let replicas: Vec<Log> = (0..REPLICAS).map(|index| replica(&nats, dir.path(), index)).collect();
    create(&replicas[0]).await;
    let began = Instant::now();
    let waits = all_record(&replicas, 0..share, rate).await;
    let recorded = began.elapsed();
    let total = share * REPLICAS as u64;
    all_have(&replicas, 1 + total).await;
    let folded = began.elapsed();
    let speed = |took: Duration| total as f64 / took.as_secs_f64();
    println!("three replicas, {rate} events/s wanted: an answer waits {}", told(waits));
    println!(
        "recorded {:.0} events/s; shipped and folded by all three {:.0} events/s",
        speed(recorded),
        speed(folded)
    );
    println!("the last event was everywhere {:.2?} after it was recorded", folded - recorded);
    let began = Instant::now();
    let new = replica(&nats, dir.path(), REPLICAS);
    while new.view().applied < replicas[0].view().applied {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    println!("a new replica had {total} events after {:.1?}", began.elapsed());
    new.close();

    let seconds = setting("LANDFALL_BENCH_AWAY_S", AWAY_DEFAULT);
    let more = AWAY_RATE / REPLICAS as u64 * seconds;
    let waits = all_record(&replicas, share..share + more, AWAY_RATE).await;
    println!("{seconds} s at {AWAY_RATE} events/s: an answer waits {}", told(waits));
    (1..REPLICAS).for_each(|server| nats.kill(server));
    let waits = all_record(&replicas, share + more..share + 2 * more, AWAY_RATE).await;
    println!("{seconds} s without the stream's quorum: an answer waits {}", told(waits));
    (1..REPLICAS).for_each(|server| nats.start_server(server));
    let began = Instant::now();
    all_have(&replicas, 1 + total + 2 * more * REPLICAS as u64).await;
    println!("everything was everywhere {:.1?} after the servers' return", began.elapsed());
    replicas.into_iter().for_each(Log::close);
}

/// Records these events at each replica, at this rate together, and returns how long each waited, in microseconds.
async fn all_record(replicas: &[Log], numbers: Range<u64>, rate: u64) -> Vec<u128> {
    let writers = replicas.iter().cloned().enumerate().map(|(index, log)| {
        let numbers = numbers.clone();
        tokio::spawn(async move { record(&log, index as u64, numbers, rate / REPLICAS as u64).await })
    });
    let mut waits = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        waits.extend(writer.await.expect("a writer"));
    }
    waits
}

/// Waits until every replica has folded so many events.
async fn all_have(replicas: &[Log], events: u64) {
    let began = Instant::now();
    while replicas.iter().any(|log| log.view().applied < events) {
        assert!(began.elapsed() < LONG, "not everything arrives");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

async fn create(log: &Log) {
    let (description, color) = (String::new(), String::new());
    let created = Action::EnvironmentCreated { name: environment(), description, color };
    let event = created.by(Actor::default(), clock::now());
    for _ in 0..60 {
        if log.append(event.clone()).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("the stream does not answer");
}

/// Records events at this rate, and returns how long each waited to be durable, in microseconds.
async fn record(log: &Log, writer: u64, numbers: Range<u64>, rate: u64) -> Vec<u128> {
    let began = Instant::now();
    let (mut waits, mut sent) = (Vec::new(), numbers.start);
    while sent < numbers.end {
        let due = numbers.start + (began.elapsed().as_secs_f64() * rate as f64) as u64;
        let receipts: Vec<_> =
            (sent..due.min(numbers.end)).map(|number| log.record(observation(writer, number))).collect();
        sent += receipts.len() as u64;
        let asked = Instant::now();
        for receipt in receipts {
            assert_eq!(receipt.durable(&Deadlines::new(LONG)).await, Durability::Durable);
            waits.push(asked.elapsed().as_micros());
        }
        tokio::time::sleep(TICK.saturating_sub(asked.elapsed())).await;
    }
    waits
}

fn told(mut waits: Vec<u128>) -> String {
    waits.sort_unstable();
    let at = |part: f64| waits[((waits.len() - 1) as f64 * part) as usize] as f64 / 1_000.0;
    format!("p50 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99))
}

fn replica(nats: &Nats, dir: &std::path::Path, index: usize) -> Log {
    let settings = NatsSettings {
        urls: nats.url().split(',').map(str::to_owned).collect(),
        stream: "landfall".to_owned(),
        credentials_file: None,
        ca_file: None,
        replica: format!("r-{index}"),
        is_edge: false,
    };
    Log::share(&dir.join(format!("replica-{index}")), Rules::default(), &settings).expect("a replica")
}

fn environment() -> EnvironmentName {
    "production".parse().expect("a name")
}

/// Rollouts of many services one after the other, at each writer those of its own.
fn observation(writer: u64, number: u64) -> Observation {
    let (service, release, node) = (number / 300 % 200, number / 60_000, number % 300);
    // As many tokens as it takes for each to stay within its rate.
    let token = format!("tok_{writer}{:010x}", number / 50_000);
    let client = format!("10.{writer}.{}.{}", node / 250, node % 250);
    head(environment(), &token, &client, &format!("service-{writer}-{service}"), release, clock::now())
}

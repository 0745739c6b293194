//! Steady load: every connection asks, takes the whole answer, and asks again.

use crate::http::Client;
use crate::{Failure, Target, cpu, latency};
use serde_json::Value;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    target: Target,
    /// A new connection (and TLS handshake) for each request.
    #[arg(long)]
    reconnect: bool,
    /// The processes whose CPU time is measured.
    #[arg(long, value_delimiter = ',')]
    pids: Vec<u32>,
    /// Measure until those processes have spent this much …
    #[arg(long, default_value_t = f64::INFINITY)]
    cpu_seconds: f64,
    /// … or this time has passed …
    #[arg(long, default_value_t = 10.0)]
    seconds_max: f64,
    /// … or this many answers have come.
    #[arg(long, default_value_t = u64::MAX)]
    requests_max: u64,
    /// Load before the measurement begins.
    #[arg(long, default_value_t = 0.0)]
    warm_up_seconds: f64,
}

/// Pause between two looks for the end of the measurement.
const SAMPLE: Duration = Duration::from_millis(20);
/// Time in which small answers under way may arrive after the end; blobs are cut off.
const FINISH: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Tally {
    requests: AtomicU64,
    bytes: AtomicU64,
    reconnects: AtomicU64,
    stop: AtomicBool,
    latencies: Mutex<Vec<Duration>>,
    failure: Mutex<Option<Failure>>,
}

/// One look at all counters at the same moment.
struct Sample {
    at: Instant,
    cpu_seconds: f64,
    requests: u64,
    bytes: u64,
}

impl Tally {
    fn sample(&self, pids: &[u32]) -> Result<Sample, Failure> {
        if let Some(failure) = locked(&self.failure).take() {
            return Err(failure);
        }
        let (requests, bytes) = (self.requests.load(Relaxed), self.bytes.load(Relaxed));
        Ok(Sample { at: Instant::now(), cpu_seconds: cpu::seconds(pids)?, requests, bytes })
    }
}

pub(crate) async fn run(options: Options) -> Result<Value, Failure> {
    let client = Arc::new(Client::new(&options.target)?);
    let tally = Arc::new(Tally::default());
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..options.target.connections {
        let (client, tally) = (client.clone(), tally.clone());
        workers.spawn(async move {
            if let Err(failure) = ask_again_and_again(&client, &tally, options.reconnect).await {
                locked(&tally.failure).get_or_insert(failure);
            }
        });
    }
    tokio::time::sleep(Duration::from_secs_f64(options.warm_up_seconds)).await;
    locked(&tally.latencies).clear();
    let before = tally.sample(&options.pids)?;
    let after = loop {
        tokio::time::sleep(SAMPLE).await;
        let now = tally.sample(&options.pids)?;
        if now.cpu_seconds - before.cpu_seconds >= options.cpu_seconds
            || (now.at - before.at).as_secs_f64() >= options.seconds_max
            || now.requests - before.requests >= options.requests_max
        {
            break now;
        }
    };
    let latencies = latency::percentiles(&mut std::mem::take(&mut *locked(&tally.latencies)));
    tally.stop.store(true, Relaxed);
    let finish = async { while workers.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(FINISH, finish).await;
    Ok(serde_json::json!({
        "seconds": (after.at - before.at).as_secs_f64(),
        "cpu_seconds": after.cpu_seconds - before.cpu_seconds,
        "requests": after.requests - before.requests,
        "bytes": after.bytes - before.bytes,
        "reconnects": tally.reconnects.load(Relaxed),
        "latency_us": latencies,
    }))
}

async fn ask_again_and_again(client: &Client, tally: &Tally, reconnect: bool) -> Result<(), Failure> {
    let mut connection = client.connect().await?;
    let mut used = false;
    while !tally.stop.load(Relaxed) {
        let asked_at = Instant::now();
        if reconnect && used {
            connection = client.connect().await?;
        }
        match client.exchange(&mut connection, &tally.bytes).await {
            Ok(()) => {}
            // A server may end a keep-alive connection between two requests; what it must not do is break an answer.
            Err(failure) if used && !reconnect && ended_before_the_answer(&failure) => {
                tally.reconnects.fetch_add(1, Relaxed);
                connection = client.connect().await?;
                used = false;
                continue;
            }
            Err(failure) => return Err(failure),
        }
        used = true;
        tally.requests.fetch_add(1, Relaxed);
        locked(&tally.latencies).push(asked_at.elapsed());
    }
    Ok(())
}

fn ended_before_the_answer(failure: &Failure) -> bool {
    let kind = failure.downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The proxy under faults: every fault of a registry at every place of an answer, on every way through the proxy, for
//! every kind of client.
//!
//! A case is one exchange with one fault (`case`). All combinations that mean something (`rules`) are put in an order
//! (`cover`): those in front have every pair of choices, the rest is in no order. As many as the time allows are
//! played, many at a time, against one proxy in this process (`bench`), each with a registry of its own (`upstream`)
//! that says byte for byte what the case has it say (`script`, `stream`), and a client that looks at every byte
//! (`client`). The same is asserted for all:
//!
//! - The client gets the right bytes, or a registry's error, or a body that breaks off below its length, within the sum
//!   of the limits (`judge`); the next two requests to the same registry are answered right (`play`).
//! - Nobody else is slowed (`neighbour`).
//! - Afterwards nothing is left: connections, tasks, descriptors, memory (`held`).
//!
//! `LANDFALL_TEST_FAULTS_S=3600` plays for an hour instead of a minute, `LANDFALL_TEST_FAULTS_SEED` chooses the order and
//! `LANDFALL_TEST_FAULTS_CASE` plays one case alone, as a failure shows it.
#![cfg(target_os = "linux")]

pub mod bench;
pub mod case;
pub mod client;
mod cover;
pub mod held;
mod judge;
pub mod neighbour;
mod play;
mod rules;
mod script;
pub mod seed;
mod stream;
mod upstream;

use std::str::FromStr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use landfall::proxy;
use tokio::task::JoinSet;

use bench::Bench;
use case::Case;
use held::{Held, resident_bytes};
use neighbour::{Neighbour, Window};

/// Cases played at a time.
const WORKERS: usize = 24;
/// Cases between two looks at what is left.
const ROUND: usize = 200;
/// Time for which the suite plays unless it is told.
pub const PLAY_S: u64 = 60;
/// Failures after which it ends: the first ones tell enough.
pub const FAILURES_MAX: usize = 12;
/// Time for which the neighbour is watched alone.
pub const UNDISTURBED: Duration = Duration::from_millis(1_500);
/// Greatest growth of memory from the first round to the last, in bytes: the system's allocator keeps some of the many
/// large bodies that are at both ends of this process, and that varies by half of it.
pub const GROWTH_BYTES_MAX: u64 = 256 << 20;
/// Rounds in a row in which the neighbour is slowed before that is a failure: one may be the machine's.
pub const SLOW_ROUNDS_MAX: usize = 2;

pub fn variable<T: FromStr>(name: &str) -> Option<T>
where
    T::Err: std::fmt::Display,
{
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{name}: {error}")))
}

/// The seed of the order: the clock, unless it is told.
pub fn seed() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    variable("LANDFALL_TEST_FAULTS_SEED").unwrap_or(since_epoch.as_secs())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_registry_is_survived() {
    let seed = seed();
    let play_for = Duration::from_secs(variable("LANDFALL_TEST_FAULTS_S").unwrap_or(PLAY_S));
    let (cases, covered) = match variable::<Case>("LANDFALL_TEST_FAULTS_CASE") {
        Some(case) => (vec![case; 5], 5),
        None => cover::ordered(seed),
    };
    println!(
        "LANDFALL_TEST_FAULTS_SEED={seed}: {} cases; the first {covered} have every pair of choices",
        cases.len()
    );
    let mut run = Run::start(seed).await;
    let end = Instant::now() + play_for;
    let mut left = cases.as_slice();
    while !left.is_empty()
        && (Instant::now() < end || run.played < covered)
        && run.failures.len() < FAILURES_MAX
    {
        let (round, rest) = left.split_at(left.len().min(ROUND));
        left = rest;
        run.round(round).await;
    }
    run.end().await;
}

struct Run {
    seed: u64,
    bench: Arc<Bench>,
    rest: Held,
    began: Instant,
    played: usize,
    rounds: usize,
    slow_rounds: usize,
    memory_bytes: u64,
    failures: Vec<String>,
}

impl Run {
    async fn start(seed: u64) -> Self {
        let bench = Arc::new(Bench::start(WORKERS, 1, |_| proxy::LIMITS).await);
        // Memory that the first pull takes for good is no leak.
        let neighbour = Neighbour::start(&bench);
        tokio::time::sleep(UNDISTURBED).await;
        drop(neighbour);
        let rest = Held::at_rest(&bench).await;
        println!("at rest: {rest}");
        let (began, memory_bytes) = (Instant::now(), resident_bytes());
        Self {
            seed,
            bench,
            rest,
            began,
            played: 0,
            rounds: 0,
            slow_rounds: 0,
            memory_bytes,
            failures: Vec::new(),
        }
    }

    async fn round(&mut self, cases: &[Case]) {
        self.rounds += 1;
        let neighbour = Neighbour::start(&self.bench);
        tokio::time::sleep(UNDISTURBED).await;
        let undisturbed = neighbour.window();
        // Somebody else may have begun to work on this machine since the last round.
        let slowness = self.bench.slowness.max(bench::slowness().await);
        let _ = neighbour.window();
        let failed = play_all(&self.bench, cases).await;
        let disturbed = neighbour.window();
        drop(neighbour);
        self.played += cases.len();
        for Failed { case, why, at } in failed {
            let after = at.duration_since(self.began);
            self.fail(&format!(
                "{why}, {:.1} s after the first case\n{}",
                after.as_secs_f64(),
                again(self.seed, &case)
            ));
        }
        match (undisturbed, disturbed) {
            (Ok(undisturbed), Ok(disturbed)) => self.compare(undisturbed, disturbed, slowness),
            (Err(why), _) | (_, Err(why)) => self.fail(&why),
        }
        if let Err(why) = self.rest.until_again(&self.bench).await {
            let cases: Vec<_> = cases.iter().map(Case::to_string).collect();
            self.fail(&format!("{why}\n  after one of these cases:\n    {}", cases.join("\n    ")));
            // So that the next round does not say the same.
            self.rest = Held::at_rest(&self.bench).await;
        }
        if self.rounds == 1 {
            self.memory_bytes = resident_bytes();
        }
    }

    fn compare(&mut self, undisturbed: Window, disturbed: Window, slowness: u32) {
        println!(
            "{:>5.1} s, {} cases: neighbour's p99 {:?} undisturbed, {:?} disturbed over {} pulls ({:?} past the proxy); {} MiB",
            self.began.elapsed().as_secs_f64(),
            self.played,
            undisturbed.proxied,
            disturbed.proxied,
            disturbed.pulls,
            disturbed.direct,
            resident_bytes() >> 20,
        );
        if !disturbed.is_slower_than(&undisturbed, slowness) {
            self.slow_rounds = 0;
            return;
        }
        self.slow_rounds += 1;
        if self.slow_rounds > SLOW_ROUNDS_MAX {
            self.fail(&format!(
                "somebody else is slowed, round after round: {disturbed:?} instead of {undisturbed:?}"
            ));
        }
    }

    fn fail(&mut self, why: &str) {
        println!("FAILED: {why}\n");
        self.failures.push(why.to_owned());
    }

    async fn end(mut self) {
        let grown = resident_bytes().saturating_sub(self.memory_bytes);
        if grown > GROWTH_BYTES_MAX {
            self.fail(&format!("memory grew by {} MiB from the first round to the last", grown >> 20));
        }
        let names = [
            "transfers_spliced",
            "transfers_resumed",
            "transfers_broken",
            "digest_mismatches",
            "upstream_errors",
        ];
        let counted: Vec<_> = names.map(|name| format!("{name} {}", self.bench.counted(name))).into();
        println!("{} cases in {:?}; {}", self.played, self.began.elapsed(), counted.join(", "));
        let bench = Arc::get_mut(&mut self.bench).unwrap();
        if let Err(why) = bench.stop(Duration::from_secs(10)).await {
            self.fail(&why);
        }
        assert!(
            self.failures.is_empty(),
            "{} failures:\n\n{}",
            self.failures.len(),
            self.failures.join("\n\n")
        );
    }
}

struct Failed {
    case: Case,
    why: String,
    at: Instant,
}

/// Plays cases, each on the next slot that is free. Returns those that failed.
async fn play_all(bench: &Arc<Bench>, cases: &[Case]) -> Vec<Failed> {
    let left = Arc::new(Mutex::new(cases.to_vec()));
    let mut workers = JoinSet::new();
    for index in 0..WORKERS {
        let (bench, left) = (bench.clone(), left.clone());
        workers.spawn(async move {
            let mut failed = Vec::new();
            loop {
                let next = left.lock().unwrap().pop();
                let Some(case) = next else { return failed };
                if let Err(why) = play::play(&bench, index, &case).await {
                    failed.push(Failed { case, why, at: Instant::now() });
                }
            }
        });
    }
    workers.join_all().await.into_iter().flatten().collect()
}

fn again(seed: u64, case: &Case) -> String {
    format!(
        "  alone:   LANDFALL_TEST_FAULTS_CASE='{case}' cargo nextest run -E 'test(faults::every_fault)' --no-capture\n  \
         in order: LANDFALL_TEST_FAULTS_SEED={seed} cargo nextest run -E 'test(faults::every_fault)' --no-capture"
    )
}

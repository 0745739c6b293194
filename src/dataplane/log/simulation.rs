//! The whole log, run step by step from one seed: no thread, no real time, and a disk that fills, fails and loses power at
//! any write. The same seed gives the same run.
//!
//! Clients record, decide, append on what they saw a while ago, read, and ask as of a time, while the log takes
//! snapshots, removes old observations and is opened again. [`history::History`] says after each step whether the log
//! kept its promises.
//!
//! `LANDFALL_TEST_SIMULATION_SECONDS=60` runs seeds for a minute; `LANDFALL_TEST_SEED=17` begins with that one.

mod clients;
mod history;
mod run;
mod world;

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::memory::Plant;
use run::Run;
use world::{InMemory, OnDisk, World};

/// Steps of a run.
const STEPS: u64 = 150;
/// Seeds that find a planted fault, at most.
const SEEDS_MAX: u64 = 200;

/// Numbers that look like chance, the same ones in each run.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// One of the numbers below `below`.
    pub(super) fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Plays one seed.
fn play(seed: u64, world: impl World) -> Result<(), String> {
    let mut run = Run::new(seed, world)?;
    let mut done = Vec::new();
    for _ in 0..STEPS {
        let outcome = run.step().and_then(|what| {
            done.push(what);
            run.go_on()
        });
        if let Err(what) = outcome {
            let last = &done[done.len().saturating_sub(8)..];
            return Err(format!("seed {seed}, step {}, after {last:?}: {what}", done.len()));
        }
    }
    run.end().map_err(|what| format!("seed {seed}, at its end: {what}"))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// Plays seeds for as long as the environment says, or `seeds` of them, on every core.
pub(super) fn play_seeds(seeds: u64, play: impl Fn(u64) -> Result<(), String> + Sync) {
    let first = number("LANDFALL_TEST_SEED").unwrap_or(1);
    let seconds = number("LANDFALL_TEST_SIMULATION_SECONDS");
    let (began, next) = (Instant::now(), AtomicU64::new(0));
    let play_next = || {
        let mut count = 0;
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if !seconds.map_or(index < seeds, |seconds| began.elapsed() < Duration::from_secs(seconds)) {
                return count;
            }
            play(first + index).unwrap_or_else(|what| panic!("{what}"));
            count += 1;
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let count: u64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(play_next)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).sum()
    });
    println!("{count} seeds in {:?}", began.elapsed());
}

#[test]
fn every_promise_is_kept_whatever_fails_in_memory() {
    play_seeds(60, |seed| play(seed, InMemory::new(None)));
}

#[test]
fn every_promise_is_kept_whatever_fails_on_a_disk() {
    play_seeds(3, |seed| play(seed, OnDisk::new()));
}

#[test]
fn each_planted_fault_is_found() {
    use Plant::*;
    for plant in [
        ReturnedBeforeSynced,
        FrameSkippedAtOpening,
        ConditionIgnored,
        SnapshotAhead,
        GapForgotten,
        ActRemoved,
    ] {
        let found = (1..=SEEDS_MAX).find_map(|seed| play(seed, InMemory::new(Some(plant))).err());
        let found = found.unwrap_or_else(|| panic!("{plant:?} is not found by {SEEDS_MAX} seeds"));
        println!("{plant:?}: {found}");
    }
}

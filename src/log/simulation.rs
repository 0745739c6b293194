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
mod world;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::counters::Counters;
use super::engine::Engine;
use super::fold::Fold;
use super::memory::Plant;
use super::recorder::Writer;
use super::retention;
use super::{Log, OpenError, View};
use crate::clock::{Clock, ClockReading, SetClock};
use crate::model::deployments::Rules;
use crate::model::time::{Span, Time};
use clients::Clients;
use history::History;
use world::{InMemory, OnDisk, Tap, World};

/// Observations that may wait: a few, for they take memory at each opening.
const QUEUE_ENTRIES_MAX: usize = 256;
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

/// A process that has the log open.
struct Process {
    log: Log,
    writer: Writer,
    fold: Fold,
    tap: Arc<Tap>,
}

/// A run in progress.
struct Run<W> {
    chance: Chance,
    clock: Arc<Mutex<SetClock>>,
    world: W,
    process: Process,
    clients: Clients,
    history: History,
    /// The published view that was checked last.
    checked: Option<Arc<View>>,
}

fn open(world: &mut impl World, clock: &Arc<Mutex<SetClock>>) -> Result<Process, OpenError> {
    let counters = Counters::default();
    let tap = Arc::new(Tap::new(world.open(&counters)?));
    let (engine, rules) = (tap.clone(), Rules::default());
    let (log, writer, mut fold) =
        Log::assemble(engine, rules, counters, Clock::of(clock.clone()), QUEUE_ENTRIES_MAX)?;
    fold.set_snapshot_events(9);
    Ok(Process { log, writer, fold, tap })
}

impl<W: World> Run<W> {
    fn new(seed: u64, mut world: W) -> Result<Self, String> {
        let wall_clock = Time::from_ms(1_700_000_000_000);
        let reading = ClockReading { wall_clock, uptime: Span::default() };
        let clock = Arc::new(Mutex::new(SetClock { reading, instant: Some(Instant::now()) }));
        let process = open(&mut world, &clock).map_err(|error| error.to_string())?;
        let (clients, history) = (Clients::default(), History::new());
        Ok(Self { chance: Chance::new(seed), clock, world, process, clients, history, checked: None })
    }

    /// Lets time pass.
    fn pass(&self, ms: u64) {
        let mut clock = self.clock.lock().unwrap();
        let span = Span::from_ms(ms as i64);
        clock.reading.wall_clock = clock.reading.wall_clock + span;
        clock.reading.uptime = clock.reading.uptime + span;
        clock.instant = clock.instant.map(|instant| instant + Duration::from_millis(ms));
    }

    fn now(&self) -> SetClock {
        *self.clock.lock().unwrap()
    }

    fn fold(&mut self) {
        let now = self.now().instant.unwrap_or_else(Instant::now);
        self.process.fold.step(now);
    }

    fn write(&mut self) {
        // The thread that folds makes room meanwhile; here nobody does.
        if self.process.tap.health().free_bytes < 100_000 {
            self.fold();
        }
        self.process.writer.step(None);
    }

    /// One step of somebody's. Returns what was done, for people.
    fn step(&mut self) -> Result<&'static str, String> {
        let now = self.now().reading.wall_clock;
        let what = match self.chance.below(40) {
            0..12 => {
                for _ in 0..=self.chance.below(3) {
                    self.clients.record(&self.process.log, now);
                }
                "record"
            }
            12..16 => {
                self.clients.decide(&self.process.log, &mut self.chance, now);
                "decide"
            }
            16..19 => {
                self.clients.look(&self.process.log, &mut self.chance);
                "look"
            }
            19..22 => {
                self.clients.append_on_what_was_seen(&self.process.log, &mut self.chance, now);
                "append on what was seen"
            }
            22 => {
                self.clients.append(&self.process.log, now);
                "append"
            }
            23..26 => {
                let ms = self.chance.below(20_000);
                self.pass(ms);
                "time passes"
            }
            26 => {
                let ms = self.chance.below(3_600_000);
                self.pass(ms);
                "an hour passes"
            }
            27 => {
                // Changes that wait have stamps of before; no one puts these right.
                (0..3).for_each(|_| self.write());
                let step = self.chance.below(7_200_000) as i64 - 3_600_000;
                let mut clock = self.clock.lock().unwrap();
                clock.reading.wall_clock = clock.reading.wall_clock + Span::from_ms(step);
                "the clock is set"
            }
            28 => {
                self.world.set_full(self.chance.below(2) == 0);
                "the disk is full or not"
            }
            29 => {
                self.world.set_keeping_refused(self.chance.below(2) == 0);
                "keeping is refused or not"
            }
            30 => {
                self.process.tap.set_delayed(self.chance.below(2) == 0);
                "deliveries are late or not"
            }
            31 => {
                self.world.die_after(self.chance.below(4));
                "the process dies soon"
            }
            32 => {
                self.retain()?;
                "retention"
            }
            33 | 34 => {
                self.read()?;
                "read"
            }
            35 => {
                self.look_back()?;
                "as of a time"
            }
            36 => {
                self.close()?;
                "close"
            }
            37 => {
                self.crash()?;
                "crash"
            }
            _ => "nothing",
        };
        Ok(what)
    }

    /// Lets the log go on, and checks its promises.
    fn go_on(&mut self) -> Result<(), String> {
        self.pass(self.chance.0 % 400);
        if self.chance.below(4) > 0 {
            self.write();
        }
        if self.chance.below(3) > 0 {
            self.fold();
        }
        if self.world.is_dead() {
            return self.crash();
        }
        self.check()
    }

    fn check(&mut self) -> Result<(), String> {
        self.history.take(self.process.tap.heard())?;
        let view = self.process.log.view();
        if self.checked.as_ref().is_none_or(|checked| !Arc::ptr_eq(checked, &view)) {
            self.history.check_view(&view)?;
            self.checked = Some(view);
        }
        self.clients.hear(&mut self.history, &self.process.log)?;
        if self.world.plant() == Some(Plant::GapForgotten) {
            self.process.log.recorder.forget_gap();
        }
        self.history.check_losses(self.clients.lost, self.process.log.recorder.pending_losses())
    }

    /// Everything that is durable, kept: nothing if that is refused now.
    fn kept(&mut self) -> Option<Arc<Tap>> {
        self.process.tap.set_delayed(false);
        self.write();
        self.fold();
        let tap = self.process.tap.clone();
        tap.keep(self.now().instant?, true).is_all.then_some(tap)
    }

    fn read(&mut self) -> Result<(), String> {
        let Some(tap) = self.kept() else { return Ok(()) };
        self.history.take(tap.heard())?;
        match tap.events_after(0) {
            Ok(events) => self.history.check_kept(events),
            // The database is closed for a moment, or the process is dead.
            Err(_) => Ok(()),
        }
    }

    fn look_back(&mut self) -> Result<(), String> {
        let Some(tap) = self.kept() else { return Ok(()) };
        self.history.take(tap.heard())?;
        let whole = self.history.time();
        let back = self.chance.below(7_200_000);
        let at = self.now().reading.wall_clock - Span::from_ms(back as i64);
        match retention::view_at(&*tap, &Rules::default(), &whole, at) {
            Ok(view) => self.history.check_past(&view, at),
            Err(_) => Ok(()),
        }
    }

    fn retain(&mut self) -> Result<(), String> {
        let Some(tap) = self.kept() else { return Ok(()) };
        let lived = self.history.time().lived_until(self.now().reading.wall_clock);
        let keep = Span::from_ms(self.chance.below(3_600_000) as i64);
        // It fails while the disk does.
        let _ = retention::thin(&*tap, &Rules::default(), lived - keep, 1 + self.chance.below(5));
        self.read()
    }

    /// Closes the log as a process does that is asked to end, and opens it again.
    fn close(&mut self) -> Result<(), String> {
        self.process.tap.set_delayed(false);
        self.process.log.recorder.stop();
        while self.process.writer.step(None) {}
        self.process.writer.finish();
        self.fold();
        if !self.world.is_dead() {
            self.check()?;
            self.process.fold.finish();
        }
        self.world.crash(&mut self.chance);
        self.open_again()
    }

    fn crash(&mut self) -> Result<(), String> {
        self.world.crash(&mut self.chance);
        self.open_again()
    }

    fn open_again(&mut self) -> Result<(), String> {
        // What comes of this process from now on is heard by nobody.
        self.clients.hang_up();
        self.process.tap.close();
        self.process = open(&mut self.world, &self.clock).map_err(|error| error.to_string())?;
        let events = self.process.tap.events_after(0).map_err(|error| error.to_string())?;
        self.history.begin_again(events)?;
        self.check()
    }

    /// The end: every disk is well, and nothing is left to be said.
    fn end(&mut self) -> Result<(), String> {
        self.world.set_full(false);
        self.world.set_keeping_refused(false);
        self.process.tap.set_delayed(false);
        for _ in 0..4 {
            self.pass(2_000);
            self.write();
            self.fold();
            if self.world.is_dead() {
                self.crash()?;
            }
            self.check()?;
        }
        if self.process.log.recorder.pending_losses() > 0 {
            return Err("losses are not said in the log although the disk is well".to_owned());
        }
        self.read()?;
        self.close()?;
        self.read()
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

/// Plays seeds for as long as the environment says, or `seeds` of them.
fn play_seeds(seeds: u64, play: impl Fn(u64) -> Result<(), String>) {
    let first = number("LANDFALL_TEST_SEED").unwrap_or(1);
    let seconds = number("LANDFALL_TEST_SIMULATION_SECONDS");
    let (began, mut count) = (Instant::now(), 0);
    while seconds.map_or(count < seeds, |seconds| began.elapsed() < Duration::from_secs(seconds)) {
        play(first + count).unwrap_or_else(|what| panic!("{what}"));
        count += 1;
    }
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

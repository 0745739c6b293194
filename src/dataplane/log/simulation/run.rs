//! A run in progress: one machine, one process at a time, its clients, and the history of what it said.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::Chance;
use super::clients::Clients;
use super::history::History;
use super::world::{Tap, World};
use crate::clock::{Clock, ClockReading, SetClock};
use crate::log::counters::Counters;
use crate::log::engine::Engine;
use crate::log::fold::Fold;
use crate::log::memory::Plant;
use crate::log::recorder::Writer;
use crate::log::{Log, OpenError, View, retention};
use crate::model::deployments::Rules;
use crate::model::time::{Span, Time};

/// Observations that may wait: a few, for they take memory at each opening.
const QUEUE_ENTRIES_MAX: usize = 256;
/// A process that has the log open.
struct Process {
    log: Log,
    writer: Writer,
    fold: Fold,
    tap: Arc<Tap>,
}

/// A run in progress.
pub(super) struct Run<W> {
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
    let (log, writer, mut fold, _) =
        Log::assemble(engine, rules, counters, Clock::of(clock.clone()), QUEUE_ENTRIES_MAX)?;
    fold.set_snapshot_events(9);
    Ok(Process { log, writer, fold, tap })
}

impl<W: World> Run<W> {
    pub(super) fn new(seed: u64, mut world: W) -> Result<Self, String> {
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
    pub(super) fn step(&mut self) -> Result<&'static str, String> {
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
    pub(super) fn go_on(&mut self) -> Result<(), String> {
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
        // Nobody hears this process from now on.
        self.clients.hang_up();
        self.process.tap.close();
        self.process = open(&mut self.world, &self.clock).map_err(|error| error.to_string())?;
        let events = self.process.tap.events_after(0).map_err(|error| error.to_string())?;
        self.history.begin_again(events)?;
        self.check()
    }

    /// The end: every disk is well, and nothing is left to be said.
    pub(super) fn end(&mut self) -> Result<(), String> {
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

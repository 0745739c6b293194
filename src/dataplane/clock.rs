//! Reads the time of day, and detects steps of the clock. No other module reads it.

#[cfg(test)]
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::model::log_time::Step;
use crate::model::time::{Span, Time};

/// Smallest step; smaller differences are within the jitter of the log.
const STEP_MIN: Span = Span::from_secs(2);

/// Longest time between reading the two clocks.
const READ_TIME_MAX: Span = Span::from_ms(50);

/// Time after a step in which stamps from before it may still arrive.
const STALE_STAMPS_FOR: Span = Span::from_secs(60);

/// Distance from the last check beyond which a stamp may lie behind a step.
const STAMP_DISTANCE_MAX: Span = Span::from_secs(1);

/// This machine's time of day.
pub fn now() -> Time {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// A handle to the time: this machine's clocks, or in tests those that a test sets.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    #[cfg(test)]
    set: Option<Arc<Mutex<SetClock>>>,
}

/// Clocks under a test's control.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct SetClock {
    pub(crate) reading: ClockReading,
    /// The real one where none is set.
    pub(crate) instant: Option<Instant>,
}

impl Clock {
    /// Clocks that a test sets.
    #[cfg(test)]
    pub(crate) fn of(set: Arc<Mutex<SetClock>>) -> Self {
        Self { set: Some(set) }
    }

    #[cfg(test)]
    fn set(&self) -> Option<SetClock> {
        self.set.as_ref().map(|set| *set.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The time that passes evenly.
    pub fn instant(&self) -> Instant {
        #[cfg(test)]
        if let Some(instant) = self.set().and_then(|set| set.instant) {
            return instant;
        }
        Instant::now()
    }

    /// The time of day.
    pub fn now(&self) -> Time {
        #[cfg(test)]
        if let Some(set) = self.set() {
            return set.reading.wall_clock;
        }
        now()
    }

    /// A monitor of these clocks, see [`ClockMonitor::start`].
    pub fn monitor(&self, last_stamp: Option<Time>) -> ClockMonitor {
        let clock = self.clone();
        ClockMonitor::with_clocks(move || clock.reading(), last_stamp)
    }

    fn reading(&self) -> ClockReading {
        #[cfg(test)]
        if let Some(set) = self.set() {
            return set.reading;
        }
        ClockReading::now()
    }
}

/// Both clocks at the same moment.
#[derive(Clone, Copy, Debug)]
pub struct ClockReading {
    /// Time of day, which can be set.
    pub wall_clock: Time,
    /// Time since the machine's start, asleep or awake, which cannot be set.
    pub uptime: Span,
}

impl ClockReading {
    /// Reads both clocks. Repeats if the process was stopped in between.
    pub fn now() -> Self {
        loop {
            let before = uptime();
            let wall_clock = now();
            let uptime = uptime();
            if uptime - before <= READ_TIME_MAX {
                return Self { wall_clock, uptime };
            }
        }
    }
}

/// Time since the machine's start, asleep or awake.
#[cfg(target_os = "linux")]
fn uptime() -> Span {
    let ran = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Span::from_ms(ran.tv_sec.saturating_mul(1000).saturating_add(ran.tv_nsec / 1_000_000))
}

/// Time since the process's start, which is the best this system offers.
#[cfg(not(target_os = "linux"))]
fn uptime() -> Span {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    Span::from_ms(i64::try_from(START.elapsed().as_millis()).unwrap_or(i64::MAX))
}

/// Detects steps of the clock: wall-clock time that passes differently from uptime.
pub struct ClockMonitor {
    read: Box<dyn FnMut() -> ClockReading + Send>,
    last: ClockReading,
    /// The latest step, and the uptime at its detection.
    stepped: Option<(Span, Span)>,
}

impl ClockMonitor {
    /// Starts monitoring this machine's clock. `last_stamp` is the latest time in the log; if the clock is
    /// earlier, it was set back, and the first check reports that.
    pub fn start(last_stamp: Option<Time>) -> Self {
        Self::with_clocks(ClockReading::now, last_stamp)
    }

    /// Monitors the clocks that `read` reads.
    pub(crate) fn with_clocks(
        read: impl FnMut() -> ClockReading + Send + 'static,
        last_stamp: Option<Time>,
    ) -> Self {
        let mut read: Box<dyn FnMut() -> ClockReading + Send> = Box::new(read);
        let mut last = read();
        last.wall_clock = last.wall_clock.max(last_stamp.unwrap_or(last.wall_clock));
        Self { read, last, stepped: None }
    }

    /// Checks the clock. Returns its step since the last check, if there was one.
    pub fn check(&mut self) -> Option<Step> {
        let now = (self.read)();
        let by = now.wall_clock.since(self.last.wall_clock + (now.uptime - self.last.uptime));
        self.last = now;
        if by.ms().unsigned_abs() < STEP_MIN.ms().unsigned_abs() {
            return None;
        }
        self.stepped = Some((by, now.uptime));
        Some(Step { at: now.wall_clock, by, is_measured: true })
    }

    /// Reverts a check, so that the next one reports the step again.
    pub fn undo_step(&mut self, by: Span) {
        self.last.wall_clock = self.last.wall_clock - by;
        self.stepped = self.stepped.filter(|_| by == Span::default());
    }

    /// Tells whether a stamp is so far from the last check that the clock may have stepped in between.
    pub fn may_span_step(&self, at: Time) -> bool {
        distance(at, self.last.wall_clock) > STAMP_DISTANCE_MAX.ms().unsigned_abs()
    }

    /// Corrects a stamp that was taken before the latest step and arrives after it.
    pub fn corrected(&self, at: Time) -> Time {
        let Some((by, since)) = self.stepped else { return at };
        let is_fresh = self.last.uptime - since <= STALE_STAMPS_FOR;
        let is_older =
            is_fresh && distance(at + by, self.last.wall_clock) < distance(at, self.last.wall_clock);
        if is_older { at + by } else { at }
    }
}

fn distance(one: Time, other: Time) -> u64 {
    one.since(other).ms().unsigned_abs()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Clocks under a test's control: time of day and uptime, in seconds.
    #[derive(Clone, Default)]
    struct Clocks(Arc<Mutex<(i64, i64)>>);

    impl Clocks {
        fn watch(&self, last_stamp: Option<Time>) -> ClockMonitor {
            let clocks = self.clone();
            let read = move || {
                let (wall_clock, ran) = *clocks.0.lock().unwrap();
                ClockReading { wall_clock: at(wall_clock), uptime: Span::from_secs(ran) }
            };
            ClockMonitor::with_clocks(read, last_stamp)
        }

        fn pass(&self, wall_clock: i64, ran: i64) {
            let mut clocks = self.0.lock().unwrap();
            *clocks = (clocks.0 + wall_clock, clocks.1 + ran);
        }
    }

    fn at(seconds: i64) -> Time {
        Time::from_ms(1_800_000_000_000) + Span::from_secs(seconds)
    }

    fn step(watch: &mut ClockMonitor) -> Option<i64> {
        watch.check().map(|step| step.by.ms() / 1000)
    }

    #[test]
    fn time_that_passes_is_no_step_and_a_step_is_seen_once() {
        let clocks = Clocks::default();
        let mut watch = clocks.watch(None);
        for (wall_clock, ran, seen) in [
            (5, 5, None),
            (90_000, 90_000, None),
            (-7_195, 5, Some(-7_200)),
            (5, 5, None),
            (3_605, 5, Some(3_600)),
            (6, 5, None),
        ] {
            clocks.pass(wall_clock, ran);
            assert_eq!(step(&mut watch), seen, "{wall_clock} {ran}");
        }
    }

    #[test]
    fn a_clock_that_is_earlier_than_the_log_was_set_back() {
        let clocks = Clocks::default();
        let mut watch = clocks.watch(Some(at(86_400)));
        assert_eq!((step(&mut watch), step(&mut watch)), (Some(-86_400), None));
        assert_eq!(step(&mut clocks.watch(Some(at(-86_400)))), None, "silence");
    }

    #[test]
    fn a_step_that_could_not_be_written_is_seen_again() {
        let clocks = Clocks::default();
        let mut watch = clocks.watch(None);
        clocks.pass(-60, 1);
        let by = watch.check().unwrap().by;
        watch.undo_step(by);
        clocks.pass(1, 1);
        assert_eq!(step(&mut watch), Some(-61));
    }

    #[test]
    fn what_was_stamped_before_a_step_is_put_right() {
        for by in [-7_200, 7_200] {
            let clocks = Clocks::default();
            let mut watch = clocks.watch(None);
            assert!(!watch.may_span_step(at(1)) && watch.may_span_step(at(by)));
            clocks.pass(by + 10, 10);
            watch.check();
            assert_eq!(watch.corrected(at(9)), at(by + 9), "by the clock before");
            assert_eq!(watch.corrected(at(by + 10)), at(by + 10), "by the clock after");
            clocks.pass(100, 100);
            watch.check();
            assert_eq!(watch.corrected(at(109)), at(109), "nothing takes so long");
        }
    }

    #[test]
    fn this_machine_s_clocks_run() {
        let mut watch = ClockMonitor::start(None);
        assert_eq!(step(&mut watch), None);
    }
}

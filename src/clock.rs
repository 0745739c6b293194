//! The one place where the time of day is read, and where a step of the clock is noticed.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::log_time::Step;
use crate::model::time::{Span, Time};

/// A step of less than this is none: it is within the jitter of the log.
const STEP_MIN: Span = Span::from_secs(2);

/// Longest time between reading the one clock and the other.
const GLANCE: Span = Span::from_ms(50);

/// For so long after a step there may be stamps that were made before it.
const UNDER_WAY: Span = Span::from_secs(60);

/// Further than this from the last look, a stamp may tell of a step.
const ODD: Span = Span::from_secs(1);

/// This machine's time of day.
pub fn now() -> Time {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Time::from_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// The time of day, which can be set.
    pub told: Time,
    /// Time that the machine has run, asleep or awake, which cannot.
    pub ran: Span,
}

impl Reading {
    /// Both clocks now. A process that was stopped between the two looks again.
    pub fn now() -> Self {
        loop {
            let before = ran();
            let told = now();
            let ran = ran();
            if ran - before <= GLANCE {
                return Self { told, ran };
            }
        }
    }
}

/// Time that this machine has run, asleep or awake.
#[cfg(target_os = "linux")]
fn ran() -> Span {
    let ran = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Span::from_ms(ran.tv_sec.saturating_mul(1000).saturating_add(ran.tv_nsec / 1_000_000))
}

/// Time that this process has run, as well as this system tells.
#[cfg(not(target_os = "linux"))]
fn ran() -> Span {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    Span::from_ms(i64::try_from(START.elapsed().as_millis()).unwrap_or(i64::MAX))
}

/// Notices that the clock was set: its time passes otherwise than the machine's.
pub struct Watch {
    read: Box<dyn FnMut() -> Reading + Send>,
    last: Reading,
    /// The latest step, and when it was noticed.
    stepped: Option<(Span, Span)>,
}

impl Watch {
    /// A watch over this machine's clock. One that says less than `last_told`, which is in the log, was set back while
    /// nobody watched: the first look says so.
    pub fn begin(last_told: Option<Time>) -> Self {
        Self::over(Reading::now, last_told)
    }

    /// As `begin`, over clocks that `read` reads.
    pub(crate) fn over(read: impl FnMut() -> Reading + Send + 'static, last_told: Option<Time>) -> Self {
        let mut read: Box<dyn FnMut() -> Reading + Send> = Box::new(read);
        let mut last = read();
        last.told = last.told.max(last_told.unwrap_or(last.told));
        Self { read, last, stepped: None }
    }

    /// Looks at the clock. Returns its step since the last look, if there was one.
    pub fn look(&mut self) -> Option<Step> {
        let now = (self.read)();
        let by = now.told.since(self.last.told + (now.ran - self.last.ran));
        self.last = now;
        if by.ms().unsigned_abs() < STEP_MIN.ms().unsigned_abs() {
            return None;
        }
        self.stepped = Some((by, now.ran));
        Some(Step { at: now.told, by, is_measured: true })
    }

    /// Takes a look back: the next one finds the step again.
    pub fn unsee(&mut self, by: Span) {
        self.last.told = self.last.told - by;
        self.stepped = self.stepped.filter(|_| by == Span::default());
    }

    /// Whether a stamp is so far from the last look that the clock may have stepped since.
    pub fn is_odd(&self, at: Time) -> bool {
        distance(at, self.last.told) > ODD.ms().unsigned_abs()
    }

    /// A stamp by the clock as it is. What was under way at a step was stamped before it, and may be handed over after it.
    pub fn put_right(&self, at: Time) -> Time {
        let Some((by, since)) = self.stepped else { return at };
        let is_fresh = self.last.ran - since <= UNDER_WAY;
        let is_older = is_fresh && distance(at + by, self.last.told) < distance(at, self.last.told);
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

    /// Clocks that a test sets: the time of day, and how long the machine has run, in seconds.
    #[derive(Clone, Default)]
    struct Clocks(Arc<Mutex<(i64, i64)>>);

    impl Clocks {
        fn watch(&self, last_told: Option<Time>) -> Watch {
            let clocks = self.clone();
            let read = move || {
                let (told, ran) = *clocks.0.lock().unwrap();
                Reading { told: at(told), ran: Span::from_secs(ran) }
            };
            Watch::over(read, last_told)
        }

        fn pass(&self, told: i64, ran: i64) {
            let mut clocks = self.0.lock().unwrap();
            *clocks = (clocks.0 + told, clocks.1 + ran);
        }
    }

    fn at(seconds: i64) -> Time {
        Time::from_ms(1_800_000_000_000) + Span::from_secs(seconds)
    }

    fn step(watch: &mut Watch) -> Option<i64> {
        watch.look().map(|step| step.by.ms() / 1000)
    }

    #[test]
    fn time_that_passes_is_no_step_and_a_step_is_seen_once() {
        let clocks = Clocks::default();
        let mut watch = clocks.watch(None);
        for (told, ran, seen) in [
            (5, 5, None),
            (90_000, 90_000, None),
            (-7_195, 5, Some(-7_200)),
            (5, 5, None),
            (3_605, 5, Some(3_600)),
            (6, 5, None),
        ] {
            clocks.pass(told, ran);
            assert_eq!(step(&mut watch), seen, "{told} {ran}");
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
        let by = watch.look().unwrap().by;
        watch.unsee(by);
        clocks.pass(1, 1);
        assert_eq!(step(&mut watch), Some(-61));
    }

    #[test]
    fn what_was_stamped_before_a_step_is_put_right() {
        for by in [-7_200, 7_200] {
            let clocks = Clocks::default();
            let mut watch = clocks.watch(None);
            assert!(!watch.is_odd(at(1)) && watch.is_odd(at(by)));
            clocks.pass(by + 10, 10);
            watch.look();
            assert_eq!(watch.put_right(at(9)), at(by + 9), "by the clock before");
            assert_eq!(watch.put_right(at(by + 10)), at(by + 10), "by the clock after");
            clocks.pass(100, 100);
            watch.look();
            assert_eq!(watch.put_right(at(109)), at(109), "nothing takes so long");
        }
    }

    #[test]
    fn this_machine_s_clocks_run() {
        let mut watch = Watch::begin(None);
        assert_eq!(step(&mut watch), None);
    }
}

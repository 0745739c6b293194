//! Steps of the clock: they are in the log where they happened, and make nothing older.

use super::disks::{failing_disk, until_healthy};
use super::*;
use crate::clock::{ClockReading, SetClock};
use crate::model::log_time::LogTime;

/// A machine's clocks, which begin at 0.
#[derive(Clone)]
struct Clocks(Arc<Mutex<SetClock>>);

impl Default for Clocks {
    fn default() -> Self {
        let reading = ClockReading { wall_clock: Time::from_ms(0), uptime: Span::default() };
        Self(Arc::new(Mutex::new(SetClock { reading, instant: None })))
    }
}

impl Clocks {
    /// A log on this machine.
    fn open(&self, dir: &Path) -> Log {
        start(Store::open(dir).unwrap(), Clock::of(self.0.clone()), 2_048, |disk| disk)
    }

    fn now(&self) -> Time {
        self.0.lock().unwrap().reading.wall_clock
    }

    /// Lets time pass.
    fn pass(&self, minutes: i64) {
        let reading = &mut self.0.lock().unwrap().reading;
        reading.wall_clock = reading.wall_clock + Span::from_mins(minutes);
        reading.uptime = reading.uptime + Span::from_mins(minutes);
    }

    /// Sets the clock.
    fn step(&self, minutes: i64) {
        let reading = &mut self.0.lock().unwrap().reading;
        reading.wall_clock = reading.wall_clock + Span::from_mins(minutes);
    }

    /// Somebody pulls the image `number` now.
    async fn pull(&self, log: &Log, number: u64) {
        let observation = Observation { at: self.now(), ..observation(number) };
        assert_eq!(log.record(observation).durable(&long()).await, Durability::Durable);
    }
}

/// The view, once everything that is durable is in it.
async fn whole(log: &Log) -> Arc<View> {
    let last = log.events().unwrap().last().map_or(0, |entry| entry.unwrap().0);
    while log.view().applied < last {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    log.view()
}

/// The steps in the log, in minutes, each with its place.
fn steps(log: &Log) -> Vec<(usize, i64)> {
    let step = |(place, event)| match event {
        Event::ClockStepped { by_ms, .. } => Some((place, by_ms / 60_000)),
        _ => None,
    };
    stored(log).into_iter().enumerate().filter_map(step).collect()
}

#[tokio::test]
async fn a_step_of_the_clock_is_recorded_before_what_comes_after_it() {
    let (dir, clocks) = (tempfile::tempdir().unwrap(), Clocks::default());
    let log = clocks.open(dir.path());
    for (minutes, number) in [(0, 1), (1_440, 2), (-1_440, 3), (7, 4)] {
        clocks.step(minutes);
        clocks.pull(&log, number).await;
        clocks.pass(30);
    }
    assert_eq!(steps(&log), [(1, 1_440), (3, -1_440), (5, 7)]);
    let (view, mut time) = (whole(&log).await, LogTime::default());
    let line: Vec<i64> = stored(&log).iter().map(|event| time.take(event).ms() / 60_000).collect();
    assert_eq!(line, [0, 30, 30, 60, 60, 90, 90], "time passed as it passed");
    assert_eq!(view.state.time().steps().count(), 3);
    log.close();
    let log = clocks.open(dir.path());
    assert_eq!(log.view().state.time(), view.state.time(), "a snapshot has it, too");
}

#[tokio::test]
async fn a_step_is_recorded_although_nobody_pulls() {
    let (dir, clocks) = (tempfile::tempdir().unwrap(), Clocks::default());
    let log = clocks.open(dir.path());
    clocks.pull(&log, 1).await;
    clocks.step(-60);
    while log.view().state.time().steps().next().is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_clock_that_was_set_back_while_nothing_ran_is_noticed_at_the_start() {
    let (dir, clocks) = (tempfile::tempdir().unwrap(), Clocks::default());
    let log = clocks.open(dir.path());
    clocks.pass(1_440);
    clocks.pull(&log, 1).await;
    log.close();
    clocks.step(-1_440);
    let log = clocks.open(dir.path());
    clocks.pull(&log, 2).await;
    assert_eq!(steps(&log), [(1, -1_440)]);
    assert_eq!(whole(&log).await.state.last_at(), Some(Time::from_ms(0)));
}

#[tokio::test]
async fn what_was_under_way_when_the_clock_was_set_is_written_with_the_time_that_it_was() {
    let (dir, clocks) = (tempfile::tempdir().unwrap(), Clocks::default());
    let log = clocks.open(dir.path());
    clocks.pull(&log, 1).await;
    clocks.step(-60);
    clocks.pull(&log, 2).await;
    // By the clock before the step.
    let late = Observation { at: Time::from_ms(0), ..observation(3) };
    assert_eq!(log.record(late).durable(&long()).await, Durability::Durable);
    let times: Vec<i64> = stored(&log).iter().map(|event| event.at().ms() / 60_000).collect();
    assert_eq!(times, [0, -60, -60, -60]);
}

#[tokio::test]
async fn a_step_that_could_not_be_written_is_recorded_when_the_disk_is_well() {
    let (dir, clocks) = (tempfile::tempdir().unwrap(), Clocks::default());
    let full = failing_disk::Full::default();
    let store = Store::open(dir.path()).unwrap();
    let log = start(store, Clock::of(clocks.0.clone()), 2_048, failing_disk::failing(&full));
    clocks.pull(&log, 1).await;
    full.set(true);
    clocks.step(-60);
    let lost = Observation { at: Time::from_ms(-3_600_000), ..observation(2) };
    assert_eq!(log.record(lost).durable(&long()).await, Durability::Lost);
    full.set(false);
    until_healthy(&log).await;
    while log.view().state.time().steps().next().is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let recorded: Vec<i64> = steps(&log).iter().map(|(_, minutes)| *minutes).collect();
    assert_eq!(recorded, [-60], "once");
}

/// However the clock is set, beyond what is kept or not, while a server runs or not: nothing becomes older by that.
#[tokio::test]
async fn a_step_of_the_clock_beyond_what_is_kept_removes_nothing() {
    let (year, keep) = (365 * 1_440, Span::from_mins(7 * 1_440));
    for (while_it_runs, minutes) in [(true, year), (true, -year), (false, year), (false, -year)] {
        let (dir, clocks) = (tempfile::tempdir().unwrap(), Clocks::default());
        let log = clocks.open(dir.path());
        log.append(created("production")).await.unwrap();
        for number in 0..5 {
            clocks.pull(&log, number).await;
            clocks.pass(1_440);
        }
        let log = if while_it_runs {
            clocks.step(minutes);
            log
        } else {
            log.close();
            clocks.step(minutes);
            clocks.open(dir.path())
        };
        let thin = async |log: &Log| {
            let until = whole(log).await.state.time().lived_until(clocks.now()) - keep;
            // The environment alone is one event.
            retention::thin(log.recorder.kept().unwrap(), &Rules::default(), until, 2).unwrap()
        };
        assert_eq!(thin(&log).await, 0, "{minutes}: nothing came yet");
        clocks.pull(&log, 5).await;
        assert_eq!(thin(&log).await, 0, "{minutes}");
        // Time that passes removes what is old.
        for number in 6..10 {
            clocks.pass(1_440);
            clocks.pull(&log, number).await;
        }
        assert!(thin(&log).await > 0, "{minutes}");
    }
}

//! The line at each kind of step, and the times that people are shown of it.

use super::*;

const HOUR: Span = Span::from_mins(60);

fn at(minutes: i64) -> Time {
    Time::from_ms(1_772_431_200_000) + Span::from_mins(minutes)
}

/// A log with observations at these minutes of the clock.
fn log(minutes: &[i64]) -> LogTime {
    let mut time = LogTime::default();
    minutes.iter().for_each(|&minute| {
        time.observed(at(minute));
    });
    time
}

#[test]
fn without_a_step_the_line_is_the_clock() {
    let mut time = LogTime::default();
    for minute in [0, 5, 700, 800_000] {
        assert_eq!(time.observed(at(minute)), at(minute));
        assert_eq!(time.shown(at(minute)), at(minute));
    }
    // Jitter is no step.
    let late = at(800_000) - Span::from_secs(9);
    assert_eq!(time.observed(late), late);
    assert_eq!((time.now(at(800_001)), time.steps().count()), (at(800_001), 0));
}

#[test]
fn a_step_back_that_the_order_shows_takes_no_time_and_changes_none() {
    let mut time = log(&[120, 125]);
    assert_eq!(time.observed(at(30)), at(125), "the line stands still");
    assert_eq!(time.observed(at(40)), at(135), "and goes on as the clock does");
    assert_eq!(time.now(at(50)), at(145));
    // An event before the step is not shown later than one after it.
    assert_eq!([at(120), at(125), at(135)].map(|line| time.shown(line)), [at(30), at(30), at(40)]);
    let steps: Vec<Step> = time.steps().collect();
    assert_eq!(steps, [Step { at: at(30), by: Span::from_mins(-95), is_measured: false }]);
}

#[test]
fn across_a_recorded_step_time_passes_as_it_passed() {
    let mut ahead = log(&[0, 10]);
    ahead.stepped(at(20 + 600), HOUR + Span::from_mins(540));
    assert_eq!(ahead.observed(at(25 + 600)), at(25));
    assert_eq!(ahead.shown(at(25)), at(25 + 600), "people are shown what the clock says");
    assert_eq!(ahead.shown(at(10)), at(10));
    ahead.stepped(at(30), Span::from_mins(-600));
    assert_eq!(ahead.observed(at(35)), at(35));
    assert_eq!(ahead.shown(at(25)), at(30), "not later than the step back");
    assert_eq!(ahead.shown(at(10)), at(10));
}

#[test]
fn a_clock_that_was_behind_is_put_right_by_the_step_that_ended_it() {
    // The machine starts without a battery, hours of history before it, and NTP sets the clock in two steps.
    let mut time = log(&[0, 100]);
    time.observed(at(-30_000_000));
    time.stepped(at(-30_000_001), Span::from_mins(-2));
    time.observed(at(-30_000_000));
    time.stepped(at(205), Span::from_mins(30_000_203));
    time.observed(at(210));
    assert_eq!([at(0), at(100)].map(|line| time.shown(line)), [at(0), at(100)], "history stays where it was");
    assert_eq!(time.last_shown(), Some(at(210)));
    let behind = time.stretches[1].from;
    assert!(time.shown(behind) >= at(100) && time.shown(behind) <= at(205), "{}", time.shown(behind));
}

#[test]
fn a_machine_that_was_paused_for_days_has_the_history_that_it_had() {
    let mut time = log(&[0, 100]);
    time.stepped(at(101 + 4_000), Span::from_mins(4_000));
    assert_eq!(time.observed(at(102 + 4_000)), at(102));
    assert_eq!([at(0), at(100), at(102)].map(|line| time.shown(line)), [at(0), at(100), at(4_102)]);
}

#[test]
fn a_question_is_asked_on_the_line_also_before_the_log_knows_of_a_step() {
    let time = log(&[0, 1_440]);
    assert_eq!(time.now(at(10)), at(1_440), "set back, and nothing came yet");
    assert_eq!(time.now(at(1_450)), at(1_450));
}

#[test]
fn a_silence_makes_nothing_older_by_more_than_a_day() {
    let year = 365 * 24 * 60;
    assert_eq!(log(&[0, 60]).lived(), HOUR);
    assert_eq!(log(&[0, 60, year]).lived(), HOUR + SILENCE_MAX);
    assert_eq!(log(&[0, 60, year, 120]).lived(), HOUR + SILENCE_MAX, "set back: no time passed");
    assert_eq!(log(&[0, 60]).lived_until(at(90)), Span::from_mins(90));
    assert_eq!(log(&[0, 60]).lived_until(at(year)), HOUR + SILENCE_MAX);
    assert_eq!(log(&[0, 60]).lived_until(at(-year)), HOUR);
}

#[test]
fn steps_are_bounded() {
    let mut time = log(&[0]);
    for step in 0..10 * i64::try_from(STEPS_MAX).unwrap() {
        time.observed(at(-100 * step));
    }
    assert_eq!(time.steps().count(), STEPS_MAX);
}

#[test]
fn any_times_are_taken() {
    let extremes = [i64::MIN, i64::MAX, 0, -1, 1, i64::MAX, i64::MIN];
    let mut time = LogTime::default();
    for ms in extremes {
        time.observed(Time::from_ms(ms));
        time.stepped(Time::from_ms(ms), Span::from_ms(ms));
        for asked in extremes {
            time.shown(time.now(Time::from_ms(asked)));
        }
    }
}

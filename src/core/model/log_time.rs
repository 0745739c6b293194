//! The log's own time: what the clock said, in the log's order, without the clock's steps.
//!
//! Order is the log's. A clock that steps says of what comes later that it was earlier, or that a day passed within a
//! second. So what is folded is put on a line of its own, on which time passes as it passed: from step to step the line
//! runs as the clock does, across a step that was recorded it goes on as if there had been none, and across one that
//! only the order shows it stands still, for nobody knows how long that took. While the clock does not step, the line
//! is the clock's.
//!
//! People are shown the clock's time again ([`LogTime::shown`]). The later clock is believed: nothing is shown later
//! than what came after it, and a stretch in which the clock was behind, and which a step forward ended, is shown as
//! much later.

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::time::{Span, Time};

/// Observations may stand in the log in another order than that of their times, by at most this on a machine that is
/// short of breath. An earlier event was stamped by a clock that was set back.
pub(crate) const JITTER_MAX: Span = Span::from_secs(10);

/// The most that a silence counts as time that the log lived through: a clock that was set ahead while nobody ran is
/// a silence, too.
const SILENCE_MAX: Span = Span::from_mins(24 * 60);

/// Steps that are told apart; beyond them the oldest goes.
const STEPS_MAX: usize = 256;

/// The log's own time, as far as the log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogTime {
    stretches: Vec<Stretch>,
    /// The latest observation's time, on the line.
    furthest: Option<Time>,
    /// The time that passed since the first observation, long silences cut.
    lived: Span,
    /// Time by which an observation may be behind the latest one without a step of the clock, where that is more than
    /// [`JITTER_MAX`]: several machines write the log.
    lateness: Span,
}

/// From one step of the clock to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stretch {
    /// Its beginning, on the line.
    from: Time,
    /// The clock's time there.
    clock_at: Time,
    /// The step that began it.
    by: Span,
    /// It was measured; else the order of the log showed it, and it was at least as far.
    is_measured: bool,
    /// The time by which the clock was behind, as it turned out later.
    behind: Span,
}

/// A step of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The time of the step, by the clock after it.
    pub at: Time,
    /// The length of the step; back where it is negative.
    pub by: Span,
    /// It was measured; else the order of the log showed it, and it was at least as far.
    pub is_measured: bool,
}

impl Stretch {
    /// The place on the line when the clock says `at`.
    fn line(&self, at: Time) -> Time {
        self.from + at.since(self.clock_at)
    }

    /// The time of a right clock at `line`, as far as it is known.
    fn clock(&self, line: Time) -> Time {
        self.clock_at + self.behind + line.since(self.from)
    }
}

impl LogTime {
    /// The time before the first event, of a log in which observations may be behind by `lateness` ([`Rules`]).
    ///
    /// [`Rules`]: super::deployments::Rules::lateness
    pub fn new(lateness: Span) -> Self {
        Self { lateness, ..Self::default() }
    }

    /// Takes the log's next event into account. Returns its time on the line.
    pub fn take(&mut self, event: &Event) -> Time {
        match event {
            Event::Observed(observation) => self.observed(observation.at),
            Event::ClockStepped { at, by_ms } => {
                self.stepped(*at, Span::from_ms(*by_ms));
                self.of(*at)
            }
            Event::Learned { .. }
            | Event::Gap { .. }
            | Event::Acted(_)
            | Event::Refused { .. }
            | Event::LeftOut(_)
            | Event::Reported(_)
            | Event::CaughtUp { .. } => self.of(event.at()),
        }
    }

    /// Takes an observation into account that the clock puts at `at`. Returns its time on the line. Observations alone
    /// show a step: what administrators change may stand before observations that were made earlier.
    pub fn observed(&mut self, at: Time) -> Time {
        let mut time = self.of(at);
        let Some(furthest) = self.furthest else {
            if self.stretches.is_empty() {
                self.begin(at, at, Span::default(), false);
            }
            self.furthest = Some(time);
            return time;
        };
        if furthest.since(time) > JITTER_MAX.max(self.lateness) {
            self.begin(furthest, at, time.since(furthest), false);
            time = furthest;
        }
        let passed = time.since(furthest).clamp(Span::default(), SILENCE_MAX);
        self.lived = self.lived + passed;
        self.furthest = Some(furthest.max(time));
        time
    }

    /// Takes a step of the clock by `by` into account, after which it said `at`.
    pub fn stepped(&mut self, at: Time, by: Span) {
        let Some(last) = self.stretches.last() else { return self.begin(at, at, by, true) };
        let here = last.line(at - by);
        // Within the jitter a step may be logged behind what came after it.
        let from = here.max(last.from);
        if by > Span::default() {
            self.was_behind(at, by);
        }
        self.begin(from, at + from.since(here), by, true);
    }

    /// A step ahead by `by`, past what the clock had said before it stepped back, tells that it was behind in between.
    fn was_behind(&mut self, at: Time, by: Span) {
        let left_at = |before: &Stretch, after: &Stretch| before.clock(after.from);
        let first = self.stretches.windows(2).position(|pair| {
            let left_at = left_at(&pair[0], &pair[1]);
            at - by < left_at && left_at <= at
        });
        for stretch in self.stretches.iter_mut().skip(first.map_or(usize::MAX, |first| first + 1)) {
            stretch.behind = stretch.behind + by;
        }
    }

    fn begin(&mut self, from: Time, clock_at: Time, by: Span, is_measured: bool) {
        if self.stretches.len() == STEPS_MAX {
            self.stretches.remove(0);
        }
        self.stretches.push(Stretch { from, clock_at, by, is_measured, behind: Span::default() });
    }

    /// The place on the line of an event that the clock put at `at`, and that is the next in the log.
    pub fn of(&self, at: Time) -> Time {
        self.stretches.last().map_or(at, |last| last.line(at))
    }

    /// The place on the line of a question when the clock says `now`. A clock that is earlier than the log was set back, and
    /// the log does not know yet.
    pub fn now(&self, now: Time) -> Time {
        let time = self.of(now);
        self.furthest.filter(|furthest| furthest.since(time) > JITTER_MAX).unwrap_or(time)
    }

    /// The time that people are shown for `line`.
    pub fn shown(&self, line: Time) -> Time {
        let place = self.stretches.partition_point(|stretch| stretch.from < line).saturating_sub(1);
        let Some((stretch, later)) = self.stretches.get(place..).and_then(<[Stretch]>::split_first) else {
            return line;
        };
        later.iter().map(|later| later.clock(later.from)).fold(stretch.clock(line), Time::min)
    }

    /// The latest observation's time, on the line.
    pub fn furthest(&self) -> Option<Time> {
        self.furthest
    }

    /// The latest observation's time by the present clock: one that says less was set back.
    pub fn last_shown(&self) -> Option<Time> {
        self.furthest.map(|furthest| self.shown(furthest))
    }

    /// The time that the log lived through from its first observation to its latest. A silence counts for a day at
    /// most, so a clock that is a year ahead makes nothing older by more than that.
    pub fn lived(&self) -> Span {
        self.lived
    }

    /// The same until the clock says `now`.
    pub fn lived_until(&self, now: Time) -> Span {
        let silence = self.furthest.map(|furthest| self.now(now).since(furthest)).unwrap_or_default();
        self.lived + silence.clamp(Span::default(), SILENCE_MAX)
    }

    /// The clock's steps, the latest last.
    pub fn steps(&self) -> impl DoubleEndedIterator<Item = Step> {
        let stepped = self.stretches.iter().filter(|stretch| stretch.by != Span::default());
        stepped.map(|it| Step { at: it.clock_at, by: it.by, is_measured: it.is_measured })
    }
}

#[cfg(test)]
mod tests;

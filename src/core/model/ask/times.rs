//! Times in a question: `since Monday`, `last week`, `on May 13 at 10:30`, `before the rollback`. All in UTC.

mod days;
mod meaning;
mod read;
mod units;
mod unread;

use jiff::Timestamp;
use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;

use super::question::Range;
use super::words::Word;
use super::world::World;
use crate::model::time::{Span as Length, Time};
pub(super) use meaning::Resolved;
use meaning::{Meaning, instant};
use read::{event, read};
pub(super) use unread::unread;

/// A time that a question means.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    side: Side,
    meaning: Meaning,
}

/// On which side of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    In,
    Since,
    Before,
}

impl Moment {
    /// As points in time; none if something is meant that never was.
    pub(super) fn resolve(self, environment: Option<&str>, world: &World<'_>) -> Option<Resolved> {
        let meant = match self.meaning {
            Meaning::Stretch(stretch) => stretch,
            Meaning::Rollback(day) => {
                instant((world.latest_rollback)(environment).filter(|at| is_of(*at, day))?)
            }
            Meaning::Deployment(day) => {
                instant((world.latest_deployment)(environment).filter(|at| is_of(*at, day))?)
            }
        };
        let Range { from, to } = meant.range;
        let instant = |from| Resolved { range: Range { from, to: from }, instant: true };
        Some(
            match self.side {
                Side::In => meant,
                Side::Since => Resolved { range: Range { from, to: world.now }, instant: false },
                Side::Before => instant(just_before(from)),
            }
            .within(to),
        )
    }

    /// Tells whether it is a point in time, and no stretch.
    pub(super) fn is_instant(self) -> bool {
        self.side == Side::Before
            || matches!(
                (self.side, self.meaning),
                (Side::In, Meaning::Stretch(Resolved { instant: true, .. }))
            )
    }

    /// Its name if it never was.
    pub(super) fn event(self) -> Option<&'static str> {
        match self.meaning {
            Meaning::Stretch(_) => None,
            Meaning::Rollback(_) => Some("the rollback"),
            Meaning::Deployment(_) => Some("the deployment"),
        }
    }
}

/// The last moment before `at`.
pub(super) fn just_before(at: Time) -> Time {
    at - Length::from_ms(1)
}

/// Takes the time out of `words`, if they have one.
pub(super) fn take(words: &mut [Word], world: &World<'_>) -> Option<Moment> {
    let now = civil(world.now)?;
    for start in 0..words.len() {
        let texts: Vec<&str> = words[start..].iter().map(|word| word.text.as_str()).collect();
        let mut texts = texts;
        let before = start.checked_sub(1).map(|at| words[at].text.clone()).unwrap_or_default();
        let two_before = start.checked_sub(2).map(|at| words[at].text.clone()).unwrap_or_default();
        // `in the last week` is of seven days, `last week` ended on Sunday.
        let is_past = before == "the" && ["in", "over", "within", "during", "for"].contains(&&*two_before);
        if let Some(first @ &mut "last") = texts.first_mut()
            && is_past
        {
            *first = "past";
        }
        // `may` and `march` are months where a time is expected.
        let placed =
            ["in", "since", "during", "of", "until", "before", "after", "last"].contains(&before.as_str());
        let (side, lead) = match side(&two_before, &before) {
            // `since I left on Friday`
            (Side::In, lead) if words[..start].iter().any(|word| word.text == "since") => (Side::Since, lead),
            said => said,
        };
        // `the last rollback` is a time only behind `before` or `since`.
        let event = event(&texts, now).filter(|_| side != Side::In);
        let Some((meaning, length)) = event.or_else(|| read(&texts, now, placed)) else { continue };
        words[start - lead..start + length].iter_mut().for_each(|word| word.taken = true);
        return Some(Moment { side, meaning });
    }
    None
}

/// The stretch or the moment that all of `texts` name together.
pub(super) fn whole_range(texts: &[&str], now: Time) -> Option<Range> {
    match read(texts, civil(now)?, true)? {
        (Meaning::Stretch(found), length) if length == texts.len() => Some(found.range),
        _ => None,
    }
}

/// The meaning of the words before a time, and their number.
fn side(two_before: &str, before: &str) -> (Side, usize) {
    match (two_before, before) {
        (_, "since" | "after" | "from") => (Side::Since, 1),
        ("since" | "after", "the" | "last") => (Side::Since, 2),
        (_, "before" | "until" | "till") => (Side::Before, 1),
        ("before" | "until", "the" | "last") => (Side::Before, 2),
        ("as", "of" | "at") => (Side::In, 2),
        ("in" | "during" | "within" | "over" | "for" | "on" | "at", "the") => (Side::In, 2),
        (_, "on" | "in" | "at" | "during" | "of" | "within" | "over" | "for") => (Side::In, 1),
        _ => (Side::In, 0),
    }
}

fn is_of(at: Time, day: Option<Range>) -> bool {
    day.is_none_or(|day| (day.from..day.to).contains(&at))
}

fn civil(at: Time) -> Option<DateTime> {
    let at = Timestamp::from_millisecond(at.ms()).ok()?;
    Some(TimeZone::UTC.to_datetime(at)).filter(|now| now.date() > date(1970, 1, 2))
}

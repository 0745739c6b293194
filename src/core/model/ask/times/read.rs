//! A time at the beginning of some words.

use jiff::civil::{Date, DateTime, Time as Clock};
use jiff::{Span, Timestamp, ToSpan};

use super::days::{clock, day, part_of_day};
use super::meaning::{Meaning, Resolved, instant, stretch, time};
use super::units::{dated, month, number, quantity};
use crate::model::time::Time;

/// Words that say `the latest`, before an event.
const ARTICLES: [&str; 6] = ["the", "last", "latest", "that", "this", "most"];

/// A time at the beginning of `texts`, and how many words it has. `placed`: a time is expected there.
pub(super) fn read(texts: &[&str], now: DateTime, placed: bool) -> Option<(Meaning, usize)> {
    let first = *texts.first()?;
    if let Ok(at) = first.to_uppercase().parse::<Timestamp>() {
        return Some((Meaning::Stretch(instant(Time::from_ms(at.as_millisecond()))), 1));
    }
    if let Ok(at) = first.to_uppercase().parse::<DateTime>()
        && first.contains('t')
    {
        return Some((Meaning::Stretch(instant(time(at)?)), 1));
    }
    if let Some((from, to, length)) = between(texts, now).or_else(|| end_of(texts, now)) {
        return Some((
            Meaning::Stretch(if from == to { instant(time(from)?) } else { stretch(from, to)? }),
            length,
        ));
    }
    if let Some((at, length)) = ago(texts, now) {
        return Some((Meaning::Stretch(instant(time(at)?)), length));
    }
    if let Some((day, length)) = day(texts, now) {
        return Some(match (clock(&texts[length..]), part_of_day(&texts[length..])) {
            (Some((at, more)), _) => (Meaning::Stretch(instant(time(day.to_datetime(at))?)), length + more),
            (None, Some((from, to, more))) => match clock(&texts[length + more..]) {
                // `yesterday morning at 8`
                Some((at, last)) => {
                    (Meaning::Stretch(instant(time(within(day, from, at)?)?)), length + more + last)
                }
                None => (Meaning::Stretch(part(day, from, to, now)?), length + more),
            },
            (None, None) => {
                (Meaning::Stretch(stretch(midnight(day), midnight(day.tomorrow().ok()?))?), length)
            }
        });
    }
    if let Some((from, to, length)) = period(texts, now, placed) {
        if let Some((at, more)) =
            clock(&texts[length..]).and_then(|(at, more)| Some((inside(from, to, at)?, more)))
        {
            return Some((Meaning::Stretch(instant(time(at)?)), length + more));
        }
        return Some((Meaning::Stretch(stretch(from, to)?), length));
    }
    // A time of day alone is today's, or yesterday's if today's is still to come.
    let is_named = ["noon", "midnight", "lunch", "lunchtime"].contains(&first);
    let (at, length) = clock(texts).filter(|(_, length)| *length > 1 || first.contains(':') || is_named)?;
    // `at noon yesterday`, `10:30 on May 13`, `9am this morning`
    let joint = length + usize::from(texts.get(length) == Some(&"on"));
    if let Some((day, more)) = texts.get(joint..).and_then(|rest| day(rest, now)) {
        return Some((Meaning::Stretch(instant(time(day.to_datetime(at))?)), joint + more));
    }
    let today = now.date().to_datetime(at);
    let more = match texts.get(length..) {
        Some(["today", ..]) => 1,
        Some(["this", word, ..]) if part_of_day(&[word]).is_some() => 2,
        _ => 0,
    };
    let at = if today > now { today.checked_sub(1.day()).ok()? } else { today };
    Some((Meaning::Stretch(instant(time(at)?)), length + more))
}

fn midnight(day: Date) -> DateTime {
    day.to_datetime(Clock::midnight())
}

/// The hour that is said of a part of a day: `evening at 8` is 20:00.
fn within(day: Date, from: i8, at: Clock) -> Option<DateTime> {
    let is_of_noon = from >= 12 && at.hour() < 12;
    let hours = if is_of_noon { 12 } else { 0 };
    day.to_datetime(at).checked_add(hours.hours()).ok()
}

/// The moment of a stretch of a day at most that has this time of day: `last night at 23:00`, `last night at 11`.
fn inside(from: DateTime, to: DateTime, at: Clock) -> Option<DateTime> {
    let first = from.date().to_datetime(at);
    let later = [0, 12, 24].into_iter().filter_map(|hours| first.checked_add(hours.hours()).ok());
    let is_short = from.checked_add(24.hours()).is_ok_and(|end| to <= end);
    later.into_iter().find(|at| is_short && (from..to).contains(at))
}

/// A part of a day, as far as it has passed; its end may be of the next one.
fn part(day: Date, from: i8, to: i8, now: DateTime) -> Option<Resolved> {
    let end = if to > from { day.at(to, 0, 0, 0) } else { day.tomorrow().ok()?.at(to, 0, 0, 0) };
    stretch(day.at(from, 0, 0, 0), end.min(now))
}

/// `the rollback`, `the last deployment`: one that is known.
pub(super) fn event(texts: &[&str], now: DateTime) -> Option<(Meaning, usize)> {
    let articles = texts.iter().take_while(|word| ARTICLES.contains(word) || **word == "recent").count();
    // `Monday's rollback`
    let of_day = day(&texts[articles..], now);
    let length = articles + of_day.map_or(0, |(_, length)| length);
    // `the rollback on Monday`
    let behind = texts.get(length + 1).filter(|word| of_day.is_none() && ["on", "of", "from"].contains(word));
    let later = behind.and_then(|_| day(&texts[length + 2..], now));
    let of_day = of_day.or(later);
    let more = later.map_or(0, |(_, length)| length + 1);
    let of_day = match of_day {
        Some((day, _)) => Some(stretch(midnight(day), midnight(day.tomorrow().ok()?))?.range),
        None => None,
    };
    let meaning = match *texts.get(length).filter(|_| length > 0)? {
        "rollback" | "roll-back" | "revert" => Meaning::Rollback(of_day),
        "deployment" | "deploy" | "rollout" => Meaning::Deployment(of_day),
        _ => return None,
    };
    Some((meaning, length + 1 + more))
}

/// `between May 1 and May 10`, `from Monday to Wednesday`: with both ends; `between 10:00 and 12:00`.
fn between(texts: &[&str], now: DateTime) -> Option<(DateTime, DateTime, usize)> {
    let joints: &[&str] = match *texts.first()? {
        "between" => &["and"],
        "from" => &["to", "until", "till", "through"],
        _ => return None,
    };
    let (from, _, first) = edges(&texts[1..], now)?;
    let joint = 1 + first;
    texts.get(joint).filter(|word| joints.contains(word))?;
    let (_, to, second) = edges(&texts[joint + 1..], now)?;
    (from < to).then_some((from, to, joint + 1 + second))
}

/// The first and the last moment of a day, or of a time of day.
fn edges(texts: &[&str], now: DateTime) -> Option<(DateTime, DateTime, usize)> {
    if let Some((day, length)) = day(texts, now) {
        return Some(match clock(&texts[length..]) {
            Some((at, more)) => (day.to_datetime(at), day.to_datetime(at), length + more),
            None => (midnight(day), midnight(day.tomorrow().ok()?), length),
        });
    }
    let (at, length) = clock(texts).or_else(|| {
        // `between 10 and 12`
        let hour: i8 = texts.first()?.parse().ok()?;
        Some((Clock::new(hour, 0, 0, 0).ok()?, 1))
    })?;
    let (day, more) = match texts.get(length) {
        Some(&"today") => (now.date(), 1),
        Some(&"yesterday") => (now.date().yesterday().ok()?, 1),
        _ => (now.date(), 0),
    };
    Some((day.to_datetime(at), day.to_datetime(at), length + more))
}

/// `the end of August`, `the beginning of this week`: a moment.
fn end_of(texts: &[&str], now: DateTime) -> Option<(DateTime, DateTime, usize)> {
    let article = usize::from(texts.first() == Some(&"the"));
    let is_end = match *texts.get(article)? {
        "end" => true,
        "beginning" | "start" => false,
        _ => return None,
    };
    let rest = texts.get(article + 1..).filter(|rest| rest.first() == Some(&"of"))?;
    let the = usize::from(rest.get(1) == Some(&"the"));
    let rest = &rest[1 + the..];
    let (from, to, length) = match day(rest, now) {
        Some((day, length)) => (midnight(day), midnight(day.tomorrow().ok()?), length),
        None if the == 1 => {
            let of_this: Vec<&str> = std::iter::once("this").chain(rest.iter().copied()).collect();
            let (from, to, length) = period(&of_this, now, true)?;
            (from, to, length - 1)
        }
        None => period(rest, now, true)?,
    };
    let at = if is_end { to.checked_sub(1.millisecond()).ok()?.min(now) } else { from };
    Some((at, at, article + 2 + the + length))
}

/// `3 days ago`, `an hour ago`, `24h ago`.
fn ago(texts: &[&str], now: DateTime) -> Option<(DateTime, usize)> {
    let (length, words) = quantity(texts)?;
    ["ago", "back", "earlier"].contains(texts.get(words)?).then_some(())?;
    Some((now.checked_sub(length).ok()?, words + 1))
}

/// A stretch that has a name: `this week`, `last month`, `past 24 hours`, `today`, `in April`.
fn period(texts: &[&str], now: DateTime, placed: bool) -> Option<(DateTime, DateTime, usize)> {
    let today = now.date();
    let monday = today.checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days()).ok()?;
    let first = today.first_of_month();
    let quarter = Date::new(today.year(), (today.month() - 1) / 3 * 3 + 1, 1).ok()?;
    let january = today.first_of_year();
    let back = |span: Span| now.checked_sub(span).ok();
    let before = |day: Date, span: Span| day.checked_sub(span).ok().map(midnight);
    let (one, two) = (*texts.first()?, texts.get(1).copied().unwrap_or_default());
    Some(match (one, two) {
        ("today", _) => (midnight(today), now, 1),
        ("this" | "tonight", "morning" | "afternoon" | "evening") => (midnight(today), now, 2),
        ("tonight", _) => (midnight(today), now, 1),
        ("last", "night") | ("overnight", _) => {
            let evening = today.yesterday().ok()?.at(18, 0, 0, 0);
            (evening, today.at(6, 0, 0, 0), if one == "last" { 2 } else { 1 })
        }
        ("night", "before") if texts.get(2) == Some(&"last") => {
            let day = today.checked_sub(2.days()).ok()?;
            (day.at(18, 0, 0, 0), day.tomorrow().ok()?.at(6, 0, 0, 0), 3)
        }
        ("this" | "current", "week") => (midnight(monday), now, 2),
        ("last" | "previous", "week") => (before(monday, 1.week())?, midnight(monday), 2),
        ("this" | "current", "month") => (midnight(first), now, 2),
        ("last" | "previous", "month") => (before(first, 1.month())?, midnight(first), 2),
        ("this" | "current", "quarter") => (midnight(quarter), now, 2),
        ("last" | "previous", "quarter") => (before(quarter, 3.months())?, midnight(quarter), 2),
        ("this" | "current", "year") => (midnight(january), now, 2),
        ("last" | "previous", "year") => (before(january, 1.year())?, midnight(january), 2),
        ("this" | "last" | "past", "weekend") => (before(monday, 2.days())?, midnight(monday), 2),
        ("weekend", _) => (before(monday, 2.days())?, midnight(monday), 1),
        ("last" | "past" | "previous", _) if quantity(&texts[1..]).is_some() => {
            let (span, length) = quantity(&texts[1..])?;
            (back(span)?, now, 1 + length)
        }
        ("last" | "past", "hour" | "day") => (back(quantity(&["one", two])?.0)?, now, 2),
        ("past", _) => (back(quantity(&["one", two])?.0)?, now, 2),
        ("last", "fortnight") => (back(2.weeks())?, now, 2),
        _ if is_quantity_of_several(texts) => {
            let (span, length) = quantity(texts)?;
            (back(span)?, now, length)
        }
        _ => {
            // `February 30` is no month.
            let is_day = |text: &str| text.parse::<i16>().is_ok_and(|number| number < 1970);
            let month = month(one).filter(|_| !is_day(two)).filter(|_| {
                placed || (one != "may" && one != "march" && one != "mar") || two.parse::<i16>().is_ok()
            })?;
            let year = two.parse::<i16>().ok().filter(|year| *year > 1970);
            let length = if year.is_some() { 2 } else { 1 };
            let first = dated(year, month, 1, today)?;
            (midnight(first), midnight(first.checked_add(1.month()).ok()?).min(now), length)
        }
    })
}

/// `3 days`, `24h`: so much time, which is the last so much.
fn is_quantity_of_several(texts: &[&str]) -> bool {
    let units = ["hours", "days", "weeks", "months", "minutes"];
    match texts {
        [one, two, ..] if number(one).is_some() && units.contains(two) => true,
        [one, ..] => {
            let digits = one.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            !digits.is_empty() && digits.len() < one.len() && quantity(&[one]).is_some()
        }
        [] => false,
    }
}

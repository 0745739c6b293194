//! Times in a question: `since Monday`, `last week`, `on May 13 at 10:30`, `before the rollback`. All in UTC.

use jiff::civil::{Date, DateTime, Time as Clock, Weekday, date};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};

use super::question::Range;
use super::words::Word;
use super::world::World;
use crate::model::time::{Span as Length, Time};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const NUMBERS: [&str; 13] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
];

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

#[derive(Clone, Copy, Debug)]
enum Meaning {
    Stretch(Resolved),
    Rollback,
}

/// A stretch of time, or a moment in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resolved {
    pub(super) range: Range,
    /// Only its first moment is meant.
    pub(super) instant: bool,
}

impl Moment {
    /// As points in time; none if a rollback is meant that never was.
    pub(super) fn resolve(self, environment: Option<&str>, world: &World<'_>) -> Option<Resolved> {
        let meant = match self.meaning {
            Meaning::Stretch(stretch) => stretch,
            Meaning::Rollback => {
                let at = (world.latest_rollback)(environment)?;
                Resolved { range: Range { from: at, to: at + Length::from_ms(1) }, instant: true }
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
}

impl Resolved {
    /// Nothing is empty by accident: a range that ends before it begins is its first moment.
    fn within(self, to: Time) -> Self {
        if self.range.to < self.range.from && !self.instant {
            return Self { range: Range { from: self.range.from, to }, instant: self.instant };
        }
        self
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
        let before = start.checked_sub(1).map(|at| words[at].text.clone()).unwrap_or_default();
        let two_before = start.checked_sub(2).map(|at| words[at].text.clone()).unwrap_or_default();
        // `may` and `march` are months where a time is expected.
        let placed =
            ["in", "since", "during", "of", "until", "before", "after", "last"].contains(&before.as_str());
        let Some((meaning, length)) = read(&texts, now, placed) else { continue };
        let (side, lead) = side(&two_before, &before);
        // `the last rollback` is a time only behind `before` or `since`.
        if matches!(meaning, Meaning::Rollback) && side == Side::In {
            continue;
        }
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

/// What the words before a time say about it, and how many they are.
fn side(two_before: &str, before: &str) -> (Side, usize) {
    match (two_before, before) {
        (_, "since" | "after" | "from") => (Side::Since, 1),
        ("since" | "after", "the" | "last") => (Side::Since, 2),
        (_, "before" | "until" | "till") => (Side::Before, 1),
        ("before" | "until", "the" | "last") => (Side::Before, 2),
        (_, "on" | "in" | "at" | "during" | "of" | "within" | "over" | "for") => (Side::In, 1),
        ("in" | "during" | "within" | "over" | "for", "the") => (Side::In, 2),
        _ => (Side::In, 0),
    }
}

/// A time at the beginning of `texts`, and how many words it has.
fn read(texts: &[&str], now: DateTime, placed: bool) -> Option<(Meaning, usize)> {
    let first = *texts.first()?;
    let article = usize::from(["the", "last", "latest"].contains(&first));
    let event = texts.get(article).copied().unwrap_or_default();
    if ["rollback", "roll-back", "revert"].contains(&event) && article == 1 {
        return Some((Meaning::Rollback, 2));
    }
    if let Ok(at) = first.to_uppercase().parse::<Timestamp>() {
        return Some((Meaning::Stretch(instant(Time::from_ms(at.as_millisecond()))), 1));
    }
    if let Ok(at) = first.to_uppercase().parse::<DateTime>()
        && first.contains('t')
    {
        return Some((Meaning::Stretch(instant(time(at)?)), 1));
    }
    if let Some((from, to, length)) = between(texts, now) {
        return Some((Meaning::Stretch(stretch(from, to)?), length));
    }
    if let Some((at, length)) = ago(texts, now) {
        return Some((Meaning::Stretch(instant(time(at)?)), length));
    }
    if let Some((day, length)) = day(texts, now) {
        return Some(match clock(&texts[length..]) {
            Some((at, more)) => (Meaning::Stretch(instant(time(day.to_datetime(at))?)), length + more),
            None => (Meaning::Stretch(whole(day, day.tomorrow().ok()?)?), length),
        });
    }
    if let Some((from, to, length)) = period(texts, now, placed) {
        return Some((Meaning::Stretch(stretch(from, to)?), length));
    }
    // A time of day alone is today's, or yesterday's if today's is still to come.
    let (at, length) =
        clock(texts).filter(|(_, length)| *length > 1 || first.contains(':') || first == "noon")?;
    // `at noon yesterday`, `10:30 on May 13`
    let joint = length + usize::from(texts.get(length) == Some(&"on"));
    if let Some((day, more)) = texts.get(joint..).and_then(|rest| day(rest, now)) {
        return Some((Meaning::Stretch(instant(time(day.to_datetime(at))?)), joint + more));
    }
    let today = now.date().to_datetime(at);
    let at = if today > now { today.checked_sub(1.day()).ok()? } else { today };
    Some((Meaning::Stretch(instant(time(at)?)), length))
}

/// `between May 1 and May 10`, `from Monday to Wednesday`: with both ends.
fn between(texts: &[&str], now: DateTime) -> Option<(DateTime, DateTime, usize)> {
    let joints: &[&str] = match *texts.first()? {
        "between" => &["and"],
        "from" => &["to", "until", "till", "through"],
        _ => return None,
    };
    let (from, first) = day(&texts[1..], now)?;
    let joint = 1 + first;
    texts.get(joint).filter(|word| joints.contains(word))?;
    let (to, second) = day(&texts[joint + 1..], now)?;
    Some((
        from.to_datetime(Clock::midnight()),
        to.tomorrow().ok()?.to_datetime(Clock::midnight()),
        joint + 1 + second,
    ))
}

/// `3 days ago`, `an hour ago`.
fn ago(texts: &[&str], now: DateTime) -> Option<(DateTime, usize)> {
    let count = number(texts.first()?)?;
    let length = unit(texts.get(1)?, count)?;
    (texts.get(2) == Some(&"ago")).then_some(())?;
    Some((now.checked_sub(length).ok()?, 3))
}

/// A stretch that has a name: `this week`, `last month`, `past 24 hours`, `today`, `in April`.
fn period(texts: &[&str], now: DateTime, placed: bool) -> Option<(DateTime, DateTime, usize)> {
    let today = now.date();
    let midnight = |day: Date| day.to_datetime(Clock::midnight());
    let monday = today.checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days()).ok()?;
    let first = today.first_of_month();
    let back = |span: Span| now.checked_sub(span).ok();
    let (one, two) = (*texts.first()?, texts.get(1).copied().unwrap_or_default());
    let three = texts.get(2).copied().unwrap_or_default();
    Some(match (one, two) {
        ("today", _) => (midnight(today), now, 1),
        ("this", "morning" | "afternoon" | "evening") => (midnight(today), now, 2),
        ("tonight", _) => (midnight(today), now, 1),
        ("last", "night") | ("overnight", _) => {
            let evening = today.yesterday().ok()?.at(18, 0, 0, 0);
            (evening, today.at(6, 0, 0, 0), if one == "last" { 2 } else { 1 })
        }
        ("this", "week") => (midnight(monday), now, 2),
        ("last" | "previous", "week") => (midnight(monday.checked_sub(1.week()).ok()?), midnight(monday), 2),
        ("this", "month") => (midnight(first), now, 2),
        ("last" | "previous", "month") => (midnight(first.checked_sub(1.month()).ok()?), midnight(first), 2),
        ("this", "year") => (midnight(today.first_of_year()), now, 2),
        ("last" | "previous", "year") => {
            (midnight(today.first_of_year().checked_sub(1.year()).ok()?), midnight(today.first_of_year()), 2)
        }
        ("this" | "last", "weekend") => {
            let saturday = monday.checked_sub(2.days()).ok()?;
            (midnight(saturday), midnight(monday), 2)
        }
        ("last" | "past" | "previous", _) if number(two).is_some() => {
            (back(unit(three, number(two)?)?)?, now, 3)
        }
        ("last" | "past", "hour" | "day") => (back(unit(two, 1)?)?, now, 2),
        ("past", _) => (back(unit(two, 1)?)?, now, 2),
        _ if number(one).is_some() && ["hours", "days", "weeks", "months", "minutes"].contains(&two) => {
            (back(unit(two, number(one)?)?)?, now, 2)
        }
        _ => {
            let month = month(one).filter(|_| {
                placed || (one != "may" && one != "march" && one != "mar") || two.parse::<i16>().is_ok()
            })?;
            let year = two.parse::<i16>().ok().filter(|year| *year > 1970);
            let length = if year.is_some() { 2 } else { 1 };
            let first = dated(year, month, 1, today)?;
            (midnight(first), midnight(first.checked_add(1.month()).ok()?).min(now), length)
        }
    })
}

/// A day: `yesterday`, `last Friday`, `2026-05-13`, `May 13`, `13th of May 2026`, `13.5.`.
fn day(texts: &[&str], now: DateTime) -> Option<(Date, usize)> {
    let today = now.date();
    let word = |at: usize| texts.get(at).copied().unwrap_or_default();
    if word(0) == "yesterday" {
        return Some((today.yesterday().ok()?, 1));
    }
    if word(0) == "the" && word(1) == "day" && word(2) == "before" && word(3) == "yesterday" {
        return Some((today.checked_sub(2.days()).ok()?, 4));
    }
    if word(0) == "today" && clock(texts.get(1..)?).is_some() {
        return Some((today, 1));
    }
    let skip = usize::from(["last", "this", "past", "on"].contains(&word(0)));
    if let Some(weekday) = weekday(word(skip)) {
        let back = (7 + i64::from(today.weekday().to_monday_zero_offset())
            - i64::from(weekday.to_monday_zero_offset()))
            % 7;
        let back = if back == 0 && word(0) == "last" { 7 } else { back };
        return Some((today.checked_sub(back.days()).ok()?, skip + 1));
    }
    if let Ok(day) = word(0).parse::<Date>() {
        return Some((day, 1));
    }
    if let Some(day) = dotted(word(0), today) {
        return Some((day, 1));
    }
    // `May 13`, `13 May`, `13th of May`, each with or without a year.
    let is_ordinal = |text: &str| text.ends_with(['t', 'd', 'h']);
    let (month, of_month, length) = if let (Some(month), Some(day)) = (month(word(0)), ordinal(word(1))) {
        (month, day, 2)
    } else if let (Some(day), Some(month)) = (ordinal(word(0)), month(word(1))) {
        (month, day, 2)
    } else if let (Some(day), "of", Some(month)) = (ordinal(word(0)), word(1), month(word(2))) {
        (month, day, 3)
    } else if let ("the", Some(day)) = (word(0), ordinal(word(1)).filter(|_| is_ordinal(word(1)))) {
        let first = if day > today.day() { today.first_of_month().yesterday().ok()? } else { today };
        (first.month(), day, 2)
    } else {
        return None;
    };
    let year = word(length).parse::<i16>().ok().filter(|year| *year > 1970);
    Some((dated(year, month, of_month, today)?, length + usize::from(year.is_some())))
}

/// `13.5.`, `13.05.2026`, `5/13`, `5/13/2026`.
fn dotted(text: &str, today: Date) -> Option<Date> {
    let (separator, day_first) = if text.contains('/') { ('/', false) } else { ('.', true) };
    let parts: Vec<i16> =
        text.trim_end_matches('.').split(separator).map(str::parse).collect::<Result<_, _>>().ok()?;
    let (a, b, year) = match parts[..] {
        [a, b] if !day_first => (a, b, None),
        [a, b, year] if year > 1970 => (a, b, Some(year)),
        _ => return None,
    };
    let (month, day) = if day_first { (b, a) } else { (a, b) };
    dated(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?, today)
}

/// The day of that month; without a year the last one that is not to come.
fn dated(year: Option<i16>, month: i8, day: i8, today: Date) -> Option<Date> {
    let this_year = Date::new(year.unwrap_or(today.year()), month, day).ok()?;
    if year.is_none() && this_year > today { this_year.checked_sub(1.year()).ok() } else { Some(this_year) }
}

/// A time of day: `at 3pm`, `10:30`, `at 15`, `noon`. A bare number only behind `at`.
fn clock(texts: &[&str]) -> Option<(Clock, usize)> {
    let at = usize::from(["at", "around", "about", "by"].contains(texts.first()?));
    let text = *texts.get(at)?;
    if let Some(hour) = [("noon", 12), ("midday", 12), ("midnight", 0)].iter().find(|(name, _)| *name == text)
    {
        return Some((Clock::new(hour.1, 0, 0, 0).ok()?, at + 1));
    }
    let (digits, mut half) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(end) => (&text[..end], &text[end..]),
        None => (text, ""),
    };
    let mut length = at + 1;
    if half.is_empty()
        && let Some(next @ (&"am" | &"pm" | &"utc")) = texts.get(length)
    {
        half = next;
        length += 1;
    }
    let mut parts = digits.split(':').map(str::parse::<i8>);
    let hour = parts.next()?.ok()?;
    let minute = parts.next().unwrap_or(Ok(0)).ok()?;
    let hour = match half {
        "pm" if hour < 12 => hour + 12,
        "am" if hour == 12 => 0,
        "" if at == 0 && !digits.contains(':') => return None,
        "" | "am" | "pm" | "h" | "utc" | "z" => hour,
        _ => return None,
    };
    Some((Clock::new(hour, minute, 0, 0).ok()?, length))
}

fn month(text: &str) -> Option<i8> {
    let place =
        MONTHS.iter().position(|month| text.len() >= 3 && month.starts_with(text) && !text.is_empty());
    let place = place.or_else(|| (text == "sept").then_some(8))?;
    i8::try_from(place + 1).ok()
}

fn weekday(text: &str) -> Option<Weekday> {
    let place = DAYS
        .iter()
        .position(|day| *day == text || (text.len() >= 3 && text.len() <= 5 && day.starts_with(text)));
    Weekday::from_monday_zero_offset(i8::try_from(place?).ok()?).ok()
}

fn ordinal(text: &str) -> Option<i8> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '.');
    let ending = &text[digits.len()..];
    let day: i8 = ["", "st", "nd", "rd", "th", "."].contains(&ending).then(|| digits.parse().ok())??;
    (1..=31).contains(&day).then_some(day)
}

fn number(text: &str) -> Option<i64> {
    let named = NUMBERS.iter().position(|name| *name == text).and_then(|at| i64::try_from(at).ok());
    let some = match text {
        "a" | "an" => Some(1),
        "couple" => Some(2),
        "few" => Some(3),
        _ => text.parse().ok(),
    };
    some.or(named).filter(|count| (0..=10_000).contains(count))
}

fn unit(text: &str, count: i64) -> Option<Span> {
    let unit = text.trim_end_matches('s');
    Some(match unit {
        "minute" | "min" => count.minutes(),
        "hour" | "h" | "hr" => count.hours(),
        "day" | "d" => count.days(),
        "week" | "w" => count.weeks(),
        "month" => count.months(),
        "year" => count.years(),
        _ => return None,
    })
}

fn civil(at: Time) -> Option<DateTime> {
    let at = Timestamp::from_millisecond(at.ms()).ok()?;
    Some(TimeZone::UTC.to_datetime(at)).filter(|now| now.date() > date(1970, 1, 2))
}

fn time(at: DateTime) -> Option<Time> {
    Some(Time::from_ms(TimeZone::UTC.to_timestamp(at).ok()?.as_millisecond()))
}

fn instant(at: Time) -> Resolved {
    Resolved { range: Range { from: at, to: at }, instant: true }
}

fn whole(from: Date, to: Date) -> Option<Resolved> {
    stretch(from.to_datetime(Clock::midnight()), to.to_datetime(Clock::midnight()))
}

fn stretch(from: DateTime, to: DateTime) -> Option<Resolved> {
    Some(Resolved { range: Range { from: time(from)?, to: time(to)? }, instant: false })
}

//! Days, and times of day.

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time as Clock};

use super::units::{dated, month, ordinal, weekday};
use crate::model::ask::words::is_slip;

/// A day: `yesterday`, `last Friday`, `2026-05-13`, `May 13`, `13th of May 2026`, `13.5.`.
pub(super) fn day(texts: &[&str], now: DateTime) -> Option<(Date, usize)> {
    let today = now.date();
    let word = |at: usize| texts.get(at).copied().unwrap_or_default();
    if word(0) == "yesterday" || is_slip(word(0), "yesterday") {
        return Some((today.yesterday().ok()?, 1));
    }
    let the = usize::from(word(0) == "the");
    if word(the) == "day" && word(the + 1) == "before" && word(the + 2) == "yesterday" {
        return Some((today.checked_sub(2.days()).ok()?, the + 3));
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
    of_month(texts, today)
}

/// `May 13`, `13 May`, `13th of May`, each with or without a year; `the 13th`.
fn of_month(texts: &[&str], today: Date) -> Option<(Date, usize)> {
    // `the 3rd of September`
    let the = usize::from(texts.first() == Some(&"the"));
    if the == 1
        && let Some((day, length)) = of_month(&texts[1..], today)
    {
        return Some((day, length + 1));
    }
    let word = |at: usize| texts.get(at).copied().unwrap_or_default();
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

/// `13.5.`, `13.05.2026`, `5/13`, `5/13/2026`. One with slashes that would be to come, or is none, is read the other way around.
fn dotted(text: &str, today: Date) -> Option<Date> {
    let (separator, day_first) = if text.contains('/') { ('/', false) } else { ('.', true) };
    let parts: Vec<i16> =
        text.trim_end_matches('.').split(separator).map(str::parse).collect::<Result<_, _>>().ok()?;
    let (a, b, year) = match parts[..] {
        [a, b] if !day_first => (a, b, None),
        [a, b, year] if year > 1970 => (a, b, Some(year)),
        _ => return None,
    };
    let on = |month: i16, day: i16| dated(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?, today);
    if day_first {
        return on(b, a);
    }
    on(a, b).filter(|day| *day <= today).or_else(|| on(b, a))
}

/// The hours of a part of a day: `morning`, `in the evening`.
pub(super) fn part_of_day(texts: &[&str]) -> Option<(i8, i8, usize)> {
    let lead = if texts.starts_with(&["in", "the"]) { 2 } else { 0 };
    let (from, to) = match *texts.get(lead)? {
        "morning" => (5, 12),
        "afternoon" => (12, 18),
        "evening" => (17, 23),
        "night" => (18, 6),
        _ => return None,
    };
    Some((from, to, lead + 1))
}

/// A time of day: `at 3pm`, `10:30`, `at 15`, `noon`. A bare number only behind `at`.
pub(super) fn clock(texts: &[&str]) -> Option<(Clock, usize)> {
    let at = usize::from(["at", "around", "about", "by"].contains(texts.first()?));
    let text = *texts.get(at)?;
    if let Some(hour) = [("noon", 12), ("midday", 12), ("lunch", 12), ("lunchtime", 12), ("midnight", 0)]
        .iter()
        .find(|(name, _)| *name == text)
    {
        return Some((Clock::new(hour.1, 0, 0, 0).ok()?, at + 1));
    }
    let (digits, mut half) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(end) => (&text[..end], &text[end..]),
        None => (text, ""),
    };
    let mut length = at + 1;
    if half.is_empty()
        && let Some(next @ (&"am" | &"pm" | &"utc" | &"o'clock" | &"oclock")) = texts.get(length)
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
        "" | "am" | "pm" | "h" | "utc" | "z" | "oclock" => hour,
        _ => return None,
    };
    // `10:30 UTC`
    let zone = usize::from(half != "utc" && texts.get(length) == Some(&"utc"));
    Some((Clock::new(hour, minute, 0, 0).ok()?, length + zone))
}

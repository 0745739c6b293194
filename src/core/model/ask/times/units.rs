//! Numbers, units and names of times.

use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan};

use crate::model::ask::words::is_slip;

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

/// A month by its name or the beginning of it, perhaps with a slip.
pub(super) fn month(text: &str) -> Option<i8> {
    let begins = |month: &&str| text.len() >= 3 && month.starts_with(text);
    let place = MONTHS.iter().position(begins).or_else(|| (text == "sept").then_some(8));
    let slip = || MONTHS.iter().position(|month| month.len() >= 6 && is_slip(text, month));
    i8::try_from(place.or_else(slip)? + 1).ok()
}

/// A day of the week by its name or the beginning of it, perhaps with a slip.
pub(super) fn weekday(text: &str) -> Option<Weekday> {
    let is_begun = |day: &str| text.len() >= 3 && text.len() <= 5 && day.starts_with(text);
    // `mondays` is no slip: it is every one of them.
    let is_meant =
        |day: &&str| *day == text || is_begun(day) || (!text.ends_with("ys") && is_slip(text, day));
    let place = DAYS.iter().position(|day| *day == text).or_else(|| DAYS.iter().position(is_meant));
    Weekday::from_monday_zero_offset(i8::try_from(place?).ok()?).ok()
}

/// A day of a month: `13`, `1st`, `first`.
pub(super) fn ordinal(text: &str) -> Option<i8> {
    if text == "first" {
        return Some(1);
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '.');
    let ending = &text[digits.len()..];
    let day: i8 = ["", "st", "nd", "rd", "th", "."].contains(&ending).then(|| digits.parse().ok())??;
    (1..=31).contains(&day).then_some(day)
}

pub(super) fn number(text: &str) -> Option<i64> {
    let named = NUMBERS.iter().position(|name| *name == text).and_then(|at| i64::try_from(at).ok());
    let some = match text {
        "a" | "an" => Some(1),
        "couple" => Some(2),
        "few" => Some(3),
        _ => text.parse().ok(),
    };
    some.or(named).filter(|count| (0..=10_000).contains(count))
}

/// So much time, and its words: `3 days`, `a couple of hours`, `half an hour`, `24h`.
pub(super) fn quantity(texts: &[&str]) -> Option<(Span, usize)> {
    let first = *texts.first()?;
    if first == "half" && texts.get(1) == Some(&"an") && texts.get(2) == Some(&"hour") {
        return Some((30.minutes(), 3));
    }
    let digits = first.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    if !digits.is_empty() && digits.len() < first.len() {
        return Some((unit(&first[digits.len()..], number(digits)?)?, 1));
    }
    // `a couple of hours`, `the last few days`
    let article = usize::from(first == "a" && ["couple", "few"].contains(texts.get(1)?));
    let count = number(texts.get(article)?)?;
    let of = usize::from(texts.get(article + 1) == Some(&"of"));
    Some((unit(texts.get(article + 1 + of)?, count)?, article + 2 + of))
}

fn unit(text: &str, count: i64) -> Option<Span> {
    let unit = text.trim_end_matches('s');
    Some(match unit {
        "minute" | "min" | "m" => count.minutes(),
        "hour" | "h" | "hr" => count.hours(),
        "day" | "d" => count.days(),
        "week" | "w" | "wk" => count.weeks(),
        "fortnight" => (2 * count).weeks(),
        "month" => count.months(),
        "year" => count.years(),
        _ => return None,
    })
}

/// The day of that month; without a year the last one that is not to come.
pub(super) fn dated(year: Option<i16>, month: i8, day: i8, today: Date) -> Option<Date> {
    let this_year = Date::new(year.unwrap_or(today.year()), month, day).ok()?;
    if year.is_none() && this_year > today { this_year.checked_sub(1.year()).ok() } else { Some(this_year) }
}

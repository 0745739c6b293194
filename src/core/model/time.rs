//! Points in time and spans, in milliseconds; RFC 3339 in text.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds since the Unix epoch, UTC. RFC 3339 with milliseconds in text and JSON, an integer in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

/// A length of time in milliseconds; may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span(i64);

/// A text that is no length of time.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a length of time; write it as 90m, 24h or 7d")]
pub struct BadSpan(String);

/// A text that is no RFC 3339 timestamp.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a time; write it as 2026-03-02T06:00:48Z")]
pub struct BadTime(String);

impl Time {
    /// The time `ms` milliseconds after the Unix epoch.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// As HTTP writes it, to the second: `Sat, 28 Nov 2026 15:17:22 GMT` (RFC 9110 §5.6.7). Empty outside of the years
    /// that it can write.
    pub fn http_date(self) -> String {
        let at = jiff::Timestamp::from_millisecond(self.0).ok();
        let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
        at.and_then(|at| printer.timestamp_to_rfc9110_string(&at).ok()).unwrap_or_default()
    }

    /// Reads what [`http_date`](Self::http_date) writes; nothing for another text. RFC 9110 knows two older forms, which nobody
    /// sends any more.
    pub fn of_http_date(text: &str) -> Option<Self> {
        let at = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Some(Self(at.as_millisecond()))
    }

    /// The span from `earlier` to `self`; negative when `earlier` is later.
    pub const fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// `ms` milliseconds.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// `s` seconds.
    pub const fn from_secs(s: i64) -> Self {
        Self(s * 1000)
    }

    /// `m` minutes.
    pub const fn from_mins(m: i64) -> Self {
        Self::from_secs(m * 60)
    }

    /// Length in milliseconds.
    pub const fn ms(self) -> i64 {
        self.0
    }
}

impl Add<Span> for Time {
    type Output = Time;
    fn add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, span: Span) -> Span {
        Span(self.0.saturating_add(span.0))
    }
}

impl Sub for Span {
    type Output = Span;
    fn sub(self, span: Span) -> Span {
        Span(self.0.saturating_sub(span.0))
    }
}

impl Sub<Span> for Time {
    type Output = Time;
    fn sub(self, span: Span) -> Time {
        Time(self.0.saturating_sub(span.0))
    }
}

impl FromStr for Span {
    type Err = BadSpan;
    /// `90m`, `24h`, `7d`; a day has 24 hours.
    fn from_str(text: &str) -> Result<Self, BadSpan> {
        let length = text.parse::<jiff::Span>();
        let length = length.and_then(|span| span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()));
        let ms = length.ok().and_then(|length| i64::try_from(length.as_millis()).ok());
        ms.map(Self).ok_or_else(|| BadSpan(text.to_owned()))
    }
}

impl FromStr for Time {
    type Err = BadTime;
    fn from_str(text: &str) -> Result<Self, BadTime> {
        let at: jiff::Timestamp = text.parse().map_err(|_| BadTime(text.to_owned()))?;
        Ok(Self(at.as_millisecond()))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A time outside jiff's range (±9999 years) can only come from a damaged input; it shows as the nearest.
        let at = jiff::Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        });
        write!(f, "{at:.3}")
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

/// The time since `then`, e.g. `2 min ago`; the date where that says more.
pub fn ago(now: Time, then: Time) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let ms = now.since(then).ms();
    let seconds = ms.abs() / 1000;
    // Time to come is rounded up: a token made for 30 days ends "in 30 d", not in 29.
    let count = |unit: i64| if ms < 0 { (seconds + unit - 1) / unit } else { seconds / unit };
    let length = match seconds {
        0..=4 => return "just now".to_owned(),
        5..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", count(MINUTE)),
        HOUR..DAY => format!("{} h", count(HOUR)),
        _ if seconds < 60 * DAY => format!("{} d", count(DAY)),
        _ => return then.to_string().chars().take("2026-03-02".len()).collect(),
    };
    if ms < 0 { format!("in {length}") } else { format!("{length} ago") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_both_ways_with_milliseconds() {
        let time: Time = "2026-03-02T07:00:48.032+01:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-03-02T06:00:48.032Z");
        assert_eq!(time.since("2026-03-02T06:00:40Z".parse().unwrap()), Span::from_ms(8032));
        assert!("yesterday".parse::<Time>().is_err());
    }

    #[test]
    fn lengths_are_written_with_their_units() {
        for (text, ms) in [("90m", 5_400_000), ("24h", 86_400_000), ("7d", 604_800_000), ("250ms", 250)] {
            assert_eq!(text.parse::<Span>().unwrap(), Span::from_ms(ms), "{text}");
        }
        for text in ["", "7", "a week", "1y"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn times_are_spoken() {
        let now = Time::from_ms(1_800_000_000_000);
        let cases = [
            (0, "just now"),
            (-3, "just now"),
            (42, "42 s ago"),
            (150, "2 min ago"),
            (7_300, "2 h ago"),
            (200_000, "2 d ago"),
            (-200_000, "in 3 d"),
            (-86_400 * 30 + 1, "in 30 d"),
            (100 * 86_400, "2026-10-07"),
        ];
        for (seconds, spoken) in cases {
            assert_eq!(ago(now, now - Span::from_secs(seconds)), spoken);
        }
    }
}

//! The end of a token, as people write it and as they read it.

use std::str::FromStr;

use crate::model::time::{Span, Time};

/// A hundred years: what is longer is a slip.
const LONGEST: Span = Span::from_mins(100 * 366 * 24 * 60);

/// The end of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// After a while.
    After(Span),
    /// At a time.
    At(Time),
}

impl FromStr for Expiry {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, &'static str> {
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        let span = text.parse().ok().filter(|span| (Span::from_ms(1)..=LONGEST).contains(span));
        span.map(Self::After).ok_or("write it as 90d, 12h, 30m, 2w, or as a time like 2027-01-01T00:00:00Z")
    }
}

impl Expiry {
    /// The time, for a token that is made at `now`.
    pub fn at(self, now: Time) -> Time {
        match self {
            Self::After(span) => now + span,
            Self::At(time) => time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_a_length_or_a_time() {
        let now = Time::from_ms(0);
        let cases =
            [("90d", 90 * 86_400_000), ("12h", 12 * 3_600_000), ("30m", 1_800_000), ("2w", 14 * 86_400_000)];
        for (text, ms) in cases {
            assert_eq!(text.parse::<Expiry>().unwrap().at(now).ms(), ms, "{text}");
        }
        let at = "2027-01-01T00:00:00Z";
        assert_eq!(at.parse::<Expiry>().unwrap().at(now).to_string(), "2027-01-01T00:00:00.000Z");
        for bad in ["", "d", "0d", "-1d", "90", "90é", "1.5d", "tomorrow", "99999999999999d"] {
            assert!(bad.parse::<Expiry>().is_err(), "{bad}");
        }
    }
}

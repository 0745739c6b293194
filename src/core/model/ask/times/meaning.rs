//! The meaning of words that name a time.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::model::ask::question::Range;
use crate::model::time::Time;

/// The meaning of the words of a time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Meaning {
    Stretch(Resolved),
    /// The latest one, perhaps of this day.
    Rollback(Option<Range>),
    Deployment(Option<Range>),
}

/// A stretch of time, or a moment in it.
#[derive(Clone, Copy, Debug)]
pub(in crate::model::ask) struct Resolved {
    pub(in crate::model::ask) range: Range,
    /// Only its first moment is meant.
    pub(in crate::model::ask) instant: bool,
}

impl Resolved {
    /// Nothing is empty by accident: a range that ends before it begins is its first moment.
    pub(super) fn within(self, to: Time) -> Self {
        if self.range.to < self.range.from && !self.instant {
            return Self { range: Range { from: self.range.from, to }, instant: self.instant };
        }
        self
    }
}

/// A point in time; none out of range.
pub(super) fn time(at: DateTime) -> Option<Time> {
    Some(Time::from_ms(TimeZone::UTC.to_timestamp(at).ok()?.as_millisecond()))
}

/// One moment.
pub(super) fn instant(at: Time) -> Resolved {
    Resolved { range: Range { from: at, to: at }, instant: true }
}

/// From one point to the other; none out of range.
pub(super) fn stretch(from: DateTime, to: DateTime) -> Option<Resolved> {
    Some(Resolved { range: Range { from: time(from)?, to: time(to)? }, instant: false })
}
